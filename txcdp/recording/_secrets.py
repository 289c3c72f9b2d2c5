"""Masks secrets in headers and cookies before they are written.

Only messages of the few methods that carry headers are examined, and only those with something to mask are decoded.
Everything else in a message (URLs, bodies, what a page logs) is written as it is.
"""

from __future__ import annotations

from typing import Any, Final

from txcdp.protocol import from_json, to_json

#: What is written in place of a secret.
MASK: Final = "***"

#: Headers whose values are secrets, in lower case.
HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2"})

#: Events that carry headers.
CARRIERS: Final = frozenset(
    {
        b"Network.requestWillBeSent",
        b"Network.requestWillBeSentExtraInfo",
        b"Network.responseReceived",
        b"Network.responseReceivedExtraInfo",
        b"Network.responseReceivedEarlyHints",
        b"Network.webSocketWillSendHandshakeRequest",
        b"Network.webSocketHandshakeResponseReceived",
        b"Network.requestIntercepted",
        b"Network.signedExchangeReceived",
        b"Fetch.requestPaused",
        b"Fetch.authRequired",
        b"Audits.issueAdded",
    }
)

#: Fields that contain all headers, a whole cookie, or credentials.
_WHOLE: Final = frozenset(
    {"headersText", "requestHeadersText", "binaryResponseHeaders", "cookieLine", "rawCookieLine", "password"}
)
_HINTS: Final = (b"cookie", b"authorization", b"headerstext", b"\\u")
_HINTS_IN_COMMANDS: Final = (*_HINTS, b"binaryresponseheaders", b"password")


def mask(body: bytes) -> bytes:
    """Return an event's ``"method":...,"params":...`` with the secrets in its headers and cookies masked.

    :raises MalformedMessage: it cannot be read; :exc:`RecursionError` if it is nested too deeply.
    """
    lowered = body.lower()
    if not any(hint in lowered for hint in _HINTS):
        return body
    return to_json(masked(from_json(b"{%b}" % body)))[1:-1]


def mask_json(method: str, value: bytes) -> bytes:
    """Return a command's parameters, or its result, with the secrets masked; fails like :func:`mask`."""
    of_cookies = "cookie" in method.lower()
    lowered = value.lower()
    if not of_cookies and not any(hint in lowered for hint in _HINTS_IN_COMMANDS):
        return value
    return to_json(masked(from_json(value), cookies=of_cookies))


def masked(value: Any, *, cookies: bool = False) -> Any:
    """Return plain data with the secrets masked.

    :param cookies: whether the value is in a list of cookies.
    """
    if isinstance(value, list):
        return [masked(each, cookies=cookies) for each in value]
    if not isinstance(value, dict):
        return value
    named = value.get("name")
    if "value" in value and isinstance(named, str) and (cookies or named.lower() in HEADERS or "domain" in value):
        value = {**value, "value": MASK}
    return {key: _of(key, each) for key, each in value.items()}


def _of(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return MASK if key.lower() in HEADERS or key in _WHOLE else value
    return masked(value, cookies="cookie" in key.lower())
