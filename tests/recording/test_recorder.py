"""The recorder, on a browser in memory: what is followed, enabled, written, masked, filtered and dropped."""

from __future__ import annotations

import errno
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, execute, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from txcdp._core.dispatch.tap import CommandObserver
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp.domains import fetch, network, page, runtime, target
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, QueueOverflow
from txcdp.recording import EventEntry, Filter, JsonLines, NoteEntry, Recorder, read
from txcdp.recording import _commands as commands
from txcdp.recording._entries import NOTES
from txcdp.recording._sinks import Host
from txcdp.testing import NEVER, FakeChrome

WALL = 1_800_000_000.25


def data(number: int) -> network.DataReceived:
    return network.DataReceived(request_id=str(number), timestamp=1.5, data_length=number, encoded_data_length=0)


class Memory:
    """A sink in memory that writes when it is told to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.held: list[Deferred[None]] | None = None
        self.opening: Deferred[None] = succeed(None)
        self.errors: list[Exception] = []
        self.closed: tuple[str, int] | None = None
        self.calls = 0

    def open(self, host: Host) -> Deferred[None]:
        self.host = host
        return self.opening if not self.opening.called else self._outcome(lambda: None)

    def write(self, lines: list[bytes]) -> Deferred[None]:
        self.calls += 1
        if self.held is not None:
            waiting: Deferred[None] = Deferred()
            self.held.append(waiting)
            return waiting.addCallback(lambda _: self.lines.extend(lines))
        return self._outcome(lambda: self.lines.extend(lines))

    def due(self) -> float | None:
        return None

    def close(self, reason: str, dropped: int) -> Deferred[None]:
        self.closed = reason, dropped
        return self._outcome(lambda: None)

    def hold(self) -> None:
        self.held = []

    def release(self) -> None:
        held, self.held = self.held or [], None
        for each in held:
            each.callback(None)

    def _outcome(self, do: Callable[[], object]) -> Deferred[None]:
        def attempt() -> None:
            if self.errors:
                raise self.errors.pop(0)
            do()

        return execute(attempt)

    def values(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def methods(self) -> list[str]:
        return [each["method"] for each in self.values() if "method" in each]

    def notes(self, kind: str = "") -> list[dict[str, Any]]:
        return [each for each in self.values() if "note" in each and kind in ("", each["note"])]


class RecorderCase(SynchronousTestCase):
    reconnect: ReconnectPolicy | None = None

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(reconnect=self.reconnect)
        self.connection = self.browser.connection
        self.sink = Memory()

    def tearDown(self) -> None:
        self.sink.release()
        self.chrome.run(self.browser.close())
        self.chrome.flush()
        self.assertEqual([str(call) for call in self.chrome.clock.getDelayedCalls()], [])

    def record(self, **options: Any) -> Recorder:
        options.setdefault("wall", lambda: WALL + self.chrome.clock.seconds())
        options.setdefault("in_thread", maybeDeferred)
        options.setdefault("filter", Filter(without=["Target", "Runtime.exec*"]))
        recorder = Recorder(self.browser, self.sink, **options)
        self.chrome.run(recorder.start())
        return recorder

    def open_page(self, url: str = "https://example.com/", kind: str = "page") -> Any:
        return self.chrome.attach(self.connection, kind, url)

    def stop(self, recorder: Recorder) -> None:
        self.chrome.run(recorder.stop())

    def emit(self, number: int, session: Any = None) -> None:
        self.chrome.emit(data(number), session)
        self.chrome.flush()


class WritingTests(RecorderCase):
    def test_the_event_at_which_it_is_stopped_is_recorded(self) -> None:
        session = self.open_page()
        recorder = self.record()
        stopped: list[Any] = []
        session._feed_into([network.DataReceived], lambda _: stopped.append(recorder.stop()))
        self.emit(7, session)
        self.chrome.advance(0.0)
        self.emit(8, session)
        self.assertEqual(self.sink.methods().count("Network.dataReceived"), 1)
        self.assertEqual(self.successResultOf(stopped[0]), None)

    def test_an_event_is_written_as_the_browser_sent_it(self) -> None:
        recorder = self.record()
        session = self.open_page()
        message = (
            '{"method":"Network.dataReceived","params":{"requestId":"1","timestamp":1.50,"dataLength":7,"text":"\\u00fc"},'
            f'"sessionId":"{session.id}"}}'
        ).encode()
        self.chrome.send_bytes(message)
        self.chrome.flush()
        self.stop(recorder)
        (line,) = [each for each in self.sink.lines if b"dataReceived" in each]
        head = f'{{"time":{WALL:.6f},"session":"{session.id}","target":"{session.target.target_id}",'.encode()
        self.assertEqual(line, head + message[1 : message.rindex(b',"sessionId"')] + b"}\n")

    def test_events_of_the_browsers_own_session(self) -> None:
        recorder = self.record(filter=Filter())
        self.chrome.send_bytes(b'{"method":"Target.targetDestroyed","params":{"targetId":"X"}}')
        self.chrome.flush()
        self.stop(recorder)
        (event,) = [each for each in self.sink.values() if each.get("method") == "Target.targetDestroyed"]
        self.assertIsNone(event["session"])
        self.assertIsNone(event["target"])
        self.assertEqual(event["params"], {"targetId": "X"})

    def test_messages_that_are_written_otherwise_become_the_same_lines(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.send_bytes(
            b'{\n "params": {"a": [1,\n2]},\n "sessionId": "%b", "method": "X.y"\n}' % session.id.encode()
        )
        self.chrome.send_bytes(b'{"method":"X.z","params":{"a":\n1}}')
        self.chrome.send_bytes(b'{"method":"X.none"}')
        self.chrome.flush()
        self.stop(recorder)
        mine = [each for each in self.sink.values() if str(each.get("method")).startswith("X.")]
        self.assertEqual([each["params"] for each in mine], [{"a": [1, 2]}, {"a": 1}, {}])
        self.assertEqual([each["session"] for each in mine], [session.id, None, None])
        self.assertTrue(all(line.count(b"\n") == 1 and line.endswith(b"}\n") for line in self.sink.lines))

    def test_a_name_with_a_quote_in_it(self) -> None:
        recorder = self.record()
        self.chrome.send_bytes(b'{"method":"X.\\"y","params":{"a":1}}')
        self.chrome.flush()
        self.stop(recorder)
        self.assertEqual(self.sink.methods(), ['X."y'])

    def test_what_cannot_be_read_is_counted_only(self) -> None:
        recorder = self.record()
        self.chrome.send_bytes(b'{"method":"Network.requestWillBeSent","params":{"cookie":nonsense}}')
        self.chrome.send_bytes(b'{"method":"X.y","params":{"a":\nnonsense}}')
        self.emit(1)
        self.stop(recorder)
        self.assertEqual(recorder.stats.unreadable, 2)
        self.assertEqual(self.sink.methods(), ["Network.dataReceived"])

    def test_a_session_that_nobody_knows_is_recorded_with_its_id(self) -> None:
        recorder = self.record()
        for _ in range(2):
            self.chrome.send_bytes(b'{"method":"X.y","params":{},"sessionId":"WHO"}')
        self.chrome.flush()
        self.stop(recorder)
        self.assertEqual(
            [(each["session"], each["target"]) for each in self.sink.values() if each.get("method") == "X.y"],
            [("WHO", None)] * 2,
        )

    def test_lines_are_written_soon_and_together(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.advance(1)
        before = self.sink.calls
        for number in range(5):
            self.emit(number, session)
        self.assertEqual(self.sink.calls, before)
        self.chrome.advance(0.2)
        self.assertEqual(self.sink.calls, before + 1)
        self.assertEqual(self.sink.methods()[-5:], ["Network.dataReceived"] * 5)
        self.stop(recorder)
        self.assertEqual(self.sink.closed, ("stopped", 0))
        self.assertEqual(recorder.stats.written, len(self.sink.lines))
        self.assertEqual(recorder.stats.as_dict()["waiting"], 0)

    def test_nothing_is_written_after_the_stop(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.stop(recorder)
        count = len(self.sink.lines)
        self.emit(1, session)
        self.open_page()
        self.chrome.close_target(session)
        self.chrome.flush()
        self.chrome.advance(10)
        self.assertEqual(len(self.sink.lines), count)
        self.assertIsNone(self.successResultOf(recorder.when_ended()))
        self.stop(recorder)

    def test_it_records_once(self) -> None:
        recorder = self.record()
        self.failureResultOf(recorder.start(), RuntimeError)
        self.stop(recorder)

    def test_stopping_what_was_not_started(self) -> None:
        recorder = Recorder(self.browser, self.sink)
        self.assertIsNone(self.successResultOf(recorder.stop()))
        self.assertIn("new", repr(recorder))

    def test_it_cannot_begin_where_nothing_can_be_written(self) -> None:
        self.sink.errors = [OSError("no room")]
        recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        starting = recorder.start()
        self.chrome.flush()
        self.failureResultOf(starting, OSError)

    def test_it_always_stops(self) -> None:
        self.sink.errors = [OSError("no room")]
        recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        starting = recorder.start()
        self.chrome.flush()
        self.failureResultOf(starting, OSError)
        self.assertIsNone(self.successResultOf(recorder.stop()))
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), OSError)

    def test_a_stop_while_it_starts(self) -> None:
        recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        starting, stopping = recorder.start(), recorder.stop()
        self.assertNoResult(stopping)
        self.chrome.flush()
        self.failureResultOf(starting, CancelledError)
        self.assertIsNone(self.successResultOf(stopping))
        self.assertEqual(self.sink.closed, ("stopped", 0))

    def states_of(self, *steps: Callable[[Recorder], object]) -> list[str]:
        """Return what the ``repr`` of a recorder calls it, first and after each of some steps."""
        self.sink.opening = Deferred()
        recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        found = [repr(recorder)]
        for step in steps:
            done = step(recorder)
            if isinstance(done, Deferred):
                done.addErrback(lambda _: None)
            self.chrome.flush()
            found.append(repr(recorder))
        return [each.removeprefix("<Recorder ").partition(":")[0] for each in found]

    def test_its_state_is_in_its_repr(self) -> None:
        def opened(_: Recorder) -> None:
            self.sink.opening.callback(None)

        def not_opened(_: Recorder) -> None:
            self.sink.opening.errback(OSError("no room"))

        def hold(_: Recorder) -> None:
            self.emit(1, self.session)
            self.sink.hold()

        def release(_: Recorder) -> None:
            self.sink.release()

        self.session = self.open_page()
        start, stop = Recorder.start, Recorder.stop
        walk = self.states_of(stop, start, start, opened, hold, stop, release, stop)
        self.assertEqual(walk, ["new", "new", *["starting"] * 2, *["running"] * 2, "stopping", "ended", "ended"])
        unwanted = "starting, to be stopped"
        self.assertEqual(self.states_of(start, stop, opened), ["new", "starting", unwanted, "ended"])
        self.assertEqual(self.states_of(start, stop, not_opened), ["new", "starting", unwanted, "ended"])
        self.assertEqual(self.states_of(start, not_opened), ["new", "starting", "ended"])

    def begin(self) -> Deferred[None]:
        """Let a recorder start until its sink is being opened."""
        self.sink.opening = Deferred()
        self.recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        starting = self.recorder.start()
        self.chrome.flush()
        self.assertNoResult(starting)
        return starting

    def test_a_start_that_is_cancelled_while_the_sink_is_opened(self) -> None:
        starting = self.begin()
        starting.cancel()
        self.assertNoResult(starting)
        self.assertIsNone(self.sink.closed)
        stopping = self.recorder.stop()
        self.sink.opening.callback(None)
        self.failureResultOf(starting, CancelledError)
        self.assertEqual(self.sink.closed, ("stopped", 0))
        self.successResultOf(stopping)

    def test_a_start_that_is_cancelled_twice(self) -> None:
        starting = self.begin()
        starting.cancel()
        starting.cancel()
        self.failureResultOf(starting, CancelledError)
        self.sink.opening.callback(None)
        self.assertEqual(self.sink.closed, ("stopped", 0))

    def test_a_start_that_is_cancelled_and_fails(self) -> None:
        starting = self.begin()
        starting.cancel()
        self.sink.opening.errback(OSError("no room"))
        self.failureResultOf(starting, CancelledError)
        self.assertIsNone(self.sink.closed)

    def test_a_stop_that_is_cancelled_finishes_all_the_same(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.sink.hold()
        self.emit(1, session)
        self.chrome.advance(0.2)
        self.emit(2, session)
        stopping = recorder.stop()
        stopping.cancel()
        self.failureResultOf(stopping, CancelledError)
        self.assertIsNone(self.sink.closed)
        self.sink.release()
        self.assertEqual(self.sink.methods(), ["Network.dataReceived"] * 2)
        self.assertEqual(self.sink.closed, ("stopped", 0))

    def test_a_line_that_is_lost_while_it_starts(self) -> None:
        self.chrome.on(target.set_auto_attach, NEVER)
        recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        starting = recorder.start()
        self.chrome.flush()
        self.chrome.lose("cut")
        self.chrome.flush()
        self.failureResultOf(starting, ConnectionLost)
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), ConnectionLost)
        self.assertEqual(self.sink.closed, ("lost", 0))

    def test_a_browser_that_will_not_be_followed(self) -> None:
        self.chrome.on(target.set_auto_attach, NEVER)
        recorder = Recorder(self.browser, self.sink, in_thread=maybeDeferred)
        starting = recorder.start()
        self.chrome.flush()
        self.chrome.advance(31)
        self.failureResultOf(starting, CommandTimeout)
        self.assertEqual(self.sink.closed, ("failed", 0))

    def test_commands_that_come_too_fast_end_it_like_events(self) -> None:
        recorder = self.record(commands=True, overflow="error", buffer=600)
        self.sink.hold()
        for _ in range(20):
            self.connection.session.execute_raw("X.y").addErrback(lambda _: None)
        self.sink.release()
        self.chrome.flush()
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), QueueOverflow)

    def test_wrong_arguments(self) -> None:
        for options in (
            {"domains": ["Fetch"]},
            {"domains": ["Nonsense"]},
            {"secrets": "perhaps"},
            {"overflow": "latest"},
            {"buffer": 0},
        ):
            with self.assertRaises(ValueError):
                Recorder(self.browser, self.sink, **options)


class FollowingTests(RecorderCase):
    def commands(self, session: Any) -> list[str]:
        return [each.method for each in self.chrome.commands if each.session_id == session.id]

    def test_targets_that_come_later_are_set_up_before_they_run(self) -> None:
        recorder = self.record()
        session = self.chrome.attach(self.connection, "page", "https://a.example/", waiting=True)
        sent = self.commands(session)
        self.assertEqual(sent[-1], "Runtime.runIfWaitingForDebugger")
        for each in ("Network.enable", "Page.enable", "Runtime.enable", "Log.enable", "Target.setAutoAttach"):
            self.assertIn(each, sent)
        worker = self.chrome.attach(self.connection, "worker", "https://a.example/w.js", parent=session)
        self.assertNotIn("Page.enable", self.commands(worker))
        self.assertIn("Network.enable", self.commands(worker))
        self.stop(recorder)
        notes = self.sink.notes("attached")
        self.assertEqual([each["type"] for each in notes], ["page", "worker"])
        self.assertEqual(notes[1]["parent"], session.id)
        self.assertEqual(notes[0]["url"], "https://a.example/")

    def test_targets_that_are_there_already(self) -> None:
        session = self.open_page()
        recorder = self.record(domains=["CSS"])
        self.assertLess(self.commands(session).index("DOM.enable"), self.commands(session).index("CSS.enable"))
        self.emit(1, session)
        self.stop(recorder)
        self.assertIn("Network.dataReceived", self.sink.methods())
        self.assertEqual([each["session"] for each in self.sink.notes("attached")], [session.id])

    def test_the_application_may_attach_in_its_own_way(self) -> None:
        from txcdp._core.sessions import AutoAttach

        own = AutoAttach(recursive=False)
        self.chrome.run(own.start(self.connection.session))
        recorder = self.record()
        self.assertIs(self.connection.session.auto_attach, own)
        session = self.open_page()
        self.assertIn("Target.setAutoAttach", self.commands(session))
        self.stop(recorder)

    def test_the_browsers_own_window_is_left_alone_unless_it_is_named(self) -> None:
        recorder = self.record()
        self.chrome.run(self.connection.session.execute(target.create_target(url="about:blank")))
        with self.assertRaises(AssertionError):
            self.open_page(kind="browser_ui")
        self.stop(recorder)
        self.chrome.run(self.browser.close())
        self.browser = self.chrome.browser()
        self.connection = self.browser.connection
        self.sink = Memory()
        recorder = self.record(filter=Filter(targets=["browser_ui"]))
        self.open_page(kind="browser_ui")
        self.stop(recorder)
        self.assertIn("browser_ui", [each["type"] for each in self.sink.notes("attached")])

    def test_a_page_is_what_the_root_session_may_be(self) -> None:
        info = target.TargetInfo(target_id="P", type="page", title="", url="", attached=True, can_access_opener=False)
        self.chrome.on(target.get_target_info, target.GetTargetInfoResult(target_info=info))
        recorder = self.record()
        self.assertIn("Network.enable", self.commands(self.connection.session))
        self.stop(recorder)

    def test_node_has_no_targets(self) -> None:
        for method in (
            "Target.getTargetInfo",
            "Target.setAutoAttach",
            "Target.setDiscoverTargets",
            "Browser.getVersion",
        ):
            self.chrome.on(method, CommandError(method, -32601, "wasn't found"))
        recorder = self.record(domains=["Runtime"])
        self.assertIn("Runtime.enable", self.commands(self.connection.session))
        self.emit(1)
        self.stop(recorder)
        self.assertEqual(self.sink.methods(), ["Network.dataReceived"])
        self.assertIsNone(self.sink.host.describe()["browser"])

    def test_the_end_of_a_target_is_noted_after_its_events(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.emit(1, session)
        self.chrome.close_target(session)
        self.chrome.flush()
        self.stop(recorder)
        kinds = [each.get("note") or each["method"] for each in self.sink.values()]
        self.assertLess(kinds.index("Network.dataReceived"), kinds.index("detached"))
        (note,) = self.sink.notes("detached")
        self.assertEqual(note["session"], session.id)

    def test_every_note_is_described(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.close_target(session)
        self.chrome.flush()
        self.stop(recorder)
        self.assertTrue(self.sink.notes())
        for each in self.sink.notes():
            self.assertIn(each["note"], NOTES)

    def test_what_a_file_begins_with_tells_of_what_is_there(self) -> None:
        recorder = self.record(filter=Filter(events=["Network", "Target"]))
        session = self.open_page()
        about = self.sink.host.describe()
        self.assertEqual([each["session"] for each in about["targets"]], [session.id])
        self.assertEqual(about["options"]["events"], ["Network", "Target"])
        self.assertEqual(about["options"]["secrets"], "mask")
        self.assertIn("Chrome", about["browser"])
        self.stop(recorder)


class FilterTests(RecorderCase):
    def test_by_name(self) -> None:
        wanted = Filter(events=["Network", "Page.loadEventFired", "Log.*"], without=["Network.data*"])
        self.assertTrue(wanted.wants_event("Network.requestWillBeSent"))
        self.assertTrue(wanted.wants_event("Page.loadEventFired"))
        self.assertTrue(wanted.wants_event("Log.entryAdded"))
        self.assertFalse(wanted.wants_event("Network.dataReceived"))
        self.assertFalse(wanted.wants_event("Page.frameNavigated"))
        self.assertTrue(Filter().wants_event("Any.thing"))
        self.assertFalse(Filter(without=["Runtime"]).wants_event("Runtime.consoleAPICalled"))

    def test_what_excludes_by_mistake_is_warned_of(self) -> None:
        for part, wrong, words in (
            ("events", "network", "no domain 'network'; did you mean Network"),
            ("events", "network.web*", "no domain 'network'"),
            ("events", "Network.requestWillBeSend", "did you mean Network.requestWillBeSent "),
            ("without", "Page.navigate", "is a command, not an event"),
            ("urls", "example.com/*", "matches no URL"),
        ):
            with pytest.warns(UserWarning, match=words):
                Recorder(self.browser, self.sink, filter=Filter(**{part: [wrong]}))
        meant = Filter(events=["*", "Net*", "Page.*", "Page.frame*"], urls=["*", "*.example.com/*", "[hf]t*"])
        Recorder(self.browser, self.sink, filter=meant)
        wrong_kind: Any = [network.RequestWillBeSent]
        self.assertRaisesRegex(TypeError, "expected a str", Filter, events=wrong_kind)

    def test_what_is_not_wanted_is_not_written(self) -> None:
        recorder = self.record(filter=Filter(events=["Page"]))
        session = self.open_page()
        self.emit(1, session)
        self.chrome.emit(page.LoadEventFired(timestamp=1.0), session)
        self.chrome.flush()
        self.stop(recorder)
        self.assertEqual(self.sink.methods(), ["Page.loadEventFired"])
        self.assertEqual(recorder.stats.events, 1)

    def test_by_target(self) -> None:
        other = self.open_page()
        recorder = self.record(filter=Filter(targets=["worker", other.target.target_id], without=["Target", "Runtime"]))
        session, worker = self.open_page(), self.open_page(kind="worker")
        for number, each in enumerate((session, worker, other)):
            self.emit(number, each)
        self.chrome.send_bytes(b'{"method":"X.y","params":{},"sessionId":"WHO"}')
        self.chrome.flush()
        self.stop(recorder)
        mine = [each["session"] for each in self.sink.values() if "method" in each]
        self.assertEqual(mine, [worker.id, other.id])

    def test_by_the_url_that_a_target_has_now(self) -> None:
        recorder = self.record(filter=Filter(urls=["https://*.example.com/*"], without=["Target", "Runtime"]))
        session = self.open_page("https://elsewhere.test/")
        self.emit(1, session)
        for url in ("https://www.example.com/a", "https://www.example.com/a", "about:blank"):
            info = target.TargetInfo(
                target_id=session.target.target_id,
                type="page",
                title="",
                url=url,
                attached=True,
                can_access_opener=False,
            )
            self.chrome.emit(target.TargetInfoChanged(target_info=info))
            self.chrome.flush()
            self.emit(2, session)
        self.stop(recorder)
        mine = [each["params"]["requestId"] for each in self.sink.values() if "method" in each]
        self.assertEqual(mine, ["2", "2"])
        self.assertEqual(
            [each["url"] for each in self.sink.notes("changed")], ["https://www.example.com/a", "about:blank"]
        )


class SecretTests(RecorderCase):
    def headers(self) -> network.RequestWillBeSentExtraInfo:
        return network.RequestWillBeSentExtraInfo(
            request_id="1",
            associated_cookies=[],
            headers={"AUTHORIZATION": "Bearer s3cret", "Cookie": "a=s3cret", "Accept": "*/*"},
            connect_timing=network.ConnectTiming(request_time=1.0),
        )

    def test_headers_are_masked_unless_they_are_to_be_kept(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.emit(self.headers(), session)
        self.chrome.flush()
        self.stop(recorder)
        (event,) = [each for each in self.sink.values() if "method" in each]
        self.assertEqual(event["params"]["headers"], {"AUTHORIZATION": "***", "Cookie": "***", "Accept": "*/*"})
        self.assertEqual(event["session"], session.id)

    def test_kept(self) -> None:
        recorder = self.record(secrets="keep")
        session = self.open_page()
        self.chrome.emit(self.headers(), session)
        self.chrome.flush()
        self.stop(recorder)
        self.assertIn(b"s3cret", b"".join(self.sink.lines))

    def test_lists_of_headers(self) -> None:
        recorder = self.record()
        self.chrome.send_bytes(
            b'{"method":"Fetch.requestPaused","params":{"requestId":"1","responseHeaders":'
            b'[{"name":"Set-Cookie","value":"s3cret"},{"name":"Server","value":"x"}]}}'
        )
        self.chrome.flush()
        self.stop(recorder)
        (event,) = [each for each in self.sink.values() if each.get("method") == fetch.RequestPaused.method]
        self.assertEqual([each["value"] for each in event["params"]["responseHeaders"]], ["***", "x"])


class CommandTests(RecorderCase):
    def commands(self, *methods: str) -> list[dict[str, Any]]:
        """Return the commands of some methods, each followed by its reply."""
        values = self.sink.values()
        replies = {each["reply"]: each for each in values if "reply" in each}
        sent = [each for each in values if each.get("command") in methods]
        return [found for each in sent for found in (each, replies.get(each["id"])) if found is not None]

    def test_they_are_recorded_with_their_replies(self) -> None:
        recorder = self.record(commands=True)
        session = self.open_page()
        self.chrome.on(page.navigate, page.NavigateResult(frame_id="F", loader_id="L"))
        self.chrome.delay(0.5, page.navigate)
        navigating = session.execute(page.navigate(url="https://a.example/\n"))
        self.chrome.advance(0.5)
        self.assertEqual(self.successResultOf(navigating).frame_id, "F")
        self.chrome.on("X.y", CommandError("X.y", -32000, "no"))
        refused = self.connection.session.execute_raw("X.y", {"a": [1]})
        self.chrome.flush()
        self.failureResultOf(refused, CommandError)
        self.stop(recorder)
        sent, replied, other, failed = self.commands("Page.navigate", "X.y")
        self.assertEqual((sent["session"], sent["target"]), (session.id, session.target.target_id))
        self.assertEqual(sent["params"], {"url": "https://a.example/\n"})
        self.assertEqual((replied["result"]["frameId"], replied["duration"]), ("F", 0.5))
        self.assertEqual((other["session"], other["params"]), (None, {"a": [1]}))
        self.assertEqual(failed["error"], "no (-32000)")
        self.assertNotIn("result", failed)
        self.assertTrue(self.sink.host.describe()["options"]["commands"])

    def test_not_unless_they_are_asked_for(self) -> None:
        recorder = self.record()
        self.chrome.run(self.browser.version())
        self.stop(recorder)
        self.assertEqual(self.commands("Browser.getVersion"), [])

    def test_filters_hold_for_them_too(self) -> None:
        recorder = self.record(commands=True, filter=Filter(without=["Browser"], targets=["browser"]))
        session = self.open_page()
        self.chrome.run(self.browser.version())
        self.chrome.run(self.browser.targets())
        self.chrome.run(session.execute(page.enable()))
        self.stop(recorder)
        self.assertEqual(self.commands("Browser.getVersion", "Page.enable"), [])
        self.assertEqual(len(self.commands("Target.getTargets")), 2)

    def test_secrets(self) -> None:
        for secrets in ("mask", "keep"):
            self.sink = Memory()
            recorder = self.record(commands=True, secrets=secrets)
            session = self.open_page()
            self.chrome.on("Network.getCookies", {"cookies": [{"name": "sid", "value": "s3cret"}]})
            for method, params in (
                ("Network.setCookie", {"name": "sid", "value": "s3cret", "url": "https://a.example/"}),
                ("Network.setExtraHTTPHeaders", {"headers": {"Authorization": "s3cret", "X": "seen"}}),
                ("Fetch.continueWithAuth", {"requestId": "1", "authChallengeResponse": {"password": "s3cret"}}),
                ("Network.getCookies", {}),
            ):
                session.execute_raw(method, params).addErrback(lambda _: None)
            self.chrome.flush()
            self.stop(recorder)
            self.assertEqual(len(self.commands("Network.getCookies")), 2)
            everything = b"".join(self.sink.lines)
            self.assertIn(b"seen", everything)
            self.assertEqual(b"s3cret" in everything, secrets == "keep")

    def test_replies_in_any_form(self) -> None:
        recorder = self.record(commands=True)
        for answer in (
            '"result":{\n"a":1}',
            '"error":"just so"',
            '"error":{"code":-1,"message":"no","data":"because"}',
        ):
            waiting = self.connection.session.execute_raw("X.y", timeout=None)
            waiting.addErrback(lambda _: None)
            self.chrome.drop_replies(1)
            self.chrome.flush()
            number = self.chrome.commands[-1].id
            self.chrome.send_bytes(b'{"id":%d,%b}' % (number, answer.encode()))
            self.chrome.flush()
        self.stop(recorder)
        replies = [each for each in self.sink.values() if "reply" in each][-3:]
        self.assertEqual(replies[0]["result"], {"a": 1})
        self.assertEqual([each["error"] for each in replies[1:]], ["just so", "no: because (-1)"])

    def test_an_observer_that_raises_stops_no_command(self) -> None:
        heard: list[Any] = []

        def bad(*args: Any) -> None:
            heard.append(args)
            raise ValueError("a mistake")

        end = self.connection.observe_commands(CommandObserver(bad, bad))
        later = self.connection.observe_commands(CommandObserver(heard.append, lambda *args: heard.append(args)))
        self.chrome.run(self.browser.version())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assertEqual(len(heard), 4)
        end()
        self.chrome.run(self.browser.version())
        self.assertEqual(len(heard), 6)
        later()
        self.chrome.run(self.browser.version())
        self.assertEqual(len(heard), 6)

    def test_no_more_are_kept_in_mind_than_may_be(self) -> None:
        self.patch(commands, "_MOST", 3)
        recorder = self.record(commands=True)
        self.chrome.drop_replies()
        for _ in range(10):
            self.connection.session.execute_raw("X.y").addErrback(lambda _: None)
        self.chrome.flush()
        assert recorder._commands is not None
        self.assertEqual(len(recorder._commands._waiting), 3)
        self.chrome.drop_replies(0)
        self.stop(recorder)


class OverflowTests(RecorderCase):
    def fill(self, overflow: str, events: int = 100, **options: Any) -> Recorder:
        """Let events come while nothing is written; the buffer holds some ten of them."""
        recorder = self.record(overflow=overflow, buffer=1500, **options)
        session = self.open_page()
        self.chrome.advance(0.3)
        self.sink.hold()
        for number in range(events):
            self.chrome.emit(
                network.DataReceived(request_id=str(number), timestamp=1.0, data_length=1, encoded_data_length=1),
                session,
            )
        self.chrome.flush()
        self.chrome.advance(0.2)
        return recorder

    def numbers(self) -> list[int]:
        return [int(each["params"]["requestId"]) for each in self.sink.values() if "method" in each]

    def finish(self, recorder: Recorder) -> None:
        self.sink.release()
        self.stop(recorder)
        told = sum(each["count"] for each in self.sink.notes("dropped"))
        self.assertEqual(told, recorder.stats.dropped)
        self.assertEqual(len(self.numbers()) + told, 100)
        self.assertEqual(recorder.stats.events, len(self.numbers()))
        self.assertEqual(self.sink.closed, ("stopped", told))
        self.assertEqual(self.numbers(), sorted(self.numbers()))

    def test_the_newest(self) -> None:
        recorder = self.fill("drop_newest")
        self.finish(recorder)
        self.assertEqual(self.numbers()[0], 0)
        self.assertNotIn(99, self.numbers())
        (note,) = self.sink.notes("dropped")
        self.assertEqual(note["policy"], "drop_newest")
        self.assertLessEqual(note["since"], note["until"])

    def test_the_oldest(self) -> None:
        recorder = self.fill("drop_oldest")
        self.finish(recorder)
        self.assertEqual(self.numbers()[-1], 99)
        self.assertNotIn(0, self.numbers())

    def test_an_error_ends_it(self) -> None:
        recorder = self.fill("error")
        self.sink.release()
        self.chrome.flush()
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), QueueOverflow)
        self.assertEqual(self.sink.closed, ("failed", 0))
        self.assertEqual(len(self.numbers()), recorder.stats.events)

    def test_a_pause_is_asked_for_and_withdrawn(self) -> None:
        recorder = self.record(overflow="pause", buffer=1500)
        session = self.open_page()
        self.chrome.advance(0.3)
        self.sink.hold()
        flow = self.connection.context.flow
        sent = 0
        while not flow.held:
            self.emit(sent, session)
            sent += 1
            self.assertLess(sent, 100)
        self.assertTrue(self.chrome.lines[-1].paused)
        self.sink.release()
        self.chrome.advance(0.5)
        self.assertFalse(flow.held)
        self.assertFalse(self.chrome.lines[-1].paused)
        self.stop(recorder)
        self.assertEqual(self.numbers(), list(range(sent)))
        self.assertEqual(recorder.stats.dropped, 0)

    def test_past_a_pause_events_are_dropped_and_counted(self) -> None:
        recorder = self.record(overflow="pause", buffer=1500)
        session = self.open_page()
        self.chrome.advance(0.3)
        self.sink.hold()
        for number in range(100):
            self.chrome.emit(
                network.DataReceived(request_id=str(number), timestamp=1.0, data_length=1, encoded_data_length=1),
                session,
            )
        self.chrome.flush()
        self.chrome.advance(5.0)  # longer than the browser may be paused
        self.chrome.flush()
        self.assertGreater(recorder.stats.dropped, 0)
        self.finish(recorder)

    def test_notes_are_never_dropped(self) -> None:
        for policy in ("drop_newest", "drop_oldest"):
            self.sink = Memory()
            recorder = self.fill(policy)
            many = [self.open_page() for _ in range(50)]
            self.sink.release()
            self.stop(recorder)
            there = {each["session"] for each in self.sink.notes("attached")}
            self.assertLessEqual({each.id for each in many}, there)


class TroubleTests(RecorderCase):
    def test_what_cannot_be_written_is_tried_again(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.advance(1)
        self.sink.errors = [OSError("no room"), OSError("no room")]
        self.emit(1, session)
        self.chrome.advance(0.2)
        self.emit(2, session)
        self.assertNotIn("Network.dataReceived", self.sink.methods())
        self.assertEqual(recorder.stats.failures, 1)
        self.chrome.advance(1.0)
        self.assertEqual(recorder.stats.failures, 2)
        self.chrome.advance(1.0)
        self.chrome.advance(0.2)
        self.assertEqual(self.sink.methods()[-2:], ["Network.dataReceived"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.stop(recorder)

    def test_what_can_never_be_written_ends_it(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.advance(1)
        error = OSError(errno.EROFS, "not to be written to")
        self.sink.errors = [error] * 3
        self.emit(1, session)
        self.chrome.advance(0.2)
        self.assertIs(self.successResultOf(recorder.when_ended()), error)
        self.assertEqual(self.sink.closed, ("failed", 0))
        self.assertEqual(self.flushLoggedErrors(OSError)[-1].value, error)
        self.chrome.advance(100)
        self.stop(recorder)

    def test_a_stop_that_cannot_write_fails_and_ends(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.emit(1, session)
        self.sink.errors = [OSError("no room")]
        stopping = recorder.stop()
        self.chrome.flush()
        self.failureResultOf(stopping, OSError)
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), OSError)
        self.assertEqual(self.sink.closed, ("failed", 0))

    def test_a_stop_waits_for_what_is_being_written(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.chrome.advance(1)
        self.sink.hold()
        self.emit(1, session)
        self.chrome.advance(0.2)
        self.emit(2, session)
        first, second = recorder.stop(), recorder.stop()
        self.assertNoResult(first)
        self.assertIsNone(self.sink.closed)
        self.sink.release()
        self.assertIsNone(self.successResultOf(first))
        self.assertIsNone(self.successResultOf(second))
        self.assertEqual(self.sink.methods()[-2:], ["Network.dataReceived"] * 2)

    def test_the_end_of_the_connection_ends_it(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.emit(1, session)
        self.chrome.lose("cut")
        self.chrome.flush()
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), ConnectionLost)
        self.assertEqual(self.sink.closed, ("lost", 0))
        self.assertEqual(self.sink.notes()[-1]["note"], "line_lost")
        self.assertIn("detached", [each["note"] for each in self.sink.notes()])
        self.assertIn("Network.dataReceived", self.sink.methods())

    def test_a_clean_close_ends_it_too(self) -> None:
        recorder = self.record()
        self.chrome.run(self.browser.close())
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), ConnectionLost)
        self.assertEqual(self.sink.closed, ("closed", 0))

    def test_an_end_that_cannot_be_written_is_logged(self) -> None:
        recorder = self.record()
        self.chrome.advance(1)
        self.sink.errors = [OSError("no room"), OSError("no room")]
        self.chrome.lose("cut")
        self.chrome.flush()
        self.assertIsInstance(self.successResultOf(recorder.when_ended()), ConnectionLost)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class GapTests(RecorderCase):
    reconnect = ReconnectPolicy(jitter=lambda: 0.0)

    def test_the_recording_goes_on_over_another_line(self) -> None:
        recorder = self.record()
        session = self.open_page()
        self.emit(1, session)
        before = session.id
        self.chrome.lose("cut")
        self.chrome.flush()
        self.chrome.advance(1.0)
        self.assertIsNone(self.connection.suspended)
        self.assertNotEqual(session.id, before)
        self.emit(2, session)
        other = self.open_page()
        self.emit(3, other)
        self.chrome.close_target(session)
        self.chrome.flush()
        self.stop(recorder)
        told = [
            each.get("note") or each["params"]["requestId"]
            for each in self.sink.values()
            if each.get("note", "") != "frames" and ("note" in each or each["method"] == "Network.dataReceived")
        ]
        self.assertEqual(
            told, ["attached", "1", "line_lost", "line_found", "attached", "2", "attached", "3", "detached"]
        )
        (found,) = self.sink.notes("line_found")
        (lost,) = self.sink.notes("line_lost")
        self.assertAlmostEqual(found["since"], lost["time"])
        self.assertAlmostEqual(found["time"] - found["since"], 1.0)
        ids = [each["session"] for each in self.sink.values() if each.get("method") == "Network.dataReceived"]
        self.assertEqual(ids, [before, session.id, other.id])


class FileTests(RecorderCase):
    def test_a_recording_in_a_file_is_read_back(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.sink = JsonLines(folder)  # type: ignore[assignment]
            recorder = self.record()
            session = self.open_page()
            for number in range(3):
                self.emit(number, session)
            self.chrome.emit(
                runtime.ConsoleAPICalled(type="log", args=[], execution_context_id=1, timestamp=1.0), session
            )
            self.chrome.flush()
            self.assertTrue(list(Path(folder).glob("*.partial")))
            self.stop(recorder)
            self.sink = Memory()
            (path,) = Path(folder).iterdir()
            self.assertEqual(path.suffix, ".jsonl")
            entries = list(read(path))
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        first, last = entries[0], entries[-1]
        assert isinstance(first, NoteEntry)
        assert isinstance(last, NoteEntry)
        self.assertEqual((first.kind, first.data["version"]), ("begin", 1))
        self.assertEqual((last.kind, last.data["reason"]), ("end", "stopped"))
        events = [each for each in entries if isinstance(each, EventEntry)]
        self.assertEqual([each.method for each in events][-1], "Runtime.consoleAPICalled")
        self.assertEqual(events[0].params["requestId"], "0")
        self.assertEqual(events[0].session, session.id)
        self.assertEqual(events[0].target, session.target.target_id)

    def test_a_start_that_is_cancelled_leaves_no_file_unfinished(self) -> None:
        threads: list[tuple[Deferred[Any], Callable[[], Any]]] = []

        def in_thread(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
            threads.append((Deferred(), lambda: function(*args)))
            return threads[-1][0]

        def run_threads() -> None:
            """Let what was begun be done, whether or not somebody still waits for it."""
            while threads:
                deferred, function = threads.pop(0)
                deferred.callback(function())

        with tempfile.TemporaryDirectory() as folder:
            recorder = Recorder(self.browser, JsonLines(folder), in_thread=in_thread)
            starting = recorder.start()
            self.chrome.flush()
            self.assertEqual(len(threads), 1)
            starting.cancel()
            run_threads()
            self.failureResultOf(starting, CancelledError)
            self.assertEqual([each.suffix for each in Path(folder).iterdir()], [".jsonl"])
            kinds = [each.kind for each in read(folder) if isinstance(each, NoteEntry)]
            self.assertEqual(kinds, ["begin", "end"])
