"""HAR files played again: whoever has written them, what comes is what a browser would have told."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import task
from twisted.internet.defer import Deferred

from tests.browser.recorded_run import STORED
from tests.har_checks import check_har
from tests.report.test_report_files import HAR, ODD, changed, places
from txcdp.cli._export import export
from txcdp.cli._output import Output
from txcdp.domains import lookup, network
from txcdp.errors import CommandError
from txcdp.model import ExchangeState
from txcdp.protocol import Event
from txcdp.recording import Damage, EventEntry, NoHar, NoteEntry, Replay, read, replay
from txcdp.recording._har_reader import MOST_PAGES

DAY = "2026-11-29T20:00:"


@pytest.fixture
def har(tmp_path: Path) -> Callable[..., Path]:
    def write(*entries: Any, pages: Any = (), **more: Any) -> Path:
        path = tmp_path / "run.har"
        path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries, "pages": pages, **more}}))
        return path

    return write


def entry(at: float, url: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """Return an entry as the least of programs writes it."""
    request = {"method": "GET", "url": url, "headers": more.pop("headers", [])}
    response = {"status": status, "headers": [], "content": {}, **more.pop("response", {})}
    return {"startedDateTime": f"{DAY}{at:06.3f}Z", "time": 100, "request": request, "response": response, **more}


def document(at: float, url: str, status: int = 200, **more: Any) -> dict[str, Any]:
    return entry(at, url, status, **{"_resourceType": "document", **more})


def page_at(at: float, name: str, title: str = "", **timings: float) -> dict[str, Any]:
    return {"id": name, "startedDateTime": f"{DAY}{at:06.3f}Z", "title": title, "pageTimings": timings}


class Watched:
    """A replay with what it has told."""

    def __init__(self, source: Any) -> None:
        self.played: Replay = replay(source, clock=task.Clock(), speed="instant")
        browser = self.played.browser
        self.exchanges: list[Any] = []
        self.pages: list[Any] = []
        self.said: list[tuple[float, str]] = []
        browser.exchanges.subscribe(self.exchanges.append, self._failed)
        browser.page_opened.subscribe(self._opened, self._failed)

    def _failed(self, error: Exception) -> None:
        raise AssertionError(error)

    def _opened(self, page: Any) -> None:
        self.pages.append(page)
        for name in ("dom_content_loaded", "loaded"):
            getattr(page, name).subscribe(lambda _, name=name: self._say(name))
        page.frame_navigated.subscribe(lambda frame: self._say(frame.url))

    def _say(self, text: str) -> None:
        self.said.append((round(self.played.time - self.played.began, 3), text))

    def play(self) -> Watched:
        done: list[Any] = []
        self.played.play().addBoth(done.append)
        assert done == [None]
        return self

    def rows(self) -> list[tuple[str, int, str]]:
        return [(each._row.url, each._row.status, each._row.state.value) for each in self.exchanges]


def methods(path: Path) -> list[str]:
    return [each.method for each in read(path) if isinstance(each, EventEntry)]


class TestWhatComes:
    """The events of one file."""

    def test_a_page_its_document_and_its_times(self, har: Callable[..., Path]) -> None:
        path = har(
            document(1, "https://a.example/", pageref="p", timings={"wait": 40, "receive": 60}),
            entry(1.2, "https://a.example/a.css", pageref="p", _resourceType="stylesheet"),
            pages=[page_at(0.5, "p", onContentLoad=800, onLoad=1500)],
        )
        watched = Watched(path).play()
        assert watched.rows() == [
            ("https://a.example/", 200, "finished"),
            ("https://a.example/a.css", 200, "finished"),
        ]
        assert watched.said == [(0.54, "https://a.example/"), (0.8, "dom_content_loaded"), (1.5, "loaded")]
        first, second = watched.exchanges
        assert first._row.is_navigation
        assert not second._row.is_navigation
        assert second.page is first.page is watched.pages[0]
        assert (second.request.resource_type, second._row.document_url) == ("stylesheet", "https://a.example/")

    def test_events_are_those_of_the_protocol(self, har: Callable[..., Path]) -> None:
        path = har(*HAR["log"]["entries"], *_kinds(), pages=HAR["log"]["pages"])
        entries = [each for each in read(path) if isinstance(each, EventEntry)]
        assert {each.method for each in entries} >= {
            "Network.requestWillBeSent", "Network.responseReceived", "Network.dataReceived", "Network.loadingFinished",
            "Network.loadingFailed", "Network.requestServedFromCache", "Network.webSocketCreated",
            "Network.webSocketFrameSent", "Network.webSocketFrameReceived", "Network.webSocketClosed",
            "Page.frameNavigated", "Page.loadEventFired",
        }  # fmt: skip
        for each in entries:
            kind = lookup(each.method)
            assert issubclass(kind, Event)
            msgspec.convert(each.params, kind)  # strictly: nothing is missing, and nothing of another type

    def test_all_is_in_the_order_of_its_time(self, har: Callable[..., Path]) -> None:
        slow = entry(1, "https://a.example/slow", time=5000)
        path = har(entry(2, "https://a.example/2"), slow, entry(1.5, "https://a.example/1"))
        times = [each.time for each in read(path)]
        assert times == sorted(times)
        ended = [each.params["requestId"][-1] for each in read(path) if isinstance(each, EventEntry)
                 and each.method == "Network.loadingFinished"]  # fmt: skip
        assert ended == ["2", "0", "1"]

    def test_redirects_are_hops_of_one_request(self, har: Callable[..., Path]) -> None:
        path = har(
            document(1, "https://a.example/", 302, response={"redirectURL": "/b#top"}),
            document(1.1, "https://a.example/b", 301, response={"redirectURL": "https://b.example/c"}),
            document(1.2, "https://b.example/c"),
            entry(1.3, "https://b.example/lost", 302, response={"redirectURL": "https://b.example/never"}),
        )
        watched = Watched(path).play()
        assert watched.rows() == [
            ("https://a.example/", 302, "redirected"),
            ("https://a.example/b", 301, "redirected"),
            ("https://b.example/c", 200, "finished"),
            ("https://b.example/lost", 302, "finished"),
        ]
        assert watched.exchanges[2].redirected_from.redirected_from is watched.exchanges[0]
        assert watched.said == [(0.3, "https://b.example/c")]

    def test_what_fails_is_cancelled_or_never_ends_is_told_so(self, har: Callable[..., Path]) -> None:
        path = har(
            entry(1, "https://a.example/1", 0, response={"_error": "net::ERR_NAME_NOT_RESOLVED"}),
            entry(1, "https://a.example/2", 0, response={"_error": "net::ERR_ABORTED"}),
            entry(1, "https://a.example/3", 0),
            entry(1, "https://a.example/4", -1, response={"_failureText": "net::ERR_FAILED"}),
            entry(1, "https://a.example/5", -1),
            entry(1, "https://a.example/6", 200, comment="it had not completed when the recording ended"),
            entry(1, "https://a.example/7", 200, response={"_error": "net::ERR_CONTENT_LENGTH_MISMATCH"}),
        )
        states = [state for _, _, state in Watched(path).play().rows()]
        assert states == ["failed", "cancelled", "failed", "failed", "detached", "detached", "failed"]

    def test_a_web_socket_says_what_it_said(self, har: Callable[..., Path]) -> None:
        path = har(_socket(1))
        watched = Watched(path)
        seen: list[Any] = []

        def came(exchange: Any) -> None:
            socket = exchange.web_socket
            socket._recorders.append(lambda sent, time, frame: seen.append((sent, frame.payload_data, frame.opcode)))

        watched.played.browser.exchanges.subscribe(came)
        watched.play()
        assert watched.rows() == [("wss://a.example/", 101, "closed")]
        assert seen == [(True, "hello", 1), (False, "aGk=", 2)]
        times = [each.time for each in read(path) if isinstance(each, EventEntry) and "Frame" in each.method]
        assert [round(each - watched.played.began, 3) for each in times] == [1.0, 2.5]

    def test_bodies_are_there_and_where_there_is_none_it_is_said(
        self, har: Callable[..., Path], tmp_path: Path
    ) -> None:
        (tmp_path / "body.bin").write_bytes(b"\x00file")
        (tmp_path.parent / "secret").write_bytes(b"secret")
        data = {"text": b64encode(b"\xff\x00").decode(), "encoding": "base64"}
        path = har(
            entry(1, "https://a.example/1", response={"content": {"text": "hello"}}),
            entry(1, "https://a.example/2", response={"content": data}),
            entry(1, "https://a.example/3", response={"content": {"_file": "body.bin"}}),
            entry(1, "https://a.example/4", response={"content": {"_file": "../secret"}}),
            entry(1, "https://a.example/5", 302, response={"redirectURL": "https://a.example/6"}),
            entry(1.2, "https://a.example/6", response={"content": {"text": "the last hop"}}),
        )
        played = replay(path, clock=task.Clock(), speed="instant")
        found: dict[str, Any] = {}

        def finished(session: Any, event: network.LoadingFinished) -> None:
            asked = session.execute(network.get_response_body(request_id=event.request_id))
            asked.addBoth(lambda got: found.setdefault(event.request_id[-1], got))

        played.browser.connection.attached.subscribe(
            lambda session: session.events(network.LoadingFinished).subscribe(lambda event: finished(session, event))
        )
        played.play()
        bodies = {key: getattr(got, "body", None) for key, got in found.items()}
        assert bodies == {"0": "hello", "1": data["text"], "2": b64encode(b"\x00file").decode(), "3": None,
                          "4": "the last hop"}  # fmt: skip
        assert found["3"].check(CommandError)

    def test_bodies_that_were_sent_are_told(self, har: Callable[..., Path]) -> None:
        first, second = entry(1, "https://a.example/1"), entry(1, "https://a.example/2")
        first["request"]["postData"] = {"mimeType": "text/plain", "text": "a=1"}
        second["request"]["postData"] = {"text": b64encode(b"\xff\x00").decode(), "_encoding": "base64"}
        watched = Watched(har(first, second)).play()
        assert [each.request.post_data_buffer for each in watched.exchanges] == [b"a=1", b"\xff\x00"]


class TestPages:
    """What belongs to which page."""

    def test_pages_that_are_there_at_a_time_do_not_mix(self, har: Callable[..., Path]) -> None:
        path = har(
            document(1, "https://a.example/", pageref="1"),
            document(1.1, "https://b.example/", pageref="2"),
            entry(1.2, "https://a.example/1", pageref="1"),
            entry(1.3, "https://b.example/2", pageref="2"),
            pages=[page_at(1, "1"), page_at(1.1, "2")],
        )
        watched = Watched(path).play()
        of = [watched.pages.index(each.page) for each in watched.exchanges]
        assert of == [0, 1, 0, 1]
        assert [each._row.state for each in watched.exchanges] == [ExchangeState.FINISHED] * 4

    def test_a_page_goes_on_to_another_document_and_frames_stay_below(self, har: Callable[..., Path]) -> None:
        def sent_for(what: str) -> list[dict[str, str]]:
            return [{"name": "Sec-Fetch-Dest", "value": what}]

        path = har(
            document(1, "https://a.example/", headers=sent_for("document")),
            document(2, "https://a.example/frame", headers=sent_for("iframe")),
            document(3, "https://a.example/untold"),
            document(4, "https://a.example/next", headers=sent_for("document")),
        )
        watched = Watched(path).play()
        assert [text for _, text in watched.said] == ["https://a.example/", "https://a.example/next"]
        assert [each._row.is_navigation for each in watched.exchanges] == [True, False, False, True]

    def test_an_answer_without_a_document_leaves_the_page_where_it_is(self, har: Callable[..., Path]) -> None:
        watched = Watched(har(document(1, "https://a.example/", 204))).play()
        assert (watched.said, watched.rows()) == ([], [("https://a.example/", 204, "finished")])

    def test_more_pages_than_a_browser_has_are_one(self, har: Callable[..., Path]) -> None:
        path = har(*(entry(1, f"https://a.example/{number}", pageref=str(number)) for number in range(MOST_PAGES + 50)))
        notes = [each for each in read(path) if isinstance(each, NoteEntry) and each.kind == "attached"]
        assert len(notes) == MOST_PAGES + 1
        damages = [each.reason for each in read(path) if isinstance(each, Damage)]
        assert damages == [f"50 entries of more than {MOST_PAGES:,} pages: taken for one page's"]


class TestWriters:
    """Files as others write them."""

    def test_the_developer_tools(self, har: Callable[..., Path]) -> None:
        told = document(
            1, "https://a.example/", pageref="page_1", _priority="VeryHigh", connection="52", serverIPAddress="[::1]",
            _initiator={"type": "script", "stack": {"callFrames": []}}, _fromCache="disk", _connectionId="52",
            timings={"blocked": 1.5, "dns": -1, "ssl": -1, "connect": -1, "send": 0.1, "wait": 60, "receive": 2,
                     "_blocked_queueing": 1.2, "_workerStart": -1},
        )  # fmt: skip
        told["response"] |= {"httpVersion": "h2", "_transferSize": 1234, "_error": None, "headersSize": -1}
        told["response"]["content"] = {"size": 5000, "mimeType": "text/html"}
        watched = Watched(har(told, pages=[page_at(1, "page_1", "https://a.example/", onLoad=300.5)])).play()
        row = watched.exchanges[0]._row
        assert (row.cached, row.priority, row.received, row.body_decoded) == ("disk", "VeryHigh", 1234, 5000)
        assert (row.response.protocol, row.initiator.type) == ("h2", "script")
        assert row.response.timing.receive_headers_end == 61.6

    def test_firefox(self, har: Callable[..., Path]) -> None:
        """It says neither what a request is for nor, where it was blocked, why."""
        page = {**entry(1, "https://a.example/", pageref="page_1"), "startedDateTime": f"{DAY}01.000+00:00"}
        page["response"]["content"] = {"mimeType": "text/html; charset=utf-8", "size": 10, "text": "<p>"}
        page["response"]["httpVersion"] = "HTTP/2"
        fetched = entry(1.5, "https://a.example/api", headers=[{"name": "Sec-Fetch-Dest", "value": "empty"}])
        fetched["response"]["content"] = {"mimeType": "text/html", "size": 1}
        path = har(
            page, fetched, entry(2, "https://ads.example/", 0), pages=[page_at(1, "page_1", "A title", onLoad=9)]
        )
        watched = Watched(path).play()
        assert [each._row.type for each in watched.exchanges] == ["Document", "Fetch", "Other"]
        assert watched.exchanges[0]._row.response.protocol == "h2"
        assert watched.said[0][1] == "https://a.example/"

    def test_programs_that_write_little(self, har: Callable[..., Path]) -> None:
        path = har(entry(1, "https://a.example/"), pages=None, creator="a proxy")
        path.write_bytes(b"\xef\xbb\xbf\r\n" + path.read_bytes())
        assert Watched(path).play().rows() == [("https://a.example/", 200, "finished")]

    def test_what_is_exported_comes_back(self, tmp_path: Path) -> None:
        """A recording of the real Chromium, as HAR, and that as HAR again."""
        first, second = tmp_path / "first.har", tmp_path / "second.har"
        for source, made in ((STORED, first), (first, second)):
            code = run(export(task.Clock(), [source], "har", made, Output(io.StringIO())))
            assert code == [0]
            check_har(json.loads(made.read_bytes()))
        assert comparable(first) == comparable(second)
        assert len(comparable(first)) == 3  # two exchanges, and a page


class TestGarbage:
    """What is no HAR, or not all of it."""

    @pytest.mark.parametrize(
        "data",
        [b"", b"hello", b"{}", b'{"log": 5}', b'{"log": {"entries": {}}}', b'{"log"', b"[" * 100_000, b"\0" * 50],
    )
    def test_what_is_called_har_and_is_none_is_refused(self, data: bytes, tmp_path: Path) -> None:
        path = tmp_path / "a.har"
        path.write_bytes(data)
        with pytest.raises(NoHar, match=r"a\.har"):
            replay(path)
        with pytest.raises(NoHar):
            list(read(path))

    def test_entries_that_are_none_are_passed_over_and_counted(self, har: Callable[..., Path]) -> None:
        watched = Watched(har(entry(1, "https://a.example/"), 5, None, [], {}, {"request": {"url": 7}})).play()
        assert len(watched.exchanges) == 1
        assert [each.reason for each in watched.played.damages] == ["5 entries that are none"]

    def test_what_has_no_time_comes_at_the_beginning(self, har: Callable[..., Path]) -> None:
        late = {**entry(1, "https://a.example/1"), "startedDateTime": "yesterday"}
        watched = Watched(har(entry(5, "https://a.example/2"), late)).play()
        assert [url[-1] for url, _, _ in watched.rows()] == ["2", "1"]
        assert [each.reason for each in watched.played.damages] == ["1 entries that do not say when"]

    def test_a_file_whose_writer_was_killed_is_played_as_far_as_it_goes(self, tmp_path: Path) -> None:
        made = tmp_path / "cut.har"
        run(export(task.Clock(), [STORED], "har", made, Output(io.StringIO())))
        data = made.read_bytes()
        made.write_bytes(data[: data.rindex(b'"startedDateTime":"', 0, data.index(b'],"pages":')) + 30])
        watched = Watched(made).play()
        assert watched.exchanges
        assert watched.played.damages[0].reason == "it ends in the middle of an entry, and has no pages"

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(places(HAR)), ODD), min_size=1, max_size=4))
    def test_anything_in_the_place_of_anything(
        self, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[tuple[Any, ...], Any]]
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "odd.har"
        path.write_bytes(json.dumps(changed(HAR, changes)).encode())
        try:
            watched = Watched(path)
        except NoHar:
            return
        watched.play()
        _ = watched.played.browser.model


def run(waiting: Any) -> list[Any]:
    found: list[Any] = []
    Deferred.fromCoroutine(waiting).addBoth(found.append)
    return found


def comparable(path: Path) -> list[dict[str, Any]]:
    """Return what is in a file and does not come from who has made it."""
    log = json.loads(path.read_bytes())["log"]
    for each in log["entries"]:
        each["response"]["content"].pop("comment", None)  # why there is no body
    entries: list[dict[str, Any]] = [{**each, "pageref": None} for each in log["entries"]]
    return entries + list(log["pages"])


def _socket(at: float) -> dict[str, Any]:
    began = 1795982400 + at
    messages = [
        {"type": "send", "time": began + 1, "opcode": 1, "data": "hello"},
        {"type": "receive", "time": began + 2.5, "opcode": 2, "data": "aGk="},
    ]
    return {**entry(at, "wss://a.example/", 101), "_webSocketMessages": messages, "_resourceType": "websocket"}


def _kinds() -> list[dict[str, Any]]:
    return [
        _socket(1),
        entry(1, "https://a.example/failed", 0),
        entry(1, "https://a.example/cached", _fromCache="memory"),
        entry(1, "https://a.example/#top", 302, response={"redirectURL": "https://a.example/next"}),
        entry(1.5, "https://a.example/next", headers=[{"name": ":path", "value": "/"}, {"name": "a", "value": "1"}]),
    ]
