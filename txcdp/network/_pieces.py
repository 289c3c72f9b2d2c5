"""Bytes that the browser tells as text, at once or piece by piece."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncGenerator
from typing import Final

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._timeouts import DEFAULT, Default
from txcdp.domains import io

#: Bytes that are asked for at a time.
_CHUNK: Final = 1 << 18


def decoded(text: str, base64_encoded: bool | None) -> bytes:
    """Return the bytes of what the browser says as text."""
    if base64_encoded:
        return b64decode(text)
    return text.encode("utf-8", "surrogatepass")


async def pieces_of(
    session: Session, handle: str, size: int = _CHUNK, timeout: float | None | Default = DEFAULT
) -> AsyncGenerator[bytes]:
    """Read what the browser keeps for us, piece by piece; it lets go of it, whatever happens (``IO.read``).

    :param handle: of the stream.
    :param size: bytes that are asked for at a time.
    :param timeout: seconds for each piece.
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
