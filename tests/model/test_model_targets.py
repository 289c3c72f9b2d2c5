"""The table of targets and sessions, and how a model is fed."""

from __future__ import annotations

from typing import Any

import pytest

from txcdp.domains import inspector, page, target
from txcdp.model import (
    TARGET_KINDS,
    BrowserModel,
    Change,
    SessionAttached,
    SessionClosed,
    SessionCrashed,
    SessionRevived,
    TargetChanged,
    TargetCreated,
    TargetDestroyed,
    kind_of,
)


def info(target_id: str = "T1", **said: Any) -> target.TargetInfo:
    known: dict[str, Any] = {"type": "page", "title": "", "url": "about:blank", "can_access_opener": False}
    return target.TargetInfo(target_id=target_id, attached=True, **(known | said))


def attached(session: str, target_id: str = "T1", waiting: bool = False, **said: Any) -> target.AttachedToTarget:
    return target.AttachedToTarget(
        session_id=session, target_info=info(target_id, **said), waiting_for_debugger=waiting
    )


def kinds(changes: Any) -> list[type[Change]]:
    return [type(each) for each in changes]


class TestTargets:
    def test_a_target_that_was_discovered_stays_until_it_is_destroyed(self) -> None:
        model = BrowserModel()
        assert kinds(model.feed("", target.TargetCreated(target_info=info()))) == [TargetCreated]
        assert kinds(model.feed("", attached("S1"))) == [SessionAttached]
        assert kinds(model.feed("", target.DetachedFromTarget(session_id="S1"))) == [SessionClosed]
        assert list(model.targets.targets) == ["T1"]
        assert kinds(model.feed("", target.TargetDestroyed(target_id="T1"))) == [TargetDestroyed]
        assert model.targets.targets == {}

    def test_a_target_that_was_only_attached_to_goes_with_its_last_session(self) -> None:
        model = BrowserModel()
        assert kinds(model.feed("", attached("S1"))) == [TargetCreated, SessionAttached]
        assert kinds(model.feed("", attached("S2"))) == [SessionAttached]
        assert kinds(model.feed("", target.DetachedFromTarget(session_id="S1"))) == [SessionClosed]
        assert kinds(model.feed("", target.DetachedFromTarget(session_id="S2"))) == [SessionClosed, TargetDestroyed]
        assert model.snapshot()["targets"] == []

    def test_a_target_that_is_destroyed_before_its_sessions_end_ends_them_once(self) -> None:
        model = BrowserModel()
        model.feed("", target.TargetCreated(target_info=info()))
        model.feed("", attached("S1"))
        assert kinds(model.feed("", target.TargetDestroyed(target_id="T1"))) == [SessionClosed, TargetDestroyed]
        assert model.feed("", target.DetachedFromTarget(session_id="S1")) == ()

    def test_a_session_that_was_attached_before_anybody_listened_ends_once(self) -> None:
        model = BrowserModel()
        assert kinds(model.feed("", target.DetachedFromTarget(session_id="S1"))) == [SessionClosed]
        assert model.feed("", target.DetachedFromTarget(session_id="S1")) == ()

    def test_what_is_told_twice_changes_once(self) -> None:
        model = BrowserModel()
        model.feed("", attached("S1"))
        assert model.feed("", attached("S1")) == ()
        assert model.feed("", target.TargetCreated(target_info=info())) == ()
        assert model.feed("", target.GetTargetsResult(target_infos=[info()])) == ()
        assert kinds(model.feed("", target.TargetInfoChanged(target_info=info(title="new")))) == [TargetChanged]
        assert model.feed("", target.TargetInfoChanged(target_info=info("T9"))) == ()

    def test_targets_that_are_listed_are_known(self) -> None:
        model = BrowserModel()
        listed = target.GetTargetsResult(target_infos=[info(), info("T2", opener_id="T1")])
        assert kinds(model.feed("", listed)) == [TargetCreated, TargetCreated]
        assert model.targets.targets["T2"].opener_id == "T1"


class TestSessions:
    def test_a_session_ends_with_the_one_it_was_attached_through_and_after_its_own(self) -> None:
        model = BrowserModel()
        model.feed("", attached("S1"))
        model.feed("S1", attached("S2", "T2", type="iframe"))
        model.feed("S2", attached("S3", "T3", type="worker"))
        ended = [
            each.session_id
            for each in model.feed("", target.DetachedFromTarget(session_id="S1"))
            if isinstance(each, SessionClosed)
        ]
        assert ended == ["S3", "S2", "S1"]
        assert model.targets.sessions == {}
        assert model.feed("S2", target.DetachedFromTarget(session_id="S3")) == ()

    def test_one_that_waits_says_so(self) -> None:
        (_, change) = BrowserModel().feed("", attached("S1", waiting=True))
        assert isinstance(change, SessionAttached)
        assert change.waiting

    def test_a_crash_is_told_once_until_the_target_is_revived(self) -> None:
        model = BrowserModel()
        model.feed("", attached("S1"))
        assert model.feed("S1", inspector.TargetCrashed()) == (SessionCrashed("S1"),)
        assert model.feed("S1", inspector.TargetCrashed()) == ()
        assert model.targets.sessions["S1"].crashed
        assert model.feed("S1", inspector.TargetReloadedAfterCrash()) == (SessionRevived("S1"),)
        assert not model.targets.sessions["S1"].crashed

    def test_the_root_may_be_a_pages_own_session(self) -> None:
        model = BrowserModel()
        model.feed("", attached("", "T1"))
        found = model.targets.of_session("")
        assert found is not None
        assert found.id == "T1"
        assert kinds(model.feed("", target.DetachedFromTarget(session_id=""))) == [SessionClosed, TargetDestroyed]


class TestFeeding:
    def test_what_no_table_wants_changes_nothing(self) -> None:
        assert (
            BrowserModel().feed("S1", page.WindowOpen(url="", window_name="", window_features=[], user_gesture=False))
            == ()
        )

    def test_what_is_not_as_the_protocol_says_is_counted_and_harms_nothing(self) -> None:
        model = BrowserModel()
        wrong: Any = None
        assert model.feed("", target.TargetCreated(target_info=wrong)) == ()
        assert model.misread == 1
        assert isinstance(model.fault, AttributeError)
        assert kinds(model.feed("", attached("S1"))) == [TargetCreated, SessionAttached]

    def test_a_follower_learns_which_events_a_table_is_made_from(self) -> None:
        model = BrowserModel()
        assert target.AttachedToTarget in model.wants("targets")
        assert model.wants("targets") <= model.wants()

    def test_a_snapshot_is_plain_data(self) -> None:
        model = BrowserModel()
        model.feed("", attached("S1"))
        model.feed("S1", attached("S2", "T2", type="iframe"))
        (first, second) = model.snapshot()["targets"]
        assert first["id"] == "T1"
        assert first["sessions"] == [
            {"id": "S1", "target_id": "T1", "parent_id": "", "child_ids": ["S2"], "crashed": False}
        ]
        assert second["sessions"][0]["parent_id"] == "S1"


class TestKinds:
    @pytest.mark.parametrize("name", TARGET_KINDS)
    def test_no_target_is_both_a_document_and_a_worker(self, name: str) -> None:
        assert not (kind_of(name).has_document and kind_of(name).is_worker)

    def test_a_type_that_nobody_knows_has_no_document_and_is_not_hidden(self) -> None:
        assert kind_of("hologram") == kind_of("other")
        assert not kind_of("hologram").is_internal
