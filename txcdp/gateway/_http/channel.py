"""HTTP on one connection: a request with a body is authorized, or refused, by its head.

Twisted's server reads the whole request before the application is asked. To keep refused clients from making the
gateway store anything, the request is authorized as soon as its head is there, and the body has to stay within the
limit of its route. After a refused body the connection is of no further use, since nobody reads to the body's end: the
request is answered, and the connection closed.

A connection may become a WebSocket. Bytes that followed the request for it, and so came too early, are passed to the
WebSocket then.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString
from twisted.web.server import Request

from txcdp._deferreds import Timer
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.routes import SHORT, BodyLimit

#: Seconds for which the rest of a refused body is read and thrown away: a connection that is closed with something
#: unread in it is reset, and the answer may be lost with it.
_LINGER = 2.0


class GatewayRequest(Request):
    """A request whose body is counted as it arrives.

    :ivar channel: the connection that it came over.
    :ivar who: the name of its principal; ``"-"`` as long as it is not known.
    :ivar limit: the limit of its body: its route's, once that is known.
    """

    channel: Any
    limit: BodyLimit = SHORT

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.who = "-"
        self._received = 0

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Process a complete request. As in Chromium, the case of its method does not matter."""
        super().requestReceived(command.upper(), path, version)

    def handleContentChunk(self, data: bytes) -> None:
        """Add a part of the body.

        :raises Refusal: the body is too long.
        """
        self._received += len(data)
        self.limit.check(self._received)
        super().handleContentChunk(data)

    def process(self) -> None:
        """Answer the request, even if its target is ``*``, which Twisted would answer itself without authorization."""
        if self.path != b"*":
            super().process()
        else:
            self.setHeader(b"date", datetimeToString())
            self.channel.site.resource.render(self)


class GatewayChannel(HTTPChannel):
    """The server's end of a connection.

    The site's timeout applies to a whole head, then to each part of a body, and between requests.

    :ivar site: the site, whose resource is a :class:`~txcdp.gateway._http.router.Router`.
    """

    site: Any
    transport: Any
    requestFactory = GatewayRequest

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._request_line = b""
        self._in_progress = False
        self._full = False
        self._behind: list[bytes] = []
        self._successor: Any = None
        self._refused = False
        self._lingering = Timer(self, super().loseConnection)

    def connectionMade(self) -> None:
        """Register the connection with the limiter."""
        super().connectionMade()
        self.site.limiter.add(self)

    def cut(self) -> None:
        """Drop the connection to make room for another one."""
        self.transport.abortConnection()

    def begin(self) -> None:
        """Count the connection's request, which the authorizer has accepted, as in progress.

        :raises Refusal: too many are in progress.
        """
        self.site.limiter.begin(self)

    def allContentReceived(self) -> None:
        """Process the request, which is complete; bytes that follow belong to the next one."""
        self._in_progress = True
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        """Take the next request, because this one is answered."""
        self._in_progress = False
        self._behind.clear()
        self.site.limiter.end(self)
        if self._full and self.persistent:  # the next one has to wait: answers are longer than requests
            self.paused = True
        super().requestDone(request)
        if self.paused:
            self.transport.pauseProducing()

    def pauseProducing(self) -> None:
        """Stop writing, because the client reads too slowly."""
        self._full = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """Go on writing, because the client has read everything."""
        self._full = False
        super().resumeProducing()
        if self.paused:
            self.paused = False
            LineReceiver.dataReceived(self, b"")  # nothing new has come: its time goes on

    def hand_over(self, successor: Any) -> tuple[Any, bytes]:
        """Give the connection to another protocol, and know nothing more of it.

        :returns: the transport, and what came behind the request. What is still to come of the same read goes to the
            other protocol by itself.
        """
        self._successor = successor
        self.setTimeout(None)
        self.site.limiter.remove(self)
        transport, self.transport = self.transport, None
        return transport, b"".join(self._behind)

    def resetTimeout(self) -> None:
        """Restart the timeout, but not within a head: one that is sent byte by byte gets no more time than another."""
        if not (self.line_mode and self._begun):
            self._begun = True
            super().resetTimeout()

    def lineReceived(self, line: bytes) -> None:
        """Process a line of the head; the first line has to be kept until the end of the head."""
        if not self._request_line:
            self._request_line = line
        super().lineReceived(line)

    def headerReceived(self, line: bytes) -> bool:
        """Process a header; a length of thousands of digits is invalid."""
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            self._break_off(b"400 Bad Request")
            return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a head with a line that is too long."""
        self._break_off(b"431 Request Header Fields Too Large")

    def allHeadersReceived(self) -> None:
        """Authorize or refuse a request with a body; one without is refused when it is answered, and the connection
        stays.
        """
        self._begun = False
        line, self._request_line = self._request_line, b""
        if self.length != 0:
            request = self.requests[-1]
            request.method, request.uri, request.clientproto = line.split()
            request.method = request.method.upper()
            request.path = request.uri.partition(b"?")[0]
            try:
                request.limit = self.site.resource.admit(request)
                request.limit.check(self.length or 0)
            except Refusal as refusal:
                self._refuse(request, refusal)
                return
        super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Process a part of a body, or what follows a request; after a refusal, it is discarded."""
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        if self._refused:
            self._discard(len(data))
            return
        if self._in_progress:
            self._behind.append(data)
        try:
            super().rawDataReceived(data)
        except Refusal as refusal:
            self._refuse(self.requests[-1], refusal)

    def _break_off(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 %b\r\nConnection: close\r\n\r\n" % status)
        self.loseConnection()

    def _refuse(self, request: Any, refusal: Refusal) -> None:
        self._refused = True
        self.persistent = False
        request.setHeader(b"connection", b"close")
        request.setHeader(b"date", datetimeToString())
        self.site.resource.refuse(request, refusal)

    def _discard(self, size: int) -> None:
        if self.length is not None:  # which those of chunks have not
            self.length -= size
            if self.length <= 0:
                super().loseConnection()

    def loseConnection(self) -> None:
        """Close the connection; after a refusal, once its client has had time to read that."""
        if self._refused:
            self._lingering.set(_LINGER)
        else:
            super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release what the connection held."""
        self._lingering.stop()
        self.site.limiter.remove(self)
        super().connectionLost(reason)
