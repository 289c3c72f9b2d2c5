"""Which bodies are kept, and how much of them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from txcdp.model import Exchange
from txcdp.report._pictures import kind_of_picture
from txcdp.report._run import RunBody

#: Characters of a text that are kept, and bytes of an image, which is kept whole or not at all.
MOST_TEXT: Final = 16_384
MOST_PICTURE: Final = 65_536

#: Bytes of a body that is asked for, and of all bodies that are kept.
_MOST_ASKED: Final = 2_000_000
MOST_TOGETHER: Final = 8_000_000

_TEXTS: Final = (
    "json",
    "javascript",
    "ecmascript",
    "xml",
    "x-www-form-urlencoded",
    "graphql",
    "yaml",
    "csv",
    "mpegurl",
)


def is_text(mime_type: str) -> bool:
    """Return whether a body is text, according to its headers."""
    kind = mime_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or any(each in kind for each in _TEXTS)


def text_body(text: str, mime_type: str, size: int | None = None) -> RunBody:
    """Return the beginning of a text body."""
    whole = len(text) if size is None else size
    return RunBody(mime_type=mime_type[:200], text=text[:MOST_TEXT], size=whole, truncated=len(text) > MOST_TEXT)


def wants_body(row: Exchange) -> bool:
    """Return whether to ask the browser for the body of an exchange that has finished."""
    response = row.response
    if response is None or not 0 < row.body_decoded <= _MOST_ASKED or row.method == "HEAD":
        return False
    kind = response.mime_type or ""
    return is_text(kind) or (kind.startswith("image/") and row.body_decoded <= MOST_PICTURE)


class BodyBudget:
    """A limit on how much is kept of all bodies together."""

    def __init__(self) -> None:
        self._left = MOST_TOGETHER

    def take(self, size: int) -> bool:
        """Return whether there is room for the beginning of a body of so many bytes, and reserve it."""
        taken = min(size, MOST_PICTURE)
        if taken > self._left:
            return False
        self._left -= taken
        return True

    def kept(self, row: Exchange, body: str, encoded: bool) -> RunBody | None:
        """Return what is kept of a body; None: it is neither text nor a picture.

        :param encoded: whether it is encoded as base64.
        """
        kind = "" if row.response is None else row.response.mime_type or ""
        return body_of(kind, body, encoded, row.body_decoded)


def body_of(mime_type: str, body: str, encoded: bool, size: int) -> RunBody | None:
    """Return what is kept of a body; None: it is neither text nor a bitmap picture that is small enough.

    :param encoded: whether it is encoded as base64.
    """
    if not encoded:
        return text_body(body, mime_type, size)
    if len(body) > MOST_PICTURE * 2 and not is_text(mime_type):
        return None
    try:
        data = b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
    if kind_of_picture(data):
        return RunBody(mime_type=mime_type[:200], data=data, size=size) if len(data) <= MOST_PICTURE else None
    if is_text(mime_type):
        return text_body(data.decode("utf-8", "replace"), mime_type, size)
    return None
