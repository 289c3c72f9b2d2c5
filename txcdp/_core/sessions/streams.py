"""The event streams of one session: each is created once, and fed while it has subscribers."""

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
        """Start feeding a stream with the events of the session with that key."""

    def unroute(self, key: bytes, stream: EventReceiver) -> None:
        """Stop feeding it."""

    def group(self, events: frozenset[type[Event]], decoder: Callable[[type[Event]], EventDecoder[Any]]) -> EventGroup:
        """Return the group that feeds receivers with several kinds of events at once."""

    def malformed(self, error: MalformedMessage) -> None:
        """Count and log a message that could not be read."""

    def count_lenient(self) -> None:
        """Count a message that had to be decoded leniently."""


class Inputs:
    """Some kinds of events of one session, decoded, for one function of the library.

    They are like streams with a single subscriber and without operators, which is cheaper: a page has about twenty of
    them, of which half never occur.

    :param group: the group that feeds them.
    :param take: called with the events; it is still called after it has raised an exception.
    :param malformed: called with the error for a message that could not be decoded.
    :param wants: called with this object, an event's name and its message, before that is decoded; returns whether to
        decode and deliver it now. A function that returns False may keep the message and deliver it later. None: all
        are delivered.
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
        """Handle one message."""
        if self._wants is None or self._wants(self, method, message):
            self.deliver(method, message)

    def deliver(self, method: str, message: bytes) -> None:
        """Decode and deliver one message."""
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

    :param feeder: feeds them.
    :param enabling: enables and disables the domains of streams with subscribers.
    :param key: the session's key in messages.
    :param let_go: sends the command that releases what an event holds up.
    :ivar context: the context that they share; the connection's, unless the session's owner has set another one.
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
        """Return the stream of one event in one shape; it ends at once if the session has ended."""
        return self._get(self._streams, self, method, shape)

    def observed(self, method: str, shape: Any) -> EventStream[Any]:
        """Return a stream like that of :meth:`get` for the library: its subscribers do not count as listeners.

        It enables no domain, is delivered before the user's streams if it was subscribed to first, and survives a
        crash.
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
        """Pass the session's events of some kinds to a function of the library, until the session ends.

        Like :meth:`observed` it enables no domain, does not count as a listener, and survives a crash and a lost
        transport.

        :param take: called with each event, before later subscribers get it.
        :param gap: called after each loss of the transport.
        :param crashed: called at each crash, before anything fails because of it; returns a function that is called
            with the error when the session's commands have failed.
        :param ended: called when the session ends, with the error that its streams fail with.
        :param wants: decides about each message; see :class:`Inputs`. None: all are decoded.
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
        """End all streams, and those that are requested later."""
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
        """Remove the current subscribers, and return a function that fails their subscriptions."""
        return [*(stream._release() for stream in self._streams.values()), *(take() for take in self._crash_takers)]

    def refuse(self, domain: str, error: Exception) -> None:
        """Fail the subscriptions to a domain that could not be enabled."""
        for stream in list(self._streams.values()):
            if _domain(stream) == domain:
                stream.fail(error)

    def suspend(self) -> None:
        """Stop feeding the streams, because the transport is lost; none of them ends."""
        if self._fed:
            self._fed = False
            for each in self._inputs:
                each.group.remove(self._key, each)
            for stream in self._wanted():
                self._feeder.unroute(self._key, stream)

    def resume(self, key: bytes) -> None:
        """Feed the streams again, over another transport.

        :param key: the session's new key.
        """
        self._key = key
        self._fed = True
        for each in self._inputs:
            each.group.add(key, each)
        for stream in self._wanted():
            self._feeder.route(key, stream)

    def mark(self, gap: Gap) -> None:
        """Deliver a gap to the library's functions and to the subscribers that want it."""
        for take in self._gap_takers:
            take(gap)
        self.mark_streams(gap)

    def mark_streams(self, gap: Gap) -> None:
        """Deliver a gap only to subscribers: the session's own state continues over it."""
        for stream in self._wanted():
            stream._mark(dataclasses.replace(gap, missing=frozenset({stream.method})))

    def names(self) -> frozenset[str]:
        """Return the names of the events that have subscribers."""
        return frozenset(stream.method for stream in self._listened())

    # What the streams tell:

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        """Enable the domain of a stream that has its first subscriber, and start feeding it."""
        self.feed(stream)
        self._enabling.listen(_domain(stream))

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        """Stop feeding a stream that has no subscribers."""
        self.starve(stream)
        self._enabling.leave(_domain(stream))

    def stream_harmed(self, stream: EventStream[Any], message: bytes) -> None:
        """Release what an event holds up, now and in future, if no subscriber is left that could answer.

        A subscriber that raised an exception is no longer subscribed: what it was to answer would be held up forever.
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
        """Release what an event holds up, if nobody listens apart from the failed handler."""
        if stream.method in HOLDING and self._end is None:
            self._unless_answered(stream.method, from_json(to_json(item)), 1)

    def _unless_answered(self, method: str, params: dict[str, Any], failed: int = 0) -> None:
        """Release what an event holds up, if all subscribers have failed."""
        if sum(stream.listeners for stream in self._listened() if stream.method == method) <= failed:
            found = answer(method, params)
            if found is not None:
                self._let_go(found)

    def feed(self, stream: EventStream[Any]) -> None:
        """Start feeding a stream, now or when there is a transport."""
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
    """Owns the streams that the library itself subscribes to: they are fed, but nothing is enabled for them."""

    def __init__(self, streams: SessionStreams) -> None:
        self._streams = streams

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        self._streams.feed(stream)

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        self._streams.starve(stream)

    def stream_harmed(self, stream: EventStream[Any], message: bytes) -> None:
        """Do nothing: the library answers what its events hold up in any case."""

    def handler_failed(self, stream: EventStream[Any], item: Any) -> None:
        """Do nothing: the library answers what its events hold up in any case."""


def _ended(error: Exception) -> None:
    """Release nothing: when its session has ended, nothing is held up any more."""


def _domain(stream: EventStream[Any]) -> str:
    return stream.method.partition(".")[0]
