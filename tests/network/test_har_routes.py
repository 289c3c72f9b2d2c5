"""Which of a file's entries answers a request."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import fetch, network
from txcdp.errors import CommandError
from txcdp.network import _har_routes
from txcdp.network._har_routes import HarReplay
from txcdp.page import Page
from txcdp.testing import FakeChrome

URL = "http://h/api"


def entry(
    body: str | None = "", method: str = "GET", posted: str | None = None, url: str = URL, **headers: str
) -> dict[str, Any]:
    """Return an entry; without a body it has failed.

    :param headers: of its request.
    """
    request: dict[str, Any] = {"method": method, "url": url, "headers": pairs(headers)}
    if posted is not None:
        request["postData"] = {"mimeType": "", "text": posted}
    content = {} if body is None else {"size": len(body), "mimeType": "text/plain", "text": body}
    return {"request": request, "response": {"status": 0 if body is None else 200, "headers": [], "content": content}}


def pairs(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]


def form(boundary: str, value: str = "b") -> str:
    """Return the body of a form with one field."""
    return f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n{value}\r\n--{boundary}--\r\n'


class HarReplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab: Page = self.chrome.run(self.browser.new_page())
        self.number = 0

    def play(self, *entries: dict[str, Any], **options: Any) -> None:
        """Answer from a file with some entries."""
        path = Path(self.mktemp())
        path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
        self.chrome.run(self.tab.route_from_har(path, **options))

    def ask(self, method: str = "GET", posted: str | None = None, url: str = URL, **headers: str) -> str:
        """Ask for something, and return the body of the answer, or what becomes of it otherwise."""
        (answer,) = self.answers(method, posted, url, **headers)
        if isinstance(answer, fetch.fulfill_request):
            return (answer.body or b"").decode()
        return "failed" if isinstance(answer, fetch.fail_request) else "went on"

    def answers(self, method: str = "GET", posted: str | None = None, url: str = URL, **headers: str) -> list[Any]:
        """Ask for something, and return the commands by which it was answered."""
        self.number += 1
        request = network.Request(
            url=url, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()},
            initial_priority="High", referrer_policy="origin", has_post_data=posted is not None, post_data=posted,
            post_data_entries=None if posted is None else [network.PostDataEntry(bytes=posted.encode())],
        )  # fmt: skip
        request_id = f"interception-job-{self.number}.0"
        event = fetch.RequestPaused(
            request_id=request_id, request=request, frame_id=self.tab.main_frame_id, resource_type="Fetch",
            network_id=f"1.{self.number}",
        )  # fmt: skip
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()
        return [
            each.command
            for each in self.chrome.commands
            if isinstance(each.command, fetch.fulfill_request | fetch.fail_request | fetch.continue_request)
            and each.command.request_id == request_id
        ]

    def test_the_same_request_has_one_answer_after_the_other_and_then_the_last(self):
        self.play(entry("first"), entry("elsewhere", url="http://h/other"), entry("second"), entry("third"))
        self.assertEqual([self.ask() for _ in range(5)], ["first", "second", "third", "third", "third"])
        self.assertEqual(self.ask(url="http://h/other"), "elsewhere")

    def test_an_answer_goes_before_a_failure_whichever_came_first(self):
        self.play(entry(None), entry("at last"), entry(None))
        self.assertEqual([self.ask(), self.ask()], ["at last", "at last"])

    def test_what_has_only_failed_fails(self):
        self.play(entry(None))
        self.assertEqual([self.ask(), self.ask()], ["failed", "failed"])

    def test_the_one_whose_headers_are_most_alike(self):
        self.play(entry("de", accept_language="de", x="1"), entry("en", accept_language="en", x="1"))
        self.assertEqual([self.ask(accept_language="en", x="1") for _ in range(2)], ["en", "en"])
        self.assertEqual(self.ask(accept_language="de", x="2"), "de")

    def test_bodies_of_requests_tell_them_apart_but_for_the_boundary_of_forms(self):
        self.play(
            entry("a", "POST", "a"),
            entry("b", "POST", "b"),
            entry("form b", "POST", form("recorded")),
            entry("form c", "POST", form("recorded", "c")),
        )
        self.assertEqual([self.ask("POST", "b"), self.ask("POST", "a"), self.ask("POST", "none")], ["b", "a", "failed"])
        self.assertEqual(self.ask("POST", form("of-today", "c")), "form c")
        self.assertEqual(self.ask("POST", form("of-today")), "form b")
        self.assertEqual(self.ask("POST", form("of-today", "d")), "failed")

    def test_what_is_not_there_fails_or_goes_on(self):
        self.play(entry("there"))
        self.assertEqual([self.ask("PUT"), self.ask(url=f"{URL}?a")], ["failed", "failed"])
        self.chrome.run(self.tab.unroute_all())
        self.play(entry("there"), not_found="fallback")
        self.assertEqual([self.ask(), self.ask("PUT")], ["there", "went on"])

    def test_what_cannot_be_given_fails_and_does_not_reach_the_network(self):
        def answer(**response: Any) -> dict[str, Any]:
            made = entry("x")
            made["response"] |= response
            return made

        self.play(
            answer(content={"_file": "gone"}),
            answer(content={"_file": "../../../../etc/passwd"}),
            answer(content={"_file": "a\0"}),
            answer(content={"text": "a", "encoding": "base64"}),
            answer(status="x"),
            answer(status=10**30),
            answer(status=[]),
            {"request": {"method": "GET", "url": URL}},
            not_found="fallback",
        )
        self.assertEqual([self.ask() for _ in range(9)], ["failed"] * 9)
        self.play(answer(content=[], headers=[1, {"name": 1, "value": {}}, {"name": ":a"}]))
        self.assertEqual(self.ask(), "")

    def test_what_the_browser_does_not_take_fails(self):
        self.chrome.on(fetch.fulfill_request, CommandError("Fetch.fulfillRequest", -32602, "Invalid headers"))
        self.play(entry("x"))
        self.assertEqual([type(each) for each in self.answers()], [fetch.fulfill_request, fetch.fail_request])

    def test_entries_that_are_none_are_passed_over(self):
        path = Path(self.mktemp())
        odd: list[Any] = [
            None,
            1,
            [],
            {},
            {"request": []},
            {"request": {"url": 1}},
            {"request": {"url": URL, "method": 7}},
        ]
        path.write_text(json.dumps({"log": {"entries": [*odd, entry("there")]}}))
        self.chrome.run(self.tab.route_from_har(path))
        self.assertEqual(self.ask(), "there")


class ArchiveTests(SynchronousTestCase):
    def archive(self, change: Callable[[bytes], bytes] = bytes, **files: str) -> Path:
        """Return an archive of a HAR file, and of others."""
        path = Path(self.mktemp())
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("har.har", json.dumps({"log": {"entries": []}}))
            for name, text in files.items():
                archive.writestr(name, text)
        path.write_bytes(change(path.read_bytes()))
        return path

    def test_more_than_fits_is_not_unpacked(self):
        path = self.archive(zeros="\0" * 3_000_000)
        self.assertLess(path.stat().st_size, 4_000)
        with mock.patch.object(_har_routes, "MOST_BYTES", 1_000_000), self.assertRaisesRegex(ValueError, "more than"):
            HarReplay(path, "abort")

    def test_no_more_comes_out_than_is_said(self):
        size = 3_000_000
        path = self.archive(lambda data: data.replace(size.to_bytes(4, "little"), bytes(4)), zeros="\0" * size)
        with zipfile.ZipFile(path) as archive:
            self.assertEqual(_har_routes._unpacked(archive)["zeros"], b"")

    def test_what_cannot_be_unpacked_is_refused(self):
        def locked(data: bytes) -> bytes:
            for head, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
                at = data.index(head) + flags
                data = data[:at] + b"\1" + data[at + 1 :]
            return data

        def packed(data: bytes) -> bytes:
            for head, method in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
                at = data.index(head) + method
                data = data[:at] + b"\x63" + data[at + 1 :]
            return data

        def broken(data: bytes) -> bytes:
            return data[:40] + bytes(6) + data[46:]

        for change in (locked, packed, broken):
            with self.assertRaisesRegex(ValueError, "unpacked"):
                HarReplay(self.archive(change), "abort")
