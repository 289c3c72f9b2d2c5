"""What is known of a shared browser: the owner of each session, context and target, and the pending commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp.gateway._multiplex.client_state import INTERNAL_ERROR, ClientSession, ClientState
from txcdp.gateway._multiplex.target_filters import HIDDEN
from txcdp.gateway._multiplex.target_watch import Watch
from txcdp.gateway._multiplex.upstream_commands import UpstreamCommands


class SharedState:
    """The tables of a shared browser.

    :param send: called with each message for the browser.
    :param downloads: the folder for downloads of clients that have not said where to save them.
    :ivar line: the pending commands.
    :ivar watch: sees new targets before their clients do.
    :ivar lost: why the browser is gone; None while it is there.
    :ivar disposing: how many contexts of clients that have left the browser is still disposing of.
    :ivar clients: functions that end each client's virtual browser, with a WebSocket close code and a reason.
    :ivar sessions: the clients' sessions, by their ids in the browser.
    :ivar contexts: the owner of each context.
    :ivar owners: the owner of each target.
    """

    def __init__(self, send: Callable[[bytes], None], downloads: str) -> None:
        self.downloads = downloads
        self.lost: str | None = None
        self.disposing = 0
        self.clients: dict[ClientState, Callable[[int, str], None]] = {}
        self.sessions: dict[bytes, ClientSession] = {}
        self.contexts: dict[str, ClientState] = {}
        self.owners: dict[str, ClientState] = {}
        self.line = UpstreamCommands(send)
        self.watch = Watch(self.line, self.owner, lambda error: self.lose(f"the browser cannot be shared: {error}"))

    def lose(self, why: str) -> None:
        """End every virtual browser, because the browser is gone."""
        if self.lost is None:
            self.lost = why
            for end in list(self.clients.values()):
                end(INTERNAL_ERROR, why)
            self.line.asked.clear()

    def owner(self, info: dict[str, Any]) -> ClientState | None:
        """Return the owner of a target; None if it belongs to nobody."""
        if info.get("type") in HIDDEN:
            return None
        return self.contexts.get(str(info.get("browserContextId")))

    def add_context(self, client: ClientState, reply: dict[str, Any]) -> str:
        """Add a context that the browser has made for a client; return its id, or ``""`` if there is none.

        If the client has left meanwhile, the context is disposed of.
        """
        context = reply.get("result", {}).get("browserContextId")
        if not isinstance(context, str):
            return ""
        if client not in self.clients:
            self.dispose(context)
            return ""
        client.contexts.append(context)
        self.contexts[context] = client
        return context

    def remove_context(self, client: ClientState, context: str) -> None:
        """Remove a context that no longer exists from its client."""
        if context in client.contexts:
            client.contexts.remove(context)
            del self.contexts[context]

    def dispose(self, context: str) -> None:
        """Dispose of a context, with everything in it."""
        self.contexts.pop(context, None)
        self.watch.context_gone(context)
        if self.lost is None:
            self.disposing += 1
            self.line.ask("Target.disposeBrowserContext", {"browserContextId": context}, then=self._disposed)

    def detach(self, session: ClientSession) -> None:
        """Detach a session, unless the browser is gone."""
        if self.lost is None:
            self.line.detach(session.id, session.parent_key)

    def forget(self, session: ClientSession) -> None:
        """Remove a session."""
        session.gone = True
        self.sessions.pop(session.key, None)
        self.watch.resumed(session, gone=True)

    def _disposed(self, reply: dict[str, Any]) -> None:
        self.disposing -= 1
