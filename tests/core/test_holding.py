"""A subscriber that raises at what holds something in the browser: it goes on, and it is told of."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.support import SESSION_ID, WireCase, attached, event, over_pipe
from txcdp import domains
from txcdp.domains import fetch, network, target
from txcdp.protocol._holding import HOLDING, Release, answer

PAUSED = {"requestId": "interception-1", "request": {}, "frameId": "F", "resourceType": "Document"}


def _raise(_: object) -> None:
    raise ZeroDivisionError


CASES: list[tuple[str, dict[str, Any], Release | None]] = [
    ("Fetch.requestPaused", PAUSED, Release("Fetch.continueRequest", {"requestId": "interception-1"})),
    (
        "Fetch.authRequired",
        {"requestId": "R"},
        Release("Fetch.continueWithAuth", {"requestId": "R", "authChallengeResponse": {"response": "Default"}}),
    ),
    ("Page.javascriptDialogOpening", {"type": "alert"}, Release("Page.handleJavaScriptDialog", {"accept": False})),
    (
        "Page.javascriptDialogOpening",
        {"type": "beforeunload"},
        Release("Page.handleJavaScriptDialog", {"accept": True}),
    ),
    ("Debugger.paused", {"reason": "other"}, Release("Debugger.resume", {})),
    ("FedCm.dialogShown", {"dialogId": "D"}, Release("FedCm.dismissDialog", {"dialogId": "D"})),
    ("DeviceAccess.deviceRequestPrompted", {"id": "P"}, Release("DeviceAccess.cancelPrompt", {"id": "P"})),
    (
        "Security.certificateError",
        {"eventId": 5},
        Release("Security.handleCertificateError", {"eventId": 5, "action": "cancel"}),
    ),
    (
        "Target.attachedToTarget",
        {"sessionId": "S", "waitingForDebugger": True},
        Release("Runtime.runIfWaitingForDebugger", {}, "S"),
    ),
    ("Target.attachedToTarget", {"sessionId": "S", "waitingForDebugger": False}, None),
    ("Target.attachedToTarget", {"waitingForDebugger": True}, None),
    ("Page.loadEventFired", {}, None),
]


@pytest.mark.parametrize(("method", "params", "expected"), CASES)
def test_what_lets_go(method: str, params: dict[str, Any], expected: Release | None) -> None:
    assert answer(method, params) == expected


def test_each_event_and_its_answer_are_in_the_protocol() -> None:
    assert {method for method, _, expected in CASES if expected is not None} == HOLDING
    known = {
        each.method
        for name in domains._MODULES
        for each in vars(getattr(domains, name)).values()
        if isinstance(getattr(each, "method", None), str)
    }
    assert known >= HOLDING
    assert known >= {expected.method for _, _, expected in CASES if expected is not None}


class HoldingTests(WireCase):
    def answers(self) -> list[Any]:
        return [each for each in self.wire.heard() if not each["method"].endswith(".enable")]

    def test_it_goes_on_at_once_and_from_then_on(self):
        session = self.wire.attach()
        for method, params, expected in CASES:
            if expected is None or expected.session is not None:
                continue
            with self.subTest(method):
                before = len(self.answers())
                session.events_raw(method).subscribe(_raise)
                self.wire.say(event(method, params, session.id), event(method, params, session.id))
                self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
                told = [(each["method"], each["params"], each["sessionId"]) for each in self.answers()[before:]]
                self.assertEqual(told, [(expected.method, expected.params, session.id)] * 2)
                self.wire.say(*({"id": each["id"], "error": {"code": 1, "message": "no"}} for each in self.answers()))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_handler_that_fails_goes_on_and_so_does_the_page(self):
        session = self.wire.attach()
        later: list[Deferred[None]] = []

        def fails_later(_: object) -> Deferred[None]:
            later.append(Deferred())
            return later[-1]

        async def fails(_: object) -> None:
            raise ZeroDivisionError

        paused = event("Fetch.requestPaused", PAUSED, session.id)
        for handler in (_raise, fails, fails_later):
            handling = session.events(fetch.RequestPaused).each(handler)
            before = len(self.answers())
            for _ in range(2):
                self.wire.say(paused)
                if handler is fails_later:
                    self.assertEqual(len(self.answers()), before)
                    later.pop().errback(ZeroDivisionError())
                before += 1
                self.assertEqual(len(self.answers()), before)
            handling.dispose()
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual({each["method"] for each in self.answers()}, {"Fetch.continueRequest"})

    def test_another_handler_may_answer(self):
        session = self.wire.attach()
        session.events(fetch.RequestPaused).each(_raise)
        session.events_raw("Fetch.requestPaused").subscribe(lambda _: None)
        self.wire.say(event("Fetch.requestPaused", PAUSED, session.id))
        self.assertEqual(self.answers(), [])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_who_else_listens_is_the_one_to_answer(self):
        session = self.wire.attach()
        heard: list[Any] = []
        session.events(fetch.RequestPaused).subscribe(_raise)
        other = session.events_raw("Fetch.requestPaused").subscribe(heard.append)
        paused = event("Fetch.requestPaused", PAUSED, session.id)
        self.wire.say(paused, paused)
        self.assertEqual((len(heard), self.answers()), (2, []))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        other.dispose()
        self.wire.say(paused)
        self.assertEqual([each["method"] for each in self.answers()], ["Fetch.continueRequest"])

    def test_who_listens_later_is_the_one_to_answer(self):
        session = self.wire.attach()
        session.events(fetch.RequestPaused).subscribe(_raise)
        paused = event("Fetch.requestPaused", PAUSED, session.id)
        self.wire.say(paused)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        heard: list[Any] = []
        session.events(fetch.RequestPaused).subscribe(heard.append)
        self.wire.say(paused)
        self.assertEqual((len(heard), len(self.answers())), (1, 1))

    def test_a_tap_is_nobody_to_answer(self):
        self.connection.events_raw().subscribe(_raise)
        self.wire.say(event("Fetch.requestPaused", PAUSED))
        self.assertEqual(self.answers(), [])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_target_that_was_to_wait_runs(self):
        for of_sessions in (True, False):
            self.open()
            by_hand = target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=True, flatten=True)
            self.connection.session.execute(by_hand).addErrback(lambda _: None)
            told = self.connection.session.events(target.AttachedToTarget)
            stream: Any = self.connection.attached if of_sessions else told
            stream.subscribe(_raise)
            self.wire.say(attached(waiting=True))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            last = self.wire.last()
            self.assertEqual((last["method"], last["sessionId"]), ("Runtime.runIfWaitingForDebugger", SESSION_ID))

    def test_other_events_are_nobodys_business(self):
        self.connection.session.events(network.DataReceived).subscribe(_raise)
        self.wire.say(event("Network.dataReceived", {}))
        self.assertEqual(self.answers(), [])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


HoldingOverPipeTests = over_pipe(HoldingTests)
