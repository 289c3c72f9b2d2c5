"""The frames of pages in a replay: those that were there before the recording began, and those that came and went."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import task
from twisted.internet.defer import maybeDeferred

from txcdp import ReconnectPolicy
from txcdp.domains import page
from txcdp.errors import CommandError
from txcdp.page import Frame, Page
from txcdp.recording import Filter, JsonLines, NoteEntry, Recorder, Replay, read, replay
from txcdp.recording._entries import parse
from txcdp.recording._sqlite import _INSERT, _SCHEMA, _columns
from txcdp.testing import NEVER, FakeChrome

BEGAN = 1_800_000_000.0
SITE = "https://example.com/"


def tree_of(frame: Frame) -> Any:
    return frame.url, frame.name, [tree_of(each) for each in frame.child_frames]


def plain(result: page.GetFrameTreeResult) -> Any:
    def below(tree: page.FrameTree) -> Any:
        frame = tree.frame
        children = [below(each) for each in tree.child_frames or ()]
        return frame.id, frame.parent_id, frame.loader_id, frame.url, frame.url_fragment, frame.name, children

    return below(result.frame_tree)


class Run:
    """A FakeChrome that is recorded."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(reconnect=ReconnectPolicy(jitter=lambda: 0.0))
        self.options: dict[str, Any] = {"wall": lambda: BEGAN + self.chrome.clock.seconds(), **options}

    def page(self, url: str = SITE) -> Page:
        return self.chrome.run(self.browser.new_page(url))

    def frame(self, of: Page, name: str, parent: str = "") -> str:
        found = self.chrome.attach_frame(of.session, f"{SITE}{name}", name, parent)
        self.chrome.flush()
        return found

    def start(self, sink: Any = None) -> None:
        sink = sink or JsonLines(self.folder, sync="never")
        self.recorder = Recorder(self.browser, sink, in_thread=maybeDeferred, **self.options)
        self.chrome.run(self.recorder.start())
        self.chrome.flush()

    def later(self) -> None:
        self.chrome.flush()
        self.chrome.advance(1.0)

    def ask(self, of: Page) -> Any:
        return plain(self.chrome.run(of.session.execute(page.get_frame_tree())))

    def stop(self) -> None:
        self.chrome.run(self.recorder.stop(), seconds=10)

    def played(self) -> Replay:
        return replay(self.folder, clock=task.Clock(), speed="instant")

    def notes(self, kind: str) -> list[dict[str, Any]]:
        return [each.data for each in read(self.folder) if isinstance(each, NoteEntry) and each.kind == kind]


def asked(played: Replay, of: Page) -> Any:
    found: list[Any] = []
    of.session.execute(page.get_frame_tree()).addBoth(found.append)
    played.play(until=played.time - played.began)  # what is asked is answered as the replay goes on
    return plain(found[0]) if isinstance(found[0], page.GetFrameTreeResult) else found[0]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "recording")


def as_database(folder: Path) -> Path:
    """Put a recording of lines into a database."""
    path = folder.with_suffix(".sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA)
        connection.execute("INSERT INTO recordings(began) VALUES (?)", (BEGAN,))
        connection.executemany(_INSERT, [(1, *_columns(each.line)) for each in read(folder)])
        connection.commit()
    return path


class TestBefore:
    """Pages that were there when the recording began."""

    @pytest.mark.parametrize("kind", ["lines", "sqlite"])
    def test_their_frames_are_those_of_the_live_page_at_each_time(self, run: Run, kind: str) -> None:
        tab = run.page(SITE + "#part")
        inner = run.frame(tab, "inner")
        run.frame(tab, "deep", inner)
        run.frame(tab, "side")
        run.start()
        live = []
        for change in (
            lambda: None,
            lambda: run.frame(tab, "late", inner),
            lambda: run.chrome.go(tab.session, SITE + "elsewhere", inner),
            lambda: run.chrome.detach_frame(inner),
            lambda: run.chrome.go(tab.session, SITE + "other"),
            lambda: run.frame(tab, "fresh"),
        ):
            change()
            run.later()
            live.append((tree_of(tab.main_frame), run.ask(tab)))
        run.stop()
        assert len(live[0][0][2]) == 2

        source = run.folder if kind == "lines" else as_database(run.folder)
        played = replay(source, clock=task.Clock(), speed="instant")
        _ = played.browser.model
        for number, (tree, answer) in enumerate(live):
            played.play(until=number + 0.5)
            (again,) = played.browser.pages
            assert tree_of(again.main_frame) == tree
            assert asked(played, again) == answer
            known = played.browser.model.frames.frames
            assert {each.url for each in known.values()} == {each.url for each in again.frames}
        assert again.frame(name="fresh") is not None
        played.play()

    def test_a_model_that_is_asked_for_late_and_another_time_know_them(self, run: Run) -> None:
        tab = run.page()
        run.frame(tab, "inner")
        run.start()
        run.later()
        run.stop()
        played = run.played()
        played.play(until=0.5)
        names = {each.name for each in played.browser.model.frames.frames.values()}
        assert names == {"", "inner"}
        played.seek(0.5)
        (again,) = played.browser.pages
        assert [each.name for each in again.frames] == ["", "inner"]

    def test_a_page_without_an_address_has_its_frames(self, run: Run) -> None:
        tab = run.page("about:blank")
        run.frame(tab, "inner")
        run.start()
        run.later()
        run.stop()
        played = run.played()
        played.play(until=0.5)
        (again,) = played.browser.pages
        assert tree_of(again.main_frame) == tree_of(tab.main_frame)

    def test_who_asks_before_the_page_has_answered_is_answered_then(self, run: Run) -> None:
        tab = run.page()
        inner = run.frame(tab, "inner")
        run.start()
        run.later()
        live = run.ask(tab)
        run.stop()
        played = run.played()
        seen: list[Any] = []
        played.browser.page_opened.subscribe(
            lambda each: each.session.execute(page.get_frame_tree()).addBoth(seen.append)
        )
        played.play()
        assert [plain(each) for each in seen] == [live]
        assert inner in json.dumps(live)

    def test_a_page_that_never_answers_is_recorded_all_the_same(self, run: Run) -> None:
        tab = run.page()
        run.chrome.on(page.get_frame_tree, NEVER)
        run.start()
        run.frame(tab, "inner")
        run.later()
        run.stop()
        assert run.notes("frames") == []
        assert run.notes("attached")[0]["frames"]
        played = run.played()
        answer: list[Any] = []
        played.browser.page_opened.subscribe(
            lambda each: each.session.execute(page.get_frame_tree(), timeout=None).addErrback(answer.append)
        )
        played.play(until=0.5)
        (again,) = played.browser.pages
        assert ([each.name for each in again.frames], answer) == (["", "inner"], [])
        played.play()
        assert len(answer) == 1

    def test_a_page_that_refuses_to_answer_is_not_waited_for(self, run: Run) -> None:
        run.page()
        run.chrome.on(page.get_frame_tree, CommandError("Page.getFrameTree", -32000, "not now"))
        run.start()
        run.later()
        run.stop()
        assert [each["tree"] for each in run.notes("frames")] == [None]
        played = run.played()
        played.play(until=0.5)
        (again,) = played.browser.pages
        assert again.frames == [again.main_frame]
        assert asked(played, again).check(CommandError)

    def test_what_is_not_recorded_is_not_asked(self, run: Run) -> None:
        run.page()
        run.options["filter"] = Filter(without=["Page"])
        run.start()
        run.later()
        run.stop()
        assert run.notes("frames") == []
        assert "frames" not in run.notes("attached")[0]

    def test_after_another_line_they_are_known_again(self, run: Run) -> None:
        tab = run.page()
        run.frame(tab, "inner")
        run.start()
        run.later()
        run.chrome.lose("cut")
        run.chrome.flush()
        run.chrome.advance(1.0)
        run.later()
        live = tree_of(tab.main_frame), run.ask(tab)
        run.stop()
        assert run.notes("line_found")[0]["frames"] == [tab.session.id]
        played = run.played()
        played.play(until=2.5)
        (again,) = played.browser.pages
        assert (tree_of(again.main_frame), asked(played, again)) == live

    def test_a_later_file_alone_knows_them(self, run: Run) -> None:
        tab = run.page()
        run.frame(tab, "inner")
        run.start(JsonLines(run.folder, rotate_size=1, sync="never"))
        run.later()
        for name in ("one", "two"):
            run.frame(tab, name)
            run.later()
        run.later()
        live = tree_of(tab.main_frame)
        run.stop()
        files = sorted(run.folder.iterdir())
        assert len(files) > 2
        started = next(number for number, each in enumerate(files) if "two" in each.read_text() and number > 0)
        played = replay(files[started:], clock=task.Clock(), speed="instant")
        seen: list[Any] = []
        played.browser.page_opened.subscribe(seen.append)
        played.play()
        url, _, below = tree_of(seen[0].main_frame)
        assert (url, sorted(below)) == (live[0], sorted(live[2]))


class TestOtherRecordings:
    """Recordings that say less, or something else."""

    def test_one_from_before_is_played_as_it_was(self, run: Run) -> None:
        tab = run.page()
        inner = run.frame(tab, "inner")
        run.start()
        run.later()
        run.chrome.go(tab.session, SITE + "other")
        run.later()
        live = run.ask(tab)
        run.stop()
        lines = [json.loads(each.line) for each in read(run.folder)]
        before = [{key: value for key, value in each.items() if key != "frames"} for each in lines]
        entries = [parse(json.dumps(each).encode()) for each in before if each.get("note") != "frames"]
        played = replay(entries, clock=task.Clock(), speed="instant")
        played.play(until=0.5)
        (again,) = played.browser.pages
        assert again.frames == [again.main_frame]
        assert asked(played, again).check(CommandError)
        played.play(until=1.5)
        assert asked(played, again) == live  # with the other document all was told
        assert inner not in json.dumps(live)

    @pytest.mark.parametrize(
        "tree", [7, {}, {"frame": 1}, {"frame": {"id": "x"}, "childFrames": [None, {"frame": {"id": {}}}]}]
    )
    def test_garbage_is_passed_over(self, run: Run, tree: Any) -> None:
        tab = run.page()
        run.frame(tab, "inner")
        run.start()
        run.later()
        run.stop()
        lines = [json.loads(each.line) for each in read(run.folder)]
        for each in lines:
            if each.get("note") == "frames":
                each["tree"] = tree
        played = replay([parse(json.dumps(each).encode()) for each in lines], clock=task.Clock(), speed="instant")
        _ = played.browser.model
        played.play(until=0.5)
        (again,) = played.browser.pages
        assert again.frames == [again.main_frame]
        assert asked(played, again).check(CommandError)
        played.play()
        assert played.ended


class TestFromTheStart:
    """Pages that were recorded from their start: of these the events tell."""

    def test_nobody_is_asked_and_all_is_known(self, run: Run) -> None:
        run.start()
        tab = run.page()
        inner = run.frame(tab, "inner")
        run.later()
        live = tree_of(tab.main_frame), run.ask(tab)
        run.stop()
        assert run.notes("frames") == []
        played = run.played()
        played.play(until=0.5)
        (again,) = played.browser.pages
        named = again.frame(name="inner")
        assert named is not None
        assert named.url == SITE + "inner"
        assert (tree_of(again.main_frame), asked(played, again)) == live
        assert inner in json.dumps(live)
