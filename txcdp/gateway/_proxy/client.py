"""A client's end of its WebSocket: Autobahn's server with the short path, backpressure and a heartbeat."""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txcdp._deferreds import Alarm
from txcdp._privacy import printable
from txcdp._transports.backpressure import Backpressure
from txcdp._transports.heartbeat import Heartbeat
from txcdp.gateway._options import ClientLimits
from txcdp.gateway._proxy.frames import ServerShortPath

#: Seconds for a client's part in closing, and for what it has not read yet; then its line is cut.
_CLOSING = 2.0

#: A reason in a close frame is not longer than this.
_LONGEST_REASON = 123


class Guest(Protocol):
    """Who speaks with a client."""

    def client_opened(self) -> None:
        """Hear that the handshake is done."""

    def client_said(self, message: bytes) -> None:
        """Take one message."""

    def client_full(self) -> None:
        """Hear that the client does not read as fast as it is sent to."""

    def client_empty(self) -> None:
        """Hear that it has read all."""

    def client_gone(self, why: str, clean: bool) -> None:
        """Hear, once, that it is gone."""


class Client(ServerShortPath):
    """One client's WebSocket.

    :param reactor: the reactor.
    :param limits: see :class:`~txcdp.gateway._options.ClientLimits`.
    :param guest: who speaks with it.
    :ivar paused: whether it is not read.
    :ivar congested: whether more waits for it than goes out in one write.
    """

    def __init__(self, reactor: Any, limits: ClientLimits, guest: Guest) -> None:
        super().__init__()
        self._reactor = reactor
        self._guest = guest
        self._why = ""
        self._cut_off = Alarm(reactor, lambda: self._hang_up("it did not complete the closing"))
        self._opened = False
        self.paused = False
        self.congested = False
        self._backpressure = _Heard(self, guest)
        self._heartbeat = Heartbeat(reactor, self.sendPing, self._no_pong, limits.ping_interval, limits.ping_timeout)
        self.deliver = guest.client_said

    def pause(self) -> None:
        """Read no more from it."""
        if not self.paused:
            self.paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Go on reading."""
        if self.paused:
            self.paused = False
            self._heartbeat.heard()
            self.transport.resumeProducing()

    def end(self, code: int, why: str) -> None:
        """Close it in good order; where it does not do its part in time, cut it off."""
        self._why = self._why or why
        if self.state == self.STATE_OPEN:
            self.resume()
            reason = printable(why).encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
            self.sendCloseFrame(code, reason.encode())  # sendClose allows only what a client may say
        self._start_cut_off()

    # Autobahn's names:

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the network."""
        self._heartbeat.heard()
        super().dataReceived(data)

    def onOpen(self) -> None:
        """Hear that the handshake is done."""
        self._opened = True
        self._heartbeat.start()
        self.transport.unregisterProducer()  # the HTTP server was one
        self.transport.registerProducer(self._backpressure, True)
        self._guest.client_opened()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take a message that came the long way; the protocol has no binary ones."""
        if isBinary:
            self.end(1003, "the DevTools protocol has no binary messages")
        else:
            self._guest.client_said(payload)

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        """Hear that Autobahn closes, on our behalf or because the client broke the rules; that must not take long."""
        if reasonUtf8 and not isReply:
            self._why = self._why or reasonUtf8.decode("utf-8", "replace")
        self._start_cut_off()
        super().sendCloseFrame(code, reasonUtf8, isReply)

    def onCloseFrame(self, code: Any, reasonRaw: Any) -> Any:
        """Hear that the client closes."""
        self._start_cut_off()
        return super().onCloseFrame(code, reasonRaw)

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        """Hear that the line is gone."""
        self._heartbeat.stop()
        self._cut_off.stop()
        why = self._why or ("the client has left" if wasClean else "the client's line is lost")
        self._guest.client_gone(why, bool(wasClean))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Hear from Twisted that the line is gone."""
        if self.transport is not None:
            self.transport.unregisterProducer()
        super().connectionLost(reason)

    def _no_pong(self) -> None:
        if self.paused or self.congested:
            self._heartbeat.heard()
        else:
            self._hang_up("it does not answer pings")

    def _start_cut_off(self) -> None:
        if self.state != self.STATE_CLOSED:
            self._cut_off.set(_CLOSING)

    def _hang_up(self, why: str) -> None:
        self._why = self._why or why
        self.transport.abortConnection()


class _Heard(Backpressure):
    """Tells the guest, too."""

    def __init__(self, client: Client, guest: Guest) -> None:
        super().__init__(client)
        self._guest = guest

    def pauseProducing(self) -> None:
        """Hear from Twisted that more waits than goes out in one write."""
        self.full()
        self._guest.client_full()

    def resumeProducing(self) -> None:
        """Hear from Twisted that all has left."""
        self.empty()
        self._guest.client_empty()


def client_factory(reactor: Any, limits: ClientLimits) -> Any:
    """Return Autobahn's factory, of which the clients take their settings."""
    factory: Any = WebSocketServerFactory(reactor=reactor, server="txcdp")
    factory.noisy = False
    factory.setProtocolOptions(
        webStatus=False,
        utf8validateIncoming=False,  # the browser does it
        maxMessagePayloadSize=limits.message_size,
        failByDrop=False,
        allowNullOrigin=True,  # the door has looked at it
        openHandshakeTimeout=0,  # these deadlines are kept here, on the given reactor
        closeHandshakeTimeout=0,
    )
    return factory
