"""The browsers' way to the network: a proxy that checks the address of each connection, and how browsers are told of
it.
"""

from txcdp.gateway._egress.addresses import AddressPolicy
from txcdp.gateway._egress.proxy import EgressProxy, check_args
from txcdp.gateway._egress.proxy_rules import BadProxy

__all__ = ["AddressPolicy", "BadProxy", "EgressProxy", "check_args"]
