"""A FakeChrome for the virtual browsers of the gateway to be tried on.

It is as open as Chromium: whoever knows an id may use it. Each session of the browser sees all targets, attaches to
any, and disposes of any context. What keeps clients apart is the gateway alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from txcdp.domains import browser, page, runtime, target
from txcdp.errors import CommandError, ConnectionLost
from txcdp.gateway._client_messages import Command
from txcdp.gateway._multiplex import ClientConnection, Limits, SharedBrowser, VirtualBrowser
from txcdp.testing import BY_ITSELF, NEVER, FakeChrome, FakeTarget

#: Ids of a FakeChrome: of targets and their tabs, of contexts, sessions and browser targets.
IDS = re.compile(r"\b(?:7A26|7AB0|C047|5E55|B205)[0-9A-F]{28}\b")

SESSION_GONE = {"code": -32001, "message": "Session with given id not found."}
NO_TARGET = {"code": -32602, "message": "No target with given id found"}
VERSION = {"product": "a browser in memory"}
BROKEN = CommandError("", -32000, "broken")


def kind_of(found: str) -> str:
    """Return of what kind an id is: of a (T)arget, a (S)ession, a (C)ontext, or a target of a (B)rowser session."""
    return {"7A": "T", "5E": "S", "C0": "C", "B2": "B"}[found[:2]]


class FakeBrowser(FakeChrome):
    """A FakeChrome that answers at once, and knows who has caused what.

    :param salt: a part of all ids.
    :param receive: called with each message, as it is delivered.
    :ivar out: the line to whoever shares it; messages wait there until they are delivered.
    :ivar actor: who is to be taken as the cause of what happens; kept with all that is made.
    :ivar heard: each command, with the actor.
    :ivar makers: who has made what, by its id.
    :ivar downloads: the browser sessions that are told of downloads.
    """

    def __init__(self, salt: int = 0, receive: Callable[[bytes], None] | None = None) -> None:
        super().__init__(salt=salt)
        self.out = self.line()
        self.out.receiver = self
        self.message_received = receive
        self.actor: str | None = None
        self.heard: list[tuple[str | None, dict[str, Any]]] = []
        self.makers: dict[str, str | None] = {}
        self.downloads: set[str] = set()
        self.otherwise({})
        self.on(runtime.evaluate, self._evaluate).on(page.get_frame_tree, self._frame_tree)
        self.on(target.create_target, self._furnish).on(browser.get_version, VERSION)
        for method, answer in (("getWindowForTarget", self._window), ("setDownloadBehavior", self._set_downloads)):
            self.on(f"Browser.{method}", answer)
        self.open_target("page")

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Do nothing at an end: what shares it is told by its owner."""

    def receive(self, message: bytes) -> None:
        """Carry out a command, at once."""
        command = json.loads(message)
        assert list(command) in (["id", "method", "params", "sessionId"], ["id", "method", "params"]), command
        self.note(None)
        self.heard.append((self.actor, command))
        self.out.send(message)
        self.carry_out()
        self.note(self.actor)

    def note(self, actor: str | None) -> None:
        """Note who has made what is new."""
        for each in (*self.targets.all, *self.targets.sessions, *self.targets.contexts):
            self.makers.setdefault(each, actor)

    @property
    def contexts(self) -> dict[str, str | None]:
        """The contexts, but for the default one, with who has made them."""
        return {each: self.makers.get(each) for each in self.targets.contexts}

    def add(self, kind: str, context: str | None) -> FakeTarget:
        """Let a target come to be."""
        return self.targets.all[self.open_target(kind, browser_context_id=context)]

    def tell_download(self, of: str, frame: str) -> None:
        """Report a download to the page's sessions and to every browser session, whosever it is, as Chromium does."""
        guid = f"guid of {frame}"
        for each in [each for each in self.targets.sessions.values() if each.id in self.downloads]:
            if each.is_browser or (each.target is not None and each.target.id == of):
                about = {"frameId": frame, "guid": guid, "url": frame, "suggestedFilename": frame}
                self.emit_raw("Browser.downloadWillBegin", about, each.id)
                self.emit_raw(
                    "Browser.downloadProgress", {"guid": guid, "state": "completed", "filePath": frame}, each.id
                )

    # What its pages do, and its windows:

    def _asked(self) -> FakeTarget:
        """Return the page that is being asked."""
        assert self.current is not None
        found = self.targets.sessions.get(self.current.session_id or "")
        if found is None or found.target is None or found.is_browser:
            raise CommandError("", -32601, f"'{self.current.method}' wasn't found")
        return found.target

    def _evaluate(self, command: runtime.evaluate) -> Any:
        asked, what = self._asked(), command.expression
        sessions = self.targets.sessions_of(asked)
        for each in sessions:
            self.emit_raw("Runtime.consoleAPICalled", {"type": "log", "said": what}, each.id)
        if what.startswith("download"):
            self.tell_download(asked.id, f"{asked.id}-F" if what == "download in a frame" else asked.id)
        elif what == "popup":
            self.open_target(opener=sessions[0].id)
        return NEVER if what == "hang" else {"result": {"type": "string", "value": what}}

    def _furnish(self, command: target.create_target) -> Any:
        """Let a window come with something that is the browser's own, as those of Chromium do."""
        if command.browser_context_id is None or command.browser_context_id in self.targets.contexts:
            self.open_target("browser_ui", browser_context_id=command.browser_context_id)
        return BY_ITSELF

    def _frame_tree(self, command: Any) -> Any:
        frames = [{"frame": {"id": each}} for each in (self._asked().id, f"{self._asked().id}-F")]
        return {"frameTree": {**frames[0], "childFrames": [frames[1]]}}

    def _window(self, command: Any) -> Any:
        of = self._asked() if command.target_id is None else self.targets.known(command.target_id)
        return {"windowId": int(of.id[-8:], 16), "bounds": {}}

    def _set_downloads(self, command: Any) -> Any:
        assert self.current is not None
        if command.browser_context_id not in self.targets.contexts:
            raise CommandError("", -32602, f"Failed to find browser context for id {command.browser_context_id}")
        change = self.downloads.add if command.events_enabled else self.downloads.discard
        change(self.current.session_id or "")


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
        return [each for each in (self.here if kind == "S" else self.told) if kind_of(each) == kind]

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

    def __init__(self, salt: int = 0, **limits: int) -> None:
        self.browser = FakeBrowser(salt)
        self.shared = SharedBrowser(self.browser.receive)
        self.browser.message_received = self.shared.receive
        self.shared.start()
        self.limits = limits
        self.deliver()

    def deliver(self, count: int | None = None) -> None:
        """Let the gateway hear what the browser has said, or so much of it."""
        if count is not None:
            self.browser.out.deliver(count)
        while count is None and self.browser.out.deliver():
            pass

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
