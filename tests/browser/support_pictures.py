"""What is in a picture, by its pixels."""

from __future__ import annotations

import struct
import zlib


class Png:
    """A PNG as Chromium writes it: 8 bits for each channel, not interlaced.

    :ivar channels: 3, or 4 with transparency.
    """

    def __init__(self, data: bytes) -> None:
        assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
        self.width, self.height, depth, kind = struct.unpack(">IIBB", data[16:26])
        assert depth == 8
        self.channels = {2: 3, 6: 4}[kind]
        self._rows = self._unfiltered(zlib.decompress(b"".join(self._chunks(data))))

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def __call__(self, x: int, y: int) -> tuple[int, ...]:
        """Return a pixel."""
        return tuple(self._rows[y][x * self.channels : (x + 1) * self.channels])

    def has(self, colour: tuple[int, ...]) -> bool:
        """Whether a colour is anywhere in it."""
        return any(
            tuple(row[at : at + self.channels]) == colour
            for row in self._rows
            for at in range(0, len(row), self.channels)
        )

    def _chunks(self, data: bytes) -> list[bytes]:
        found, at = [], 8
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            if data[at + 4 : at + 8] == b"IDAT":
                found.append(data[at + 8 : at + 8 + length])
            at += 12 + length
        return found

    def _unfiltered(self, raw: bytes) -> list[bytearray]:
        n, rows, before = self.channels, [], bytearray(self.width * self.channels)
        for at in range(0, len(raw), len(before) + 1):
            row = bytearray(raw[at + 1 : at + 1 + len(before)])
            for i in range(len(row)):
                left, up = row[i - n] if i >= n else 0, before[i]
                corner = before[i - n] if i >= n else 0
                row[i] = (row[i] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[raw[at]]) & 255
            rows.append(row)
            before = row
        return rows


def _paeth(left: int, up: int, corner: int) -> int:
    """Return the one of three neighbours that the format's predictor takes."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))
