"""What the line itself sees of the browser's new targets, before their clients do.

Auto-attach of a browser session takes *every* new target of the browser, whosever it is, and may make it wait. So
clients never have it from the browser. The line watches in two sessions, since Chromium does not give pages and tabs
to one: every new target waits, and is then handed over, session and all, to the client whose it is, if that asked for
such; else it is let go. It makes no difference to anybody who else is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from txcdp.gateway._multiplex.sessions import ROOT
from txcdp.gateway._multiplex.targets import HIDDEN, Told

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.browser import SharedBrowser

_FURNITURE: Final[list[dict[str, Any]]] = [{"type": kind, "exclude": True} for kind in sorted(HIDDEN)]
_ALL: Final = [*_FURNITURE, {}]
_ALL_BUT_TABS: Final = [*_FURNITURE, {"type": "tab", "exclude": True}, {}]
_TABS: Final = [{"type": "tab"}]


class Watch:
    """The watcher of a shared browser.

    :ivar keys: the sessions that it watches in.
    """

    def __init__(self, browser: SharedBrowser) -> None:
        self.keys: set[bytes] = {ROOT}
        self._browser = browser
        self._opened: dict[str, str] = {}

    def start(self) -> None:
        """Begin to watch."""
        ask = self._browser.line.ask
        ask("Target.setDiscoverTargets", {"discover": True, "filter": _ALL}, then=self._must)
        ask("Target.setAutoAttach", _watching(_ALL_BUT_TABS), then=self._must)
        ask("Target.attachToBrowserTarget", {}, then=self._watch_tabs)

    def opened(self, session_id: str) -> str:
        """Return the target of a browser session that was just opened on the line's own session."""
        return self._opened.pop(session_id, "")

    def caught(self, key: bytes, told: Told) -> None:
        """Hand a new target over to the client whose it is, if that asked for it, or let it go."""
        if told.info.get("type") == "browser":
            self._opened[told.session_id] = told.target_id
            return
        world = self._browser.owner(told.info)
        taker = None if world is None else world.taker(told)
        if world is None or taker is None:
            self.let_go(key, told)
            return
        if told.waiting and not taker.waits:
            self._resume(told)
            told.waiting = False
        world.attached(taker, told, key)

    def let_go(self, key: bytes, told: Told) -> None:
        """Let a target go on, and its session go."""
        if told.waiting:
            self._resume(told)
        self._browser.line.detach(told.session_id, key)

    def _resume(self, told: Told) -> None:
        self._browser.line.tell("Runtime.runIfWaitingForDebugger", {}, told.session_id.encode())

    def _watch_tabs(self, reply: dict[str, Any]) -> None:
        session_id = reply.get("result", {}).get("sessionId")
        if isinstance(session_id, str):
            self.opened(session_id)
            self.keys.add(session_id.encode())
            self._browser.line.tell("Target.setAutoAttach", _watching(_TABS), session_id.encode())
        else:
            self._must(reply)

    def _must(self, reply: dict[str, Any]) -> None:
        if "result" not in reply:
            self._browser.lose(f"the browser cannot be shared: {reply.get('error')}")


def _watching(filters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": filters}
