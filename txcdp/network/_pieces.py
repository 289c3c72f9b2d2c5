"""Decodes binary data that the browser sends as text, at once or in chunks."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncGenerator
from typing import Final

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._timeouts import DEFAULT, Default
from txcdp.domains import io

#: The number of bytes requested at a time.
_CHUNK: Final = 1 << 18


def decoded(text: str, base64_encoded: bool | None) -> bytes:
    """Return the bytes of data that the browser has sent as text."""
    if base64_encoded:
        return b64decode(text)
    return text.encode("utf-8", "surrogatepass")


async def pieces_of(
    session: Session, handle: str, size: int = _CHUNK, timeout: float | None | Default = DEFAULT
) -> AsyncGenerator[bytes]:
    """Read a stream of the browser chunk by chunk (``IO.read``); the stream is closed in any case.

    :param handle: the stream's handle.
    :param size: the number of bytes requested at a time.
    :param timeout: seconds for each chunk.
    """
    try:
        while True:
            got = await session.execute(io.read(handle=handle, size=size), timeout=timeout)
            data = decoded(got.data, got.base64_encoded)
            if data:
                yield data
            if got.eof:
                return
    finally:
        session.execute(io.close(handle=handle)).addErrback(ignore_failure)
