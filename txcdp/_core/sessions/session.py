"""A session with one target (a page, a frame, a worker, the browser itself)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txcdp._core.dispatch.dispatcher import Dispatcher
from txcdp._core.dispatch.pending import Decode
from txcdp._core.sessions.auto_attaching import AutoAttaching
from txcdp._core.sessions.enabling import Enabling
from txcdp._core.sessions.life import CRASHED, SUSPENDED, TRANSITIONS, SessionInput, SessionState
from txcdp._core.sessions.sending import Sending
from txcdp._core.sessions.streams import Inputs, SessionStreams
from txcdp._deferreds import OneShot, ignore_failure
from txcdp._other_names import ADVICE_OF_SESSIONS, NearNames
from txcdp._privacy import printable, shortened
from txcdp._timeouts import DEFAULT, Timeout
from txcdp.domains.target import FilterEntry, TargetInfo
from txcdp.errors import CommandError, ConnectionLost, ExperimentalCommand, Gone, MalformedMessage, TargetCrashed
from txcdp.protocol import Command, Event, Stability, from_json, to_json
from txcdp.protocol._auto_attach import ASSUMED, Want, filter_of
from txcdp.protocol._holding import Release
from txcdp.protocol._wire import ReplyDecoder, reply_decoder, session_tail
from txcdp.streams import EventStream, Gap, StreamContext

__all__ = ["AutoAttach", "Channel", "Session", "StabilityPolicy", "not_supported", "session_key"]

R = TypeVar("R")
E = TypeVar("E", bound=Event)


#: Commands that the browser itself answers although the page's process is gone; all others would hang.
_ANSWERED_WHEN_CRASHED = ("Target.", "Browser.", "Fetch.", "Page.navigate", "Page.reload", "Page.close", "Inspector.")


#: What to do about experimental commands; see ``Connection``.
StabilityPolicy = Literal["stable", "warn", "any"]


class Channel(Protocol):
    """The part of a connection that its sessions need."""

    linger: float | None
    stability: StabilityPolicy
    _dispatcher: Dispatcher

    @property
    def sessions(self) -> list[Session]:
        """All sessions of the connection."""

    def _send(self, session: Session, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        """Send one command."""

    def _wait_for_line(self, method: str, timeout: Timeout) -> Deferred[float | None] | None:
        """Wait for a transport before a command is sent; None if commands do not wait."""

    def _detach(self, session: Session) -> Deferred[None]:
        """Detach from the session's target."""

    def _not_restored(self, session: Session, method: str, error: object) -> None:
        """Count and log a command of the session's set-up that failed when it was sent again."""


@dataclass(frozen=True)
class AutoAttach:
    """A policy for attaching to the targets that a session's target opens: frames, workers, popups.

    A session may have several, and the user may also send ``Target.setAutoAttach``: the command that is sent covers
    them all.

    :param set_up: called with each new session before its target runs. Send what the target needs without awaiting it:
        everything leaves in one write, and the command to run comes last.
    :param keep: returns whether a target is wanted; an unwanted one is let run, and the session is detached.
    :param recursive: whether to attach to the targets that those open, too, and so on.
    :param wait: whether a new target waits until it is set up (``waitForDebuggerOnStart``).
    :param filter: which types of targets, as ``Target.setAutoAttach`` takes them.
    """

    set_up: Callable[[Session], object] | None = None
    keep: Callable[[TargetInfo], bool] | None = None
    recursive: bool = True
    wait: bool = True
    filter: Sequence[FilterEntry] | None = None

    def start(self, session: Session) -> Deferred[None]:
        """Attach to the targets that a session's target opens from now on (``Target.setAutoAttach``).

        :returns: fires with None once the browser has accepted it; fails like ``Session.execute``.
        """
        return session._start_auto_attach(self)

    def stop(self, session: Session) -> Deferred[None]:
        """Attach to no more targets for this policy; sessions that only this policy wanted end.

        :returns: fires with None once the browser has accepted it; fails like ``Session.execute``.
        """
        return session._stop_auto_attach(self)

    def _admit(self, session: Session) -> None:
        """Set up a session that was just attached; its target runs once all of that has been handled."""
        if self.recursive:
            self.start(session).addErrback(not_supported)
        if self.set_up is not None:
            self.set_up(session)

    def _want(self) -> Want:
        """Return the parameters that it needs."""
        entries = None if self.filter is None else filter_of(from_json(to_json(list(self.filter))))
        return Want(self.wait, ASSUMED if entries is None else entries)


class Session(NearNames):
    """The conversation with one target; only the connection makes sessions.

    :ivar id: the session id; None for the connection's root session.
    :ivar target: the browser's description of the target when it was attached; None for the root session.
    :ivar parent: the session through which this one was attached; None for the root session.
    :ivar blocked_by: what keeps the target from answering, in words, such as a dialog; ``""`` if unknown.
    """

    _elsewhere = ADVICE_OF_SESSIONS

    #: The program's own session, besides the library's, if this session is that one or was attached through it.
    _apart: Session | None = None

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
        if parent is not None and parent._apart is not None:
            self._apart = parent._apart
        self.blocked_by = ""
        self._auto_attaching: AutoAttaching[AutoAttach] = AutoAttaching()
        self._key = session_key(session_id)
        self._tail = session_tail(session_id)
        self._channel = channel
        self._paced = channel._dispatcher.paced or channel._dispatcher.slow_mo > 0
        self._state = SessionState.LIVE
        self._gone: Gone | None = None  # what commands fail with, in every state in which they do
        self._ending: OneShot[Gone] = OneShot()
        self._interruption: OneShot[Gone] = OneShot()
        enabling = Enabling(self._enable, self._refused, channel._dispatcher.context.clock, channel.linger)
        self._enabling = enabling
        self._streams = SessionStreams(channel._dispatcher, enabling, self._key, self._let_go)
        self._sending = Sending(self, enabling, self._auto_attaching, channel._dispatcher)

    def __repr__(self) -> str:
        what = f"{self.target.type} {self.target.target_id}" if self.target is not None else "root"
        state = "" if self._state is SessionState.LIVE else f" ({self._state.value})"
        return printable(f"<Session {self.id or 'root'} of {what}{state}>")

    @property
    def kind(self) -> str | None:
        """The type of the target, such as ``"page"``; None for the root session."""
        return None if self.target is None else self.target.type

    @property
    def _described(self) -> str:
        """What the session belongs to, for errors: no URL, as it may have changed since the browser sent it."""
        return "" if self.target is None else f"{self.target.type} {self.target.target_id}"

    @property
    def ended(self) -> bool:
        """Whether the session is detached or its connection lost; false while it is crashed or suspended."""
        return self._state is SessionState.ENDED

    @property
    def crashed(self) -> bool:
        """Whether the target's process has crashed and the page has not been reloaded yet."""
        return self._state in CRASHED

    @property
    def suspended(self) -> bool:
        """Whether the connection is lost and being replaced."""
        return self._state in SUSPENDED

    @property
    def auto_attach(self) -> AutoAttach | None:
        """The policy for attaching to the targets that this one opens, the first if there are several; None if none."""
        policies = self._auto_attaching.policies
        return policies[0] if policies else None

    @property
    def listened(self) -> frozenset[str]:
        """The names of the events that have a subscriber."""
        return self._streams.names()

    @property
    def context(self) -> StreamContext:
        """The clock, scheduler and flow control that the session's streams share."""
        return self._streams.context

    def _set_default_timeout(self, timeout: Callable[[], float | None]) -> None:
        """Give the session's streams a default timeout of their own.

        :param timeout: returns the timeout in seconds.
        """
        self._streams.context = self._channel._dispatcher.context.with_default_timeout(timeout)

    def execute(self, command: Command[R], *, timeout: Timeout = DEFAULT) -> Deferred[R]:
        """Send a command.

        :param command: the command, such as ``page.navigate(url="https://example.com/")``.
        :param timeout: seconds, or a timedelta, until it fails with :exc:`CommandTimeout`; None means no timeout, 0
            means at once; by default the connection's command timeout.
        :returns: fires with the command's result. Fails with :exc:`CommandError`, :exc:`CommandTimeout`,
            :exc:`SessionDetached`, :exc:`TargetCrashed`, :exc:`ConnectionLost` or, if it is cancelled, with
            :exc:`~twisted.internet.defer.CancelledError`.
        """
        kind = type(command)
        try:
            decode = reply_decoder(kind)
        except TypeError:
            raise TypeError(_no_command(command)) from None
        if kind.stability == "experimental" and self._channel.stability != "any":
            refused = self._experimental(kind.method, kind.stability)
            if refused is not None:
                return refused
        if self._gone is None and not (decode.special or self._paced):
            return self._channel._send(self, command, decode, timeout)
        return self._sending.send(kind.method, command, decode, timeout)

    def execute_raw(
        self, method: str, params: Mapping[str, Any] | None = None, *, timeout: Timeout = DEFAULT
    ) -> Deferred[dict[str, Any]]:
        """Send a command that the bindings do not define.

        :param method: the protocol's name, such as ``"Page.navigate"``.
        :param params: the parameters as they are sent.
        :param timeout: as for :meth:`execute`.
        :returns: fires with the result as the browser sent it; fails like :meth:`execute`.
        """
        given: object = method
        if not isinstance(given, str):
            raise TypeError(f"execute_raw() takes a name such as 'Page.navigate'; execute() takes {given!r}")
        return self._sending.send(method, params or {}, ReplyDecoder(method, dict[str, Any]), timeout)

    def _insist(self, command: Command[R]) -> Deferred[R]:
        """Send a command with a lasting effect; if the target's process ends first, send it to the next one as well.

        :returns: a Deferred that fires and fails like that of :meth:`execute`, without a timeout.
        """
        return self._sending.insist(type(command).method, command, reply_decoder(type(command)))

    def events(self, event: type[E]) -> EventStream[E]:
        """Return a stream of one of the session's events.

        The first subscriber enables the event's domain, so subscribe before you act. The stream completes when the
        session ends in an orderly way; otherwise it fails with :exc:`TargetCrashed` or :exc:`ConnectionLost`. It fails
        with :exc:`CommandError` if the domain cannot be enabled.

        :param event: the event's class, such as ``cdp.network.ResponseReceived``.
        """
        given: object = event
        if not isinstance(given, type) or not issubclass(given, Event):
            raise TypeError(_no_event(given))
        return self._streams.get(event.method, event)

    def events_raw(self, method: str) -> EventStream[dict[str, Any]]:
        """Return a stream of an event by its protocol name; its items are the parameters as a dict.

        It ends like :meth:`events`.
        """
        return self._streams.get(method, dict[str, Any])

    def _observe(self, event: type[E]) -> EventStream[E]:
        """Return a stream of an event for the library's own use.

        Subscribing to it enables no domain, and does not count as listening: neither for :attr:`listened` nor for
        whether the program answers dialogs. It survives a crash.
        """
        return self._streams.observed(event.method, event)

    def _feed_into(
        self,
        events: Iterable[type[Event]] = (),
        take: Callable[[Any], object] | None = None,
        *,
        gap: Callable[[Gap], object] | None = None,
        crashed: Callable[[], Callable[[Exception], object]] | None = None,
        ended: Callable[[Exception | None], object] | None = None,
        wants: Callable[[Inputs, str, bytes], bool] | None = None,
    ) -> None:
        """Pass events of some kinds to a function of the library; see ``SessionStreams.feed_into``."""
        self._streams.feed_into(events, take or _nothing, gap=gap, crashed=crashed, ended=ended, wants=wants)

    def _keep_enabled(self, domain: str) -> None:
        """Enable a domain as its first subscriber would, and keep it enabled until the session ends."""
        self._enabling.listen(domain)

    def _prepare(self, domain: str) -> None:
        """Enable a domain that is about to be listened to now, so that commands do not have to wait for it then."""
        self._enabling.prepare(domain)

    def _is_beginning(self, domain: str) -> bool:
        """Whether a domain is being enabled: events that arrive meanwhile may report what happened before it."""
        return self._enabling.is_beginning(domain)

    def detach(self) -> Deferred[None]:
        """Detach from the target, which lives on (``Target.detachFromTarget``).

        :returns: fires with None when the session has ended; at once if it already has.
        """
        return self._channel._detach(self)

    def when_ended(self) -> Deferred[Gone]:
        """Return a Deferred that fires, when the session ends, with the reason, an exception."""
        return self._ending.wait()

    def _when_interrupted(self) -> Deferred[Gone]:
        """Return a Deferred that fires with the reason when the session has ended or its transport is lost."""
        return succeed(self._gone) if self.suspended and self._gone else self._interruption.wait()

    def _start_auto_attach(self, policy: AutoAttach) -> Deferred[None]:
        return self._sending.auto_attach(self._auto_attaching.add(policy))

    def _stop_auto_attach(self, policy: AutoAttach) -> Deferred[None]:
        self._auto_attaching.remove(policy)
        return self._sending.auto_attach(None)

    def _attach_again(self) -> Deferred[None]:
        """Attach to all existing targets that are wanted; nothing is sent if none are.

        A document restored from the back/forward cache brings its workers back, and Chromium does not attach to these
        by itself.
        """
        return self._sending.auto_attach(None) if self._auto_attaching.policies else succeed(None)

    def _when_usable(self, what: str, timeout: float | None) -> Deferred[float | None]:
        """Wait for a transport as a command does that is sent while there is none; see ``ReconnectPolicy.wait``.

        :param what: a description of what is going to be sent, for errors.
        :param timeout: its timeout in seconds.
        :returns: a Deferred that fires with the remaining timeout, at once if commands do not wait.
        """
        waiting = self._wait_for_line(what, timeout)
        return succeed(timeout) if waiting is None else waiting

    # What the connection tells its sessions: see `life` for what may happen when.

    def _happened(self, happening: SessionInput) -> SessionState | None:
        """Change to the next state, and return it; None if the input changes nothing."""
        state = TRANSITIONS[self._state].get(happening)
        if state is not None:
            self._state = state
        return state

    def _end(self, reason: Gone, error: Exception | None) -> None:
        """End the session: its commands fail, its streams complete or fail.

        :param reason: the error for later commands.
        :param error: the error for the streams; None: they complete.
        """
        if self._happened(SessionInput.END):
            self._gone, self.blocked_by = reason, ""
            self._enabling.stop()
            self._streams.end(error)
            self._auto_attaching.clear()  # a policy may hold all that a page is made of
            self._sending.stop()
            self._interruption.fire(reason)
            self._ending.fire(reason)

    def _crash(self, fail_pending: Callable[[], None]) -> None:
        """Fail the session's commands and streams because the target's process is gone.

        A subscriber may reload the page at once: that command does not fail here.

        :param fail_pending: fails the session's commands in flight.
        """
        if self._happened(SessionInput.CRASH) in CRASHED:
            error = self._gone = self._target_crashed()
            self.blocked_by = ""
            failing = self._streams.release()
            fail_pending()
            for fail_subscribers in failing:
                fail_subscribers(error)

    def _revive(self) -> None:
        """Set up the new process that a navigation has given to a crashed target."""
        unset = self._state is SessionState.CRASHED_UNSET
        if self._happened(SessionInput.REVIVE):
            self._gone = None
            if unset:
                self._sending.send_again()
            self._enabling.renew()

    def _suspend(self, lost: ConnectionLost) -> None:
        """Suspend the session because the transport is lost: commands fail until there is another one, streams remain.

        :param lost: the error for later commands.
        """
        if self._happened(SessionInput.LOSE):
            self._gone, self.blocked_by = lost, ""
            self._enabling.suspend()
            self._streams.suspend()
            self._interruption.notify(lost)

    def _resume(
        self,
        gap: Gap,
        session_id: str | None,
        target: TargetInfo | None,
        parent: Session | None,
        settle: Callable[[], object] | None = None,
    ) -> None:
        """Resume the session over another transport: set it up as before.

        :param gap: delivered to the subscribers that want it.
        :param session_id: its new id in the browser.
        :param target: the browser's current description of the target.
        :param parent: the session through which it was attached.
        :param settle: called when it is set up, before the subscribers are told of the gap.
        """
        state = self._happened(SessionInput.REPLACE if gap.restarted else SessionInput.FIND)
        if state is None:
            return
        self.id, self.target, self.parent = session_id, target, parent
        self._key, self._tail = session_key(session_id), session_tail(session_id)
        crashed = state in CRASHED
        self._gone = self._target_crashed() if crashed else None
        self._streams.resume(self._key)
        if not crashed:
            self._sending.send_again()
            self._enabling.renew()
        if target is not None and target.type == "page":
            self._ask_whether_it_lives()
        if settle is not None:
            settle()
        self._streams.mark(gap)

    def _not_set_up(self) -> None:
        """Note that the target could not be set up again, so that its next process is."""
        self._happened(SessionInput.NOT_SET_UP)

    def _target_crashed(self) -> TargetCrashed:
        return TargetCrashed(self.id or "root", self._described)

    def _ask_whether_it_lives(self) -> None:
        """Make the browser report again whether the page's process is gone: that may have changed meanwhile."""
        asked = self._channel._send(self, {}, ReplyDecoder("Inspector.enable", None), DEFAULT)
        asked.addCallbacks(lambda _: self._revive(), ignore_failure)

    # What sending asks of the session:

    def _transmit(self, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        return self._channel._send(self, params, decode, timeout)

    def _wait_for_line(self, method: str, timeout: Timeout) -> Deferred[float | None] | None:
        return self._channel._wait_for_line(method, timeout) if self.suspended else None

    def _not_restored(self, method: str, error: object) -> None:
        self._channel._not_restored(self, method, error)

    def _refusal(self, method: str) -> Gone | None:
        gone = self._gone
        if gone is None or (self.crashed and method.startswith(_ANSWERED_WHEN_CRASHED)):
            return None
        return copy.copy(gone)

    def _let_go(self, answer: Release) -> None:
        """Send the command that releases what an event of this session holds up."""
        session = self
        if answer.session is not None:
            session = next((each for each in self._channel.sessions if each.id == answer.session), self)
        # Where somebody else has answered, it is refused.
        session._sending.send_quietly(answer.method, answer.params).addErrback(ignore_failure)

    def _is_set_up(self, method: str) -> bool:
        """Whether a command of the user with a lasting effect, such as ``"Fetch.enable"``, is in force."""
        return self._sending.stands(method)

    def _standing(self, method: str) -> Mapping[str, Any] | None:
        """Return the parameters of a command of the user that is in force; None: it is not."""
        return self._sending.standing(method)

    def _send_quietly(
        self, method: str, params: Mapping[str, Any] | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[dict[str, Any]]:
        """Send a temporary command of the library itself, which is not sent again when the session is set up again."""
        return self._sending.send_quietly(method, params, timeout)

    def _send_together(
        self, commands: Sequence[tuple[str, Mapping[str, Any]]], timeout: Timeout = DEFAULT
    ) -> list[Deferred[dict[str, Any]]]:
        """Send several such commands, each a method and its parameters, in one write."""
        return self._sending.send_together(commands, timeout)

    def _enable(self, method: str, params: object) -> Deferred[Any]:
        return self._sending.send_quietly(method, params)

    def _refused(self, domain: str, error: Exception) -> None:
        self._streams.refuse(domain, error)

    def _experimental(self, method: str, stability: Stability) -> Deferred[Any] | None:
        if self._channel.stability == "stable":
            return fail(ExperimentalCommand(method))
        warnings.warn(f"{method} is {stability}: it may change or go away", FutureWarning, stacklevel=3)
        return None


def _nothing(event: object) -> None:
    """Accept any arguments, and do nothing."""


def not_supported(failure: Failure) -> Any:
    """Ignore errors of targets without the command (some workers): these have nothing to attach, and do not wait."""
    failure.trap(CommandError, Gone, TimeoutError, MalformedMessage)


def session_key(session_id: str | None) -> bytes:
    """Return the key by which messages identify a session."""
    return (session_id or "").encode("utf-8", "surrogatepass")


def _no_command(value: object) -> str:
    """Return the error message for an argument that is not a command."""
    shape = value if isinstance(value, type) else type(value)
    name = _name_of(shape)
    if issubclass(shape, Event):
        return f"execute() takes a command, and {name} is an event: events({name}) is the stream of it"
    if issubclass(shape, Command):
        return f"execute() takes a command with its parameters, not its class: write {name}(...)"
    return (
        f"execute() takes a command such as page.navigate(url=...), not {shape.__name__}; "
        'by a name in the protocol: execute_raw("Page.navigate", {"url": ...})'
    )


def _no_event(value: object) -> str:
    """Return the error message for an argument that is not an event class."""
    shape = value if isinstance(value, type) else type(value)
    name = _name_of(shape)
    if issubclass(shape, Event):
        return f"events() takes the class of an event, not an instance: write events({name})"
    if issubclass(shape, Command):
        return f"events() takes the class of an event, and {name} is a command: execute({name}(...)) sends it"
    return (
        f"events() takes the class of an event such as page.LoadEventFired, not {shortened(repr(value))}; "
        'by a name in the protocol: events_raw("Page.loadEventFired")'
    )


def _name_of(shape: type) -> str:
    """Return a class's name as programs write it."""
    return f"{shape.__module__.rpartition('.')[2]}.{shape.__name__}"
