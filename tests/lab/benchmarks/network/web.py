"""A web server that costs next to nothing: it answers all that it is asked, and counts it.

As a program it listens at a free port of this machine, which is its first line; each line on its input is answered with
how many requests there were so far.
"""

from __future__ import annotations

import asyncio
import sys

_PAGE = b"<!doctype html><title>here</title><link rel=icon href=data:,>"


def _answer(kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%b" % (
        kind,
        len(body),
        body,
    )


_ANSWERS = _answer(b"text/html", _PAGE), _answer(b"text/plain", b"x" * 100)


class Server(asyncio.Protocol):
    """Answers requests that have no body."""

    served = 0

    def __init__(self) -> None:
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        *heads, self._head = (self._head + data).split(b"\r\n\r\n")
        for head in heads:
            if head.startswith(b"GET / "):
                self._transport.write(_ANSWERS[0])
            else:
                Server.served += 1
                self._transport.write(_ANSWERS[1])


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Server.served, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
