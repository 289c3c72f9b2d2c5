"""One browser for several clients, each in a virtual browser of its own. No Twisted, no Rx: bytes in, bytes out.

:class:`SharedBrowser` is the browser's end, a :class:`ClientConnection` a client's, to its :class:`VirtualBrowser`.
Messages of either are given to ``receive``; what they cause leaves by the callables that each was made with, before
``receive`` returns. Nothing waits, nothing has a timer, nothing is read or written.
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
