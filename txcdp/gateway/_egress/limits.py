"""How much may go through the egress proxy."""

from __future__ import annotations

from dataclasses import dataclass

from txcdp._arguments import check_numbers


@dataclass(frozen=True, kw_only=True)
class EgressLimits:
    """Limits of the connections that browsers make through the gateway's proxy; times in seconds.

    :ivar connections: most connections at once, of all browsers; one more is closed.
    :ivar handshake_time: for a browser to say where it wants to be connected to.
    :ivar connect_time: for looking its name up and connecting.
    :ivar idle_time: without a byte, either way, after which a connection is cut.
    """

    connections: int = 2048
    handshake_time: float = 10.0
    connect_time: float = 30.0
    idle_time: float = 900.0

    def __post_init__(self) -> None:
        check_numbers(self)
