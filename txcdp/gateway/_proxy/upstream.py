"""A pooled browser while clients share it: its connection, its clients, and its return once all have left."""

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
    :param pool: the pool that it is returned to.
    :param pooled: the leased browser.
    :param transport: the connection to it.
    :param patience: seconds for it to clean up after the last client.
    :param changed: called with the upstream when a client has left it, or it has ended.
    :ivar shared: keeps its clients apart.
    :ivar write_batch: sends each client the messages that result from one read in a single write.
    :ivar clients: the clients in it.
    :ivar why: why it has ended for these clients; ``""`` until then.
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
        """Add a client."""
        self._leaving.stop()
        self.clients.add(client)
        self.pooled.sessions += 1

    def leave(self, client: object) -> None:
        """Remove a client."""
        if client in self.clients:
            self.clients.discard(client)
            self.settle()
            self._changed(self)

    def settle(self) -> None:
        """Return the browser to the pool if it has no clients, once what they left is cleaned up."""
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
        """Handle a message from the browser."""
        shared = self.shared
        shared.receive(message)
        if shared.lost is not None:
            if not self.why:
                self._pool.discard(self.pooled, shared.lost)
        elif self._leaving.is_set:
            self._look()

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Return the browser to the pool as broken, because its connection has closed."""
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
