"""Faults of a FakeChrome: lost connections, a browser or a page that hangs, crashes, floods, noise."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from txcdp._core.sessions import Session
from txcdp._reactor import Clock
from txcdp.errors import CommandError, ConnectError, ConnectionLost, LossCause
from txcdp.protocol import Command, Event
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received, event_message
from txcdp.testing._script import method_of
from txcdp.testing._targets import FakeSession, FakeTarget, FakeTargets
from txcdp.testing._turns import Turns

#: What the browser itself answers for a page whose process is gone, or brings it back.
_WITHOUT_PAGE = ("Target.", "Browser.", "Inspector.", "Page.navigate", "Page.reload", "Page.close")
#: What the browser itself answers for a page that hangs.
_BY_BROWSER = ("Target.", "Browser.")

#: Messages that are not CDP, or that nothing waits for, of many kinds; see :meth:`FakeChrome.send_garbage`.
GARBAGE = (
    b"junk",
    b"{",
    b"[]",
    b"null",
    b"[" * 5000,
    b"\xff\xfe\x00",
    b'{"method":5}',
    b'{"method":"Page.loadEventFired","params":{"timestamp":"\xff"}}',
    b'{"method":"Target.attachedToTarget","params":{"sessionId":7}}',
    b'{"method":"Nope.nope","params":{},"sessionId":"of nobody"}',
    b'{"id":2147483000,"result":{}}',
    b'{"id":1e400,"result":{}}',
    b'{"id":"1","result":{}}',
    b'{"id":-1,"error":5}',
    b'{"error":{"code":-32700,"message":"JSON: invalid token at position 0"}}',
)


class Faults(Turns):
    """The faults that a :class:`FakeChrome` can inject.

    :param clock: as for :class:`~txcdp.testing.FakeChrome`.
    """

    targets: FakeTargets
    lines: list[FakeTransport]

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._refused: float = 0
        self._refusal: ConnectError | None = None
        self._attempts: deque[Deferred[FakeTransport]] = deque()
        self._late: dict[str | None, float] = {}
        self._late_calls: set[IDelayedCall] = set()
        self._silent: dict[str | None, float] = {}
        self._unanswered: dict[tuple[int, int], Received] = {}
        self._freed: deque[tuple[Received, CommandError | None]] = deque()

    # The line:

    def lose(
        self, reason: str = "lost", *, code: int | None = 1006, clean: bool = False, cause: LossCause | None = None
    ) -> None:
        """End all connections, after delivering what is queued; the targets live on, their sessions do not.

        :param reason: the reason in the client's ``ConnectionLost``.
        :param code: its WebSocket close code.
        :param clean: whether it was an orderly close.
        :param cause: its cause, for programs.
        """
        self._forget_late()
        for line in self.lines:
            line.end(ConnectionLost(reason, code, clean, cause))

    def restart(self, reason: str = "the browser was restarted") -> None:
        """End all connections as :meth:`lose` does, and become another browser: no targets, no contexts, new ids."""
        self.lose(reason)
        for line in self.lines:
            self._drop_line(line)
        self.targets.clear()

    def refuse_lines(self, count: float = math.inf, error: ConnectError | None = None) -> None:
        """Refuse connections.

        :param count: how many to refuse; by default all, until :meth:`accept_lines`.
        :param error: the error to refuse them with.
        """
        self._refused = count
        self._refusal = error

    def accept_lines(self) -> None:
        """Accept connections again."""
        self._refused = 0

    def open_line(self) -> Deferred[FakeTransport]:
        """Open a transport to this browser like a client that has only its address: in a later turn.

        :returns: fires with the transport; fails with :exc:`ConnectError` while connections are refused. While the
            browser is stalled, it neither fires nor fails. It may be cancelled.
        """
        attempt: Deferred[FakeTransport] = Deferred(self._attempts.remove)
        self._attempts.append(attempt)
        self._wake()
        return attempt

    def line(self) -> FakeTransport:
        """Return a new transport to this browser.

        :raises ConnectError: :meth:`refuse_lines` is in effect.
        """
        if self._refused > 0:
            self._refused -= 1
            raise self._refusal or ConnectError("nothing listens at the FakeChrome")
        made = FakeTransport(self._note, self._wake)
        self.lines.append(made)
        self.targets.add_line(made)
        return made

    # Hanging:

    def stall(self, session: Session | str | None = None) -> None:
        """Answer nothing until :meth:`go_on`, like a stopped process.

        :param session: let only the target of this session, or of the one with this id, hang, like a page in an endless
            loop; commands that the browser itself answers for it (``Target.*``) are still answered. None: the whole
            browser.
        """
        if session is None:
            self._stalled = True
        else:
            self._target(session).stalled = True

    def go_on(self, session: Session | str | None = None) -> None:
        """End the effect of :meth:`stall`; what was sent meanwhile is answered now."""
        if session is None:
            self._stalled = False
        else:
            self._free(self._target(session))
        self._wake()

    def delay(self, seconds: float, command: type[Command[Any]] | str | None = None) -> None:
        """Delay replies by some seconds of the clock; the commands are carried out immediately.

        :param seconds: 0 ends it.
        :param command: delay only the replies to this command, which may have a delay of its own.
        """
        self._late[None if command is None else method_of(command)] = seconds

    def drop_replies(self, count: float = math.inf, command: type[Command[Any]] | str | None = None) -> None:
        """Carry out commands but drop their replies, as Chromium does with a reply of 256 MB.

        :param count: how many replies; by default all; 0 ends it.
        :param command: drop only the replies to this command.
        """
        self._silent[None if command is None else method_of(command)] = count

    # Targets:

    def crash(self, session: Session | str) -> None:
        """Crash the process of a session's target: commands to it hang until it is navigated."""
        self.targets.crash(self._target(session))

    def revive(self, session: Session | str) -> None:
        """Give a crashed target a new process, like a reload by the user; the commands that hung are refused."""
        self.targets.revive(self._target(session))

    def close_target(self, session: Session | str) -> None:
        """Close a session's target, with its sessions and children; commands that hang in them are never answered."""
        self.targets.close(self._target(session))

    def detach(self, session: Session | str) -> None:
        """End a session from the browser's side; its target lives on."""
        self.targets.detach(self._session(session))

    # Too much, and nonsense:

    def flood(self, event: Event | Callable[[int], Event], count: int, session: Session | str | None = None) -> None:
        """Send an event many times, as fast as the client reads.

        :param event: the event, or a function that makes each of them from its index, from 0.
        :param session: the session, or its id; None means the root session of the latest connection.
        """
        to = self._session(session)
        for number in range(count):
            each = event if isinstance(event, Event) else event(number)
            to.line.put(event_message(each.method, each, to.id))

    def flood_raw(self, method: str, count: int, size: int = 100, session: Session | str | None = None) -> None:
        """Send events that the bindings may not define: ``{"n": number, "padding": "xxx..."}``.

        :param size: the number of bytes of padding in each.
        """
        to, padding = self._session(session), "x" * size
        for number in range(count):
            to.line.put(event_message(method, {"n": number, "padding": padding}, to.id))

    def send_bytes(self, message: bytes) -> None:
        """Send any bytes, over the latest connection."""
        self._latest().put(message)

    def send_garbage(self) -> None:
        """Send each item of :data:`GARBAGE`; none of them ends a connection."""
        for message in GARBAGE:
            self.send_bytes(message)

    # Inside:

    def _session(self, session: Session | str | None) -> FakeSession:
        """Return this browser's end of a session."""
        raise NotImplementedError

    def _latest(self) -> FakeTransport:
        """Return the line that was opened last."""
        raise NotImplementedError

    def _note(self, line: FakeTransport, message: bytes) -> None:
        """Note a message as a client sends it."""
        raise NotImplementedError

    def _target(self, session: Session | str) -> FakeTarget:
        found = self._session(session).target
        assert found is not None, "the root session's target is the browser itself: use lose() or restart()"
        return found

    def _answer_handshakes(self) -> bool:
        """Accept or refuse those who try to connect."""
        attempts = len(self._attempts)
        for _ in range(attempts):
            attempt = self._attempts.popleft()
            try:
                made = self.line()
            except ConnectError as error:
                attempt.errback(error)
            else:
                attempt.callback(made)
        return attempts > 0

    def _holds(self, received: Received, session: FakeSession, refusal: CommandError | None) -> bool:
        """Keep a command that hangs in its target; return whether it does."""
        target = session.target
        if target is None:
            return False
        if target.crashed and not received.method.startswith(_WITHOUT_PAGE):
            session.hanging.append(received)
            return True
        if target.stalled and not received.method.startswith(_BY_BROWSER):
            target.held.append((received, refusal))
            return True
        return False

    def _free(self, target: FakeTarget) -> None:
        target.stalled = False
        held, target.held = target.held, []
        self._freed.extend(held)

    def _send_reply(self, received: Received, message: bytes) -> None:
        """Put a reply on its line: now, later or never."""
        for key in (received.method, None):
            if self._silent.get(key, 0) > 0:
                self._silent[key] -= 1
                return
        seconds = self._late.get(received.method, self._late.get(None, 0.0))
        if seconds <= 0:
            self._put_reply(received, message)
            return

        def arrive() -> None:
            self._late_calls.discard(call)
            self._put_reply(received, message)

        call = self.clock.callLater(seconds, arrive)
        self._late_calls.add(call)

    def _put_reply(self, received: Received, message: bytes) -> None:
        self._unanswered.pop((id(received.line), received.id), None)
        received.line.put(message)

    def _drop_line(self, line: FakeTransport) -> None:
        """Forget a client that is gone."""
        self.targets.drop_line(line)
        for key in [key for key in self._unanswered if key[0] == id(line)]:
            del self._unanswered[key]

    def _forget_late(self) -> None:
        """Leave no DelayedCall behind for lines that are gone."""
        calls, self._late_calls = self._late_calls, set()
        for call in calls:
            call.cancel()
