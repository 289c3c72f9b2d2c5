"""The way out of the browsers: a proxy that judges the address of each connection, and what browsers are told of it."""

from txcdp.gateway._egress.addresses import AddressPolicy
from txcdp.gateway._egress.proxy import EgressProxy, check_args
from txcdp.gateway._egress.proxy_rules import BadProxy

__all__ = ["AddressPolicy", "BadProxy", "EgressProxy", "check_args"]
