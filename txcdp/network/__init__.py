"""What goes over the network for pages and workers: exchanges, with their requests and responses."""

from txcdp.network._exchange import Exchange, RequestTiming
from txcdp.network._headers import Header
from txcdp.network._requests import Request, RequestSizes
from txcdp.network._responses import RemoteAddress, Response, SecurityDetails

__all__ = [
    "Exchange",
    "Header",
    "RemoteAddress",
    "Request",
    "RequestSizes",
    "RequestTiming",
    "Response",
    "SecurityDetails",
]
