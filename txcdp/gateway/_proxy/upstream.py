"""One browser of the pool while clients share it: the line to it, who is in it, and its return when all have left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp._deferreds import Alarm
from txcdp._transports.interface import Transport
from txcdp.errors import ConnectionLost
from txcdp.gateway._multiplex import SharedBrowser
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import Member
from txcdp.gateway._proxy.virtual_transport import Together


class House:
    """A shared browser.

    :param clock: the reactor.
    :param pool: to which it is given back.
    :param member: the browser, leased.
    :param transport: the line to it.
    :param patience: seconds for it to clear away what the last client has left.
    :param changed: called with the house when somebody has left it, or it has ended.
    :ivar shared: keeps its clients apart.
    :ivar together: lets what they hear out of one read leave in one write.
    :ivar guests: who is in it.
    :ivar why: it has ended, for these clients; ``""`` until then.
    """

    def __init__(
        self,
        clock: Any,
        pool: Pool,
        member: Member,
        transport: Transport,
        patience: float,
        changed: Callable[[House], None],
    ) -> None:
        self._pool = pool
        self._patience = patience
        self._changed = changed
        self._leaving = Alarm(clock, self._give_back)
        self.member = member
        self.transport = transport
        self.guests: set[object] = set()
        self.why = ""
        self.shared = SharedBrowser(transport.send, member.running.downloads)
        self.together = Together()
        upstream: Any = transport
        upstream.beside = self.together
        transport.receiver = self
        self.shared.start()
        member.ended.wait().addCallback(self._end)

    def enter(self, guest: object) -> None:
        """Take somebody in."""
        self._leaving.stop()
        self.guests.add(guest)
        self.member.sessions += 1

    def leave(self, guest: object) -> None:
        """Let somebody go."""
        if guest in self.guests:
            self.guests.discard(guest)
            self.settle()
            self._changed(self)

    def settle(self) -> None:
        """Give the browser back, where nobody is in it, as soon as what they have left is cleared away."""
        if not self.guests and not self.why and not self._leaving.is_set:
            self._leaving.set(self._patience)
            self._look()

    def _look(self) -> None:
        if self._leaving.is_set and not self.shared.line.asked:
            self._give_back()

    def _give_back(self) -> None:
        self.member.sessions = max(0, self.member.sessions - 1)  # the pool counts one more
        self._end("nobody is in it")
        self._pool.release(self.member)

    # From the browser:

    def message_received(self, message: bytes) -> None:
        """Take a message of the browser's."""
        shared = self.shared
        shared.receive(message)
        if shared.lost is not None:
            if not self.why:
                self._pool.discard(self.member, shared.lost)
        elif self._leaving.is_set:
            self._look()

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Hear that the line has ended, which only the browser's end does."""
        self.transport.receiver = None
        if not self.why:
            self.member.broken = True
            self._end("its process has ended" if reason.cause == "ended" else f"its line has failed: {reason.reason}")
            self._pool.release(self.member)

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
