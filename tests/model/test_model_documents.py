"""Documents and navigations: what was recorded of Chromium, and the table of states."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.sequences import Input, feed, sequence
from txcdp.domains import page
from txcdp.model import (
    TRANSITIONS,
    BrowserModel,
    Change,
    Document,
    DocumentCommitted,
    DocumentDiscarded,
    DocumentOpened,
    LifecycleReached,
    NavigationEnded,
    NavigationInput,
    NavigationRequest,
    NavigationStarted,
    NavigationState,
)

#: What becomes of each navigation of the main frame, in the order of their beginning: its path and how it ends.
ENDS: dict[str, list[tuple[str, str]]] = {
    "load": [("/rich", "loaded")],
    "redirects": [("/a", "loaded")],
    "same_document": [("/a", "loaded"), ("/pushed", "same_document"), ("/a", "same_document")],
    "fragment": [("/a", "loaded"), ("/a#below", "same_document"), ("/a#top", "same_document")],
    "no_content": [("/a", "loaded"), ("/204", "aborted")],
    "no_content_while_loaded": [("/late-image", "loaded"), ("/204", "aborted")],
    "download": [("/a", "loaded"), ("/file", "aborted")],
    "aborted": [("/a", "loaded"), ("/never", "aborted")],
    "refused": [("/a", "loaded"), (":1/nobody", "failed"), ("/b", "loaded")],
    "superseded": [("/a", "loaded"), ("/never", "aborted"), ("/b", "loaded")],
    "superseded_loading": [("/hanging-image", "superseded"), ("/b", "loaded")],
    "superseded_at_once": [("/a", "aborted"), ("/b", "aborted"), ("/c", "loaded")],
    "loaded_while_leaving": [("/late-image", "loaded"), ("/never", "aborted")],
    "reloaded": [("/rich", "loaded"), ("/rich", "loaded"), ("/rich", "loaded")],
    "crash": [("/a", "loaded"), ("/b", "loaded")],
    "crash_while_loading": [("/hanging-image", "stopped"), ("/hanging-image", "")],
    "meta_refresh": [("/refresh", "loaded"), ("/b", "loaded")],
    "script_redirect": [("/script-redirect", "superseded"), ("/b", "loaded")],
    "late_script_redirect": [("/late-script-redirect", "loaded"), ("/b", "loaded")],
    "form_post": [("/form", "loaded"), ("/posted", "loaded")],
    "back_forward_cache": [("/a", "loaded"), ("/b", "loaded"), ("/a", "restored")],
    "back_forward_cache_frames": [("/outer", "loaded"), ("/b", "loaded"), ("/outer", "restored")],
    "back_without_cache": [("/nostore", "loaded"), ("/b", "loaded"), ("/nostore", "loaded")],
    "prerender_by_tab": [("/prerender", "loaded"), ("/b", "loaded"), ("/b", "detached")],
    "prerender_refused": [("/prerender", "loaded"), ("/b", "loaded")],
    "document_open": [("/opens", "")],
    "document_reopened": [("/reopens", "loaded")],
    "window_stop": [("/stops", "stopped")],
    "window_stop_late": [("/stops-late", "stopped")],
    "short_body": [("/short", "broken"), ("/b", "loaded")],
    "bad_encoding": [("/encoding", "broken")],
    "unfinished_chunks": [("/chunks", "broken")],
    "broken_image": [("/broken-image", "loaded")],
    "script_to_no_content": [("/to-204", "stopped"), ("/204", "aborted")],
    "script_to_download": [("/to-file", "stopped"), ("/file", "aborted")],
    "script_to_mailto": [("/to-mailto", "stopped"), ("mailto:a@example.org", "aborted")],
    "mailto": [("/a", "loaded"), ("mailto:a@example.org", "aborted")],
    "empty_404": [("/empty404", "failed"), ("/b", "loaded")],
    "empty_500": [("/empty500", "failed")],
    "full_404": [("/full404", "loaded")],
    "dialogs": [("/alert", "loaded")],
    "before_unload": [("/a", "loaded"), ("/b", "aborted"), ("/c", "loaded")],
    "workers": [("/worker", "loaded")],
    "closed_while_loading": [("/hanging-image", "stopped")],
    "left_with_a_request_in_flight": [("/a", "loaded"), ("/b", "loaded")],
    "set_content": [("/a", "loaded")],
    "isolated_world": [("/frames", "loaded"), ("/b", "loaded")],
    "frames": [("/frames", "loaded"), ("/b", "loaded")],
    "empty_frames": [("/srcdoc", "loaded")],
    "frame_no_content": [("/frame-204", "loaded")],
    "out_of_process_frame": [("/outer", "loaded")],
    "frame_out_and_in": [("/outer2", "loaded"), ("/b", "loaded")],
    "popup": [("/a", "loaded"), ("/b", "loaded"), ("/c", "loaded")],
    "popup_blank": [("/a", "loaded"), ("about:blank", "loaded")],
}


def path_of(url: str) -> str:
    return url.removeprefix("http://").removeprefix("127.0.0.1").removeprefix("localhost").removeprefix(":8000")


def main_navigations(inputs: Any, model: BrowserModel | None = None) -> list[NavigationRequest]:
    """Return the navigations of main frames, in the order of their beginning."""
    model = model or BrowserModel()
    found = []
    for each in inputs:
        for change in model.feed(each.session, each.record):
            if isinstance(change, NavigationStarted):
                frame = model.frames.frames.get(change.navigation.frame_id)
                if frame is None or frame.parent_id is None:
                    found.append(change.navigation)
    assert model.misread == 0, model.fault
    return found


@pytest.mark.parametrize("name", ENDS)
def test_each_navigation_ends_as_it_ended_in_chromium(name: str) -> None:
    ends = [
        (path_of(each.url), each.state.value if each.state.is_end else "") for each in main_navigations(sequence(name))
    ]
    assert ends == ENDS[name]


def balanced(changes: list[Change]) -> None:
    """Check that each navigation begins and ends once, and that each document is committed and discarded once."""
    begun: list[Any] = []
    ended: list[Any] = []
    here: dict[str, Document] = {}
    for change in changes:
        if isinstance(change, NavigationStarted):
            begun.append(change.navigation)
        elif isinstance(change, NavigationEnded):
            assert change.navigation in begun
            assert change.navigation not in ended
            assert change.reason is change.navigation.state
            ended.append(change.navigation)
        elif isinstance(change, DocumentCommitted):
            assert change.document.frame_id not in here
            here[change.document.frame_id] = change.document
        elif isinstance(change, DocumentDiscarded):
            assert here.pop(change.document.frame_id) is change.document
        elif isinstance(change, LifecycleReached):
            assert here[change.document.frame_id] is change.document
    assert len({id(each) for each in begun}) == len(begun)


@pytest.mark.parametrize("name", ENDS)
def test_everything_begins_and_ends_once(name: str) -> None:
    balanced(feed(sequence(name)))


class TestWhatIsKnownOfANavigation:
    def navigation(self, name: str, index: int = 0) -> NavigationRequest:
        return main_navigations(sequence(name))[index]

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("short_body", "net::ERR_CONTENT_LENGTH_MISMATCH"),
            ("bad_encoding", "net::ERR_CONTENT_DECODING_FAILED"),
            ("unfinished_chunks", "net::ERR_INCOMPLETE_CHUNKED_ENCODING"),
        ],
    )
    def test_a_broken_body_has_its_reason_and_its_document(self, name: str, error: str) -> None:
        broken = self.navigation(name)
        assert broken.error_text == error
        assert broken.document == broken.loader_id
        assert broken.response is not None
        assert broken.response.status == 200

    def test_an_empty_error_answer_has_its_status(self) -> None:
        for name, status in (("empty_404", 404), ("empty_500", 500)):
            failed = self.navigation(name)
            assert failed.error_text == "net::ERR_HTTP_RESPONSE_CODE_FAILURE"
            assert failed.response is not None
            assert failed.response.status == status

    def test_a_redirect_has_the_last_answer(self) -> None:
        response = self.navigation("redirects").response
        assert response is not None
        assert response.status == 200
        assert path_of(response.url) == "/a"

    def test_what_comes_back_has_its_old_document(self) -> None:
        first, _, back = main_navigations(sequence("back_forward_cache"))
        assert back.document == first.loader_id
        assert back.loader_id != first.loader_id


class TestDocuments:
    def documents(self, name: str) -> dict[str, Document]:
        model = BrowserModel()
        feed(sequence(name), model)
        return {path_of(each.url): each for each in model.documents.documents.values()}

    def test_one_that_comes_back_is_loaded(self) -> None:
        assert {"load", "networkIdle"} <= self.documents("back_forward_cache")["/a"].reached.keys()

    def test_one_that_was_opened_has_reached_nothing_and_says_why(self) -> None:
        opened = self.documents("document_open")["/opens"]
        assert opened.opened
        assert "load" not in opened.reached
        assert any(isinstance(each, DocumentOpened) for each in feed(sequence("document_open")))

    def test_one_that_was_there_before_anybody_listened_has_what_it_has_reached(self) -> None:
        (first,) = [
            each for each in feed(sequence("load")) if isinstance(each, DocumentCommitted) and each.navigation is None
        ][:1]
        assert first.document.url == "about:blank"
        assert "load" in first.document.reached

    def test_without_lifecycle_events_what_is_told_of_the_top_frame_serves(self) -> None:
        heard = [each for each in sequence("load") if not isinstance(each.record, page.LifecycleEvent)]
        assert [each.state for each in main_navigations(heard)] == [NavigationState.LOADED]

    def test_a_snapshot_is_plain_data(self) -> None:
        model = BrowserModel()
        feed(sequence("document_open"), model)
        (row,) = [each for each in model.snapshot()["documents"] if each["navigations"]]
        assert path_of(row["document"]["url"]) == "/opens"
        assert [each["state"] for each in row["navigations"]] == ["parsed"]


class TestOrders:
    """What may come in another order."""

    def reordered(self, name: str, moved: str, before: str) -> list[Input]:
        """Return a sequence with the last input of a name moved before the last one of another name."""
        inputs = list(sequence(name))
        at = max(index for index, each in enumerate(inputs) if each.name == moved)
        to = max(index for index, each in enumerate(inputs) if each.name == before)
        inputs.insert(to, inputs.pop(at))
        return inputs

    def test_the_answer_may_come_before_the_failure_or_after_it(self) -> None:
        for name in ("aborted", "no_content", "download"):
            inputs = self.reordered(name, "NavigateResult", "Network.loadingFailed")
            ends = [each.state.value for each in main_navigations(inputs)]
            assert ends == ["loaded", "downloaded" if name == "download" else "aborted"]

    def test_the_commit_may_come_before_the_answer(self) -> None:
        inputs = self.reordered("load", "NavigateResult", "Page.loadEventFired")
        assert [each.state for each in main_navigations(inputs)] == [NavigationState.LOADED]

    def test_a_beginning_that_comes_after_its_commit_begins_nothing(self) -> None:
        inputs = list(sequence("load"))
        at = next(index for index, each in enumerate(inputs) if each.name == "Page.frameStartedNavigating")
        inputs.append(inputs.pop(at))
        changes = feed(inputs)
        balanced(changes)
        assert sum(isinstance(each, NavigationStarted) for each in changes) == 1

    def test_a_fresh_process_may_say_that_it_stopped_before_it_tells_of_its_document(self) -> None:
        inputs = list(sequence("crash"))
        revived = next(index for index, each in enumerate(inputs) if each.name == "Inspector.targetReloadedAfterCrash")
        begun = next(
            index for index, each in enumerate(inputs) if index > revived and each.name == "Page.frameStartedNavigating"
        )
        after = [
            each for each in inputs[begun + 1 :] if each.name not in ("Page.frameNavigated", "Network.responseReceived")
        ]
        frame_id = inputs[begun].record.frame_id  # type: ignore[attr-defined]
        stopped = Input(inputs[begun].session, page.FrameStoppedLoading(frame_id=frame_id))
        ends = [each.state.value for each in main_navigations([*inputs[: begun + 1], stopped, *after])]
        assert ends == ["loaded", "loaded"]

    def test_a_browser_that_does_not_tell_beginnings_has_the_same_navigations(self) -> None:
        for name in ("load", "short_body", "refused", "back_forward_cache", "form_post"):
            inputs = [each for each in sequence(name) if each.name != "Page.frameStartedNavigating"]
            states = [each.state.value for each in main_navigations(inputs)]
            assert states == [end for _, end in ENDS[name]]


class TestTable:
    def test_each_state_is_reached(self) -> None:
        begun = {NavigationState.REQUESTED, NavigationState.RETURNING}
        assert begun | set(TRANSITIONS.values()) == set(NavigationState)

    def test_what_has_ended_stays_so(self) -> None:
        assert {state for state, _ in TRANSITIONS}.isdisjoint(each for each in NavigationState if each.is_end)

    def test_whatever_is_under_way_ends_with_its_frame(self) -> None:
        for state in NavigationState:
            if not state.is_end:
                assert TRANSITIONS[state, NavigationInput.DETACH] is NavigationState.DETACHED
                assert TRANSITIONS[state, NavigationInput.OVERTAKE] is NavigationState.SUPERSEDED

    def test_what_stops_loading_after_its_commit_has_ended(self) -> None:
        for state in NavigationState:
            if state.has_document and not state.is_end:
                assert TRANSITIONS[state, NavigationInput.STOP].is_end
