"""How each method's commands are dealt with, looked up once for each method."""

from __future__ import annotations

from typing import Any

import msgspec

from txcdp.gateway._counters import Counters, Domain
from txcdp.gateway._proxy.asking import ID_FIRST, asked
from txcdp.gateway._proxy.command_filter import Screen

#: What a command is refused with: the code that Chromium has for whatever has no code of its own.
_REFUSED = -32000

#: So many methods are remembered; the protocol has some hundreds, and clients may make up more.
_MOST = 4096


class Kind:
    """How the commands of one method are dealt with.

    :ivar method: its name.
    :ivar domain: where they are counted.
    :ivar special: whether there is more to do than to count and pass them on.
    """

    __slots__ = ("domain", "method", "special")

    def __init__(self, method: str, domain: Domain, special: bool) -> None:
        self.method = method
        self.domain = domain
        self.special = special


class Commands:
    """Knows them all.

    :param counters: where they are counted.
    :param screen: what is forbidden.
    """

    def __init__(self, counters: Counters, screen: Screen) -> None:
        self._counters = counters
        self.screen = screen
        self._by_bytes: dict[bytes, Kind] = {}
        self._match = ID_FIRST.match

    def read(self, message: bytes) -> tuple[bytes, Kind]:
        """Return a command's id, in digits, and how it is dealt with."""
        found = self._match(message)
        if found is not None:
            number, method = found.groups()
            kind = self._by_bytes.get(method)
            if kind is None:
                kind = self._make(method.decode("ascii"))
                if len(self._by_bytes) < _MOST:
                    self._by_bytes[method] = kind
            return number, kind
        command = asked(message)
        return b"%d" % command.id, self._make(command.method)

    def _make(self, method: str) -> Kind:
        special = method == "Browser.close" or self.screen.concerns(method)
        return Kind(method, self._counters.domain(method), special)


def refusal(message: bytes, why: str) -> bytes:
    """Return the reply to a command that is not let through."""
    reply: dict[str, Any] = {}
    try:
        command = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        command = None
    if isinstance(command, dict):
        reply = {key: command[key] for key in ("id", "sessionId") if isinstance(command.get(key), int | str)}
    return msgspec.json.encode({**reply, "error": {"code": _REFUSED, "message": why}})
