"""The tokens and their principals, from a file that can be reloaded at any time.

The file is TOML, with a table for each name::

    [ci]
    token = "k3qV...at least 16 characters"
    clients = 4

    [reports]
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    commands_per_second = 500
    operator = true

``sha256`` is the hexadecimal SHA-256 of a token that should not be in the file itself. ``clients`` (WebSockets at once)
and ``commands_per_second`` (of each) are quotas below those of the gateway. An ``operator`` may see what all clients
do, on the live page, and end their sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHORTEST = 16
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_KEYS = {"token", "sha256", "clients", "commands_per_second", "operator"}


class BadTokens(ValueError):
    """A token file cannot be used; the error does not repeat its contents."""


@dataclass(frozen=True)
class Principal:
    """The authenticated sender of a request.

    :ivar name: the name of the token, safe to display.
    :ivar clients: the most WebSockets at once; None: as many as the gateway allows.
    :ivar commands_per_second: the limit for each of its clients; None: as many as the gateway allows.
    :ivar operator: whether it may see what all clients do, and end their sessions.
    """

    name: str
    clients: int | None = None
    commands_per_second: float | None = None
    operator: bool = False


#: The principal of everybody if no tokens are required.
LOCAL = Principal("local", operator=True)


class Tokens:
    """The tokens of a token file; only their hashes are kept.

    :param path: the path of the file, which is read at once.
    :raises BadTokens: the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._known: list[tuple[bytes, Principal]] = []
        self.reload()

    def __repr__(self) -> str:
        return f"<Tokens {self._path}: {', '.join(self.names)}>"

    @property
    def names(self) -> list[str]:
        """The names of all principals."""
        return [principal.name for _, principal in self._known]

    def reload(self) -> None:
        """Read the file again; if it cannot be used, the previous tokens stay.

        :raises BadTokens: the file cannot be used.
        """
        try:
            table = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadTokens(f"{self._path}: {error.strerror}") from None
        except ValueError:  # whose text may repeat a token
            raise BadTokens(f'{self._path}: not valid TOML; expected a table [name] with token = "..."') from None
        known = [_entry(self._path, name, entry) for name, entry in table.items()]
        if not known:
            raise BadTokens(f"{self._path}: contains no token")
        if len({digest for digest, _ in known}) < len(known):
            raise BadTokens(f"{self._path}: two names have the same token")
        self._known = known

    def find(self, token: str) -> Principal | None:
        """Return the principal of a token; the time that this takes does not depend on how the token begins."""
        presented = _digest(token)
        found = None
        for digest, principal in self._known:
            if hmac.compare_digest(digest, presented):
                found = principal
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _entry(path: Path, name: str, entry: Any) -> tuple[bytes, Principal]:
    where = f"{path}: [{name}]"
    if not _NAME.fullmatch(name):
        raise BadTokens(f"{path}: a name must have at most 64 letters, digits, dots, - and _")
    if not isinstance(entry, dict):
        raise BadTokens(f'{path}: {name} is outside of a table; expected [{name}] and token = "..."')
    if unknown := sorted(set(entry) - _KEYS):
        raise BadTokens(f"{where}: unknown {', '.join(unknown)}; use one of {', '.join(sorted(_KEYS))}")
    clients, rate = entry.get("clients"), entry.get("commands_per_second")
    for key, value in (("clients", clients), ("commands_per_second", rate)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
            raise BadTokens(f"{where}: {key} must be a number above 0")
    operator = entry.get("operator", False)
    if not isinstance(operator, bool):
        raise BadTokens(f"{where}: operator must be true or false")
    return _digest_of(where, entry), Principal(name, None if clients is None else int(clients), rate, operator)


def _digest_of(where: str, entry: dict[str, Any]) -> bytes:
    token, digest = entry.get("token"), entry.get("sha256")
    if (token is None) == (digest is None):
        raise BadTokens(f"{where}: expected either token or sha256")
    if token is None:
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise BadTokens(f"{where}: sha256 must have 64 hexadecimal digits")
        return bytes.fromhex(digest)
    if not isinstance(token, str) or len(token) < _SHORTEST:
        raise BadTokens(f"{where}: a token must be a text of at least {_SHORTEST} characters")
    return _digest(token)
