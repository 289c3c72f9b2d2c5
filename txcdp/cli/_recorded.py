"""The entries of a recording as lines, in the words of ``txcdp watch``, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from txcdp._core.dispatch.tap import RawEvent
from txcdp.cli._lines import Line
from txcdp.cli._selection import Selection
from txcdp.cli._story import Story
from txcdp.cli._text import clean, count, seconds
from txcdp.protocol import to_json
from txcdp.recording import CommandEntry, Damage, Entry, EventEntry, NoteEntry, ReplyEntry
from txcdp.recording._recorded_clock import since_1970

#: Characters of a command's parameters, or of its result, that are shown.
_SHOWN = 2000
#: What is told whatever is selected: that something is missing.
_ALWAYS = frozenset({"dropped", "line_lost", "line_found", "removed"})


@dataclass(frozen=True)
class Wanted:
    """A filter of entries.

    :ivar selection: which events; None: all that there are lines for, in words of their own.
    :ivar target: a type of target, or how an id begins.
    :ivar url: a pattern for the URL of the target.
    :ivar since: seconds since 1970, or from the beginning of the recording where they are below a year's.
    :ivar until: the same.
    """

    selection: Selection | None = None
    target: str | None = None
    url: str | None = None
    since: float | None = None
    until: float | None = None


class RecordedSession:
    """A session of the recording, with the story of its page.

    :ivar kind: the type of its target.
    :ivar story: what happens in it.
    """

    def __init__(
        self, session: str | None, kind: str, target: str | None, url: str, selection: Selection | None, verbose: bool
    ) -> None:
        self.kind = kind
        self.target = target
        self.url = url
        self.story = Story(session, url, selection, verbose)

    @property
    def name(self) -> str:
        """What it is called."""
        return clean(f"{self.kind.replace('_', ' ')} {self.url}".strip())


class Recorded:
    """Turns entries into lines, and counts them.

    :param wanted: which of them.
    :param verbose: as for :class:`~txcdp.cli._story.Story`.
    :ivar began: the time of the first entry, 0 before there was one.
    :ivar ended: the time of the last one.
    """

    def __init__(self, wanted: Wanted, verbose: bool = False) -> None:
        self.began = self.ended = 0.0
        self.speakers: dict[str | None, RecordedSession] = {}
        self.all_speakers: list[RecordedSession] = []
        self.methods: Counter[str] = Counter()
        self.commands = self.refused = 0
        self.files = 0
        self.browsers: list[str] = []
        self.dropped = 0
        self.gaps: list[float] = []
        self.damages: list[str] = []
        self._wanted = wanted
        self._verbose = verbose
        self._lost: float | None = None
        self._sent: dict[int, CommandEntry] = {}
        self._notes: dict[str, Callable[[dict[str, Any], float], Line | None]] = {
            "begin": self._begin,
            "end": self._end,
            "attached": self._attached,
            "changed": self._changed,
            "detached": self._detached,
            "dialog": self._dialog,
            "line_lost": self._line_lost,
            "line_found": self._line_found,
            "dropped": self._dropped,
            "removed": self._removed,
        }

    def wants(self, entry: Entry) -> bool:
        """Return whether an entry is shown; what it says of targets is kept in mind in any case, by :meth:`hear`."""
        self.began = self.began or entry.time
        wanted = self._wanted
        if wanted.since is not None and entry.time < since_1970(wanted.since, self.began):
            return False
        if wanted.until is not None and entry.time > since_1970(wanted.until, self.began):
            return False
        if isinstance(entry, EventEntry):
            if wanted.selection is not None and not wanted.selection.wants(entry.method):
                return False
            return self._is_of_target(entry.session)
        if isinstance(entry, CommandEntry):
            return wanted.selection is None and self._is_of_target(entry.session)
        if isinstance(entry, ReplyEntry):
            sent = self._sent.get(entry.id)
            return wanted.selection is None and (sent is None or self._is_of_target(sent.session))
        if isinstance(entry, NoteEntry) and entry.kind not in _ALWAYS:
            return wanted.selection is None and (
                "session" not in entry.data or self._matches(self._speaker_of(entry.data, new=False))
            )
        return True

    def hear(self, entry: Entry) -> list[tuple[RecordedSession | None, Line]]:
        """Take an entry, and return the lines that tell of it, each with who says it."""
        shown = self.wants(entry)
        if isinstance(entry, EventEntry):
            if not shown:
                return []
            self._heard(entry)
            self.methods[entry.method] += 1
            speaker = self.speaker(entry.session, entry.target)
            if self._wanted.selection is None and entry.method.startswith("Target."):
                return []  # notes tell of it
            lines = speaker.story.hear(RawEvent(entry.method, entry.params, entry.session))
            return [(speaker, line) for line in lines]
        told = self._other(entry)
        if not shown or told is None:
            return []
        self._heard(entry)
        return [(None, told)]

    def speaker(self, session: str | None, target: str | None) -> RecordedSession:
        """Return who says what a session says."""
        found = self.speakers.get(session)
        if found is None:
            kind = "browser" if session is None else "target"
            found = self._add(session, kind, target, "")
        return found

    def open_requests(self) -> int:
        """Return how many requests had not ended."""
        return sum(len(each.story.in_flight) for each in self.all_speakers)

    def _add(self, session: str | None, kind: str, target: str | None, url: str) -> RecordedSession:
        made = self.speakers[session] = RecordedSession(
            session, kind, target, url, self._wanted.selection, self._verbose
        )
        self.all_speakers.append(made)
        return made

    def _heard(self, entry: Entry) -> None:
        self.ended = max(self.ended, entry.time)

    def _is_of_target(self, session: str | None) -> bool:
        return self._matches(self.speaker(session, None))

    def _matches(self, speaker: RecordedSession | None) -> bool:
        wanted = self._wanted
        if wanted.target is None and wanted.url is None:
            return True
        if speaker is None:
            return False
        target = speaker.target or ""
        if wanted.target is not None and wanted.target != speaker.kind and not target.startswith(wanted.target):
            return False
        return wanted.url is None or fnmatchcase(speaker.url, wanted.url)

    def _other(self, entry: Entry) -> Line | None:
        if isinstance(entry, NoteEntry):
            note = self._notes.get(entry.kind)
            return None if note is None else note(entry.data, entry.time)
        if isinstance(entry, CommandEntry):
            self._sent[entry.id] = entry
            self.commands += 1
            text = _json(entry.params) if entry.params else ""
            return Line("command", "sent", f"{clean(entry.method)} {text}".rstrip(), mood="quiet")
        if isinstance(entry, ReplyEntry):
            return self._reply(entry)
        assert isinstance(entry, Damage)
        self.damages.append(f"{entry.path}: {entry.reason}")
        return Line("record", "damaged", clean(f"{entry.path}: {entry.reason}"), mood="bad")

    def _reply(self, entry: ReplyEntry) -> Line:
        sent = self._sent.pop(entry.id, None)
        method, took = clean(sent.method) if sent is not None else f"{entry.id}", seconds(entry.duration)
        if entry.error is not None:
            self.refused += 1
            return Line("command", "failed", method, note=clean(entry.error), took=took, mood="bad")
        return Line("command", "answered", f"{method} {_json(entry.result)}", took=took)

    # Notes:

    def _begin(self, data: dict[str, Any], time: float) -> Line | None:
        self.files += 1
        browser = clean(data.get("browser") or "")
        if browser and browser not in self.browsers:
            self.browsers.append(browser)
        for each in data.get("targets") or ():
            self._attached(each, time)
        if self.files > 1 and data.get("file") != 1:
            return None
        return Line("record", "begins", browser, mood="quiet")

    def _end(self, data: dict[str, Any], time: float) -> Line | None:
        reason = clean(data.get("reason") or "")
        if reason == "rotated":
            return None
        return Line("record", "ends", reason, mood="quiet" if reason in ("stopped", "closed") else "warning")

    def _speaker_of(self, data: dict[str, Any], *, new: bool = True) -> RecordedSession:
        session = data.get("session")
        known = self.speakers.get(session)
        if known is not None and (known.target == data.get("target") or known.target is None):
            known.kind, known.target = data.get("type") or known.kind, data.get("target")
            known.url = data.get("url") or known.url
            return known
        kind, url = str(data.get("type") or "target"), str(data.get("url") or "")
        if new:
            return self._add(session, kind, data.get("target"), url)
        return RecordedSession(session, kind, data.get("target"), url, None, False)

    def _attached(self, data: dict[str, Any], time: float) -> Line | None:
        speaker = self._speaker_of(data)
        return Line("target", "attached", clean(speaker.kind.replace("_", " ")), note=clean(speaker.url), mood="quiet")

    def _changed(self, data: dict[str, Any], time: float) -> Line | None:
        speaker = self._speaker_of(data)
        return Line("target", "changed", clean(speaker.url), mood="quiet", is_url=True) if self._verbose else None

    def _detached(self, data: dict[str, Any], time: float) -> Line | None:
        speaker = self.speakers.pop(data.get("session"), None)
        return Line("target", "gone", speaker.name if speaker is not None else "", mood="quiet")

    def _dialog(self, data: dict[str, Any], time: float) -> Line | None:
        what = "accepted" if data.get("accepted") else "dismissed"
        by = clean(str(data.get("by") or ""))
        why = {"program": "by the program", "deadline": "nobody decided in time"}.get(by, by)
        return Line("record", what, f"the dialog: {clean(str(data.get('type') or ''))}", note=why, mood="quiet")

    def _line_lost(self, data: dict[str, Any], time: float) -> Line | None:
        self._lost = time
        return Line("record", "line lost", clean(data.get("error") or ""), mood="bad")

    def _line_found(self, data: dict[str, Any], time: float) -> Line | None:
        lost, self._lost = self._lost, None
        gap = time - (lost if lost is not None else float(data.get("since") or time))
        self.gaps.append(gap)
        what = "to another browser" if data.get("restarted") else ""
        return Line("record", "line back", f"after {seconds(gap)} {what}".rstrip(), mood="warning")

    def _dropped(self, data: dict[str, Any], time: float) -> Line | None:
        number = int(data.get("count") or 0)
        self.dropped += number
        policy = clean(data.get("policy") or "")
        return Line("record", "dropped", count(number, "event"), note=policy, mood="bad")

    def _removed(self, data: dict[str, Any], time: float) -> Line | None:
        return Line("record", "removed", clean(str(data.get("path") or "")), note="while it was written", mood="bad")


def _json(value: Any) -> str:
    return clean(to_json(value)[:_SHOWN].decode("utf-8", "replace"))
