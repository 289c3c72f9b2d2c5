"""The server that the test suite examines: echoes what it is sent, until its standard input ends.

::

    server.py [--unchecked]

It is the protocol class that the gateway's clients speak with, with nothing but the echo added. Prints its port and, at
the end, how many texts took the short path and how many messages came through Autobahn's own parser.
"""

# ruff: noqa: T201  (a program)
from __future__ import annotations

import argparse
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.python.failure import Failure

from txcdp._transports.server_frames import ServerShortPath


class Echo(ServerShortPath):
    """Sends every message back.

    :cvar short: how many texts came the short path.
    :cvar long: how many messages came through Autobahn's own parser.
    """

    short = long = 0

    def __init__(self) -> None:
        super().__init__()
        self.deliver = self.on_short_path

    def on_short_path(self, payload: bytes) -> None:
        """Take a text that the short path cut out."""
        Echo.short += 1
        self.send(payload)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take a message that Autobahn has parsed."""
        Echo.long += 1
        if isBinary:
            self.sendMessage(payload, True)
        else:
            self.send(payload)


class UntilTheEnd(Protocol):
    """Fires when standard input ends."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note that it has."""
        self.ended.callback(None)


def accept(offers: list[object]) -> object:
    """Agree to permessage-deflate where it is offered."""
    return next(
        (PerMessageDeflateOfferAccept(each) for each in offers if isinstance(each, PerMessageDeflateOffer)), None
    )


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Serve until the end."""
    factory: Any = WebSocketServerFactory(reactor=reactor)
    factory.protocol = Echo
    factory.noisy = False
    factory.setProtocolOptions(
        utf8validateIncoming=not options.unchecked, failByDrop=False, perMessageCompressionAccept=accept
    )
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    until = UntilTheEnd()
    StandardIO(until)
    await until.ended
    print(f"{Echo.short} {Echo.long}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Echo for a fuzzing client.")
    parser.add_argument("--unchecked", action="store_true", help="do not check the UTF-8 of incoming texts")
    react(main, [parser.parse_args()])
