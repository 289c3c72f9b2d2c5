"""A HAR file as a recording: notes and events in the order of their times.

A HAR file describes exchanges and pages, but no browser. So each page of the file becomes a page of the recording,
which begins when the file says so and ends with the file; entries that name no page go to an extra page.

The file is kept in memory as its bytes, with a few numbers for each entry: an entry is read when its time comes, and
its events are held no longer than the exchange itself took.
"""

from __future__ import annotations

import heapq
import math
import re
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from txcdp.network._har_file import file_beside
from txcdp.network._har_reading import HarEntry, HarLog, HarPage, open_har, time_of
from txcdp.protocol import to_json
from txcdp.protocol._values import text_of
from txcdp.recording._entries import (
    FORMAT,
    VERSION,
    Damage,
    Entry,
    ReplyEntry,
    event_line,
    head_of,
    note_line,
    parse,
)
from txcdp.recording._har_events import HarEvent, RequestPlace, answers, arrival, begins, body_of, ends, loaded

#: How a HAR file begins, whatever program wrote it.
_BEGINS: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"log"\s*:')

#: The field of an entry, or a page, that says when it began.
_STARTED: Final = re.compile(rb'"startedDateTime"\s*:\s*"([^"]{1,100})"')

#: The most pages of a file that become pages of the recording; entries of further pages go with those that name none.
MOST_PAGES: Final = 1000

#: The error for a body that is not available.
_NO_BODY: Final = "No data found for resource with given identifier (-32000)"


def looks_like_har(path: Path, start: bytes) -> bool:
    """Return whether a file is HAR by how it begins, or by its name."""
    return _BEGINS.match(start) is not None or (path.suffix.lower() == ".har" and not start.startswith(b'{"time":'))


def first_time(start: bytes) -> float | None:
    """Return the first time in the beginning of a file; None if there is none."""
    found = _STARTED.search(start)
    return None if found is None else time_of(found[1].decode("ascii", "replace")) or None


class _Known(NamedTuple):
    """The part of an entry that is kept in memory.

    :ivar number: its position in the file.
    :ivar before: the number of the entry that redirected to it; None if there is none.
    """

    started: float
    number: int
    before: int | None


class _Page:
    """A page of the file while it is played."""

    def __init__(self, tag: str, number: int, page: HarPage, opened: float) -> None:
        self.page = page
        self.opened = opened
        self.session, self.target = f"{tag}-session-{number}", f"{tag}-page-{number}"
        self.head = head_of(self.session, self.target)
        self.loader = ""
        self.url = page.url
        self.navigated = False


class HarReader:
    """A HAR file, read as a recording.

    :raises NoHar: it is not a valid HAR file.
    :raises OSError: it cannot be read.
    :ivar ended: whether all of it has been read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = False
        self._log: HarLog | None = open_har(path)
        self._damages: list[str] = []
        # Ids are of this file, and the same each time.
        self._tag = "har-" + sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:8]

    def poll(self) -> Iterator[Entry]:
        """Return its contents as entries, once."""
        return map(parse, self.lines())

    def lines(self) -> Iterator[bytes]:
        """Return its contents as lines of a recording, once."""
        log, self._log = self._log, None
        if log is not None:
            yield from _Lines(log, self.path, self._tag, self._damages).lines()
        self.ended = True

    def finish(self) -> Iterator[Entry]:
        """Report what could not be read."""
        for reason in self._damages:
            yield Damage(0.0, b"", str(self.path), reason)

    def close(self) -> None:
        """Release its contents."""
        self._log = None


class HarBodies:
    """The bodies of a HAR file, by the ids that its recording gives to requests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        reader = HarReader(path)
        assert reader._log is not None
        self._log = reader._log
        self._request = re.compile(re.escape(reader._tag) + r"-request-(\d+)")
        self._last = {each.before: each.number for each in _in_order(self._log, 1.0, []) if each.before is not None}

    def take(self, request_id: str) -> ReplyEntry | None:
        """Return the result of ``Network.getResponseBody``; None if the request is not from this file."""
        found = self._request.fullmatch(request_id)
        if found is None:
            return None
        number = int(found[1])
        while number in self._last:
            number = self._last[number]
        entry = self._log.entry(number) if number < len(self._log) else None
        result = None if entry is None else body_of(entry, self._beside(entry))
        return ReplyEntry(0.0, b"", 0, 0.0, result, _NO_BODY if result is None else None)

    def _beside(self, entry: HarEntry) -> str | None:
        name = text_of(entry.content.get("_file"), 1000)
        if not name:
            return None
        try:
            return b64encode(file_beside(self._path, name)).decode()
        except (OSError, ValueError):
            return None


class _Lines:
    """Makes the lines of one file.

    :param tag: what its ids begin with.
    :param damages: what could not be read is added to it, in words.
    """

    def __init__(self, log: HarLog, path: Path, tag: str, damages: list[str]) -> None:
        self._log = log
        self._tag = tag
        self._damages = damages
        if log.is_cut:
            damages.append("it ends in the middle of an entry, and has no pages")
        self._began = _beginning(log) or path.stat().st_mtime
        self._known = _in_order(log, self._began, damages)
        self._pages: dict[str, _Page] = {}
        self._rest = HarPage("")
        self._too_many = 0
        self._waiting: list[tuple[float, int, bytes]] = []
        self._made = count()

    def lines(self) -> Iterator[bytes]:
        """Yield all lines in their order."""
        began = self._began
        about = {"format": FORMAT, "version": VERSION, "recording": self._tag, "file": 1, "browser": self._log.product}
        yield note_line(began, "begin", **about, protocol="", options={"commands": False}, targets=[])[:-1]
        written, last = 1, began
        for time, line in self._between():
            written, last = written + 1, max(last, time)
            yield line[:-1]
        if self._too_many:
            self._damages.append(f"{self._too_many:,} entries of more than {MOST_PAGES:,} pages: taken for one page's")
        for page in self._pages.values():
            yield note_line(last, "detached", session=page.session, target=page.target, reason="the file has ended")[
                :-1
            ]
        yield note_line(last, "end", reason="stopped", entries=written, dropped=0)[:-1]

    def _between(self) -> Iterator[tuple[float, bytes]]:
        redirecting = {each.before for each in self._known}
        places: dict[int, RequestPlace] = {}
        named = {page.id: page for page in reversed(self._log.pages)}
        pages = deque(
            sorted((each for each in named.values() if each.id and each.started), key=lambda each: each.started)
        )
        for known in self._known:
            yield from self._due(known.started)
            self._open_all(pages, known.started)
            entry = self._log.entry(known.number)
            if entry is None:
                continue
            page = self._page_of(entry, named, known.started)
            before = None if known.before is None else self._log.entry(known.before)
            place = places.pop(known.before, None) if known.before is not None else None
            if place is None:
                place, before = self._place(entry, page, known.number), None
            self._put(page, begins(entry, place, known.started, before))
            if known.number in redirecting:
                places[known.number] = place
            else:
                self._put(page, answers(entry, place, known.started))
                self._put(page, ends(entry, place, known.started))
                self._arrived(page, entry, place, known.started)
        self._open_all(pages, math.inf)
        yield from self._due(None)

    def _due(self, now: float | None) -> Iterator[tuple[float, bytes]]:
        """Yield what is due before a time; None: everything that waits."""
        waiting = self._waiting
        while waiting and (now is None or waiting[0][0] < now):
            time, _, line = heapq.heappop(waiting)
            yield time, line

    def _put(self, page: _Page, events: Iterable[HarEvent]) -> None:
        for event in events:
            body = b'"method":%b,"params":%b' % (to_json(event.method), to_json(event.params))
            self._push(event.time, event_line(event.time, page.head, body))

    def _push(self, time: float, line: bytes) -> None:
        heapq.heappush(self._waiting, (time, next(self._made), line))

    # Pages:

    def _open(self, page: HarPage, at: float) -> _Page:
        made = self._pages[page.id] = _Page(self._tag, len(self._pages) + 1, page, at)
        told = {"session": made.session, "target": made.target, "type": "page", "url": "about:blank"}
        self._push(at, note_line(at, "attached", **told, opener=None, parent=None))
        return made

    def _open_all(self, pages: deque[HarPage], now: float) -> None:
        """Open the pages that have begun by a time, and are not open yet."""
        while pages and pages[0].started <= now:
            page = pages.popleft()
            if page.id not in self._pages and len(self._pages) < MOST_PAGES:
                self._open(page, page.started)

    def _page_of(self, entry: HarEntry, named: dict[str, HarPage], at: float) -> _Page:
        found = self._pages.get(entry.page)
        if found is not None:
            return found
        if entry.page and len(self._pages) < MOST_PAGES:
            return self._open(named.get(entry.page) or HarPage(entry.page), at)
        self._too_many += bool(entry.page)
        return self._pages.get("") or self._open(self._rest, at)

    def _place(self, entry: HarEntry, page: _Page, number: int) -> RequestPlace:
        """Return where a request belongs that is not the result of a redirect.

        The first document is the page's, and so are those that the browser has marked as such; others belong to frames.
        """
        request = f"{self._tag}-request-{number}"
        told = entry.header("sec-fetch-dest").lower()
        navigates = entry.type == "Document" and (told == "document" or (not told and not page.navigated))
        if navigates:
            page.navigated, page.loader = True, request
        return RequestPlace(request, page.target, page.loader, page.url, navigates)

    def _arrived(self, page: _Page, entry: HarEntry, place: RequestPlace, began: float) -> None:
        """Schedule what follows the arrival of a page's document."""
        if not place.navigates or not entry.status:
            return
        page.url = entry.url
        came = arrival(entry, began)
        told = {"session": page.session, "target": page.target, "type": "page", "url": entry.url}
        self._push(came, note_line(came, "changed", **told))
        about, page.page = page.page, HarPage(page.page.id)  # its times are those of its first document
        for name, at in (("DOMContentLoaded", about.content_loaded), ("load", about.loaded)):
            if at is not None:
                self._put(page, loaded(max(at, came), name, place))


def _beginning(log: HarLog) -> float:
    """Return the first time in a file; 0 if it contains none."""
    times = [each.started for each in log.pages]
    times += [entry.started for number in range(len(log)) if (entry := log.entry(number)) is not None]
    return min((each for each in times if each), default=0.0)


def _in_order(log: HarLog, began: float, damages: list[str]) -> list[_Known]:
    """Return the entries in the order of their times, each with the one that redirected to it."""
    found: list[tuple[float, int]] = []
    passed_over = without_time = 0
    leads: dict[int, tuple[str, str]] = {}
    for number in range(len(log)):
        entry = log.entry(number)
        if entry is None:
            passed_over += 1
            continue
        without_time += not entry.started
        found.append((entry.started or began, number))
        if entry.redirects_to and not entry.failure:
            leads[number] = entry.page, entry.redirects_to.partition("#")[0]
    found.sort()
    waiting: dict[tuple[str, str], int] = {}
    known = []
    wanted = set(leads.values())
    for started, number in found:
        before = None
        if wanted:
            entry = log.entry(number)
            assert entry is not None
            before = waiting.pop((entry.page, entry.url.partition("#")[0]), None)
        if number in leads:
            waiting[leads[number]] = number
        known.append(_Known(started, number, before))
    for amount, what in ((passed_over, "entries that are none"), (without_time, "entries that do not say when")):
        if amount:
            damages.append(f"{amount:,} {what}")
    return known
