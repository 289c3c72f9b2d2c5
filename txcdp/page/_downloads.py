"""Downloads: files that a page makes the browser save.

The browser saves them under names of their own in a folder that goes with the context; here is what a program has of
one. Which page it is of, and how its file comes to this machine, is seen to by :mod:`txcdp.browser`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import Deferred

from txcdp._deferreds import OneShot, returns_deferred
from txcdp._other_names import NearNames
from txcdp._privacy import printable, shown_url
from txcdp.errors import DownloadError, DownloadFailed
from txcdp.streams import Stream, StreamContext, StreamSubject

if TYPE_CHECKING:
    from txcdp.page._page import Page

#: What is no part of a file's name anywhere, or leads out of a folder; and what no file system can write.
_NO_NAME: Final = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")

#: Bytes of a name, of which most file systems take 255: some are left for what a program adds. And of its suffix.
_LONGEST: Final = 200
_LONGEST_SUFFIX: Final = 20

#: The failure of a download that was cancelled, or that its server has not sent whole: Chromium tells them not apart.
CANCELED: Final = "canceled"


@dataclass(frozen=True)
class DownloadProgress:
    """The progress of a download; an item of ``Download.progress``.

    :ivar received_bytes: so far; fewer than before where the browser has begun again.
    :ivar total_bytes: None where the server does not say.
    """

    received_bytes: int
    total_bytes: int | None


class DownloadFiles(Protocol):
    """Interface of where a browser's downloads are."""

    def check(self, url: str) -> Deferred[None]:
        """Fail where there is no way to its files."""

    def bring(self, guid: str, url: str) -> Deferred[Path]:
        """Return the path of a file on this machine, when it is there whole."""

    def save(self, guid: str, url: str, target: Path) -> Deferred[None]:
        """Write a file to a path of this machine."""

    def delete(self, guid: str) -> Deferred[None]:
        """Delete a file, where it is there."""


class Download(NearNames):
    """A download; an item of ``Page.downloads``.

    The file is there until it is deleted, or its context closed.

    :param context: what the streams of the connection share.
    :param files: where its file is.
    :param guid: its id.
    :param cancel: tells the browser to give it up.
    :ivar page: that has begun it; where that was a popup opened for nothing else, the page that has opened it.
    :ivar url: what is downloaded, after redirects.
    :ivar suggested_filename: what the server, or the link, calls it: a name without folders.
    """

    def __init__(
        self,
        owner: Page,
        url: str,
        suggested_filename: str,
        context: StreamContext,
        files: DownloadFiles,
        guid: str,
        cancel: Callable[[], object],
    ) -> None:
        self.page = owner
        self.url = url
        self.suggested_filename = file_name(suggested_filename)
        self._files = files
        self._guid = guid
        self._cancel = cancel
        self._progress: StreamSubject[DownloadProgress] = StreamSubject(context, "download.progress")
        self._got: DownloadProgress | None = None
        self._ended: OneShot[str | None] = OneShot()
        self._deleted = False

    def __repr__(self) -> str:
        return printable(f"<Download {self.suggested_filename!r} of {shown_url(self.url)}>")

    @property
    def progress(self) -> Stream[DownloadProgress]:
        """How far it gets, a stream of :class:`DownloadProgress`.

        It completes when the file is whole, and fails with :exc:`DownloadFailed` where it will not be.
        """
        return self._progress

    @returns_deferred
    async def path(self) -> Path:
        """Wait until the file is whole, and return where it is on this machine.

        It has a name of the browser's; copy it with :meth:`save_as`. Where the browser is on another machine and is
        reached through txcdp's gateway, the file is brought here.

        :returns: fires with a :class:`~pathlib.Path`. Fails with :exc:`DownloadFailed` where it was cancelled, broke
            off, or was refused; with :exc:`DownloadUnreachable` where it is on another machine; with
            :exc:`DownloadError` where it was deleted.
        """
        await self._whole()
        return await self._files.bring(self._guid, self.url)

    @returns_deferred
    async def save_as(self, path: str | os.PathLike[str]) -> None:
        """Wait until the file is whole, and write it to a path of this machine.

        :param path: of the copy; folders are made, and a file that is there is replaced.
        :returns: fires with None when it is written; fails like :meth:`path`, and with :exc:`OSError`.
        """
        await self._whole()
        await self._files.save(self._guid, self.url, Path(path))

    @returns_deferred
    async def failure(self) -> str | None:
        """Wait until it has ended.

        :returns: fires with None where the file is whole, else with why it is not, in words: ``"canceled"`` where it
            was, and where the server has broken off.
        """
        return await self._ended.wait()

    @returns_deferred
    async def cancel(self) -> None:
        """Give it up (``Browser.cancelDownload``), which does nothing to one that has ended.

        :returns: fires with None when it has ended.
        """
        if not self._ended.fired:
            self._cancel()
        await self._ended.wait()

    @returns_deferred
    async def delete(self) -> None:
        """Wait until it has ended, and delete its file.

        :returns: fires with None when the file is gone; copies that were saved stay.
        """
        await self._ended.wait()
        self._deleted = True
        await self._files.delete(self._guid)

    async def _whole(self) -> None:
        await self._files.check(self.url)
        reason = await self._ended.wait()
        if reason is not None:
            raise DownloadFailed(self.url, reason)
        if self._deleted:
            raise DownloadError(self.url, "its file was deleted: save it before that")

    def _progressed(self, received: float, total: float) -> None:
        got = DownloadProgress(int(received), int(total) or None)
        if got != self._got:
            self._got = got
            self._progress.push(got)

    def _end(self, reason: str | None) -> None:
        """Take note that it has ended: whole, or why not."""
        self._progress.end(None if reason is None else DownloadFailed(self.url, reason))
        self._ended.fire(reason)


def file_name(suggested: str) -> str:
    """Return a name that leads nowhere but into the folder in which a program puts it, and that a file can have."""
    name = _NO_NAME.sub("_", suggested).strip()
    if not name.strip("."):
        return "download"
    size = len(name.encode())
    if size <= _LONGEST:
        return name
    stem, suffix = os.path.splitext(name)
    if len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, suffix = name, ""
    return stem.encode()[: _LONGEST - len(suffix.encode())].decode("utf-8", "ignore") + suffix
