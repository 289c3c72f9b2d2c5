"""A web server that answers byte for byte what it is told, the wrong things too; Twisted's own writes what is right."""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

reactor: Any = _reactor


class Raw(NamedTuple):
    """An answer.

    :ivar data: what is written.
    :ivar close: whether the connection is closed behind it; else it stays open, and nothing more comes.
    :ivar delay: seconds before it.
    """

    data: bytes
    close: bool = True
    delay: float = 0.0


def http(
    body: str | bytes = b"", status: str = "200 OK", kind: str = "text/html; charset=utf-8", **headers: str
) -> Raw:
    """Return a right answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Raw("\r\n".join([*lines, "", ""]).encode() + content)


def redirect(to: str, status: str = "302 Found") -> Raw:
    """Return an answer that leads on."""
    return http(status=status, Location=to)


#: What a document may be broken in; all of them are answered with 200.
BROKEN = {
    "/short": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n<title>short</title><p>half"
    ),
    "/chunks": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1c\r\n<title>chunks</title><p>half\r\n"
    ),
    "/encoding": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n"
        b"Connection: close\r\n\r\n<title>not gzip</tit"
    ),
}


class RawServer:
    """Listens on 127.0.0.1, which is also localhost: two sites.

    :ivar answers: by path, without the query.
    :ivar asked: the paths that were asked for, with their queries.
    """

    def __init__(self, answers: dict[str, Raw] | None = None) -> None:
        self.answers: dict[str, Raw] = {"/favicon.ico": http(status="404 Not Found")} | (answers or {})
        self.asked: list[str] = []
        self._channels: set[_Channel] = set()
        self._port = reactor.listenTCP(0, Factory.forProtocol(lambda: _Channel(self)), interface="127.0.0.1")
        self.port: int = self._port.getHost().port

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def page(self, path: str, body: str = "", status: str = "200 OK", **headers: str) -> str:
        """Put a page there, and return its URL."""
        self.answers[path] = http(body, status, **headers)
        return self.url(path)

    def raw(self, path: str, answer: Raw) -> str:
        """Put any answer there, and return its URL."""
        self.answers[path] = answer
        return self.url(path)

    def answer(self, path: str) -> Raw:
        """Return what is answered; Chromium asks with queries to tell pages apart."""
        self.asked.append(path)
        return self.answers.get(path.partition("?")[0], http("no such page", "404 Not Found"))

    def reply(self, head: bytes) -> Raw:
        """Return what is answered to a request, given all of its head."""
        return self.answer(head.split(b" ", 2)[1].decode())

    async def stop(self) -> None:
        """Listen no more, and wait until all connections are gone."""
        gone = [each.gone for each in self._channels]
        for each in list(self._channels):
            each.transport.abortConnection()
        await gatherResults([*gone, maybeDeferred(self._port.stopListening)])


class _Channel(Protocol):
    transport: Any

    def __init__(self, server: RawServer) -> None:
        self.gone: Deferred[None] = Deferred()
        self._server = server
        self._read = b""

    def connectionMade(self) -> None:
        self._server._channels.add(self)

    def dataReceived(self, data: bytes) -> None:
        self._read += data
        head, end, _ = self._read.partition(b"\r\n\r\n")
        if end:
            self._read = b""
            answer = self._server.reply(head)
            if answer.delay:
                reactor.callLater(answer.delay, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: Raw) -> None:
        self.transport.write(answer.data)
        if answer.close:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server._channels.discard(self)
        self.gone.callback(None)
