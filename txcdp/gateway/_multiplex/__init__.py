"""One browser for several clients, each in a virtual browser of its own. No Twisted, no Rx: bytes in, bytes out.

:class:`SharedBrowser` is the browser's end, :class:`VirtualBrowser` a client's. Messages of either are given to
``receive``; what they cause leaves by the callables that each was made with, before ``receive`` returns. Nothing waits,
nothing has a timer, nothing is read or written.
"""

from txcdp.gateway._multiplex.limits import Limits
from txcdp.gateway._multiplex.shared_browser import SharedBrowser
from txcdp.gateway._multiplex.virtual_browser import OpenOtherEnd, VirtualBrowser

__all__ = ["Limits", "OpenOtherEnd", "SharedBrowser", "VirtualBrowser"]
