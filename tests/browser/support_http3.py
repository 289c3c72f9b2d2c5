"""A server that speaks HTTP/3 over UDP alone, on the reactor: aioquic says what is to be sent.

Sessions of WebTransport are accepted, too, and their datagrams sent back.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aioquic.buffer import Buffer  # type: ignore[attr-defined]  # its module re-exports it without saying so
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, StreamReset
from aioquic.quic.packet import QuicPacketType, pull_quic_header
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase

from tests.browser.support import reactor
from tests.browser.support_lines import Authority


class Asked(NamedTuple):
    """A request.

    :ivar method: such as ``GET``.
    :ivar path: with its query.
    :ivar headers: by name.
    :ivar body: of it.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer3(NamedTuple):
    """What is answered.

    :ivar body: of it.
    :ivar status: of it.
    :ivar headers: by name, in small letters.
    :ivar ends: whether that is all of it; if not, the stream stays open.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {"content-type": "text/plain"}
    ends: bool = True


class Streaming:
    """The stream of a request that is answered."""

    def __init__(self, connection: _Connection, stream_id: int) -> None:
        self._connection = connection
        self._id = stream_id

    def send(self, data: bytes, ends: bool = False) -> None:
        """Send some of its body."""
        self._connection.http.send_data(self._id, data, ends)
        self._connection.flush()

    def break_off(self) -> None:
        """End it with an error."""
        self._connection.quic.reset_stream(self._id, 0x102)
        self._connection.flush()


class _Connection:
    """One connection."""

    def __init__(self, server: Server3, quic: QuicConnection, address: Any) -> None:
        self.quic = quic
        self.http = H3Connection(quic, enable_webtransport=True)
        self._server = server
        self._address = address
        self._timer: IDelayedCall | None = None
        self._asked: dict[int, tuple[dict[str, str], list[bytes]]] = {}

    def received(self, data: bytes) -> None:
        self.quic.receive_datagram(data, self._address, reactor.seconds())
        self.handle()

    def handle(self) -> None:
        while (event := self.quic.next_event()) is not None:
            if isinstance(event, ConnectionTerminated):
                self._server.left(self._address)
            elif isinstance(event, StreamReset):
                self._asked.pop(event.stream_id, None)
            for each in self.http.handle_event(event):
                if isinstance(each, HeadersReceived):
                    named = {name.decode(): value.decode() for name, value in each.headers}
                    if named[":method"] == "CONNECT":
                        self.http.send_headers(each.stream_id, [(b":status", b"200")])
                    else:
                        self._asked[each.stream_id] = (named, [])
                if isinstance(each, DatagramReceived):
                    self.http.send_datagram(each.stream_id, each.data)
                if isinstance(each, DataReceived) and each.stream_id in self._asked:
                    self._asked[each.stream_id][1].append(each.data)
                if isinstance(each, HeadersReceived | DataReceived) and each.stream_ended:
                    self._answer(each.stream_id)
        self.flush()

    def _answer(self, stream_id: int) -> None:
        asked = self._asked.pop(stream_id, None)
        if asked is None:
            return
        headers, pieces = asked
        request = Asked(headers[":method"], headers[":path"], headers, b"".join(pieces))
        answer = self._server.answer(request, Streaming(self, stream_id))
        head = [(":status", str(answer.status)), *answer.headers.items()]
        bare = answer.ends and not answer.body
        self.http.send_headers(stream_id, [(name.encode(), value.encode()) for name, value in head], bare)
        if not bare:
            self.http.send_data(stream_id, answer.body, answer.ends)

    def flush(self) -> None:
        now = reactor.seconds()
        for data, address in self.quic.datagrams_to_send(now):
            self._server.transport.write(data, address)
        due = self.quic.get_timer()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None if due is None else reactor.callLater(max(due - now, 0), self._tick)

    def _tick(self) -> None:
        self.quic.handle_timer(reactor.seconds())
        self.handle()

    def close(self) -> None:
        self.quic.close()
        self.flush()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


class Server3(DatagramProtocol):
    """A server of HTTP/3 for the length of a test.

    :ivar port: of UDP, at which it is.
    :ivar asked: the requests that came, in order.
    :ivar answers: by path without query: functions that answer.
    :ivar options: of a browser that takes what is here for good, and asks by no other protocol.
    """

    transport: Any

    def __init__(self, case: TestCase) -> None:
        key, certificate = Authority().server_pem("127.0.0.1")
        self._configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN, max_datagram_frame_size=65536)
        self._configuration.certificate = x509.load_pem_x509_certificate(certificate)
        self._configuration.private_key = load_pem_private_key(key, None)
        self._connections: dict[Any, _Connection] = {}
        self.asked: list[Asked] = []
        self.answers: dict[str, Callable[[Asked, Streaming], Answer3]] = {}
        port = reactor.listenUDP(0, self, interface="127.0.0.1", maxPacketSize=65536)
        self.port = int(port.getHost().port)
        public = self._configuration.certificate.public_key()
        digest = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        self.options = [
            f"--origin-to-force-quic-on=127.0.0.1:{self.port}",
            f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}",
        ]

        def stop() -> Any:
            for each in list(self._connections.values()):
                each.close()
            return maybeDeferred(port.stopListening)

        case.addCleanup(stop)

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def answer(self, asked: Asked, stream: Streaming) -> Answer3:
        self.asked.append(asked)
        found = self.answers.get(asked.path.partition("?")[0])
        return Answer3(b"no such page", 404) if found is None else found(asked, stream)

    def left(self, address: Any) -> None:
        self._connections.pop(address, None)

    def datagramReceived(self, data: bytes, address: Any) -> None:
        found = self._connections.get(address)
        if found is None:
            header = pull_quic_header(Buffer(data=data), self._configuration.connection_id_length)
            if header.packet_type != QuicPacketType.INITIAL:
                return
            quic = QuicConnection(
                configuration=self._configuration, original_destination_connection_id=header.destination_cid
            )
            found = self._connections[address] = _Connection(self, quic, address)
        found.received(data)
