"""Streams that have something begun for them once somebody subscribes, and the streams of several owners as one.

What a page says is a stream of the page; those of all pages of a context are gathered to one of the context, those of
all contexts to one of the browser. A gathered stream is subscribed to its sources while it has a subscriber of its own:
who listens to a context listens to each of its pages, with all that this means there, such as that somebody decides
about a dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from reactivex import abc

from txcdp.streams._context import StreamContext
from txcdp.streams._fanout import StreamSubject
from txcdp.streams._stream import Stream

T = TypeVar("T", covariant=True)


class OnDemandStream(StreamSubject[T]):
    """A stream for which something is begun when it has a subscriber.

    :param begin: is called each time that there is a first subscriber, before it is given anything.
    :param leave: is called each time that the last one has left.
    """

    __slots__ = ("_begin", "_leave")

    def __init__(
        self,
        context: StreamContext,
        name: str,
        begin: Callable[[], object],
        leave: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(context, name)
        self._begin = begin
        self._leave = leave

    def _first_came(self) -> None:
        self._begin()

    def _last_left(self) -> None:
        if self._leave is not None and not self._ended:
            self._leave()


class OnDemandStreams:
    """The streams of an owner, such as a page, each made when it is asked for; they end with it.

    :param context: what the streams of the connection share.
    :param name: of the owner, for people.
    """

    def __init__(self, context: StreamContext, name: str) -> None:
        self.context = context
        self._name = name
        self._streams: dict[str, StreamSubject[Any]] = {}
        self._end: tuple[Exception | None] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def get(self, name: str) -> StreamSubject[Any]:
        """Return one of them, the same one each time."""
        stream = self._streams.get(name)
        return self._made(name, StreamSubject(self.context, f"{self._name}.{name}")) if stream is None else stream

    def on_demand(
        self, name: str, begin: Callable[[], object], leave: Callable[[], object] | None = None
    ) -> StreamSubject[Any]:
        """Return one of them for which something is begun when somebody subscribes; see :class:`OnDemandStream`."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._made(name, OnDemandStream(self.context, f"{self._name}.{name}", begin, leave))
        return stream

    def listened(self, name: str) -> bool:
        """Return whether somebody has subscribed to one of them."""
        stream = self._streams.get(name)
        return stream is not None and stream.listened

    def push(self, name: str, item: object) -> None:
        """Deliver an item to who has subscribed to one of them."""
        stream = self._streams.get(name)
        if stream is not None:
            stream.push(item)

    def end(self, error: Exception | None = None) -> None:
        """End them all, and those that are asked for later."""
        if self._end is None:
            self._end = (error,)
            for stream in self._streams.values():
                stream.end(error)

    def _made(self, name: str, stream: StreamSubject[Any]) -> StreamSubject[Any]:
        self._streams[name] = stream
        if self._end is not None:
            stream.end(self._end[0])
        return stream


class GatheredStream(StreamSubject[T]):
    """The streams of several owners, those that are there and those that come, as one.

    It goes on whatever becomes of one of them: the failure or the end of a source only ends its part.

    :param sources: returns the streams that there are at present.
    :param begin: is called each time that there is a first subscriber.
    """

    __slots__ = ("_begin", "_parts", "_sources")

    def __init__(
        self,
        context: StreamContext,
        name: str,
        sources: Callable[[], Iterable[Stream[Any]]],
        begin: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(context, name)
        self._sources = sources
        self._begin = begin
        self._parts: dict[Stream[Any], abc.DisposableBase] = {}

    def add(self, source: Stream[Any]) -> None:
        """Gather another one, where anybody listens."""
        if self.listened and source not in self._parts:

            def ended(error: Exception | None = None) -> None:
                self._parts.pop(source, None)

            self._parts[source] = _UNKNOWN  # an ended one ends at once
            part = source.subscribe(self.push, ended, ended)
            if source in self._parts:
                self._parts[source] = part

    def _first_came(self) -> None:
        if self._begin is not None:
            self._begin()
        for each in self._sources():
            self.add(each)

    def _last_left(self) -> None:
        parts, self._parts = self._parts, {}
        for each in parts.values():
            each.dispose()

    def end(self, error: Exception | None = None) -> None:
        """Complete every subscription, or fail it with ``error``; no source is listened to any more."""
        super().end(error)
        self._last_left()


class _Unknown(abc.DisposableBase):
    def dispose(self) -> None:
        """Dispose of nothing."""


_UNKNOWN = _Unknown()


class OwnersStreams(OnDemandStreams):
    """The streams of an owner of owners, such as a context with its pages: its own, and those that it gathers.

    :param context: what the streams of the connection share.
    :param name: of the owner, for people.
    :param owners: returns those whose streams are gathered; a stream is an attribute of the same name of each.
    """

    def __init__(self, context: StreamContext, name: str, owners: Callable[[], Iterable[object]]) -> None:
        super().__init__(context, name)
        self._owners = owners

    def gathered(
        self,
        name: str,
        begin: Callable[[], object] | None = None,
        sources: Callable[[], Iterable[Stream[Any]]] | None = None,
    ) -> StreamSubject[Any]:
        """Return the stream that gathers those of that name, the same one each time.

        :param begin: is called each time that there is a first subscriber.
        :param sources: returns what is gathered, where that is more than the owners' streams.
        """
        stream = self._streams.get(name)
        if stream is not None:
            return stream
        sources = sources or (lambda: [getattr(each, name) for each in self._owners()])
        return self._made(name, GatheredStream(self.context, f"{self._name}.{name}", sources, begin))

    def add(self, owner: object) -> None:
        """Gather the streams of another owner."""
        for name in list(self._streams):
            self.add_source(name, partial(getattr, owner, name))

    def add_source(self, name: str, source: Callable[[], Stream[Any]]) -> None:
        """Gather another stream under a name, where anybody listens to those of that name."""
        stream = self._streams.get(name)
        if stream is not None and stream.listened and isinstance(stream, GatheredStream):
            stream.add(source())
