"""The rules for renders that follow from a gateway's policy."""

from __future__ import annotations

from txcdp.gateway._egress import EgressProxy
from txcdp.gateway._options import Policy
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._urls import host_of, port_of, split_url
from txcdp.gateway.render._rendering import Rules


def rules_of(policy: Policy, egress: EgressProxy | None) -> Rules:
    """Return the rules for what the pages of renders may open.

    :param policy: the gateway's policy.
    :param egress: the proxy through which its browsers make all connections; None: they connect directly.
    """
    command_filter = CommandFilter(policy)

    def was_refused(url: str) -> bool:
        if egress is None or not url:
            return False
        scheme, rest, _ = split_url(url)
        return egress.has_refused(host_of(rest), port_of(rest, scheme))

    return Rules(
        None if command_filter.idle else command_filter.objection_to_url, policy.private_addresses, was_refused
    )
