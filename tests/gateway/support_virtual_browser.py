"""A browser in memory that shares nothing and protects nobody, for the virtual browsers of the gateway to be tried on.

It is as open as Chromium: whoever knows an id may use it. Each session of the browser sees all targets, attaches to
any, and disposes of any context. What keeps clients apart is the gateway alone.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from txcdp.gateway._client_messages import Command
from txcdp.gateway._multiplex import ClientConnection, Limits, SharedBrowser, VirtualBrowser

IDS = re.compile(r"[XY][CTSB][0-9]{5}")

SESSION_GONE = {"code": -32001, "message": "Session with given id not found."}
NO_TARGET = {"code": -32602, "message": "No target with given id found"}


class NoWay(Exception):
    """A command that the browser refuses."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


class FakeSession:
    """A session of the browser in memory."""

    def __init__(self, session_id: str, parent: str | None, target: str, *, auto: bool = False) -> None:
        self.id = session_id
        self.parent = parent
        self.target = target
        self.auto = auto
        self.discover: list[dict[str, Any]] | None = None
        self.auto_attach_filter: list[dict[str, Any]] | None = None
        self.wait_for_debugger = False
        self.paused = False
        self.downloads = False


def accepts(filters: list[dict[str, Any]], kind: str) -> bool:
    """Return whether a filter takes a kind of target."""
    for each in filters:
        if each.get("type") in (None, kind):
            return not each.get("exclude", False)
    return False


class FakeBrowser:
    """Does at once what it is told, and says what it has to say when it is asked to.

    :param salt: the first letter of all ids.
    :ivar out: what it has said and nobody has heard yet.
    :ivar actor: who is to be taken as the cause of what happens; kept with all that is made.
    :ivar heard: each command, with the actor.
    """

    def __init__(self, salt: str = "X") -> None:
        self.salt = salt
        self.out: deque[bytes] = deque()
        self.actor: str | None = None
        self.heard: list[tuple[str | None, dict[str, Any]]] = []
        self.counters = dict.fromkeys("CTSB", 0)
        self.contexts: dict[str, str | None] = {}
        self.default = self.new_id("C")
        self.targets: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, FakeSession] = {"": FakeSession("", None, self.new_id("B"))}
        self.makers: dict[str, str | None] = {}
        self.cookies: dict[str, list[str]] = {}
        self.evaluated: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.windowless = False
        self.mute: set[str] = set()
        self.add_target("page", self.default)

    def new_id(self, kind: str) -> str:
        """Make up an id."""
        self.counters[kind] += 1
        return f"{self.salt}{kind}{self.counters[kind]:05d}"

    def say(self, session: str, **message: Any) -> None:
        """Queue a message."""
        if session:
            message["sessionId"] = session
        self.out.append(json.dumps(message, separators=(",", ":")).encode())

    def event(self, session: str, method: str, **params: Any) -> None:
        """Queue an event."""
        self.say(session, method=method, params=params)

    # What it does:

    def receive(self, message: bytes) -> None:
        """Do what a command says."""
        command = json.loads(message)
        assert list(command) in (["id", "method", "params", "sessionId"], ["id", "method", "params"]), command
        self.heard.append((self.actor, command))
        session = self.sessions.get(command.get("sessionId", ""))
        if session is None:
            self.say("", id=command["id"], error=SESSION_GONE)
            return
        method = command["method"]
        act = getattr(self, "do_" + method.replace(".", "_"), None)
        if method in self.mute:
            return
        if method in self.broken:
            self.say(session.id, id=command["id"], error={"code": -32000, "message": "broken"})
            return
        try:
            result = {"method": method} if act is None else act(session, command["params"])
        except NoWay as no:
            self.say(session.id, id=command["id"], error=no.error)
        else:
            if result is not None:
                self.say(session.id, id=command["id"], result=result)

    def info(self, target: str) -> dict[str, Any]:
        """Describe a target."""
        found = self.targets[target]
        return {"targetId": target, "attached": any(each.target == target for each in self.sessions.values()), **found}

    def changed(self, target: str, method: str = "Target.targetInfoChanged") -> None:
        """Report a target to the sessions that discover targets."""
        for each in self.sessions.values():
            if each.discover is not None and accepts(each.discover, self.targets[target]["type"]):
                self.event(each.id, method, targetInfo=self.info(target))

    def add_target(self, kind: str, context: str, **more: Any) -> str:
        """Make a target; watchers are attached to it."""
        target = self.new_id("T")
        self.makers[target] = self.actor
        self.targets[target] = {"type": kind, "url": "about:blank", "browserContextId": context, **more}
        self.changed(target, "Target.targetCreated")
        for each in list(self.sessions.values()):
            if each.auto_attach_filter is not None and accepts(each.auto_attach_filter, kind):
                self.attach(each, target, paused=each.wait_for_debugger, auto=True)
        return target

    def attach(self, parent: FakeSession, target: str, *, paused: bool = False, auto: bool = False) -> str:
        """Attach a session."""
        session = FakeSession(self.new_id("S"), parent.id, target, auto=auto)
        session.paused = paused
        self.makers[session.id] = self.actor
        if target in self.targets:
            self.sessions[session.id] = session
            self.changed(target)
            info = self.info(target)
        else:
            self.sessions[session.id] = session
            info = {"targetId": target, "type": "browser", "attached": True}
        params = {"sessionId": session.id, "targetInfo": info, "waitingForDebugger": paused}
        self.event(parent.id, "Target.attachedToTarget", **params)
        return session.id

    def detach(self, session: FakeSession) -> None:
        """End a session and those below it."""
        for each in [each for each in self.sessions.values() if each.parent == session.id]:
            self.detach(each)
        del self.sessions[session.id]
        if session.target in self.targets:
            self.changed(session.target)
        assert session.parent is not None
        if session.parent in self.sessions:
            self.event(session.parent, "Target.detachedFromTarget", sessionId=session.id, targetId=session.target)

    def remove(self, target: str) -> None:
        """End a target."""
        for each in [each for each in self.sessions.values() if each.target == target]:
            if each.id in self.sessions:
                self.event(each.id, "Inspector.detached", reason="gone")
                self.detach(each)
        kind = self.targets.pop(target)["type"]
        for each in self.sessions.values():
            if each.discover is not None and accepts(each.discover, kind):
                self.event(each.id, "Target.targetDestroyed", targetId=target)

    def crash(self, target: str) -> None:
        """Let a target crash."""
        for each in self.sessions.values():
            if each.discover is not None and accepts(each.discover, self.targets[target]["type"]):
                self.event(each.id, "Target.targetCrashed", targetId=target, status="crashed", errorCode=5)
            if each.target == target:
                self.event(each.id, "Inspector.targetCrashed")

    # Commands:

    def do_Target_attachToBrowserTarget(self, session: FakeSession, params: Any) -> Any:
        return {"sessionId": self.attach(session, self.new_id("B"))}

    def do_Target_createBrowserContext(self, session: FakeSession, params: Any) -> Any:
        assert params["disposeOnDetach"] is True
        context = self.new_id("C")
        self.contexts[context] = self.actor
        return {"browserContextId": context}

    def do_Target_disposeBrowserContext(self, session: FakeSession, params: Any) -> Any:
        context = params["browserContextId"]
        if context not in self.contexts:
            raise NoWay(-32000, f"Failed to find context with id {context}")
        del self.contexts[context]
        for target in [key for key, each in self.targets.items() if each["browserContextId"] == context]:
            self.remove(target)
        return {}

    def do_Target_getBrowserContexts(self, session: FakeSession, params: Any) -> Any:
        return {"browserContextIds": list(self.contexts), "defaultBrowserContextId": self.default}

    def do_Target_setDiscoverTargets(self, session: FakeSession, params: Any) -> Any:
        session.discover = params["filter"] if params["discover"] else None
        for target, each in self.targets.items():
            if session.discover is not None and accepts(session.discover, each["type"]):
                self.event(session.id, "Target.targetCreated", targetInfo=self.info(target))
        return {}

    def do_Target_setAutoAttach(self, session: FakeSession, params: Any) -> Any:
        if session.target in self.targets:
            return {}
        assert params["flatten"]
        session.auto_attach_filter, session.wait_for_debugger = params["filter"], params["waitForDebuggerOnStart"]
        for target, each in list(self.targets.items()):
            if accepts(session.auto_attach_filter, each["type"]):
                self.attach(session, target, auto=True)
        return {}

    def do_Target_createTarget(self, session: FakeSession, params: Any) -> Any:
        context = params.get("browserContextId", self.default)
        if context != self.default and context not in self.contexts:
            raise NoWay(-32000, f"Failed to find browser context with id {context}")
        if self.windowless and params.get("newWindow") is False:
            raise NoWay(-32000, "Failed to open new tab - no browser is open")
        self.add_target("browser_ui", context)
        self.add_target("tab", context)
        return {"targetId": self.add_target("page", context)}

    def do_Target_attachToTarget(self, session: FakeSession, params: Any) -> Any:
        target = params["targetId"]
        known = target in self.targets or any(each.target == target for each in self.sessions.values())
        if not known:
            raise NoWay(-32602, "No target with given id found")
        return {"sessionId": self.attach(session, target)}

    def do_Target_detachFromTarget(self, session: FakeSession, params: Any) -> Any:
        found = self.sessions.get(params["sessionId"])
        if found is None or found.parent != session.id:
            raise NoWay(-32602, "No session with given id")
        self.detach(found)
        return {}

    def do_Target_closeTarget(self, session: FakeSession, params: Any) -> Any:
        if params["targetId"] not in self.targets:
            raise NoWay(-32602, "No target with given id found")
        self.say(session.id, id=self.heard[-1][1]["id"], result={"success": True})
        self.remove(params["targetId"])

    def do_Target_getTargets(self, session: FakeSession, params: Any) -> Any:
        return {"targetInfos": [self.info(each) for each in self.targets]}

    def do_Target_getTargetInfo(self, session: FakeSession, params: Any) -> Any:
        target = params.get("targetId", session.target)
        if target not in self.targets:
            raise NoWay(-32602, "No target with given id found")
        return {"targetInfo": self.info(target)}

    def do_Storage_getCookies(self, session: FakeSession, params: Any) -> Any:
        if session.target in self.targets and "browserContextId" in params:
            raise NoWay(-32602, "browserContextId is only allowed for Browser target")
        return {"cookies": self.cookies.get(params.get("browserContextId", self.default), [])}

    def do_Browser_getWindowForTarget(self, session: FakeSession, params: Any) -> Any:
        target = params.get("targetId", session.target)
        if target not in self.targets:
            raise NoWay(-32000, "No web contents in the target")
        return {"windowId": int(target[2:]), "bounds": {}}

    def do_Browser_setDownloadBehavior(self, session: FakeSession, params: Any) -> Any:
        if params["browserContextId"] not in self.contexts:
            raise NoWay(-32602, "Failed to find browser context for id " + params["browserContextId"])
        session.downloads = params.get("eventsEnabled", False)
        return {}

    def do_Page_getFrameTree(self, session: FakeSession, params: Any) -> Any:
        if session.target not in self.targets:
            raise NoWay(-32601, "'Page.getFrameTree' wasn't found")
        frames = [{"frame": {"id": each}} for each in (session.target, f"{session.target}-F")]
        return {"frameTree": {**frames[0], "childFrames": [frames[1]]}}

    def download(self, target: str, frame: str) -> None:
        """Report a download to the page's sessions and to every browser session, whosever it is, as Chromium does."""
        guid = f"guid of {frame}"
        for each in self.sessions.values():
            if each.downloads and (each.target == target or each.target not in self.targets):
                about = {"frameId": frame, "guid": guid, "url": frame, "suggestedFilename": frame}
                self.event(each.id, "Browser.downloadWillBegin", **about)
                self.event(each.id, "Browser.downloadProgress", guid=guid, state="completed", filePath=frame)

    def do_Runtime_runIfWaitingForDebugger(self, session: FakeSession, params: Any) -> Any:
        session.paused = False
        return {}

    def do_Runtime_evaluate(self, session: FakeSession, params: Any) -> Any:
        if session.target not in self.targets:
            raise NoWay(-32601, "'Runtime.evaluate' wasn't found")
        self.evaluated.append((session.target, params["expression"]))
        for each in self.sessions.values():
            if each.target == session.target:
                self.event(each.id, "Runtime.consoleAPICalled", type="log", said=params["expression"])
        if params["expression"] == "hang":
            return None
        if params["expression"] == "download":
            self.download(session.target, session.target)
        if params["expression"] == "download in a frame":
            self.download(session.target, f"{session.target}-F")
        if params["expression"] == "popup":
            context = self.targets[session.target]["browserContextId"]
            self.add_target("tab", context)
            self.add_target("page", context, openerId=session.target)
        return {"result": {"type": "string", "value": params["expression"]}}


class Client:
    """A client of a shared browser, and all that it has heard.

    :ivar name: who it is, as the browser's ``actor``.
    :ivar got: what it has heard.
    :ivar log: what it has heard over all of its lines, and how these ended, with the number of the line.
    :ivar closed: how it was sent away; None while it was not.
    :ivar left: whether it has gone away by itself.
    :ivar said: the ids that it has named on this line.
    :ivar told: the ids that it has been told of on any line.
    :ivar here: those that it has been told of on this one.
    :ivar lines: the lines to its pages that were ever opened.
    :ivar place: the number of this line; the main one has 0.
    """

    def __init__(self, shared: SharedBrowser, browser: FakeBrowser | None = None, name: str = "A", **limits: int):
        self.name = name
        self.got: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.log: list[tuple[int, bytes]] = []
        self.closed: tuple[int, str] | None = None
        self.left = False
        self.on_message: Callable[[dict[str, Any]], None] | None = None
        self.said: set[str] = set()
        self.told: dict[str, None] = {}
        self.here: dict[str, None] = {}
        self.lines: list[PageLine] = []
        self.place = 0
        self.shared = shared
        self.browser = browser
        self.number = 0
        self._begin(Limits(**limits))

    def _begin(self, limits: Limits) -> None:
        if self.browser is not None:
            self.browser.actor = self.name
        self.connection = self._open(limits)
        self._obey = self.connection._obey
        if self.browser is not None:
            self.browser.actor = None
            self.connection._obey = self._act  # type: ignore[method-assign]

    def _open(self, limits: Limits) -> ClientConnection:
        self.virtual: VirtualBrowser = self.shared.open(lambda code, why: None)
        return self.virtual.connect(self._hear, self._ended, limits)

    def _hear(self, message: bytes) -> None:
        self.raw.append(message)
        self.log.append((self.place, message))
        self.got.append(json.loads(message))
        found = dict.fromkeys(IDS.findall(message.decode()))
        self.told.update(found)
        self.here.update(found)
        if self.on_message is not None:
            self.on_message(self.got[-1])

    def _ended(self, code: int, why: str) -> None:
        assert self.closed is None
        self.closed = (code, why)
        self.log.append((self.place, f"closed {code} {why}".encode()))

    @property
    def open_lines(self) -> list[PageLine]:
        """The lines to its pages that it can speak over."""
        return [each for each in self.lines if each.closed is None and not each.left]

    def open_line(self, target: str, **limits: int) -> PageLine:
        """Open a line to a page."""
        line = PageLine(self, target, **limits)
        self.lines.append(line)
        return line

    def ids(self, kind: str) -> list[str]:
        """Return the ids of a kind that it has been told, in order; those of sessions are good for one line alone."""
        return [each for each in (self.here if kind == "S" else self.told) if each[1] == kind]

    def send(self, method: str, session: str = "", **params: Any) -> int:
        """Say a command; return its id."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.raw_send(json.dumps(message).encode())
        return self.number

    def raw_send(self, message: bytes) -> None:
        """Say anything."""
        self.said.update(IDS.findall(message.decode("utf-8", "replace")))
        self.connection.receive(message)

    def _act(self, command: Command) -> None:
        """Let a command be carried out, which may be long after it was said."""
        assert self.browser is not None
        self.browser.actor, before = self.name, self.browser.actor
        self._obey(command)
        self.browser.actor = before

    def leave(self) -> None:
        """Go away."""
        self.left = True
        self.connection.close()
        self._left()

    def _left(self) -> None:
        self.virtual.close()

    def answer(self, number: int) -> dict[str, Any]:
        """Return the one answer to a command."""
        (found,) = [each for each in self.got if each.get("id") == number]
        return found

    def events(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the events of a kind."""
        return [each["params"] for each in self.got if each.get("method") == method]


class PageLine(Client):
    """A line of a client to one page.

    :ivar owner: whose it is.
    :ivar target: the page.
    """

    def __init__(self, owner: Client, target: str, **limits: int) -> None:
        self.owner = owner
        self.target = target
        super().__init__(owner.shared, owner.browser, owner.name, **limits)

    def _open(self, limits: Limits) -> ClientConnection:
        owner = self.owner
        self.virtual = owner.virtual
        self.log, self.told, self.place = owner.log, owner.told, len(owner.lines) + 1
        return self.virtual.connect_page(self.target, self._hear, self._ended, limits)

    def _left(self) -> None:
        """Leave the virtual browser to who has opened it."""


class MultiplexRig:
    """A browser in memory, shared."""

    def __init__(self, salt: str = "X", **limits: int) -> None:
        self.browser = FakeBrowser(salt)
        self.shared = SharedBrowser(self.browser.receive)
        self.shared.start()
        self.limits = limits
        self.deliver()

    def deliver(self, count: int | None = None) -> None:
        """Let the gateway hear what the browser has said, or so much of it."""
        while self.browser.out and (count is None or count > 0):
            self.shared.receive(self.browser.out.popleft())
            count = None if count is None else count - 1

    def client(self, name: str = "A", **limits: int) -> Client:
        """Let a client come, and wait until there is room for it."""
        client = Client(self.shared, self.browser, name, **{**self.limits, **limits})
        self.deliver()
        return client

    def ask(self, client: Client, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Let a client ask, and return the answer."""
        number = client.send(method, session, **params)
        self.deliver()
        return client.answer(number)

    def result(self, client: Client, method: str, session: str = "", **params: Any) -> Any:
        """Let a client ask, and return the result."""
        answer = self.ask(client, method, session, **params)
        assert "result" in answer, answer
        return answer["result"]

    def page(self, client: Client, **params: Any) -> tuple[str, str]:
        """Let a client open a page; return the target and a session."""
        target = self.result(client, "Target.createTarget", url="about:blank", **params)["targetId"]
        session = self.result(client, "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return target, session
