"""Logs for machines: one line of JSON for each event, with its fields, instead of Twisted's text.

::

    twistd --logger=txcdp.service.json_log.to_stdout --nodaemon txcdp gateway

In an application: ``globalLogBeginner.beginLoggingTo([json_lines(file)])``.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import FileLogObserver, LogEvent, eventAsText, formatEvent
from twisted.python.failure import Failure

from txcdp.protocol import to_json

__all__ = ["json_lines", "to_stdout"]

#: The names of the fields in an event's format, without conversions and format specifications.
_FIELD = re.compile(r"(?<!\{)(?:\{\{)*\{(\w+)")


def json_lines(out: TextIO) -> FileLogObserver:
    """Return an observer that writes one line for each event.

    A line has ``time`` (ISO 8601, UTC), ``level``, ``logger`` (the module), ``message`` (the whole text), the fields of
    the text by their names, and ``traceback`` if the event has a failure.

    :param out: the file to write to.
    """
    return FileLogObserver(out, _line)


def to_stdout() -> FileLogObserver:
    """Return an observer that writes to standard output: for ``twistd --logger``."""
    return json_lines(sys.stdout)


def _line(event: LogEvent) -> str:
    message = formatEvent(event)
    failure = event.get("log_failure")
    if not message and failure is None:
        return ""
    found: dict[str, Any] = {name: _plain(event[name]) for name in _fields(event)}
    level = event.get("log_level")
    found |= {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": level.name if level is not None else "info",
        "logger": event.get("log_namespace") or event.get("log_system") or "",
        "message": message,
    }
    if isinstance(failure, Failure):
        found["traceback"] = eventAsText(event, includeTimestamp=False, includeSystem=False)
    return to_json(found).decode("utf-8") + "\n"


def _fields(event: LogEvent) -> list[str]:
    text = event.get("log_format")
    names = _FIELD.findall(text) if isinstance(text, str) else []
    return [name for name in names if name in event and not name.startswith("log_")]


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
