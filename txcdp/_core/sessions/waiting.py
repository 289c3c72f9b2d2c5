"""Targets that wait to be let run, where other clients of the browser may hold them as well.

How a target waits decides who lets it run. A frame, a dedicated worker and a page that has no access to its opener wait
for each session by itself: one that is resumed waits for the others still. But a page with an opener, a shared worker
and a service worker wait in one place: the first session that resumes one does so for all clients, whatever they still
want to set up. Nor does a page with an opener run by itself where it was attached to without the wish that it waits.

Chromium does not tell who else has attached to a target; but once we have detached it tells whether anybody has. So
what nobody here wants is detached from first, and resumed only where nobody else has it.
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

#: Seconds for another client to let a target run to which it has attached. One that has attached by hand knows of no
#: need to, so it may be that nobody does.
_OTHERS = 2.0

_TABS = [target.FilterEntry(type="tab")]


def is_held(info: target.TargetInfo) -> bool:
    """Whether a page waits even where nobody has asked for that: it has an opener, and nothing of it was loaded yet."""
    return info.type == "page" and bool(info.can_access_opener) and not info.url


def is_resumed_for_all(info: target.TargetInfo) -> bool:
    """Whether the first client that lets a target run does so for every client."""
    return info.type in ("shared_worker", "service_worker") or (info.type == "page" and bool(info.can_access_opener))


def let_run(session: Session, timeout: float | None = None) -> Deferred[None]:
    """Let a target that waits for a debugger run; to be sent last.

    :returns: fires when it runs, or has no need to be told.
    """
    command = runtime.run_if_waiting_for_debugger()
    sent = session.execute(command) if timeout is None else session.execute(command, timeout=timeout)
    return sent.addErrback(not_supported)


class Waiting:
    """Lets targets go on that are not wanted, or wanted by those alone who leave it to other clients to resume them.

    :param root: the connection's own session.
    :param clock: the reactor, or a stand-in for tests.
    :ivar returning: targets that are attached to once more, only to be let run.
    """

    def __init__(self, root: Session, clock: Clock) -> None:
        self.returning: set[str] = set()
        self._root = root
        self._clock = clock
        self._released: dict[bytes, Session] = {}  # of unwanted targets, until these run
        self._timers: set[IDelayedCall] = set()

    def release(self, session: Session, waiting: bool, shared: bool) -> None:
        """Let an unwanted target run, and detach from it; its session never comes to be.

        Chromium detaches at once, but lets a worker run some time later: one that has been detached from by then never
        runs. So its answer is waited for, yet not for ever.

        :param waiting: whether it waits.
        :param shared: whether other clients may hold it, for whom it is not to be resumed.
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
        """Take out a session that was detached from, if it was an unwanted target's."""
        return self._released.pop(key, None)

    def stop(self) -> None:
        """Wait for nobody any more: the line is gone."""
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
        """Let a target run that was detached from, unless somebody else has it."""
        try:
            others = await self._others_have(through, info)
        except (TimeoutError, MalformedMessage):
            others = False
        if others:
            self._later(lambda: self._look_again(through, info).addErrback(ignore_failure))
        else:
            await self._return(through, info)

    async def _others_have(self, through: Session, info: target.TargetInfo) -> bool:
        """Ask whether another client has attached to a target, or to tabs, through which it comes to their pages."""
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
        """Attach once more, to let it run."""
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
