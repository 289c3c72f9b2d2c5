"""The downloads of a FakeChrome's pages: saved to a folder or cancelled, as it was told."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from txcdp.domains import browser, page
from txcdp.errors import CommandError
from txcdp.protocol._error_codes import INVALID_PARAMS
from txcdp.testing._builtin import Answer, Chrome
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received
from txcdp.testing._targets import FakeSession, FakeTarget


@dataclass(eq=False)
class FakeDownload:
    """A download that goes on."""

    target: FakeTarget
    frame_id: str
    content: bytes


class FakeDownloads:
    """The downloads of a FakeChrome.

    :param chrome: whose they are.
    """

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome
        #: What each context was told, with the line that has told it: with that it is forgotten.
        self._behaviors: dict[str | None, tuple[FakeTransport, browser.set_download_behavior]] = {}
        self._listening: set[int] = set()
        self._begun: set[str] = set()
        self._going: dict[str, FakeDownload] = {}
        self.answers: dict[str, Answer] = {
            browser.set_download_behavior.method: self._set_behavior,
            browser.cancel_download.method: self._cancel,
        }

    def begin(self, target: FakeTarget, frame_id: str, url: str, name: str, content: bytes) -> str:
        """Let a page begin to download; return its id."""
        guid = str(uuid.uuid4())
        self._begun.add(guid)
        self._going[guid] = FakeDownload(target, frame_id, content)
        begins = {"frame_id": frame_id, "guid": guid, "url": url, "suggested_filename": name}
        self._tell(target, page.DownloadWillBegin(**begins), browser.DownloadWillBegin(**begins))
        self._progress(guid, 0, "inProgress")
        if self._behavior(target) is None:
            self._end(guid, "canceled")
        return guid

    def end(self, guid: str, *, whole: bool) -> None:
        """Let a download end; one that has ended, or was cancelled, does not again."""
        if guid not in self._begun:
            raise AssertionError(f"this browser has no download {guid}")
        found = self._going.get(guid)
        if found is None:
            return
        behavior = self._behavior(found.target)
        if not whole or behavior is None:
            self._end(guid, "canceled")
            return
        folder = behavior.download_path or ""
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, guid)
        with open(path, "wb") as file:
            file.write(found.content)
        self._progress(guid, len(found.content), "inProgress")
        self._end(guid, "completed", path)

    def _behavior(self, target: FakeTarget) -> browser.set_download_behavior | None:
        """Return what a page's downloads are saved by; None: they are cancelled."""
        default = self._chrome.targets.default_context
        context = target.browser_context_id if target.browser_context_id != default else None
        if context not in self._behaviors:
            return None
        line, told = self._behaviors[context]
        return told if told.behavior in ("allow", "allowAndName") and line.closed is None else None

    def _end(self, guid: str, state: Literal["completed", "canceled"], path: str | None = None) -> None:
        self._progress(guid, len(self._going[guid].content) if state == "completed" else 0, state, path)
        del self._going[guid]

    def _progress(
        self,
        guid: str,
        received: int,
        state: Literal["inProgress", "completed", "canceled"],
        path: str | None = None,
    ) -> None:
        found = self._going[guid]
        total = len(found.content)
        self._tell(
            found.target,
            page.DownloadProgress(guid=guid, total_bytes=total, received_bytes=received, state=state),
            browser.DownloadProgress(
                guid=guid, total_bytes=total, received_bytes=received, state=state, file_path=path
            ),
        )

    def _tell(self, target: FakeTarget, of_page: Any, of_browser: Any) -> None:
        for session in self._chrome.targets.sessions_of(target):
            if "Page" in session.enabled:
                self._chrome.post(of_page, session)
        for root in self._chrome.targets.roots.values():
            if id(root) in self._listening:
                self._chrome.post(of_browser, root)

    def _set_behavior(self, command: browser.set_download_behavior, session: FakeSession, received: Received) -> None:
        if command.behavior in ("allow", "allowAndName") and command.download_path is None:
            raise CommandError(received.method, INVALID_PARAMS, "downloadPath not provided")
        default = self._chrome.targets.default_context
        context = command.browser_context_id if command.browser_context_id != default else None
        self._behaviors[context] = session.line, command
        (self._listening.add if command.events_enabled else self._listening.discard)(id(session))

    def _cancel(self, command: browser.cancel_download, session: FakeSession, received: Received) -> None:
        if command.guid not in self._begun:
            raise CommandError(received.method, INVALID_PARAMS, "No download item found for the given GUID")
        self.end(command.guid, whole=False)
