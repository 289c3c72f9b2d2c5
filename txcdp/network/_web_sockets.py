"""The WebSockets of pages and workers, for programs that watch them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred

from txcdp._deferreds import failing_deferreds
from txcdp._other_names import NamedElsewhere
from txcdp._privacy import printable, shown_url
from txcdp.domains import network
from txcdp.streams import Stream
from txcdp.streams._fanout import StreamSubject

if TYPE_CHECKING:
    from txcdp.network._exchange import Exchange
    from txcdp.page import Page

#: The opcode of a text frame; all others are binary.
_TEXT: Final = 1


@failing_deferreds
class WebSocket(NamedElsewhere):
    """A WebSocket of a page or a worker; an item of ``page.web_sockets``.

    :ivar exchange: its handshake, an :class:`Exchange` that has its headers, and that ends when the WebSocket is
        closed.
    """

    def __init__(self, exchange: Exchange) -> None:
        context = exchange._network.context
        self.exchange = exchange
        self._sent: StreamSubject[str | bytes] = StreamSubject(context, "web_socket.frames_sent")
        self._received: StreamSubject[str | bytes] = StreamSubject(context, "web_socket.frames_received")
        self._errors: StreamSubject[str] = StreamSubject(context, "web_socket.errors")
        #: Called with each frame, and its time in seconds since 1970.
        self._recorders: list[Callable[[bool, float, network.WebSocketFrame], object]] = []

    def __repr__(self) -> str:
        return printable(f"<WebSocket {shown_url(self.url)}{' (closed)' if self.is_closed() else ''}>")

    @property
    def url(self) -> str:
        """The URL of the WebSocket."""
        return self.exchange._row.url

    @property
    def page(self) -> Page | None:
        """The page that it belongs to; None for a service worker's."""
        return self.exchange.page

    def is_closed(self) -> bool:
        """Return whether it is closed, was never open, or its owner is gone."""
        return self.exchange.finished

    @property
    def frames_sent(self) -> Stream[str | bytes]:
        """The frames sent to the server: str for text, bytes for binary; the stream completes with the socket."""
        return self._sent

    @property
    def frames_received(self) -> Stream[str | bytes]:
        """The frames received from the server: str for text, bytes for binary; the stream completes with the socket."""
        return self._received

    @property
    def errors(self) -> Stream[str]:
        """Its errors, in the browser's words; the stream completes with the socket."""
        return self._errors

    def when_closed(self) -> Deferred[str | None]:
        """Wait until it is closed.

        The browser does not report the code and the reason that a socket is closed with.

        :returns: fires at once if it is closed; with None if it was closed normally, otherwise with what went wrong, in
            words.
        """
        return self.exchange.when_finished().addCallback(lambda exchange: exchange.failure)

    # What the network tells:

    def _take(self, frame: network.WebSocketFrame, sent: bool, timestamp: float) -> None:
        if self._recorders:
            row = self.exchange._row
            for record in self._recorders:
                record(sent, row.wall_time + timestamp - row.started, frame)
        stream = self._sent if sent else self._received
        if stream.listened:
            text = frame.payload_data
            stream.push(text if frame.opcode == _TEXT else b64decode(text))

    def _failed(self) -> None:
        self._errors.push(self.exchange._row.error_text)

    def _finish(self) -> None:
        for stream in (self._sent, self._received, self._errors):
            stream.end()
