"""Reads files as runs: recordings and HAR, recognized by their contents."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from txcdp.domains import page as page_domain
from txcdp.domains import target
from txcdp.protocol import Record
from txcdp.protocol._records import REJECTED, build
from txcdp.protocol._values import count_of, dict_of, list_of, text_of
from txcdp.recording import CommandEntry, Damage, Entry, EventEntry, NoteEntry, ReplyEntry
from txcdp.recording import read as read_entries
from txcdp.report._collector import MOST_URL, Collector
from txcdp.report._har import NoHar, read_har
from txcdp.report._run import Run

#: Bytes of a file that are looked at to recognize it.
_FIRST: Final = 1 << 16

#: How recordings begin: compressed, as a database, or with a line.
_MAGIC: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"SQLite format 3\0")
_LINE: Final = re.compile(rb'\{"time":\s*[\d.]+')

#: The commands whose replies are used, if a recording contains them.
_ASKED: Final = frozenset({"Page.getFrameTree", "Network.getResponseBody"})


class NoRun(ValueError):
    """A file is neither a recording nor HAR; the message says why."""


def read(path: str | os.PathLike[str]) -> Run:
    """Return the contents of a recording or a HAR file as a run.

    :param path: a recording, in any of its formats, or a directory of its files; or a HAR file.
    :returns: the :class:`Run`. ``Run.missing`` says what could not be read, and what the file does not contain.
    :raises NoRun: the file is neither.
    :raises OSError: the file cannot be read.
    :raises MissingLibrary: the file is compressed with zstd, which is not available.
    """
    where = Path(path)
    try:
        return read_har(where) if not where.is_dir() and is_har(where) else _Recording(where).run()
    except NoHar as error:
        raise NoRun(str(error)) from error


def is_har(path: Path) -> bool:
    """Return whether a file looks like HAR: a JSON object that is not a line of a recording."""
    with path.open("rb") as file:
        start = file.read(_FIRST).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and not _LINE.match(start)


def is_recording(path: Path) -> bool:
    """Return whether a file looks like a recording."""
    with path.open("rb") as file:
        start = file.read(_FIRST)
    return start.startswith(_MAGIC) or _LINE.match(start) is not None


class _Recording:
    """Feeds a recording to a collector, as the browser reported it.

    :param path: a file, or a directory of them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._collector = Collector(path.name, "recording")
        self._kinds = {each.method: each for each in self._collector.events}
        self._asked: dict[int, tuple[str, str, str]] = {}
        self._browser = ""
        #: Sessions that a note mentions, but no event has reported yet.
        self._untold: dict[str, tuple[float, dict[str, Any]]] = {}
        self._damages = 0
        self._dropped = 0
        self._gaps = 0

    def run(self) -> Run:
        """Return the run."""
        began = False
        for entry in read_entries(self._path):
            if isinstance(entry, Damage):
                self._damages += 1
            else:
                began = True
                self._take(entry)
        if not began:
            raise NoRun(f"{self._path} is neither a recording nor a HAR file")
        run = self._collector.run(self._browser)
        for number, what in (
            (self._damages, "places of the recording that cannot be read"),
            (self._dropped, "events that were dropped"),
            (self._gaps, "gaps without a connection to the browser"),
        ):
            if number:
                run.missing.append(f"{number:,} {what}")
        if not any(each.body for each in run.exchanges):
            run.missing.append("bodies: the recording has none")
        return run

    def _take(self, entry: Entry) -> None:
        if isinstance(entry, EventEntry):
            if self._untold:
                # What the browser says itself of a session that is noted comes next, and says more.
                told = entry.params.get("sessionId") if entry.method == target.AttachedToTarget.method else None
                if isinstance(told, str):
                    self._untold.pop(told, None)
                self._attach(entry.session or "")
            kind = self._kinds.get(entry.method)
            if kind is not None:
                self._feed(entry.time, entry.session or "", kind, entry.params)
        elif isinstance(entry, NoteEntry):
            self._noted(entry.time, entry.kind, entry.data)
        elif isinstance(entry, CommandEntry):
            if entry.method in _ASKED:
                self._asked[entry.id] = entry.method, entry.session or "", str(entry.params.get("requestId"))
        elif isinstance(entry, ReplyEntry):
            self._replied(entry)

    def _feed(self, time: float, session: str, kind: type[Record], params: Any) -> None:
        record: Record
        try:
            record = msgspec.convert(params, kind)
        except REJECTED:
            record = build(kind, params)
        self._collector.take(time, session, record)

    def _replied(self, entry: ReplyEntry) -> None:
        method, session, request_id = self._asked.pop(entry.id, ("", "", ""))
        if entry.error is not None or not isinstance(entry.result, dict):
            return
        if method == "Page.getFrameTree":
            self._feed(entry.time, session, page_domain.GetFrameTreeResult, entry.result)
        elif method == "Network.getResponseBody":
            body = entry.result.get("body")
            if isinstance(body, str):
                self._collector.add_body(request_id, body, bool(entry.result.get("base64Encoded")))

    # Notes:

    def _noted(self, time: float, kind: str, data: dict[str, Any]) -> None:
        match kind:
            case "begin":
                self._browser = self._browser or text_of(data.get("browser"), 200)
                for each in list_of(data.get("targets")):
                    self._untold[text_of(dict_of(each).get("session"), MOST_URL)] = time, dict_of(each)
            case "frames":
                if isinstance(data.get("tree"), dict):
                    session = text_of(data.get("session"), MOST_URL)
                    self._feed(time, session, page_domain.GetFrameTreeResult, {"frameTree": data["tree"]})
            case "attached":
                self._untold[text_of(data.get("session"), MOST_URL)] = time, data
            case "detached":
                self._attach(text_of(data.get("session"), MOST_URL))
                params = {
                    "sessionId": text_of(data.get("session"), MOST_URL),
                    "targetId": text_of(data.get("target"), MOST_URL),
                }
                self._feed(time, "", target.DetachedFromTarget, params)
            case "dropped":
                self._dropped += count_of(data.get("count")) or 0
            case "line_lost":
                self._gaps += 1

    def _attach(self, session: str) -> None:
        """Feed the collector with the beginning of a session that only a note in the recording mentions."""
        time, data = self._untold.pop(session, (0.0, {}))
        if not session or not data:
            return  # it is told of, or the browser's own
        parent = text_of(data.get("parent"), MOST_URL)
        self._attach(parent)
        info = {
            "targetId": text_of(data.get("target"), MOST_URL),
            "type": text_of(data.get("type"), MOST_URL),
            "url": text_of(data.get("url"), MOST_URL),
            "title": "",
            "attached": True,
            "canAccessOpener": False,
            "openerId": text_of(data.get("opener"), MOST_URL) or None,
        }
        params = {"sessionId": session, "targetInfo": info, "waitingForDebugger": False}
        self._feed(time, parent, target.AttachedToTarget, params)
