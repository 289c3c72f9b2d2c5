"""Which of a file's entries answers a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import fetch, network
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
        answers = [
            each.command
            for each in self.chrome.commands
            if isinstance(each.command, fetch.fulfill_request | fetch.fail_request | fetch.continue_request)
            and each.command.request_id == request_id
        ]
        (answer,) = answers
        if isinstance(answer, fetch.fulfill_request):
            return (answer.body or b"").decode()
        return "failed" if isinstance(answer, fetch.fail_request) else "went on"

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
