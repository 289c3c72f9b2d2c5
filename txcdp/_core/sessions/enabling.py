"""Enables domains while their events have listeners, and disables them some time after the last one has left.

A subscriber receives all events that are caused by commands sent after it subscribed, without having to wait: a
target's own process handles commands in order. But the browser's process handles some commands itself at once,
including navigation, while an ``enable`` that was sent earlier is still on its way to the target. So those few commands
(:data:`txcdp.protocol._wire.OVERTAKES`) wait until it has been answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txcdp._deferreds import ignore_failure
from txcdp._reactor import Clock
from txcdp.domains import PLAIN_ENABLE
from txcdp.errors import Gone

T = TypeVar("T")

#: Enabling these domains changes what the page can do, or stops it: requests and dialogs then wait for an answer,
#: scripts stop at breakpoints, devices and credentials become virtual. So only the user may decide to do that.
TAKES_DECISIONS = frozenset(
    {"Debugger", "DeviceAccess", "FedCm", "Fetch", "SmartCardEmulation", "WebAuthn", "BluetoothEmulation"}
)

#: Domains whose events are sent only while another domain is enabled too.
NEEDS = {"CSS": "DOM", "Overlay": "DOM"}

#: Seconds for which a command that would overtake an ``enable`` waits for a target that does not answer: the target may
#: hang, and a navigation may be the remedy. If the command does overtake it (new tabs on an overloaded machine have
#: taken more than 2 s), no event of the navigation arrives, and the ``enable`` is never answered.
PATIENCE = 4.5

#: The maximum size in bytes of a request body that is included in the event. A larger one is fetched on demand: the
#: browser sends a body twice, as text and in base64, in up to seven times its size, and drops messages over 256 MB.
MOST_POST_DATA: Final = 1 << 20

_PARAMETERS: Final[dict[str, dict[str, Any]]] = {"Network": {"maxPostDataSize": MOST_POST_DATA}}

ENABLED_BY_LISTENING = PLAIN_ENABLE - TAKES_DECISIONS


def parameters_of(domain: str) -> dict[str, Any]:
    """Return the parameters with which a domain is enabled."""
    return _PARAMETERS.get(domain, {})


class Enabling:
    """Counts the listeners of each domain in one session.

    :param execute: sends a command by its method, with its parameters.
    :param refused: called with a domain and the error when the browser refuses to enable it.
    :param linger: seconds between the last listener's leaving and the disabling; None: never disable.
    """

    def __init__(
        self,
        execute: Callable[[str, object], Deferred[Any]],
        refused: Callable[[str, Exception], None],
        clock: Clock,
        linger: float | None,
    ) -> None:
        self._execute = execute
        self._refused = refused
        self._clock = clock
        self._linger = linger
        self._listeners: dict[str, int] = {}
        self._enabled: set[str] = set()
        self._by_hand: set[str] = set()
        self._leaving: dict[str, IDelayedCall] = {}
        self._unanswered = 0
        self._beginning: dict[str, int] = {}
        self._settling: list[Deferred[None]] = []

    @property
    def busy(self) -> bool:
        """Whether an ``enable`` has been sent and not answered yet."""
        return self._unanswered > 0

    def is_beginning(self, domain: str) -> bool:
        """Whether a domain's ``enable`` is unanswered: events that arrive until then may report what happened before
        it.
        """
        return domain in self._beginning

    def settled(self) -> Deferred[None]:
        """Return a Deferred that fires when no ``enable`` is unanswered, or after :data:`PATIENCE`."""
        waiter: Deferred[None] = Deferred(lambda waiter: self._settling.remove(waiter))
        self._settling.append(waiter)
        late = self._clock.callLater(PATIENCE, lambda: self._settle(waiter))

        def stop_clock(result: T) -> T:
            if late.active():
                late.cancel()
            return result

        waiter.addBoth(stop_clock)
        if not self.busy:
            self._settle(waiter)
        return waiter

    def listen(self, domain: str) -> None:
        """Add a listener; the first one enables the domain."""
        if domain in ENABLED_BY_LISTENING:
            if domain in NEEDS:
                self.listen(NEEDS[domain])
            self._listeners[domain] = self._listeners.get(domain, 0) + 1
            leaving = self._leaving.pop(domain, None)
            if leaving is not None:
                leaving.cancel()
            self._enable(domain)

    def prepare(self, domain: str) -> None:
        """Enable a domain that is about to get a listener, without counting one."""
        if domain in ENABLED_BY_LISTENING:
            self._enable(domain)

    def leave(self, domain: str) -> None:
        """Remove a listener; some time after the last one the domain is disabled."""
        if domain in self._listeners:
            self._listeners[domain] -= 1
            if not self._listeners[domain]:
                del self._listeners[domain]
                if self._linger is not None and domain in self._enabled:
                    self._leaving[domain] = self._clock.callLater(self._linger, self._disable, domain)
            if domain in NEEDS:
                self.leave(NEEDS[domain])

    def by_hand(self, method: str, sent: Deferred[T]) -> None:
        """Leave a domain to the user, who has sent its ``enable`` or ``disable`` command.

        :param sent: the command's Deferred; if the command fails, the domain is not the user's.
        """
        domain, _, verb = method.partition(".")
        if verb == "disable":
            self._by_hand.discard(domain)
            self._enabled.discard(domain)
            return

        def refused(failure: Failure) -> Failure:
            self._by_hand.discard(domain)
            return failure

        self._by_hand.add(domain)
        self.track(method, sent).addErrback(refused)

    def keep(self, domain: str) -> None:
        """Keep a domain enabled for as long as the target exists, whoever enables it."""
        self._by_hand.add(domain)

    def track(self, method: str, sent: Deferred[T]) -> Deferred[T]:
        """Make overtaking commands wait for this answer as well; the same Deferred is returned.

        :param method: the method of the command that was sent; for an ``enable``, :meth:`is_beginning` is true until it
            is answered.
        """
        domain, _, verb = method.partition(".")
        counted = verb == "enable"
        self._unanswered += 1
        if counted:
            self._beginning[domain] = self._beginning.get(domain, 0) + 1

        def answered(result: T) -> T:
            if counted:
                self._beginning[domain] -= 1
                if not self._beginning[domain]:
                    del self._beginning[domain]
            return self._answered(result)

        return sent.addBoth(answered)

    def renew(self) -> None:
        """Enable what listeners need again, after a crashed page or a lost transport was restored."""
        for domain in self.missing():
            self._enable(domain)

    def missing(self) -> list[str]:
        """Return the domains that have listeners and are not enabled."""
        return [domain for domain in self._listeners if domain not in self._enabled and domain not in self._by_hand]

    def suspend(self) -> None:
        """Forget what is enabled, because the transport is lost."""
        self._cancel_leaving()
        self._enabled.clear()

    def stop(self) -> None:
        """Leave no DelayedCall behind."""
        self._cancel_leaving()
        self._linger = None  # subscribers that leave while the session ends start none either

    def _enable(self, domain: str) -> None:
        if domain not in self._enabled and domain not in self._by_hand:
            self._enabled.add(domain)
            method = f"{domain}.enable"
            self.track(method, self._execute(method, parameters_of(domain))).addErrback(self._not_enabled, domain)

    def _cancel_leaving(self) -> None:
        for call in self._leaving.values():
            call.cancel()
        self._leaving.clear()

    def _answered(self, result: T) -> T:
        self._unanswered -= 1
        if not self._unanswered:
            for waiter in list(self._settling):
                self._settle(waiter)
        return result

    def _settle(self, waiter: Deferred[None]) -> None:
        if waiter in self._settling:
            self._settling.remove(waiter)
            waiter.callback(None)

    def _not_enabled(self, failure: Failure, domain: str) -> None:
        self._enabled.discard(domain)
        error = failure.value
        if isinstance(error, Exception) and not isinstance(error, Gone | CancelledError):
            self._refused(domain, error)

    def _disable(self, domain: str) -> None:
        del self._leaving[domain]
        self._enabled.discard(domain)
        if domain not in self._by_hand:
            # Whatever comes of it, nobody listens any more.
            self._execute(f"{domain}.disable", {}).addErrback(ignore_failure)
