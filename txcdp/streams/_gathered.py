"""Streams that do something when their first subscriber comes, and streams that combine those of several owners.

The events of a page are streams of the page; those of all pages of a context are combined into one of the context, and
those of all contexts into one of the browser. A combined stream subscribes to its sources while it has a subscriber
itself. So subscribing to a context counts as subscribing to each of its pages, with all consequences, such as that the
program answers dialogs.
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
    """A stream that calls a function when it has a first subscriber.

    :param begin: called whenever there is a first subscriber, before it receives anything.
    :param leave: called whenever the last subscriber has left.
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
    """The streams of an owner, such as a page, each created on first use; they end with the owner.

    :param context: the state that the streams of the connection share.
    :param name: the owner's name, for display.
    """

    def __init__(self, context: StreamContext, name: str) -> None:
        self.context = context
        self._name = name
        self._streams: dict[str, StreamSubject[Any]] = {}
        self._end: tuple[Exception | None] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def get(self, name: str) -> StreamSubject[Any]:
        """Return a stream by name, always the same one."""
        stream = self._streams.get(name)
        return self._made(name, StreamSubject(self.context, f"{self._name}.{name}")) if stream is None else stream

    def on_demand(
        self, name: str, begin: Callable[[], object], leave: Callable[[], object] | None = None
    ) -> StreamSubject[Any]:
        """Return a stream that calls a function when somebody subscribes; see :class:`OnDemandStream`."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._made(name, OnDemandStream(self.context, f"{self._name}.{name}", begin, leave))
        return stream

    def listened(self, name: str) -> bool:
        """Return whether any of these streams has a subscriber."""
        stream = self._streams.get(name)
        return stream is not None and stream.listened

    def push(self, name: str, item: object) -> None:
        """Deliver an item to the subscribers of a stream."""
        stream = self._streams.get(name)
        if stream is not None:
            stream.push(item)

    def end(self, error: Exception | None = None) -> None:
        """End all streams, and those that are requested later."""
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
    """A stream that combines those of several owners, existing and future ones.

    It does not end with a source: when one fails or completes, only its part ends.

    :param sources: returns the current source streams.
    :param begin: called whenever there is a first subscriber.
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
        """Add a source, if there are subscribers."""
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
        """Complete every subscription, or fail it with ``error``, and unsubscribe from all sources."""
        super().end(error)
        self._last_left()


class _Unknown(abc.DisposableBase):
    def dispose(self) -> None:
        """Dispose of nothing."""


_UNKNOWN = _Unknown()


class OwnersStreams(OnDemandStreams):
    """The streams of an owner of owners, such as a context with its pages: its own, and those that it combines.

    :param context: the state that the streams of the connection share.
    :param name: the owner's name, for display.
    :param owners: returns the owners whose streams are combined; a stream is an attribute with the same name on each.
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
        """Return the stream that combines those with that name, always the same one.

        :param begin: called whenever there is a first subscriber.
        :param sources: returns the sources, if there are more than the owners' streams.
        """
        stream = self._streams.get(name)
        if stream is not None:
            return stream
        sources = sources or (lambda: [getattr(each, name) for each in self._owners()])
        return self._made(name, GatheredStream(self.context, f"{self._name}.{name}", sources, begin))

    def add(self, owner: object) -> None:
        """Add the streams of another owner."""
        for name in list(self._streams):
            self.add_source(name, partial(getattr, owner, name))

    def add_source(self, name: str, source: Callable[[], Stream[Any]]) -> None:
        """Add another source to the combined stream with a name, if that has subscribers."""
        stream = self._streams.get(name)
        if stream is not None and stream.listened and isinstance(stream, GatheredStream):
            stream.add(source())
