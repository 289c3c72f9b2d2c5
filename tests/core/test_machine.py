"""Anything may happen to a connection, in any order: a state machine plays it, beside a model of what must come of it.

The wire is :class:`FakeTransport` with the machine as the browser, the clock a ``task.Clock``. The model is small:
what each command may end with, what each subscriber must have been given, how each stream must have ended.

``TXCDP_MACHINE_RUNS`` sets the number of runs, which are the same ones each time; ``TXCDP_MACHINE_SEED``, a number,
makes them others, and ``random`` others each time. ``make machine`` does 2,000 of them. What fails is made simpler
before it is shown, which takes minutes, unless ``TXCDP_MACHINE_SHRINK=0``.
"""

from __future__ import annotations

import gc
import json
import math
import os
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from reactivex import operators as ops
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from tests.support import attached, data_received, detached, event, reply_to
from txcdp._core.connection import Connection
from txcdp._core.sessions import AutoAttach, Session
from txcdp._core.sessions.enabling import PATIENCE
from txcdp.domains import network, page, runtime
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectionLost,
    Gone,
    MalformedMessage,
    SessionDetached,
    TargetCrashed,
)
from txcdp.streams import EventQueue, queue
from txcdp.testing import FakeTransport

RUNS = int(os.environ.get("TXCDP_MACHINE_RUNS", "150"))
STEPS = int(os.environ.get("TXCDP_MACHINE_STEPS", "60"))
SEED = os.environ.get("TXCDP_MACHINE_SEED", "")
PHASES = [Phase.generate] if os.environ.get("TXCDP_MACHINE_SHRINK") == "0" else [Phase.generate, Phase.shrink]

#: Seconds; how long things take in the runs.
LINGER = 3.0
TIMEOUT = 7.0
STEP = 0.5

#: What a subscriber does from within the delivery of an item.
ACTS = ["", "", "send", "subscribe", "unsubscribe", "detach", "cancel", "speak", "speak"] * 3 + ["close"]

GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"id":',
    b'{"id":99999,"result":{}}',
    b'{"id":"1"}',
    b'{"error":{"code":-32700,"message":"x"}}',
    b'{"method":"Network.loadingFinished","params":5}',
    b'{"method":"Network.dataReceived"',
    b'{"method":"Target.attachedToTarget","params":{}}',
    b'{"method":"Target.detachedFromTarget","params":{"sessionId":"S999"}}',
    b'{"method":"Inspector.targetCrashed","params":{},"sessionId":"S999"}',
    b'{"method":"Network.dataReceived","params":{},"sessionId":"S999"}',
    b"\xff\xfe\x00",
    b"[" * 5000,
]


def _length(item: network.DataReceived) -> float:
    return item.data_length


def _raw_length(item: dict[str, Any]) -> Any:
    return item["dataLength"]


class Raised(Exception):
    """What a subscriber of the test raises."""


class Sent:
    """A command that the test sent, and what the model knows of it.

    :ivar outcomes: what its Deferred has fired with; must never be more than one.
    :ivar retried: the same command, sent again by its own errback.
    """

    def __init__(self, session: Session, kind: str, deadline: float | None) -> None:
        self.session = session
        self.kind = kind
        self.deadline = math.inf if deadline is None else deadline
        self.outcomes: list[Any] = []
        self.retried: Sent | None = None
        self.deferred: Deferred[Any] = Deferred()


class Listener:
    """A subscriber, with what it has heard and what it must have.

    :ivar act: what it does, once, from within the delivery of an item.
    """

    def __init__(
        self, session: Session | None, raises_at: int | None = None, act: Callable[[Listener], None] | None = None
    ) -> None:
        self.act = act
        self.raised = 0
        self.session = session
        self.heard: list[int] = []
        self.due: list[int] = []
        self.ends: list[Exception | None] = []
        self.left = False
        self.raises_at = raises_at
        self.subscription: Any = None

    def on_next(self, number: int) -> None:
        self.heard.append(number)
        act, self.act = self.act, None
        if act is not None:
            act(self)
        if self.raises_at is not None and len(self.heard) > self.raises_at:
            self.raised += 1
            raise Raised

    def leave(self) -> None:
        """Unsubscribe; what was still to come does not."""
        self.left = True
        self.subscription.dispose()
        self.due = list(self.heard)

    @property
    def done(self) -> bool:
        """Whether it hears nothing any more."""
        return self.left or bool(self.ends) or (self.raises_at is not None and len(self.due) > self.raises_at)


class Keeper:
    """Looks for another line where one is lost: the machine opens it in a later step, or never."""

    def line_lost(self, reason: ConnectionLost) -> None:
        """Do nothing yet."""

    def stop(self) -> Deferred[None]:
        return succeed(None)


class Machine(RuleBasedStateMachine):
    """The browser, the user, and the model."""

    ended = 0

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[Any] = []
        self.observer = cast(ILogObserver, self._log)
        globalLogPublisher.addObserver(self.observer)
        self.clock = Clock()
        self.line = FakeTransport(self._heard, lambda: None)
        self.unanswered: list[dict[str, Any]] = []
        self.answered: list[dict[str, Any]] = []
        self.order: dict[str, list[int]] = {}
        self.sent: list[Sent] = []
        self.listeners: list[Listener] = []
        self.queues: list[EventQueue[Any]] = []
        self.detaching: list[list[Any]] = []
        self.sessions: list[Session] = []
        self.count = 0
        self.prompt = 0
        self.told: set[str | None] = set()
        self.named = 0
        self.restorable: set[str] = set()
        self.resumed: list[Any] = []
        self.evaluated: list[str] = []
        self.said: list[tuple[int, Session]] = []

    def _log(self, entry: LogEvent) -> None:
        if entry["log_level"] in (LogLevel.error, LogLevel.critical):
            self.logged.append(entry)

    def _heard(self, line: FakeTransport, message: bytes) -> None:
        command = json.loads(message)
        self.unanswered.append(command)
        if command["method"] != "Browser.getVersion":  # which is a question of our own, and may overtake
            self.order.setdefault(command.get("sessionId", ""), []).append(command["id"])
        if command["method"] == "Runtime.evaluate":
            self.evaluated.append(command["params"]["expression"])
        if self.prompt:
            # The reply is there before send() has returned, and as often while an item is being delivered.
            self.prompt -= 1
            self.unanswered.pop()
            self.answered.append(command)
            if command["method"] == "Target.detachFromTarget":
                self.tell_detached(command["params"]["sessionId"])
            elif command["method"] == "Target.attachToTarget":
                self.attach_again(command)
                return
            elif command["method"] == "Target.setAutoAttach":
                self.attach_children_again(command.get("sessionId"))
            self.reply_with(command, "result")

    @initialize(
        paced=st.sampled_from([None, None, None, 1, 3]),
        rate=st.sampled_from([None, None, None, 2]),
        linger=st.sampled_from([None, LINGER]),
        keep=st.booleans(),
    )
    def connect(self, paced: int | None, rate: int | None, linger: float | None, keep: bool) -> None:
        self.paced = paced is not None or rate is not None
        self.connection = Connection(
            self.line, self.clock, timeout=TIMEOUT, linger=linger, max_in_flight=paced, commands_per_second=rate
        )
        self.keeps = keep
        if keep:
            self.connection._outage.keep(Keeper())
        self.sessions = [self.connection.session]
        self.closed: list[Any] = []
        self.connection.when_closed().addBoth(self.closed.append)
        self.attached = Listener(None)
        self.connection.attached.subscribe(
            lambda _: None, self.attached.ends.append, lambda: self.attached.ends.append(None)
        )
        self.tap = Listener(None)
        self.connection.events_raw().subscribe(lambda _: None, self.tap.ends.append, lambda: self.tap.ends.append(None))
        self.attach(0, 0, twin=False, waiting=False)
        self.attach(1, 0, twin=False, waiting=False)  # through the first
        assert len(self.sessions) == 3

    # The user:

    def pick(self, index: int) -> Session:
        """Choose a session, most often one that is open."""
        among = (self.connection.sessions if index < 7 else []) or self.sessions
        return among[index % len(among)]

    @rule(
        which=st.integers(0, 9),
        kinds=st.lists(
            st.sampled_from(["typed", "raw", "navigate", "enable", "disable", "unwritable"]), min_size=1, max_size=5
        ),
        timeout=st.sampled_from([None, 1.0, 2.5, "default"]),
        retry=st.booleans(),
    )
    def send(self, which: int, kinds: list[str], timeout: Any, retry: bool) -> None:
        session = self.pick(which)
        for kind in kinds:
            self._send(session, kind, timeout, retry)

    def _send(self, session: Session, kind: str, timeout: Any, retry: bool) -> Sent:
        options = {} if timeout == "default" else {"timeout": timeout}
        limit = TIMEOUT if timeout == "default" else timeout
        sent = Sent(session, kind, limit)
        self.sent.append(sent)
        deferred: Deferred[Any]
        if kind == "typed":
            deferred = session.execute(runtime.evaluate(expression=str(len(self.sent))), **options)
        elif kind == "navigate":
            deferred = session.execute(page.navigate(url="x"), **options)
        elif kind == "enable":
            deferred = session.execute(network.enable(), **options)
        elif kind == "disable":
            deferred = session.execute(network.disable(), **options)
        elif kind == "unwritable":
            deferred = session.execute_raw("A.b", {"x": object()}, **options)
        else:
            deferred = session.execute_raw("A.b", {"x": [1]}, **options)
        sent.deferred = deferred

        def fired(outcome: Any) -> None:
            sent.outcomes.append(outcome)
            if retry and isinstance(outcome, Failure) and outcome.check(Gone, CommandTimeout):
                # What a user does who tries again at once: that, too, has to end.
                sent.retried = self._send(session, kind, timeout, False)

        deferred.addBoth(fired)
        return sent

    @precondition(lambda self: any(not each.outcomes for each in self.sent))
    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        waiting = [each for each in self.sent if not each.outcomes]
        chosen = waiting[which % len(waiting)]
        chosen.deferred.cancel()
        assert len(chosen.outcomes) == 1, "cancelling fires it"
        assert chosen.outcomes[0].check(CancelledError), chosen.outcomes

    @rule(
        which=st.integers(0, 9),
        each=st.lists(
            st.tuples(st.sampled_from([None, None, 0, 2]), st.sampled_from("trpql"), st.sampled_from(ACTS)),
            min_size=1,
            max_size=4,
        ),
        count=st.integers(0, 4),
    )
    def subscribe(self, which: int, each: list[tuple[int | None, str, str]], count: int) -> None:
        session = self.pick(which)
        for raises_at, shape, act in each:
            self._subscribe(session, raises_at, shape, act)
        for _ in range(count):
            self._event(session)

    def _subscribe(self, session: Session, raises_at: int | None, shape: str, act: str = "") -> Listener | None:
        if shape == "q":
            self.queues.append(queue(session.events(network.DataReceived), 3, overflow="drop_oldest"))
            return None
        if shape == "l":
            # It emits only at the end, into a queue that is full with that.
            self.queues.append(queue(session.events(network.DataReceived).pipe(ops.to_list()), 1))
            return None
        acts: dict[str, Callable[[Listener], None]] = {
            "send": lambda _: self._sent_within(session),
            "subscribe": lambda listener: self._subscribe_within(session, listener.heard[-1], shape),
            "unsubscribe": Listener.leave,
            "detach": lambda _: self._detach(session),
            "cancel": lambda _: self._cancel_all(session),
            "speak": lambda _: self._event(session),
            "close": lambda _: self._close(),
        }
        listener = Listener(session, raises_at, acts.get(act))
        source: Any = session.events(network.DataReceived).pipe(ops.map(_length))
        if shape == "r":
            source = session.events_raw("Network.dataReceived").pipe(ops.map(_raw_length))
        elif shape == "p":
            # The end of the one unsubscribes from the other.
            source = source.pipe(ops.take_until(session.events(page.LoadEventFired)))
        self.listeners.append(listener)
        listener.subscription = source.subscribe(
            listener.on_next, listener.ends.append, lambda: listener.ends.append(None)
        )
        return listener

    @precondition(lambda self: any(not each.done for each in self.listeners))
    @rule(which=st.integers(0, 99))
    def unsubscribe(self, which: int) -> None:
        listening = [each for each in self.listeners if not each.done]
        listening[which % len(listening)].leave()

    @rule(which=st.integers(0, 9))
    def auto_attach(self, which: int) -> None:
        session = self.pick(which)
        AutoAttach(set_up=lambda new: new.execute(page.enable()).addErrback(lambda _: None)).start(session).addErrback(
            lambda _: None
        )

    def _subscribe_within(self, session: Session, number: int, shape: str) -> None:
        """Subscribe to a stream while it delivers an event: what was said after that one is still to come."""
        listener = self._subscribe(session, None, "r" if shape == "r" else "t")
        assert listener is not None
        listener.due = [later for later, of in self.said if of is session and later > number]

    def _sent_within(self, session: Session) -> None:
        self._send(session, "typed", "default", True)
        self._send(session, "navigate", "default", False)

    def _cancel_all(self, session: Session) -> None:
        for each in self.sent:
            if each.session is session:
                each.deferred.cancel()

    def _close(self) -> None:
        self.connection.close()

    def _detach(self, session: Session) -> None:
        outcomes: list[Any] = []
        self.detaching.append(outcomes)
        session.detach().addBoth(outcomes.append)

    @rule(which=st.integers(0, 9))
    def detach(self, which: int) -> None:
        self._detach(self.pick(which))

    @rule(sure=st.integers(0, 19))
    def close(self, sure: int) -> None:
        """Close, but rarely, as it is the end of a run; do more often what runs are about."""
        if sure:
            self._send(self.pick(sure), "raw", 1.0, False)
        else:
            self._close()

    # Time:

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 2.5, 8.0]))
    def advance(self, seconds: float) -> None:
        waiting = [each for each in self.sent if not each.outcomes]
        while seconds > 0:
            self.clock.advance(STEP)
            seconds -= STEP
            for each in waiting:
                each.deadline -= STEP
        for each in waiting:
            # A navigation may first wait for the enabling: its own time begins after that.
            allowed = PATIENCE + STEP if each.kind == "navigate" else 0.0
            if each.deadline < -allowed:
                assert each.outcomes, "past its deadline"

    # The browser:

    def say(self, message: bytes) -> None:
        self.line.put(message)
        self.line.deliver()

    def reply_with(self, command: dict[str, Any], kind: str) -> None:
        result: Any = {"frameId": "F", "result": {"type": "number"}}
        if kind == "result":
            self.say(reply_to(command, result))
        elif kind == "error":
            self.say(reply_to(command, error={"code": -32000, "message": "no"}))
        elif kind == "no session":
            self.say(reply_to({"id": command["id"]}, error={"code": -32001, "message": "Session not found."}))
            for session in self.sessions:
                if session.id is not None and session.id == command.get("sessionId") and session.ended:
                    self._gone(session)
        else:
            self.say(b'{"id":%d,"result":5' % command["id"])

    @precondition(lambda self: self.unanswered and not self.line.ending)
    @rule(which=st.integers(0, 99), kind=st.sampled_from(["result", "result", "result", "error", "no session", "bad"]))
    def reply(self, which: int, kind: str) -> None:
        command = self.unanswered.pop(which % len(self.unanswered))
        self.answered.append(command)
        self.reply_with(command, kind)

    def reply_first(self, kind: str) -> None:
        command = self.unanswered.pop(0)
        self.answered.append(command)
        self.reply_with(command, kind)

    @precondition(lambda self: self.unanswered and not self.line.ending)
    @rule()
    def reply_to_all(self) -> None:
        """Do what a browser does nearly always."""
        commands, self.unanswered = self.unanswered, []
        for command in commands:
            self.answered.append(command)
            self.reply_with(command, "result")

    @rule(count=st.integers(1, 6))
    def answer_at_once(self, count: int) -> None:
        """Answer the next commands from within what sends them."""
        self.prompt = count

    @precondition(lambda self: self.answered and not self.line.ending)
    @rule(which=st.integers(0, 99), kind=st.sampled_from(["result", "error"]))
    def reply_again(self, which: int, kind: str) -> None:
        before = [len(each.outcomes) for each in self.sent]
        self.reply_with(self.answered[which % len(self.answered)], kind)
        assert before == [len(each.outcomes) for each in self.sent[: len(before)]], "a second reply fires nothing"

    @rule(which=st.integers(0, 9), count=st.integers(1, 4))
    def event(self, which: int, count: int) -> None:
        """Send some, rather to a session that somebody listens to."""
        self.come_back()
        heard = [each.session for each in self.listeners if each.session is not None and not each.done]
        session = heard[which % len(heard)] if heard and which < 8 else self.pick(which)
        for _ in range(count):
            self._event(session)

    def _event(self, session: Session) -> None:
        self.count += 1
        lives = not (self._going(session) or session.suspended or self.line.ending)
        if lives:
            self.said.append((self.count, session))
        for each in self.listeners:
            if each.session is session and not each.done and lives:
                each.due.append(self.count)
        self.say(data_received(self.count, session.id))

    @rule(which=st.integers(0, 9), index=st.integers(0, 5), twin=st.booleans(), waiting=st.booleans())
    def attach(self, which: int, index: int, twin: bool, waiting: bool) -> None:
        parent = self.pick(which)
        name = self.name()
        target = f"T{index if twin else 100 + len(self.sessions)}"
        self.say(attached(name, target, parent=parent.id, waiting=waiting))
        for each in self.connection.sessions:
            if each not in self.sessions:
                assert each.id == name
                self.sessions.append(each)

    def name(self) -> str:
        self.named += 1
        return f"S{self.named}"

    @rule(which=st.integers(0, 9), sure=st.integers(0, 2))
    def detached(self, which: int, sure: int) -> None:
        if sure:
            self._send(self.pick(which), "typed", 2.5, sure == 1)
            return
        # Rather one that lives: most of them are the browser's own and long gone.
        living = [each for each in self.connection.sessions if each.id is not None] or self.sessions
        session = living[which % len(living)]
        if session.id is not None:
            self.tell_detached(session.id)
            assert session.ended or session.suspended or self.line.ending
            if session.ended:
                self._gone(session)

    def tell_detached(self, name: str) -> None:
        self.told.add(name)
        self.say(detached(name))

    def _going(self, session: Session | None) -> bool:
        """Whether a session has ended, or will before what the browser says next is delivered."""
        while session is not None:
            if session.ended or session.id in self.told:
                return True
            session = session.parent
        return False

    def _gone(self, session: Session) -> None:
        """What was through a session is over, at once."""
        for each in self.sessions:
            if each.parent is session and each.ended:
                self._gone(each)
        for sent in self.sent:
            if sent.session is session:
                assert sent.outcomes, "a command of an ended session"

    @rule(which=st.integers(0, 9), sure=st.integers(0, 2))
    def crash(self, which: int, sure: int) -> None:
        session = self.pick(which)
        if sure:
            self._event(session)
            return
        # Navigating, which brings the page back, may have waited for the enabling, and goes on.
        pending = [
            each for each in self.sent if each.session is session and not each.outcomes and each.kind != "navigate"
        ]
        lives = not (self._going(session) or session.suspended or self.line.ending)
        self.say(event("Inspector.targetCrashed", {}, session.id))
        if lives:
            assert session.crashed
            for sent in pending:
                assert sent.outcomes, "a command of a crashed target"
            for listener in self.listeners:
                if listener.session is session:
                    assert listener.done, "a stream of a crashed target"

    @rule(which=st.integers(0, 9))
    def reload(self, which: int) -> None:
        self.say(event("Inspector.targetReloadedAfterCrash", {}, self.pick(which).id))

    @rule(which=st.integers(0, 9))
    def loaded(self, which: int) -> None:
        self.come_back()
        session = self.pick(which)
        self.say(event("Page.loadEventFired", {"timestamp": 1}, session.id))

    @rule(garbage=st.one_of(st.sampled_from(GARBAGE), st.binary(max_size=30)))
    def garbage(self, garbage: bytes) -> None:
        self.come_back()
        self.say(garbage)
        self.say(b'{"method":"' + garbage)

    @precondition(lambda self: not self.line.ending)
    @rule(clean=st.booleans(), sure=st.integers(0, 7))
    def lose(self, clean: bool, sure: int) -> None:
        if sure > 2 * self.keeps and self.unanswered:
            self.reply_first("no session" if sure == 3 else "result" if clean else "error")
        elif sure <= 2 * self.keeps:
            self.line.end(ConnectionLost("lost", 1000 if clean else 1006, clean))
            self.line.deliver()

    @precondition(lambda self: self.connection.suspended is not None and self.line.ending)
    @rule(survivors=st.integers(0, 63), prompt=st.sampled_from([0, 1, 3, 1000, 1000, 1000]), restarted=st.booleans())
    def reconnect(self, survivors: int, prompt: int, restarted: bool) -> None:
        """Come back over another line, to some of the targets; with little of it answered at once, or all."""
        self._reconnect(survivors, prompt, restarted)

    def come_back(self) -> None:
        """Let the line be replaced, where there is none: what the browser would say next went nowhere."""
        if self.connection.suspended is not None and self.line.ending:
            self._reconnect(63, 1000, False)

    def _reconnect(self, survivors: int, prompt: int, restarted: bool) -> None:
        assert all(sent.outcomes for sent in self.sent), "without a line nothing waits"
        self.line = line = FakeTransport(self._heard, lambda: None)
        self.unanswered.clear()
        self.restorable = {
            each.target.target_id
            for index, each in enumerate(self.sessions)
            if each.target is not None and survivors >> index % 6 & 1
        }
        self.prompt = prompt
        known = [each for each in self.sessions if not each.ended]
        resuming = self.connection._outage.resume(line, restarted)

        def done(gap: Any) -> None:
            self.resumed.append(gap)
            assert self.connection.suspended is None
            assert not any(each.suspended for each in known), "found again, or ended"

        def not_set_up(failure: Failure) -> None:
            failure.trap(Gone, CommandTimeout, MalformedMessage)
            line.end(ConnectionLost("could not be set up", 1006))

        resuming.addCallbacks(done, not_set_up)
        self.line.deliver()

    def attach_again(self, command: dict[str, Any]) -> None:
        target_id = command["params"]["targetId"]
        if target_id not in self.restorable:
            self.reply_with(command, "error")
            return
        name = self.name()
        self.say(attached(name, target_id))
        self.say(reply_to(command, {"sessionId": name}))

    def attach_children_again(self, parent: str | None) -> None:
        for each in list(self.connection._table.adrift):
            known = each.target is not None and each.target.target_id
            if known in self.restorable and each.parent is not None and each.parent.id == parent:
                self.say(attached(self.name(), str(known), parent=parent))

    # What holds after each of these:

    @property
    def raised(self) -> int:
        return sum(each.raised for each in self.listeners)

    @invariant()
    def each_deferred_at_most_once(self) -> None:
        for each in self.sent:
            assert len(each.outcomes) <= 1
            if each.outcomes and isinstance(each.outcomes[0], Failure):
                assert each.outcomes[0].check(
                    CommandError, CommandTimeout, Gone, CancelledError, MalformedMessage, TypeError
                ), each.outcomes

    @invariant()
    def listeners_heard_what_was_due(self) -> None:
        for each in self.listeners:
            assert each.heard == each.due, (each.heard, each.due)
            assert len(each.ends) <= 1

    @invariant()
    def commands_left_in_order(self) -> None:
        for ids in self.order.values():
            assert ids == sorted(set(ids))
        assert len(self.evaluated) == len(set(self.evaluated)), "nothing is sent twice"

    @invariant()
    def nothing_was_logged_but_what_subscribers_raised(self) -> None:
        assert len(self.logged) == self.raised, self.logged

    @invariant()
    def the_ended_keep_nothing(self) -> None:
        open_keys = {each._key for each in self.connection.sessions} if hasattr(self, "connection") else set()
        if hasattr(self, "connection"):
            for method, route in self.connection._dispatcher.routes._streams.items():
                assert set(route._first) | set(route._more) <= open_keys, (method, route, open_keys)

    def teardown(self) -> None:
        try:
            if hasattr(self, "connection"):
                self.end()
        finally:
            globalLogPublisher.removeObserver(self.observer)

    def end(self) -> None:
        """End it, and see that all has ended and nothing stays."""
        self.connection._outage.give_up()
        self.line.end(ConnectionLost("lost", 1006, clean=False))
        self.line.deliver()
        lost = self.connection.lost
        assert lost is not None
        assert self.closed == [lost]
        assert self.clock.getDelayedCalls() == [], self.clock.getDelayedCalls()
        assert len(self.connection._dispatcher.pending) == 0
        assert self.connection.sessions == []
        for outcomes in self.detaching:
            assert len(outcomes) == 1, "fired"
        for sent in self.sent:
            assert len(sent.outcomes) == 1, "fired"
            assert sent.retried is None or len(sent.retried.outcomes) == 1
        for listener in (*self.listeners, self.attached, self.tap):
            if not listener.left and listener.raises_at is None:
                assert len(listener.ends) == 1, "ended"
            for end in listener.ends:
                assert end is None or isinstance(end, Gone | CommandError | CommandTimeout | MalformedMessage), end
        for listener in (self.attached, self.tap):
            (end,) = listener.ends
            assert (end is None) == lost.clean
        for each in self.queues:
            while len(each):
                each.get_nowait()
            failure: list[Any] = []
            each.get().addErrback(failure.append)
            assert failure, "a queue ends"
        assert not self.connection._dispatcher.routes._streams or all(
            not route._first and not route._more for route in self.connection._dispatcher.routes._streams.values()
        )
        for session in self.sessions:
            outcome: list[Any] = []
            session.execute(page.enable()).addErrback(outcome.append)
            assert outcome[0].check(ConnectionLost, SessionDetached, TargetCrashed)
        assert self.clock.getDelayedCalls() == []
        stats = self.connection.stats
        assert stats.reconnects == len(self.resumed)
        assert stats.subscriber_errors == self.raised
        self.listeners_heard_what_was_due()
        self.each_deferred_at_most_once()
        # Deferreds that failed unheard say so now. They are young: the older generations, which grow with
        # what Hypothesis remembers, are looked at once in a while.
        Machine.ended += 1
        gc.collect(0 if Machine.ended % 200 else 2)
        self.nothing_was_logged_but_what_subscribers_raised()


@pytest.mark.no_cover
def test_anything_in_any_order() -> None:
    machine_settings = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not SEED,
        phases=PHASES,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    machine = seed(int(SEED))(Machine) if SEED.isdecimal() else Machine
    # What is garbage is found at the end of each run, and not at any time; what was there before is no matter.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        run_state_machine_as_test(machine, settings=machine_settings)
    finally:
        gc.enable()
        gc.unfreeze()
