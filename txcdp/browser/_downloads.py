"""The downloads of a browser: each is delivered to its page, or cancelled if there is no subscriber.

The browser is told where to save them (``Browser.setDownloadBehavior``) when a context gets its first subscriber, in
the same write as the program's next command. Before that nothing is set up: contexts made by a program cancel downloads
by default, as does the default context of a browser that was launched with a temporary profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp._privacy import printable
from txcdp.browser._download_files import BrowserFiles
from txcdp.domains import browser
from txcdp.errors import CommandError
from txcdp.model import Change, DownloadBegun, DownloadEnded, DownloadProgressed
from txcdp.model import Download as Row
from txcdp.model._downloads import Downloads as Table
from txcdp.page import Page
from txcdp.page._downloads import CANCELED, Download
from txcdp.streams import Gap

_BEHAVIOR: Final = "Browser.setDownloadBehavior"

#: The error of a download if the program has said that it wants none.
_DENIED: Final = "its context was made with accept_downloads=False; make one with accept_downloads=True"

#: The error if the connection was lost meanwhile: the browser does not report earlier downloads any more.
_LOST: Final = "the connection to the browser was lost"

_CLOSED: Final = "its context was closed before it completed"

log = Logger()


class ContextDownloads:
    """The downloads of one context.

    :param accepts: whether downloads are accepted.
    :param tell: sends the browser a command about the context, by its name and parameters.
    :ivar wanted: whether there has been a subscriber.
    :ivar denied: whether the browser is told to cancel them before that.
    :ivar begun: the ids of the reported downloads, until the context ends (a dict used as an ordered set).
    """

    def __init__(self, accepts: bool, tell: Callable[[str, dict[str, Any]], Deferred[Any]]) -> None:
        self.accepts = accepts
        self.tell = tell
        self.wanted = False
        self.denied = not accepts
        self.begun: dict[str, None] = {}


class BrowserDownloads:
    """The downloads of one browser.

    :param root: the browser's session.
    :param pages: returns its pages.
    :param files: their storage.
    :param start: attaches to popups before they run, so that their downloads are known.
    """

    def __init__(
        self, root: Session, pages: Callable[[], Iterable[Page]], files: BrowserFiles, start: Callable[[], object]
    ) -> None:
        self.files = files
        self._root = root
        self._pages = pages
        self._start = start
        self._listens = False
        self._changes: list[Change] = []
        self._table = Table(self._changes.append)
        #: The downloads in progress; those that nobody wanted have no Download.
        self._under_way: dict[str, tuple[ContextDownloads | None, Download | None]] = {}

    def begin(self, downloads: ContextDownloads) -> None:
        """Enable the reports of a context's downloads, because there is a subscriber."""
        if downloads.wanted:
            return
        downloads.wanted = True
        if not self._listens:
            self._listens = True
            events = (browser.DownloadWillBegin, browser.DownloadProgress)
            self._root._feed_into(events, self._heard, gap=self._gap)
        self._start()
        self.set_up(downloads)

    def set_up(self, downloads: ContextDownloads) -> list[Deferred[Any]]:
        """Set the download behavior of a context in the browser, if it needs one; repeated after a reconnect.

        Only a gateway accepts the command without a path, which a browser refuses: so its answer shows whether there is
        a gateway, and the command before it applies if there is none.
        """
        if not (downloads.wanted or downloads.denied):
            return []
        events = {"eventsEnabled": self._listens}
        folder = self.files.folder if downloads.wanted and downloads.accepts else None
        if folder is None:
            first = {"behavior": "deny", **events}
        else:
            first = {"behavior": "allowAndName", "downloadPath": folder, **events}
        sent = [downloads.tell(_BEHAVIOR, first)]
        if downloads.wanted and downloads.accepts and self.files.is_asked:
            asked = downloads.tell(_BEHAVIOR, {"behavior": "allowAndName", **events})
            asked.addCallbacks(self._is_gateway, self._is_none)
            sent.append(asked)
        sent[0].addErrback(self._refused)
        return sent

    def _is_gateway(self, _: object) -> None:
        self.files.answered(True)

    def _is_none(self, failure: Any) -> None:
        failure.trap(CommandError)
        self.files.answered(False)

    def _refused(self, failure: Any) -> None:
        ignore_failure(failure)
        if failure.check(CommandError) and not self._root.ended:
            log.warn("The browser could not be configured for downloads: {why}", why=printable(str(failure.value)))

    # From the browser:

    def _heard(self, event: Any) -> None:
        self._table.handlers[type(event)]("", event)
        changes, self._changes[:] = list(self._changes), []
        for change in changes:
            match change:
                case DownloadBegun(row):
                    self._begun(row)
                case DownloadProgressed(row):
                    self._progressed(row)
                case DownloadEnded(row):
                    self._ended(row)

    def _begun(self, row: Row) -> None:
        owner = self._owner(row.frame_id)
        if owner is None:  # it is of a page that this program has not: it is not for us to say that there is to be none
            if not self.files.is_asked:  # but what is left of it is
                self._under_way[row.guid] = None, None
            return
        downloads = owner.context._downloads
        if not owner._tree.streams.listened("downloads"):
            self._under_way[row.guid] = downloads, None
            self._cancel(downloads, row.guid)
            return
        streams = owner.session.context
        cancel = partial(self._cancel, downloads, row.guid)
        download = Download(owner, row.url, row.suggested_filename, streams, self.files, row.guid, cancel)
        downloads.begun[row.guid] = None
        self._under_way[row.guid] = downloads, download
        if not downloads.accepts:
            self._end(row.guid, _DENIED)
        owner._tree.streams.push("downloads", download)

    def _progressed(self, row: Row) -> None:
        _, download = self._under_way.get(row.guid, (None, None))
        if download is not None:
            download._progressed(row.received_bytes, row.total_bytes)

    def _ended(self, row: Row) -> None:
        whole = row.state == "completed"
        _, download = self._under_way.get(row.guid, (None, None))
        if download is not None:
            if whole:
                download._progressed(row.received_bytes, row.total_bytes or row.received_bytes)
        elif row.guid in self._under_way and whole:  # it was whole before it could be cancelled
            self.files.delete(row.guid).addErrback(ignore_failure)
        self._end(row.guid, None if whole else CANCELED)

    def _end(self, guid: str, reason: str | None) -> None:
        _, download = self._under_way.pop(guid, (None, None))
        if download is not None:
            download._end(reason)

    def _owner(self, frame_id: str) -> Page | None:
        """Return the page whose frame began a download; for a popup opened only for the download, its opener."""
        for each in self._pages():
            if each._tree.frame(frame_id) is not None:
                opener = each.opener
                return opener if opener is not None and each._tree.is_untouched else each
        return None

    def _cancel(self, downloads: ContextDownloads, guid: str) -> None:
        downloads.tell("Browser.cancelDownload", {"guid": guid}).addErrback(ignore_failure)

    def _gap(self, gap: Gap) -> None:
        """Fail the downloads that were in progress when the transport was lost: the browser does not report them any
        more.
        """
        for guid, (downloads, _) in list(self._under_way.items()):
            if not gap.restarted and downloads is not None:
                self._cancel(downloads, guid)
            self._end(guid, _LOST)

    # The end:

    @returns_deferred
    async def end(self, downloads: ContextDownloads, *, everywhere: bool = False) -> None:
        """Delete the files of a context that has ended, and end downloads in progress.

        :param everywhere: whether to delete them on a gateway's machine, too; it does so itself when the connection
            ends.
        """
        begun, downloads.begun = downloads.begun, {}
        for guid in begun:
            self._end(guid, _CLOSED)
        if begun:
            await self.files.delete_all(begun, everywhere=everywhere)
