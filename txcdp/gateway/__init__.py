"""The gateway: one door to a pool of browsers, for any client that speaks the DevTools protocol."""

from txcdp.gateway._egress.limits import EgressLimits
from txcdp.gateway._options import (
    BrowserLimits,
    ClientLimits,
    DoorOptions,
    GatewayOptions,
    Policy,
    PoolOptions,
    RenderOptions,
)
from txcdp.gateway._server import Gateway

__all__ = [
    "BrowserLimits",
    "ClientLimits",
    "DoorOptions",
    "EgressLimits",
    "Gateway",
    "GatewayOptions",
    "Policy",
    "PoolOptions",
    "RenderOptions",
]
