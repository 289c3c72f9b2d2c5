"""Following targets: which are chosen, what each is sent and in which order, and what a model is fed with."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from txcdp._core.connection import Connection
from txcdp._core.dispatch.tap import RawEvent
from txcdp._core.sessions import Session
from txcdp._following import Choice, Following, ModelFeed, OpenedBy, enabling
from txcdp.domains import network, page, target
from txcdp.errors import CommandError
from txcdp.gateway.live._targets import Listed
from txcdp.model import BrowserModel, FrameAttached
from txcdp.recording._following import AllExcept
from txcdp.testing import FakeChrome


def told(target_id: str, kind: str = "page", opener: str | None = None, url: str = "") -> target.TargetInfo:
    return target.TargetInfo(
        target_id=target_id, type=kind, title="", url=url, attached=False, can_access_opener=False, opener_id=opener
    )


# Which.


def test_what_a_page_opens() -> None:
    choice = OpenedBy({"THERE", "PAGE"})
    choice.took(told("PAGE"))
    assert choice.wants_above(told("POPUP", opener="PAGE"))
    assert not choice.wants_above(told("GRANDCHILD", opener="POPUP"))
    choice.took(told("POPUP"))
    assert choice.wants_above(told("GRANDCHILD", opener="POPUP"))
    assert not choice.wants_above(told("ELSE", opener="STRANGER"))
    assert not choice.wants_above(told("ALONE"))
    assert choice.wants_above(told("SHARED", "shared_worker"))
    assert not choice.wants_above(told("THERE", "shared_worker"))
    assert choice.wants_below(told("ANY", "iframe"))


def test_all_but_the_browsers_own() -> None:
    choice = AllExcept({"browser_ui"})
    assert [choice.wants_above(told("X", kind)) for kind in ("page", "browser_ui", "new_kind")] == [True, False, True]
    assert not choice.wants_below(told("X", "browser_ui"))


def test_what_is_listed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txcdp.gateway.live._targets._MOST", 2)
    choice = Listed()
    assert [choice.wants_above(told("X", kind)) for kind in ("page", "service_worker", "worker", "browser", "tab")] == [
        *(True, True, False, False, False)
    ]
    choice.took(told("A"))
    choice.took(told("A"))
    assert choice.wants_above(told("C"))
    choice.took(told("B"))
    assert not choice.wants_above(told("C"))
    choice.left(told("A"))
    assert choice.wants_above(told("C"))


# What.


def test_domains_that_a_kind_does_not_have_are_not_enabled() -> None:
    commands = enabling(["Network", "Page", "DOM", "Runtime"])
    assert [each for each, _ in commands("iframe")] == ["Network.enable", "Page.enable", "DOM.enable", "Runtime.enable"]
    assert [each for each, _ in commands("worker")] == ["Network.enable", "Runtime.enable"]
    assert [each for each, _ in commands("of another age")] == ["Network.enable", "Runtime.enable"]


# Following.


class Pages(Choice):
    """Pages above, frames below; one page is not wanted."""

    above = (target.FilterEntry(type="page"),)
    below = (target.FilterEntry(type="iframe"),)

    def __init__(self) -> None:
        self.now: list[str] = []

    def wants_above(self, info: target.TargetInfo) -> bool:
        return info.url != "about:unwanted"

    def took(self, info: target.TargetInfo) -> None:
        self.now.append(info.target_id)

    def left(self, info: target.TargetInfo) -> None:
        self.now.remove(info.target_id)


class FollowingTests(SynchronousTestCase):
    def setUp(self):
        self.chrome = FakeChrome()
        self.connection: Connection = self.chrome.connect()
        self.choice = Pages()
        self.begun: list[Session] = []
        self.dialogs: list[Session] = []
        self.following = Following(
            self.choice, enabling(["Page", "Network"]), answer_dialogs=self.dialogs.append, begin=self.begun.append
        )

    def sent(self, session: Session) -> list[str]:
        return [each.method for each in self.chrome.commands if each.session_id == session.id]

    def open(self, kind: str = "page", **more: Any) -> Session:
        return self.chrome.attach(self.connection, kind, waiting=True, **more)

    def start(self) -> None:
        self.chrome.run(self.following.start(self.connection.session))

    def test_each_is_set_up_before_it_runs_and_so_is_what_is_below(self):
        self.start()
        page_session = self.open()
        self.assertEqual(
            self.sent(page_session),
            ["Page.enable", "Network.enable", "Target.setAutoAttach", "Runtime.runIfWaitingForDebugger"],
        )
        frame = self.open("iframe", parent=page_session)
        self.assertEqual(self.sent(frame), self.sent(page_session))
        self.assertEqual(self.begun, [page_session, frame])
        self.assertEqual(self.dialogs, [page_session, frame])
        self.assertEqual(self.choice.now, [each.target.target_id for each in (page_session, frame) if each.target])

    def test_a_target_is_followed_once_however_it_is_met(self):
        self.start()
        session = self.open()
        sent = len(self.sent(session))
        self.assertEqual(self.following.follow(session), [])
        self.assertEqual(len(self.sent(session)), sent)
        self.assertEqual(self.begun, [session])

    def test_one_that_is_attached_to_by_name(self):
        here = told(self.chrome.open_target("page"))
        attaching = self.following.attach(self.connection, here)
        assert attaching is not None
        session = self.chrome.run(attaching)
        self.chrome.flush()
        self.assertEqual(self.sent(session), ["Page.enable", "Network.enable", "Target.setAutoAttach"])
        self.assertIsNone(self.following.attach(self.connection, told("UNWANTED", url="about:unwanted")))

    def test_one_that_cannot_be_attached_to_is_not_followed(self):
        waiting = self.following.attach(self.connection, told("GONE"))
        assert waiting is not None
        self.chrome.flush()
        self.failureResultOf(waiting, CommandError)
        self.assertEqual(self.choice.now, [])

    def test_what_ends_is_left(self):
        self.start()
        session = self.open()
        session.detach()
        self.chrome.flush()
        self.assertEqual(self.choice.now, [])

    def test_after_the_stop_nothing_more_is_set_up(self):
        self.start()
        before = self.open()
        self.following.stop()
        after = self.open()
        self.assertEqual(self.sent(after), ["Runtime.runIfWaitingForDebugger"])
        self.assertEqual(self.begun, [before])
        self.assertIsNone(self.following.attach(self.connection, told("MORE")))

    def test_the_recorder_follows_all_although_somebody_else_attaches_some_there(self):
        """Where a viewport's policy was on the root session first, nothing else was attached there."""
        other = Following(Pages(), enabling([]))
        self.chrome.run(other.start(self.connection.session))
        everything = Following(AllExcept({"browser_ui"}), enabling(["Network"]))
        self.chrome.run(everything.start(self.connection.session))
        worker = self.open("shared_worker")
        self.assertIn("Network.enable", self.sent(worker))


# Feeding.


def test_a_feed_reads_and_gives() -> None:
    feed = ModelFeed(BrowserModel(), [page.FrameAttached, network.LoadingFailed])
    message = RawEvent("Page.frameAttached", {"frameId": "F", "parentFrameId": "P"}, "S")
    event = feed.read(message)
    assert isinstance(event, page.FrameAttached)
    fed = feed.give(message.session_id, event)
    assert [type(each) for each in fed.changes] == [FrameAttached]
    assert fed.fault is None
    assert feed.model.frames.frames["F"].session_id == "S"
    with pytest.raises(KeyError):
        feed.read(RawEvent("Page.loadEventFired", {"timestamp": 1}, "S"))


def test_a_feed_tells_what_was_misread_and_of_that_alone() -> None:
    feed = ModelFeed(BrowserModel(), [network.ResponseReceived, page.FrameAttached])
    odd = feed.read(RawEvent("Network.responseReceived", {"requestId": "R", "loaderId": "R", "type": "Document"}, "S"))
    odd_given = feed.give("S", odd)
    fine = feed.give(None, page.FrameAttached(frame_id="F", parent_frame_id="P"))
    assert fine.fault is None
    if odd_given.fault is None:
        odd = feed.read(RawEvent("Page.frameAttached", {"frameId": ["F"], "parentFrameId": "P"}, "S"))
        assert feed.give("S", odd).fault is not None
