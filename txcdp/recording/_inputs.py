"""The contents of a recording in the form that a replay needs: events as their messages, everything else as entries.

Of an event's line, only its time and its session are read, since it contains the message unchanged. Sessions in a
recording begin and end by the browser's events, or, if a filter has left these out, by notes: what only the notes say
is reported in messages like the browser's own.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from txcdp.errors import MalformedMessage
from txcdp.protocol import from_json, to_json
from txcdp.protocol._values import list_of
from txcdp.recording._entries import FORMAT, VERSION, Damage, Entry, EventEntry, NoteEntry, parse
from txcdp.recording._failures import WrongSchema
from txcdp.recording._har_reader import HarBodies
from txcdp.recording._reading import in_order, is_har, open_reader
from txcdp.recording._recorded_clock import microseconds

#: The source of a replay: files, directories of them, or entries that were read.
ReplaySource: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Sequence[Entry]"

#: The line of an event, as the recorder writes it.
_EVENT: Final = re.compile(
    rb'\{"time":(\d{1,11})\.(\d{6}),"session":(null|"[^"\\]+"),"target":(?:null|"[^"\\]*"),'
    rb'("method":"([^"\\]+)","params":\{)'
)
_ATTACHED, _CHANGED = b"Target.attachedToTarget", b"Target.targetInfoChanged"


class Input(NamedTuple):
    """One line of a recording, or what is reported in its place.

    :ivar time: microseconds since 1970.
    :ivar message: the message of an event, as it arrives over a connection; None: it is not an event.
    :ivar line: the line as read; ``b""`` if there is none.
    :ivar entry: the entry, if it is not an event; that of an event is decoded when needed.
    :ivar goes_on: for the note of a lost connection: whether the recording continues on another one.
    """

    time: int
    message: bytes | None
    line: bytes
    entry: Entry | None = None
    goes_on: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether it comes from the recording itself."""
        return bool(self.line) or self.entry is not None

    def as_entry(self) -> Entry:
        """Return it as an entry."""
        return self.entry if self.entry is not None else parse(self.line)


def inputs(source: ReplaySource) -> Generator[Input, None, None]:
    """Read a source from its beginning.

    :raises OSError: a file cannot be opened.
    :raises WrongSchema: it was written by a later version of txcdp, in a way that this one does not support.
    :raises NoHar: a file that is named as HAR, or begins like HAR, is not valid HAR.
    """
    return _with_sessions(_plain(source))


class RecordedInputs:
    """A source, and how far it has been read.

    :param source: the source; iterators are read once, and kept.
    :ivar next: the next input; None at the end.
    :ivar count: the number of inputs taken.
    :ivar error: why it cannot be read any further, if it cannot.
    :raises OSError: and the like, as :func:`inputs`.
    """

    def __init__(self, source: ReplaySource) -> None:
        self._source: ReplaySource = source if isinstance(source, str | os.PathLike) else list(source)  # type: ignore[assignment]
        self.error: Exception | None = None
        self.rewind()

    def rewind(self) -> None:
        """Start over."""
        self.count = 0
        self._inputs = inputs(self._source)
        self.next = next(self._inputs, None)

    def take(self) -> Input:
        """Take the next input."""
        taken = self.next
        assert taken is not None
        self.count += 1
        try:
            self.next = next(self._inputs, None)
        except Exception as error:  # of the disk, or of what is on it
            self.error, self.next = error, None
        return taken

    def taken(self) -> Iterator[Input]:
        """Read the inputs that were taken so far once more."""
        return islice(inputs(self._source), self.count)

    def entries(self) -> Iterator[Entry]:
        """Read everything once more: the entries that are not events."""
        return (read.entry for read in inputs(self._source) if read.entry is not None)

    def bodies(self) -> list[HarBodies]:
        """Return an object that provides the bodies of its HAR files."""
        return [HarBodies(path) for path in paths_of(self._source) if is_har(path)]

    def close(self) -> None:
        """Close what is open."""
        self._inputs.close()


def paths_of(source: ReplaySource) -> list[Path]:
    """Return the files of a source, in order; none if it consists of entries."""
    if isinstance(source, str | os.PathLike):
        return in_order(source)
    return in_order(*(each for each in source if not isinstance(each, Entry)))


def _plain(source: ReplaySource) -> Iterator[Input]:
    if not isinstance(source, str | os.PathLike):
        for each in source:
            if isinstance(each, Entry):
                yield _of_entry(each)
    time = 0
    for path in paths_of(source):
        with closing(open_reader(path)) as reader:
            for line in reader.lines():
                read = _of_line(line, path, time)
                time = read.time
                yield read
            for damage in reader.finish():
                yield Input(time, None, damage.line, damage)


def _of_line(line: bytes, path: Path, before: int) -> Input:
    found = _EVENT.match(line)
    if found is not None and line.endswith(b"}}"):
        whole, part, session = found.group(1, 2, 3)
        tail = b"}" if session == b"null" else b',"sessionId":%b}' % session
        return Input(int(whole) * 1_000_000 + int(part), b"{%b%b" % (line[found.start(4) : -1], tail), line)
    try:
        entry = parse(line)
    except MalformedMessage as error:
        return Input(before, None, line, Damage(before / 1e6, line, str(path), str(error)))
    if isinstance(entry, NoteEntry) and entry.kind == "begin":
        version = entry.data.get("version")
        if entry.data.get("format", FORMAT) != FORMAT or (isinstance(version, int) and version > VERSION):
            raise WrongSchema(f"{path}: recording version {version}, but this txcdp reads {VERSION}: use a later txcdp")
    return _of_entry(entry)


def _of_entry(entry: Entry) -> Input:
    message = _message(entry.method, entry.params, entry.session) if isinstance(entry, EventEntry) else None
    return Input(microseconds(entry.time), message, entry.line, entry)


def _with_sessions(plain: Iterator[Input]) -> Generator[Input, None, None]:
    """Tell in messages of the sessions that notes alone tell of.

    The note of a session that begins comes right before the browser's event, with nothing but commands in between.
    """
    ahead: deque[Input] = deque()
    sessions = _Sessions()

    def first_event_ahead() -> bytes:
        return next((each.message for each in _kept(ahead, plain) if each.message is not None), b"")

    while True:
        if ahead:
            read = ahead.popleft()
        else:
            following = next(plain, None)
            if following is None:
                return
            read = following
        if read.message is not None:
            sessions.event(read.message)
            yield read
            continue
        note = read.entry
        if isinstance(note, NoteEntry) and note.kind == "line_lost":
            read = read._replace(goes_on=_goes_on(ahead, plain))
        yield read
        if not isinstance(note, NoteEntry):
            continue
        for message in sessions.told_by(note, first_event_ahead):
            yield Input(read.time, message, b"")


def _goes_on(ahead: deque[Input], plain: Iterator[Input]) -> bool:
    """Return whether a recording whose line was lost goes on over another one; what is read for that is kept."""
    rotated = False
    for each in _kept(ahead, plain):
        if each.message is not None:
            return True
        note = each.entry
        if not isinstance(note, NoteEntry):
            continue
        if note.kind == "line_found":
            return True
        if note.kind == "end":
            rotated = note.data.get("reason") == "rotated"
            if not rotated:
                return False
        elif note.kind == "begin" and not rotated:
            return False
    return False


def _kept(ahead: deque[Input], plain: Iterator[Input]) -> Iterator[Input]:
    yield from list(ahead)
    for each in plain:
        ahead.append(each)
        yield each


class _Sessions:
    """The sessions of a recording, as far as it was read, by what events and notes say."""

    def __init__(self) -> None:
        self._lost = False
        self._recording: str | None = None
        #: The id of the session that each open session was attached through, by id.
        self._open: dict[str, str | None] = {}
        self._urls: dict[str, str] = {}
        #: The targets of sessions that only notes mention, by session id.
        self._targets: dict[str, str] = {}

    def event(self, message: bytes) -> None:
        """Take an event of the recording."""
        if not message.startswith(b'{"method":"Target.'):
            return
        try:
            value = from_json(message)
        except MalformedMessage:
            return
        method, params = value["method"], value.get("params") or {}
        session, info = params.get("sessionId"), params.get("targetInfo")
        if isinstance(info, dict):
            self._urls[str(info.get("targetId"))] = str(info.get("url") or "")
        if method == "Target.attachedToTarget" and isinstance(session, str):
            self._open[session] = value.get("sessionId")
        elif method == "Target.detachedFromTarget":
            self._close(session)

    def told_by(self, note: NoteEntry, first_event_ahead: Callable[[], bytes]) -> list[bytes]:
        """Return the messages of what a note tells, and no event does."""
        data = note.data
        if note.kind in ("line_lost", "line_found"):
            self._lost = note.kind == "line_lost"
        if self._lost and note.kind == "detached":
            self._close(data.get("session"))
            return []  # it ends with its line
        if note.kind == "begin":
            wanted = [each for each in list_of(data.get("targets")) if isinstance(each, dict)]
            over = self._another(str(data.get("recording")))
            return over + [message for each in wanted for message in self._attached(each)]
        if note.kind == "attached":
            ahead: bytes = first_event_ahead()
            session = data.get("session")
            if _ATTACHED in ahead[:64] and isinstance(session, str) and to_json(session) in ahead:
                return []
            return self._attached(data)
        if note.kind == "detached" and data.get("session") in self._open:
            return self._detached(data.get("session"))
        if note.kind == "changed" and self._urls.get(str(data.get("target"))) != data.get("url"):
            ahead = first_event_ahead()
            if _CHANGED not in ahead[:64]:
                self._urls[str(data.get("target"))] = str(data.get("url") or "")
                return [_message("Target.targetInfoChanged", {"targetInfo": _target_info(data)}, None)]
        return []

    def _another(self, recording: str) -> list[bytes]:
        """Return what ends the sessions of one recording, where another one begins."""
        before, self._recording = self._recording, recording
        if before in (None, recording):
            return []
        return [message for each in list(self._open) if each in self._open for message in self._detached(each)]

    def _attached(self, data: Mapping[str, Any]) -> list[bytes]:
        session, parent = data.get("session"), data.get("parent")
        if not isinstance(session, str) or session in self._open:
            return []
        through = parent if parent in self._open else None
        self._open[session] = through
        self._urls[str(data.get("target"))] = str(data.get("url") or "")
        self._targets[session] = str(data.get("target"))
        info = _target_info(data)
        if info["type"] == "iframe":  # older recordings do not say which frame it is in: that page's, then
            around = data.get("parent_frame") or self._targets.get(str(parent))
            if isinstance(around, str):
                info["parentFrameId"] = around
        params = {"sessionId": session, "targetInfo": info, "waitingForDebugger": False}
        return [_message("Target.attachedToTarget", params, through)]

    def _detached(self, session: Any) -> list[bytes]:
        through = self._open.get(session)
        self._close(session)
        return [_message("Target.detachedFromTarget", {"sessionId": session}, through)]

    def _close(self, session: Any) -> None:
        if session in self._open:
            del self._open[session]
            for each in [each for each, through in self._open.items() if through == session]:
                self._close(each)


def _target_info(data: Mapping[str, Any]) -> dict[str, Any]:
    info = {
        "targetId": str(data.get("target") or ""),
        "type": str(data.get("type") or "other"),
        "title": "",
        "url": str(data.get("url") or ""),
        "attached": True,
        "canAccessOpener": False,
    }
    return info if data.get("opener") is None else {**info, "openerId": data["opener"]}


def _message(method: str, params: Mapping[str, Any], session: str | None) -> bytes:
    said: dict[str, Any] = {"method": method, "params": params}
    return to_json(said if session is None else {**said, "sessionId": session})
