"""Outages: the times in which a connection has no transport, how they begin and how they end.

If a transport is lost and a *keeper* is going to replace it, the connection does not end: commands in flight fail,
later ones fail until there is a new transport, and streams wait. Over the new transport each session is attached to its
target again and set up as before, and its streams continue, with a :class:`~txcdp.streams.Gap` for subscribers that
want it. A target that no longer exists may be replaced by another one, if there is a function that makes one; otherwise
its session ends.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred, succeed

from txcdp._core.dispatch.dispatcher import Dispatcher
from txcdp._core.sessions import Session
from txcdp._core.sessions.session_table import SessionTable
from txcdp._deferreds import OneShot, ignore_failure, returns_deferred, with_deadline
from txcdp._reactor import Clock
from txcdp._transports.interface import Transport
from txcdp.domains import target
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, Gone, MalformedMessage, Overloaded
from txcdp.health import HealthEvent, LineLost
from txcdp.streams import Gap, StreamSubject

#: Seconds for the browser to report a frame or a worker again, once its page is attached.
_BARRIER_TIMEOUT = 5.0


class Replacement(NamedTuple):
    """A target that takes the place of one that is gone.

    :ivar settle: called when the session is set up again, before its subscribers are told of the gap.
    """

    info: target.TargetInfo
    settle: Callable[[], object]


#: Makes a replacement for the target of a session when the target is gone; fires with None if it cannot be replaced.
Replace = Callable[[Session], Deferred[Replacement | None]]


class Keeper(Protocol):
    """Interface of the object that looks for another transport when one is lost."""

    def line_lost(self, reason: ConnectionLost) -> None:
        """Note that the transport is lost, whether or not another one is wanted."""

    def stop(self) -> Deferred[None]:
        """Stop looking; the Deferred fires when no attempt is under way any more."""


class Outage:
    """Whether a connection has a transport, and how it continues over another one; made by the connection.

    :ivar error: what ended the last transport, while there is no other one.
    """

    def __init__(
        self,
        clock: Clock,
        dispatcher: Dispatcher,
        table: SessionTable,
        health: StreamSubject[HealthEvent],
    ) -> None:
        self.error: ConnectionLost | None = None
        self._clock = clock
        self._dispatcher = dispatcher
        self._table = table
        self._health = health
        self._keeper: Keeper | None = None
        self._replace: Replace | None = None
        self._since = 0.0
        self._over: OneShot[ConnectionLost | None] = OneShot()
        self._wait = 0.0
        self._most = 0
        self._waiting = 0

    def when_over(self) -> Deferred[None]:
        """Return a Deferred that fires when there is a transport, and fails when there will be none."""
        if self.error is None:
            return succeed(None)
        return self._over.wait().addCallback(_raise_loss)

    def wait_for_line(self, method: str, limit: float | None) -> Deferred[float | None] | None:
        """Wait for a transport before a command is sent.

        :param limit: the command's own timeout in seconds.
        :returns: a Deferred that fires with the remaining timeout when there is a transport, and fails with the error
            for the command. None if commands do not wait.
        """
        return None if self.error is None or not self._wait else self._wait_for_line(method, limit)

    @returns_deferred
    async def _wait_for_line(self, method: str, limit: float | None) -> float | None:
        began, lost = self._clock.seconds(), self.error
        if self._waiting >= self._most:
            raise Overloaded(method, f"{self._waiting:,} commands are waiting for a reconnect (max_waiting)")
        own = limit is not None and limit <= self._wait

        def late() -> Exception:
            return CommandTimeout(method, limit or 0.0) if own else copy.copy(self.error or lost or ConnectionLost(""))

        self._waiting += 1
        try:
            while self.error is not None:
                rest = min(self._wait, math.inf if limit is None else limit) - (self._clock.seconds() - began)
                await with_deadline(self._clock, self.when_over(), max(0.0, rest), late)
        finally:
            self._waiting -= 1
        return None if limit is None else max(0.0, limit - (self._clock.seconds() - began))

    # What a keeper calls:

    def keep(self, keeper: Keeper, replace: Replace | None = None, wait: float = 0.0, max_waiting: int = 0) -> None:
        """Let the connection outlive its transport.

        :param keeper: finds another transport, and calls :meth:`resume` with it.
        :param replace: makes a replacement for the target of a session when the target is gone.
        :param wait: the maximum number of seconds that a command waits for a transport, as does one that was held back
            when the last transport was lost; 0: it fails at once.
        :param max_waiting: the maximum number of waiting commands.
        """
        self._keeper, self._replace = keeper, replace
        self._wait, self._most = wait, max_waiting

    @returns_deferred
    async def resume(self, transport: Transport, restarted: bool = False) -> Gap:
        """Continue over another transport, with everything set up as before.

        :param restarted: whether it leads to a browser that was restarted.
        :returns: a Deferred that fires with the gap when all sessions have been restored or given up. It fails like
            ``Session.execute`` when the transport is lost meanwhile, or the browser does not answer.
        """
        self._dispatcher.go_on(transport)
        before = self.error
        gap = await self._restore(restarted)
        if self.error is not before and self.error is not None:  # lost again, and nobody was waiting for an answer
            raise self.error
        self.error = None
        self._dispatcher.went_on(gap)
        self._over.notify(None)
        return gap

    def give_up(self) -> Deferred[None]:
        """Stop looking for another transport: the connection ends with its current one, or now if it has none.

        :returns: a Deferred that fires when no attempt is under way any more.
        """
        keeper, self._keeper = self._keeper, None
        stopped = succeed(None) if keeper is None else keeper.stop()
        if self.error is not None:
            self._dispatcher.give_up(self.error)
        return stopped

    # What the connection tells:

    def begin(self, lost: ConnectionLost) -> bool:
        """Begin an outage because the transport is lost.

        :returns: whether another one is being looked for.
        """
        keeper = self._keeper
        if keeper is None:
            return False
        began = self.error is None
        if began:  # else it was lost again before all was set up
            self._since = self._clock.seconds()
        self.error = lost
        held = self._dispatcher.suspend()  # before a command that fails makes room for them
        self._table.suspend(lost)  # first, so that whoever hears of a failure finds its session suspended
        if self._wait:
            self._dispatcher.pending.give_back(held, lost)
        self._dispatcher.pending.fail(lost)
        if began:
            self._health.push(LineLost(lost))
            keeper.line_lost(lost)
        return True

    def ended(self, lost: ConnectionLost) -> None:
        """Fire the Deferreds that wait for the end of the outage, because the connection has ended."""
        self._over.fire(lost)
        self._keeper = self.error = None

    async def _restore(self, restarted: bool) -> Gap:
        lost, targets = self.error, self._table
        assert lost is not None
        listened: frozenset[str] = frozenset().union(*(each.listened for each in (targets.root, *targets.adrift)))

        def gap(missing: frozenset[str] = frozenset()) -> Gap:
            return Gap(self._since, self._clock.seconds(), lost, restarted, missing)

        # What ended with the browser ends for that reason: a command that has waited since fails as those do that were
        # under way.
        reason = lost if restarted else None
        targets.gap = gap
        targets.root._resume(gap(), None, targets.root.target, None)
        await _answered(targets.root)
        replaced: dict[str, target.TargetInfo] = {}
        for session in list(targets.adrift):
            if session.parent is targets.root and session in targets.adrift:
                await self._find(session, self._replace if restarted else None, reason, replaced)
        await self._find_children(reason)
        return gap(listened)

    async def _find(
        self,
        session: Session,
        replace: Replace | None,
        reason: ConnectionLost | None,
        replaced: dict[str, target.TargetInfo],
    ) -> None:
        """Attach to a session's target again, or to its replacement.

        :param replaced: maps targets to their replacements: the program may have a session of its own with one.
        """
        before = "" if session.target is None else session.target.target_id
        if session._apart is not None and before in replaced:
            session.target = replaced[before]
        if await self._attached(session):
            return
        other = None if replace is None else await replace(session)
        if other is not None:
            if session.ended:  # nobody wants it any more
                close = target.close_target(target_id=other.info.target_id)
                self._table.root.execute(close).addErrback(ignore_failure)
                return
            replaced[before] = other.info
            self._table.replace(session, other.info, other.settle)
            if await self._attached(session):
                return
        self._table.abandon(session, copy.copy(reason))

    async def _attached(self, session: Session) -> bool:
        """Attach to a target; the browser's event, which precedes its reply, makes the session be adopted."""
        root, info = self._table.root, session.target
        if session not in self._table.adrift or info is None:
            return True
        try:
            await root.execute(target.attach_to_target(target_id=info.target_id, flatten=True))
        except CommandError:
            return False
        return not session.suspended

    async def _find_children(self, reason: ConnectionLost | None) -> None:
        """Wait for frames and workers, which are restored by the auto-attach of their parents."""
        targets = self._table
        before = -1
        while targets.adrift and len(targets.adrift) != before:
            before = len(targets.adrift)
            for parent in {session.parent for session in targets.adrift}:
                if parent is not None and not parent.suspended and not parent.ended:
                    await _answered(parent)
        for session in list(targets.adrift):
            targets.abandon(session, copy.copy(reason))


async def _answered(session: Session) -> None:
    """Wait until the browser's main process has handled what was sent before; an error reply is as good."""
    try:
        await session.execute(target.get_target_info(), timeout=_BARRIER_TIMEOUT)
    except (CommandError, MalformedMessage):
        pass
    except (CommandTimeout, Gone) as error:
        if session.id is None or isinstance(error, ConnectionLost):
            raise


def _raise_loss(lost: ConnectionLost | None) -> None:
    if lost is not None:
        raise copy.copy(lost)
