"""The life of a call at a node: its place, its confirmation, its credits, and the messages that it sends."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred

from txcdp._deferreds import Timer, Waiters, returns_deferred, with_deadline
from txcdp._reactor import Clock
from txcdp._states import StateMachine
from txcdp.errors import DeadlineError
from txcdp.fleet._line import NO_LINE
from txcdp.fleet._messages import ResultKind
from txcdp.fleet._options import NodeOptions


class CallerGone(DeadlineError):
    """A caller has not responded for too long."""


class CallState(enum.Enum):
    """The state of a call at a node."""

    #: There is a place for it; it begins once its caller has confirmed it.
    ACCEPTED = "accepted"
    #: The work is in progress.
    RUNNING = "running"
    #: Its outcome has been sent, or nobody wants it any more.
    ENDED = "ended"


class CallEvent(enum.Enum):
    """An event in the life of a call."""

    CONFIRM = "its caller confirms it"
    END = "there is an outcome, or its caller is gone"


_S, _E = CallState, CallEvent

#: The transitions; any other input is ignored.
CALL_TRANSITIONS: Final[Mapping[tuple[CallState, CallEvent], CallState]] = {
    (_S.ACCEPTED, _E.CONFIRM): _S.RUNNING,
    (_S.ACCEPTED, _E.END): _S.ENDED,
    (_S.RUNNING, _E.END): _S.ENDED,
}


class NodeCall:
    """A call that a node works on.

    :param kind: the kind of work.
    :param details: what Autobahn reports about the call.
    :ivar id: the id of the call, which only its caller knows.
    :ivar caller: the session of the caller; None: the router does not disclose it.
    :ivar began: when the call arrived, in seconds.
    """

    def __init__(self, clock: Clock, options: NodeOptions, kind: str, details: Any) -> None:
        self.id = secrets.token_hex(12)
        self.kind = kind
        self.caller: int | None = details.caller
        self.began = clock.seconds()
        self._clock = clock
        self._options = options
        self._progress: Callable[..., object] | None = details.progress
        self._life = StateMachine(CALL_TRANSITIONS, CallState.ACCEPTED)
        self._credits = 0
        self._granted: Waiters[None] = Waiters()
        self._beat = Timer(clock, self._alive)
        self._heard = self.began
        self._give_up: Callable[[], object] | None = None

    @property
    def hears(self) -> bool:
        """Whether its caller accepts progressive results."""
        return self._progress is not None

    @property
    def state(self) -> CallState:
        """The state of the call."""
        return self._life.state

    def tell(self, word: str, *rest: Any) -> None:
        """Send the caller a message; does nothing if the call is over, or the connection is gone.

        :raises PayloadExceededError: it is larger than a router accepts.
        """
        if self._life.state is not CallState.ENDED and self._progress is not None:
            self._beat.stop()
            try:
                with suppress(*NO_LINE):
                    self._progress(word, *rest)
            finally:
                self._beat.set(self._options.beat)

    def grant(self, more: int) -> None:
        """Add credits, or note a sign of life."""
        self._life.happened(CallEvent.CONFIRM)
        self._heard = self._clock.seconds()
        self._credits += more
        self._granted.notify(None)

    @returns_deferred
    async def confirmed(self) -> None:
        """Wait until the caller has confirmed the work.

        :returns: fails with :exc:`CallerGone`.
        """
        while self._life.state is CallState.ACCEPTED:
            await self._wait()

    @returns_deferred
    async def send(self, word: str, *rest: Any) -> None:
        """Send the caller a message, for a credit.

        :returns: fires once it is sent; fails with :exc:`CallerGone`.
        """
        await self.credit()
        self._credits -= 1
        self.tell(word, *rest)

    @returns_deferred
    async def credit(self) -> int:
        """Wait until there is a credit; return the number of credits."""
        while self._credits < 1:
            await self._wait()
        return self._credits

    def spend(self, used: int) -> None:
        """Use up credits."""
        self._credits -= used

    def _wait(self) -> Deferred[None]:
        seconds = self._options.patience
        gone = partial(CallerGone, f"the caller has sent nothing for {seconds:g} s")
        return with_deadline(self._clock, self._granted.wait(), seconds, gone)

    def end(self) -> None:
        """Send nothing any more."""
        self._life.happened(CallEvent.END)
        self._beat.stop()

    def give_up_with(self, give_up: Callable[[], object]) -> None:
        """Set what happens if the caller gives no sign of life for too long."""
        self._give_up = give_up

    def _alive(self) -> None:
        self.tell(ResultKind.ALIVE)
        if self._give_up is not None and self._clock.seconds() - self._heard > self._options.patience:
            self._give_up()
