"""A session: the conversation with one target (a page, a frame, a worker, the browser itself)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail

from txcdp.deferreds import Notice, returns_deferred
from txcdp.enabling import Enabling
from txcdp.errors import ExperimentalCommand, Gone, MalformedMessage, SessionDetached, TargetCrashed
from txcdp.pending import Decode
from txcdp.records import Command, Event, Stability
from txcdp.streams import EventStream, StreamContext
from txcdp.wire import OVERTAKES, TOGGLES, EventDecoder, ReplyDecoder, reply_decoder, session_tail

if TYPE_CHECKING:
    from txcdp.attach import AutoAttach
    from txcdp.domains.target import TargetInfo

R = TypeVar("R")
E = TypeVar("E", bound=Event)


#: What to do about experimental commands; see ``Connection``.
StabilityPolicy = Literal["stable", "warn", "any"]


class Default:
    """The type of :data:`DEFAULT`."""

    def __repr__(self) -> str:
        return "the connection's"


#: Stands for the connection's own deadline, where None means: no deadline.
DEFAULT: Final = Default()

#: What the browser itself answers although the page's process is gone; everything else would hang.
_ANSWERED_WHEN_CRASHED = ("Target.", "Browser.", "Page.navigate", "Page.reload", "Page.close", "Inspector.")


class Channel(Protocol):
    """What a session asks of its connection."""

    context: StreamContext
    linger: float | None
    stability: StabilityPolicy

    def send(
        self, session: Session, method: str, params: object, decode: Decode, timeout: float | None | Default
    ) -> Deferred[Any]:
        """Send one command."""

    def route(self, session: Session, stream: EventStream[Any]) -> None:
        """Begin to feed a stream with the session's events."""

    def unroute(self, session: Session, stream: EventStream[Any]) -> None:
        """Cease to feed it."""

    def malformed(self, error: MalformedMessage) -> None:
        """Count and log a message that could not be read."""

    def count_lenient(self) -> None:
        """Count a message that had to be read tolerantly."""

    def detach(self, session: Session) -> Deferred[None]:
        """Detach from the session's target."""


class Session:
    """The conversation with one target; made by the connection alone.

    :ivar id: the session id; None for the connection's root session.
    :ivar target: what the browser said of the target when it was attached; None for the root.
    :ivar parent: the session through which this one was attached; None for the root.
    :ivar crashed: whether the target's process is gone and the page has not been reloaded yet.
    :ivar auto_attach: how targets that this one opens are attached; None: they are not.
    """

    def __init__(
        self,
        channel: Channel,
        session_id: str | None = None,
        target: TargetInfo | None = None,
        parent: Session | None = None,
    ) -> None:
        self.id = session_id
        self.target = target
        self.parent = parent
        self.crashed = False
        self.auto_attach: AutoAttach | None = None
        self.key = (session_id or "").encode("utf-8", "surrogatepass")
        self.tail = session_tail(session_id)
        self._channel = channel
        self._gone: Gone | None = None
        self._streams: dict[tuple[str, Any], EventStream[Any]] = {}
        self._ending: Notice[Gone] = Notice()
        self._enabling = Enabling(self._execute_quietly, self._refused, channel.context.clock, channel.linger)

    def __repr__(self) -> str:
        what = f"{self.target.type} {self.target.target_id}" if self.target is not None else "root"
        state = " (gone)" if self.ended else " (crashed)" if self.crashed else ""
        return f"<Session {self.id or 'root'} of {what}{state}>"

    @property
    def ended(self) -> bool:
        """Whether the session is detached or its connection lost; a crashed one may yet be revived."""
        return self._gone is not None and not self.crashed

    @property
    def context(self) -> StreamContext:
        """The clock, scheduler and flow control that the session's streams share."""
        return self._channel.context

    def execute(self, command: Command[R], *, timeout: float | None | Default = DEFAULT) -> Deferred[R]:
        """Send a command.

        :param command: such as ``page.navigate(url="https://example.com/")``.
        :param timeout: seconds until it fails with :exc:`CommandTimeout`; None for never; the
            connection's default when not given.
        :returns: fires with the command's result. Fails with :exc:`CommandError`,
            :exc:`CommandTimeout`, :exc:`SessionDetached`, :exc:`TargetCrashed`,
            :exc:`ConnectionLost` or, cancelled, with :exc:`~twisted.internet.defer.CancelledError`.
        """
        kind = type(command)
        decode = reply_decoder(kind)
        if kind.stability == "experimental" and self._channel.stability != "any":
            refused = self._experimental(kind.method, kind.stability)
            if refused is not None:
                return refused
        if self._gone is None and not decode.special:
            return self._channel.send(self, kind.method, command, decode, timeout)
        return self._send(kind.method, command, decode, timeout)

    def execute_raw(
        self, method: str, params: Mapping[str, Any] | None = None, *, timeout: float | None | Default = DEFAULT
    ) -> Deferred[dict[str, Any]]:
        """Send a command that the bindings do not know.

        :param method: the protocol's name, such as ``"Page.navigate"``.
        :param params: the parameters as they go over the wire.
        :param timeout: as for :meth:`execute`.
        :returns: fires with the result as the browser sent it; fails like :meth:`execute`.
        """
        return self._send(method, params or {}, ReplyDecoder(method, dict[str, Any]), timeout)

    def events(self, event: type[E]) -> EventStream[E]:
        """Return the stream of one of the session's events.

        The first subscriber enables the event's domain, so subscribe before you act. The stream
        completes when the session ends; it fails with :exc:`TargetCrashed` or :exc:`ConnectionLost`
        when that was not in good order, and with :exc:`CommandError` if the domain cannot be enabled.

        :param event: such as ``network.ResponseReceived``.
        """
        return self._stream(event.method, event)

    def events_raw(self, method: str) -> EventStream[dict[str, Any]]:
        """Return the stream of an event by its protocol name; its items are the parameters as a dict.

        Ends like :meth:`events`.
        """
        return self._stream(method, dict[str, Any])

    def detach(self) -> Deferred[None]:
        """Detach from the target, which lives on (``Target.detachFromTarget``).

        :returns: fires with None when the session has ended; at once when it had before.
        """
        return self._channel.detach(self)

    def when_ended(self) -> Deferred[Gone]:
        """Return a Deferred that fires with the reason, an exception, when the session ends."""
        return self._ending.wait()

    # What the connection tells its sessions:

    def end(self, reason: Gone, error: Exception | None) -> None:
        """Hear that the session is over.

        :param reason: what later commands fail with.
        :param error: what the streams fail with; None: they complete.
        """
        if self.ended:
            return
        self.crashed = False
        self._gone = reason
        self._enabling.stop()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            self._channel.unroute(self, stream)
            stream.end(error)
        self._ending.give(reason)

    def crash(self, fail_pending: Callable[[], None]) -> None:
        """Hear that the target's process is gone.

        Whoever hears of it may reload the page at once: that is not among what fails here.

        :param fail_pending: fails the session's commands in flight.
        """
        if not self.ended:
            error = TargetCrashed(self.id or "root", str(self.target.url) if self.target else "")
            self.crashed, self._gone = True, error
            failing = [stream.release() for stream in self._streams.values()]
            fail_pending()
            for fail_subscribers in failing:
                fail_subscribers(error)

    def revive(self) -> None:
        """Hear that a navigation gave the target a new process."""
        if self.crashed:
            self.crashed, self._gone = False, None
            self._enabling.renew()

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        """Enable the domain of a stream that has its first subscriber, and let it be fed."""
        self._channel.route(self, stream)
        self._enabling.listen(stream.method.partition(".")[0])

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        """Let a stream without subscribers be fed no more."""
        self._channel.unroute(self, stream)
        self._enabling.leave(stream.method.partition(".")[0])

    def _send(self, method: str, params: object, decode: Decode, timeout: float | None | Default) -> Deferred[Any]:
        gone = self._gone
        if gone is not None and not (self.crashed and method.startswith(_ANSWERED_WHEN_CRASHED)):
            return fail(copy.copy(gone))
        if method.endswith(TOGGLES):
            sent = self._channel.send(self, method, params, decode, timeout)
            self._enabling.by_hand(method, sent)
            return sent
        if self._enabling.busy and method in OVERTAKES:
            return self._send_when_settled(method, params, decode, timeout)
        return self._channel.send(self, method, params, decode, timeout)

    @returns_deferred
    async def _send_when_settled(
        self, method: str, params: object, decode: Decode, timeout: float | None | Default
    ) -> Any:
        await self._enabling.settled()
        if self._enabling.busy:
            return await self._channel.send(self, method, params, decode, timeout)
        return await self._send(method, params, decode, timeout)

    def _execute_quietly(self, method: str) -> Deferred[Any]:
        """Send what the session itself wants, which says nothing of the user's wishes."""
        if self._gone is not None:
            return fail(copy.copy(self._gone))
        return self._channel.send(self, method, {}, ReplyDecoder(method, None), DEFAULT)

    def _refused(self, domain: str, error: Exception) -> None:
        for stream in list(self._streams.values()):
            if stream.method.partition(".")[0] == domain:
                stream.fail(error)

    def _experimental(self, method: str, stability: Stability) -> Deferred[Any] | None:
        if self._channel.stability == "stable":
            return fail(ExperimentalCommand(method))
        warnings.warn(f"{method} is {stability}: it may change or go away", FutureWarning, stacklevel=3)
        return None

    def _stream(self, method: str, shape: Any) -> EventStream[Any]:
        stream = self._streams.get((method, shape))
        if stream is None:
            decode: EventDecoder[Any] = EventDecoder(shape, self._channel.count_lenient)
            stream = EventStream(self.context, method, decode, self, self._channel.malformed)
            if self.ended:
                stream.end(None if isinstance(self._gone, SessionDetached) or self._clean else self._gone)
            else:
                self._streams[method, shape] = stream
        return stream

    @property
    def _clean(self) -> bool:
        return bool(getattr(self._gone, "clean", False))
