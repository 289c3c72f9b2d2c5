"""The tree of frames: over processes, in either order, and back from the cache."""

from __future__ import annotations

import pytest

from tests.model.sequences import Input, feed, sequence
from tests.model.test_model_documents import path_of
from txcdp.domains import page, target
from txcdp.model import (
    BrowserModel,
    Frame,
    FrameAttached,
    FrameChanged,
    FrameDetached,
    FrameRenamed,
    FrameSwapped,
    FrameTreeChanged,
    SessionAttached,
)


def tree(model: BrowserModel) -> dict[str, list[str]]:
    """Return the path of each frame with those of the frames in it."""
    frames = model.frames
    return {
        path_of(each.url): [path_of(child.url) for child in frames.children(each.id)] for each in frames.frames.values()
    }


def until(name: str, event: str, count: int = 1) -> list[Input]:
    """Return a sequence up to the n-th input of a name, with it."""
    inputs = sequence(name)
    places = [index for index, each in enumerate(inputs) if each.name == event]
    return list(inputs[: places[count - 1] + 1])


def frame(frame_id: str, loader_id: str, url: str = "http://a/", parent_id: str | None = None) -> page.Frame:
    return page.Frame(
        id=frame_id,
        parent_id=parent_id,
        loader_id=loader_id,
        url=url,
        domain_and_registry="",
        security_origin="",
        mime_type="text/html",
        secure_context_type="Secure",
        cross_origin_isolated_context_type="NotIsolated",
        gated_api_features=[],
    )


def navigated(frame_id: str, loader_id: str, parent_id: str | None = None) -> page.FrameNavigated:
    return page.FrameNavigated(frame=frame(frame_id, loader_id, parent_id=parent_id), type="Navigation")


class TestRecorded:
    def test_frames_go_with_the_document_that_they_are_in(self) -> None:
        model = BrowserModel()
        changes = feed(sequence("frames"), model)
        attached = [each.frame for each in changes if isinstance(each, FrameAttached)]
        detached = [each.frame for each in changes if isinstance(each, FrameDetached)]
        assert len({id(each) for each in attached}) == len(attached)
        inside = [each for each in attached if each.parent_id is not None]
        assert len(inside) == 2
        assert all(each in detached for each in inside)
        assert tree(model) == {"/b": []}

    def test_a_frame_stays_the_same_through_processes(self) -> None:
        changes = feed(sequence("frame_out_and_in"))
        (moving,) = {
            id(each.frame): each.frame
            for each in changes
            if isinstance(each, FrameAttached) and each.frame.name == "inner"
        }.values()
        assert sum(isinstance(each, FrameAttached) and each.frame.id == moving.id for each in changes) == 1
        swaps = [each for each in changes if isinstance(each, FrameSwapped) and each.frame is moving]
        assert len(swaps) == 3  # out, back and out again
        assert sum(isinstance(each, FrameDetached) and each.frame is moving for each in changes) == 1

    def test_frames_in_a_frame_of_another_process_are_in_the_tree(self) -> None:
        model = BrowserModel()
        feed(until("out_of_process_frame", "Page.frameSubtreeWillBeDetached"), model)
        assert tree(model) == {"/outer": ["/frames"], "/frames": ["/a", "/b"], "/a": [], "/b": []}
        sessions = {path_of(each.url): each.session_id for each in model.frames.frames.values()}
        assert sessions["/frames"] == sessions["/a"] == sessions["/b"] != sessions["/outer"]

    def test_they_go_when_that_frame_is_removed(self) -> None:
        model = BrowserModel()
        feed(sequence("out_of_process_frame"), model)
        assert tree(model) == {"/outer": []}

    def test_what_comes_back_from_the_cache_has_its_frames_in_other_processes_and_asks_for_the_others(self) -> None:
        model = BrowserModel()
        changes = feed(sequence("back_forward_cache_frames"), model)
        assert [path_of(each.frame.url) for each in changes if isinstance(each, FrameTreeChanged)] == ["/outer"]
        assert tree(model) == {"/outer": ["/b"], "/b": []}

    def test_frames_without_a_page_of_their_own_have_a_url(self) -> None:
        model = BrowserModel()
        feed(sequence("empty_frames"), model)
        assert sorted(path_of(each.url) for each in model.frames.frames.values()) == [
            *("/a", "/srcdoc"),
            *("about:blank", "about:srcdoc"),
        ]

    def test_a_frame_has_its_url_with_the_fragment_and_after_moves(self) -> None:
        model = BrowserModel()
        urls = [path_of(each.frame.url) for each in _main_changes("fragment", model)]
        assert urls[-3:] == ["/a", "/a#below", "/a#top"][-3:] or urls[-1] == "/a#top"
        (main,) = [each for each in model.frames.frames.values() if path_of(each.url).startswith("/a")]
        assert path_of(main.url) == "/a#top"

    def test_what_cannot_be_reached_is_the_url_of_the_page_that_says_so(self) -> None:
        model = BrowserModel()
        feed(until("refused", "Page.frameNavigated", 2), model)
        assert ":1/nobody" in {path_of(each.url) for each in model.frames.frames.values()}

    def test_a_popup_has_its_opener(self) -> None:
        changes = feed(sequence("popup"))
        attached = [each.target for each in changes if isinstance(each, SessionAttached)]
        (popup,) = [each for each in attached if each.opener_id is not None]
        assert popup.opener_id in {each.id for each in attached}


def _main_changes(name: str, model: BrowserModel) -> list[FrameChanged]:
    return [each for each in feed(sequence(name), model) if isinstance(each, FrameChanged) and not each.frame.parent_id]


class TestOrders:
    """The halves of a swap, and what is told of a frame that is gone."""

    def attach(self, model: BrowserModel, session: str, target_id: str, kind: str, parent: str = "") -> None:
        said = target.TargetInfo(
            target_id=target_id,
            type=kind,
            title="",
            url="",
            attached=True,
            can_access_opener=False,
            parent_frame_id=parent or None,
        )
        model.feed(
            "" if kind == "page" else "S1",
            target.AttachedToTarget(session_id=session, target_info=said, waiting_for_debugger=False),
        )

    def page_with_frame(self) -> tuple[BrowserModel, Frame]:
        model = BrowserModel()
        self.attach(model, "S1", "M", "page")
        model.feed("S1", navigated("M", "L1"))
        model.feed("S1", page.FrameAttached(frame_id="F", parent_frame_id="M"))
        model.feed("S1", navigated("F", "L2", "M"))
        return model, model.frames.frames["F"]

    def out(self, model: BrowserModel, first: str) -> None:
        swap = page.FrameDetached(frame_id="F", reason="swap")
        if first == "detached":
            model.feed("S1", swap)
        self.attach(model, "S2", "F", "iframe", "M")
        if first == "attached":
            model.feed("S1", swap)
        model.feed("S2", navigated("F", "L3", "M"))

    @pytest.mark.parametrize("first", ["detached", "attached"])
    def test_out_of_a_process_in_either_order(self, first: str) -> None:
        model, moving = self.page_with_frame()
        self.out(model, first)
        assert model.frames.frames["F"] is moving
        assert (moving.session_id, moving.loader_id) == ("S2", "L3")

    @pytest.mark.parametrize("first", ["session", "frame"])
    def test_back_in_either_order(self, first: str) -> None:
        model, moving = self.page_with_frame()
        self.out(model, "attached")
        model.feed("S2", page.FrameAttached(frame_id="G", parent_frame_id="F"))
        gone = target.DetachedFromTarget(session_id="S2")
        if first == "session":
            model.feed("S1", gone)
            assert moving.session_id is None
        model.feed("S1", page.FrameAttached(frame_id="F", parent_frame_id="M"))
        if first == "frame":
            model.feed("S1", gone)
        model.feed("S1", navigated("F", "L4", "M"))
        assert model.frames.frames == {"M": model.frames.frames["M"], "F": moving}
        assert (moving.session_id, moving.loader_id) == ("S1", "L4")

    def test_removed_while_in_another_process(self) -> None:
        model, moving = self.page_with_frame()
        self.out(model, "attached")
        changes = model.feed("S1", page.FrameDetached(frame_id="F", reason="remove"))
        assert [each for each in changes if isinstance(each, FrameDetached)] == [FrameDetached(moving)]
        assert not [
            each
            for each in model.feed("S1", target.DetachedFromTarget(session_id="S2"))
            if isinstance(each, FrameDetached)
        ]

    @pytest.mark.parametrize("first", ["session", "commit"])
    def test_the_parent_leaves(self, first: str) -> None:
        model, moving = self.page_with_frame()
        self.out(model, "attached")
        inputs = [("S1", target.DetachedFromTarget(session_id="S2")), ("S1", navigated("M", "L9"))]
        changes = [
            change
            for session, record in (inputs if first == "session" else inputs[::-1])
            for change in model.feed(session, record)
        ]
        assert [each.frame for each in changes if isinstance(each, FrameDetached)] == [moving]
        assert list(model.frames.frames) == ["M"]

    def test_echoes_of_a_frame_that_is_gone_begin_nothing(self) -> None:
        model, _ = self.page_with_frame()
        model.feed("S1", page.FrameDetached(frame_id="F", reason="remove"))
        started = page.FrameStartedNavigating(
            frame_id="F", url="u", loader_id="L7", navigation_type="differentDocument"
        )
        said = page.LifecycleEvent(frame_id="F", loader_id="L7", name="load", timestamp=1.0)
        for record in (started, said, navigated("F", "L7", "M")):
            assert model.feed("S1", record) == ()
        assert model.snapshot()["frames"] == [each for each in model.snapshot()["frames"] if each["id"] == "M"]

    def test_a_prerendered_page_takes_the_place_of_the_main_frame(self) -> None:
        model, _ = self.page_with_frame()
        main = model.frames.frames["M"]
        changes = model.feed("S1", navigated("P", "L8"))
        assert FrameRenamed(main, "M") in changes
        assert model.frames.frames == {"P": main}
        assert model.frames.top("S1") is main
        assert model.documents.documents["P"].loader_id == "L8"
        assert list(model.documents.documents) == ["P"]

    def test_a_page_that_is_attached_to_again_has_the_same_ids(self) -> None:
        model, _ = self.page_with_frame()
        model.feed("", target.DetachedFromTarget(session_id="S1"))
        assert model.snapshot()["frames"] == []
        self.attach(model, "S9", "M", "page")
        child = page.FrameTree(frame=frame("F", "L2", parent_id="M"))
        model.feed(
            "S9", page.GetFrameTreeResult(frame_tree=page.FrameTree(frame=frame("M", "L1"), child_frames=[child]))
        )
        assert {each.id: each.session_id for each in model.frames.frames.values()} == {"M": "S9", "F": "S9"}

    def test_a_tree_that_comes_after_events_of_its_frames_completes_them(self) -> None:
        model = BrowserModel()
        model.feed("S1", page.FrameAttached(frame_id="F", parent_frame_id="M"))
        child = page.FrameTree(frame=frame("F", "L2", parent_id="M"))
        told = page.GetFrameTreeResult(frame_tree=page.FrameTree(frame=frame("M", "L1"), child_frames=[child]))
        model.feed("S1", told)
        assert [each.id for each in model.frames.children("M")] == ["F"]
        assert model.frames.frames["F"].parent_loader_id == "L1"
        assert model.feed("S1", told) == ()


def test_a_tree_says_which_frames_of_its_process_are_no_more() -> None:
    model = BrowserModel()
    events = [navigated("main", "L1"), *(page.FrameAttached(frame_id=each, parent_frame_id="main") for each in "ABC")]
    feed([Input("S", each) for each in events], model)
    info = target.TargetInfo(
        target_id="C", type="iframe", title="", url="", attached=True, can_access_opener=False, parent_frame_id="main"
    )
    attached = target.AttachedToTarget(session_id="T", target_info=info, waiting_for_debugger=False)
    inside = page.FrameTree(frame=frame("B", "L2", parent_id="main"))
    told = page.GetFrameTreeResult(frame_tree=page.FrameTree(frame=frame("main", "L1"), child_frames=[inside]))
    changes = feed([Input("S", attached), Input("S", told)], model)
    assert [each.frame.id for each in changes if isinstance(each, FrameDetached)] == ["A"]
    assert [each.id for each in model.frames.children("main")] == ["B", "C"]


@pytest.mark.parametrize("parents", [{"A": "A"}, {"A": "B", "B": "A"}, {"A": "B", "B": "C", "C": "A"}])
def test_frames_that_are_in_themselves_go_all_the_same(parents: dict[str, str]) -> None:
    model = BrowserModel()
    changes = feed([Input("S", page.FrameAttached(frame_id=a, parent_frame_id=b)) for a, b in parents.items()], model)
    changes += feed([Input("S", page.FrameDetached(frame_id="A", reason="remove"))], model)
    assert sorted(each.frame.id for each in changes if isinstance(each, FrameDetached)) == sorted(parents)
    assert model.frames.frames == {}


def test_an_opened_document_has_the_url_of_the_one_whose_script_has_opened_it() -> None:
    for loader in ("L1", ""):  # "": of what was there before anybody looked
        model = BrowserModel()
        begin = page.GetFrameTreeResult(frame_tree=page.FrameTree(frame=frame("main", loader, "about:blank")))
        opened = page.DocumentOpened(frame=frame("main", "L1", "http://a/opener"))
        loaded = page.LifecycleEvent(frame_id="main", loader_id="L1", name="load", timestamp=1.0)
        feed([Input("S", begin), Input("S", opened), Input("S", loaded)], model)
        document = model.documents.documents["main"]
        assert (model.frames.frames["main"].url, document.url) == ("http://a/opener", "http://a/opener")
        assert (document.loader_id, list(document.reached), document.opened) == ("L1", ["load"], True)


def test_what_has_gone_is_forgotten() -> None:
    """Ten thousand frames that came and went leave nothing but a bounded memory of their ids."""
    model = BrowserModel()
    model.feed("S1", navigated("M", "L1"))
    for number in range(10_000):
        each, loader = f"F{number}", f"L{number}"
        started = page.FrameStartedNavigating(
            frame_id=each, url="u", loader_id=loader, navigation_type="differentDocument"
        )
        model.feed("S1", page.FrameAttached(frame_id=each, parent_frame_id="M"))
        model.feed("S1", started)
        if number % 2:
            model.feed("S1", navigated(each, loader, "M"))
        model.feed("S1", page.LifecycleEvent(frame_id=each, loader_id="early", name="load", timestamp=1.0))
        model.feed("S1", page.FrameDetached(frame_id=each, reason="remove"))
        model.feed("S1", page.LifecycleEvent(frame_id=each, loader_id="late", name="load", timestamp=1.0))
    kept = {
        f"{name}.{attribute}": len(value)
        for name, table in model.tables.items()
        for attribute, value in vars(table).items()
        if isinstance(value, dict) and attribute not in ("handlers", "reactions")
    }
    assert max(kept.values()) <= 1000
    assert model.snapshot()["frames"] == [
        {"id": "M", "parent_id": None, "session_id": "S1", "url": "http://a/", "name": "", "loader_id": "L1"}
        | {"parent_loader_id": ""}
    ]
    assert [each["frame_id"] for each in model.snapshot()["documents"]] == ["M"]
