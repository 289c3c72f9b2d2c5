"""How the commands of each method are handled, looked up once for each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from txcdp.gateway._client_messages import Command, CommandRefusal, write_refusal
from txcdp.gateway._counters import Counters, DomainCounters
from txcdp.gateway._egress import EgressProxy
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._saving import SAVING
from txcdp.protocol._error_codes import SERVER_ERROR

#: The maximum number of methods remembered; the protocol has some hundreds, and clients may invent more.
_MOST = 4096

#: Methods that need more than forwarding, whatever the policy says.
SPECIAL: Final = ("Browser.close", SAVING)

#: Longer method names are not remembered.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """The handling of the commands of one method.

    :ivar method: its name.
    :ivar domain: the domain under which they are counted.
    :ivar special: whether they need more than to be counted and forwarded.
    """

    method: str
    domain: DomainCounters
    special: bool


class MethodTable:
    """The table of methods.

    :param counters: the counters of the commands.
    :param command_filter: decides which commands are refused.
    :param egress: the proxy that all of the browsers' connections go through; None: they are not restricted.
    """

    def __init__(self, counters: Counters, command_filter: CommandFilter, egress: EgressProxy | None = None) -> None:
        self._counters = counters
        self.command_filter = command_filter
        self.egress = egress
        self._known: dict[bytes, MethodInfo] = {}
        self.unreadable = MethodInfo("", counters.domain(""), True)

    def info(self, method: bytes) -> MethodInfo:
        """Return how a method's commands are handled.

        :param method: the name, in UTF-8.
        """
        info = self._known.get(method)
        if info is None:
            name = method.decode()
            special = name in SPECIAL or self.command_filter.concerns(name)
            info = MethodInfo(name, self._counters.domain(name), special)
            if len(self._known) < _MOST and len(method) <= _LONGEST:
                self._known[method] = info
        return info


def denial(command: Command, why: str) -> bytes:
    """Return the reply to a command that is refused."""
    return write_refusal(CommandRefusal(SERVER_ERROR, why), command.id, command.session_id)
