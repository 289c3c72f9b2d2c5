"""Downloads: files that a page makes the browser save.

The browser reports a download on the page's session (``Page.downloadWillBegin``), and on the root session if a client
has asked for that (``Browser.setDownloadBehavior`` with ``eventsEnabled``); if it does so on both, the second report
adds nothing. A download does not end with its page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from txcdp._recent import Recent
from txcdp.domains import browser, page
from txcdp.model._table import Change, Row, Table

#: The number of ended downloads that are remembered by their ids, so that a repeated event does not begin one again.
_REMEMBERED = 100


class Download(Row):
    """A download.

    :ivar guid: its id; also the name of the file, if ``Browser.setDownloadBehavior`` says so.
    :ivar frame_id: the frame that started it.
    :ivar received_bytes: the bytes received so far.
    :ivar total_bytes: the total size in bytes; 0 if unknown.
    :ivar state: ``"inProgress"``, ``"completed"`` or ``"canceled"``.
    :ivar path: the path of the file on the browser's machine; ``""`` if the browser does not report it.
    """

    guid: str
    frame_id: str
    url: str
    suggested_filename: str
    received_bytes: float = 0
    total_bytes: float = 0
    state: str = "inProgress"
    path: str = ""


class DownloadBegun(Change, frozen=True, gc=False):
    """A download has begun."""

    download: Download


class DownloadProgressed(Change, frozen=True, gc=False):
    """More of a download has arrived."""

    download: Download


class DownloadEnded(Change, frozen=True, gc=False):
    """A download has ended; its row tells how."""

    download: Download


class Downloads(Table):
    """The downloads in progress.

    :ivar downloads: by guid.
    """

    name = "downloads"

    def __init__(self, emit: Callable[[Change], None]) -> None:
        super().__init__(emit)
        self.downloads: dict[str, Download] = {}
        self._ended: Recent[str, None] = Recent(_REMEMBERED)
        self.handlers = {
            page.DownloadWillBegin: self._begun,
            page.DownloadProgress: self._progressed,
            browser.DownloadWillBegin: self._begun,
            browser.DownloadProgress: self._progressed,
        }

    def snapshot(self) -> list[Any]:
        """Return the downloads as plain data."""
        return [msgspec.to_builtins(each) for each in self.downloads.values()]

    def _begun(self, session: str, event: page.DownloadWillBegin | browser.DownloadWillBegin) -> None:
        if event.guid in self.downloads or event.guid in self._ended:
            return
        download = Download(
            guid=event.guid, frame_id=event.frame_id, url=event.url, suggested_filename=event.suggested_filename
        )
        self.downloads[download.guid] = download
        self.emit(DownloadBegun(download))

    def _progressed(self, session: str, event: page.DownloadProgress | browser.DownloadProgress) -> None:
        download = self.downloads.get(event.guid)
        if download is None:
            return
        if isinstance(event, browser.DownloadProgress):
            download.path = event.file_path or download.path
        before = download.received_bytes, download.total_bytes
        download.received_bytes, download.total_bytes = event.received_bytes, event.total_bytes
        if event.state != "inProgress":
            download.state = event.state
            del self.downloads[download.guid]
            self._ended[download.guid] = None
            self.emit(DownloadEnded(download))
        elif before != (download.received_bytes, download.total_bytes):
            self.emit(DownloadProgressed(download))
