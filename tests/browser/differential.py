"""Conversations with Chromium that are had on a direct line and through the gateway, and written down alike.

A *conversation* is an async function of a :class:`Talk`. What it hears is kept for each line and session in the order
in which it came; ids are replaced by numbers, in the order in which they were first heard of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from tests.browser.support import Server, reactor
from tests.support import PATIENCE
from txcdp._deferreds import with_deadline
from txcdp._transports.websocket import open_websocket
from txcdp.chrome import discovery
from txcdp.errors import ConnectionLost

_HEX = re.compile(r"\b(?:[0-9A-F]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_POSITION = re.compile(r" at position \d+")
_PORT = re.compile(r"127\.0\.0\.1:\d+|localhost:\d+")

#: The domains whose events are compared; what the others tell goes on as it comes.
DOMAINS = ("Browser", "Inspector", "Target")

Message = dict[str, Any]
Conversation = Callable[["Talk"], Awaitable[None]]


class Line:
    """One WebSocket, and all that came over it."""

    def __init__(self, talk: Talk, transport: Any, name: str) -> None:
        self.name = name
        self.heard: list[Message] = []
        self.lost: ConnectionLost | None = None
        self._talk = talk
        self._transport = transport
        self._number = 0
        self._waiters: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        transport.receiver = self

    def message_received(self, message: bytes) -> None:
        self.heard.append(json.loads(message))
        self._look()

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.lost = reason
        self._look()

    def _look(self) -> None:
        for each in list(self._waiters):
            found = each[0]()
            if found is not None:
                self._waiters.remove(each)
                each[1].callback(found)

    async def until(self, find: Callable[[], Any], what: str = "") -> Any:
        """Wait until something is found in what was heard."""
        found = find()
        if found is not None:
            return found
        waiting: Deferred[Any] = Deferred()
        self._waiters.append((find, waiting))
        return await with_deadline(
            reactor, waiting, PATIENCE, lambda: AssertionError(f"{self._talk.where}: {what} never came")
        )

    def say(self, method: str, session: str = "", *, again: bool = False, **params: Any) -> int:
        """Send a command, ``again`` with the id of the one before; return its id."""
        self._number += not again
        message: Message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.heard.append({"said": method, "id": self._number})
        self._transport.send(json.dumps(message).encode())
        return self._number

    async def ask(self, method: str, session: str = "", **params: Any) -> Any:
        """Send a command, and return its reply's result, or its error."""
        number = self.say(method, session, **params)
        found = await self.until(
            lambda: next((each for each in self.heard if each.get("id") == number and "said" not in each), None), method
        )
        return found.get("result", found)

    async def event(self, method: str, session: str | None = None, **wanted: Any) -> Any:
        """Wait for an event; return its parameters."""

        def find() -> Any:
            for each in self.heard:
                here = session is None or each.get("sessionId", "") == session
                if each.get("method") == method and here and wanted.items() <= _flat(each["params"]).items():
                    return each["params"]
            return None

        return await self.until(find, f"{method} {wanted}")

    async def closed(self) -> None:
        """Wait for its end."""
        await self.until(lambda: self.lost, "the end")

    def close(self) -> None:
        """End it."""
        self._transport.abort()


def _flat(params: Message) -> Message:
    found = dict(params)
    found.update(params.get("targetInfo", {}))
    return {key: each for key, each in found.items() if isinstance(each, str | int | bool)}


class Talk:
    """One conversation.

    :param where: what it is had with: for people.
    :param netloc: where that listens.
    :param server: has the pages.
    :param path: a fresh folder.
    """

    def __init__(self, where: str, netloc: str, server: Server, path: str) -> None:
        self.where = where
        self.netloc = netloc
        self.server = server
        self.path = path
        self.lines: list[Line] = []
        self.notes: list[Any] = []

    async def browser(self) -> Line:
        """Open a line to the browser, as clients do that begin with ``/json/version``."""
        said = await discovery.version(reactor, self.netloc)
        return await self.open(said.web_socket_debugger_url or "", "browser")

    async def page(self, target_id: str) -> Line:
        """Open a line to a page."""
        return await self.open(f"ws://{self.netloc}/devtools/page/{target_id}", "page")

    async def open(self, url: str, name: str) -> Line:
        """Open any line."""
        line = Line(self, await open_websocket(reactor, url), f"{name} {len(self.lines)}")
        self.lines.append(line)
        return line

    def note(self, *what: Any) -> None:
        """Write something down that has to be the same everywhere."""
        self.notes.append(list(what))

    def close(self) -> None:
        """End all lines."""
        for each in self.lines:
            each.close()

    def transcript(self) -> dict[str, list[str]]:
        """Return the notes, and for each line and session its replies, its events, and of each target the last news.

        Left out is what Chromium itself does now so and now otherwise: the order of targets in a list, the title of an
        empty page, how often a change is told, and where in a message a parameter is missing.
        """
        names: dict[str, str] = {}

        def clean(value: Any) -> str:
            text = json.dumps(_settled(value), sort_keys=True)
            text = _HEX.sub(lambda found: names.setdefault(found[0], f"<{len(names)}>"), text)
            return _POSITION.sub("", _PORT.sub("HOST", text))

        written: dict[str, list[str]] = {}
        for line in self.lines:
            news: dict[str, dict[str, Any]] = {}
            for each in line.heard:
                method = each.get("method", "")
                if "said" in each or (method and method.partition(".")[0] not in DOMAINS):
                    continue
                where = f"{line.name} {clean(each.get('sessionId', ''))}"
                message = {key: value for key, value in each.items() if key != "sessionId"}
                if method == "Target.targetInfoChanged":
                    info = message["params"]["targetInfo"]
                    if info["type"] == "tab" or info["url"] in ("", "about:blank"):
                        continue  # which is told when somebody else looks at it, too
                    news.setdefault(where, {})[clean(info["targetId"])] = info
                else:
                    written.setdefault(f"{where} {'events' if method else 'replies'}", []).append(clean(message))
            for where, infos in news.items():
                written[f"{where} news"] = sorted(clean(each) for each in infos.values())
        written["notes"] = [clean(each) for each in self.notes]
        return written


def _settled(value: Any) -> Any:
    """Return a message without what is now so and now otherwise."""
    if isinstance(value, list):
        items = [_settled(each) for each in value]
        if items and all(isinstance(each, dict) and "targetId" in each for each in items):
            items.sort(key=lambda each: (each.get("type", ""), each.get("url", ""), each.get("title", "")))
        return items
    if not isinstance(value, dict):
        return value
    found = {key: _settled(each) for key, each in value.items() if key not in ("objectId", "embedderData")}
    if found.get("url") in ("", "about:blank") and "title" in found:
        found.update(title="", url="about:blank")
    return found
