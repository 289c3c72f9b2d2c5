"""Downloads: files that a page makes the browser save.

The browser saves them under generated names in a folder that belongs to the context; this module has the object that a
program gets for each. Which page it belongs to, and how its file reaches this machine, is up to :mod:`txcdp.browser`.
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

#: Characters that are invalid in file names, or lead out of a folder.
_NO_NAME: Final = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")

#: The maximum length in bytes of a name, of which most file systems allow 255: some are left for what a program
#: appends. And of its suffix.
_LONGEST: Final = 200
_LONGEST_SUFFIX: Final = 20

#: The error of a download that was cancelled, or whose server did not send all of it: Chromium does not distinguish
#: them.
CANCELED: Final = "canceled"


@dataclass(frozen=True)
class DownloadProgress:
    """The progress of a download; an item of ``Download.progress``.

    :ivar received_bytes: bytes received so far; fewer than before if the browser has started over.
    :ivar total_bytes: the size in bytes; None if the server does not say.
    """

    received_bytes: int
    total_bytes: int | None


class DownloadFiles(Protocol):
    """Interface of the storage of a browser's downloads."""

    def check(self, url: str) -> Deferred[None]:
        """Fail if its files cannot be accessed."""

    def bring(self, guid: str, url: str) -> Deferred[Path]:
        """Return the path of a complete file on this machine."""

    def save(self, guid: str, url: str, target: Path) -> Deferred[None]:
        """Write a file to a path of this machine."""

    def delete(self, guid: str) -> Deferred[None]:
        """Delete a file, if it exists."""


class Download(NearNames):
    """A download; an item of ``Page.downloads``.

    The file exists until it is deleted, or its context is closed.

    :param context: the state that the streams of the connection share.
    :param files: where its file is.
    :param guid: its id.
    :param cancel: tells the browser to cancel it.
    :ivar page: the page that started it; if that was a popup opened only for this, the page that opened the popup.
    :ivar url: the URL of the file, after redirects.
    :ivar suggested_filename: the name that the server or the link suggests, without folders.
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
        """The progress, a stream of :class:`DownloadProgress`.

        It completes when the file is complete, and fails with :exc:`DownloadFailed` if it will not be.
        """
        return self._progress

    @returns_deferred
    async def path(self) -> Path:
        """Wait until the file is complete, and return its path on this machine.

        The browser chooses its name; use :meth:`save_as` to copy it. If the browser is on another machine and is
        reached through txcdp's gateway, the file is transferred to this one.

        :returns: fires with a :class:`~pathlib.Path`. Fails with :exc:`DownloadFailed` if the download was cancelled,
            broke off, or was refused; with :exc:`DownloadUnreachable` if the file is on another machine; with
            :exc:`DownloadError` if it was deleted.
        """
        await self._whole()
        return await self._files.bring(self._guid, self.url)

    @returns_deferred
    async def save_as(self, path: str | os.PathLike[str]) -> None:
        """Wait until the file is complete, and copy it to a local path.

        :param path: the path of the copy; missing folders are made, and an existing file is replaced.
        :returns: fires with None once it is written; fails like :meth:`path`, and with :exc:`OSError`.
        """
        await self._whole()
        await self._files.save(self._guid, self.url, Path(path))

    @returns_deferred
    async def failure(self) -> str | None:
        """Wait until the download has ended, and return why it failed, if it did.

        :returns: fires with None if the file is complete, otherwise with the reason, in words: ``"canceled"`` if it was
            cancelled, or if the server broke off.
        """
        return await self._ended.wait()

    @returns_deferred
    async def cancel(self) -> None:
        """Cancel the download (``Browser.cancelDownload``); this does nothing once it has ended.

        :returns: fires with None once it has ended.
        """
        if not self._ended.fired:
            self._cancel()
        await self._ended.wait()

    @returns_deferred
    async def delete(self) -> None:
        """Wait until the download has ended, and delete its file.

        :returns: fires with None once the file is deleted; saved copies stay.
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
            raise DownloadError(self.url, "its file was deleted: save it before deleting it")

    def _progressed(self, received: float, total: float) -> None:
        got = DownloadProgress(int(received), int(total) or None)
        if got != self._got:
            self._got = got
            self._progress.push(got)

    def _end(self, reason: str | None) -> None:
        """Note that it has ended: completely, or with an error."""
        self._progress.end(None if reason is None else DownloadFailed(self.url, reason))
        self._ended.fire(reason)


def file_name(suggested: str) -> str:
    """Return a valid file name that cannot lead out of the folder in which a program puts it."""
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
