"""The live page: what the browsers of a gateway do just now, in an operator's browser."""

from txcdp.gateway.live._endpoints import LivePage

__all__ = ["LivePage"]
