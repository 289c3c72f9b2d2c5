"""The lines to a browser: a WebSocket, a pipe, and what a line of your own has to be.

:func:`txcdp.launch` and :func:`txcdp.connect` make these themselves. A :class:`~txcdp.Connection` of your own takes any
:class:`Transport`: one that :func:`open_websocket` has opened, with :class:`~txcdp.WebSocketOptions`, or a
:class:`PipeTransport` over the two pipes of ``--remote-debugging-pipe``.
"""

from txcdp._transports.interface import Receiver, Transport, WriteBatching
from txcdp._transports.pipe import PipeTransport
from txcdp._transports.websocket import open_websocket
from txcdp._transports.websocket_protocol import WebSocketTransport

__all__ = ["PipeTransport", "Receiver", "Transport", "WebSocketTransport", "WriteBatching", "open_websocket"]
