"""The gateway: a pool of browsers behind one address, for any client that speaks the DevTools protocol."""

from txcdp.gateway._egress.limits import EgressLimits
from txcdp.gateway._options import (
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
    "AccessOptions",
    "BrowserLimits",
    "ClientLimits",
    "EgressLimits",
    "Gateway",
    "GatewayOptions",
    "Policy",
    "PoolOptions",
    "RenderOptions",
]
