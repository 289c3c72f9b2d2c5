"""Reading again right after writing, as the response may already be there.

If the browser gets the processor while we are still in the system call that writes, its response is waiting when that
call returns: always on one core, sometimes on a busy machine. Reading it right away saves a reactor turn, which costs
as much as all the rest of a command. If responses take longer, this is soon given up, and tried again only now and
then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

#: How often one reactor turn reads again before other readers get their turn.
READS_PER_TURN = 16

#: The most turns that are skipped without a look, after repeated looks in vain (each doubles the number).
_LONGEST_PAUSE = 63


class Reading(Protocol):
    """The protocol's attributes that the reader needs."""

    bytes_received: int
    bytes_sent: int
    paused: bool


class EagerReader:
    """Replaces ``doRead`` of one of Twisted's plain TCP transports.

    :param line: the protocol of the transport.
    :param transport: the transport that the reactor watches.
    """

    def __init__(self, line: Reading, transport: Any) -> None:
        self._line = line
        self._transport = transport
        self._read: Callable[[], object] = transport.doRead
        self._in_vain = 0
        self._pause = 0

    def __call__(self) -> object:
        """Read; if that has made us write, read again.

        :returns: what ``doRead`` returns: None, or why the connection has ended.
        """
        line = self._line
        sent = line.bytes_sent
        outcome = self._read()
        if self._pause:
            self._pause -= 1
            return outcome
        for _ in range(READS_PER_TURN):
            if outcome is not None or line.bytes_sent == sent or line.paused or self._ending():
                break
            sent, received = line.bytes_sent, line.bytes_received
            outcome = self._read()
            if line.bytes_received == received:
                self._in_vain = self._pause = min(2 * self._in_vain + 1, _LONGEST_PAUSE)
                break
            self._in_vain = 0
        return outcome

    def _ending(self) -> bool:
        return bool(self._transport.disconnecting) or not self._transport.connected
