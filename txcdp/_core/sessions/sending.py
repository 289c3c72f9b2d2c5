"""Special rules for a session's commands: lasting settings, and commands that would overtake others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txcdp._core.dispatch.pending import Decode, NeverSent
from txcdp._core.sessions.auto_attaching import AutoAttaching
from txcdp._core.sessions.enabling import Enabling, parameters_of
from txcdp._core.sessions.journal import Journal, JournalEntry
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp._timeouts import DEFAULT, Timeout
from txcdp.errors import CommandTimeout, Gone, TargetCrashed
from txcdp.protocol import from_json, to_json
from txcdp.protocol._auto_attach import ATTACH_TO_TARGET, AUTO_ATTACH_RELATED, SET_AUTO_ATTACH
from txcdp.protocol._stateful import TOGGLES, is_stateful
from txcdp.protocol._wire import OVERTAKES, ReplyDecoder
from txcdp.streams import StreamContext

T = TypeVar("T")

#: Commands that give a crashed target a new process.
_REVIVES: Final = frozenset({"Page.navigate", "Page.reload", "Page.navigateToHistoryEntry"})
#: Settings in which the browser's own process takes part: they affect what it sends with the first request, and what it
#: reports. All of them may be sent twice.
_APPLIED_BY_THE_BROWSER: Final = ("Network.", "Emulation.", "Fetch.", "Security.")

_SET_AUTO_ATTACH: ReplyDecoder[Any] = ReplyDecoder(SET_AUTO_ATTACH, None)


@lru_cache
def _plain_decoder(method: str) -> ReplyDecoder[Any]:
    """Return a decoder that reads the replies of a method as plain data."""
    return ReplyDecoder(method, dict[str, Any])


#: Actions that a person watching would see, apart from all input.
_SEEN: Final = frozenset(
    "DOM.setFileInputFiles Page.bringToFront Page.navigate Page.navigateToHistoryEntry Page.reload".split()
)

#: Of these, those sent for the user are the program's own evaluations; the others are the library's.
_EVALUATIONS: Final = frozenset({"Runtime.callFunctionOn", "Runtime.evaluate"})


class SendingSession(Protocol):
    """The part of a session that sending its commands needs."""

    _paced: bool

    @property
    def crashed(self) -> bool:
        """Whether the target's process is gone and the page has not been reloaded yet."""

    def _refusal(self, method: str) -> Gone | None:
        """Return why a method cannot be sent now; None if it can."""

    def _transmit(self, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        """Send one command unchanged."""

    def _wait_for_line(self, method: str, timeout: Timeout) -> Deferred[float | None] | None:
        """Wait for a transport before a command is sent; None if there is one, or commands do not wait."""

    def _not_set_up(self) -> None:
        """Note that the target was gone, or did not answer, when it was set up again."""

    def _not_restored(self, method: str, error: object) -> None:
        """Count and log a command that failed when it was sent again."""


class Pace(Protocol):
    """The part of the dispatcher that slows a program down.

    :ivar slow_mo: seconds of delay for each visible action.
    """

    slow_mo: float
    context: StreamContext


class Sending:
    """Sends one session's commands, according to the rules that some of them have.

    :param session: the session.
    :param enabling: which domains are enabled, and being enabled.
    :param auto_attaching: the session's auto-attach settings.
    :param pace: how much to slow down.
    """

    def __init__(
        self,
        session: SendingSession,
        enabling: Enabling,
        auto_attaching: AutoAttaching[Any],
        pace: Pace,
    ) -> None:
        self._session = session
        self._enabling = enabling
        self._auto_attaching = auto_attaching
        self._journal = Journal()
        self._pace = pace
        self._slowed: dict[Deferred[Any], tuple[IDelayedCall, Any]] = {}
        self._merging: dict[str, Callable[[str, object], tuple[str, object]]] = {}

    def merge(self, domain: str, merging: Callable[[str, object], tuple[str, object]] | None) -> None:
        """Set a function that combines what the user sends for a domain with what others need of it.

        :param merging: called with each method that enables or disables the domain, and its parameters; returns what is
            sent instead. None: nothing is combined any more.
        """
        if merging is None:
            self._merging.pop(domain, None)
        else:
            self._merging[domain] = merging

    def send(self, method: str, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        """Send a command of the user, when there is a transport.

        A command that the limits on sending hold back until the transport is lost was never sent: it waits for another
        one, too.
        """
        if not self._session._paced:
            return self._send(method, params, decode, timeout)
        sent = self._send(method, params, decode, timeout)
        sent.addErrback(self._wait_again, method, params, decode)
        if self._pace.slow_mo > 0 and _is_seen(method, params):
            sent.addCallback(self._hold_back)
        return sent

    def _hold_back(self, result: T) -> Deferred[T]:
        """Return a Deferred of a result that is delayed, so that a person can watch."""
        later: Deferred[T] = Deferred(lambda _: self._slowed.pop(later)[0].cancel())
        call = self._pace.context.clock.callLater(self._pace.slow_mo, self._let_go, later)
        self._slowed[later] = (call, result)
        return later

    def _let_go(self, later: Deferred[Any]) -> None:
        call, result = self._slowed.pop(later)
        if call.active():
            call.cancel()
        later.callback(result)

    def stop(self) -> None:
        """Deliver the delayed results: the session has ended."""
        for each in list(self._slowed):
            if each in self._slowed:
                self._let_go(each)

    def _send(self, method: str, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        refused = self._session._refusal(method)
        if refused is not None:
            waiting = self._session._wait_for_line(method, timeout)
            return fail(refused) if waiting is None else self._send_over_next(waiting, method, params, decode)
        if self._session.crashed and method in _REVIVES:
            self._send_ahead()
        if method in (SET_AUTO_ATTACH, AUTO_ATTACH_RELATED):
            merged, take_back = self._auto_attaching.asked(method, from_json(to_json(params)))
            return self._set_up(method, merged, decode, timeout).addErrback(_undo, take_back)
        if method == ATTACH_TO_TARGET:
            attached = self._auto_attaching.attaching(from_json(to_json(params)))
            return self._session._transmit(params, decode, timeout).addBoth(attached)
        if self._merging and method.endswith(TOGGLES):
            merging = self._merging.get(method.partition(".")[0])
            if merging is not None:
                method, params = merging(method, params)
                return self._set_up(method, params, ReplyDecoder(method, None), timeout)
        if is_stateful(method):
            return self._set_up(method, self._journal.translate(method, params), decode, timeout)
        if self._enabling.busy and method in OVERTAKES:
            return self._send_when_settled(method, params, decode, timeout)
        return self._session._transmit(params, decode, timeout)

    def auto_attach(self, take_back: Callable[[], None] | None) -> Deferred[None]:
        """Send the auto-attach parameters that satisfy everyone.

        :param take_back: undoes the last request if the command fails.
        """
        refused = self._session._refusal(SET_AUTO_ATTACH)
        sent: Deferred[None] = (
            fail(refused)
            if refused is not None
            else self._set_up(SET_AUTO_ATTACH, self._auto_attaching.params(), _SET_AUTO_ATTACH, DEFAULT)
        )
        return sent if take_back is None else sent.addErrback(_undo, take_back)

    def insist(self, method: str, params: object, decode: Decode) -> Deferred[Any]:
        """Send a command that is to apply in every process of the target, starting with the first that can take it."""
        self._journal.note(method, params, None)
        if method.endswith(TOGGLES):
            self._enabling.keep(method.partition(".")[0])
        refused = self._session._refusal(method)
        if refused is not None:
            sent: Deferred[Any] = fail(refused)
        else:
            sent = self._enabling.track(method, self._session._transmit(params, decode, None))
        return sent.addErrback(self._not_yet)

    def send_quietly(self, method: str, params: object = None, timeout: Timeout = DEFAULT) -> Deferred[dict[str, Any]]:
        """Send a command of the session itself, which does not count as a wish of the user."""
        refused = self._session._refusal("")
        if refused is not None:
            return fail(refused)
        return self._session._transmit(params or {}, _plain_decoder(method), timeout)

    def send_together(
        self, commands: Sequence[tuple[str, Mapping[str, Any]]], timeout: Timeout
    ) -> list[Deferred[dict[str, Any]]]:
        """Send several commands quietly, in one write."""
        refused = self._session._refusal("")
        if refused is not None:
            return [fail(copy.copy(refused)) for _ in commands]
        transmit = self._session._transmit
        return [transmit(params, _plain_decoder(method), timeout) for method, params in commands]

    def stands(self, method: str) -> bool:
        """Whether a command is among those that would be sent again."""
        return self.standing(method) is not None

    def standing(self, method: str) -> dict[str, Any] | None:
        """Return the parameters of a command that would be sent again; None: it is not among these."""
        return next((entry.params for entry in self._journal if entry.method == method), None)

    def send_again(self) -> None:
        """Send all lasting commands again, in one write, because the transport, and so the session, is new."""
        for entry in self._journal:
            sent = self._enabling.track(entry.method, self.send_quietly(entry.method, entry.params))
            sent.addCallbacks(self._renamed, self._not_restored, callbackArgs=(entry,), errbackArgs=(entry,))

    def _send_ahead(self) -> None:
        """Send what the browser itself applies to the navigation that gives a crashed target its new process.

        Commands made since the crash have not been sent yet. These are not answered before the process exists; then all
        lasting commands are sent again.
        """
        standing = [(entry.method, entry.params) for entry in self._journal]
        enabling: list[tuple[str, dict[str, Any]]] = [
            (f"{domain}.enable", parameters_of(domain)) for domain in self._enabling.missing()
        ]
        for method, params in standing + enabling:
            if method.startswith(_APPLIED_BY_THE_BROWSER):
                sent = self._session._transmit(params, ReplyDecoder(method, None), DEFAULT)
                sent.addErrback(ignore_failure)

    def _wait_again(self, failure: Failure, method: str, params: object, decode: Decode) -> Failure | Deferred[Any]:
        lost = failure.value
        return self.send(method, params, decode, lost.left) if isinstance(lost, NeverSent) else failure

    def _set_up(self, method: str, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        sent = self._session._transmit(params, decode, timeout)

        def note(result: T) -> T:
            self._journal.note(method, params, result)
            return result

        sent.addCallback(note)
        if method.endswith(TOGGLES):
            self._enabling.by_hand(method, sent)
        return sent

    @returns_deferred
    async def _send_over_next(
        self, waiting: Deferred[float | None], method: str, params: object, decode: Decode
    ) -> Any:
        return await self.send(method, params, decode, await waiting)

    @returns_deferred
    async def _send_when_settled(self, method: str, params: object, decode: Decode, timeout: Timeout) -> Any:
        await self._enabling.settled()
        if self._enabling.busy:
            return await self._session._transmit(params, decode, timeout)
        return await self.send(method, params, decode, timeout)

    def _not_yet(self, failure: Failure) -> Failure:
        if failure.check(TargetCrashed):
            self._session._not_set_up()
        return failure

    def _renamed(self, result: dict[str, Any], entry: JournalEntry) -> None:
        self._journal.renamed(entry, result)

    def _not_restored(self, failure: Failure, entry: JournalEntry) -> None:
        if failure.check(TargetCrashed, CommandTimeout):
            self._session._not_set_up()
        if not failure.check(Gone):  # of which everybody hears anyway
            self._session._not_restored(entry.method, failure.value)


def _is_seen(method: str, params: object) -> bool:
    """Return whether a command is a visible action, or an evaluation by the program."""
    if method in _EVALUATIONS:
        told = params.get("userGesture") if isinstance(params, Mapping) else getattr(params, "user_gesture", None)
        return bool(told)
    return method in _SEEN or (method.startswith("Input.") and not method.startswith("Input.set"))


def _undo(failure: Failure, take_back: Callable[[], None]) -> Failure:
    take_back()
    return failure
