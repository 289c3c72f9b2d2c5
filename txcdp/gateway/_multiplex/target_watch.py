"""Sees the browser's new targets before its clients do.

Auto-attach of a browser session attaches to *every* new target of the browser, whoever it belongs to, and may pause it.
So clients never use the browser's own. The gateway's connection watches in two sessions, since Chromium does not report
pages and tabs in one: every new target is paused, and is then handed over, session and all, to the client that it
belongs to, if that has asked for such targets; otherwise it is resumed. Other clients do not notice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from txcdp.gateway._multiplex.client_state import ROOT, ClientSession, ClientState
from txcdp.gateway._multiplex.target_filters import HIDDEN, TargetEventParams, matches
from txcdp.gateway._multiplex.upstream_commands import UpstreamCommands

_FURNITURE: Final[list[dict[str, Any]]] = [{"type": kind, "exclude": True} for kind in sorted(HIDDEN)]
_ALL: Final = [*_FURNITURE, {}]
_ALL_BUT_TABS: Final = [*_FURNITURE, {"type": "tab", "exclude": True}, {}]
_TABS: Final = [{"type": "tab"}]

RESUME: Final = "Runtime.runIfWaitingForDebugger"

#: So many sessions may be about to be let go: what hangs does not say that it goes on.
_MOST: Final = 1000


class Held(NamedTuple):
    """A page that waits because its tab waits for the debugger.

    :ivar key: the session on which the browser has told of it.
    """

    key: bytes
    told: TargetEventParams


class Watch:
    """Follows all targets of a shared browser on a session of its own.

    :param line: the pending commands.
    :param owner: returns the owner of a target, or None.
    :param failed: called with the reason if the browser cannot be watched.
    :ivar keys: the sessions that it watches in.
    """

    def __init__(
        self,
        line: UpstreamCommands,
        owner: Callable[[dict[str, Any]], ClientState | None],
        failed: Callable[[str], None],
    ) -> None:
        self.keys: set[bytes] = {ROOT}
        self._line = line
        self._owner = owner
        self._failed = failed
        self._opened: dict[str, str] = {}
        self._leaving: dict[str, int] = {}
        self._tabs: dict[str, deque[str]] = {}
        self._pages: dict[str, deque[Held]] = {}
        self._held: dict[str, Held] = {}

    def start(self) -> None:
        """Start watching."""
        ask = self._line.ask
        ask("Target.setDiscoverTargets", {"discover": True, "filter": _ALL}, then=self._must)
        ask("Target.setAutoAttach", _watching(_ALL_BUT_TABS), then=self._must)
        ask("Target.attachToBrowserTarget", {}, then=self._watch_tabs)

    def opened(self, session_id: str) -> str:
        """Return the target of a browser session that was just opened on the line's own session."""
        return self._opened.pop(session_id, "")

    def caught(self, key: bytes, told: TargetEventParams) -> None:
        """Hand a new target over to its client, if that has asked for it, or resume it."""
        if told.info.get("type") == "browser":
            self._opened[told.session_id] = told.target_id
            return
        client = self._owner(told.info)
        takers = [] if client is None else client.takers(told)
        for each in takers[1:]:
            each.connection.attach(each, told.target_id)
        if not takers:
            if client is None or not told.waiting or not self._hold(client, key, told):
                self.let_go(key, told)
            return
        taker = takers[0]
        if told.waiting and taker.wait_for_debugger and told.info.get("type") == "tab":
            self._tab_waits(str(told.info.get("browserContextId")), told.session_id)
        if told.waiting and not taker.wait_for_debugger:
            self._line.tell(RESUME, {}, told.session_id.encode())
            told.waiting = False
        taker.connection.attached(taker, told, key)

    def let_go(self, key: bytes, told: TargetEventParams) -> None:
        """Resume a target, and detach its session.

        If the target is paused, its session is detached only once it has reported that it runs: a worker whose session
        is detached at once never runs.
        """
        line = self._line
        if not told.waiting:
            line.detach(told.session_id, key)
            return

        def goes_on(_: object) -> None:
            if self._leaving.pop(told.session_id, None) is not None:
                line.detach(told.session_id, key)

        number = line.ask(RESUME, {}, key=told.session_id.encode(), then=goes_on)
        self._leaving[told.session_id] = number
        if len(self._leaving) > _MOST:  # that do not answer
            goes_first, number = next(iter(self._leaving.items()))
            del self._leaving[goes_first], line.asked[number]
            line.detach(goes_first, key)

    def gone(self, session_id: str) -> None:
        """Forget what one of the watcher's sessions was asked, because it has ended and will not answer."""
        number = self._leaving.pop(session_id, None)
        if number is not None:
            self._line.asked.pop(number, None)

    # Popups of those who take tabs, as Puppeteer does: a tab waits as long as its page does, and that is let go by us.

    def _tab_waits(self, context: str, session_id: str) -> None:
        """Note a tab that its client keeps paused; its page is the next one of that context."""
        pages = self._pages.get(context)
        if pages:
            self._held[session_id] = pages.popleft()
        else:
            self._tabs.setdefault(context, deque()).append(session_id)

    def _hold(self, client: ClientState, key: bytes, told: TargetEventParams) -> bool:
        """Keep a page paused if its client keeps its tab paused; return whether it does."""
        if told.info.get("type") != "page" or told.info.get("subtype"):
            return False
        if not any(
            each.wait_for_debugger and each.auto_attach_filter is not None and matches(each.auto_attach_filter, "tab")
            for each in client.roots.values()
        ):
            return False
        context = str(told.info.get("browserContextId"))
        held = Held(key, told)
        tabs = self._tabs.get(context)
        if tabs:
            tab = tabs.popleft()
            if not tab:  # its client was quicker
                return False
            self._held[tab] = held
        else:
            self._pages.setdefault(context, deque()).append(held)
        return True

    def has_waiting(self, session: ClientSession) -> bool:
        """Return whether a page is, or may be, paused until a session is resumed."""
        return session.id in self._held or any(session.id in tabs for tabs in self._tabs.values())

    def resumed(self, session: ClientSession, *, gone: bool = False) -> None:
        """Resume what was paused until a session was, which a client has resumed, or which has ended.

        A tab that has been resumed still keeps its page paused if its client has attached to that, paused it, too, and
        not resumed it: it may resume the page first, or both without waiting for the replies.
        """
        held = self._held.pop(session.id, None)
        if held is not None:
            pages = [each for each in session.children.values() if each.target_id == held.told.target_id]
            if session.wait_for_debugger and pages and not pages[0].resumed and not gone:
                self._held[pages[0].id] = held
            else:
                self.let_go(held.key, held.told)
            return
        for tabs in self._tabs.values() if self._tabs else ():
            if session.id in tabs and gone:
                tabs.remove(session.id)
            elif session.id in tabs:
                tabs[tabs.index(session.id)] = ""

    def destroyed(self, target_id: str) -> None:
        """Forget the pages held for a target that was destroyed."""
        for pages in self._pages.values() if self._pages else ():
            for held in [each for each in pages if each.told.target_id == target_id]:
                pages.remove(held)

    def context_gone(self, context: str) -> None:
        """Forget a context that was disposed of."""
        self._tabs.pop(context, None)
        self._pages.pop(context, None)

    def _watch_tabs(self, reply: dict[str, Any]) -> None:
        session_id = reply.get("result", {}).get("sessionId")
        if isinstance(session_id, str):
            self.opened(session_id)
            self.keys.add(session_id.encode())
            self._line.tell("Target.setAutoAttach", _watching(_TABS), session_id.encode())
        else:
            self._must(reply)

    def _must(self, reply: dict[str, Any]) -> None:
        if "result" not in reply:
            self._failed(str(reply.get("error")))


def _watching(filters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": filters}
