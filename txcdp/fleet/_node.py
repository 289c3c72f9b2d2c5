"""A node: the work of a gateway's browsers, registered at a router."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import Waiters, ignore_failure, returns_deferred, when_all, with_deadline
from txcdp._reactor import AnyReactor, whole
from txcdp.errors import TxcdpError
from txcdp.fleet._calls import CallState, NodeCall
from txcdp.fleet._messages import CHUNK, VERSION, Control, Done, ResultKind, Uris, plain
from txcdp.fleet._options import NodeOptions, own_name
from txcdp.fleet._outcomes import outcome_of
from txcdp.fleet._publishing import PagePublisher
from txcdp.fleet._registrations import Registrations
from txcdp.fleet._work import Work, WorkRequest
from txcdp.gateway import Gateway, Principal
from txcdp.gateway.render._problems import Problem

log = Logger()


class Node:
    """A node of a fleet: does the work of callers with the browsers of a gateway.

    It follows the gateway's rules on what a render may open, how large it may be and how long it may take.

    :param reactor: the reactor.
    :param gateway: the gateway whose browsers do the work; it has to render.
    :param options: see :class:`~txcdp.fleet.NodeOptions`.
    :ivar name: the name of the node.
    :ivar counts: how many calls were ``done``, ``failed``, ``refused`` for lack of a place, and ``cancelled``.
    :raises ValueError: the gateway does not render, or renders too few pages, or does not allow a page that is to be
        published.
    """

    def __init__(self, reactor: AnyReactor, gateway: Gateway, options: NodeOptions | None = None) -> None:
        self._options = options or NodeOptions()
        self._clock = whole(reactor)
        self._work = Work(gateway, self._clock)
        self._uris = Uris(self._options.prefix)
        self._places = self._options.places or self._work.places - len(self._options.publish)
        if self._places < 1:
            raise ValueError(
                f"{len(self._options.publish)} pages are to be published, but {self._work.places} are all that the "
                "gateway renders at once: give it more pages or browsers, as one is kept for work"
            )
        self._work.check_urls(self._options.publish)
        self.name = self._options.name or own_name()
        self.counts: Counter[str] = Counter()
        self._running: dict[NodeCall, Deferred[Any]] = {}
        self._registrations: Registrations | None = None
        self._published: dict[str, PagePublisher] = {}
        self._draining = False
        self._empty: Waiters[None] = Waiters()

    def __repr__(self) -> str:
        state = "draining" if self._draining else "open"
        return f"<Node {self.name} {state}: {len(self._running)} of {self._places}>"

    # The session:

    def joined(self, session: Any) -> Deferred[None]:
        """Register all procedures at the router of a session.

        :param session: an Autobahn ``ApplicationSession`` that has joined.
        :returns: fires once everything is registered, or the session is gone.
        """
        self.left()
        registrations = self._registrations = Registrations(session, self._clock)
        registering = [
            registrations.add(self._uris.credit(self.name), self._credit),
            *(
                registrations.add(self._uris.operate(self.name, what), partial(self._operated, do))
                for what, do in (("state", self.state), ("drain", self.drain), ("resume", self.resume))
            ),
        ]
        if not self._draining:
            registering += self._share(registrations)
        for name in self._options.publish:
            owning = registrations.add(self._uris.publisher(name), partial(self._operated, partial(self._told, name)))
            owning.addCallback(self._publish, name, session, registrations)
            owning.addErrback(lambda failure: log.failure("Publishing a page", failure=failure))
        return Deferred.fromCoroutine(when_all(registering))

    def left(self) -> None:
        """Handle the loss of the session: nobody is waiting for the work in progress any more, so it is cancelled."""
        registrations, self._registrations = self._registrations, None
        if registrations is not None:
            registrations.stop()
        published, self._published = self._published, {}
        for each in published.values():
            each.stop()
        for call, running in list(self._running.items()):
            call.end()
            running.cancel()

    def _share(self, registrations: Registrations) -> list[Deferred[None]]:
        return [
            registrations.add(self._uris.work(kind), partial(self._called, kind), self._places)
            for kind in self._work.kinds
        ]

    # Published pages:

    def _publish(self, _: None, name: str, session: Any, registrations: Registrations) -> None:
        """Publish a page that no other node publishes, unless the session is gone."""
        if registrations is self._registrations:
            publisher = self._published[name] = self._work.publisher(self._options, name, session)
            publisher.start()

    def _told(self, name: str) -> dict[str, Any]:
        publisher = self._published.get(name)
        return {"node": self.name, **({} if publisher is None else publisher.state())}

    # Operators:

    def state(self) -> dict[str, Any]:
        """Return the current state as plain data, without URLs."""
        return {
            "node": self.name,
            "version": VERSION,
            "draining": self._draining,
            "places": self._places,
            "calls": [
                {"kind": call.kind, "state": call.state.value, "age": self._clock.seconds() - call.began}
                for call in self._running
            ],
            "published": [each.state() for each in self._published.values()],
            "counts": dict(self.counts),
        }

    @returns_deferred
    async def drain(self, seconds: float | None = None) -> bool:
        """Accept no more work, and let the work in progress finish; :meth:`resume` accepts work again.

        :param seconds: after which the remaining work is cancelled; None: never.
        :returns: fires once no work is left, with whether all of it finished without being cancelled.
        """
        if not self._draining:
            self._draining = True
            log.info("{node}: accepts no more work", node=self)
            if self._registrations is not None:
                await self._registrations.remove_shared()
        if not self._running:
            return True
        try:
            await with_deadline(self._clock, self._empty.wait(), seconds, TimeoutError)
        except TimeoutError:
            for running in list(self._running.values()):
                running.cancel()
            if self._running:
                await self._empty.wait()
            return False
        return True

    def resume(self) -> None:
        """Accept work again."""
        if self._draining:
            self._draining = False
            log.info("{node}: accepts work again", node=self)
            if self._registrations is not None:
                for each in self._share(self._registrations):
                    each.addErrback(ignore_failure)

    def _operated(self, do: Callable[[], Any], *, details: Any) -> Any:
        return do()

    # Calls:

    def _called(self, kind: str, request: object = None, control: object = None, *, details: Any) -> Deferred[Any]:
        """Serve a call.

        :returns: the result for Autobahn, which cancels it if the router interrupts the call.
        """
        call = NodeCall(self._clock, self._options, kind, details)

        def interrupted(told: Deferred[Any]) -> None:
            running = self._running.get(call)
            call.end()
            if self._registrations is not None:
                self._registrations.interrupted(self._uris.work(kind))
            told.errback(ApplicationError(ApplicationError.CANCELED, "interrupted"))
            if running is not None:
                running.cancel()

        told: Deferred[Any] = Deferred(interrupted)
        if self._draining or len(self._running) >= self._places:
            self.counts["refused"] += 1
            why = "this node accepts no more work" if self._draining else "all places of this node are taken"
            told.errback(ApplicationError(self._uris.busy, why))
            return told
        running = self._running[call] = self._serve(call, request, control, details)
        call.give_up_with(running.cancel)
        running.addBoth(self._served, call, told)
        return told

    @returns_deferred
    async def _serve(self, call: NodeCall, request: object, control: object, details: Any) -> Done:
        how = _control(control)
        if not isinstance(request, Mapping):
            raise Problem(400, "The first argument must be a dict with the request.", "request")
        if not (how.begin or call.hears):
            raise Problem(400, "Confirmed calls require progressive results.", "request")
        call.tell(ResultKind.ACCEPTED, self.name, call.id)
        if how.begin:
            call.grant(how.credits)
        else:
            await call.confirmed()
        asked = WorkRequest(request, Principal(f"fleet:{details.caller_authid or 'caller'}"), call)
        done = await self._work.kinds[call.kind](asked)
        body = done.body
        if body is None or len(body) <= CHUNK:
            return done
        if not call.hears:
            raise Problem(
                502,
                f"A result of {len(body):,} bytes requires progressive results: call it with receive_progress.",
                "output",
            )
        for start in range(0, len(body), CHUNK):
            await call.send(ResultKind.CHUNK, body[start : start + CHUNK])
        return msgspec.structs.replace(done, body=None)

    def _served(self, result: Any, call: NodeCall, told: Deferred[Any]) -> None:
        """Send the outcome, unless nobody waits for it."""
        wanted = call.state is not CallState.ENDED
        call.end()
        self._running.pop(call, None)
        if not self._running:
            self._empty.notify(None)
        if not wanted:
            self.counts["cancelled"] += 1
            if isinstance(result, Failure) and not result.check(CancelledError, TxcdpError):
                log.failure("What a caller wanted who is gone", failure=result)
        elif isinstance(result, Failure):
            self.counts["failed"] += 1
            told.errback(outcome_of(result, self._uris))
        else:
            self.counts["done"] += 1
            told.callback(plain(result))

    def _credit(self, call: object, more: object = 0, *, details: Any) -> bool:
        """Give a call credits, or a sign of life; only its caller knows the call's id."""
        found = next((each for each in self._running if each.id == call), None)
        if found is None or found.caller != details.caller:
            raise ApplicationError(self._uris.unknown, "unknown call")
        if not isinstance(more, int) or not 0 <= more <= _MOST_CREDITS:
            raise ApplicationError(
                ApplicationError.INVALID_ARGUMENT, f"credits: expected a number up to {_MOST_CREDITS}"
            )
        found.grant(more)
        return True


_MOST_CREDITS = 100_000


def _control(given: object) -> Control:
    if given is None:
        return Control()
    try:
        control = msgspec.convert(given, Control)
    except msgspec.ValidationError as error:
        raise Problem(400, f"{error} - in the second argument", "request") from None
    if control.version != VERSION:
        raise Problem(400, f"This node speaks version {VERSION} of the protocol, not {control.version}.", "version")
    return control
