"""Ids of browsers and pages that do not exist yet; they carry a signature instead of being remembered."""

from __future__ import annotations

import hmac
import secrets

from txcdp._recent import Recent
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._proxy.modes import EndpointKind

#: The maximum number of ids of ended browsers that are remembered.
_SPENT = 10_000


class SignedIds:
    """Makes ids that only the principal they were given to may use, and remembers which were used up.

    Making an id neither reserves nor stores anything, because the id carries a signature. It cannot be guessed.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._spent: Recent[str, None] = Recent(_SPENT)

    def fresh(self, kind: EndpointKind, principal: Principal) -> str:
        """Return a new id, in Chromium's format."""
        nonce = secrets.token_hex(8)
        text = nonce + self._signature(kind, principal, nonce)
        if kind == "page":
            return text.upper()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def is_good(self, name: str, kind: EndpointKind, principal: Principal) -> bool:
        """Whether an id was made here for this principal, and is not used up."""
        text = name.replace("-", "").lower()
        if len(text) != 32 or not text.isascii() or name in self._spent:
            return False
        return hmac.compare_digest(text[16:], self._signature(kind, principal, text[:16]))

    def spend(self, name: str) -> None:
        """Note that an id is used up: its browser is gone."""
        self._spent[name] = None

    def _signature(self, kind: EndpointKind, principal: Principal, nonce: str) -> str:
        said = f"{kind} {principal.name} {nonce}".encode()
        return hmac.digest(self._secret, said, "sha256").hex()[:16]
