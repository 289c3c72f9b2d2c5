"""A FakeChrome that behaves as a real browser did: it replays a recording, and answers from it.

Its rules are described in the guide (docs/howto/testing.rst): which parts of the recording wait for the program, how
commands are matched, and how commands that were not recorded are answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from txcdp._deferreds import Timer
from txcdp.errors import CommandError
from txcdp.protocol import Command, from_json, to_json
from txcdp.protocol._error_codes import SERVER_ERROR
from txcdp.protocol._values import dict_of
from txcdp.protocol._wire import split_event
from txcdp.recording._answers import Refused, canonical, refusal_in
from txcdp.recording._entries import CommandEntry, NoteEntry, ReplyEntry
from txcdp.recording._inputs import ReplaySource, inputs
from txcdp.recording._pace import Speed
from txcdp.recording._secrets import mask_json
from txcdp.testing._builtin import has_no_result
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received
from txcdp.testing._targets import FakeSession, FakeTarget, FakeTargets

#: What makes a browser do something: the recording stands still before it until the program has sent it.
_ACTS: Final = frozenset(
    (
        "Browser.close Browser.setWindowBounds DOM.focus DOM.setAttributeValue DOM.setFileInputFiles DOM.setNodeValue"
        " Debugger.resume Fetch.continueRequest Fetch.continueResponse Fetch.continueWithAuth Fetch.failRequest"
        " Fetch.fulfillRequest Page.close Page.crash Page.handleJavaScriptDialog Page.navigate Page.reload"
        " Page.navigateToHistoryEntry Page.setDocumentContent Page.stopLoading Runtime.callFunctionOn Runtime.evaluate"
        " Runtime.runScript Target.closeTarget Target.createBrowserContext Target.createTarget"
        " Target.disposeBrowserContext Tracing.end Tracing.start"
    ).split()
)

#: What the FakeChrome does by itself although it has no result, where the recording has not got it.
_ENDS: Final = frozenset({"Browser.close", "Page.close", "Target.closeTarget", "Target.disposeBrowserContext"})

#: Names that pages' scripts are given at random.
_RANDOM: Final = re.compile(rb"_[0-9a-f]{24}\b")


@dataclass(eq=False)
class _Step:
    """A step of the recording.

    :ivar time: when it was, in seconds since 1970.
    :ivar message: of an event.
    :ivar command: that was sent.
    :ivar reply: to the command of :attr:`of`.
    :ivar received: the command as the program has sent it now.
    """

    time: float
    message: bytes | None = None
    command: CommandEntry | None = None
    reply: ReplyEntry | None = None
    of: _Step | None = None
    answer: _Step | None = field(default=None, repr=False)
    received: Received | None = None
    passed: bool = False


class Playing(Protocol):
    """Interface of the FakeChrome that does what was recorded."""

    clock: Any
    lines: list[FakeTransport]
    targets: FakeTargets

    def flush(self) -> None:
        """Take turns until nobody has anything more to say."""

    def reply(self, received: Received, answer: Any) -> None:
        """Answer a command that was received."""

    def _latest(self) -> FakeTransport:
        """Return the line that was opened last."""


class RecordedRun:
    """A run of a program in a real browser, done once more from its recording.

    :param chrome: does it.
    :param unexpected: is called with what is wrong when a command that acts was not recorded; None: nothing is.
    """

    def __init__(
        self, chrome: Playing, source: ReplaySource, speed: Speed, unexpected: Callable[[str], object] | None
    ) -> None:
        self._chrome = chrome
        self._speed = speed
        self._unexpected = unexpected
        self._steps: list[_Step] = []
        self._by_command: dict[tuple[str, str | None, bytes], list[_Step]] = {}
        self._next_step = 0
        self._recorded_from = self._played_from = 0.0
        self._timer = Timer(chrome.clock, chrome.flush)
        self._begun = False
        self._read(source)

    def begin(self) -> None:
        """Begin, unless it has begun."""
        if not self._begun:
            self._begun = True
            self._recorded_from = self._steps[0].time if self._steps else 0.0
            self._played_from = self._chrome.clock.seconds()

    def stop(self) -> None:
        """Do nothing more by itself."""
        self._timer.stop()

    # What is read:

    def _read(self, source: ReplaySource) -> None:
        sent: dict[int, _Step] = {}
        recorded = False
        for read in inputs(source):
            entry, time = read.entry, read.time / 1e6
            if read.message is not None:
                self._steps.append(_Step(time, message=read.message))
            elif isinstance(entry, CommandEntry):
                step = sent[entry.id] = _Step(time, command=entry)
                key = entry.method, entry.session, _alike(entry.method, entry.params)
                self._by_command.setdefault(key, []).append(step)
                self._steps.append(step)
            elif isinstance(entry, ReplyEntry) and entry.id in sent:
                of = sent.pop(entry.id)
                of.answer = _Step(time, reply=entry, of=of)
                self._steps.append(of.answer)
            elif isinstance(entry, NoteEntry) and entry.kind == "begin":
                recorded = recorded or bool(dict_of(entry.data.get("options")).get("commands"))
        if not recorded:
            raise ValueError("no commands were recorded: record them with Recorder(commands=True)")

    # What the browser does:

    def play(self) -> bool:
        """Do what is due, up to what waits for the program; return whether there was anything."""
        moved = False
        chrome = self._chrome
        while self._begun and self._next_step < len(self._steps) and not chrome._latest().ending:
            step = self._steps[self._next_step]
            if step.command is not None and _acts(step.command.method) and step.received is None:
                break
            wait = self._due(step) - chrome.clock.seconds()
            if wait > 1e-9 and step.command is None:
                self._timer.restart(wait)
                break
            self._next_step += 1
            step.passed = moved = True
            self._carry_on(step)
        return moved

    def _due(self, step: _Step) -> float:
        if self._speed == "instant":
            return 0.0
        return self._played_from + max(0.0, step.time - self._recorded_from) / float(self._speed)

    def _carry_on(self, step: _Step) -> None:
        if step.message is not None:
            self._follow(step.message)
            self._chrome._latest().put(step.message)
        elif step.command is not None and _acts(step.command.method):
            # What comes of it comes as long after it as it did.
            self._recorded_from, self._played_from = step.time, self._chrome.clock.seconds()
        elif step.reply is not None and step.of is not None and step.of.received is not None:
            self._reply_as(step.reply, step.of.received)

    def _follow(self, message: bytes) -> None:
        """Keep the tables of targets and sessions as an event says."""
        parts = split_event(message)
        if parts is None or not parts[0].startswith(b"Target."):
            return
        params: dict[str, Any] = from_json(message).get("params") or {}
        session_id, info = params.get("sessionId"), params.get("targetInfo") or {}
        sessions, targets = self._chrome.targets.sessions, self._chrome.targets.all
        target_id = str(info.get("targetId") or params.get("targetId") or "")
        if info and parts[0] != b"Target.targetInfoChanged":
            known = targets.setdefault(
                target_id, FakeTarget(target_id, str(info.get("type")), str(info.get("url") or ""))
            )
            known.title, known.browser_context_id = str(info.get("title") or ""), info.get("browserContextId")
        elif target_id in targets and info:
            targets[target_id].url, targets[target_id].title = str(info.get("url") or ""), str(info.get("title") or "")
        if parts[0] == b"Target.attachedToTarget" and isinstance(session_id, str):
            line = self._chrome._latest()
            parent = self._chrome.targets.session_for(parts[1].decode() or None, line)
            sessions[session_id] = FakeSession(session_id, targets[target_id], line, parent, auto=True)
        elif parts[0] == b"Target.detachedFromTarget":
            sessions.pop(str(session_id), None)
        elif parts[0] == b"Target.targetDestroyed":
            targets.pop(target_id, None)

    # What it answers:

    def answer(self, received: Received) -> bool:
        """Answer a command, now or when the recording gets there; return whether that is its affair."""
        step = self._find(received)
        if step is not None and step.answer is not None and step.answer.reply is not None:
            first, step.received = step.received is None, step.received or received
            if not first or step.answer.passed:
                self._reply_as(step.answer.reply, received)
            return True
        if step is not None:  # nobody knows what came of it
            step.received = step.received or received
        if received.method in _ENDS:
            return False
        if isinstance(received.command, Command) and has_no_result(type(received.command)):
            self._chrome.reply(received, None)
        elif _acts(received.method) and step is None:
            self._chrome.reply(received, self._not_recorded(received))
        else:
            return False
        return True

    def _find(self, received: Received) -> _Step | None:
        """Return the recorded command that a received one is: one that was not received yet, or else the last."""
        value = received.command
        params = from_json(to_json(value))
        found = self._by_command.get((received.method, received.session_id, _alike(received.method, params)), ())
        return next((step for step in found if step.received is None), found[-1] if found else None)

    def _reply_as(self, reply: ReplyEntry, received: Received) -> None:
        if reply.error is None:
            self._chrome.reply(received, reply.result)
            return
        no: Refused = refusal_in(reply.error)
        self._chrome.reply(received, CommandError(received.method, no.code, no.message))

    def _not_recorded(self, received: Received) -> CommandError:
        if self._unexpected is not None:
            self._unexpected(
                f"{received.method} was not recorded with these parameters: {received.command!r}; {self.where()}"
            )
        return CommandError(received.method, SERVER_ERROR, f"it was not recorded with these parameters; {self.where()}")

    def where(self) -> str:
        """Return in words where the recording stands."""
        if self._next_step >= len(self._steps):
            return "the recording is over"
        step = self._steps[self._next_step]
        if step.command is None:
            return "the recording continues by itself"
        return f"the recording waits for {step.command.method} {step.command.params!r:.200}"


def _acts(method: str) -> bool:
    return method in _ACTS or method.startswith("Input.")


def _alike(method: str, params: Any) -> bytes:
    """Return parameters as what is the same in each run of a program."""
    return _RANDOM.sub(b"_", canonical(from_json(mask_json(method, to_json(params or {})))))
