"""Videos of a page, made by the program ``ffmpeg``.

Its input is Matroska with the browser's own images (JPEG), each with the time at which it was displayed. So a page on
which nothing changes costs nothing, and the last image remains until the next one, even across a change of process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._arguments import check_number
from txcdp._core.sessions import Session
from txcdp._deferreds import EndedByBlock, OneShot, ignore_failure, returns_deferred, with_deadline
from txcdp._reactor import whole
from txcdp.errors import ExecutableNotFound, VideoError
from txcdp.page._screencast import ScreencastFrame, screencast
from txcdp.page._viewport import ViewportSize, checked

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase

#: The arguments for ffmpeg, by the suffix of the file.
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    ".webm": tuple(
        "-c:v libvpx -deadline realtime -cpu-used 8 -qmin 0 -qmax 50 -crf 8 -b:v 1M -threads 1 -f webm".split()
    ),
    ".gif": ("-loop", "0", "-f", "gif"),
    ".mp4": tuple("-c:v libx264 -preset veryfast -pix_fmt yuv420p -movflags +faststart -f mp4".split()),
}

#: A colour palette for each image, so that none has to wait for the last one.
_COLOURS: Final = ",split[a][b];[a]palettegen=stats_mode=single[c];[b][c]paletteuse=new=1"

#: Seconds to wait for the first image of a page if none has come when the video ends.
_FIRST: Final = 2.0

#: The minimum duration of the last image in seconds.
_LAST: Final = 0.04

#: The number of bytes kept of ffmpeg's standard error.
_TAIL: Final = 2000


class ScreencastFile(EndedByBlock):
    """A video that is being recorded; what ``Page.save_screencast`` fires with. ``async with`` stops it.

    If the program ends abruptly, the video is still complete: ``ffmpeg`` finishes it.

    :ivar path: the path of the video, which is complete once it was stopped.
    """

    _end_by = "stop"

    def __init__(self, session: Session, path: Path, program: str, quality: int, size: ViewportSize | None):
        self.path = path
        self._session = session
        self._clock = whole(session.context.clock)
        self._program = program
        self._process: _FFmpeg | None = None
        self._began = 0.0
        self._last: tuple[bytes, float, float] | None = None  # the picture, when it was shown, when it came
        self._skipped = False
        self._error: Exception | None = None
        self._first: OneShot[None] = OneShot()
        self._stopping = False
        self._done: OneShot[None] = OneShot()
        shown = screencast(session, "jpeg", quality, size, 1)
        self._listening: DisposableBase = shown.subscribe(self._came, self._failed, self._finish)

    def __repr__(self) -> str:
        return f"<ScreencastFile {self.path}{' (done)' if self._done.fired else ''}>"

    @returns_deferred
    async def stop(self) -> Path:
        """Stop the video.

        :returns: fires with its path once the file is complete, even if the page has ended before. Fails with
            :exc:`VideoError` if ``ffmpeg`` has failed, or the page has shown nothing, and with the error of the
            screencast; in these cases no file is left. Cancelling it ends ``ffmpeg`` and leaves no file.
        """
        if not self._stopping:
            if self._last is None and self._error is None and not self._session.ended:
                waiting = with_deadline(self._clock, self._first.wait(), _FIRST, lambda: self._nothing())
                waiting.addErrback(self._note)
                await waiting
            self._finish()
        try:
            await self._done.wait()
        except CancelledError:
            if self._process is not None:
                self._process.kill()
            raise
        if self._error is not None:
            raise self._error
        return self.path

    def _came(self, frame: ScreencastFrame) -> None:
        """Write an image; while ffmpeg cannot take more, only the latest is kept, and written when it can."""
        now = self._clock.seconds()
        at = now if frame.timestamp is None else frame.timestamp
        if self._last is not None:
            at = max(at, self._last[1] + 0.001)
        self._last = (frame.data, at, now)
        if self._process is None:
            self._begin(frame, at)
        self._write(at)
        self._first.fire(None)

    def _begin(self, first: ScreencastFrame, at: float) -> None:
        self._began = at
        width, height = size_of(first.data)
        seen = first.metadata
        if seen.device_height:  # a first picture may be of a page that does not have its size yet
            width = round(height * seen.device_width / seen.device_height)
        even = width - width % 2 or 2, height - height % 2 or 2
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fitted = "scale={0}:{1}:force_original_aspect_ratio=decrease,pad={0}:{1}:(ow-iw)/2:(oh-ih)/2".format(*even)
        suffix = self.path.suffix.lower()
        command = [
            *(self._program, "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "matroska", "-i", "pipe:0"),
            *("-an", "-vf", fitted + (_COLOURS if suffix == ".gif" else "")),
            *(*_KINDS[suffix], "-y", str(self.path)),
        ]
        self._process = _FFmpeg(self._resumed)
        self._process.done.addCallback(self._ended)
        self._clock.spawnProcess(self._process, self._program, command, env=dict(os.environ), path=None)
        self._process.write(head(width, height))

    def _write(self, at: float) -> None:
        assert self._process is not None
        assert self._last is not None
        self._skipped = self._process.is_full
        if not self._skipped:
            self._process.write(block(round((at - self._began) * 1000), self._last[0]))

    def _resumed(self) -> None:
        if self._skipped and self._last is not None:
            self._write(self._last[1])

    def _failed(self, error: Exception) -> None:
        self._error = error
        self._finish()

    def _finish(self) -> None:
        """Extend the last image until now, and let ffmpeg finish."""
        if self._stopping:
            return
        self._stopping = True
        self._listening.dispose()
        self._session.detach().addErrback(ignore_failure)
        if self._process is None or self._last is None:
            self._error = self._error or self._nothing()
            self._done.fire(None)
            return
        _, at, came = self._last
        self._process.is_full = False
        self._write(at + max(_LAST, self._clock.seconds() - came))
        self._process.finish()

    def _ended(self, failed: str | None) -> None:
        if failed is not None:
            self._error = self._error or VideoError(f"ffmpeg did not make {self.path}: {failed}")
        self._stopping = True
        self._listening.dispose()
        self._session.detach().addErrback(ignore_failure)
        if self._error is not None:
            with contextlib.suppress(OSError):  # where it cannot be written it cannot be removed
                self.path.unlink(missing_ok=True)
        self._done.fire(None)

    def _nothing(self) -> VideoError:
        return VideoError(f"nothing to make {self.path} of: the page has not drawn anything")

    def _note(self, failure: Failure) -> None:
        failure.trap(VideoError)
        assert isinstance(failure.value, VideoError)
        self._error = failure.value


@implementer(IPushProducer)
class _FFmpeg(ProcessProtocol):
    """The ffmpeg process, fed through its standard input with backpressure.

    :param resumed: called when it can take more again.
    :ivar done: fires when it has ended, with the error, or None.
    """

    def __init__(self, resumed: Any) -> None:
        self.done: Deferred[str | None] = Deferred()
        self.is_full = False
        self._resumed = resumed
        self._waiting: list[bytes] = []
        self._said = b""
        self._finishing = False

    def write(self, data: bytes) -> None:
        """Write data, once the process has started."""
        if self.transport is None:
            self._waiting.append(data)
        else:
            self.transport.writeToChild(0, data)

    def finish(self) -> None:
        """Let it finish, once everything has been written."""
        self._finishing = True
        if self.transport is not None:
            if 0 in self._pipes():
                self._pipes()[0].unregisterProducer()
            self.transport.closeStdin()

    def kill(self) -> None:
        """End it now."""
        if self.transport is not None and not self.done.called:
            self.transport.signalProcess("KILL")

    def connectionMade(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._pipes()[0].registerProducer(self, True)
        for each in waiting:
            self.write(each)

    def _pipes(self) -> dict[int, Any]:
        """Return the ends of its pipes that are open; no interface of Twisted's has them."""
        return getattr(self.transport, "pipes", {})

    def errReceived(self, data: bytes) -> None:
        self._said = (self._said + data)[-_TAIL:]

    def pauseProducing(self) -> None:
        self.is_full = True

    def resumeProducing(self) -> None:
        self.is_full = False
        self._resumed()

    def stopProducing(self) -> None:
        self.is_full = True

    def processEnded(self, reason: Failure = connectionDone) -> None:
        said = self._said.decode("utf-8", "replace").strip()
        wrong = reason.check(ProcessDone) is None or not self._finishing
        self.done.callback((said or reason.getErrorMessage()) if wrong else None)


@returns_deferred
async def save_screencast(
    attach: Callable[[], Deferred[Session]],
    path: str | os.PathLike[str],
    quality: int,
    max_size: ViewportSize | None,
    ffmpeg: str | os.PathLike[str] | None,
) -> ScreencastFile:
    """Start recording a page; see ``Page.save_screencast``.

    :param attach: attaches to the page separately.
    """
    where = Path(path)
    if where.suffix.lower() not in _KINDS:
        raise ValueError(f"{where}: its suffix determines the video's format: use one of {', '.join(_KINDS)}")
    check_number("quality", quality, 0, 100, whole=True)
    if max_size is not None:
        max_size = checked(max_size, "max_size")
    program = shutil.which("ffmpeg" if ffmpeg is None else os.fspath(ffmpeg))
    if program is None:
        what = "ffmpeg is not installed" if ffmpeg is None else f"there is no program {os.fspath(ffmpeg)}"
        raise ExecutableNotFound(f"{what}, which makes videos: install it (apt install ffmpeg), or give ffmpeg=")
    session = await attach()
    return ScreencastFile(session, where, program, quality, max_size)


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return the width and height of a JPEG, as its frame header says.

    :raises VideoError: it has none.
    """
    for marker, start in _segments(jpeg):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", jpeg, start + 3)
            return width, height
    raise VideoError("the browser sent a picture that is not a JPEG")


def _segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Return the markers of the segments, and their offsets."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        yield jpeg[at + 1], at + 2
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]


def head(width: int, height: int) -> bytes:
    """Return the beginning of a Matroska file with one track of JPEGs and an unknown duration."""
    kind = _element("4282", b"matroska") + _element("4287", b"\x04") + _element("4285", b"\x02")
    info = _element("2AD7B1", (1_000_000).to_bytes(3, "big")) + _element("4D80", b"txcdp") + _element("5741", b"txcdp")
    size = _element("B0", width.to_bytes(4, "big")) + _element("BA", height.to_bytes(4, "big"))
    track = _element("D7", b"\x01") + _element("73C5", b"\x01") + _element("83", b"\x01")
    track += _element("86", b"V_MJPEG") + _element("E0", size)
    segment = bytes.fromhex("18538067 01FFFFFFFFFFFFFF")
    return (
        _element("1A45DFA3", kind) + segment + _element("1549A966", info) + _element("1654AE6B", _element("AE", track))
    )


def block(milliseconds: int, data: bytes) -> bytes:
    """Return an image of that track, displayed from a time on."""
    at = _element("E7", milliseconds.to_bytes(8, "big"))
    return _element("1F43B675", at + _element("A3", b"\x81\x00\x00\x80" + data))


def _element(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + (len(content) | 1 << 56).to_bytes(8, "big") + content
