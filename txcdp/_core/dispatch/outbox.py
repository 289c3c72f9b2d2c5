"""The outgoing messages of a connection: sent in order, within the limits on sending and on buffered bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from txcdp._core.dispatch.pacing import Pacer
from txcdp._deferreds import returns_deferred
from txcdp._reactor import Clock
from txcdp._transports.interface import Transport
from txcdp.errors import Overloaded


class Outbox:
    """Sends a connection's messages.

    :param transport: the transport; may be replaced.
    :param clock: the clock for the limits on sending.
    :param refused: called with a message that the transport does not accept, such as one too large for the pipe.
    :param max_in_flight: see :class:`~txcdp._core.dispatch.pacing.Pacer`.
    :param commands_per_second: see :class:`~txcdp._core.dispatch.pacing.Pacer`.
    :param max_unsent: the maximum number of buffered bytes; None: no limit.
    :ivar transmit: sends a message now; may be replaced to observe messages.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        refused: Callable[[bytes, ValueError], None],
        max_in_flight: int | None,
        commands_per_second: int | None,
        max_unsent: int | None,
    ) -> None:
        self.transport = transport
        self._refused = refused
        self._max_unsent = sys.maxsize if max_unsent is None else max_unsent
        self.transmit: Callable[[bytes], None] = self._transmit
        self.pacer: Pacer | None = None
        if max_in_flight is not None or commands_per_second is not None:
            self.pacer = Pacer(clock, lambda message: self.transmit(message), max_in_flight, commands_per_second)

    @property
    def unsent(self) -> int:
        """Bytes that wait to leave this process."""
        return self.transport.unsent + (0 if self.pacer is None else self.pacer.held_bytes)

    def overload(self, method: str) -> Overloaded | None:
        """Return why no further command may be queued; None if one may."""
        unsent = self.unsent
        if unsent <= self._max_unsent:
            return None
        return Overloaded(method, f"{unsent:,} bytes are waiting to be sent (max_unsent)")

    def submit(self, message: bytes, pending: Deferred[Any]) -> None:
        """Send a command's message as soon as the limits allow it."""
        if self.pacer is None:
            self.transmit(message)
        else:
            self.pacer.submit(message, pending)

    def take_back(self) -> list[Deferred[Any]]:
        """Discard the commands that the limits hold back; return their Deferreds."""
        return [] if self.pacer is None else self.pacer.take_back()

    @property
    def writable(self) -> bool:
        """Whether few bytes are buffered."""
        return not self.transport.congested and (self.pacer is None or not self.pacer.held_bytes)

    def when_writable(self) -> Deferred[None]:
        """Return a Deferred that fires at once if few bytes are buffered, otherwise when none are.

        It fails with :exc:`ConnectionLost` if the transport closes first. It may be cancelled.
        """
        return succeed(None) if self.writable else self._becomes_writable()

    def stop(self) -> None:
        """Discard what is held back, and leave no DelayedCall behind."""
        if self.pacer is not None:
            self.pacer.stop()

    @returns_deferred
    async def _becomes_writable(self) -> None:
        while not self.writable:
            if self.pacer is not None and self.pacer.held_bytes:
                await self.pacer.when_empty()
            else:
                await self.transport.when_drained()

    def _transmit(self, message: bytes) -> None:
        try:
            self.transport.send(message)
        except ValueError as error:
            self._refused(message, error)
