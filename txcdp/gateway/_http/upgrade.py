"""Upgrades a request to a WebSocket: the connection to a browser comes first, and only then the handshake."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from twisted.protocols.policies import ProtocolWrapper

from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import RoutedRequest


def wants_socket(request: Any) -> bool:
    """Return whether a request asks for a WebSocket."""
    headers = request.requestHeaders
    return "websocket" in _tokens(headers, b"upgrade") and "upgrade" in _tokens(headers, b"connection")


def check_upgrade(request: RoutedRequest) -> None:
    """Check that a request opens a WebSocket, before anything is done for it.

    :raises Refusal: it does not.
    """
    headers = request.http.requestHeaders
    if not wants_socket(request.http):
        raise Refusal(
            426,
            "A WebSocket is required here: connect with ws:// or wss:// instead of http:// or https://.",
            "upgrade",
            {"Upgrade": "websocket", "Connection": "Upgrade"},
        )
    if headers.getRawHeaders(b"sec-websocket-version", []) != [b"13"]:
        raise Refusal(426, "WebSocket version 13 is required.", "upgrade", {"Sec-WebSocket-Version": "13"})
    keys = headers.getRawHeaders(b"sec-websocket-key", [])
    try:
        sound = len(keys) == 1 and len(base64.b64decode(keys[0].strip(), validate=True)) == 16
    except binascii.Error:
        sound = False
    if not sound:
        raise Refusal(400, "Exactly one Sec-WebSocket-Key of 16 bytes in base 64 is required.", "upgrade")


def _tokens(headers: Any, name: bytes) -> list[str]:
    return [
        each.strip().lower() for line in headers.getRawHeaders(name, []) for each in line.decode("latin-1").split(",")
    ]


def take_over(request: Any, protocol: Any) -> None:
    """Give the connection of a request to another protocol, which gets the request to read as it came.

    The HTTP server no longer has anything to do with it. (Autobahn's ``WebSocketResource`` does the same, for a
    protocol that is made later.)
    """
    transport, behind = request.channel.hand_over(protocol)
    if isinstance(transport, ProtocolWrapper):  # TLS
        transport.wrappedProtocol = protocol
    elif isinstance(transport.protocol, ProtocolWrapper):
        transport.protocol.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
    protocol.makeConnection(transport)
    transport.resumeProducing()
    lines = [b"%s %s HTTP/1.1" % (request.method, request.uri)]
    lines += [b"%s: %s" % (name, b",".join(values)) for name, values in request.requestHeaders.getAllRawHeaders()]
    protocol.dataReceived(b"\r\n".join([*lines, b"", b""]))
    if behind:
        protocol.dataReceived(behind)
