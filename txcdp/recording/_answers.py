"""The replies of a recording to commands, by the rules that are documented in the guide.

In this order:

1. what is known of targets, sessions and the browser from what was played so far;
2. if commands were recorded: the browser's reply to the same command with the same parameters in the same session; if
   there are several, one after the other, the last one from then on;
3. a command without a result succeeds, and changes nothing;
4. any other command is refused: nothing can be done in a recording.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, Final, Protocol

import msgspec

from txcdp._core.sessions import Session
from txcdp.domains import lookup
from txcdp.protocol import Command, from_json, result_type, to_json
from txcdp.protocol._error_codes import INVALID_PARAMS, METHOD_NOT_FOUND, SERVER_ERROR
from txcdp.protocol._records import REJECTED
from txcdp.recording._entries import CommandEntry, Entry, ReplyEntry
from txcdp.recording._har_reader import HarBodies

#: The form of an error in a recording.
_REFUSAL: Final = re.compile(r"(?s)(.*) \((-?\d+)\)")

#: Commands that register something, to which the browser gives an id.
_REGISTERS: Final = {
    "Page.addScriptToEvaluateOnNewDocument": "identifier",
    "Page.addScriptToEvaluateOnLoad": "identifier",
}


class _Asked(msgspec.Struct):
    id: int
    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")
    session: str | None = msgspec.field(name="sessionId", default=None)


_decode = msgspec.json.Decoder(_Asked).decode


def _read(message: bytes) -> _Asked:
    try:
        return _decode(message)
    except REJECTED:  # a lone surrogate in an id that a file has made up
        asked = from_json(message)
        params = msgspec.Raw(to_json(asked.get("params") or {}))
        return _Asked(asked["id"], asked["method"], params, asked.get("sessionId"))


class Refused(Exception):
    """The browser, or the recording, refuses a command; with the error's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


class LaterReply(Exception):
    """The recording contains the reply to a command, but at a later time."""


class KnownBrowser(Protocol):
    """The interface to what is currently known about the recorded browser."""

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open at the moment."""

    @property
    def version(self) -> Mapping[str, Any]:
        """What the recording says about the browser and about itself."""

    def frame_tree(self, session: str | None) -> dict[str, Any] | None:
        """Return the current frames of a session, as a ``Page.FrameTree``; None if they are not known.

        :raises NotYet: they were asked for, and the reply has not come yet.
        """


class RecordedReplies:
    """The replies of a recording, found by their commands.

    :param entries: the entries of the recording.
    :param bodies: provides the bodies of the HAR files that it is made from.
    """

    def __init__(self, entries: Iterable[Entry], bodies: Iterable[HarBodies] = ()) -> None:
        self._bodies = tuple(bodies)
        self._replies: dict[tuple[str, str | None, bytes], deque[ReplyEntry]] = {}
        sent: dict[int, CommandEntry] = {}
        for entry in entries:
            if isinstance(entry, CommandEntry):
                sent[entry.id] = entry
            elif isinstance(entry, ReplyEntry):
                command = sent.pop(entry.id, None)
                if command is not None:
                    key = command.method, command.session, canonical(command.params)
                    self._replies.setdefault(key, deque()).append(entry)

    def take(self, method: str, session: str | None, params: Any) -> ReplyEntry | None:
        """Return the next reply to a command, or the last one again; None if it was never answered."""
        if method == "Network.getResponseBody" and self._bodies:
            asked = str(params.get("requestId")) if isinstance(params, dict) else ""
            body = next((reply for each in self._bodies if (reply := each.take(asked)) is not None), None)
            if body is not None:
                return body
        found = self._replies.get((method, session, canonical(params)))
        if not found:
            return None
        return found.popleft() if len(found) > 1 else found[0]


def canonical(params: Any) -> bytes:
    """Return parameters as bytes that are equal for equal parameters."""
    try:
        return msgspec.json.encode(params, order="sorted") if params else b"{}"
    except UnicodeEncodeError:  # a lone surrogate, which JavaScript has and JSON has as an escape
        return json.dumps(params, sort_keys=True).encode("ascii")


def refusal_in(error: str) -> Refused:
    """Return the error in a recorded reply."""
    found = _REFUSAL.fullmatch(error)
    return Refused(SERVER_ERROR, error) if found is None else Refused(int(found[2]), found[1])


class Answers:
    """Answers commands; see the module.

    :param known: what is currently known.
    :param recorded: reads the recording's replies; called once, when one of them may be needed.
    """

    def __init__(self, known: KnownBrowser, recorded: Callable[[], RecordedReplies]) -> None:
        self._known = known
        self._recorded = recorded
        self._replies: RecordedReplies | None = None
        self._registered = count(1)
        self._state: dict[str, Callable[[dict[str, Any], str | None], Any]] = {
            "Browser.getVersion": self._version,
            "Target.getTargets": lambda params, _: {"targetInfos": self._infos()},
            "Target.getTargetInfo": self._target_info,
            "Target.getBrowserContexts": lambda params, _: {"browserContextIds": []},
            "Target.attachToTarget": self._attach,
            "Page.getFrameTree": self._frame_tree,
        }

    def answer(self, message: bytes) -> bytes | None:
        """Return the reply to a command's message; None if it comes later."""
        asked = _read(message)
        tail = b"" if asked.session is None else b',"sessionId":%b' % to_json(asked.session)
        try:
            result = self._result(asked.method, from_json(bytes(asked.params)), asked.session)
        except Refused as no:
            said = to_json({"code": no.code, "message": no.message})
            return b'{"id":%d,"error":%b%b}' % (asked.id, said, tail)
        except LaterReply:
            return None
        return b'{"id":%d,"result":%b%b}' % (asked.id, to_json(result), tail)

    def _result(self, method: str, params: Any, session: str | None) -> Any:
        state = self._state.get(method)
        if state is not None:
            found = state(params if isinstance(params, dict) else {}, session)
            if found is not None:
                return found
        try:
            kind = lookup(method)
        except LookupError:
            kind = None
        without_result = kind is not None and issubclass(kind, Command) and result_type(kind) is None
        if without_result:
            return {}
        reply = self._reply(method, session, params)
        if reply is not None:
            if reply.error is not None:
                raise refusal_in(reply.error)
            return reply.result
        if method in _REGISTERS:
            return {_REGISTERS[method]: str(next(self._registered))}
        if kind is None:
            raise Refused(METHOD_NOT_FOUND, f"'{method}' wasn't found")
        raise Refused(
            SERVER_ERROR,
            f"{method} cannot be answered from a recording: the browser's reply was not recorded; "
            "record the program's commands with commands=True",
        )

    def _reply(self, method: str, session: str | None, params: Any) -> ReplyEntry | None:
        if self._replies is None:
            self._replies = self._recorded()
        return self._replies.take(method, session, params)

    # What is known:

    def _infos(self) -> list[Any]:
        found = {each.target.target_id: each.target for each in self._known.sessions if each.target is not None}
        return [from_json(to_json(each)) for each in found.values()]

    def _target_info(self, params: dict[str, Any], session: str | None) -> Any:
        wanted = params.get("targetId")
        if wanted is None:
            own = next((each.target for each in self._known.sessions if each.id == session), None)
            if own is not None:
                return {"targetInfo": from_json(to_json(own))}
            about = {"targetId": "recording", "type": "browser", "title": "", "url": ""}
            return {"targetInfo": {**about, "attached": True, "canAccessOpener": False}}
        for each in self._infos():
            if each["targetId"] == wanted:
                return {"targetInfo": each}
        raise Refused(INVALID_PARAMS, "No target with given id found")

    def _attach(self, params: dict[str, Any], session: str | None) -> Any:
        for each in self._known.sessions:
            if each.target is not None and each.target.target_id == params.get("targetId") and not each.suspended:
                return {"sessionId": each.id}
        raise Refused(INVALID_PARAMS, "No target with given id found")

    def _version(self, params: dict[str, Any], session: str | None) -> Any:
        about = self._known.version
        product = str(about.get("browser") or "")
        protocol = str(about.get("protocol") or "")
        return {"product": product, "protocolVersion": protocol, "revision": "", "userAgent": "", "jsVersion": ""}

    def _frame_tree(self, params: dict[str, Any], session: str | None) -> Any:
        tree = self._known.frame_tree(session)
        return None if tree is None else {"frameTree": tree}
