"""Which pictures of a page are kept, and which bytes are a picture."""

from __future__ import annotations

from typing import Final

from txcdp.report._run import RunPicture

#: How many pictures are kept. If there are more, they are thinned out evenly: the interval between them doubles.
MOST: Final = 240

#: The interval in seconds when there are too many for the first time.
_APART: Final = 0.05

#: Bytes of one picture, and of all of them.
_MOST_BYTES: Final = 400_000
_MOST_TOGETHER: Final = 6_000_000

_MAGIC: Final = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))


def kind_of_picture(data: bytes) -> str:
    """Return the MIME type of a bitmap picture by its first bytes, whatever its headers say; ``""``: it is not one."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")


class PictureKeeper:
    """Keeps pictures, evenly thinned out if there are too many; always keeps the last one, since it stays visible."""

    def __init__(self) -> None:
        self._kept: list[RunPicture] = []
        self._last: RunPicture | None = None
        self._apart = 0.0
        self._bytes = 0

    def __bool__(self) -> bool:
        return self._last is not None

    def add(self, time: float, frame_id: str, data: object) -> None:
        """Add a picture; anything that is not a picture is left out."""
        if not isinstance(data, bytes) or len(data) > _MOST_BYTES or not kind_of_picture(data):
            return
        self._last = picture = RunPicture(time=time, data=data, frame_id=frame_id)
        if self._kept and time - self._kept[-1].time < self._apart:
            return
        self._kept.append(picture)
        self._bytes += len(data)
        if len(self._kept) > MOST or self._bytes > _MOST_TOGETHER:
            self._thin_out()

    def pictures(self) -> list[RunPicture]:
        """Return the pictures that were kept, in order."""
        kept = list(self._kept)
        if self._last is not None and (not kept or kept[-1] is not self._last):
            kept.append(self._last)
        return sorted(kept, key=lambda each: each.time)

    def _thin_out(self) -> None:
        self._apart = max(self._apart * 2, _APART)
        kept: list[RunPicture] = []
        for each in self._kept:
            if not kept or each.time - kept[-1].time >= self._apart:
                kept.append(each)
        self._kept = kept
        self._bytes = sum(len(each.data) for each in kept)
