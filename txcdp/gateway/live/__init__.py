"""The live page: shows an operator, in a browser, what the browsers of a gateway are doing."""

from txcdp.gateway.live._endpoints import LivePage

__all__ = ["LivePage"]
