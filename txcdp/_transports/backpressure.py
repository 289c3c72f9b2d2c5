"""Whether a connection accepts more data, and waiting until it does.

A transport reports ``full`` when more is waiting in this process than one write can take, and ``empty`` when all of it
has left. Twisted's own transports report that to a registered producer, by ``pauseProducing`` and ``resumeProducing``.
Before you end the connection, unregister the producer: Twisted does not close a connection cleanly that has one.
Autobahn unregisters it before it drops a connection.
"""

from __future__ import annotations

import copy
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from txcdp._deferreds import OneShot
from txcdp.errors import ConnectionLost


class Congestible(Protocol):
    """The transport with the flag; a plain attribute, as it is read for each command."""

    congested: bool


@implementer(IPushProducer)
class Backpressure:
    """Keeps a transport's ``congested`` up to date, and notifies waiters when the congestion ends.

    :param line: the transport.
    """

    def __init__(self, line: Congestible) -> None:
        self._line = line
        self._drained: OneShot[ConnectionLost | None] = OneShot()

    def full(self) -> None:
        """Note that the transport's buffer is full: more is waiting than one write can take."""
        self._line.congested = True

    def empty(self) -> None:
        """Note that the transport's buffer is empty, and fire the waiters."""
        if self._line.congested:
            self._line.congested = False
            self._drained.notify(None)

    def end(self, lost: ConnectionLost) -> None:
        """Fail the waiters, because the connection has closed."""
        self._drained.fire(lost)

    def wait(self) -> Deferred[None]:
        """Return the Deferred of ``Transport.when_drained``."""
        if not self._line.congested and not self._drained.fired:
            return succeed(None)
        return self._drained.wait().addCallback(_raise_loss)

    # Twisted's names:

    pauseProducing = full
    resumeProducing = empty

    def stopProducing(self) -> None:
        """Do nothing: the transport has closed, and :meth:`end` will say why."""


def _raise_loss(lost: ConnectionLost | None) -> None:
    if lost is not None:
        raise copy.copy(lost)
