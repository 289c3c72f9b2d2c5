"""Plain, gzip and zstd files that consist of whole pieces, so that a truncated end costs only itself.

What is written at once becomes a member (gzip) or frame (zstd) of its own, which any reader of the format joins with
the others into one stream; a file that ends in the middle of one is readable up to there.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple, Protocol, get_args

from txcdp._arguments import check_choice

Compression = Literal["none", "gzip", "zstd"]

#: Levels that are fast enough for a flood of events.
_GZIP_LEVEL = 4
_ZSTD_LEVEL = 3

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

#: Bytes that are decompressed from a file at a time: zstd data may expand to thousands of times its size.
_PIECE: Final = 1 << 20


class Codec(NamedTuple):
    """A way to compress a file.

    :ivar suffix: the suffix of the file name.
    :ivar encode: makes a whole piece of a file from lines.
    :ivar compresses: whether the result differs from the lines.
    """

    suffix: str
    encode: Callable[[bytes], bytes]
    compresses: bool = True


class MissingLibrary(RuntimeError):
    """zstd compression is needed, but no library for it is installed."""


def codec(compression: Compression) -> Codec:
    """Return the codec for writing.

    :raises MissingLibrary: for ``"zstd"`` before Python 3.14 without the extra ``txcdp[zstd]``.
    :raises ValueError: for an unknown name.
    """
    check_choice("compression", compression, get_args(Compression))
    if compression == "gzip":
        return Codec(".jsonl.gz", lambda lines: gzip.compress(lines, _GZIP_LEVEL, mtime=0))
    if compression == "zstd":
        zstd = _zstd()
        return Codec(".jsonl.zst", lambda lines: bytes(zstd.compress(lines, _ZSTD_LEVEL)))
    return Codec(".jsonl", bytes, compresses=False)


def codec_of(start: bytes) -> Codec:
    """Return the codec of a file that begins with these bytes; fails like :func:`codec`."""
    if start.startswith(_GZIP_MAGIC):
        return codec("gzip")
    return codec("zstd" if start.startswith(_ZSTD_MAGIC) else "none")


class _Stream(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Decoder:
    """Decodes a file as it is read, in chunks of any size, even while it grows.

    :ivar whole: how many bytes of the file belong to whole pieces.
    :ivar error: why it cannot be read any further; None while it can.
    """

    def __init__(self) -> None:
        self.whole = 0
        self.error: str | None = None
        self._read = 0
        self._start = b""
        self._new: Callable[[], Any] | None = None
        self._stream: _Stream | None = None
        self._compressed: bool | None = None

    @property
    def torn(self) -> bool:
        """Whether the data so far ends within a piece, or is damaged."""
        return self.error is not None or self.whole != self._read

    def feed(self, data: bytes) -> bytes:
        """Return the decoded contents of further bytes, all at once; see :meth:`pieces`."""
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded contents of further bytes, in parts; nothing after an error.

        :raises MissingLibrary: the file is compressed with zstd, which is not available.
        """
        if self._compressed is None:
            self._start += data
            if len(self._start) < len(_ZSTD_MAGIC):
                self._read += len(data)
                self.whole = self._read if self._start.startswith(b"{") else 0
                return
            data, self._start = self._start, b""
            self._read = self.whole = 0
            self._compressed = data.startswith((_GZIP_MAGIC, _ZSTD_MAGIC))
            if self._compressed:
                self._new = _new_gzip if data.startswith(_GZIP_MAGIC) else _zstd().ZstdDecompressor
        self._read += len(data)
        if not self._compressed:
            self.whole = self._read
            yield data
        elif self.error is None:
            yield from self._decompressed(data)

    def _decompressed(self, data: bytes) -> Iterator[bytes]:
        assert self._new is not None
        while True:
            stream = self._stream = self._stream or self._new()
            try:
                piece = stream.decompress(data, _PIECE)
            except Exception as error:  # zlib's and zstd's have no common base
                self.error = f"{type(error).__name__}: {error}"
                return
            if piece:
                yield piece
            if stream.eof:
                data = stream.unused_data
                self.whole = self._read - len(data)
                self._stream = None
                if not data:
                    return
            elif len(piece) < _PIECE:
                return
            else:
                data = getattr(stream, "unconsumed_tail", b"")  # zstd's keeps it


def _new_gzip() -> Any:
    return zlib.decompressobj(wbits=31)


def _zstd() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise MissingLibrary("zstd needs Python 3.14, or txcdp[zstd]: pip install 'txcdp[zstd]'") from error
    return zstd
