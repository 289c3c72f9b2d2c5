"""What becomes of several wishes about one auto-attach setting: as a table, on a FakeChrome, over a lost line."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.test_reconnecting import ReconnectCase
from tests.support import Watcher
from txcdp._core.sessions import AutoAttach, Session
from txcdp.domains import page, runtime, target
from txcdp.errors import CommandError
from txcdp.protocol._auto_attach import ASSUMED, Filter, Want, filter_of, holds, merged, read_want, write_want
from txcdp.testing import NEVER, FakeChrome

KINDS = ("page", "worker", "iframe", "tab", "browser", "shared_worker", "another")
FILTERS: tuple[Filter, ...] = (
    ASSUMED,
    (),
    ((None, False),),
    ((None, True),),
    (("page", False),),
    (("worker", False), ("page", False)),
    (("page", True), (None, False)),
    (("page", True), ("page", False), (None, False)),
    (("tab", False), (None, False)),
)


def test_what_is_sent_covers_what_each_one_wants_and_nothing_else() -> None:
    for filters in itertools.product(FILTERS, repeat=3):
        wants = [Want(False, each) for each in filters]
        for kind in KINDS:
            assert merged(wants).covers(kind) == any(each.covers(kind) for each in wants), (filters, kind)


def test_the_first_entry_that_matches_decides() -> None:
    assert [kind for kind in KINDS if Want(True).covers(kind)] == [
        "page",
        "worker",
        "iframe",
        "shared_worker",
        "another",
    ]
    assert not Want(True, ()).covers("page")
    assert not Want(True, (("page", True), ("page", False))).covers("page")


@pytest.mark.parametrize(
    ("params", "want"),
    [
        ({"autoAttach": True, "waitForDebuggerOnStart": True}, Want(True)),
        ({"autoAttach": True, "waitForDebuggerOnStart": False, "filter": None}, Want(False)),
        ({"waitForDebuggerOnStart": True, "filter": [{}]}, Want(True, ((None, False),))),
        (
            {"waitForDebuggerOnStart": True, "filter": [{"type": "page", "exclude": True}]},
            Want(True, (("page", True),)),
        ),
        ({}, Want(False)),
        ({"waitForDebuggerOnStart": "yes"}, None),
        ({"filter": "page"}, None),
        ({"filter": ["page"]}, None),
        ({"filter": [{"type": 5}]}, None),
        ({"filter": [{"exclude": "no"}]}, None),
    ],
)
def test_what_is_asked(params: dict[str, Any], want: Want | None) -> None:
    assert read_want(params) == want


def test_what_is_written_is_read_again() -> None:
    for wait, entries in itertools.product((False, True), FILTERS):
        assert read_want(write_want(Want(wait, entries))) == Want(wait, entries)
    assert filter_of(None) == ASSUMED


@pytest.mark.parametrize(
    ("by_hand", "kind", "held"),
    [
        ([], "page", False),
        ([Want(False)], "page", False),
        ([Want(True)], "page", True),
        ([Want(True)], "tab", False),
        ([Want(True, (("worker", False),))], "page", False),
        ([Want(False), Want(True, (("worker", False),))], "worker", True),
    ],
)
def test_who_resumes(by_hand: list[Want], kind: str, held: bool) -> None:
    assert holds(by_hand, kind) is held


RUN = "Runtime.runIfWaitingForDebugger"


class SharedSettingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.root = self.connection.session
        self.seen = Watcher(self.connection.attached)

    def by_hand(self, session: Session | None = None, raw: bool = False, **params: Any) -> None:
        session = session or self.root
        given = {"auto_attach": True, "wait_for_debugger_on_start": True, "flatten": True, **params}
        if raw:
            names = {"auto_attach": "autoAttach", "wait_for_debugger_on_start": "waitForDebuggerOnStart"}
            sent: Any = session.execute_raw("Target.setAutoAttach", {names.get(k, k): v for k, v in given.items()})
        else:
            sent = session.execute(target.set_auto_attach(**given))
        self.chrome.run(sent)

    def sent(self) -> Any:
        """The parameters that were sent last."""
        return self.chrome.received(target.set_auto_attach)[-1]

    def methods(self, session: Session) -> list[str]:
        return [each.method for each in self.chrome.commands if each.session_id == session.id]

    def test_who_asked_for_the_pause_ends_it(self) -> None:
        for raw in (False, True):
            self.setUp()
            self.by_hand(raw=raw)
            self.chrome.open_target()
            self.chrome.flush()
            (session,) = self.seen.items
            self.assertEqual(self.methods(session), [])
            self.chrome.run(session.execute(runtime.run_if_waiting_for_debugger()))
            self.assertEqual(self.methods(session), [RUN])

    def test_it_holds_what_ours_has_set_up(self) -> None:
        for first in ("ours", "by hand"):
            self.setUp()
            ours = AutoAttach(set_up=lambda session: session.execute(page.enable()), recursive=False)
            if first == "by hand":
                self.by_hand()
            self.chrome.run(ours.start(self.root))
            if first == "ours":
                self.by_hand()
            self.chrome.open_target()
            self.chrome.flush()
            self.assertEqual(self.methods(self.seen.items[0]), ["Page.enable"], first)

    def test_ours_resumes_what_nobody_else_holds(self) -> None:
        self.chrome.run(AutoAttach(recursive=False).start(self.root))
        for params in (
            {"wait_for_debugger_on_start": False},
            {"filter": [target.FilterEntry(type="worker")]},
            {"auto_attach": False, "wait_for_debugger_on_start": False},
        ):
            self.by_hand(**params)
            self.assertTrue(self.sent().auto_attach)
            self.assertTrue(self.sent().wait_for_debugger_on_start)
            self.chrome.open_target()
            self.chrome.flush()
            self.assertEqual(self.methods(self.seen.items[-1]), [RUN], params)

    def test_a_service_worker_that_is_started_once_more_runs(self) -> None:
        """It waits for all who have attached to it, and is not attached to once more."""
        for by_hand, kind, sent in (
            (False, "service_worker", [RUN, RUN]),
            (True, "service_worker", []),
            (False, "page", [RUN]),
        ):
            self.setUp()
            if by_hand:
                self.by_hand()
            self.chrome.run(AutoAttach(recursive=False).start(self.root))
            self.chrome.open_target(kind)
            self.chrome.flush()
            (session,) = self.seen.items
            self.chrome.crash(session)
            self.chrome.revive(session)
            self.chrome.flush()
            self.assertEqual(self.methods(session), sent, (by_hand, kind))

    def test_what_is_sent_is_what_all_want(self) -> None:
        pages = AutoAttach(wait=False, recursive=False, filter=[target.FilterEntry(type="page")])
        self.chrome.run(pages.start(self.root))
        self.by_hand(filter=[target.FilterEntry(type="worker")])
        self.assertEqual(self.sent().wait_for_debugger_on_start, True)
        self.assertEqual({each.type for each in self.sent().filter}, {"page", "worker"})
        workers = AutoAttach(recursive=False, filter=[target.FilterEntry(type="iframe")])
        self.chrome.run(workers.start(self.root))
        self.assertEqual({each.type for each in self.sent().filter}, {"page", "worker", "iframe"})
        self.chrome.run(pages.stop(self.root))
        self.assertEqual({each.type for each in self.sent().filter}, {"worker", "iframe"})
        self.by_hand(auto_attach=False, wait_for_debugger_on_start=False)
        self.assertEqual({each.type for each in self.sent().filter}, {"iframe"})
        self.chrome.run(workers.stop(self.root))
        self.assertFalse(self.sent().auto_attach)
        self.assertIsNone(self.root.auto_attach)

    def test_alone_it_is_sent_as_it_is(self) -> None:
        params = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False, "new": 1}
        self.chrome.run(self.root.execute_raw("Target.setAutoAttach", params))
        self.assertEqual(json.loads(self.chrome.lines[0].writes[-1][-1])["params"], params)

    def test_each_set_up_gets_what_it_wants(self) -> None:
        names: list[tuple[str, str]] = []

        def policy(name: str, kind: str) -> AutoAttach:
            def note(session: Session) -> None:
                assert session.target is not None
                names.append((name, session.target.type))

            return AutoAttach(set_up=note, recursive=False, filter=[target.FilterEntry(type=kind)])

        for name, kind in (("a", "page"), ("b", "worker"), ("c", "page")):
            self.chrome.run(policy(name, kind).start(self.root))
        for kind in ("page", "worker"):
            self.chrome.open_target(kind)
        self.chrome.flush()
        self.assertEqual(names, [("a", "page"), ("c", "page"), ("b", "worker")])

    def test_what_ours_does_not_want_stays_where_it_is_wanted_by_hand(self) -> None:
        self.chrome.run(AutoAttach(keep=lambda info: info.type == "page", recursive=False).start(self.root))
        self.by_hand()
        self.chrome.open_target("worker")
        self.chrome.flush()
        self.assertEqual(len(self.seen.items), 1)
        self.assertEqual(self.methods(self.seen.items[0]), [])

    def test_what_ours_does_not_want_can_be_attached_to(self) -> None:
        self.chrome.run(AutoAttach(filter=[target.FilterEntry(type="page")]).start(self.root))
        worker = self.chrome.open_target("worker")
        session = self.chrome.run(self.connection.attach(worker))
        self.assertEqual(session.target and session.target.type, "worker")

    def test_what_is_refused_is_not_in_force(self) -> None:
        refusal = CommandError("", -32000, "Filter should not simultaneously allow tab and page")
        self.chrome.once(target.set_auto_attach, refusal)
        asked = self.root.execute(target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=True))
        self.chrome.flush()
        self.failureResultOf(asked, CommandError)
        self.chrome.run(AutoAttach(recursive=False).start(self.root))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(self.methods(self.seen.items[0]), [RUN])

    def test_related_targets(self) -> None:
        self.chrome.on(target.auto_attach_related, None)
        session = self.chrome.attach(self.connection)
        assert session.target is not None
        related = target.auto_attach_related(target_id=session.target.target_id, wait_for_debugger_on_start=True)
        self.chrome.run(self.root.execute(related))
        waiting = self.chrome.attach(self.connection, "iframe", waiting=True)
        self.assertEqual(self.methods(waiting), [])
        # In the browser one ends the other.
        self.chrome.run(AutoAttach(recursive=False).start(self.root))
        other = self.chrome.attach(self.connection, "iframe", waiting=True)
        self.assertEqual(self.methods(other), [RUN])


class UnwantedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.chrome.run(AutoAttach(keep=lambda info: False).start(self.connection.session))

    def methods(self) -> list[str]:
        return [each.method for each in self.chrome.commands][-2:]

    def test_it_runs_before_it_is_detached_from(self) -> None:
        self.chrome.on(runtime.run_if_waiting_for_debugger, NEVER)
        self.chrome.open_target("worker")
        self.chrome.flush()
        self.assertEqual(self.methods()[-1], RUN)
        self.chrome.clock.advance(4.9)
        self.chrome.flush()
        self.assertEqual(self.methods()[-1], RUN)
        self.chrome.clock.advance(0.2)
        self.chrome.flush()
        self.assertEqual(self.methods(), [RUN, "Target.detachFromTarget"])

    def test_one_that_refuses_to_run_is_let_go(self) -> None:
        self.chrome.on(runtime.run_if_waiting_for_debugger, CommandError("", -32601, "no"))
        self.chrome.open_target("worker")
        self.chrome.flush()
        self.assertEqual(self.methods(), [RUN, "Target.detachFromTarget"])

    def test_one_that_ends_meanwhile_is_not_detached_from(self) -> None:
        self.chrome.on(runtime.run_if_waiting_for_debugger, NEVER)
        gone = self.chrome.open_target("worker")
        self.chrome.flush()
        self.chrome.targets.close(self.chrome.targets.all[gone])
        self.chrome.flush()
        self.assertIn("0 pending", repr(self.connection))
        self.chrome.advance(10)
        self.assertEqual(self.methods()[-1], RUN)

    def test_the_line_ends_meanwhile(self) -> None:
        self.chrome.on(runtime.run_if_waiting_for_debugger, NEVER)
        self.chrome.open_target("worker")
        self.chrome.flush()
        self.chrome.lose("cut")
        self.chrome.flush()
        assert isinstance(self.chrome.clock, Clock)
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class OverALostLineTests(ReconnectCase):
    def test_the_setting_and_who_holds_are_as_before(self) -> None:
        seen = Watcher(self.connection.attached)
        root = self.connection.session
        pages = AutoAttach(wait=False, recursive=False, filter=[target.FilterEntry(type="page")])
        self.chrome.run(pages.start(root))
        workers = [target.FilterEntry(type="worker")]
        by_hand = target.set_auto_attach(
            auto_attach=True, wait_for_debugger_on_start=True, flatten=True, filter=workers
        )
        self.chrome.run(root.execute(by_hand))
        before = self.chrome.received(target.set_auto_attach)[-1]
        self.lose()
        self.come_back()
        again = [each for each in self.chrome.received(target.set_auto_attach) if each == before]
        self.assertEqual(len(again), 2)
        self.assertEqual(self.since().count("Target.setAutoAttach"), 2)  # and once for the frames of the page
        for kind in ("worker", "page"):
            self.chrome.open_target(kind)
        self.chrome.flush()
        held, resumed = seen.items
        sent = [(each.session_id, each.method) for each in self.chrome.commands[-3:]]
        self.assertNotIn((held.id, RUN), sent)
        self.assertIn((resumed.id, RUN), sent)
