"""Digest authentication (:rfc:`7616`, and :rfc:`2617` before it): a client's answers to a server's challenges."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from txcdp.network._interception import Credentials

_WORD: Final = r"[\w!#$%&'*+.^`|~-]+"

#: A parameter, or the scheme that begins a challenge; a header may contain several challenges.
_PART: Final = re.compile(
    rf'[\s,]*(?:(?P<name>{_WORD})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]+))'
    rf"|(?P<scheme>{_WORD})(?=[\s,]|$))"
)

_ALGORITHMS: Final[Mapping[str, str]] = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}


class Challenge(NamedTuple):
    """A server's challenge for one authentication scheme.

    :ivar scheme: the scheme in lower case, such as ``"digest"``.
    :ivar params: the parameters by name, in lower case.
    """

    scheme: str
    params: dict[str, str]


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return the challenges in the values of ``WWW-Authenticate``, in order."""
    found: list[Challenge] = []
    for header in headers:
        for part in _PART.finditer(header):
            if part["scheme"] is not None:
                found.append(Challenge(part["scheme"].lower(), {}))
            elif found:
                quoted = part["quoted"]
                value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                found[-1].params[part["name"].lower()] = value
    return found


def digest_answer(
    challenge: Challenge, credentials: Credentials, method: str, url: str, cnonce: str | None = None
) -> str | None:
    """Return the value of ``Authorization`` that answers a challenge.

    :param challenge: the server's challenge.
    :param credentials: the username and the password.
    :param method: the method of the request.
    :param url: the URL of the request.
    :param cnonce: the client's nonce, for tests; a random one by default.
    :returns: None if it is not a digest challenge, or requires what is not supported: another algorithm, or signing the
        request's body (only ``auth-int``).
    """
    said = challenge.params
    algorithm, session, _ = said.get("algorithm", "MD5").lower().partition("-sess")
    offered = [each.strip().lower() for each in said.get("qop", "").split(",") if each.strip()]
    name = _ALGORITHMS.get(algorithm)
    if challenge.scheme != "digest" or "nonce" not in said or name is None or name not in hashlib.algorithms_available:
        return None
    if offered and "auth" not in offered:
        return None
    digest = _digest(name, said.get("charset", "").lower() == "utf-8")
    realm, nonce = said.get("realm", ""), said["nonce"]
    parts = urlsplit(url)
    uri = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    cnonce = cnonce or secrets.token_hex(16)
    secret = digest(f"{credentials.username}:{realm}:{credentials.password}")
    if session:
        secret = digest(f"{secret}:{nonce}:{cnonce}")
    asked = digest(f"{method}:{uri}")
    between = f"{nonce}:00000001:{cnonce}:auth" if offered else nonce
    answer = {
        **_username(credentials.username, realm, digest, said.get("userhash", "").lower() == "true"),
        "realm": _quoted(realm),
        "nonce": _quoted(nonce),
        "uri": _quoted(uri),
        "response": _quoted(digest(f"{secret}:{between}:{asked}")),
    }
    if "algorithm" in said:
        answer["algorithm"] = said["algorithm"]
    if "opaque" in said:
        answer["opaque"] = _quoted(said["opaque"])
    if offered:
        answer |= {"qop": "auth", "nc": "00000001", "cnonce": _quoted(cnonce)}
    return "Digest " + ", ".join(f"{key}={value}" for key, value in answer.items())


def _digest(name: str, utf8: bool) -> Callable[[str], str]:
    def digest(text: str) -> str:
        try:
            data = text.encode("utf-8" if utf8 else "latin-1")
        except UnicodeEncodeError:
            data = text.encode("utf-8")
        return hashlib.new(name, data, usedforsecurity=False).hexdigest()

    return digest


def _username(name: str, realm: str, digest: Callable[[str], str], hashed: bool) -> dict[str, str]:
    if hashed:
        return {"username": _quoted(digest(f"{name}:{realm}")), "userhash": "true"}
    if name.isascii():
        return {"username": _quoted(name)}
    return {"username*": f"UTF-8''{quote(name, safe='')}"}


def _quoted(text: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'
