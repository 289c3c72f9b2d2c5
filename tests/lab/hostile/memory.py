"""A client and a hostile server without sockets: what one writes the other reads, through faults, in no time."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted

from tests.lab.hostile.proxy import Fault
from tests.lab.hostile.server import Greeter, HostileServer, Peer
from tests.support import TCP, Opening

URL = HostileServer.url_at(9222)


class MemoryWay:
    """One direction, as a fault knows it.

    :ivar passed: all that has come through.
    """

    def __init__(self, far: TCP, near: TCP, fault: Fault) -> None:
        self._far = far
        self._near = near
        self.passed = b""
        self.fault = fault
        fault.way = self  # type: ignore[assignment]

    def send(self, data: bytes) -> None:
        """Let the far end read."""
        self.passed += data
        if data and not self._far.lost and not self._far.disconnecting:
            self._far.protocol.dataReceived(data)

    def end(self, how: str) -> None:
        """End the connection at both ends."""
        for each in (self._far, self._near):
            each.end(ConnectionAborted() if how == "reset" else None)

    def move(self) -> bool:
        """Take what the near end has written; return whether it had."""
        data = b"".join(self._near.writes)
        self._near.writes.clear()
        if data and not self._near.lost:
            self.fault.take(data)
        return bool(data)

    def finish(self) -> None:
        """End both ends where the near end has ended."""
        if self._near.lost or self._near.disconnecting:
            self._near.end()
            self._far.end()


class MemoryLine:
    """A WebSocket that is being opened, its server, and all that lies between.

    :ivar opening: the client.
    :ivar peer: the server's end.
    :ivar down: the way to the client.
    :ivar up: the way to the server.
    """

    def __init__(self, down: Fault, up: Fault, **options: Any) -> None:
        self.opening = Opening(URL, ping_interval=None, **options)
        server = TCP()
        self.peer = server.protocol = Peer(Greeter())
        self.down = MemoryWay(self.opening.tcp, server, down)
        self.up = MemoryWay(server, self.opening.tcp, up)
        self.peer.makeConnection(server)
        self.opening.connect()
        self.pump()

    def pump(self, seconds: float = 0.0) -> None:
        """Move everything; then let time pass, and move what comes of that."""
        for step in (0.0, seconds):
            self.opening.reactor.advance(step)
            while self.up.move() | self.down.move():
                self.opening.reactor.advance(0)
            self.up.finish()
            self.down.finish()
