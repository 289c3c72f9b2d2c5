"""The format: what a line of a recording contains, how it is made from a message's own bytes, and how it is read.

A line is one JSON object. Every line has ``time``, in seconds since 1970 in UTC, with microseconds::

    {"time":T,"session":"5E55...","target":"7A26...","method":"Network.dataReceived","params":{...}}      an event
    {"time":T,"session":"5E55...","target":"7A26...","command":"Page.navigate","id":7,"params":{...}}     a command
    {"time":T,"reply":7,"duration":0.0123,"result":{...}}                         what came of it, or "error":"..."
    {"time":T,"note":"attached","session":"5E55...","target":"7A26...","type":"page","url":"https://..."}  a note

``session`` and ``target`` are null for the browser's own session. An event's ``method`` and ``params`` are the bytes
that the browser sent. Notes come from the recorder itself: :data:`NOTES` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from txcdp.errors import MalformedMessage
from txcdp.protocol import from_json, to_json
from txcdp.protocol._values import dict_of, list_of, number_of

#: The name of the format in the first note of each file; the version grows when a reader has to know.
FORMAT: Final = "txcdp-recording"
VERSION: Final = 1

#: The kinds of notes, and their meanings.
NOTES: Final = {
    "begin": "first in each file: format, version, recording, file, txcdp, browser, protocol, options, targets",
    "end": "last in each file: reason (rotated, stopped, closed, lost, failed, recovered), entries, dropped",
    "attached": "a session begins: session, target, type, url, opener, parent; parent_frame, of an iframe",
    "frames": "those that a session has, some from before: session, target, tree (of Page.getFrameTree; null: unknown)",
    "changed": "a target's URL is another one: session, target, type, url",
    "detached": "a session has ended: session, target, reason",
    "dialog": "this program answered one: session, target, type, accepted, by (program, nobody listened, deadline)",
    "line_lost": "the line to the browser is lost: cause, error",
    "line_found": "there is another one: since, restarted (another browser), missing (events that were listened to)",
    "removed": "the file or database before this one was removed by somebody while it was written: path",
    "dropped": "events are missing here, which came too fast: count, since, until, policy",
}

#: The types of the values in a note, by name; other programs may write others. A file may come from anywhere: a value
#: of another type is left out.
_TEXTS: Final = (
    "browser", "by", "cause", "error", "format", "opener", "parent", "parent_frame", "path", "policy", "protocol",
    "reason", "recording", "session", "target", "txcdp", "type", "url",
)  # fmt: skip
_NUMBERS: Final = ("count", "dropped", "entries", "file", "since", "until", "version")

#: The last second of the year 9999: anything later is not a valid time.
LAST_TIME: Final = 253402300799.0


class NoteLine(bytes):
    """A line by the recorder itself, which is never dropped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Base of the entries of a recording.

    :ivar time: seconds since 1970, UTC.
    :ivar line: the line as it was read.
    """

    time: float
    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventEntry(Entry):
    """An event.

    :ivar session: the id of the session; None for the browser's own session.
    :ivar target: the id of its target; None if it is not known.
    """

    session: str | None
    target: str | None
    method: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CommandEntry(Entry):
    """A command that was sent."""

    session: str | None
    target: str | None
    method: str
    id: int
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReplyEntry(Entry):
    """The reply to a command.

    :ivar id: the id of the command.
    :ivar duration: seconds since the command was sent.
    :ivar error: the error that the command failed with; None if it succeeded.
    """

    id: int
    duration: float
    result: Any
    error: str | None


@dataclass(frozen=True, slots=True)
class NoteEntry(Entry):
    """A note about the recording itself.

    :ivar kind: the subject of the note, such as ``"begin"`` or ``"dropped"``; see :doc:`/howto/record`.
    :ivar data: the whole contents of the note.
    """

    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Damage(Entry):
    """A place in a file that cannot be read; ``time`` is that of the preceding entry.

    :ivar path: the path of the file.
    :ivar reason: what is wrong there.
    """

    path: str
    reason: str


def head_of(session: str | None, target: str | None) -> bytes:
    """Return the beginning that all lines of a session share, to be made once."""
    return b'"session":%b,"target":%b,' % (to_json(session), to_json(target))


def event_line(time: float, head: bytes, body: bytes) -> bytes:
    """Return the line of an event.

    :param head: the result of :func:`head_of`.
    :param body: ``"method":...,"params":{...}``, as the browser wrote it.
    """
    if b"\n" in body:  # never by Chromium; between tokens JSON allows it
        body = to_json(from_json(b"{%b}" % body))[1:-1]
    return b'{"time":%.6f,%b%b}\n' % (time, head, body)


def as_chromium_writes(message: bytes) -> tuple[bytes, bytes, bytes]:
    """Return method, session and the rest of an event that is written differently from Chromium's.

    The rest is what :func:`event_line` takes. Raises :exc:`MalformedMessage` if the event cannot be read.
    """
    value = from_json(message)
    method, session, params = value["method"], value.get("sessionId") or "", value.get("params")
    body = to_json({"method": method, "params": params if isinstance(params, dict) else {}})[1:-1]
    return method.encode("utf-8", "replace"), session.encode("utf-8", "surrogatepass"), body


def command_line(time: float, head: bytes, method: str, number: int, params: bytes) -> bytes:
    """Return the line of a command with these parameters, as JSON."""
    line = b'{"time":%.6f,%b"command":%b,"id":%d,"params":%b}\n'
    return line % (time, head, to_json(method), number, _one_line(params))


def reply_line(time: float, number: int, duration: float, result: bytes = b"", error: str | None = None) -> bytes:
    """Return the line of a reply: the command's result, as JSON, or its error."""
    outcome = b'"result":%b' % _one_line(result) if error is None else b'"error":%b' % to_json(error)
    return b'{"time":%.6f,"reply":%d,"duration":%.6f,%b}\n' % (time, number, duration, outcome)


def note_line(time: float, kind: str, **data: Any) -> NoteLine:
    """Return the line of a note."""
    fields = to_json({"note": kind, **data})
    return NoteLine(b'{"time":%.6f,%b\n' % (time, fields[1:]))


def parse(line: bytes) -> Entry:
    """Read a line.

    :raises MalformedMessage: it is not a line of a recording.
    """
    value = from_json(line)
    time = number_of(value.get("time")) if isinstance(value, dict) else None
    if time is None or time > LAST_TIME:
        raise MalformedMessage("not a line of a recording")
    session, target = _text(value.get("session")), _text(value.get("target"))
    params = value.get("params")
    if not isinstance(params, dict):
        params = {}
    if isinstance(method := value.get("method"), str):
        return EventEntry(time, line, session, target, method, params)
    if isinstance(kind := value.get("note"), str):
        return NoteEntry(time, line, kind, _note_data(value))
    if isinstance(method := value.get("command"), str) and isinstance(number := value.get("id"), int):
        return CommandEntry(time, line, session, target, method, number, params)
    if isinstance(number := value.get("reply"), int):
        duration, error = number_of(value.get("duration")) or 0.0, value.get("error")
        if error is not None and not isinstance(error, str):
            raise MalformedMessage("a reply with an error that is not a text")
        return ReplyEntry(time, line, number, duration, value.get("result"), error)
    raise MalformedMessage("an unknown kind of line")


def _note_data(value: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of a note, as far as they are valid."""
    for name in _TEXTS:
        if name in value and not isinstance(value[name], str | None):
            del value[name]
    for name in _NUMBERS:
        if name in value and number_of(value[name]) is None:
            del value[name]
    if "targets" in value:
        value["targets"] = [_note_data(each) for each in map(dict_of, list_of(value["targets"])) if each]
    return value


def _one_line(json: bytes) -> bytes:
    return to_json(from_json(json)) if b"\n" in json else json


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
