"""The transports to a browser: a WebSocket, a pipe, and the interface for a transport of your own.

:func:`txcdp.launch` and :func:`txcdp.connect` make these themselves. If you make a :class:`~txcdp.Connection` yourself,
give it any :class:`Transport`: one from :func:`open_websocket`, with :class:`~txcdp.WebSocketOptions`, or a
:class:`PipeTransport` on the two pipes of ``--remote-debugging-pipe``.
"""

from txcdp._transports.interface import Receiver, Transport, WriteBatching
from txcdp._transports.pipe import PipeTransport
from txcdp._transports.websocket import open_websocket
from txcdp._transports.websocket_protocol import WebSocketTransport

__all__ = ["PipeTransport", "Receiver", "Transport", "WebSocketTransport", "WriteBatching", "open_websocket"]
