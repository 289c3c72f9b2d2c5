"""What a browser says becomes a run: exchanges, console, frames, documents, vitals, pictures, on one clock."""

from __future__ import annotations

import json
from base64 import b64encode
from itertools import pairwise
from typing import Any

import msgspec

from txcdp.protocol._records import REJECTED, build
from txcdp.report import Run
from txcdp.report._collector import Collector
from txcdp.report._observing import BINDING, WORLD

#: Seconds since 1970 at which the browser's monotonic clock was 1000.
WALL = 1_700_000_000.0
JPEG = b"\xff\xd8\xff\xe0 a picture"


class Told:
    """A browser that says what a test wants it to.

    :param late: seconds after which each event comes.
    """

    def __init__(self, late: float = 0.0) -> None:
        self.collector = Collector("test", "page")
        self.kinds = {each.method: each for each in self.collector.events}
        self.late = late

    def say(self, method: str, params: dict[str, Any], at: float, session: str = "S") -> None:
        """Say something at a moment, in seconds of the monotonic clock since 1000."""
        kind = self.kinds[method]
        try:
            event = msgspec.convert(params, kind)
        except REJECTED:
            event = build(kind, params)
        self.collector.take(WALL + at + self.late, session, event)

    def attach(self, kind: str = "page", target: str = "F", session: str = "S", parent: str = "", **more: Any) -> None:
        info = {"targetId": target, "type": kind, "title": "", "url": "", "attached": True, "canAccessOpener": False}
        params = {"sessionId": session, "targetInfo": {**info, **more}, "waitingForDebugger": False}
        self.say("Target.attachedToTarget", params, 0.0, parent)

    def navigate(self, loader: str = "L", url: str = "https://example.com/", at: float = 0.0, frame: str = "F") -> None:
        self.ask(loader, url, at, type="Document", frame=frame, loader=loader)
        self.answer(loader, at + 0.1)
        told = {
            "id": frame, "loaderId": loader, "url": url, "domainAndRegistry": "", "securityOrigin": "",
            "mimeType": "text/html", "secureContextType": "Secure", "crossOriginIsolatedContextType": "NotIsolated",
            "gatedAPIFeatures": [],
        }  # fmt: skip
        self.say("Page.frameNavigated", {"frame": told, "type": "Navigation"}, at + 0.12)

    def ask(self, number: str, url: str, at: float, session: str = "S", **more: Any) -> None:
        request = {
            "url": url, "method": "GET", "headers": {"accept": "*/*"}, "initialPriority": "High",
            "referrerPolicy": "no-referrer", **more.pop("request", {}),
        }  # fmt: skip
        params = {
            "requestId": number, "loaderId": more.get("loader", "L"), "documentURL": url, "request": request,
            "timestamp": 1000 + at, "wallTime": WALL + at, "initiator": {"type": "other"},
            "redirectHasExtraInfo": False, "type": more.get("type", "Fetch"), "frameId": more.get("frame", "F"),
        }  # fmt: skip
        self.say("Network.requestWillBeSent", params, at, session)

    def answer(self, number: str, at: float, session: str = "S", size: int = 10, **more: Any) -> None:
        response = {
            "url": "https://example.com/", "status": 200, "statusText": "OK", "headers": {"x-a": "1"},
            "mimeType": "text/html", "charset": "", "connectionReused": False, "connectionId": 1,
            "encodedDataLength": 50, "securityState": "secure", "protocol": "h2", **more,
        }  # fmt: skip
        params = {
            "requestId": number, "loaderId": "L", "timestamp": 1000 + at, "type": "Fetch", "response": response,
            "hasExtraInfo": False, "frameId": "F",
        }  # fmt: skip
        self.say("Network.responseReceived", params, at, session)
        data = {"requestId": number, "timestamp": 1000 + at, "dataLength": size, "encodedDataLength": size // 2}
        self.say("Network.dataReceived", data, at, session)
        end = {"requestId": number, "timestamp": 1000 + at + 0.05, "encodedDataLength": 50 + size // 2}
        self.say("Network.loadingFinished", end, at + 0.05, session)

    def tell_vitals(self, *entries: dict[str, Any], world: str = WORLD, name: str = BINDING) -> None:
        context = {
            "id": 7, "origin": "https://example.com", "name": world, "uniqueId": "U",
            "auxData": {"frameId": "F", "isDefault": False, "type": "isolated"},
        }  # fmt: skip
        self.say("Runtime.executionContextCreated", {"context": context}, 0.2)
        payload = json.dumps({"origin": WALL * 1000, "url": "", "entries": entries})
        self.say("Runtime.bindingCalled", {"name": name, "payload": payload, "executionContextId": 7}, 0.3)

    def run(self) -> Run:
        return self.collector.run("Chrome/1")


def test_an_exchange_has_its_times_sizes_and_headers() -> None:
    told = Told()
    told.attach()
    told.navigate()
    told.ask("R", "https://cdn.example.org/a.js", 0.2, request={"postData": "a=1", "method": "POST"})
    told.answer("R", 0.4, size=100, timing={
        "requestTime": 1000.25, "proxyStart": -1, "proxyEnd": -1, "dnsStart": 10, "dnsEnd": 20, "connectStart": 20,
        "connectEnd": 60, "sslStart": 30, "sslEnd": 60, "workerStart": -1, "workerReady": -1, "workerFetchStart": -1,
        "workerRespondWithSettled": -1, "sendStart": 60, "sendEnd": 61, "pushStart": 0, "pushEnd": 0,
        "receiveHeadersStart": 150, "receiveHeadersEnd": 150,
    })  # fmt: skip
    exchange = told.run().exchanges[1]
    assert (exchange.url, exchange.method, exchange.status, exchange.outcome) == (
        *("https://cdn.example.org/a.js", "POST"),
        *(200, "finished"),
    )
    assert exchange.started == WALL + 0.2
    assert exchange.ended is not None
    assert round(exchange.ended - WALL, 6) == 0.45
    phases = {name: round(value, 6) for name, value in msgspec.structs.asdict(exchange.phases).items()}
    assert phases == {
        "blocked": 0.06, "dns": 0.01, "connect": 0.04, "tls": 0.03, "send": 0.001, "wait": 0.089, "receive": 0.05,
    }  # fmt: skip
    assert (exchange.transferred, exchange.size) == (100, 100)
    assert exchange.request_headers == [("accept", "*/*")]
    assert exchange.response_headers == [("x-a", "1")]
    assert exchange.request_body is not None
    assert exchange.request_body.text == "a=1"
    assert exchange.frame_id == "F"
    assert exchange.document_id == "L"


def test_what_has_not_ended_is_pending_and_what_has_failed_says_why() -> None:
    told = Told()
    told.attach()
    told.ask("1", "https://example.com/1", 0.1)
    told.ask("2", "https://example.com/2", 0.2)
    failed = {"requestId": "2", "timestamp": 1000.3, "type": "Fetch", "errorText": "net::ERR_FAILED", "canceled": False}
    told.say("Network.loadingFailed", failed, 0.3)
    one, two = told.run().exchanges
    assert (one.outcome, one.ended) == ("pending", None)
    assert (two.outcome, two.failure) == ("failed", "net::ERR_FAILED")


def test_a_document_has_its_marks_on_the_wall_clock() -> None:
    told = Told()
    told.attach()
    told.navigate()
    told.say("Page.domContentEventFired", {"timestamp": 1000.5}, 0.5)
    told.say("Page.loadEventFired", {"timestamp": 1000.75}, 0.75)
    (document,) = told.run().documents
    assert (document.url, document.started) == ("https://example.com/", WALL)
    assert document.content_loaded == WALL + 0.5
    assert document.loaded == WALL + 0.75
    assert document.vitals is None


def test_vitals_are_those_of_the_documents_own_observer() -> None:
    told = Told()
    told.attach()
    told.navigate()
    told.tell_vitals(
        {"kind": "paint", "start": 300, "duration": 0},
        {"kind": "largest-contentful-paint", "start": 400, "element": "img.a", "url": "https://example.com/a.png"},
        {"kind": "largest-contentful-paint", "start": 500, "element": "h1", "url": ""},
        {"kind": "navigation", "start": 0, "first_byte": 120},
        {"kind": "longtask", "start": 600, "duration": 80, "where": "self"},
        {"kind": "layout-shift", "start": 700, "value": 0.1},
        {"kind": "layout-shift", "start": 1200, "value": 0.05},
        {"kind": "layout-shift", "start": 9000, "value": 0.12},
        {"kind": "event", "start": 800, "duration": 48, "interaction": 1, "event": "pointerdown"},
        {"kind": "event", "start": 810, "duration": 104, "interaction": 1, "event": "click"},
    )
    run = told.run()
    vitals = run.documents[0].vitals
    assert vitals is not None
    assert (vitals.fcp, vitals.lcp, vitals.ttfb) == (0.3, 0.5, 0.12)
    assert (vitals.lcp_element, vitals.lcp_url) == ("h1", "")
    assert round(vitals.cls or 0, 6) == 0.15  # the worst window, not all of them
    assert (vitals.inp, vitals.inp_event, vitals.interactions) == (0.104, "click", 1)
    assert [vitals.rating(each) for each in ("lcp", "cls", "inp", "fcp", "ttfb")] == [
        *("good", "needs improvement", "good"),
        *("good", "good"),
    ]
    (task,) = run.long_tasks
    assert (round(task.started - WALL, 6), task.duration, task.frame_id) == (0.6, 0.08, "F")


def test_without_an_interaction_there_is_no_inp_and_no_zero() -> None:
    told = Told()
    told.attach()
    told.navigate()
    told.tell_vitals({"kind": "paint", "start": 300})
    vitals = told.run().documents[0].vitals
    assert vitals is not None
    assert (vitals.inp, vitals.rating("inp")) == (None, "")
    assert vitals.cls == 0.0  # of what was painted, nothing has moved


def test_one_of_fifty_interactions_may_be_an_accident() -> None:
    told = Told()
    told.attach()
    told.navigate()
    told.tell_vitals(*({"kind": "event", "duration": 10.0 * each, "interaction": each} for each in range(1, 101)))
    vitals = told.run().documents[0].vitals
    assert vitals is not None
    assert vitals.inp == 0.98  # the two slowest are left out


def test_a_page_that_calls_something_of_that_name_tells_nothing() -> None:
    for world, name in (("", BINDING), ("another", BINDING), (WORLD, "another")):
        told = Told()
        told.attach()
        told.navigate()
        told.tell_vitals({"kind": "paint", "start": 300}, world=world, name=name)
        run = told.run()
        assert run.documents[0].vitals is None
        assert any("vitals" in each for each in run.missing)


def test_lines_of_the_console_have_their_own_times_and_places() -> None:
    told = Told()
    told.attach()
    told.navigate()
    call = {
        "type": "warning", "args": [{"type": "string", "value": "low"}], "executionContextId": 1,
        "timestamp": (WALL + 0.5) * 1000, "stackTrace": {"callFrames": [
            {"functionName": "", "scriptId": "1", "url": "https://example.com/a.js", "lineNumber": 4, "columnNumber": 1}
        ]},
    }  # fmt: skip
    told.say("Runtime.consoleAPICalled", call, 0.9)
    (message,) = told.run().messages
    assert (message.level, message.text, message.url, message.line) == ("warning", "low", "https://example.com/a.js", 5)
    assert message.time == WALL + 0.5


def test_frames_and_workers_are_a_tree_on_the_browsers_clock() -> None:
    told = Told(late=0.25)  # another machine's clock, or a slow line
    told.attach()
    told.navigate()
    told.say("Page.frameAttached", {"frameId": "G", "parentFrameId": "F"}, 0.5)
    told.attach("worker", "W", "SW", "S", parentFrameId="F", url="https://example.com/w.js")
    told.say("Page.frameDetached", {"frameId": "G", "reason": "remove"}, 2.0)
    frames = {each.id: each for each in told.run().frames}
    assert {each.id: (each.kind, each.parent_id) for each in frames.values()} == {
        "F": ("page", ""),
        "G": ("frame", "F"),
        "W": ("worker", "F"),
    }
    assert round(frames["G"].started - WALL, 6) == 0.5
    assert frames["G"].ended is not None
    assert round(frames["G"].ended - WALL, 6) == 2.0


def test_pictures_have_their_own_times_or_that_of_their_coming() -> None:
    told = Told()
    told.attach()
    told.navigate()
    metadata = {
        "offsetTop": 0, "pageScaleFactor": 1, "deviceWidth": 1, "deviceHeight": 1, "scrollOffsetX": 0,
        "scrollOffsetY": 0,
    }  # fmt: skip
    data = b64encode(JPEG).decode()
    for at, said in ((0.0, {"timestamp": WALL - 1}), (1.0, {"timestamp": WALL + 0.7}), (2.0, {})):
        params = {"data": data, "metadata": {**metadata, **said}, "sessionId": 1}
        told.say("Page.screencastFrame", params, at)
    told.say("Page.screencastFrame", {"data": b64encode(b"no picture").decode(), "metadata": metadata}, 3.0)
    run = told.run()
    # What was there before stands at the beginning.
    assert [round(each.time - WALL, 6) for each in run.pictures] == [0.0, 0.7, 2.0]


def test_there_are_no_more_pictures_than_a_report_takes_and_the_last_is_among_them() -> None:
    told = Told()
    told.attach()
    told.navigate()
    data = b64encode(JPEG).decode()
    for each in range(2000):
        params = {"data": data, "metadata": {"timestamp": WALL + each / 10}, "sessionId": 1}
        told.say("Page.screencastFrame", params, each / 10)
    times = [each.time for each in told.run().pictures]
    assert 100 < len(times) <= 241
    assert times[-1] == WALL + 199.9
    gaps = [round(b - a, 3) for a, b in pairwise(times[:-1])]
    assert max(gaps) < 3 * min(gaps)  # evenly spread


def test_what_is_not_what_the_protocol_says_costs_no_more_than_itself() -> None:
    told = Told()
    told.attach()
    told.navigate()
    told.ask("1", "https://example.com/1", 0.1)
    said: Any = {"url": 5, "method": [], "headers": "no", "postData": {"a": 1}}
    told.say("Network.requestWillBeSent", {"requestId": "2", "request": said, "timestamp": "soon", "wallTime": []}, 0.2)
    told.say("Runtime.bindingCalled", {"name": BINDING, "payload": 7, "executionContextId": "x"}, 0.3)
    told.say("Page.screencastFrame", {"data": 5, "metadata": "none"}, 0.4)
    told.say("Runtime.consoleAPICalled", {"type": None, "args": "many", "timestamp": "late"}, 0.5)
    run = told.run()
    assert "https://example.com/1" in [each.url for each in run.exchanges]
    assert run.ended >= run.started
