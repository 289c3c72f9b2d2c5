"""Recordings played again: what comes, when, in which order, and by which clock."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import task
from twisted.internet.defer import Deferred, maybeDeferred

import txcdp
from txcdp.domains import network, page, runtime, target
from txcdp.errors import CommandError, ConnectionLost
from txcdp.model import ExchangeStarted
from txcdp.recording import (
    Damage,
    EventEntry,
    JsonLines,
    NoteEntry,
    Recorder,
    Replay,
    SQLite,
    WrongSchema,
    read,
    replay,
)
from txcdp.recording._entries import command_line, event_line, head_of, note_line, reply_line
from txcdp.recording._recorded_clock import RecordedClock
from txcdp.recording._sqlite import _INSERT, _SCHEMA, _columns
from txcdp.testing import FakeChrome

BEGAN = 1_800_000_000.0
SESSION, TARGET = "5E55", "7A26"


def event(at: float, method: str, params: dict[str, Any], session: str | None = SESSION) -> bytes:
    body = json.dumps({"method": method, "params": params}, separators=(",", ":"))[1:-1].encode()
    return event_line(BEGAN + at, head_of(session, TARGET if session else None), body)


def data(at: float, length: int) -> bytes:
    params = {"requestId": "1", "timestamp": at, "dataLength": length, "encodedDataLength": 0}
    return event(at, "Network.dataReceived", params)


def begin(at: float = 0.0, **more: Any) -> bytes:
    about = {"format": "txcdp-recording", "version": 1, "recording": "r", "file": 1, "browser": "Chrome/150"}
    return note_line(BEGAN + at, "begin", **{**about, "options": {"commands": True}, "targets": [], **more})


def attached(at: float = 0.0, url: str = "https://example.com/", **more: Any) -> bytes:
    told = {"session": SESSION, "target": TARGET, "type": "page", "url": url, "opener": None, "parent": None}
    return note_line(BEGAN + at, "attached", **{**told, **more})


def info(url: str = "https://example.com/") -> dict[str, Any]:
    about = {"targetId": TARGET, "type": "page", "title": "", "url": url}
    return {**about, "attached": True, "canAccessOpener": False}


def seconds_of(at: float) -> float:
    return round(at - BEGAN, 6)


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: bytes) -> Path:
        path = tmp_path / "recording.jsonl"
        path.write_bytes(b"".join((begin(), attached(), *lines)))
        return path

    return write


def opened(source: Any, speed: Any = "instant") -> tuple[Replay, task.Clock]:
    clock = task.Clock()
    return replay(source, clock=clock, speed=speed), clock


def collected(stream: Any) -> list[Any]:
    seen: list[Any] = []
    stream.subscribe(seen.append, lambda error: seen.append(type(error)), lambda: seen.append("complete"))
    return seen


def lengths(played: Replay) -> list[Any]:
    """Collect the lengths of the data that the page is told of; it is there from its attaching on."""
    seen: list[Any] = []

    def hear(session: Any) -> None:
        session.events(network.DataReceived).subscribe(lambda each: seen.append(each.data_length))

    played.browser.connection.attached.subscribe(hear)
    return seen


def outcome(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found[0] if found else "nothing yet"


class TestPlaying:
    """What moves when."""

    def test_nothing_moves_before_it_is_played(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(0, 1)), 1.0)
        seen = lengths(played)
        clock.advance(3600)
        assert (seen, played.time, played.browser.sessions) == ([], BEGAN, [played.browser.session])

    def test_at_once_with_a_clock_all_is_played_within_the_call(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1), data(3600, 2)))
        seen = lengths(played)
        assert outcome(played.play()) is None
        assert (seen, seconds_of(played.time), clock.seconds()) == ([1, 2], 3600, 3600)
        assert played.ended

    def test_it_keeps_pace_with_its_clock(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1), data(1.5, 2), data(10, 3)), 2.0)
        seen = lengths(played)
        ended = played.play()
        told: list[tuple[float, list[int]]] = []
        for _ in range(6):
            clock.advance(1.0 if told else 0.5)
            told.append((clock.seconds(), list(seen)))
        assert told == [(0.5, [1]), (1.5, [1, 2]), (2.5, [1, 2]), (3.5, [1, 2]), (4.5, [1, 2]), (5.5, [1, 2, 3])]
        assert outcome(ended) is None

    def test_a_clock_that_jumps_makes_all_come_in_its_own_time(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(*(data(at, at) for at in range(1, 60))), 1.0)
        seen: list[tuple[int, float]] = []

        def hear(session: Any) -> None:
            rates = session.events(network.DataReceived).buffer_with_time(10.0)
            rates.subscribe(lambda each: seen.append((len(each), seconds_of(played.time))))

        played.browser.connection.attached.subscribe(hear)
        played.play()
        clock.advance(3600)
        assert seen == [(9, 10), (10, 20), (10, 30), (10, 40), (10, 50), (10, 59)]

    def test_under_a_reactor_it_is_played_in_parts(self, recording: Callable[..., Path]) -> None:
        class Reactor:
            """Something with a time that is no ``task.Clock``."""

            def __init__(self) -> None:
                self.calls: list[Any] = []

            def seconds(self) -> float:
                return 5.0

            def callLater(self, delay: float, function: Any, *args: Any) -> Any:
                call = task.Clock().callLater(delay, function, *args)
                self.calls.append((call, function))
                return call

        reactor: Any = Reactor()
        played = replay(recording(*(data(at / 1000, 1) for at in range(5000))), clock=reactor, speed="instant")
        seen = lengths(played)
        ended = played.play()
        parts = []
        while reactor.calls:
            call, function = reactor.calls.pop(0)
            if call.active():
                call.called = 1
                function()
                parts.append(len(seen))
        assert parts[-1] == 5000
        assert len(parts) > 2
        assert outcome(ended) is None

    @pytest.mark.parametrize("speed", [0, -1.0, "fast", float("nan"), float("inf")])
    def test_a_speed_that_is_none_is_refused(self, recording: Callable[..., Path], speed: Any) -> None:
        with pytest.raises(ValueError, match="instant"):
            replay(recording(), speed=speed)

    def test_it_is_not_played_twice_at_a_time(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1)), 1.0)
        played.play()
        with pytest.raises(RuntimeError, match="pause"):
            played.play()
        with pytest.raises(RuntimeError, match="pause"):
            played.step()

    def test_a_recording_that_is_not_there_is_said_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            replay(tmp_path / "none.jsonl")

    def test_an_empty_one_ends_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jsonl").touch()
        played, _ = opened(tmp_path / "empty.jsonl")
        assert outcome(played.play()) is None
        assert played.began == 0

    def test_closed_it_ends_where_it_is(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1), data(2, 2)), 1.0)
        console = collected(played.browser.console)
        ended = played.play()
        clock.advance(1.5)
        played.close()
        assert (console, outcome(ended), played.ended) == (["complete"], None, True)
        assert [call for call in clock.getDelayedCalls() if call.active()] == []

    def test_a_browser_that_is_closed_ends_it(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1), data(2, 2)), 1.0)
        ended = played.play()
        clock.advance(1.5)
        closing = played.browser.close()
        clock.advance(0)
        assert (outcome(closing), outcome(ended)) == (None, None)
        assert played.ended


class TestStopping:
    """It stands still where it was told to, and goes on from there."""

    def test_a_time_is_played_up_to_and_with_it(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1), data(2, 2), data(2, 3), data(2.000001, 4)))
        seen = lengths(played)
        assert outcome(played.play(until=2.0)) is None
        assert (seen, seconds_of(played.time)) == ([1, 2, 3], 2.0)
        played.play()
        assert seen == [1, 2, 3, 4]

    @pytest.mark.parametrize(
        "until", [1.5, BEGAN + 1.5, timedelta(seconds=1.5), datetime.fromtimestamp(BEGAN + 1.5, UTC)]
    )
    def test_times_are_from_the_beginning_or_absolute(self, recording: Callable[..., Path], until: Any) -> None:
        played, _ = opened(recording(data(1, 1), data(2, 2)))
        seen = lengths(played)
        played.play(until=until)
        assert (seen, seconds_of(played.time)) == ([1], 1.5)

    def test_an_event_is_the_last_that_comes(self, recording: Callable[..., Path]) -> None:
        loaded = event(2, "Page.loadEventFired", {"timestamp": 2.0})
        played, _ = opened(recording(data(1, 1), loaded, data(2, 2)))
        seen = lengths(played)
        entry = outcome(played.play(until=page.LoadEventFired))
        assert (seen, entry.method, played.ended) == ([1], "Page.loadEventFired", False)

    def test_a_function_chooses_where(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1), data(2, 2), data(3, 3)))
        seen = lengths(played)
        wanted = lambda entry: isinstance(entry, EventEntry) and entry.params["dataLength"] == 2  # noqa: E731
        assert outcome(played.play(until=wanted)).time == BEGAN + 2
        assert seen == [1, 2]

    def test_what_is_no_event_is_refused(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording())
        with pytest.raises(TypeError, match="event"):
            played.play(until=int)  # type: ignore[arg-type]

    def test_steps_are_events(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1), data(2, 2)), 1.0)
        seen = lengths(played)
        first = played.step()
        assert isinstance(first, EventEntry)
        assert (seen, seconds_of(played.time)) == ([1], 1)
        played.step()
        assert (seen, played.step(), played.ended) == ([1, 2], None, True)

    def test_paused_it_stands_still(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1), data(2, 2)), 1.0)
        seen = lengths(played)
        first = played.play()
        clock.advance(1.25)
        played.pause()
        clock.advance(100)
        assert (seen, seconds_of(played.time), outcome(first)) == ([1], 1.25, None)
        played.play()
        clock.advance(0.5)
        assert seen == [1]
        clock.advance(0.25)
        assert seen == [1, 2]

    def test_a_cancelled_play_is_paused(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1)), 1.0)
        seen = lengths(played)
        first = played.play()
        first.addErrback(lambda _: None)
        first.cancel()
        clock.advance(5)
        assert seen == []
        played.play()
        clock.advance(5)
        assert seen == [1]


class TestSeeking:
    """Another time, with all as it was then."""

    def sent(self, at: float, number: str) -> bytes:
        request = {"url": f"https://example.com/{number}", "method": "GET", "headers": {}, "initialPriority": "High"}
        params = {
            "requestId": number, "loaderId": "L", "documentURL": "https://example.com/", "timestamp": at,
            "wallTime": BEGAN + at, "initiator": {"type": "other"}, "redirectHasExtraInfo": False, "type": "Image",
            "request": {**request, "referrerPolicy": "origin"}, "frameId": TARGET,
        }  # fmt: skip
        return event(at, "Network.requestWillBeSent", params)

    def ended(self, at: float, number: str) -> bytes:
        return event(at, "Network.loadingFinished", {"requestId": number, "timestamp": at, "encodedDataLength": 7})

    def test_what_was_there_is_there_and_the_rest_is_to_come(self, recording: Callable[..., Path]) -> None:
        frame = {"frameId": "CHILD", "parentFrameId": TARGET}
        lines = [
            event(0.5, "Page.frameAttached", frame),
            *(self.sent(1, "a"), self.ended(2, "a"), self.sent(3, "b"), data(4, 4), self.ended(6, "b"), data(7, 7)),
        ]
        played, _ = opened(recording(*lines))
        played.seek(4.0)
        (only,) = played.browser.pages
        assert [each._row.id for each in only.frames] == [TARGET, "CHILD"]
        assert [each.url for each in played.browser.model.exchanges.exchanges.values()] == ["https://example.com/b"]
        finished = collected(only.requests_finished)
        told = collected(played.entries)
        assert (seconds_of(played.time), played.sessions[1].id) == (4.0, SESSION)
        played.play()
        assert [each.url for each in finished[:-1]] == ["https://example.com/b"]
        assert [seconds_of(each.time) for each in told[:-1]] == [4.0, 6.0, 7.0]

    def test_back_and_forth(self, recording: Callable[..., Path]) -> None:
        gone = event(3, "Target.detachedFromTarget", {"sessionId": SESSION, "targetId": TARGET}, None)
        played, _ = opened(recording(data(1, 1), gone, data(5, 1)))
        before = collected(played.browser.console)
        played.seek(4.0)
        assert (before, played.browser.pages) == (["complete"], [])
        played.seek(2.0)
        assert len(played.browser.pages) == 1
        played.play()
        with pytest.raises(RuntimeError, match="another one"):
            played.seek(1.0)

    def test_what_waits_on_the_clock_waits_as_long_as_before(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(10, 1)))
        called: list[float] = []
        played.clock.callLater(2.0, lambda: called.append(seconds_of(played.time)))
        played.seek(5.0)
        played.play()
        assert called == [7.0]


class TestTies:
    """What falls due at one moment: calls of before, then entries, then what they ask for at once."""

    def test_an_event_at_a_windows_end_is_in_the_next_one(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(*(data(at, at) for at in (1, 59, 60, 61, 120))))
        windows: list[list[int]] = []

        def hear(session: Any) -> None:
            stream = session.events(network.DataReceived).map(lambda each: each.data_length)
            stream.buffer_with_time(60.0).subscribe(windows.append)

        played.browser.connection.attached.subscribe(hear)
        played.play()
        assert windows == [[1, 59], [60, 61], [120]]

    def test_timestamps_and_absolute_times_are_the_recordings(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1.000001, 1), data(2.5, 2)))
        stamps: list[Any] = []
        due: list[str] = []

        def hear(session: Any) -> None:
            session.events(network.DataReceived).timestamp().subscribe(lambda each: stamps.append(each.timestamp))
            session.events(network.DataReceived).subscribe(lambda each: due.append(f"event {each.data_length}"))

        played.browser.connection.attached.subscribe(hear)
        scheduler = txcdp.TwistedScheduler(played.clock)
        at = datetime.fromtimestamp(BEGAN + 2.5, UTC)
        scheduler.schedule_absolute(at, lambda *_: due.append("absolute"))
        played.play()
        assert [each.timestamp() for each in stamps] == [BEGAN + 1.000001, BEGAN + 2.5]
        assert due == ["event 1", "absolute", "event 2"]

    def test_what_an_event_asks_for_at_once_comes_after_all_of_its_moment(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1), data(1, 2), data(1, 3), data(1.000001, 4)))
        seen: list[Any] = []

        def hear(session: Any) -> None:
            def take(each: network.DataReceived) -> None:
                seen.append(each.data_length)
                played.clock.callLater(0, seen.append, f"after {each.data_length}")

            session.events(network.DataReceived).subscribe(take)

        played.browser.connection.attached.subscribe(hear)
        played.play()
        assert seen == [1, 2, 3, "after 1", "after 2", "after 3", 4, "after 4"]

    def test_equal_timestamps_keep_their_order(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(*(data(7, number) for number in range(1000))))
        seen = lengths(played)
        played.play()
        assert seen == list(range(1000))

    def test_a_clock_that_was_set_back_holds_nothing_up(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(100, 1), data(40, 2), data(101, 3)))
        seen: list[tuple[int, float]] = []

        def hear(session: Any) -> None:
            stream = session.events(network.DataReceived)
            stream.subscribe(lambda each: seen.append((each.data_length, seconds_of(played.time))))

        played.browser.connection.attached.subscribe(hear)
        played.play()
        assert seen == [(1, 100), (2, 100), (3, 101)]

    def test_what_operators_hold_at_the_end_comes(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1), data(2, 2)))
        seen: list[Any] = []

        def hear(session: Any) -> None:
            stream = session.events(network.DataReceived).delay(5.0).map(lambda each: each.data_length)
            stream.subscribe(seen.append, seen.append, lambda: seen.append("complete"))

        played.browser.connection.attached.subscribe(hear)
        played.play()
        assert seen == [1, 2, "complete"]

    def test_calls_on_the_clock_that_was_given_come_in_the_recordings_time(
        self, recording: Callable[..., Path]
    ) -> None:
        played, clock = opened(recording(data(1, 1), data(3, 3)))
        seen = lengths(played)
        clock.callLater(2.0, seen.append, "two")
        clock.callLater(3.0, seen.append, "three")
        played.play()
        assert seen == [1, "two", "three", 3]


class Pipelines:
    """What a program makes of one page's events, with operators that take time.

    :param events: of the page.
    :param clock: what their times are by.
    """

    def __init__(self, events: Any) -> None:
        self.said: dict[str, list[Any]] = {}
        lengths = events.map(lambda each: each.data_length)
        self._take("windows", lengths.buffer_with_time(1.0))
        self._take("debounce", lengths.debounce(0.4))
        self._take("throttle", lengths.throttle_first(0.7))
        self._take("sample", lengths.sample(0.5))
        self._take("delay", lengths.delay(0.25))
        self._take("timeout", lengths.timeout(1.5))
        self._take("interval", lengths.time_interval().map(lambda each: round(each.interval.total_seconds(), 6)))

    def _take(self, name: str, stream: Any) -> None:
        said = self.said[name] = []
        stream.subscribe(said.append, lambda error: said.append(type(error).__name__), lambda: said.append("complete"))


#: When data comes; some of it at the very ends of windows.
MOMENTS = (0.1, 0.2, 0.5, 1.0, 1.0, 1.3, 2.0, 2.9, 3.0, 3.000001, 5.0, 5.1, 7.0)


class TestEquality:
    """The same pipeline: live, replayed at its own pace, faster, and at once."""

    def recorded_live(self, folder: Path) -> dict[str, list[Any]]:
        chrome = FakeChrome()
        browser = chrome.browser()
        began = chrome.clock.seconds()
        wall = lambda: BEGAN + chrome.clock.seconds()  # noqa: E731
        recorder = Recorder(browser, JsonLines(folder, sync="never"), wall=wall, in_thread=maybeDeferred)
        chrome.run(recorder.start())
        session = chrome.attach(browser.connection, url="https://example.com/")
        live = Pipelines(session.events(network.DataReceived))
        for number, at in enumerate(MOMENTS):
            chrome.advance(began + at - chrome.clock.seconds())
            sent = network.DataReceived(request_id="1", timestamp=at, data_length=number, encoded_data_length=0)
            chrome.emit(sent, session)
            chrome.flush()
        chrome.run(recorder.stop(), seconds=1.0)
        chrome.run(browser.close(), seconds=1.0)
        chrome.advance(5.0)
        return live.said

    @pytest.mark.parametrize("speed", [1.0, 7.0, "instant"])
    def test_windows_debounce_throttle_and_timeout_come_out_alike(self, tmp_path: Path, speed: Any) -> None:
        live = self.recorded_live(tmp_path)
        played, clock = opened(tmp_path, speed)
        made: list[Pipelines] = []
        hear = lambda session: made.append(Pipelines(session.events(network.DataReceived)))  # noqa: E731
        played.browser.connection.attached.subscribe(hear)
        ended = played.play()
        while speed != "instant" and not played.ended:
            clock.advance(0.0137)  # as a reactor that is seldom on time
        clock.advance(10.0)
        assert outcome(ended) is None
        assert made[0].said == live
        assert "DeadlineError" in live["timeout"]
        assert live["windows"][:3] == [[0, 1, 2], [3, 4, 5], [6, 7]]


class TestClock:
    """The clock of a recording."""

    def test_calls_are_put_off_and_brought_forward(self) -> None:
        clock, seen = RecordedClock(1_000_000), list[str]()
        later, sooner = clock.callLater(1.0, seen.append, "later"), clock.callLater(5.0, seen.append, "sooner")
        later.delay(1.0)
        sooner.reset(0.5)
        clock.callLater(9.0, seen.append, "never").cancel()
        while clock.next_due() is not None:
            clock.run_next()
            seen.append(f"{clock.seconds():g}")
        assert seen == ["sooner", "1.5", "later", "3"]
        assert clock.getDelayedCalls() == []

    def test_a_call_that_raises_harms_no_other(self) -> None:
        clock, seen = RecordedClock(), list[str]()
        clock.callLater(1.0, lambda: 1 / 0)
        clock.callLater(2.0, seen.append, "well")
        while clock.next_due() is not None:
            clock.run_next()
        assert seen == ["well"]

    def test_after_a_jump_all_is_as_far_off_as_before(self) -> None:
        clock, seen = RecordedClock(5_000_000), list[float]()
        call = clock.callLater(2.0, lambda: seen.append(clock.seconds()))
        clock.jump(100_000_000)
        assert (clock.next_due(), call.getTime()) == ((102_000_000, 0), 102.0)
        clock.run_next()
        assert seen == [102.0]


class TestBrowser:
    """What comes to be in the browser of a replay."""

    def test_its_pages_are_those_of_the_recording(self, recording: Callable[..., Path]) -> None:
        gone = event(3, "Target.detachedFromTarget", {"sessionId": SESSION, "targetId": TARGET}, None)
        played, _ = opened(recording(data(1, 1), gone, data(4, 1)))
        opening = collected(played.browser.page_opened)
        played.play(until=2.0)
        (only,) = played.browser.pages
        assert (only.url, only.target_id, opening) == ("https://example.com/", TARGET, [only])
        played.play(until=3.5)
        assert (played.browser.pages, only.is_closed()) == ([], True)

    def test_streams_pages_and_model_say_what_was_recorded(self, recording: Callable[..., Path]) -> None:
        request = {"url": "https://example.com/a.png", "method": "GET", "headers": {}, "initialPriority": "High"}
        sent = {
            "requestId": "R", "loaderId": "L", "documentURL": "https://example.com/", "timestamp": 1.0,
            "wallTime": BEGAN + 1, "initiator": {"type": "other"}, "redirectHasExtraInfo": False, "type": "Image",
            "request": {**request, "referrerPolicy": "origin"}, "frameId": TARGET,
        }  # fmt: skip
        said = {
            "type": "log",
            "args": [{"type": "string", "value": "hello"}],
            "executionContextId": 1,
            "timestamp": 1.0,
        }
        finished = {"requestId": "R", "timestamp": 2.0, "encodedDataLength": 7}
        lines = [
            event(1, "Network.requestWillBeSent", sent),
            event(1.5, "Runtime.consoleAPICalled", said),
            event(2, "Network.loadingFinished", finished),
        ]
        played, _ = opened(recording(*lines))
        exchanges, console = collected(played.browser.exchanges), collected(played.browser.console)
        changes = collected(played.browser.changes)
        played.play(until=1.0)
        assert (
            list(played.browser.model.exchanges.exchanges) == [("R", 0)]
            or len(played.browser.model.exchanges.exchanges) == 1
        )
        played.play()
        assert [each.request.url for each in exchanges[:-1]] == ["https://example.com/a.png"]
        assert exchanges[0].finished
        assert [each.text for each in console[:-1]] == ["hello"]
        assert any(isinstance(each, ExchangeStarted) for each in changes)

    def test_a_model_that_is_asked_for_late_knows_all(self, recording: Callable[..., Path]) -> None:
        frame = {
            "id": TARGET, "loaderId": "L", "url": "https://example.com/there", "domainAndRegistry": "",
            "securityOrigin": "https://example.com", "mimeType": "text/html", "secureContextType": "Secure",
            "crossOriginIsolatedContextType": "NotIsolated", "gatedAPIFeatures": [],
        }  # fmt: skip
        lines = [event(1, "Page.frameNavigated", {"frame": frame, "type": "Navigation"}), data(2, 1)]
        early, late = (opened(recording(*lines))[0] for _ in range(2))
        model = early.browser.model
        for each in (early, late):
            each.play()
        assert late.browser.model.snapshot() == model.snapshot()
        assert late.browser.model.frames.frames[TARGET].url == "https://example.com/there"

    def test_entries_come_before_what_they_tell_of(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(data(1, 1)))
        seen = lengths(played)
        played.entries.subscribe(lambda entry: seen.append(getattr(entry, "method", getattr(entry, "kind", ""))))
        played.play()
        assert seen == ["begin", "attached", "Network.dataReceived", 1]

    def test_a_second_session_of_a_page_makes_no_second_page(self, recording: Callable[..., Path]) -> None:
        params = {"sessionId": "OWN", "targetInfo": info(), "waitingForDebugger": False}
        lines = [
            event(1, "Target.attachedToTarget", params, None),
            event(2, "Page.loadEventFired", {"timestamp": 1}, "OWN"),
        ]
        played, _ = opened(recording(*lines))
        loaded: list[str | None] = []
        played.browser.connection.attached.subscribe(
            lambda session: session.events(page.LoadEventFired).subscribe(lambda _: loaded.append(session.id))
        )
        played.play(until=2.0)
        assert (len(played.browser.pages), len(played.browser.sessions), loaded) == (1, 3, ["OWN"])


class TestSessions:
    """Sessions come and go by the browser's events, and where these were left out, by notes."""

    def test_the_browsers_event_goes_before_the_note(self, tmp_path: Path) -> None:
        params = {"sessionId": SESSION, "targetInfo": {**info(), "title": "told"}, "waitingForDebugger": True}
        sent = command_line(BEGAN, head_of(SESSION, TARGET), "Page.enable", 1, b"{}")
        told = event(0, "Target.attachedToTarget", params, None)
        (tmp_path / "r.jsonl").write_bytes(b"".join((begin(), attached(), sent, told, data(1, 1))))
        played, _ = opened(tmp_path / "r.jsonl")
        seen = lengths(played)
        played.play(until=0.5)
        (only,) = played.browser.pages
        assert only.session.target is not None
        assert only.session.target.title == "told"
        played.play()
        assert seen == [1]

    def test_notes_alone_do(self, recording: Callable[..., Path]) -> None:
        moved = note_line(
            BEGAN + 1, "changed", session=SESSION, target=TARGET, type="page", url="https://other.example/"
        )
        gone = note_line(BEGAN + 2, "detached", session=SESSION, target=TARGET, reason="closed")
        played, _ = opened(recording(data(0.5, 1), moved, data(1.5, 1), gone, data(3, 1)))
        changed = collected(played.browser.session.events(target.TargetInfoChanged))
        played.play(until=2.5)
        assert (played.browser.pages, [each.target_info.url for each in changed]) == ([], ["https://other.example/"])

    def test_the_sessions_of_a_later_file_are_those_it_begins_with(self, tmp_path: Path) -> None:
        told = {"session": SESSION, "target": TARGET, "type": "page", "url": "https://example.com/", "parent": None}
        worker = {"session": "W", "target": "W1", "type": "worker", "url": "", "parent": SESSION}
        (tmp_path / "r.jsonl").write_bytes(begin(file=3, targets=[told, worker]) + data(1, 1))
        played, _ = opened(tmp_path / "r.jsonl")
        seen = lengths(played)
        played.play(until=1.0)
        kinds = [(each.kind, None if each.parent is None else each.parent.id) for each in played.browser.sessions[1:]]
        assert (seen, kinds) == ([1], [("page", None), ("worker", SESSION)])

    def test_the_loss_of_its_line_ends_it_so(self, recording: Callable[..., Path]) -> None:
        lost = note_line(BEGAN + 2, "line_lost", cause="ended", error="the browser went away")
        end = note_line(BEGAN + 2, "end", reason="lost", entries=1, dropped=0)
        played, _ = opened(recording(data(1, 1), lost, end))
        console = collected(played.browser.console)
        assert outcome(played.play()) is None
        assert console == [ConnectionLost]


class TestAnswers:
    """What a recording says to commands."""

    def test_what_has_no_result_is_agreed_to(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1)))
        asked = played.browser.session.execute(target.set_discover_targets(discover=True))
        assert outcome(asked) == "nothing yet"
        clock.advance(0)
        assert outcome(asked) is None

    def test_what_was_recorded_is_said_again(self, recording: Callable[..., Path]) -> None:
        head = head_of(SESSION, TARGET)
        lines = []
        for number, text in ((1, "one"), (2, "two")):
            lines.append(command_line(BEGAN, head, "Network.getResponseBody", number, b'{"requestId":"R"}'))
            body = json.dumps({"body": text, "base64Encoded": False}).encode()
            lines.append(reply_line(BEGAN, number, 0.001, body))
        lines.append(command_line(BEGAN, head, "Network.getResponseBody", 3, b'{"requestId":"S"}'))
        lines.append(reply_line(BEGAN, 3, 0.001, error="No data found (-32000)"))
        played, clock = opened(recording(*lines, data(1, 1)))
        played.play(until=0.5)
        session = played.browser.pages[0].session
        asked = [session.execute(network.get_response_body(request_id=each)) for each in ("R", "R", "R", "S", "T")]
        clock.advance(0)
        said = [outcome(each) for each in asked]
        assert [each.body for each in said[:3]] == ["one", "two", "two"]
        assert [(each.type, each.value.message) for each in said[3:4]] == [(CommandError, "No data found")]
        assert "commands=True" in str(said[4].value)

    def test_parameters_may_have_what_no_text_has(self, recording: Callable[..., Path]) -> None:
        asked = b'{"expression":"\\ud800"}'
        lines = [
            command_line(BEGAN, head_of(SESSION, TARGET), "Runtime.evaluate", 1, asked),
            reply_line(BEGAN, 1, 0.001, b'{"result":{"type":"number","value":7}}'),
        ]
        played, clock = opened(recording(*lines, data(1, 1)))
        played.play(until=0.5)
        evaluated = played.browser.pages[0].session.execute(runtime.evaluate(expression="\ud800"))
        clock.advance(0)
        assert outcome(evaluated).result.value == 7

    def test_nothing_can_be_done_there(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1)))
        played.play(until=0.5)
        going = played.browser.pages[0].goto("https://example.com/")
        clock.advance(0)
        failure = outcome(going)
        assert failure.check(txcdp.TxcdpError)
        assert "recording" in str(failure.value)

    def test_the_browser_is_the_one_that_was_recorded(self, recording: Callable[..., Path]) -> None:
        played, clock = opened(recording(data(1, 1)))
        asked = played.browser.version()
        clock.advance(0)
        assert outcome(asked).product == "Chrome/150"


class TestFormats:
    """All that a recorder writes, and what has become of it."""

    def lines(self) -> list[bytes]:
        return [begin(), attached(), data(1, 1), data(2, 2), note_line(BEGAN + 3, "end", reason="stopped")]

    def played(self, path: Path) -> list[Any]:
        played, _ = opened(path)
        seen = lengths(played)
        played.play()
        assert played.damages == []
        return seen

    def test_compressed_files_and_directories(self, tmp_path: Path) -> None:
        (tmp_path / "r.jsonl.gz").write_bytes(gzip.compress(b"".join(self.lines())))
        assert self.played(tmp_path / "r.jsonl.gz") == self.played(tmp_path) == [1, 2]

    def test_databases_in_the_order_of_their_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "r.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_SCHEMA)
            connection.execute("INSERT INTO recordings(began) VALUES (?)", (BEGAN,))
            connection.executemany(_INSERT, [(1, *_columns(line)) for line in self.lines()])
            connection.commit()
        assert self.played(path) == [1, 2]
        assert SQLite(path).path == path

    def test_entries_that_were_read(self, tmp_path: Path) -> None:
        (tmp_path / "r.jsonl").write_bytes(b"".join(self.lines()))
        wanted = [each for each in read(tmp_path) if getattr(each, "params", {}).get("dataLength") != 1]
        played, _ = opened(wanted)
        seen = lengths(played)
        played.play()
        assert seen == [2]

    def test_what_is_torn_is_told_and_the_rest_is_played(self, tmp_path: Path) -> None:
        lines = self.lines()
        (tmp_path / "r.jsonl").write_bytes(b"".join([*lines[:3], b"garbage\n", lines[3], lines[4][:20]]))
        played, _ = opened(tmp_path / "r.jsonl")
        seen = lengths(played)
        told = collected(played.entries)
        played.play()
        assert seen == [1, 2]
        assert [type(each) for each in played.damages] == [Damage, Damage]
        assert [each for each in told if isinstance(each, Damage)] == played.damages

    def test_a_later_version_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "r.jsonl").write_bytes(begin(version=2) + data(1, 1))
        with pytest.raises(WrongSchema, match="version 2"):
            replay(tmp_path / "r.jsonl")

    def test_notes_and_keys_of_others_are_passed_over(self, recording: Callable[..., Path]) -> None:
        played, _ = opened(recording(note_line(BEGAN, "weather", sun=True), data(1, 1)))
        seen = lengths(played)
        notes = collected(played.entries)
        played.play()
        assert seen == [1]
        assert "weather" in [each.kind for each in notes if isinstance(each, NoteEntry)]

    def test_an_older_protocols_recording_is_played(self, recording: Callable[..., Path]) -> None:
        old = {"requestId": "1", "timestamp": 1.0, "dataLength": 5, "somethingThatWas": [1]}  # no encodedDataLength
        gone = event(1, "Page.frameScheduledNavigationOfOld", {"frameId": "F"})
        said = {"type": "typeOfOld", "args": [{"type": "string", "value": "hello"}], "executionContextId": 1}
        lines = [gone, event(1, "Network.dataReceived", old), event(2, "Runtime.consoleAPICalled", said)]
        played, _ = opened(recording(*lines))
        seen = lengths(played)
        console = collected(played.browser.console)
        played.play()
        assert (seen, [each.text for each in console[:-1]]) == ([5], ["hello"])
        assert runtime.ConsoleAPICalled.method == "Runtime.consoleAPICalled"
