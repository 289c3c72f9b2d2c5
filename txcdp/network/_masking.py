"""Masks secrets in output, by the names of headers, of query values and of fields in bodies.

Values are replaced by asterisks if their name suggests that they grant access: cookies, authorization, tokens, keys,
passwords, sessions. Secrets in prose or in pictures cannot be detected.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus

#: Replaces a secret; it may be part of a URL unescaped.
MASK: Final = "***"

_HEADER: Final = re.compile(
    r"^(?:proxy-)?authorization$|^(?:set-)?cookie2?$|token|secret|api-?key|passw|session|csrf|xsrf|credential|jwt"
    r"|signature|^x-auth|assertion",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(r"^access-control-", re.IGNORECASE)
_FIELD: Final = re.compile(
    r"token|secret|api[-_]?key|passw|passphrase|pwd|session|csrf|xsrf|credential|jwt|signature|assertion"
    r"|^(?:pass|sid|sig|auth|code|key|otp|pin)$|authorization|^x-amz-",
    re.IGNORECASE,
)
_PLACES: Final = frozenset({"referer", "location", "content-location", ":path", "link"})

_PAIR: Final = re.compile(r"(?P<name>[^?&#=;\s]+)=(?P<value>[^&#;\s]*)")
_USER: Final = re.compile(r"(?<=//)[^/?#@]*@")
_JSON: Final = re.compile(r'"(?P<name>(?:[^"\\]|\\.){1,200})"(?P<between>\s*:\s*)"(?:[^"\\]|\\.)*"')
_PART: Final = re.compile(
    r'(?P<head>content-disposition:[^\r\n]*\bname="?(?P<name>[^";\r\n]+)"?[^\r\n]*(?:\r?\n[^\r\n]+)*\r?\n\r?\n)'
    r"(?P<value>.*?)(?=\r?\n--)",
    re.IGNORECASE | re.DOTALL,
)


def is_secret(name: str) -> bool:
    """Return whether the value of a header is a secret."""
    return _HEADER.search(name) is not None and _HARMLESS.match(name) is None


def is_secret_field(name: str) -> bool:
    """Return whether the value of a query, form or JSON field is a secret, by its name."""
    return _FIELD.search(unquote_plus(name)) is not None


def masked_header(name: str, value: str) -> str:
    """Return a header's value for display: nothing of a secret, only the names of cookies."""
    key = name.lower()
    if key in _PLACES:
        return masked_url(value)
    if not is_secret(name):
        return value
    if key == "cookie":
        return "; ".join(f"{each.partition('=')[0].strip()}={MASK}" for each in value.split(";") if each.strip())
    if key == "set-cookie":
        pair, semicolon, rest = value.partition(";")
        return f"{pair.partition('=')[0]}={MASK}{semicolon}{rest}"
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASK}" if key.endswith("authorization") and space else MASK


def masked_url(url: str) -> str:
    """Return a URL without secret values in its query and fragment, and without username and password."""
    place, mark, rest = url.partition("?")
    if not mark:
        place, mark, rest = url.partition("#")
    return _USER.sub(f"{MASK}@", place, count=1) + mark + _PAIR.sub(_masked_pair, rest)


def masked_text(text: str, content_type: str) -> str:
    """Return a JSON or form body without the values of secret fields."""
    kind = content_type.lower()
    if "x-www-form-urlencoded" in kind:
        return _PAIR.sub(_masked_pair, text)
    if "multipart/" in kind:
        return _PART.sub(
            lambda found: found["head"] + (MASK if is_secret_field(found["name"]) else found["value"]), text
        )
    return _JSON.sub(_masked_member, text) if "json" in kind or text.lstrip()[:1] in ("{", "[") else text


def _masked_pair(found: re.Match[str]) -> str:
    return f"{found['name']}={MASK}" if found["value"] and is_secret_field(found["name"]) else found[0]


def _masked_member(found: re.Match[str]) -> str:
    return f'"{found["name"]}"{found["between"]}"{MASK}"' if is_secret_field(found["name"]) else found[0]
