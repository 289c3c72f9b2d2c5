"""The client that the test suite examines: echoes what it is sent, case after case.

::

    client.py ws://127.0.0.1:PORT [--agent NAME] [--unchecked]

It is the protocol class that txcdp's WebSocket transport is made of, with nothing but the echo added.
``--unchecked`` leaves UTF-8 to the decoder of the messages, as txcdp does.
"""

# ruff: noqa: T201  (a program)
from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import urlencode

from autobahn.twisted.websocket import WebSocketClientFactory
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.task import react

from txcdp._transports.frames import ShortPathProtocol


class Echo(ShortPathProtocol):
    """Sends every message back.

    :cvar short: how many texts came the short path.
    :cvar long: how many messages came through Autobahn's own parser.
    """

    short = long = 0

    def __init__(self) -> None:
        super().__init__()
        self.closed: Deferred[None] = Deferred()
        self.last = b""
        self.deliver = self.on_short_path

    def on_short_path(self, payload: bytes) -> None:
        """Take a text that the short path cut out."""
        Echo.short += 1
        self.take(payload, False)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Take a message that Autobahn has parsed."""
        Echo.long += 1
        self.take(payload, isBinary)

    def take(self, payload: bytes, binary: bool) -> None:
        """Send a message back, by the way that its kind leaves."""
        self.last = payload
        if not self.factory.echo:
            return
        if binary:
            self.sendMessage(payload, True)
        else:
            self.send(payload)

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        """Fire, because the case is over; the suite itself judges how it ended."""
        self.closed.callback(None)


def accept(response: object) -> object:
    """Agree to permessage-deflate as the server wants it."""
    return PerMessageDeflateResponseAccept(response) if isinstance(response, PerMessageDeflateResponse) else None


async def converse(reactor: Any, options: argparse.Namespace, path: str, echo: bool, **query: object) -> bytes:
    """Hold one connection until it is closed; return its last message."""
    factory: Any = WebSocketClientFactory(f"{options.url}{path}?{urlencode(query)}", reactor=reactor)
    factory.protocol = Echo
    factory.noisy = False
    factory.echo = echo
    factory.setProtocolOptions(
        utf8validateIncoming=not options.unchecked,
        failByDrop=False,
        openHandshakeTimeout=10,
        closeHandshakeTimeout=10,
        perMessageCompressionOffers=[PerMessageDeflateOffer()],
        perMessageCompressionAccept=accept,
    )
    endpoint: Any = HostnameEndpoint(reactor, factory.host, factory.port)
    protocol: Echo = await endpoint.connect(factory)
    await protocol.closed
    return protocol.last


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Go through all cases that the server has, then let it write its report."""
    cases = int(await converse(reactor, options, "/getCaseCount", False))
    for case in range(1, cases + 1):
        await converse(reactor, options, "/runCase", True, case=case, agent=options.agent)
    await converse(reactor, options, "/updateReports", False, agent=options.agent)
    print(f"{cases} {Echo.short} {Echo.long}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Echo through all cases of a fuzzing server.")
    parser.add_argument("url")
    parser.add_argument("--agent", default="txcdp")
    parser.add_argument("--unchecked", action="store_true", help="do not check the UTF-8 of incoming texts")
    react(main, [parser.parse_args()])
