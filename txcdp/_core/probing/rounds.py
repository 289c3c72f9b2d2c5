"""What all probes have in common: their options, a timer, and a way to send."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp.protocol import Command
from txcdp.protocol._wire import reply_decoder

if TYPE_CHECKING:
    from txcdp._core.connection import Connection

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """Options for probing a browser and its pages; times in seconds.

    :ivar browser_interval: the time without a message after which the browser is asked for its version; None: it is not
        probed.
    :ivar browser_timeout: the time that the browser has to answer.
    :ivar hang_up: whether the connection ends if the browser does not answer in time; False: this is only reported, and
        so is its next answer.
    :ivar page_interval: the time between the probes of each attached page; None: pages are not probed.
    :ivar page_timeout: the time that a page has to answer, and again for the probe that finds out why it did not.
    """

    browser_interval: float | None = 20.0
    browser_timeout: float = 20.0
    hang_up: bool = True
    page_interval: float | None = None
    page_timeout: float = 5.0

    def __post_init__(self) -> None:
        for name in ("browser_interval", "browser_timeout", "page_interval", "page_timeout"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name}={seconds!r}: expected a number of seconds above 0")


class Rounds:
    """Base of both kinds of probes: a timer, and a way to send."""

    def __init__(self, connection: Connection, options: ProbeOptions, interval: float) -> None:
        self._connection = connection
        self._options = options
        self._interval = interval
        self._clock = connection.context.clock
        self._running = False
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Start the first round after the interval."""
        self._running = True
        self._after(self._interval, self._begin)

    def stop(self) -> None:
        """Stop, and leave no DelayedCall behind."""
        self._running = False
        self._wait_no_more()

    def _begin(self) -> None:
        """Send the probes of a round."""
        raise NotImplementedError

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        """Schedule a function, in place of the one that was scheduled."""
        self._wait_no_more()
        if self._running:  # whoever heard of something may have stopped it
            self._call = self._clock.callLater(seconds, self._now, then)

    def _now(self, then: Callable[[], None]) -> None:
        self._call = None
        then()

    def _wait_no_more(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _send(self, session: Session, command: Command[T]) -> Deferred[T]:
        lost = self._connection.suspended
        if lost is not None:
            return fail(copy.copy(lost))
        return self._connection._send(session, command, reply_decoder(type(command)), None, urgent=True)


def give_up(deferred: Deferred[Any] | None) -> None:
    """Stop waiting for an answer."""
    if deferred is not None:
        deferred.cancel()


def failed_with(result: object, *kinds: type[Exception]) -> bool:
    """Whether a result is a failure with one of these errors."""
    return isinstance(result, Failure) and bool(result.check(*kinds))
