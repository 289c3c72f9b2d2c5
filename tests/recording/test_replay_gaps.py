"""Recordings with gaps: a lost line, dropped events, a recorder that was killed are told as the live run was told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred

from tests.recording.test_replay import BEGAN, SESSION, TARGET, attached, begin, collected, data, event, info, opened
from txcdp import ReconnectPolicy
from txcdp.domains import network
from txcdp.errors import ConnectionLost
from txcdp.health import LineLost, Reconnected
from txcdp.recording import Damage, Entry, JsonLines, Recorder, replay
from txcdp.recording._entries import note_line, parse
from txcdp.streams import Gap
from txcdp.testing import FakeChrome


def told(browser: Any) -> list[Any]:
    """Collect what a browser's page and its line say, in order."""
    seen: list[Any] = []

    def health(said: Any) -> None:
        if isinstance(said, LineLost | Reconnected):
            seen.append(type(said).__name__)
        if isinstance(said, Reconnected):
            seen.append((said.gap.restarted, round(said.gap.seconds, 3)))

    def taken(each: Any) -> None:
        seen.append(round(each.seconds, 3) if isinstance(each, Gap) else each.data_length)

    def page_came(session: Any) -> None:
        if session.kind == "page":
            session.events(network.DataReceived).with_gaps().subscribe(taken, lambda error: seen.append(type(error)))
            session.when_ended().addCallback(lambda reason: seen.append(type(reason).__name__))

    browser.connection.health.subscribe(health, lambda _: None)
    for session in browser.connection.sessions:
        page_came(session)
    browser.connection.attached.subscribe(page_came, lambda _: None)
    return seen


def said(length: int) -> network.DataReceived:
    return network.DataReceived(request_id="1", timestamp=1.0, data_length=length, encoded_data_length=0)


def entries_of(lines: list[bytes]) -> list[Entry]:
    return [parse(line) for line in lines]


class TestLostLine:
    """A line that was lost, and found again or not."""

    @pytest.fixture
    def chrome(self) -> FakeChrome:
        return FakeChrome()

    def record(self, chrome: FakeChrome, folder: Path, **options: Any) -> tuple[Any, Recorder]:
        browser = chrome.browser(reconnect=ReconnectPolicy(jitter=lambda: 0.0))
        recorder = Recorder(
            browser, JsonLines(folder, sync="never"), wall=lambda: BEGAN + chrome.clock.seconds(),
            in_thread=maybeDeferred, **options,
        )  # fmt: skip
        chrome.run(recorder.start())
        return browser, recorder

    def test_all_goes_on_over_another_line_as_it_did(self, chrome: FakeChrome, tmp_path: Path) -> None:
        browser, recorder = self.record(chrome, tmp_path)
        live = told(browser)
        page = chrome.run(browser.new_page())
        chrome.emit(said(1), page.session)
        chrome.flush()
        chrome.lose("cut")
        chrome.flush()
        chrome.advance(1.0)
        chrome.emit(said(2), page.session)
        chrome.flush()
        chrome.run(recorder.stop(), seconds=10)

        played, _ = opened(tmp_path)
        again = told(played.browser)
        pages = collected(played.browser.page_opened)
        model = played.browser.model
        assert played.play(until=1.0).result is None
        assert [each.id for each in model.targets.sessions.values() if each.id] == [page.session.id]
        assert played.play().result is None
        assert live == [1, "LineLost", 1.0, "Reconnected", (False, 1.0), 2]
        assert again[: len(live)] == live
        assert len(pages) == 2  # the page, and the end

    def test_what_is_not_there_any_more_ends(self, chrome: FakeChrome, tmp_path: Path) -> None:
        browser, recorder = self.record(chrome, tmp_path)
        live = told(browser)
        page = chrome.run(browser.new_page())
        chrome.emit(said(1), page.session)
        chrome.flush()
        chrome.lose("cut")
        chrome.close_target(page.session)
        chrome.flush()
        chrome.advance(1.0)
        chrome.run(recorder.stop(), seconds=10)

        played, _ = opened(tmp_path)
        again = told(played.browser)
        assert played.play().result is None
        assert "SessionDetached" in live
        assert again[: len(live)] == live

    def test_a_line_that_is_not_found_again_is_the_end(self) -> None:
        lost = note_line(BEGAN + 2, "line_lost", cause="half_open", error="nobody is there")
        gone = note_line(BEGAN + 2, "detached", session=SESSION, target=TARGET, reason="lost")
        end = note_line(BEGAN + 2, "end", reason="lost", entries=1, dropped=0)
        lines = [begin(), attached(), data(1, 1), lost, gone, lost, end]
        played, _ = opened(entries_of(lines))
        again = told(played.browser)
        assert played.play().result is None
        assert again[0] == 1
        assert set(again[1:]) == {"LineLost", ConnectionLost, "ConnectionLost"}
        assert len(again) == 4  # each once

    def test_what_is_sought_beyond_a_gap_is_there(self) -> None:
        lines = [
            begin(), attached(), data(1, 1), note_line(BEGAN + 2, "line_lost", cause="ended", error="cut"),
            event(3, "Target.attachedToTarget", {"sessionId": "N", "targetInfo": info(), "waitingForDebugger": False},
                  None),
            note_line(BEGAN + 3, "line_found", since=BEGAN + 2, restarted=False, missing=[]),
            event(4, "Network.dataReceived", {"requestId": "1", "timestamp": 4, "dataLength": 4,
                                              "encodedDataLength": 0}, "N"),
        ]  # fmt: skip
        played, _ = opened(entries_of(lines))
        played.seek(3.5)
        (_, session) = played.browser.sessions
        assert session.id == "N"
        again = told(played.browser)
        played.play()
        assert again[0] == 4


class TestLeftOut:
    """Events that the recorder itself has left out."""

    def test_dropped_events_are_a_gap_in_streams_and_no_loss_of_the_line(self) -> None:
        note = note_line(BEGAN + 3, "dropped", count=7, since=BEGAN + 1.5, until=BEGAN + 3, policy="drop_newest")
        played, _ = opened(entries_of([begin(), attached(), data(1, 1), note, data(4, 2)]))
        gaps: list[Gap] = []

        def page_came(session: Any) -> None:
            mixed = session.events(network.DataReceived).with_gaps()
            mixed.subscribe(lambda each: gaps.append(each) if isinstance(each, Gap) else None)

        played.browser.connection.attached.subscribe(page_came)
        again = told(played.browser)
        played.play()
        assert again[:3] == [1, 1.5, 2]
        assert "LineLost" not in again
        assert "7 events" in str(gaps[0].error)
        assert gaps[0].missing == {"Network.dataReceived"}

    def test_a_recorder_that_was_killed_and_the_one_after_it(self, tmp_path: Path) -> None:
        """The sessions of the first recording end where the second one begins."""
        first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        first.write_bytes(b"".join([begin(recording="a"), attached(), data(1, 1)]) + b'{"time":18000')
        there = {"session": "N", "target": TARGET, "type": "page", "url": "https://example.com/", "parent": None}
        there["opener"] = None
        later = event(
            11, "Network.dataReceived",
            {"requestId": "1", "timestamp": 4, "dataLength": 2, "encodedDataLength": 0}, "N",
        )  # fmt: skip
        second.write_bytes(begin(10, recording="b", targets=[there]) + later)
        played, _ = opened(tmp_path)
        again = told(played.browser)
        pages = collected(played.browser.page_opened)
        played.play(until=20.0)
        assert again == [1, "SessionDetached", 2]
        assert [each.session.id for each in pages] == [SESSION, "N"]
        assert played.browser.pages == pages[1:]
        assert len(played.damages) == 1
        assert isinstance(played.damages[0], Damage)


def test_nothing_that_a_note_may_say_stops_a_replay() -> None:
    values: tuple[Any, ...] = (None, -1, [], {}, "x", 1e300)
    for odd in values:
        notes = [
            note_line(
                BEGAN + 1, kind, since=odd, until=odd, count=odd, cause=odd, error=odd, restarted=odd, missing=odd
            )
            for kind in ("dropped", "line_found", "line_lost", "line_lost", "dropped", "line_found", "line_found")
        ]
        played = replay(entries_of([begin(), attached(), *notes, data(2, 1)]), clock=opened([])[1], speed="instant")
        assert played.play().result is None
