"""Resumes targets that wait for a debugger, which other clients of the browser may be holding as well.

How a target waits determines who resumes it. A frame, a dedicated worker, and a page without access to its opener wait
for each session separately: when one session resumes it, it still waits for the others. But a page with an opener, a
shared worker and a service worker wait in a single place: the first session that resumes one does so for all clients,
even if they have not finished their set-up. And a page with an opener does not run by itself even if it was attached to
without a request that it wait.

Chromium does not report who else has attached to a target; but once we have detached, it reports whether anybody has.
So a target that nobody here wants is detached from first, and resumed only if nobody else has attached to it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from txcdp._core.sessions.session import Session, not_supported
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp._reactor import Clock
from txcdp.domains import runtime, target
from txcdp.errors import MalformedMessage

#: Seconds for an unwanted target to run before it is detached from.
_LET_RUN = 5.0

#: Seconds for another client to resume a target to which it has attached. A client that has attached by a command does
#: not know that it has to, so perhaps nobody does.
_OTHERS = 2.0

_TABS = [target.FilterEntry(type="tab")]


def is_held(info: target.TargetInfo) -> bool:
    """Whether a page waits even if nobody asked for that: it has an opener, and nothing has been loaded in it yet."""
    return info.type == "page" and bool(info.can_access_opener) and not info.url


def is_resumed_for_all(info: target.TargetInfo) -> bool:
    """Whether the first client that resumes a target does so for every client."""
    return info.type in ("shared_worker", "service_worker") or (info.type == "page" and bool(info.can_access_opener))


def let_run(session: Session, timeout: float | None = None) -> Deferred[None]:
    """Resume a target that waits for a debugger; call this last.

    :returns: a Deferred that fires when the target runs, or did not have to be resumed.
    """
    command = runtime.run_if_waiting_for_debugger()
    sent = session.execute(command) if timeout is None else session.execute(command, timeout=timeout)
    return sent.addErrback(not_supported)


class Waiting:
    """Resumes targets that are not wanted, or only wanted by parties that leave resuming to other clients.

    :param root: the connection's own session.
    :param clock: the reactor, or a stand-in for tests.
    :ivar returning: targets that are attached to once more, only to be resumed.
    """

    def __init__(self, root: Session, clock: Clock) -> None:
        self.returning: set[str] = set()
        self._root = root
        self._clock = clock
        self._released: dict[bytes, Session] = {}  # of unwanted targets, until these run
        self._timers: set[IDelayedCall] = set()

    def release(self, session: Session, waiting: bool, shared: bool) -> None:
        """Resume an unwanted target, and detach from it; its session is never added.

        Chromium detaches at once, but resumes a worker some time later: one that has been detached from by then never
        runs. So the reply is awaited, for a limited time.

        :param waiting: whether the target waits for a debugger.
        :param shared: whether other clients may be holding it, so that it must not be resumed for them.
        """
        info = session.target
        if info is None or not waiting or not shared or not is_resumed_for_all(info):
            self._released[session._key] = session
            if waiting:
                let_run(session, _LET_RUN).addBoth(lambda _: self._detach(session))
            else:
                self._detach(session)
            return
        self._released[session._key] = session
        self._detach(session)
        self._leave(session.parent or self._root, info).addErrback(ignore_failure)

    def take(self, key: bytes) -> Session | None:
        """Remove a session that was detached from, if it was an unwanted target's."""
        return self._released.pop(key, None)

    def stop(self) -> None:
        """Stop all waiting: the transport is lost."""
        timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()

    def _detach(self, session: Session) -> None:
        if self._released.pop(session._key, None) is not None:
            through = session.parent or self._root  # the browser knows a session only there
            # When it fails, the target is gone already.
            through.execute(target.detach_from_target(session_id=session.id)).addErrback(ignore_failure)

    @returns_deferred
    async def _leave(self, through: Session, info: target.TargetInfo) -> None:
        """Resume a target that was detached from, unless another client has attached to it."""
        try:
            others = await self._others_have(through, info)
        except (TimeoutError, MalformedMessage):
            others = False
        if others:
            self._later(lambda: self._look_again(through, info).addErrback(ignore_failure))
        else:
            await self._return(through, info)

    async def _others_have(self, through: Session, info: target.TargetInfo) -> bool:
        """Find out whether another client has attached to a target, or to tabs, by which it reaches their pages."""
        asked = through.execute(target.get_target_info(target_id=info.target_id))
        tabs = through.execute(target.get_targets(filter=_TABS)) if info.type == "page" else None
        if tabs is not None:
            tabs.addErrback(not_supported)
        if (await asked).target_info.attached:
            return True
        listed = None if tabs is None else await tabs
        return listed is not None and any(
            each.attached and each.browser_context_id == info.browser_context_id for each in listed.target_infos
        )

    @returns_deferred
    async def _look_again(self, through: Session, info: target.TargetInfo) -> None:
        now = (await through.execute(target.get_target_info(target_id=info.target_id))).target_info
        if info.type != "page" or is_held(now):
            await self._return(through, info)

    @returns_deferred
    async def _return(self, through: Session, info: target.TargetInfo) -> None:
        """Attach once more, to resume the target."""
        self.returning.add(info.target_id)
        try:
            await through.execute(target.attach_to_target(target_id=info.target_id, flatten=True))
        finally:
            self.returning.discard(info.target_id)

    def _later(self, call: Callable[[], object]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            call()

        timer = self._clock.callLater(_OTHERS, due)
        self._timers.add(timer)
