"""Which streams want which event of which session, found without decoding a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp.streams import EventStream
from txcdp.wire import session_of


class Route:
    """The streams of one event, by session.

    :param method: the event's name.
    :param taps: streams that want it whatever its session.
    """

    __slots__ = ("_by_session", "_method", "taps")

    def __init__(self, method: bytes, taps: tuple[EventStream[Any], ...] = ()) -> None:
        self._method = method
        self._by_session: dict[bytes, tuple[EventStream[Any], ...]] = {}
        self.taps = taps

    @property
    def empty(self) -> bool:
        """Whether nobody wants the event."""
        return not self._by_session and not self.taps

    def add(self, session: bytes, stream: EventStream[Any]) -> None:
        """Deliver a session's events to ``stream`` too."""
        self._by_session[session] = (*self._by_session.get(session, ()), stream)

    def remove(self, session: bytes, stream: EventStream[Any]) -> None:
        """Deliver no more to ``stream``."""
        left = tuple(each for each in self._by_session.get(session, ()) if each is not stream)
        if left:
            self._by_session[session] = left
        else:
            self._by_session.pop(session, None)

    def deliver(self, message: bytes, session: bytes | None) -> bool:
        """Feed a message to those who want it; ``session`` is None where it has not been read yet.

        :returns: whether anybody wanted it.
        """
        if session is None:
            session = session_of(message, self._method)
        streams = self._by_session.get(session)
        for stream in streams or ():
            stream.feed(message)
        for stream in self.taps:
            stream.feed(message)
        return streams is not None or bool(self.taps)


class Routes:
    """All routes of one connection.

    A tap is a stream that wants events of any session; ``wanted`` tells by the method's name which.
    """

    def __init__(self) -> None:
        self._routes: dict[bytes, Route] = {}
        self._taps: dict[EventStream[Any], Callable[[str], bool]] = {}

    def add(self, method: bytes, session: bytes, stream: EventStream[Any]) -> None:
        """Deliver one event of one session to ``stream``."""
        self._route(method).add(session, stream)

    def remove(self, method: bytes, session: bytes, stream: EventStream[Any]) -> None:
        """Undo :meth:`add`."""
        route = self._routes.get(method)
        if route is not None:
            route.remove(session, stream)
            if route.empty:
                del self._routes[method]

    def add_tap(self, stream: EventStream[Any], wanted: Callable[[str], bool]) -> None:
        """Deliver to ``stream`` every event, of any session, whose name is ``wanted``."""
        self._taps[stream] = wanted
        self._retap()

    def remove_tap(self, stream: EventStream[Any]) -> None:
        """Undo :meth:`add_tap`."""
        self._taps.pop(stream, None)
        self._retap()

    def deliver(self, method: bytes, message: bytes, session: bytes | None = None) -> bool:
        """Feed an event's message to those who want it; return whether anybody did.

        :raises MalformedMessage: where it has to be decoded to learn its session, and cannot be.
        """
        route = self._routes.get(method)
        if route is None:
            if not self._taps:
                return False
            route = self._route(method)
        return route.deliver(message, session)

    def _route(self, method: bytes) -> Route:
        route = self._routes.get(method)
        if route is None:
            route = self._routes[method] = Route(method, self._taps_for(method))
        return route

    def _taps_for(self, method: bytes) -> tuple[EventStream[Any], ...]:
        name = method.decode("utf-8", "replace")
        return tuple(stream for stream, wanted in self._taps.items() if wanted(name))

    def _retap(self) -> None:
        for method, route in list(self._routes.items()):
            route.taps = self._taps_for(method)
            if route.empty:
                del self._routes[method]
