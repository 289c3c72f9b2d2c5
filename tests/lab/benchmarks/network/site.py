"""A web server with a log: of a folder, and of what the lab's programs ask for.

::

    python -m tests.lab.benchmarks.network.site FOLDER LOG

It listens at a free port of this machine, which it prints. ``/-/stream?n=N`` sends N bytes piece by piece,
``/-/body?n=N`` at once; ``/-/upload`` says how many bytes came, and their CRC.
"""

from __future__ import annotations

import sys
import zlib
from typing import Any, Final

from twisted.internet import reactor as _reactor
from twisted.internet.interfaces import IPullProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.static import File
from zope.interface import implementer

reactor: Any = _reactor

#: What bodies consist of.
PIECE: Final = bytes(index * 7 % 256 for index in range(1 << 16))


def body(size: int) -> bytes:
    """Return the body of so many bytes."""
    return (PIECE * (size // len(PIECE) + 1))[:size]


@implementer(IPullProducer)
class Streaming:
    """Sends a body piece by piece, as the browser takes it."""

    def __init__(self, request: Any, size: int) -> None:
        self._request = request
        self._left = size

    def resumeProducing(self) -> None:
        """Send the next piece."""
        if self._left:
            size = min(self._left, len(PIECE))
            self._left -= size
            self._request.write(PIECE[:size])
        else:
            self._request.unregisterProducer()
            self._request.finish()

    def stopProducing(self) -> None:
        """Send no more: the browser has gone."""
        self._left = 0


class Lab(Resource):
    """What the lab's programs ask for."""

    isLeaf = True

    def render(self, request: Any) -> Any:
        """Answer."""
        what = request.postpath[0]
        request.setHeader("cache-control", "no-store")
        request.setHeader("content-type", "application/octet-stream")
        if what == b"upload":
            crc = count = 0
            while piece := request.content.read(1 << 20):
                crc, count = zlib.crc32(piece, crc), count + len(piece)
            return f"{count} {crc}".encode()
        size = int(request.args[b"n"][0])
        if what == b"body":
            return body(size)
        request.setHeader("content-length", str(size))
        request.registerProducer(Streaming(request, size), False)
        return NOT_DONE_YET


def main(folder: str, log: str) -> None:
    """Serve."""
    root = File(folder)
    root.putChild(b"-", Lab())
    site = Site(root, logPath=log)
    site.displayTracebacks = False
    print(reactor.listenTCP(0, site, interface="127.0.0.1").getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
