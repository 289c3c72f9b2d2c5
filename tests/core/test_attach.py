"""Auto-attach and the table of sessions, on a FakeChrome."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp._core.sessions import AutoAttach, Session
from txcdp.domains import network, page, runtime, target
from txcdp.errors import CommandError, TargetCrashed
from txcdp.testing import FakeChrome

#: What leaves a target to other clients, and what lets it run where there are none.
LEAVING = ["Target.detachFromTarget", "Target.getTargetInfo"]
RETURNING = ["Target.attachToTarget", "Runtime.runIfWaitingForDebugger", "Target.detachFromTarget"]
INFO = {"targetId": "T", "type": "shared_worker", "title": "", "url": "", "canAccessOpener": False}


class AutoAttachTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.seen = Watcher(self.connection.attached)

    def start(self, policy: AutoAttach, session: Session | None = None) -> None:
        self.chrome.run(policy.start(session or self.connection.session))

    def methods(self, session_id: str | None) -> list[str]:
        return [each.method for each in self.chrome.commands if each.session_id == session_id]

    def test_a_new_target_is_set_up_before_it_runs(self):
        def set_up(session: Session) -> None:
            session.execute(page.enable())
            session.events(network.RequestWillBeSent).subscribe(lambda _: None)

        self.start(AutoAttach(set_up=set_up))
        self.chrome.open_target(url="http://x/")
        self.chrome.flush()
        (session,) = self.seen.items
        self.assertEqual(session.target.url, "http://x/")
        self.assertEqual(
            self.methods(session.id),
            ["Target.setAutoAttach", "Page.enable", "Network.enable", "Runtime.runIfWaitingForDebugger"],
        )
        write = self.chrome.lines[0].writes[-1]
        self.assertEqual(len(write), 4)

    def test_the_command_itself(self):
        entries = (target.FilterEntry(type="page"), target.FilterEntry(exclude=True))
        self.start(AutoAttach(wait=False, filter=entries))
        self.assertEqual(
            self.chrome.received(target.set_auto_attach),
            [target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=False, flatten=True,
                                    filter=list(entries))],
        )  # fmt: skip

    def test_nobody_waits_where_none_has_to(self):
        self.start(AutoAttach(wait=False))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(self.methods(self.seen.items[0].id), ["Target.setAutoAttach"])

    def test_recursion(self):
        names: list[str] = []
        self.start(AutoAttach(set_up=lambda session: names.append(session.target.type if session.target else "")))
        self.chrome.open_target()
        self.chrome.flush()
        tab = self.seen.items[0]
        self.chrome.open_target("iframe", opener=tab)
        self.chrome.flush()
        frame = self.seen.items[1]
        self.chrome.open_target("worker", opener=frame)
        self.chrome.flush()
        worker = self.seen.items[2]
        self.assertEqual(names, ["page", "iframe", "worker"])
        self.assertEqual((frame.parent, worker.parent), (tab, frame))
        self.chrome.detach(tab)
        self.chrome.flush()
        self.assertEqual(self.connection.sessions, [self.connection.session])
        self.assertTrue(worker.ended)

    def test_no_recursion(self):
        self.start(AutoAttach(recursive=False))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(self.methods(self.seen.items[0].id), ["Runtime.runIfWaitingForDebugger"])

    def test_kinds_without_auto_attach(self):
        self.chrome.on(target.set_auto_attach, CommandError("", -32601, "'Target.setAutoAttach' wasn't found"))
        self.chrome.on(runtime.run_if_waiting_for_debugger, CommandError("", -32601, "no"))
        started = AutoAttach().start(self.connection.session)
        self.chrome.flush()
        self.failureResultOf(started, CommandError)
        self.chrome.attach(self.connection, "worker", waiting=True)
        self.assertEqual(len(self.seen.items), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_an_unwanted_target_runs_and_is_let_go(self):
        self.start(AutoAttach(keep=lambda info: info.type == "page"))
        self.chrome.open_target("worker")
        self.chrome.flush()
        self.assertEqual(self.seen.items, [])
        resumed, let_go = self.chrome.commands[-2:]
        self.assertEqual(resumed.method, "Runtime.runIfWaitingForDebugger")
        self.assertEqual(let_go.command, target.detach_from_target(session_id=resumed.session_id))
        self.assertEqual(let_go.session_id, None)
        self.assertEqual(self.chrome.targets.sessions, {})
        self.assertEqual(self.connection.sessions, [self.connection.session])

    def test_an_unwanted_target_that_nobody_else_has_runs(self):
        """Of a kind that the first client resumes for all clients."""
        self.start(AutoAttach(keep=lambda info: False))
        self.chrome.open_target("shared_worker")
        self.chrome.flush()
        self.assertEqual([each.method for each in self.chrome.commands[1:]], [*LEAVING, *RETURNING])
        self.assertEqual(self.chrome.targets.sessions, {})
        self.assertEqual(self.connection.sessions, [self.connection.session])
        self.assertEqual(self.seen.items, [])

    def leave_to_others(self) -> None:
        """Let an unwanted target come that another client has attached to."""
        self.start(AutoAttach(keep=lambda info: False))
        self.chrome.on(target.get_target_info, {"targetInfo": {**INFO, "attached": True}})
        self.chrome.open_target("shared_worker")
        self.chrome.flush()
        self.assertEqual([each.method for each in self.chrome.commands[1:]], LEAVING)

    def test_an_unwanted_target_that_somebody_else_has_is_left_to_them(self):
        self.leave_to_others()
        self.chrome.advance(5)  # whoever has attached by hand does not know that it waits
        self.assertEqual([each.method for each in self.chrome.commands[3:]], ["Target.getTargetInfo", *RETURNING])
        self.assertEqual(self.connection.sessions, [self.connection.session])

    def test_nothing_waits_for_others_once_the_line_is_gone(self):
        self.leave_to_others()
        self.chrome.run(self.connection.close())
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_the_same_target_by_hand_and_automatically(self):
        target_id = self.chrome.open_target()
        mine = self.chrome.run(self.connection.attach(target_id))
        self.start(AutoAttach())
        self.assertEqual(self.connection.sessions, [self.connection.session, mine])
        self.assertEqual(len(self.chrome.targets.sessions), 1)
        self.assertIs(self.chrome.run(self.connection.attach(target_id)), mine)

    def test_attached_by_hand_twice(self):
        target_id = self.chrome.open_target()
        both = [self.connection.attach(target_id), self.connection.attach(target_id)]
        self.chrome.flush()
        first, second = map(self.successResultOf, both)
        self.assertEqual(len({first, second}), len(self.connection.sessions) - 1)

    def test_the_same_session_announced_twice(self):
        session = self.chrome.attach(self.connection)
        self.chrome.attach(
            self.connection, target_id=session.target.target_id if session.target else "", session_id=session.id
        )
        self.assertEqual(len(self.seen.items), 1)
        self.assertEqual(self.connection.sessions, [self.connection.session, session])

    def test_a_set_up_that_raises(self):
        def set_up(session: Session) -> Any:
            raise ValueError("boom")

        self.start(AutoAttach(set_up=set_up))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(len(self.seen.items), 1)
        self.assertEqual(self.methods(self.seen.items[0].id)[-1], "Runtime.runIfWaitingForDebugger")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_choice_that_raises(self):
        def keep(info: target.TargetInfo) -> bool:
            raise ValueError("boom")

        self.start(AutoAttach(keep=keep))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertIn("Runtime.runIfWaitingForDebugger", [each.method for each in self.chrome.commands])

    def test_targets_that_were_there_before(self):
        self.chrome.open_target()
        self.start(AutoAttach())
        self.assertEqual(len(self.seen.items), 1)
        self.assertNotIn("Runtime.runIfWaitingForDebugger", self.methods(self.seen.items[0].id))

    def test_events_of_attaching_and_detaching_are_delivered(self):
        raw = Watcher(self.connection.session.events(target.AttachedToTarget))
        gone = Watcher(self.connection.session.events(target.DetachedFromTarget))
        session = self.chrome.attach(self.connection)
        self.chrome.detach(session)
        self.chrome.flush()
        self.assertEqual((len(raw.items), len(gone.items)), (1, 1))
        self.assertEqual(gone.items[0].session_id, session.id)

    def test_swapping_a_frames_session(self):
        tab = self.chrome.attach(self.connection)
        first = self.chrome.attach(self.connection, "iframe", parent=tab, target_id="FRAME")
        second = self.chrome.attach(self.connection, "iframe", parent=tab, target_id="FRAME")
        self.chrome.detach(first)
        self.chrome.flush()
        self.assertTrue(first.ended)
        self.assertFalse(second.ended)

    def test_representations(self):
        session = self.chrome.attach(self.connection)
        assert session.target is not None
        self.assertEqual(repr(session), f"<Session {session.id} of page {session.target.target_id}>")
        self.chrome.crash(session)
        self.chrome.flush()
        self.assertIn("(crashed)", repr(session))
        error = self.failureResultOf(session.execute(runtime.enable()), TargetCrashed).value
        self.assertEqual(error.target, f"page {session.target.target_id}")  # its URL was that when it was attached
        self.chrome.detach(session)
        self.chrome.flush()
        self.assertIn("(gone)", repr(session))
        self.assertEqual(repr(self.connection.session), "<Session root of root>")
