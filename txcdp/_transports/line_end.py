"""What both ends of an open WebSocket share apart from frames: flow control, pings, and a close with a timeout.

:class:`LineEnd` precedes one of Autobahn's protocol classes in the bases, like ``ShortPath``, on which it builds.
Autobahn's own timeouts are off: it takes them from a reactor of its choice, and has none for a peer that answers a
close frame and then keeps the TCP connection open.
"""

from __future__ import annotations

from secrets import token_bytes
from typing import Any, Final

from twisted.internet.defer import Deferred

from txcdp._deferreds import Timer
from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp._transports.backpressure import Backpressure
from txcdp._transports.heartbeat import Heartbeat
from txcdp._transports.short_path import CLOSED, OPEN, ShortPath
from txcdp.errors import ConnectionLost

#: The most bytes that a control frame can carry; in a close frame, two of them are the code.
LONGEST_CONTROL: Final = 125
_LONGEST_REASON: Final = LONGEST_CONTROL - 2


class LineEnd(ShortPath):
    """Either end of a WebSocket; a mixin.

    :param reactor: the reactor, or a ``task.Clock``.
    :param close_timeout: seconds that the peer has for the closing handshake; after that, :meth:`_close_expired` is
        called.
    :param ping_interval: seconds between pings; None: no pings.
    :param ping_timeout: seconds within which anything has to arrive after a ping; after that, :meth:`_unanswered` is
        called.
    :ivar paused: whether reading is stopped.
    :ivar congested: whether more is waiting in this process than one write can take.
    """

    def __init__(
        self, reactor: AnyReactor, *, close_timeout: float, ping_interval: float | None, ping_timeout: float
    ) -> None:
        super().__init__()
        self._reactor: Any = reactor
        self._why = ""
        self._close_timeout = close_timeout
        self._cut_off = Timer(reactor, self._close_expired)
        self.paused = False
        self.congested = False
        self._backpressure = Backpressure(self)
        self._heartbeat = Heartbeat(reactor, self._send_ping, self._no_pong, ping_interval, ping_timeout)
        self._pings: dict[bytes, tuple[float, Deferred[float]]] = {}

    def pause(self) -> None:
        """Stop reading from the socket."""
        if not self.paused:
            self.paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Continue reading from the socket."""
        if self.paused:
            self.paused = False
            self._heartbeat.heard()
            self.transport.resumeProducing()

    def when_drained(self) -> Deferred[None]:
        """Wait until the socket has taken everything that was sent; see ``Transport``."""
        return self._backpressure.wait()

    def ping(self, payload: bytes = b"") -> Deferred[float]:
        """Send a ping and wait for its pong.

        :param payload: up to 125 bytes that the pong has to carry; random ones by default.
        :returns: a Deferred that fires with the round-trip time in seconds; it fails with :exc:`ConnectionLost`.
        :raises ValueError: the payload is too long, or is that of another ping that has not been answered yet.
        """
        payload = payload or token_bytes(4)
        if len(payload) > LONGEST_CONTROL:
            raise ValueError(f"a ping's payload of {len(payload)} bytes: must be at most {LONGEST_CONTROL}")
        if payload in self._pings:
            raise ValueError("a ping with this payload is already under way; give each ping its own")
        answered: Deferred[float] = Deferred(lambda _: self._forget_ping(payload))
        if self.state != OPEN:
            answered.errback(ConnectionLost(self._why or "the WebSocket is not open", cause="ended"))
        else:
            self._pings[payload] = (self._reactor.seconds(), answered)
            self._send_ping(payload)
        return answered

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake; if the peer does not complete it in time, :meth:`_close_expired` is called.

        :param code: the close code, as in RFC 6455, section 7.4.
        :param reason: the reason, for people; it is truncated if it does not fit.
        """
        if self.state == OPEN:
            self.resume()
            text = printable(reason).encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
            self.sendCloseFrame(code, text.encode() or None)  # Autobahn's sendClose allows only what a client may say
        self._start_cut_off()

    def _opened(self) -> None:
        """Start what an open connection needs: pings, and tracking of back-pressure."""
        self._heartbeat.start()
        self.transport.registerProducer(self._backpressure, True)

    def _stop(self) -> None:
        """Stop all timers: the connection has ended."""
        self._heartbeat.stop()
        self._cut_off.stop()

    def _tell(self, lost: ConnectionLost) -> None:
        """Fail everything that waits for the connection, because it has closed."""
        self._backpressure.end(lost)
        pings, self._pings = self._pings, {}
        for _, answered in pings.values():
            answered.errback(lost)

    def _close_expired(self) -> None:
        """Drop the connection to a peer that has not answered the closing handshake in time."""
        self._hang_up("it did not complete the closing")

    def _unanswered(self) -> None:
        """Drop the connection to a peer from which nothing has arrived in time after a ping."""
        self._hang_up("it does not respond to pings")

    def _hang_up(self, why: str) -> None:
        self._why = self._why or why
        self.transport.abortConnection()

    # Autobahn's names:

    def onPong(self, payload: bytes) -> None:
        """Fire the Deferred of the ping that the pong answers, and those of the pings sent before it."""
        if payload not in self._pings:
            return
        while self._pings:
            each = next(iter(self._pings))
            at, answered = self._pings.pop(each)
            answered.callback(self._reactor.seconds() - at)
            if each == payload:
                break

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        """Send a close frame and limit the wait for a reply; Autobahn calls this when closing, or at a violation."""
        if reasonUtf8 and not isReply:
            self._why = self._why or reasonUtf8.decode("utf-8", "replace")
        self._start_cut_off()
        super().sendCloseFrame(code, reasonUtf8, isReply)  # type: ignore[misc]

    def onCloseFrame(self, code: Any, reasonRaw: Any) -> Any:
        """Answer the peer's close frame, and drop the connection if the peer then keeps it open."""
        self._start_cut_off()
        return super().onCloseFrame(code, reasonRaw)  # type: ignore[misc]

    def dataReceived(self, data: bytes) -> None:
        """Process bytes from the network."""
        self._heartbeat.heard()
        super().dataReceived(data)

    def _send_ping(self, payload: bytes | None = None) -> None:
        self.sendPing(payload)  # type: ignore[attr-defined]

    def _forget_ping(self, payload: bytes) -> None:
        self._pings.pop(payload, None)

    def _no_pong(self) -> None:
        if self.paused:  # the pong may be among what is not read
            self._heartbeat.heard()
        else:
            self._unanswered()

    def _start_cut_off(self) -> None:
        if self.state != CLOSED:
            self._cut_off.set(self._close_timeout)
