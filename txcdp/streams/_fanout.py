"""The guarded fan-out: an observable that is a plain list of subscribers, each of which can only harm itself.

A ``Subject`` raises a subscriber's exception in the caller that emits, and skips the remaining subscribers. Here each
delivery is guarded separately: an exception is logged with its traceback, and ends only that subscription.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from twisted.logger import Logger

from txcdp.errors import MalformedMessage
from txcdp.streams._context import StreamContext
from txcdp.streams._gaps import Gap
from txcdp.streams._stream import Pipeline, Stream

T = TypeVar("T", covariant=True)

log = Logger()


class StreamSubject(Stream[T]):
    """A stream that is fed by :meth:`push` and :meth:`end`, and delivers to each subscriber separately.

    A subscriber that comes after the end is notified of it at once.

    :param context: the state that the streams of the connection share.
    :param name: a readable name for what it carries.
    """

    __slots__ = ("_ended", "_error", "_observers", "context", "name")  # a thousand streams are to be near

    def __init__(self, context: StreamContext, name: str) -> None:
        super().__init__()
        self.context = context
        self.name = name
        self._observers: tuple[abc.ObserverBase[Any], ...] = ()
        self._ended = False
        self._error: Exception | None = None

    def __repr__(self) -> str:
        state = "ended" if self._ended else f"{len(self._observers)} subscribers"
        return f"<{type(self).__name__} {self.name}: {state}>"

    @property
    def listened(self) -> bool:
        """Whether it has a subscriber."""
        return bool(self._observers)

    @property
    def listeners(self) -> int:
        """The number of its subscribers."""
        return len(self._observers)

    def push(self, item: Any) -> bool:
        """Deliver one item to every subscriber, and return whether none of them raised."""
        well = True
        for observer in self._observers:
            try:
                observer.on_next(item)
            except Exception:
                well = False
                self._harmed(observer)
        return well

    def end(self, error: Exception | None = None) -> None:
        """Complete every subscription, or fail it with ``error``; later calls do nothing."""
        if not self._ended:
            self._ended, self._error = True, error
            observers, self._observers = self._observers, ()
            for observer in observers:
                self._finish(observer, error)

    def fail(self, error: Exception) -> None:
        """Fail the present subscriptions with ``error``; the stream itself continues for later ones."""
        self._release()(error)

    def _release(self) -> Callable[[Exception], None]:
        """Remove the current subscribers, and return a function that fails their subscriptions, but no later ones."""
        observers, self._observers = self._observers, ()
        if observers:
            self._last_left()

        def fail(error: Exception) -> None:
            for observer in observers:
                self._finish(observer, error)

        return fail

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self._ended:
            self._finish(observer, self._error)
            return Disposable()
        self._observers = (*self._observers, observer)
        if len(self._observers) == 1:
            self._first_came()
        return Disposable(lambda: self._remove(observer))

    def _remove(self, observer: abc.ObserverBase[Any]) -> None:
        before = self._observers
        self._observers = tuple(each for each in before if each is not observer)
        if before and not self._observers:
            self._last_left()

    def _first_came(self) -> None:
        """Hook: called when there is a first subscriber."""

    def _last_left(self) -> None:
        """Hook: called when there is no subscriber any more."""

    def _harmed(self, observer: abc.ObserverBase[Any]) -> None:
        log.failure("A subscriber of {name} raised; its subscription is ended", name=self.name)
        self.context.count_subscriber_error()
        if isinstance(observer, abc.DisposableBase) or hasattr(observer, "dispose"):
            observer.dispose()
        self._remove(observer)

    def _finish(self, observer: abc.ObserverBase[Any], error: Exception | None) -> None:
        try:
            if error is None:
                observer.on_completed()
            else:
                observer.on_error(error)
        except Exception as raised:
            if raised is error:
                self._unheard(raised)
            else:
                log.failure("A subscriber of {name} raised at its end", name=self.name)
                self.context.count_subscriber_error()


class EventOwner(Protocol):
    """The part of a session that feeds an event stream while it has subscribers."""

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        """Start calling ``stream._feed``."""

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        """Stop calling ``stream._feed``."""

    def stream_harmed(self, stream: EventStream[Any], message: bytes) -> None:
        """Report a subscriber that raised an exception for a message, once all have received it."""

    def handler_failed(self, stream: EventStream[Any], item: Any) -> None:
        """Report a handler that failed for an item and will be called again."""


class EventStream(StreamSubject[T]):
    """The events of one kind in one session, decoded once for all subscribers.

    :param method: the event's name, such as ``"Network.requestWillBeSent"``.
    :param decode: turns a message into the item, or raises :exc:`MalformedMessage` if it cannot.
    :param owner: provides the messages.
    :param malformed: called with the error if a message cannot be decoded.
    """

    __slots__ = ("_decode", "_gap_observers", "_malformed", "_owner", "method")

    def __init__(
        self,
        context: StreamContext,
        method: str,
        decode: Callable[[bytes], T],
        owner: EventOwner,
        malformed: Callable[[MalformedMessage], None],
    ) -> None:
        super().__init__(context, method)
        self.method = method
        self._decode = decode
        self._owner = owner
        self._malformed = malformed
        self._gap_observers: tuple[abc.ObserverBase[Any], ...] = ()

    def with_gaps(self) -> Stream[T | Gap]:
        """Return a stream of the same events with a :class:`Gap`, at its place among them, for each lost connection.

        Without a ``reconnect`` or ``restart`` policy there are none: the stream ends with its connection.
        """

        def subscribe(
            observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            def leave() -> None:
                self._gap_observers = tuple(each for each in self._gap_observers if each is not observer)
                listening.dispose()

            self._gap_observers = (*self._gap_observers, observer)
            listening = self._subscribe_core(observer, scheduler)
            return Disposable(leave)

        return Pipeline(Observable(subscribe), self.context, f"{self.name}.with_gaps()")

    def _mark(self, gap: Gap) -> None:
        """Deliver a gap to the subscribers that want it."""
        for observer in self._gap_observers:
            try:
                observer.on_next(gap)
            except Exception:
                self._harmed(observer)

    def _feed(self, message: bytes) -> None:
        """Decode one message and deliver it."""
        try:
            item = self._decode(message)
        except MalformedMessage as error:
            self._malformed(error)
            return
        well = True
        for observer in self._observers:
            try:
                observer.on_next(item)
            except Exception:
                well = False
                self._harmed(observer)
        if not well:
            self._owner.stream_harmed(self, message)

    def _handler_failed(self, item: Any) -> None:
        self._owner.handler_failed(self, item)

    def _first_came(self) -> None:
        self._owner.stream_wanted(self)

    def _last_left(self) -> None:
        if not self._ended:
            self._owner.stream_unwanted(self)
