"""The server's side of SOCKS 5 until the client is connected (RFC 1928), without sockets.

A client sends a greeting and, once that is answered, a request; there are no other states::

    GREETING --greeting--> REQUEST --request--> REQUESTED

Only ``CONNECT`` is supported, and no authentication: Chromium has none for SOCKS.
"""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

_VERSION: Final = 5
_NO_AUTHENTICATION: Final = 0
_NOTHING_ACCEPTABLE: Final = 0xFF
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4

#: Bytes before an address.
_HEAD: Final = 4


class Reply(IntEnum):
    """The reply codes of SOCKS 5."""

    SUCCEEDED = 0
    FAILURE = 1
    NOT_ALLOWED = 2
    HOST_UNREACHABLE = 4
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class State(Enum):
    """The states of a client's handshake."""

    GREETING = auto()
    REQUEST = auto()
    REQUESTED = auto()


class Destination(NamedTuple):
    """The destination that a client asks for: a name, or an address as text; and a port."""

    host: str
    port: int


class SocksError(ValueError):
    """A client does not speak SOCKS 5, or asks for something that is not supported.

    :ivar answer: the response before its connection is closed.
    """

    def __init__(self, message: str, answer: bytes = b"") -> None:
        super().__init__(message)
        self.answer = answer


def answer(reply: Reply) -> bytes:
    """Return the response to a request; it does not disclose the address that the server has connected to or from."""
    return bytes((_VERSION, reply, 0, _IPV4, 0, 0, 0, 0, 0, 0))


class Handshake:
    """The state machine of one client's SOCKS 5 handshake.

    :ivar state: the state of the handshake.
    :ivar destination: the requested destination, in the state ``REQUESTED``; None before.
    :ivar rest: bytes that followed the request.
    """

    def __init__(self) -> None:
        self.state = State.GREETING
        self.destination: Destination | None = None
        self.rest = b""
        self._buffer = b""

    def __repr__(self) -> str:
        return f"<Handshake {self.state.name}>"

    def receive(self, data: bytes) -> bytes:
        """Process bytes from the client; return the response.

        Only one request is kept: what follows it is in :attr:`rest`.

        :raises SocksError: the client cannot be served.
        """
        if self.state is State.REQUESTED:
            self.rest += data
            return b""
        self._buffer += data
        said = b""
        if self.state is State.GREETING:
            said = self._greeting()
        if self.state is State.REQUEST:
            self._request()
        return said

    def _greeting(self) -> bytes:
        buffer = self._buffer
        if buffer and buffer[0] != _VERSION:
            raise SocksError("not SOCKS 5")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return b""
        end = 2 + buffer[1]
        if _NO_AUTHENTICATION not in buffer[2:end]:
            raise SocksError("it wants to authenticate", bytes((_VERSION, _NOTHING_ACCEPTABLE)))
        self._buffer = buffer[end:]
        self.state = State.REQUEST
        return bytes((_VERSION, _NO_AUTHENTICATION))

    def _request(self) -> None:
        buffer = self._buffer
        if buffer and buffer[0] != _VERSION:
            raise SocksError("not a SOCKS 5 request")
        if len(buffer) <= _HEAD:
            return
        if buffer[1] != _CONNECT:
            raise SocksError("it requests something other than connecting", answer(Reply.COMMAND_NOT_SUPPORTED))
        kind = buffer[3]
        begin = _HEAD + (kind == _NAME)
        length = {_IPV4: 4, _IPV6: 16, _NAME: buffer[_HEAD]}.get(kind)
        if length is None:
            raise SocksError("its address is of an unknown type", answer(Reply.ADDRESS_TYPE_NOT_SUPPORTED))
        end = begin + length
        if len(buffer) < end + 2:
            return
        host = _host(kind, buffer[begin:end])
        port = int.from_bytes(buffer[end : end + 2], "big")
        if not (host and port):
            raise SocksError("it wants to be connected to nowhere", answer(Reply.HOST_UNREACHABLE))
        self.destination = Destination(host, port)
        self.rest, self._buffer = buffer[end + 2 :], b""
        self.state = State.REQUESTED


def _host(kind: int, data: bytes) -> str:
    if kind == _IPV4:
        return str(IPv4Address(data))
    if kind == _IPV6:
        return str(IPv6Address(data))
    try:
        return data.decode("ascii").removeprefix("[").removesuffix("]")  # of an IPv6 address that is sent as a name
    except UnicodeDecodeError:
        raise SocksError("its name is none", answer(Reply.HOST_UNREACHABLE)) from None
