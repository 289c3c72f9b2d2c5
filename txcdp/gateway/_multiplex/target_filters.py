"""Targets as one client sees them: which its filters include, which it has been told of, and which are new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from txcdp.errors import MalformedMessage
from txcdp.gateway._client_messages import CommandRefusal
from txcdp.gateway._multiplex.message_writing import invalid
from txcdp.model import TARGET_KINDS
from txcdp.protocol._error_codes import INVALID_PARAMS
from txcdp.protocol._records import TolerantDecoder

#: Kinds of targets that are internal to the browser, in any context: they are shown to nobody.
HIDDEN: Final = frozenset(name for name, kind in TARGET_KINDS.items() if kind.is_internal)

#: The filter that Chromium uses if a command has none.
DEFAULT_FILTER: Final[list[dict[str, Any]]] = [
    {"type": "browser", "exclude": True},
    {"type": "tab", "exclude": True},
    {},
]

#: The most entries of a filter; there are about twenty kinds of targets.
MAX_FILTER: Final = 100

Filter = list[dict[str, Any]]


def read_filter(params: dict[str, Any]) -> Filter:
    """Return a command's filter of targets.

    :raises CommandRefusal: for one that is none.
    """
    found = params.get("filter")
    if found is None:
        return DEFAULT_FILTER
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise invalid("filter", "array expected")
    if len(found) > MAX_FILTER:
        raise CommandRefusal(INVALID_PARAMS, f"A filter may have at most {MAX_FILTER} entries in a shared browser")
    for each in found:
        if not isinstance(each.get("type", ""), str):
            raise invalid("filter.type", "string value expected")
        if not isinstance(each.get("exclude", False), bool):
            raise invalid("filter.exclude", "bool value expected")
    return found


def attach_filter(params: dict[str, Any]) -> Filter:
    """Return a command's filter of targets to attach to.

    :raises CommandRefusal: for one that is none, or takes tabs and their pages, as Chromium does.
    """
    found = read_filter(params)
    if matches(found, "tab") and matches(found, "page"):
        what = 'Filter should not simultaneously allow "tab" and "page", page targets are attached via tab targets'
        raise CommandRefusal(INVALID_PARAMS, what)
    return found


def matches(filters: Filter, kind: str) -> bool:
    """Return whether a filter takes a kind of target: its first entry of that kind decides."""
    for each in filters:
        if each.get("type") in (None, kind):
            return not each.get("exclude", False)
    return False


class Discovery:
    """The targets that were reported to a session which discovers targets.

    :param tell: called with the name of an event and its parameters.
    """

    __slots__ = ("_reported", "_tell", "filter")

    def __init__(self, tell: Callable[[str, dict[str, Any]], None], filters: Filter) -> None:
        self.filter = filters
        self._tell = tell
        self._reported: dict[str, dict[str, Any]] = {}

    def target(self, info: dict[str, Any]) -> None:
        """Report a target as it is now, where it is new or has changed."""
        key: str = info["targetId"]
        before = self._reported.get(key)
        if before is None and not matches(self.filter, str(info.get("type", ""))):
            return
        if before != info:
            self._reported[key] = info
            self._tell("Target.targetInfoChanged" if before else "Target.targetCreated", {"targetInfo": info})

    def crashed(self, target_id: str, params: dict[str, Any]) -> None:
        """Report the crash of a target that was reported."""
        if target_id in self._reported:
            self._tell("Target.targetCrashed", params)

    def destroyed(self, target_id: str) -> None:
        """Report the end of a target that was reported."""
        if self._reported.pop(target_id, None) is not None:
            self._tell("Target.targetDestroyed", {"targetId": target_id})


class TargetEventParams(msgspec.Struct, gc=False):
    """An event of the browser's ``Target`` domain, decoded."""

    session_id: str = msgspec.field(default="", name="sessionId")
    target_id: str = msgspec.field(default="", name="targetId")
    info: dict[str, Any] = msgspec.field(default_factory=dict, name="targetInfo")
    waiting: bool = msgspec.field(default=False, name="waitingForDebugger")
    status: Any = None
    error_code: Any = msgspec.field(default=None, name="errorCode")


class _TargetEvent(msgspec.Struct, gc=False):
    params: TargetEventParams


def read_told(message: bytes) -> TargetEventParams:
    """Decode an event of the browser's ``Target`` domain.

    :raises MalformedMessage: for one that does not say which target, or says it in another way.
    """
    told: Any = getattr(_read(message), "params", None)
    info: Any = getattr(told, "info", None)
    if not isinstance(info, dict):
        raise MalformedMessage("an event of Target that is told otherwise")
    told.target_id = info.get("targetId", told.target_id)
    if not isinstance(told.target_id, str) or not isinstance(told.session_id, str):
        raise MalformedMessage("an event of Target with ids that are no strings")
    checked: TargetEventParams = told
    return checked


_read = TolerantDecoder[_TargetEvent](_TargetEvent)
