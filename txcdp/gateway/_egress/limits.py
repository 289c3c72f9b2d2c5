"""The limits of the egress proxy."""

from __future__ import annotations

from dataclasses import dataclass

from txcdp._arguments import check_numbers


@dataclass(frozen=True, kw_only=True)
class EgressLimits:
    """Limits of the connections that browsers make through the gateway's proxy; times in seconds.

    :ivar connections: the most connections at once, of all browsers together; further ones are closed.
    :ivar handshake_time: for a browser to say what it wants to connect to.
    :ivar connect_time: for resolving the name and connecting.
    :ivar idle_time: how long a connection may go without a byte in either direction before it is closed.
    """

    connections: int = 2048
    handshake_time: float = 10.0
    connect_time: float = 30.0
    idle_time: float = 900.0

    def __post_init__(self) -> None:
        check_numbers(self)
