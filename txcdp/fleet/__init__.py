"""Browsers on several machines, used from others over a WAMP router such as Crossbar; needs ``txcdp[fleet]``.

A :class:`Node` offers the work of a :class:`~txcdp.gateway.Gateway` at the router; ``twistd txcdp node`` runs one. A
:class:`Fleet` has work done by any node that has a free place.
"""

from __future__ import annotations

try:
    import cbor2 as _cbor2  # noqa: F401  (messages have bytes in them)
except ImportError as error:
    raise ImportError("txcdp.fleet needs cbor2: pip install txcdp[fleet]") from error

from txcdp.fleet._chunks import RemoteChunks, StreamedResult
from txcdp.fleet._fleet import REPEATABLE, ActionsResult, Fleet, RemoteResult, connect
from txcdp.fleet._node import Node
from txcdp.fleet._options import FleetOptions, NodeOptions, RouterOptions
from txcdp.fleet._service import NodeService
from txcdp.fleet._topics import TopicStream
from txcdp.fleet._watching import RemoteStream

__all__ = [
    "REPEATABLE",
    "ActionsResult",
    "Fleet",
    "FleetOptions",
    "Node",
    "NodeOptions",
    "NodeService",
    "RemoteChunks",
    "RemoteResult",
    "RemoteStream",
    "RouterOptions",
    "StreamedResult",
    "TopicStream",
    "connect",
]
