"""The gateway: a pool of browsers behind one address, for any client that speaks the DevTools protocol."""

from txcdp.gateway._egress.limits import EgressLimits
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Answer, Handler, RoutedRequest, in_json
from txcdp.gateway._http.routes import Operation
from txcdp.gateway._http.tokens import BadTokens, Principal, Tokens
from txcdp.gateway._options import (
    RISKY_METHODS,
    AccessOptions,
    BrowserLimits,
    ClientLimits,
    GatewayOptions,
    Policy,
    PoolOptions,
    RenderOptions,
)
from txcdp.gateway._server import Gateway

__all__ = [
    "RISKY_METHODS",
    "AccessOptions",
    "Answer",
    "BadTokens",
    "BrowserLimits",
    "ClientLimits",
    "EgressLimits",
    "Gateway",
    "GatewayOptions",
    "Handler",
    "Operation",
    "Policy",
    "PoolOptions",
    "Principal",
    "Refusal",
    "RenderOptions",
    "RoutedRequest",
    "Tokens",
    "in_json",
]
