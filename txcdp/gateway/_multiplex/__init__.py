"""One browser for several clients, each with a virtual browser of its own. No Twisted, no Rx: bytes in, bytes out.

:class:`SharedBrowser` is the side of the browser, and :class:`ClientConnection` that of a client, connected to its
:class:`VirtualBrowser`. Each takes messages by ``receive``, and sends the resulting messages through the callables that
it was made with, before ``receive`` returns. Nothing here waits, has a timer, or does I/O.
"""

from txcdp.gateway._multiplex.client_state import INTERNAL_ERROR, NORMAL_END, Limits
from txcdp.gateway._multiplex.connections import ClientConnection
from txcdp.gateway._multiplex.shared_browser import SharedBrowser
from txcdp.gateway._multiplex.virtual_browser import OpenConnection, VirtualBrowser

__all__ = [
    "INTERNAL_ERROR",
    "NORMAL_END",
    "ClientConnection",
    "Limits",
    "OpenConnection",
    "SharedBrowser",
    "VirtualBrowser",
]
