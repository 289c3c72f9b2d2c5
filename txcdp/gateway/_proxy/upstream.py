"""A browser of the pool while clients share it: the connection to it, its clients, and its return when all left."""

from __future__ import annotations

from collections.abc import Callable

from txcdp._deferreds import Timer
from txcdp._reactor import Clock
from txcdp._transports.interface import Transport
from txcdp.errors import ConnectionLost
from txcdp.gateway._multiplex import SharedBrowser
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import PooledBrowser, PooledEvent
from txcdp.gateway._proxy.virtual_transport import WriteBatch


class Upstream:
    """A shared browser.

    :param clock: the reactor.
    :param pool: to which it is given back.
    :param pooled: the browser, leased.
    :param transport: the line to it.
    :param patience: seconds for it to clear away what the last client has left.
    :param changed: called with the upstream when somebody has left it, or it has ended.
    :ivar shared: keeps its clients apart.
    :ivar write_batch: lets what they hear out of one read leave in one write.
    :ivar clients: who is in it.
    :ivar why: it has ended, for these clients; ``""`` until then.
    """

    def __init__(
        self,
        clock: Clock,
        pool: Pool,
        pooled: PooledBrowser,
        transport: Transport,
        patience: float,
        changed: Callable[[Upstream], None],
    ) -> None:
        self._pool = pool
        self._patience = patience
        self._changed = changed
        self._leaving = Timer(clock, self._give_back)
        self.pooled = pooled
        self.transport = transport
        self.clients: set[object] = set()
        self.why = ""
        self.shared = SharedBrowser(transport.send, pooled.running.downloads)
        self.write_batch = WriteBatch()
        transport.batched_with = self.write_batch
        transport.receiver = self
        self.shared.start()
        pooled.ended.wait().addCallback(self._end)

    def enter(self, client: object) -> None:
        """Take somebody in."""
        self._leaving.stop()
        self.clients.add(client)
        self.pooled.sessions += 1

    def leave(self, client: object) -> None:
        """Let somebody go."""
        if client in self.clients:
            self.clients.discard(client)
            self.settle()
            self._changed(self)

    def settle(self) -> None:
        """Give the browser back, where nobody is in it, as soon as what they have left is cleared away."""
        if not self.clients and not self.why and not self._leaving.is_set:
            self._leaving.set(self._patience)
            self._look()

    def _look(self) -> None:
        if self._leaving.is_set and not self.shared.state.line.asked:
            self._give_back()

    def _give_back(self) -> None:
        self.pooled.sessions = max(0, self.pooled.sessions - 1)  # the pool counts one more
        self._end("nobody is in it")
        self._pool.release(self.pooled)

    # From the browser:

    def message_received(self, message: bytes) -> None:
        """Take a message of the browser's."""
        shared = self.shared
        shared.receive(message)
        if shared.lost is not None:
            if not self.why:
                self._pool.discard(self.pooled, shared.lost)
        elif self._leaving.is_set:
            self._look()

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Give the browser back to the pool as broken, because its connection has closed."""
        self.transport.receiver = None
        if not self.why:
            self.pooled.happened(PooledEvent.BREAK)
            self._end("its process has ended" if reason.cause == "ended" else f"its line has failed: {reason.reason}")
            self._pool.release(self.pooled)

    def _end(self, why: str) -> None:
        if self.why:
            return
        self.why = why
        self._leaving.stop()
        self.shared.lose(why)
        if self.transport.receiver is not None:
            self.transport.receiver = None
            self.transport.abort(why)
        self._changed(self)
