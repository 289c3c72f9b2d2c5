"""Which streams receive which event of which session, found without decoding a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from weakref import WeakSet

from twisted.logger import Logger

from txcdp._privacy import shortened
from txcdp.protocol._wire import event_prefix, session_of
from txcdp.streams import EventStream

log = Logger()

#: The maximum number of routes kept for events that only taps receive. The protocol has some 250 events.
_KEPT = 1000

#: The maximum length in bytes of an event name for which a route is kept.
_LONGEST = 100


class EventReceiver(Protocol):
    """Receives one kind of event of one session: a stream or an ``Input``."""

    @property
    def method(self) -> str:
        """The event's name."""

    def _feed(self, message: bytes) -> None:
        """Handle one message."""


class GroupReceiver(Protocol):
    """Receives several kinds of events of one session."""

    def _feed(self, method: str, message: bytes) -> None:
        """Handle one message.

        :param method: the event's name.
        """


class EventGroup:
    """Kinds of events that receivers of several sessions all need, as pages do.

    A receiver is added to all of their routes in one step: a page needs about forty kinds, and may be short-lived.

    :param decoders: the decoders by event name.
    """

    __slots__ = ("_receivers", "decoders")

    def __init__(self, decoders: Mapping[str, Callable[[bytes], Any]]) -> None:
        self.decoders = decoders
        self._receivers: dict[bytes, tuple[GroupReceiver, ...]] = {}

    def add(self, session: bytes, receiver: GroupReceiver) -> None:
        """Deliver a session's events of these kinds to another receiver."""
        self._receivers[session] = (*self._receivers.get(session, ()), receiver)

    def remove(self, session: bytes, receiver: GroupReceiver) -> None:
        """Undo :meth:`add`."""
        left = tuple(each for each in self._receivers.pop(session, ()) if each is not receiver)
        if left:
            self._receivers[session] = left

    def of(self, session: bytes) -> tuple[GroupReceiver, ...]:
        """Return the receivers of a session's events."""
        return self._receivers.get(session, ())


class EventRoute(Protocol):
    """Handles one kind of event."""

    def deliver(self, message: bytes, session: bytes | None) -> bool:
        """Handle a message; ``session`` is None if it has not been read yet.

        :returns: whether the event had a receiver.
        :raises MalformedMessage: if the message has to be decoded to find its session, and cannot be.
        """


class StreamRoute:
    """The streams of one event, by session.

    :param method: the event's name.
    :ivar groups: the groups that contain the event; their receivers get it first.
    """

    __slots__ = ("_first", "_method", "_more", "_prefix", "groups", "taps")

    def __init__(self, method: bytes) -> None:
        self._method = method.decode("utf-8", "replace")
        self._prefix = event_prefix(method)
        self.groups: tuple[EventGroup, ...] = ()
        self._first: dict[bytes, EventReceiver] = {}  # nearly always the only one: no tuple to fetch besides
        self._more: dict[bytes, tuple[EventReceiver, ...]] = {}
        self.taps: tuple[EventStream[Any], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the event has no receivers."""
        return not (self._first or self.taps or self.groups)

    def add(self, session: bytes, stream: EventReceiver) -> None:
        """Deliver a session's events to ``stream`` too."""
        self._set(session, (*self._of(session), stream))

    def remove(self, session: bytes, stream: EventReceiver) -> None:
        """Stop delivering to ``stream``."""
        self._set(session, tuple(each for each in self._of(session) if each is not stream))

    def deliver(self, message: bytes, session: bytes | None) -> bool:
        """Feed a message to its receivers; see :class:`EventRoute`."""
        if session is None:
            session = session_of(message, self._prefix)
        stream = self._first.get(session)
        more = self._more.get(session) if self._more else None
        received = False
        for group in self.groups:
            for receiver in group.of(session):
                receiver._feed(self._method, message)
                received = True
        if stream is not None:
            stream._feed(message)
            if more is not None:
                for other in more:
                    other._feed(message)
        for tap in self.taps:
            tap._feed(message)
        return received or stream is not None or bool(self.taps)

    def _of(self, session: bytes) -> tuple[EventReceiver, ...]:
        first = self._first.get(session)
        return () if first is None else (first, *self._more.get(session, ()))

    def _set(self, session: bytes, streams: tuple[EventReceiver, ...]) -> None:
        for table in (self._first, self._more):
            table.pop(session, None)
        if streams:
            self._first[session] = streams[0]
        if len(streams) > 1:
            self._more[session] = streams[1:]


class EventRoutes:
    """All routes of one connection.

    A tap is a stream of events of any session; its ``wanted`` decides by the event's name.
    """

    def __init__(self) -> None:
        self._streams: dict[bytes, StreamRoute] = {}
        self._fixed: dict[bytes, EventRoute] = {}
        self._first: dict[bytes, EventRoute] = {}  # both of the above, the fixed ones before
        self._taps: dict[EventStream[Any], Callable[[str], bool]] = {}
        self._failed: WeakSet[EventStream[Any]] = WeakSet()  # taps whose ``wanted`` has raised: logged once

    def fix(self, method: bytes, route: EventRoute) -> None:
        """Let ``route`` handle an event permanently; it delivers to the streams through :meth:`deliver_to_streams`."""
        self._fixed[method] = self._first[method] = route

    def add(self, method: bytes, session: bytes, stream: EventReceiver) -> None:
        """Deliver one event of one session to ``stream``."""
        self._route(method).add(session, stream)

    def remove(self, method: bytes, session: bytes, stream: EventReceiver) -> None:
        """Undo :meth:`add`."""
        route = self._streams.get(method)
        if route is not None:
            route.remove(session, stream)
            self._drop_if_empty(method, route)

    def group(self, decoders: Mapping[str, Callable[[bytes], Any]]) -> EventGroup:
        """Create a permanent group of event kinds; only the library itself has groups, and few of them.

        :param decoders: as :class:`EventGroup` takes them.
        """
        made = EventGroup(decoders)
        for each in decoders:
            route = self._route(each.encode())
            route.groups = (*route.groups, made)
        return made

    def add_tap(self, stream: EventStream[Any], wanted: Callable[[str], bool]) -> None:
        """Deliver every event of any session whose name is ``wanted`` to ``stream``."""
        self._taps[stream] = wanted
        self._retap()

    def remove_tap(self, stream: EventStream[Any]) -> None:
        """Undo :meth:`add_tap`."""
        self._taps.pop(stream, None)
        self._retap()

    def deliver(self, method: bytes, message: bytes, session: bytes | None = None) -> bool:
        """Pass an event's message to its receivers; see :class:`EventRoute`."""
        route = self._first.get(method)
        if route is None:
            if not self._taps:
                return False
            route = self._tapped_route(method)
        return route.deliver(message, session)

    def deliver_to_streams(self, method: bytes, message: bytes, session: bytes) -> bool:
        """Pass an event's message to the streams that receive it, regardless of any fixed route."""
        route = self._route(method) if self._taps else self._streams.get(method)
        return route is not None and route.deliver(message, session)

    def _route(self, method: bytes) -> StreamRoute:
        route = self._streams.get(method)
        if route is None:
            route = self._streams[method] = StreamRoute(method)
            route.taps = self._taps_for(method)
            self._first.setdefault(method, route)
        return route

    def _tapped_route(self, method: bytes) -> StreamRoute:
        """Return the route of an event that only taps receive; it is kept, unless there are too many names."""
        if len(self._streams) < _KEPT and len(method) <= _LONGEST:
            return self._route(method)
        route = StreamRoute(method)
        route.taps = self._taps_for(method)
        return route

    def _drop_if_empty(self, method: bytes, route: StreamRoute) -> None:
        if route.empty:
            del self._streams[method]
            if method not in self._fixed:
                del self._first[method]

    def _taps_for(self, method: bytes) -> tuple[EventStream[Any], ...]:
        name = method.decode("utf-8", "replace")
        return tuple(stream for stream in list(self._taps) if self._wanted(stream, name))

    def _wanted(self, stream: EventStream[Any], name: str) -> bool:
        try:
            return bool(self._taps[stream](name))
        except Exception:
            if stream not in self._failed:
                self._failed.add(stream)
                log.failure("Asking whether {name} has subscribers failed; none are assumed", name=shortened(name))
            return False

    def _retap(self) -> None:
        for method, route in list(self._streams.items()):
            route.taps = self._taps_for(method)
            self._drop_if_empty(method, route)
