"""From events to lines, from lines to text, and the summary: fed with what Chromium sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.model.sequences import DATA
from txcdp._core.dispatch.tap import RawEvent
from txcdp.cli import _summary as summary
from txcdp.cli._lines import Line, Style
from txcdp.cli._selection import parse
from txcdp.cli._story import Story
from txcdp.cli._text import clean, count, cut, cut_middle, pad, seconds, size, width

BASE = "http://harbour.test"
PAGE = "PAGE"


class Feed:
    """A story, and what a browser tells it."""

    def __init__(self, events: str = "", verbose: bool = False) -> None:
        self.story = Story(PAGE, BASE + "/", parse(events) if events else None, verbose)

    def __call__(self, method: str, session: str | None = PAGE, /, **params: Any) -> list[Line]:
        return self.story.hear(RawEvent(method, params, session))

    def text(self, method: str, session: str | None = PAGE, /, **params: Any) -> str:
        """Return the lines as they are printed into a pipe, without the time."""
        return "\n".join(Style().render(0, each)[9:] for each in self(method, session, **params))

    def begin(self, request: str, path: str = "/", *, at: float = 1.0, kind: str = "Fetch", **more: Any) -> str:
        url = path if ":" in path else BASE + path
        params = {
            "requestId": request,
            "loaderId": "L",
            "documentURL": BASE,
            "request": {"url": url, "method": more.pop("method", "GET"), "headers": {}},
            "timestamp": at,
            "wallTime": 0,
            "initiator": {"type": "other"},
            "redirectHasExtraInfo": False,
            "type": kind,
            "frameId": "F",
        }
        return self.text("Network.requestWillBeSent", **(params | more))

    def answer(self, request: str, status: int = 200, *, at: float = 1.1, kind: str = "Fetch", **response: Any) -> str:
        return self.text(
            "Network.responseReceived",
            requestId=request,
            loaderId="L",
            timestamp=at,
            type=kind,
            response=made_response(status, **response),
            hasExtraInfo=False,
        )

    def finish(self, request: str, *, at: float = 1.2, size: int = 1234) -> str:
        return self.text("Network.loadingFinished", requestId=request, timestamp=at, encodedDataLength=size)

    def fail(self, request: str, error: str, *, at: float = 1.2, **more: Any) -> str:
        return self.text(
            "Network.loadingFailed", requestId=request, timestamp=at, type="Fetch", errorText=error, **more
        )

    def whole(self, request: str, path: str, status: int = 200, **more: Any) -> str:
        self.begin(request, path, **more)
        self.answer(request, status)
        return self.finish(request)

    def summary(self, style: Style | None = None) -> str:
        return summary.render(self.story, style or Style())


def made_response(status: int = 200, **more: Any) -> dict[str, Any]:
    return {
        "url": "",
        "status": status,
        "statusText": "",
        "headers": {},
        "mimeType": "",
        "charset": "",
        "connectionReused": False,
        "connectionId": 0,
        "encodedDataLength": 100,
        "securityState": "unknown",
        **more,
    }


# Text.


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 港, 👩\u200d🚀", "Grüße, 港, 👩\u200d🚀"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj", "\\u202egpj"),
        ("\u2028\u2029\ufeff", "\\u2028\\u2029\\ufeff"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b", "a\u00a0b"),
        (None, "None"),
    ],
)
def test_nothing_that_a_terminal_would_obey_is_left(raw: Any, shown: str) -> None:
    assert clean(raw) == shown


def test_text_is_cut_by_columns() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abc…"
    assert cut("港港港", 4) == "港…"
    assert cut("abc", 0) == ""
    assert cut_middle("http://host/a/very/long/path.js", 15) == "http://…path.js"
    assert cut_middle("abcdefgh", 5) == "abcd…"
    assert width("e\u0301港👩\u200d") == 5
    assert pad("港", 4) == "港  "


def test_numbers_are_short() -> None:
    assert [size(each) for each in (0, 999, 1000, 4230, 17_400, 999_600, 1_234_567, 5e9)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "4.2 kB",
        "17 kB",
        "1.0 MB",
        "1.2 MB",
        "5.0 GB",
    ]
    assert [seconds(each) for each in (-1, 0, 0.0124, 0.9996, 1.214, 12.34, 123)] == [
        "0 ms",
        "0 ms",
        "12 ms",
        "1.00 s",
        "1.21 s",
        "12.3 s",
        "2 min 3 s",
    ]
    assert count(1, "request") == "1 request"
    assert count(2, "request") == "2 requests"


# Lines.


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_lines_fit_the_terminal_and_their_columns_align(columns: int) -> None:
    look = Style(columns)
    url = "http://elsewhere.test/" + "long/" * 40 + "end.js"
    line = Line("network", "200 GET", url, size="4.2 kB", took="12 ms", is_url=True)
    text = look.render(1.5, line)
    assert len(text) <= max(columns - 1, 9 + 9 + 10 + 16 + 1 + 17)
    assert text.startswith("  1.500  network  200 GET   http://")
    assert text.endswith("…" + text.split("…")[1])
    short = look.render(1.5, Line("network", "200 GET", "/", size="1 B", took="1 ms", is_url=True))
    assert short.index("1 B") + 3 == text.index("4.2 kB") + 6


def test_a_note_is_kept_where_the_text_is_cut() -> None:
    look = Style(80)
    line = Line("network", "ERR GET", BASE + "/x" * 100, note="net::ERR_FAILED", took="5 ms", is_url=True)
    assert "net::ERR_FAILED" in look.render(0, line)
    line = Line("network", "ERR GET", "/x", note="y" * 200, took="5 ms", is_url=True)
    assert len(look.render(0, line)) <= 79


def test_into_a_pipe_nothing_is_cut_and_nothing_coloured() -> None:
    line = Line("console", "error", "x" * 500, place="app.js:1:1", mood="bad")
    text = Style().render(0, line)
    assert "x" * 500 + " app.js:1:1" in text
    assert "\x1b" not in text


def test_colours_are_by_how_good_it_is_and_end_with_the_line() -> None:
    look = Style(100, colour=True)
    bad = look.render(0, Line("network", "500 GET", "/", mood="bad"))
    assert "\x1b[1;31m500 GET" in bad
    assert bad.endswith("\x1b[0m")
    assert "\x1b[32m" in look.render(0, Line("network", "200 GET", "/", mood="good"))


# Requests.


def test_a_request_is_one_line_when_it_has_ended() -> None:
    feed = Feed()
    assert feed.begin("1", "/api/ships") == ""
    assert feed.answer("1") == ""
    assert feed.story.activity[1] == 1
    assert feed.finish("1").split() == ["network", "200", "GET", "/api/ships", "1.2", "kB", "200", "ms"]
    assert feed.story.activity[1] == 0


def test_a_request_is_told_at_its_beginning_when_all_is_told() -> None:
    feed = Feed(verbose=True)
    assert feed.begin("1", "/api/ships").split() == ["network", "→", "GET", BASE + "/api/ships"]


def test_a_redirect_ends_one_request_and_begins_another() -> None:
    feed = Feed()
    feed.begin("1", "/old")
    told = feed.begin("1", "/new", at=1.05, redirectResponse=made_response(302))
    assert told.split() == ["network", "302", "GET", "/old", "→", "/new", "100", "B", "50", "ms"]
    feed.answer("1")
    assert "/new" in feed.finish("1")
    assert "2: 1 redirected" in feed.summary()


def test_failures_say_why() -> None:
    feed = Feed()
    feed.begin("1", "/a")
    assert "ERR GET   /a  net::ERR_CONNECTION_REFUSED" in feed.fail("1", "net::ERR_CONNECTION_REFUSED")
    feed.begin("2", "/b")
    assert "net::ERR_FAILED (CORS: MissingAllowOriginHeader)" in feed.fail(
        "2", "net::ERR_FAILED", corsErrorStatus={"corsError": "MissingAllowOriginHeader", "failedParameter": ""}
    )
    feed.begin("3", "/c")
    assert "(blocked: csp)" in feed.fail("3", "net::ERR_BLOCKED_BY_CSP", blockedReason="csp")
    feed.begin("4", "/d")
    assert "--- GET   /d  cancelled" in feed.fail("4", "net::ERR_ABORTED", canceled=True)
    assert "404 GET" in feed.whole("5", "/e", 404)
    assert "5: 4 failed, 1 cancelled" in feed.summary()


def test_where_a_response_came_from_is_shown_instead_of_its_size() -> None:
    feed = Feed()
    feed.begin("1")
    feed.text("Network.requestServedFromCache", requestId="1")
    feed.answer("1")
    assert "memory" in feed.finish("1")
    for number, (flag, word) in enumerate({"fromDiskCache": "disk", "fromPrefetchCache": "prefetch"}.items()):
        feed.begin(f"a{number}", f"/{number}")
        response: dict[str, Any] = {flag: True}
        feed.answer(f"a{number}", **response)
        assert word in feed.finish(f"a{number}", size=0)
    feed.begin("3", "/3")
    feed.answer("3", fromServiceWorker=True)
    assert "(service worker)" in feed.finish("3")


def test_a_revalidated_response_shows_what_was_really_said() -> None:
    extra = {"blockedCookies": [], "headers": {}, "resourceIPAddressSpace": "Local"}
    for early in (True, False):
        feed = Feed()
        feed.begin("1")
        if not early:
            feed.answer("1")
        feed.text("Network.responseReceivedExtraInfo", requestId="1", statusCode=304, **extra)
        if early:
            feed.answer("1")
        assert "304 GET" in feed.finish("1")


def test_a_request_that_two_sessions_tell_of_is_one() -> None:
    feed = Feed()
    feed.begin("1", "/worker.js")
    feed.begin("1", "/worker.js")
    feed.answer("1")
    assert feed.finish("1") != ""
    assert feed.finish("1") == ""
    feed.begin("1", "/worker.js")
    assert feed.story.activity[1] == 0


def test_data_urls_are_no_requests() -> None:
    feed = Feed()
    feed.begin("1", "data:text/plain,x")
    assert feed.story.activity[1] == 0
    assert feed.finish("1") == ""


def test_an_event_stream_is_told_when_it_is_answered_and_keeps_nobody_waiting() -> None:
    feed = Feed()
    feed.begin("1", "/stream", kind="EventSource")
    assert feed.story.activity[1] == 0
    assert "200 GET   /stream" in feed.answer("1", kind="EventSource")
    told = feed.text(
        "Network.eventSourceMessageReceived", requestId="1", timestamp=2, eventName="tide", eventId="", data="high\n"
    )
    assert "← tide    high\\n" in told


def test_what_a_session_has_begun_ends_with_it() -> None:
    feed = Feed()
    feed.begin("1")
    feed.text("Target.detachedFromTarget", None, sessionId="OTHER")
    assert feed.story.activity[1] == 1
    feed.text("Target.detachedFromTarget", None, sessionId=PAGE)
    assert feed.story.activity[1] == 0


# WebSockets.


def test_a_websocket_is_told_with_its_messages() -> None:
    feed = Feed()
    frame = {"opcode": 1, "mask": False, "payloadData": "ahoy\x1b"}
    handshake = {"status": 101, "statusText": "", "headers": {}}
    assert feed.text("Network.webSocketCreated", requestId="1", url="ws://h/radio") == ""
    feed.text(
        "Network.webSocketWillSendHandshakeRequest", requestId="1", timestamp=1, wallTime=0, request={"headers": {}}
    )
    told = feed.text("Network.webSocketHandshakeResponseReceived", requestId="1", timestamp=1.004, response=handshake)
    assert told.split() == ["socket", "101", "open", "ws://h/radio", "4", "ms"]
    assert "send →    ahoy\\x1b" in feed.text("Network.webSocketFrameSent", requestId="1", timestamp=2, response=frame)
    binary = {"opcode": 2, "mask": False, "payloadData": "AAAA"}
    told = feed.text("Network.webSocketFrameReceived", requestId="1", timestamp=2, response=binary)
    assert told.split() == ["socket", "←", "receive", "binary", "3", "B"]
    assert "broken" in feed.text("Network.webSocketFrameError", requestId="1", timestamp=2, errorMessage="broken")
    assert "closed" in feed.text("Network.webSocketClosed", requestId="1", timestamp=3)
    assert "1 WebSocket, 2 messages" in feed.summary()


def test_a_websocket_that_did_not_open_has_no_end() -> None:
    feed = Feed()
    feed.text("Network.webSocketCreated", requestId="1", url="ws://h/radio")
    assert "ws://h/radio" in feed.text("Network.webSocketFrameError", requestId="1", timestamp=2, errorMessage="no")
    assert feed.text("Network.webSocketClosed", requestId="1", timestamp=3) == ""
    refused = {"status": 403, "statusText": "", "headers": {}}
    feed.text("Network.webSocketCreated", requestId="2", url="ws://h/radio")
    assert "403" in feed.text(
        "Network.webSocketHandshakeResponseReceived", requestId="2", timestamp=1, response=refused
    )
    assert feed.text("Network.webSocketHandshakeResponseReceived", requestId="9", timestamp=1, response=refused) == ""


# The console.


def said(feed: Feed, *args: dict[str, Any], kind: str = "log", **more: Any) -> str:
    return feed.text(
        "Runtime.consoleAPICalled", type=kind, args=list(args), executionContextId=1, timestamp=0, **more
    ).removeprefix("console  ")


def text_of(*args: dict[str, Any]) -> str:
    return said(Feed(), *args).removeprefix("log").strip()


def string(value: str) -> dict[str, Any]:
    return {"type": "string", "value": value}


def preview(*properties: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    found = [{"name": name, "type": kind, "value": value} for name, kind, value in properties]
    return {"type": "object", "overflow": False, "properties": found, "description": "Object", **more}


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ({"type": "undefined"}, "undefined"),
        ({"type": "object", "subtype": "null", "value": None}, "null"),
        ({"type": "boolean", "value": True}, "true"),
        ({"type": "boolean", "value": False}, "false"),
        ({"type": "number", "value": 7}, "7"),
        ({"type": "number", "value": 7.5}, "7.5"),
        ({"type": "number", "unserializableValue": "-0"}, "-0"),
        ({"type": "bigint", "unserializableValue": "12n"}, "12n"),
        ({"type": "symbol", "description": "Symbol(s)"}, "Symbol(s)"),
        ({"type": "function", "description": "function f(a) {\n  return 1;\n}"}, "function f(a) {…}"),
        ({"type": "object", "subtype": "node", "description": "body#top"}, "body#top"),
        ({"type": "object", "subtype": "error", "description": "Error: no\n    at f (a.js:1:2)"}, "Error: no"),
        ({"type": "object", "preview": preview(("first", "string", "Nordlys"))}, "{first: 'Nordlys'}"),
        (
            {"type": "object", "preview": preview(("a", "number", "1"), overflow=True, description="Ship")},
            "Ship {a: 1, …}",
        ),
        (
            {"type": "object", "preview": preview(("0", "number", "1"), subtype="array", description="Array(1)")},
            "[1]",
        ),
        (
            {
                "type": "object",
                "preview": preview(
                    ("0", "number", "0"),
                    ("buffer", "object", "ArrayBuffer(1)"),
                    subtype="typedarray",
                    description="Uint8Array(1)",
                ),
            },
            "Uint8Array(1) [0]",
        ),
        (
            {
                "type": "object",
                "preview": preview(
                    subtype="map",
                    description="Map(1)",
                    entries=[
                        {
                            "key": {"type": "string", "overflow": False, "properties": [], "description": "k"},
                            "value": preview(("v", "function", "")),
                        }
                    ],
                ),
            },
            "Map(1) {'k' => {v: ƒ}}",
        ),
    ],
)
def test_values_are_shown_as_the_browsers_console_does(argument: dict[str, Any], shown: str) -> None:
    assert text_of(argument) == shown


def test_placeholders_are_filled() -> None:
    number = {"type": "number", "value": 3.7}
    assert text_of(string("%s: %d%% %c%s"), string("a"), number, string("color: red"), string("b")) == "a: 3% b"
    assert text_of(string("%s"), string("a"), string("rest"), number) == "a rest 3.7"
    assert text_of(string("%s and %s"), string("a")) == "a and %s"
    assert text_of(string("a"), string("%s")) == "a %s"


def test_a_page_cannot_forge_a_line() -> None:
    told = text_of(string("x\n  9.999  network  200 GET /\x1b[2J\u202e"))
    assert "\n" not in told
    assert "\x1b" not in told
    assert told.startswith("x\\n")


def test_levels_and_places_are_shown() -> None:
    stack = {
        "callFrames": [
            {"functionName": "f", "scriptId": "1", "url": BASE + "/a.js", "lineNumber": 4, "columnNumber": 2}
        ]
    }
    told = said(Feed(), string("low"), kind="warning", stackTrace=stack)
    assert told.startswith("warning   low")
    assert told.endswith("a.js:5:3")
    assert said(Feed(), kind="assert").startswith("assert    Assertion failed")
    told = said(Feed(verbose=True), string("low"), kind="trace", stackTrace=stack)
    assert told.splitlines()[1].strip() == "at f (a.js:5:3)"
    assert said(Feed(), kind="endGroup") == ""


def thrown(feed: Feed, **details: Any) -> str:
    details = {"exceptionId": 1, "text": "Uncaught", "lineNumber": 9, "columnNumber": 4, **details}
    return feed.text("Runtime.exceptionThrown", timestamp=0, exceptionDetails=details)


def test_exceptions_are_told_with_their_place() -> None:
    error = {"type": "object", "subtype": "error", "description": "TypeError: no dock\n    at dock (a.js:10:5)"}
    feed = Feed()
    told = thrown(feed, url=BASE + "/a.js", exception=error)
    assert told.startswith("error    uncaught  TypeError: no dock ")
    assert told.endswith("a.js:10:5")
    assert "\n" not in told
    assert "at dock" in thrown(Feed(verbose=True), exception=error)
    assert "in a promise: 'x'" in thrown(feed, text="Uncaught (in promise)", exception=string("x"))
    assert "Script error." in thrown(feed, text="Script error.")
    assert "3 uncaught exceptions" in feed.summary()
    assert "TypeError: no dock (a.js:10:5)" in feed.summary()


def test_what_the_browser_says_itself_is_told_unless_it_was_told_already() -> None:
    feed = Feed()
    entry = {
        "source": "security",
        "level": "error",
        "text": "Mixed Content",
        "timestamp": 0,
        "url": BASE,
        "lineNumber": 1,
    }
    assert "error     security: Mixed Content" in feed.text("Log.entryAdded", entry=entry)
    assert feed.text("Log.entryAdded", entry=entry | {"source": "network"}) == ""
    assert feed.text("Log.entryAdded", entry=entry | {"source": "worker"}) == ""


# The page, its frames and its targets.


def frame(url: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "F",
        "loaderId": "L",
        "url": url,
        "domainAndRegistry": "",
        "securityOrigin": "",
        "mimeType": "",
        "secureContextType": "Secure",
        "crossOriginIsolatedContextType": "Isolated",
        "gatedAPIFeatures": [],
        **more,
    }


def test_a_page_that_loads_is_told_and_timed_from_its_request() -> None:
    feed = Feed()
    feed.begin("L", "/", at=10.0, kind="Document")
    feed.answer("L", at=10.1, kind="Document")
    told = feed.text("Page.frameNavigated", frame=frame(BASE + "/"), type="Navigation")
    assert told == f"page     document  {BASE}/"
    assert feed.story.committed
    assert feed.text("Page.domContentEventFired", timestamp=10.3) == "page     parsed    DOMContentLoaded"
    assert not feed.story.loaded
    assert feed.text("Page.loadEventFired", timestamp=10.5) == "page     loaded    load"
    assert feed.story.activity == (True, 1)
    assert "in 500 ms (parsed in 300 ms)" in feed.summary()
    feed.text("Page.frameNavigated", frame=frame(BASE + "/next"), type="Navigation")
    assert not feed.story.loaded


def test_the_browsers_own_page_with_an_error_is_not_loaded() -> None:
    feed = Feed()
    feed.begin("L", "/", at=10.0, kind="Document")
    feed.fail("L", "net::ERR_CONNECTION_REFUSED")
    error_page = frame("chrome-error://chromewebdata/", unreachableUrl=BASE + "/")
    assert feed.text("Page.frameNavigated", frame=error_page, type="Navigation") == f"page     failed    {BASE}/"
    assert feed.text("Page.domContentEventFired", timestamp=11) == ""
    assert feed.text("Page.loadEventFired", timestamp=11) == ""
    assert not feed.story.loaded
    assert "loaded     no\n" in feed.summary()


def test_frames_are_told_and_load_for_themselves() -> None:
    feed = Feed()
    told = feed.text("Page.frameNavigated", frame=frame(BASE + "/weather", parentId="F"), type="Navigation")
    assert told == "frame    document  /weather"
    assert feed.text("Page.frameNavigated", frame=frame("about:blank", parentId="F"), type="Navigation") == ""
    assert feed.text("Page.loadEventFired", "OTHER", timestamp=1) == ""
    assert not feed.story.loaded


def attach(feed: Feed, session: str, kind: str, url: str, target: str) -> str:
    info = {"targetId": target, "type": kind, "title": "", "url": url, "attached": True, "canAccessOpener": False}
    return feed.text("Target.attachedToTarget", sessionId=session, targetInfo=info, waitingForDebugger=True)


def test_workers_frames_and_popups_are_told() -> None:
    feed = Feed()
    assert attach(feed, "W", "worker", BASE + "/tide.js", "1").split() == ["target", "attached", "worker", "/tide.js"]
    assert attach(feed, "W2", "worker", BASE + "/tide.js", "1") == ""
    assert feed.text("Target.detachedFromTarget", sessionId="W") == "target   gone      worker /tide.js"
    assert "popup" in attach(feed, "P", "page", "", "2")
    told = feed.text("Page.frameNavigated", "P", frame=frame("http://other.test/"), type="Navigation")
    assert told == "page     document  http://other.test/"
    assert feed.story.tally.url == BASE + "/"
    assert "service worker" in attach(feed, "S", "service_worker", BASE + "/sw.js", "3")


def test_dialogs_downloads_and_crashes_are_told() -> None:
    feed = Feed()
    dialog = {"url": BASE, "frameId": "F", "message": "Sure?\n", "type": "confirm", "hasBrowserHandler": False}
    assert feed.text("Page.javascriptDialogOpening", **dialog).split() == ["dialog", "confirm", "Sure?\\n"]
    assert feed.text("Page.javascriptDialogClosed", result=False, userInput="").split() == ["dialog", "dismissed"]
    begun = {"frameId": "F", "guid": "1", "url": BASE + "/f", "suggestedFilename": "f.bin"}
    assert "begins    f.bin  /f" in feed.text("Page.downloadWillBegin", **begun)
    progress = {"guid": "1", "totalBytes": 9, "receivedBytes": 9}
    assert feed.text("Page.downloadProgress", **progress, state="inProgress") == ""
    assert "completed f.bin" in feed.text("Page.downloadProgress", **progress, state="completed")
    assert "the process of the page is gone" in feed.text("Inspector.targetCrashed")
    assert "crashed" in feed.summary()
    assert "/b" in feed.text("Page.windowOpen", url=BASE + "/b", windowName="", windowFeatures=[], userGesture=False)
    assert "/c" in feed.text("Page.navigatedWithinDocument", frameId="F", url=BASE + "/c", navigationType="fragment")


# What is selected, and what nobody expects.


def test_a_selected_domain_has_its_lines_and_a_selected_event_is_shown_as_it_is() -> None:
    feed = Feed("network,page.loadEventFired,performance")
    assert feed.text("Page.frameNavigated", frame=frame(BASE), type="Navigation") == ""
    assert feed.whole("1", "/a") != ""
    assert feed.text("Network.dataReceived", requestId="1") == ""
    assert said(feed, string("x")) == ""
    assert feed.text("Page.loadEventFired", timestamp=1.5) == 'page     event     loadEventFired {"timestamp":1.5}'
    assert "metrics" in feed.text("Performance.metrics", metrics=[], title="x")
    assert feed.text("Page.frameResized") == ""
    assert feed.story.loaded


def test_without_a_selection_other_events_are_not_told() -> None:
    assert Feed().text("Performance.metrics", metrics=[], title="x") == ""


@pytest.mark.parametrize("method", sorted(Feed().story.methods))
@pytest.mark.parametrize(
    "params", [{}, {"requestId": None, "response": 5, "frame": [], "args": "x", "exceptionDetails": {"exception": 1}}]
)
def test_a_browser_of_another_age_does_not_end_the_watching(method: str, params: dict[str, Any]) -> None:
    feed = Feed()
    feed(method, **params)
    assert feed.whole("1", "/a") != ""
    assert feed.summary()


# The summary.


def test_the_summary_has_all_at_a_glance() -> None:
    feed = Feed()
    for number in range(12):
        feed.whole(f"{number}", f"/{number}", 500 if number else 200, at=1.0 - number / 100)
    feed.begin("open", "/open")
    said(feed, string("x"), kind="error")
    said(feed, string("x"), kind="warning")
    text = feed.summary()
    assert "13: 11 failed, 1 still open" in text
    assert "15 kB: fetch 15 kB" in text
    assert "2 messages: 1 error, 1 warning" in text
    assert "310 ms  /11" in text
    assert "500  /1\n" in text
    assert "and 1 more" in text
    assert "no\n" in text
    assert feed.story.open_requests() == f"1 request in flight, the longest {BASE}/open"


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_summary_fits_the_terminal(columns: int) -> None:
    feed = Feed()
    for number in range(3):
        feed.whole(f"{number}", "/" + "long" * 60, 404)
    thrown(feed, exception={"type": "object", "subtype": "error", "description": "Error: " + "x" * 300})
    for line in feed.summary(Style(columns)).splitlines():
        assert width(line) < columns


def recorded(name: str) -> tuple[Story, list[Line]]:
    """Return what the command prints of a recording, made without the root session: the page itself is a new target."""
    text = (DATA / f"{name}.jsonl").read_text(encoding="utf-8")
    said = [json.loads(each) for each in text.splitlines()]
    attached = [each["params"] for each in said if each.get("method") == "Target.attachedToTarget"]
    pages = [each for each in attached if each["targetInfo"]["type"] == "page" and each["waitingForDebugger"]]
    session = pages[0]["sessionId"]
    story = Story(session, "http://127.0.0.1:8000/a")
    told = [each for each in said if "method" in each and each["session"]]
    messages = [RawEvent(each["method"], each["params"], each["session"]) for each in told]
    return story, [line for each in messages for line in story.hear(each)]


def test_requests_of_a_page_that_has_gone_end_with_it() -> None:
    story, _ = recorded("left_with_a_request_in_flight")
    assert story.activity == (True, 0)
    assert story.open_requests() == ""


def test_a_page_that_comes_back_from_the_cache_is_loaded() -> None:
    for name in ("back_forward_cache", "back_forward_cache_frames"):
        story, lines = recorded(name)
        assert story.activity == (True, 0)
        assert "from the back/forward cache" in {each.note for each in lines}


@pytest.mark.parametrize(
    "name",
    [
        *("short_body", "bad_encoding", "unfinished_chunks", "window_stop", "window_stop_late"),
        *("script_to_no_content", "script_to_download", "script_to_mailto"),
    ],
)
def test_a_page_that_stops_loading_without_its_load_event_is_loaded(name: str) -> None:
    story, lines = recorded(name)
    assert story.activity == (True, 0)
    assert [each.mark for each in lines if each.tag == "page"].count("stopped") == 1


@pytest.mark.parametrize(
    ("name", "line", "times"),
    [
        ("self_redirect", "302 GET /self", 1),
        ("self_redirect", "200 GET /self", 1),
        ("redirects", "301 GET /r2", 1),
        ("frame_out_and_in", "200 GET /b", 3),
        ("not_modified", "304 GET /etag", 1),
        ("service_worker", "200 GET /made", 1),
        ("failed", "ERR GET http://localhost:8000/shut", 1),
        ("fetch_aborted", "--- GET /never", 1),
        ("window_stop", "200 GET /stops", 1),
    ],
)
def test_each_request_that_was_recorded_is_told_once(name: str, line: str, times: int) -> None:
    lines = [f"{each.mark} {each.text}" for each in recorded(name)[1] if each.tag == "network"]
    assert lines.count(line) == times


@pytest.mark.parametrize(
    "name",
    ["preflight", "worker_left", "keepalive", "crash_in_flight", "left_with_a_request_in_flight", "websocket_left"],
)
def test_a_page_waits_for_nothing_that_went_with_what_has_asked(name: str) -> None:
    assert recorded(name)[0].activity[1] == 0
