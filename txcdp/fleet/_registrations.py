"""The registrations of a node at a router: tried again if they fail for now, and refreshed where needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from autobahn.exception import Disconnected
from autobahn.wamp.exception import ApplicationError, TransportLost
from autobahn.wamp.types import RegisterOptions
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from txcdp._deferreds import Timer, returns_deferred, when_all
from txcdp._privacy import shortened
from txcdp._reactor import Clock, whole

log = Logger()

#: Seconds before registering is tried again, the first time, and at most.
_AGAIN: Final = 0.2
_AGAIN_MOST: Final = 5.0

#: Seconds after an interrupted call until the router's count is refreshed.
_RECOUNT: Final = 0.5

#: The errors of the router when it refuses a request, and of Autobahn when there is no connection.
_REFUSED = (ApplicationError, TransportLost, Disconnected)


@dataclass
class _Procedure:
    """A procedure. concurrency: calls at once; None: it is no shared one. made: as the router knows it, if it does."""

    uri: str
    handler: Callable[..., Any]
    concurrency: int | None
    made: Any = None
    wanted: bool = True


class Registrations:
    """The procedures of one session.

    Registering is tried again as long as the session lives. A router that has not noticed yet that an earlier session
    is dead refuses a procedure that only one node may have (``procedure_already_exists``); what it does not allow now,
    it may allow later.

    Crossbar counts the calls of a procedure with limited concurrency. If a caller disappears during a call, or Crossbar
    itself ends one because its time is up, that call stays counted for good: each takes away a place. A new
    registration starts counting again, so there is one after an interrupted call.

    :param session: an ``ApplicationSession`` that has joined.
    """

    def __init__(self, session: Any, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._stopped = False
        self._procedures: dict[str, _Procedure] = {}
        self._waiting: set[Deferred[Any]] = set()
        self._recounted: set[str] = set()
        self._recount = Timer(clock, self._count_again)

    def add(self, uri: str, handler: Callable[..., Any], concurrency: int | None = None) -> Deferred[None]:
        """Register a procedure.

        :param concurrency: how many calls it takes at once, if nodes share it; None: only this node has it.
        :returns: fires once it is registered, or no longer wanted.
        """
        procedure = self._procedures[uri] = _Procedure(uri, handler, concurrency)
        return self._register(procedure)

    def remove_shared(self) -> Deferred[None]:
        """Remove the procedures that nodes share.

        :returns: fires once the router has agreed, or the session is gone.
        """
        shared = [each for each in self._procedures.values() if each.concurrency is not None]
        return Deferred.fromCoroutine(when_all([self._remove(each) for each in shared]))

    def interrupted(self, uri: str) -> None:
        """Handle a call that the router has interrupted; see above."""
        self._recounted.add(uri)
        self._recount.set(_RECOUNT)

    def stop(self) -> None:
        """Stop: the session is gone."""
        self._stopped = True
        self._recount.stop()
        for each in list(self._waiting):
            each.cancel()

    @returns_deferred
    async def _register(self, procedure: _Procedure) -> None:
        pause = _AGAIN
        shared = procedure.concurrency is not None
        options = RegisterOptions(
            invoke="roundrobin" if shared else "single", concurrency=procedure.concurrency, details_arg="details"
        )
        while procedure.wanted and not self._stopped:
            try:
                made = await self._session.register(procedure.handler, procedure.uri, options)
            except _REFUSED as error:
                if not isinstance(error, ApplicationError):
                    return
                if pause == _AGAIN:
                    what, why = procedure.uri, shortened(f"{error.error}")
                    log.warn("{what} cannot be registered now: {why}; retrying", what=what, why=why)
                await self._wait(pause)
                pause = min(2 * pause, _AGAIN_MOST)
            else:
                procedure.made = made
                await self._remove_unwanted(procedure)
                return

    async def _wait(self, seconds: float) -> None:
        waiting: Deferred[None] = deferLater(whole(self._clock), seconds)
        self._waiting.add(waiting)
        try:
            await waiting
        except CancelledError:
            if not self._stopped:
                raise
        finally:
            self._waiting.discard(waiting)

    async def _remove_unwanted(self, procedure: _Procedure) -> None:
        """Remove procedures that have become unwanted while they were being registered."""
        if not procedure.wanted:
            await self._remove(procedure)

    @returns_deferred
    async def _remove(self, procedure: _Procedure) -> None:
        procedure.wanted = False
        made, procedure.made = procedure.made, None
        if made is not None and made.active and not self._stopped:
            with suppress(*_REFUSED):
                await made.unregister()

    def _count_again(self) -> None:
        uris, self._recounted = self._recounted, set()
        for uri in uris:
            self._renew(self._procedures[uri]).addErrback(
                lambda failure: log.failure("Registering again", failure=failure)
            )

    @returns_deferred
    async def _renew(self, procedure: _Procedure) -> None:
        if procedure.made is None or not procedure.wanted or self._stopped:
            return
        await self._remove(procedure)
        again = _Procedure(procedure.uri, procedure.handler, procedure.concurrency)
        if self._procedures.get(procedure.uri) is procedure:
            self._procedures[procedure.uri] = again
            await self._register(again)
