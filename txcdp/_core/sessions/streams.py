"""The event streams of one session: each is made once, and fed while somebody listens to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.logger import Logger

from txcdp._core.dispatch.routing import EventGroup, EventReceiver
from txcdp._core.sessions.enabling import Enabling
from txcdp.errors import MalformedMessage
from txcdp.protocol import Event, from_json, to_json
from txcdp.protocol._holding import HOLDING, Release, answer
from txcdp.protocol._wire import EventDecoder
from txcdp.streams import EventStream, Gap, StreamContext
from txcdp.streams._fanout import EventOwner

log = Logger()


class Feeder(Protocol):
    """The part of a dispatcher that feeds streams."""

    context: StreamContext
    decoders: dict[Any, EventDecoder[Any]]

    def route(self, key: bytes, stream: EventReceiver) -> None:
        """Begin to feed a stream with the events of the session with that key."""

    def unroute(self, key: bytes, stream: EventReceiver) -> None:
        """Cease to feed it."""

    def group(self, events: frozenset[type[Event]], decoder: Callable[[type[Event]], EventDecoder[Any]]) -> EventGroup:
        """Return what feeds receivers with several kinds of events at once."""

    def malformed(self, error: MalformedMessage) -> None:
        """Count and log a message that could not be read."""

    def count_lenient(self) -> None:
        """Count a message that had to be read tolerantly."""


class Inputs:
    """Some kinds of events of one session, typed, for one function of the library's own.

    They are streams with a single subscriber and without all that a stream can do: a page has a score of them, of which
    half never come.

    :param group: what feeds them.
    :param take: is given the events; it goes on to be called after it has raised.
    :param malformed: called with the error for a message that could not be decoded.
    :param wants: is given this, an event's name and its message, before that is decoded; returns whether it is decoded
        and handed on now. Whoever keeps it instead may deliver it later. None: all are.
    """

    __slots__ = ("_malformed", "_take", "_wants", "group")

    def __init__(
        self,
        group: EventGroup,
        take: Callable[[Any], object],
        malformed: Callable[[MalformedMessage], None],
        wants: Callable[[Inputs, str, bytes], bool] | None,
    ) -> None:
        self.group = group
        self._take = take
        self._malformed = malformed
        self._wants = wants

    def _feed(self, method: str, message: bytes) -> None:
        """Take one message."""
        if self._wants is None or self._wants(self, method, message):
            self.deliver(method, message)

    def deliver(self, method: str, message: bytes) -> None:
        """Decode one message and hand it on."""
        try:
            event = self.group.decoders[method](message)
        except MalformedMessage as error:
            self._malformed(error)
            return
        try:
            self._take(event)
        except Exception:
            log.failure("Following {method} failed; it is still followed", method=method)


class SessionStreams:
    """All streams of one session.

    :param feeder: who feeds them.
    :param enabling: enables and disables the domains of those that are listened to.
    :param key: the session's, in messages.
    :param let_go: sends what lets go what an event holds.
    :ivar context: what they share; the connection's, unless whoever owns the session has given another one.
    """

    def __init__(self, feeder: Feeder, enabling: Enabling, key: bytes, let_go: Callable[[Release], object]) -> None:
        self.context = feeder.context
        self._feeder = feeder
        self._enabling = enabling
        self._key = key
        self._let_go = let_go
        self._unheld: set[str] = set()  # events of which a subscriber has raised
        self._fed = True
        self._streams: dict[tuple[str, Any], EventStream[Any]] = {}
        # Those of the library's own, which go on over a crash, count as nobody's and enable nothing.
        self._observed: dict[tuple[str, Any], EventStream[Any]] = {}
        self._observing = _Observing(self)
        self._inputs: list[Inputs] = []
        self._gap_takers: list[Callable[[Gap], object]] = []
        self._end_takers: list[Callable[[Exception | None], object]] = []
        self._crash_takers: list[Callable[[], Callable[[Exception], object]]] = []
        self._end: tuple[Exception | None] | None = None

    def get(self, method: str, shape: Any) -> EventStream[Any]:
        """Return the stream of one event in one shape; one that ends at once where the session has ended."""
        return self._get(self._streams, self, method, shape)

    def observed(self, method: str, shape: Any) -> EventStream[Any]:
        """Return the like of :meth:`get` for the library's own use: its subscribers do not count as listeners.

        It enables no domain, is delivered before the user's if it was subscribed to first, and survives a crash.
        """
        return self._get(self._observed, self._observing, method, shape)

    def feed_into(
        self,
        events: Iterable[type[Event]],
        take: Callable[[Any], object],
        *,
        gap: Callable[[Gap], object] | None = None,
        crashed: Callable[[], Callable[[Exception], object]] | None = None,
        ended: Callable[[Exception | None], object] | None = None,
        wants: Callable[[Inputs, str, bytes], bool] | None = None,
    ) -> None:
        """Hand the session's events of some kinds to a function of the library's own, until the session ends.

        Like :meth:`observed` it enables no domain, counts as nobody, and goes on over a crash and over a lost line.

        :param take: is given each event, before those who subscribe later.
        :param gap: is called after each loss of the line.
        :param crashed: is called at each crash, before anything fails for it; returns what is called with the error
            when the session's commands have failed.
        :param ended: is called at the session's end, with what its streams fail with.
        :param wants: decides of each message; see :class:`Inputs`. None: all are decoded.
        """
        if self._end is not None:
            return
        if ended is not None:
            self._end_takers.append(ended)
        if crashed is not None:
            self._crash_takers.append(crashed)
        if gap is not None:
            self._gap_takers.append(gap)
        kinds = frozenset(events)
        if kinds:
            made = Inputs(self._feeder.group(kinds, self._decoder), take, self._feeder.malformed, wants)
            self._inputs.append(made)
            if self._fed:
                made.group.add(self._key, made)

    def end(self, error: Exception | None) -> None:
        """End all of them, and those that are asked for later."""
        self._end = (error,)
        streams = [*self._streams.values(), *self._observed.values()]
        self._streams, self._observed = {}, {}
        inputs, self._inputs = self._inputs, []
        self._gap_takers.clear()
        self._crash_takers.clear()
        telling, self._end_takers = self._end_takers, []
        for each in inputs if self._fed else ():
            each.group.remove(self._key, each)
        for stream in streams:
            if self._fed:
                self._feeder.unroute(self._key, stream)
            stream.end(error)
        for tell in telling:
            tell(error)

    def release(self) -> list[Callable[[Exception], object]]:
        """Let the present subscribers go, and return what fails their subscriptions."""
        return [*(stream._release() for stream in self._streams.values()), *(take() for take in self._crash_takers)]

    def refuse(self, domain: str, error: Exception) -> None:
        """Fail the subscriptions to a domain that could not be enabled."""
        for stream in list(self._streams.values()):
            if _domain(stream) == domain:
                stream.fail(error)

    def suspend(self) -> None:
        """Stop feeding the streams, because the line is lost; none of them ends."""
        if self._fed:
            self._fed = False
            for each in self._inputs:
                each.group.remove(self._key, each)
            for stream in self._wanted():
                self._feeder.unroute(self._key, stream)

    def resume(self, key: bytes) -> None:
        """Feed the streams again, over another line.

        :param key: its key from now on.
        """
        self._key = key
        self._fed = True
        for each in self._inputs:
            each.group.add(key, each)
        for stream in self._wanted():
            self._feeder.route(key, stream)

    def mark(self, gap: Gap) -> None:
        """Deliver a gap to the subscribers that want to know of one in their events."""
        for take in self._gap_takers:
            take(gap)
        self.mark_streams(gap)

    def mark_streams(self, gap: Gap) -> None:
        """Deliver a gap to subscribers alone: the sessions' own state goes on over it."""
        for stream in self._wanted():
            stream._mark(dataclasses.replace(gap, missing=frozenset({stream.method})))

    def names(self) -> frozenset[str]:
        """Return the names of the events that somebody listens to."""
        return frozenset(stream.method for stream in self._listened())

    # What the streams tell:

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        """Enable the domain of a stream that has its first subscriber, and let it be fed."""
        self.feed(stream)
        self._enabling.listen(_domain(stream))

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        """Let a stream without subscribers be fed no more."""
        self.starve(stream)
        self._enabling.leave(_domain(stream))

    def stream_harmed(self, stream: EventStream[Any], message: bytes) -> None:
        """Let go what an event holds, now and from now on, where nobody is left who could answer.

        Who has raised is subscribed no more: what it was to answer would stand still for ever.
        """
        method = stream.method
        if method not in HOLDING or self._end is not None:
            return
        params = from_json(message).get("params")
        self._unless_answered(method, params if isinstance(params, dict) else {})
        if method not in self._unheld:
            self._unheld.add(method)
            following = self.observed(method, dict[str, Any])
            following.subscribe(lambda params: self._unless_answered(method, params), _ended)

    def handler_failed(self, stream: EventStream[Any], item: Any) -> None:
        """Let go what an event holds, where nobody but that handler listens."""
        if stream.method in HOLDING and self._end is None:
            self._unless_answered(stream.method, from_json(to_json(item)), 1)

    def _unless_answered(self, method: str, params: dict[str, Any], failed: int = 0) -> None:
        """Let go what an event holds, where all who listen have failed."""
        if sum(stream.listeners for stream in self._listened() if stream.method == method) <= failed:
            found = answer(method, params)
            if found is not None:
                self._let_go(found)

    def feed(self, stream: EventStream[Any]) -> None:
        """Let a stream be fed, now or when there is a line."""
        if self._fed:
            self._feeder.route(self._key, stream)

    def starve(self, stream: EventStream[Any]) -> None:
        """Undo :meth:`feed`."""
        if self._fed:
            self._feeder.unroute(self._key, stream)

    def _get(
        self, streams: dict[tuple[str, Any], EventStream[Any]], owner: EventOwner, method: str, shape: Any
    ) -> EventStream[Any]:
        stream = streams.get((method, shape))
        if stream is None:
            stream = EventStream(self.context, method, self._decoder(shape), owner, self._feeder.malformed)
            if self._end is not None:
                stream.end(self._end[0])
            else:
                streams[method, shape] = stream
        return stream

    def _decoder(self, shape: Any) -> EventDecoder[Any]:
        decode = self._feeder.decoders.get(shape)
        if decode is None:  # all sessions share it
            decode = self._feeder.decoders[shape] = EventDecoder(shape, self._feeder.count_lenient)
        return decode

    def _listened(self) -> list[EventStream[Any]]:
        return [stream for stream in self._streams.values() if stream.listened]

    def _wanted(self) -> list[EventStream[Any]]:
        return [*(stream for stream in self._observed.values() if stream.listened), *self._listened()]


class _Observing:
    """Owns the streams that the library itself subscribes to: they are fed, and nothing is enabled for them."""

    def __init__(self, streams: SessionStreams) -> None:
        self._streams = streams

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        self._streams.feed(stream)

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        self._streams.starve(stream)

    def stream_harmed(self, stream: EventStream[Any], message: bytes) -> None:
        """The library's own answer what they hold in any case."""

    def handler_failed(self, stream: EventStream[Any], item: Any) -> None:
        """The library's own answer what they hold in any case."""


def _ended(error: Exception) -> None:
    """With its session nothing is held any more."""


def _domain(stream: EventStream[Any]) -> str:
    return stream.method.partition(".")[0]
