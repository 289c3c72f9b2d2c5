"""The live page in memory: what is watched and when, what a viewer is sent, and who may see it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import Caller, GatewayCase
from txcdp._core.sessions import Session
from txcdp.domains import log as log_domain
from txcdp.domains import network, page, runtime, target
from txcdp.errors import CommandError, ConnectError
from txcdp.gateway import AccessOptions
from txcdp.gateway._counters import DENIED, ERROR, LOST, OK, Counters
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway.live import LivePage
from txcdp.gateway.live import _browsers as browsers
from txcdp.gateway.live import _feed as feed
from txcdp.gateway.live import _targets as targets
from txcdp.gateway.live import _viewers as viewers
from txcdp.gateway.live._browsers import shown_title
from txcdp.gateway.live._console import ConsoleLine, line_of
from txcdp.gateway.live._history import History
from txcdp.gateway.live._tables import LiveTable, LiveTables, Rate
from txcdp.gateway.live._watching import opener
from txcdp.model import BrowserModel, ConsoleWritten
from txcdp.protocol import Event, build
from txcdp.testing import NEVER, FakeChrome

OPERATOR = "0123456789abcdef-operator"
OTHER = "0123456789abcdef-other"
BEARER = f"Authorization: Bearer {OPERATOR}"


class TableTests(SynchronousTestCase):
    def setUp(self):
        self.tables = LiveTables()
        self.table = LiveTable(self.tables, 3)

    def news(self, revision: int) -> Any:
        found = self.table.since(revision)
        return found and (found.get("whole", False), [row["key"] for row in found["rows"]], found.get("gone", []))

    def test_what_is_new(self):
        self.assertEqual(self.news(0), (True, [], []))
        self.table.put("a", {"x": 1})
        seen = self.tables.revision
        self.table.put("b", {"x": 2})
        self.assertEqual(self.news(seen), (False, ["b"], []))
        self.table.put("b", {"x": 2})
        self.table.change("a", x=3)
        self.table.change("z", x=3)
        self.assertEqual(self.news(seen), (False, ["a", "b"], []))
        seen = self.tables.revision
        self.assertIsNone(self.news(seen))
        self.table.drop("a")
        self.table.drop("a")
        self.assertEqual(self.news(seen), (False, [], ["a"]))

    def test_it_is_bounded(self):
        start = self.tables.revision
        for number in range(5):
            self.table.put(number, {})
        self.assertEqual(self.news(start), (False, [2, 3, 4], [0, 1]))
        for number in range(5, 50):
            self.table.put(number, {})
        self.assertEqual(self.news(start), (True, [47, 48, 49], []))
        self.assertEqual(len(self.table._gone), 3)

    def test_keep(self):
        start = self.tables.revision
        self.table.keep({1: {}, 2: {}})
        self.table.keep({2: {}, 3: {}})
        self.assertEqual(self.news(start), (False, [2, 3], [1]))

    def test_whoever_saw_what_was_forgotten_gets_everything(self):
        self.tables.lines.put(1, {})
        seen = self.tables.revision
        self.tables.clear()
        self.assertEqual(self.tables.since(seen)["lines"], {"whole": True, "rows": []})

    def test_rates(self):
        rate = Rate()
        self.assertEqual(rate.note(1000, 0.0), 0)
        values = [rate.note(1000 + 10 * second, float(second)) for second in range(1, 31)]
        self.assertEqual(sorted(values), values)
        self.assertEqual(values[-1], 10)
        self.assertEqual(rate.note(1300, 30.0), 10)
        self.assertLess(rate.note(1300, 33.0), 4)
        self.assertEqual(rate.note(1300, 60.0), 0)


def shown_line(event: type[Event], params: dict[str, Any]) -> ConsoleLine:
    (change,) = BrowserModel().feed("", build(event, params))
    assert isinstance(change, ConsoleWritten)
    return line_of(change.entry)


class ConsoleTests(SynchronousTestCase):
    def said(self, *arguments: Any, kind: str = "log", **more: Any) -> ConsoleLine:
        return shown_line(runtime.ConsoleAPICalled, {"type": kind, "args": list(arguments), **more})

    def test_arguments(self):
        number = {"name": "a", "type": "number", "value": "1"}
        preview = {"properties": [number, {"name": "f", "type": "function"}], "overflow": True}
        text = {"name": "0", "type": "string", "value": "x"}
        texts = {"subtype": "array", "description": "Array(1)", "properties": [text]}
        for argument, shown in (
            ({"type": "string", "value": "<img src=x>\nforged"}, "<img src=x>\\nforged"),
            ({"type": "number", "value": 1}, "1"),
            ({"type": "boolean", "value": True}, "true"),
            ({"type": "object", "subtype": "null", "value": None}, "null"),
            ({"type": "number", "unserializableValue": "NaN"}, "NaN"),
            ({"type": "function", "description": "class A {}"}, "class A {…}"),
            ({"type": "undefined"}, "undefined"),
            ({"type": "object", "preview": preview}, "{a: 1, f: ƒ, …}"),
            ({"type": "object", "preview": texts}, "['x']"),
        ):
            self.assertEqual(self.said(argument).text, shown)
        self.assertEqual(self.said({"type": "number", "value": 1}, {"type": "string", "value": "b"}).text, "1 b")

    def test_it_is_bounded(self):
        self.assertEqual(len(self.said({"type": "string", "value": "x" * 10_000}).text), 503)
        self.assertLess(len(self.said(*[{"type": "string", "value": "x" * 400}] * 50).text), 510)

    def test_levels_and_places(self):
        frames = {"callFrames": [{"url": "https://a.example/x.js?secret", "lineNumber": 6}]}
        said = self.said(kind="warning", stackTrace=frames)
        self.assertEqual((said.level, said.where), ("warning", "https://a.example/x.js?...:7"))
        self.assertEqual(self.said(kind="table", stackTrace={"callFrames": []})[::2], ("info", ""))

    def test_exceptions_and_entries(self):
        details = {
            "text": "Uncaught",
            "exception": {"type": "object", "subtype": "error", "description": "Error: boom\n    at f"},
            "url": "",
            "lineNumber": 1,
        }
        said = shown_line(runtime.ExceptionThrown, {"exceptionDetails": details})
        self.assertEqual(said, ("error", "Error: boom", ""))
        said = shown_line(runtime.ExceptionThrown, {"exceptionDetails": {"text": "Uncaught"}})
        self.assertEqual(said.text, "Uncaught")
        entry = {"level": "verbose", "text": "slow", "url": "https://u:p@a.example/"}
        self.assertEqual(
            shown_line(log_domain.EntryAdded, {"entry": entry}), ("debug", "slow", "https://...@a.example/")
        )


class TitleTests(SynchronousTestCase):
    def test_a_url_is_no_title(self):
        for title, url, shown in (
            ("Shop <b>?", "https://a.example/?q", "Shop <b>?"),
            ("a.example/list?q=a b", "https://u:p@a.example/list?q=a%20b", ""),
            ("b.example/old?secret", "https://a.example/", "b.example/old?..."),
            ("", "https://a.example/", ""),
            ("x" * 500, "https://a.example/", "x" * 200),
            ("one\ntwo", "https://a.example/", "one\\ntwo"),
        ):
            self.assertEqual(shown_title(title, url), shown)


class FakeSource:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.error: Exception | None = None

    def look(self) -> dict[str, Any]:
        self.calls.append("look")
        if self.error is not None:
            raise self.error
        return {"waiting": 0}

    def stop(self) -> None:
        self.calls.append("stop")


class FakeViewer:
    def __init__(self, feed: feed.Feed) -> None:
        self.feed = feed
        self.revision = 0
        self.offers = 0

    def offer(self) -> None:
        self.offers += 1

    def end(self) -> None:
        self.feed.remove(self)


class FeedTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.source = FakeSource()
        self.tables = LiveTables()
        self.feed = feed.Feed(self.clock, self.tables, self.source)

    def test_nothing_is_watched_unless_somebody_looks(self):
        self.assertEqual((self.source.calls, self.clock.getDelayedCalls()), ([], []))
        first, second = FakeViewer(self.feed), FakeViewer(self.feed)
        self.feed.add(first)
        self.feed.add(second)
        self.clock.pump([0.25] * 8)
        self.assertEqual(self.source.calls, ["look", "look", "look"])
        self.assertEqual((first.offers, second.offers), (9, 9))
        self.tables.lines.put(1, {})
        self.feed.remove(first)
        self.feed.remove(first)
        self.assertNotIn("stop", self.source.calls)
        self.feed.stop()
        self.assertEqual(self.source.calls[-1], "stop")
        self.assertEqual((self.clock.getDelayedCalls(), self.tables.lines.rows), ([], {}))
        self.feed.add(first)
        self.assertEqual(self.source.calls[-2:], ["stop", "look"])
        self.feed.stop()

    def test_not_too_many(self):
        for _ in range(feed.MOST_VIEWERS):
            self.feed.add(FakeViewer(self.feed))
        self.assertIn("503", str(self.assertRaises(Refusal, self.feed.add, FakeViewer(self.feed))))
        self.feed.stop()
        self.assertEqual(self.feed.viewers, [])

    def test_a_mistake_ends_it(self):
        self.source.error = ZeroDivisionError()
        self.feed.add(FakeViewer(self.feed))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.feed.viewers, self.source.calls[-1], self.clock.getDelayedCalls()), ([], "stop", []))


class HistoryTests(SynchronousTestCase):
    """What is remembered while nobody looks."""

    def setUp(self):
        self.clock, self.tables, self.counters = Clock(), LiveTables(), Counters()
        self.state: dict[str, Any] = {"clients": [], "browsers": [], "waiting": 0}
        self.failures = 0
        self.history = History(
            self.clock, self.tables.history, lambda: self.state, self.counters, lambda: self.failures
        )
        self.history.start()
        self.addCleanup(self.history.stop)

    def rows(self) -> list[Any]:
        return list(self.tables.history.rows.values())

    def test_a_sample_has_what_was_since_the_last_one(self):
        domain = self.counters.domain("Page.enable")
        for outcome, number in ((OK, 30), (ERROR, 4), (DENIED, 3), (LOST, 2)):
            domain.outcomes[outcome] += number
        self.counters.refused["token"] += 5
        self.failures = 1
        self.state = {"clients": [{}, {}], "browsers": [{"memory": 1000}, {"memory": 500}], "waiting": 7}
        self.clock.advance(10)
        first, second = self.rows()
        self.assertEqual({first[each] for each in ("clients", "commands", "memory", "waiting", "errors")}, {0})
        self.assertEqual(
            second,
            {"key": 2, "at": 10.0, "clients": 2, "commands": 3.9, "memory": 1500, "waiting": 7, "errors": 15},
        )
        self.clock.advance(10)
        self.assertEqual((self.rows()[2]["commands"], self.rows()[2]["errors"]), (0, 0))

    def test_an_hour_is_remembered_and_no_more(self):
        for _ in range(500):
            self.clock.advance(10)
        self.assertEqual(len(self.rows()), 360)
        self.assertEqual(self.rows()[-1]["at"] - self.rows()[0]["at"], 3590)
        self.assertEqual(len(self.tables.history._gone), 141)
        for _ in range(500):
            self.clock.advance(10)
        self.assertEqual((len(self.rows()), len(self.tables.history._gone)), (360, 360))

    def test_it_outlives_the_viewers_and_comes_whole(self):
        self.clock.advance(10)
        revision = self.tables.revision
        self.tables.clear()
        news = self.tables.since(0)["history"]
        self.assertEqual((news["whole"], len(news["rows"])), (True, 2))
        self.assertEqual(len(self.tables.since(revision)["history"]["rows"]), 2)
        now = self.tables.revision
        self.clock.advance(10)
        self.assertEqual([each["key"] for each in self.tables.since(now)["history"]["rows"]], [3])

    def test_it_ends(self):
        self.history.start()
        self.history.stop()
        self.history.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class LiveCase(GatewayCase):
    """A gateway with a live page, and one browser that it can watch."""

    def setUp(self):
        super().setUp()
        self.chrome = FakeChrome(self.reactor)
        self.open_line: Callable[[Any], Deferred[Any]] = lambda _: succeed(self.chrome.browser())

    def start(self, **options: Any) -> None:
        gateway = self.make(**options)
        self.live = LivePage(gateway, self.reactor, lambda running: self.open_line(running))

    def look(self, *headers: str) -> Caller:
        """Return one who looks."""
        caller = self.get("/live/events", *headers)
        self.assertEqual(caller.status, 200, caller.written)
        self.chrome.flush()
        return caller

    def messages(self, caller: Caller) -> list[Any]:
        return [json.loads(each) for each in re.findall(rb"data: (.*?)\n\n", caller.body)]

    def shown(self, caller: Caller) -> dict[str, dict[Any, Any]]:
        """What a page would show that has taken all messages."""
        found: dict[str, dict[Any, Any]] = {}
        for message in self.messages(caller):
            for name, news in message.items():
                if name in ("now", "gateway"):
                    continue
                table = found.setdefault(name, {})
                if news.get("whole"):
                    table.clear()
                for key in news.get("gone", []):
                    table.pop(key, None)
                table.update({row["key"]: row for row in news["rows"]})
        return found

    def wait(self, seconds: float = 1.0) -> None:
        for _ in range(round(seconds * 4)):
            self.chrome.flush()
            self.reactor.advance(0.25)
        self.chrome.flush()


class WatchingTests(LiveCase):
    def setUp(self):
        super().setUp()
        self.page = self.chrome.open_target("page", "https://u:p@a.example/list?secret=1")
        self.start()
        self.client_caller = self.client()
        self.viewer = self.look()
        self.wait()

    @property
    def session(self) -> Session:
        """The session in which the page is watched."""
        (watch,) = self.live.watching.browsers.values()
        session = watch.targets[self.page]._session
        assert session is not None
        return session

    def emit(self, *events: Any) -> None:
        session = self.session
        for each in events:
            self.chrome.emit(each, session)
        self.wait()

    def request(self, key: str = "R", at: float = 10.0, **more: Any) -> None:
        params = {"requestId": key, "timestamp": at, "type": "Fetch", **more}
        params["request"] = {"method": "GET", "url": "https://a.example/data?token=secret"}
        self.chrome.emit_raw("Network.requestWillBeSent", params, self.session)

    def response(self, key: str = "R", **more: Any) -> None:
        response = {"status": 200, "encodedDataLength": 100, **more}
        self.chrome.emit_raw("Network.responseReceived", {"requestId": key, "response": response}, self.session)

    def finish_request(self, key: str = "R", at: float = 10.5, size: float = 2000) -> None:
        params = {"requestId": key, "timestamp": at, "encodedDataLength": size}
        self.chrome.emit_raw("Network.loadingFinished", params, self.session)

    def requests(self) -> list[Any]:
        self.wait()
        rows = self.shown(self.viewer)["requests"].values()
        return [[row[key] for key in ("state", "status", "size", "took", "note")] for row in rows]

    def test_what_there_is(self):
        shown = self.shown(self.viewer)
        self.assertEqual(sorted(shown["browsers"]), [1000, 1001, 1002])
        self.assertEqual([each["state"] for each in shown["browsers"].values()].count("leased"), 1)
        self.assertEqual(shown["browsers"][1000]["watched"], "watched")
        self.assertEqual(shown["browsers"][1000]["targets"], 1)
        self.assertEqual(shown["browsers"][1001]["watched"], "")
        self.assertEqual((shown["clients"][1]["name"], shown["clients"][1]["browser"]), ("local", "1000"))
        found = shown["targets"][self.page]
        self.assertEqual((found["url"], found["browser"]), ("https://...@a.example/list?...", 1000))
        (first, *_) = self.messages(self.viewer)
        self.assertEqual(first["gateway"], {"draining": False, "waiting": 0, "starting": 0, "viewers": 1})

    def test_what_is_switched_on_in_a_page(self):
        sent = [each.method for each in self.chrome.commands if each.session_id is not None]
        self.assertEqual(sent, ["Network.enable", "Runtime.enable", "Log.enable", "Page.startScreencast"])
        (enabled,) = self.chrome.received(network.enable)
        self.assertEqual((enabled.max_total_buffer_size, enabled.max_resource_buffer_size), (0, 0))

    def test_rates(self):
        for number in range(1, 31):
            self.client_caller.say({"id": number, "method": "Page.enable"})
            self.request(str(number))
            self.wait(0.5)
        shown = self.shown(self.viewer)
        self.assertEqual(shown["clients"][1]["commands"], 30)
        for value in (
            shown["clients"][1]["command_rate"],
            shown["browsers"][1000]["command_rate"],
            shown["browsers"][1000]["request_rate"],
            shown["targets"][self.page]["request_rate"],
        ):
            self.assertTrue(1.8 < value < 2.2, value)
        self.assertGreater(shown["clients"][1]["in_rate"], 50)

    def test_a_request(self):
        self.request()
        self.assertEqual(self.requests(), [["open", None, None, None, ""]])
        self.response()
        self.assertEqual(self.requests(), [["open", 200, 100, None, ""]])
        self.finish_request()
        self.assertEqual(self.requests(), [["done", 200, 2000, 0.5, ""]])
        (row,) = self.shown(self.viewer)["requests"].values()
        self.assertEqual((row["method"], row["url"], row["type"]), ("GET", "https://a.example/data?...", "Fetch"))
        self.assertEqual(self.shown(self.viewer)["targets"][self.page]["bytes"], 2000)
        self.assertNotIn(b"secret", self.viewer.written)

    def test_other_ends_of_requests(self):
        self.request("A")
        self.request("A", 11.0, redirectResponse={"status": 302, "encodedDataLength": 9})
        self.request("B")
        self.request("C")
        self.request("D")
        self.response("D", fromDiskCache=True)
        self.request("E")
        self.response("E", fromServiceWorker=True)
        self.request("F")
        session = self.session
        self.chrome.emit_raw("Network.requestServedFromCache", {"requestId": "F"}, session)
        self.response("F")
        for key, more in (
            ("B", {"errorText": "net::ERR_FAILED"}),
            ("C", {"errorText": "net::ERR_ABORTED", "canceled": True}),
        ):
            self.chrome.emit_raw("Network.loadingFailed", {"requestId": key, "timestamp": 10.1, **more}, session)
        self.finish_request("nobody's")
        found = self.requests()
        self.assertEqual([each[0] for each in found], ["done", "open", "failed", "cancelled", "open", "open", "open"])
        self.assertEqual(found[0], ["done", 302, 9, 1.0, ""])
        self.assertEqual(
            [each[4] for each in found[2:]],
            ["net::ERR_FAILED", "net::ERR_ABORTED", "disk cache", "worker", "memory cache"],
        )

    def test_requests_are_bounded(self):
        for number in range(450):
            self.request(str(number))
            if number % 100 == 0:
                self.wait()
        self.assertEqual(len(self.requests()), 200)
        watch = self.live.watching.browsers[1000].targets[self.page]
        self.assertEqual(len(watch._open), 200)

    def test_the_console(self):
        said = runtime.ConsoleAPICalled(
            type="log",
            args=[runtime.RemoteObject(type="string", value="<img onerror>")],
            execution_context_id=1,
            timestamp=1.0,
        )
        entry = log_domain.LogEntry(source="network", level="error", text="404", timestamp=1.0)
        self.emit(said, log_domain.EntryAdded(entry=entry))
        rows = list(self.shown(self.viewer)["lines"].values())
        self.assertEqual([(row["level"], row["text"]) for row in rows], [("info", "<img onerror>"), ("error", "404")])
        self.assertEqual(rows[0]["target"], self.page)
        self.assertEqual(self.shown(self.viewer)["targets"][self.page]["lines"], 2)

    def frame(self, number: int, data: str = "/9j/") -> None:
        params = {"sessionId": number, "data": data, "metadata": {}}
        self.chrome.emit_raw("Page.screencastFrame", params, self.session)

    def test_pictures_are_asked_for_once_a_second(self):
        self.frame(7, "/9j/first")
        self.chrome.flush()
        self.assertEqual(self.chrome.received(page.screencast_frame_ack), [])
        self.wait()
        self.assertEqual([each.session_id for each in self.chrome.received(page.screencast_frame_ack)], [7])
        self.wait(3)
        self.assertEqual(len(self.chrome.received(page.screencast_frame_ack)), 1)
        self.assertEqual(self.shown(self.viewer)["pictures"][self.page]["jpeg"], "/9j/first")
        self.frame(8, "/" * 500_000)
        self.wait()
        self.assertEqual(self.shown(self.viewer)["pictures"][self.page]["jpeg"], "/9j/first")
        self.assertEqual(len(self.chrome.received(page.screencast_frame_ack)), 2)

    def test_a_page_that_does_not_change_is_taken_a_picture_of_once(self):
        self.chrome.on("Page.captureScreenshot", {"data": "/9j/c3RpbGw="})
        self.wait(5)
        (asked,) = self.chrome.received(page.capture_screenshot)
        self.assertEqual(asked.format, "jpeg")
        self.assertEqual(self.shown(self.viewer)["pictures"][self.page]["jpeg"], "/9j/c3RpbGw=")
        self.frame(7, "/9j/moved")
        self.wait()
        self.assertEqual(self.shown(self.viewer)["pictures"][self.page]["jpeg"], "/9j/moved")

    def test_a_picture_that_could_not_be_taken_is_asked_for_again(self):
        self.chrome.once("Page.captureScreenshot", CommandError("Page.captureScreenshot", -32000, "it moves on"))
        self.chrome.on("Page.captureScreenshot", {"data": "/9j/c3RpbGw="})
        self.wait(6)
        self.assertEqual(len(self.chrome.received(page.capture_screenshot)), 2)
        self.assertEqual(self.shown(self.viewer)["pictures"][self.page]["jpeg"], "/9j/c3RpbGw=")

    def test_one_picture_is_asked_for_at_a_time(self):
        self.chrome.on("Page.captureScreenshot", NEVER)
        self.wait(9)
        self.assertEqual(len(self.chrome.received(page.capture_screenshot)), 1)

    def test_a_title_that_chromium_tells_nothing_of(self):
        self.assertEqual(self.shown(self.viewer)["targets"][self.page]["title"], "")
        self.chrome.targets.all[self.page].title = "The list"
        self.wait(2)
        self.assertEqual(self.shown(self.viewer)["targets"][self.page]["title"], "The list")

    def test_titles_are_asked_for_once_the_last_answer_is_here(self):
        before = len(self.chrome.received(target.get_targets))
        self.chrome.on("Target.getTargets", NEVER)
        self.wait(5)
        self.assertEqual(len(self.chrome.received(target.get_targets)), before + 1)

    def test_a_page_comes_and_goes(self):
        other = self.chrome.open_target("page", "https://b.example/")
        worker = self.chrome.open_target("service_worker", "https://b.example/w.js")
        self.chrome.open_target("browser_ui", "chrome://top/")
        self.chrome.emit(target.TargetInfoChanged(target_info=self.chrome.targets.all[worker].info(True)))
        self.wait()
        found = self.shown(self.viewer)["targets"]
        self.assertEqual({self.page, other, worker}, set(found))
        self.assertEqual(len(self.chrome.received(page.start_screencast)), 2)
        self.request("never ends")
        self.wait()
        self.chrome.close_target(self.session)
        self.wait()
        self.assertEqual({other, worker}, set(self.shown(self.viewer)["targets"]))
        self.assertEqual(self.requests(), [["gone", None, None, None, ""]])

    def test_a_page_that_is_gone_before_it_is_listened_to(self):
        self.chrome.once(target.attach_to_target, CommandError("Target.attachToTarget", -32602, "gone"))
        other = self.chrome.open_target("page", "https://b.example/")
        self.wait()
        self.assertIn(other, self.shown(self.viewer)["targets"])
        self.chrome.once(target.attach_to_target, NEVER)
        late = self.chrome.open_target("page", "https://c.example/")
        self.wait()
        self.chrome.targets.close(self.chrome.targets.all[late])
        self.wait()
        self.assertNotIn(late, self.shown(self.viewer)["targets"])

    def test_there_may_be_very_many(self):
        self.patch(targets, "_MOST", 3)
        self.patch(browsers, "_MOST_SHOWN", 5)
        for number in range(10):
            self.chrome.open_target("page", f"https://b.example/{number}")
        hidden = self.chrome.open_target("browser_ui", "chrome://top/")
        self.wait()
        self.chrome.targets.close(self.chrome.targets.all[hidden])
        self.chrome.emit(target.TargetDestroyed(target_id=self.page), self.session)  # not the browser's own word
        self.wait()
        found = self.shown(self.viewer)["targets"]
        self.assertEqual((len(found), self.page in found), (5, True))
        self.assertEqual(len(self.chrome.received(target.attach_to_target)), 3)

    def test_a_page_that_crashes(self):
        self.frame(1)
        self.chrome.crash(self.session)
        self.wait()
        self.assertEqual(self.shown(self.viewer)["targets"][self.page]["state"], "crashed")
        self.assertEqual(self.shown(self.viewer)["pictures"], {})
        self.chrome.emit_raw("Inspector.targetReloadedAfterCrash", {}, self.session)
        self.wait()
        self.assertEqual(self.shown(self.viewer)["targets"][self.page]["state"], "")
        self.assertEqual(len(self.chrome.received(page.start_screencast)), 2)

    def test_a_page_that_says_too_much(self):
        self.patch(targets, "_MOST_EVENTS", 10)
        session = self.session
        self.frame(1)
        for number in range(15):
            params = {"requestId": str(number), "timestamp": 1.0, "request": {"method": "GET", "url": "http://a/"}}
            self.chrome.emit_raw("Network.requestWillBeSent", params, session)
        self.wait()
        self.assertEqual(len(self.requests()), 9)  # and the picture
        self.assertIn("too much", self.shown(self.viewer)["targets"][self.page]["state"])
        self.assertTrue(session.ended)

    def test_a_browser_that_writes_events_otherwise(self):
        for params in ({}, {"requestId": 1}, {"requestId": "R", "timestamp": 1.0, "request": "x"}):
            self.chrome.emit_raw("Network.requestWillBeSent", params, self.session)
        self.chrome.emit_raw("Target.targetCreated", {"targetInfo": {}})
        self.wait()
        self.assertEqual(self.shown(self.viewer)["browsers"][1000]["misread"], 4)
        self.request()
        self.assertEqual(len(self.requests()), 1)

    def test_when_the_line_is_lost_it_is_opened_again(self):
        lines = len(self.chrome.lines)
        self.chrome.lose()
        self.wait(2)
        shown = self.shown(self.viewer)
        self.assertEqual((shown["browsers"][1000]["watched"], shown["targets"]), ("lost", {}))
        self.open_line = lambda _: fail(ConnectError("refused"))
        self.wait(6)
        self.assertEqual(self.shown(self.viewer)["browsers"][1000]["watched"], "lost")
        self.open_line = lambda _: fail(ZeroDivisionError())
        self.wait(6)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.open_line = lambda _: succeed(self.chrome.browser())
        self.wait(6)
        self.assertEqual(self.shown(self.viewer)["browsers"][1000]["watched"], "watched")
        self.assertEqual(len(self.chrome.lines), lines + 1)
        self.assertIn(self.page, self.shown(self.viewer)["targets"])

    def test_when_the_client_leaves(self):
        self.client_caller.leave()
        self.wait(2)
        shown = self.shown(self.viewer)
        self.assertEqual((shown["clients"], shown["targets"], self.live.watching.browsers), ({}, {}, {}))
        self.assertTrue(all(line.closed for line in self.chrome.lines))

    def test_when_the_last_viewer_leaves_nothing_is_watched(self):
        second = self.look()
        self.viewer.leave()
        self.wait()
        self.assertEqual(list(self.live.watching.browsers), [1000])
        second.leave()
        self.wait()
        self.assertEqual((self.live.watching.browsers, self.live.feed.viewers), ({}, []))
        self.assertTrue(all(line.closed for line in self.chrome.lines))
        third = self.look()
        self.wait()
        self.assertIn(self.page, self.shown(third)["targets"])
        third.leave()

    def test_when_the_last_viewer_leaves_while_a_line_is_opened(self):
        self.viewer.leave()
        cancelled: list[Any] = []
        self.open_line = lambda _: Deferred(cancelled.append)
        viewer = self.look()
        self.wait()
        self.assertEqual(self.shown(viewer)["browsers"][1000]["watched"], "opening")
        viewer.leave()
        self.assertEqual((len(cancelled), self.live.watching.browsers), (1, {}))

    def test_when_the_gateway_is_stopped(self):
        self.client_caller.leave()
        self.gateway.on_stop(lambda: 1 / 0)
        stopped = self.gateway.stop()
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.live.feed.viewers, [])
        self.assertTrue(self.viewer.written.endswith(b"0\r\n\r\n"))


class ViewerTests(LiveCase):
    def setUp(self):
        super().setUp()
        self.start()

    def test_a_viewer_who_has_nothing_new_to_see(self):
        viewer = self.look()
        self.wait(1)
        before = len(self.messages(viewer))
        self.wait(10)
        self.assertEqual(len(self.messages(viewer)) - before, 10)
        self.assertEqual(set(self.messages(viewer)[-1]), {"now", "gateway"})

    def test_a_viewer_who_does_not_read(self):
        slow, quick = self.look(), self.look()
        producer: Any = slow.tcp.producer
        self.wait()
        producer.pauseProducing()
        producer.pauseProducing()
        written = len(slow.written)
        lines = self.live.feed._tables.lines
        for number in range(1000):
            lines.put(number, {"text": "x" * 100})
            if number % 10 == 0:
                self.reactor.advance(0.1)
        self.assertEqual(len(slow.written), written)
        self.assertGreater(len(quick.written), 100_000)
        producer.resumeProducing()
        self.wait()
        self.assertLess(len(slow.written) - written, 40_000)
        self.assertEqual(self.shown(slow)["lines"], self.shown(quick)["lines"])
        producer.pauseProducing()
        self.wait(viewers.SLOW + 1)
        self.assertTrue(slow.tcp.aborted)
        self.assertEqual(len(self.live.feed.viewers), 1)
        quick.leave()

    def test_an_answer_does_not_last_for_ever(self):
        viewer = self.look()
        self.wait(viewers.LONGEST + 1)
        self.assertTrue(viewer.written.endswith(b"0\r\n\r\n"))
        self.assertEqual(self.live.feed.viewers, [])

    def test_too_many_viewers(self):
        self.patch(feed, "MOST_VIEWERS", 1)
        first = self.look()
        second = self.get("/live/events")
        self.assertEqual(second.status, 503)
        self.assertIn("Retry-After", second.head)
        first.leave()
        self.look().leave()

    def test_it_ends_in_good_order_however_often(self):
        viewer = self.look()
        (looker,) = self.live.feed.viewers
        looker.end()
        looker.end()
        looker.stopProducing()  # type: ignore[attr-defined]
        self.assertTrue(viewer.written.endswith(b"0\r\n\r\n"))


class EndpointTests(LiveCase):
    def guarded(self) -> None:
        path = Path(self.mktemp())
        path.write_text(f'[one]\ntoken = "{OPERATOR}"\noperator = true\n[two]\ntoken = "{OTHER}"\n')
        self.start(access=AccessOptions(tokens=str(path)))

    def test_the_page_itself_is_for_everybody(self):
        self.guarded()
        for path, kind in (("/", "html"), ("/live/live.css", "css"), ("/live/live.js", "javascript")):
            caller = self.get(path)
            self.assertEqual(caller.status, 200)
            self.assertIn(f"Content-Type: text/{kind}; charset=UTF-8", caller.head)
            self.assertIn(
                "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';", caller.head
            )
            self.assertIn("X-Content-Type-Options: nosniff", caller.head)
        self.assertEqual(self.get("/", verb="HEAD").body, b"")

    def test_it_needs_nothing_from_elsewhere(self):
        self.guarded()
        for path in ("/", "/live/live.css", "/live/live.js"):
            body = self.get(path).body.decode()
            self.assertGreater(len(body), 500)
            self.assertNotIn("//" if path == "/" else "https:", body)
            for markup in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "style=", "onclick"):
                self.assertNotIn(markup, body)

    def test_who_may_see(self):
        self.guarded()
        for path, verb in (("/live/events", "GET"), ("/live/clients/1", "DELETE")):
            self.assertEqual(self.get(path, verb=verb).status, 401)
            caller = self.get(path, f"Authorization: Bearer {OTHER}", verb=verb)
            self.assertEqual((caller.status, b"operator = true" in caller.body), (403, True))
            self.assertEqual(self.get(path, BEARER, "Origin: http://evil.example", verb=verb).status, 403)
        self.assertEqual(self.live.watching.browsers, {})
        viewer = self.look(BEARER)
        self.assertIn("Content-Type: text/event-stream; charset=UTF-8", viewer.head)
        self.assertIn("Cache-Control: no-store", viewer.head)
        self.assertNotIn(OPERATOR.encode(), viewer.written)
        viewer.leave()

    def test_a_session_is_ended(self):
        self.guarded()
        client = self.client("/devtools/browser", f"Authorization: Bearer {OTHER}")
        for verb in ("GET", "POST"):
            self.assertEqual(self.get("/live/clients/1", BEARER, verb=verb).status, 405)
        self.assertEqual(client.frames(), [])
        self.assertEqual(self.get("/live/clients/1", BEARER, verb="DELETE").status, 200)
        self.assertEqual(client.closed_with()[0], 1008)
        client.leave()
        for number in ("1", "2", "x", "%C2%B2", "9" * 5000):
            self.assertEqual(self.get(f"/live/clients/{number}", BEARER, verb="DELETE").status, 404)
        self.assertEqual(self.gateway.counters.ended, {"operator": 1})

    def test_other_paths_are_not_the_page(self):
        self.start()
        for path in ("/nowhere", "/live", "/live/", "/live/assets", "/live/../tokens", "/live/clients"):
            self.assertEqual(self.get(path).status, 404, path)

    def test_the_line_to_a_browser(self):
        opening = opener(self.reactor)(self.starter.make())
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("127.0.0.1", 1000))
        opening.cancel()
        self.failureResultOf(opening)
