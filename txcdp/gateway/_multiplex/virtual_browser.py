"""One client's share of a browser: its state, and the connections that use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp.gateway._multiplex.client_state import INTERNAL_ERROR, LEFT, NORMAL_END, ClientState, Limits
from txcdp.gateway._multiplex.connections import BrowserConnection, ClientConnection, PageConnection
from txcdp.gateway._multiplex.download_filter import DownloadFilter
from txcdp.gateway._multiplex.shared_state import SharedState

#: Opens a connection, of what takes its messages and its end.
OpenConnection = Callable[[Callable[[bytes], None], Callable[[int, str], None]], ClientConnection]


class VirtualBrowser:
    """A client's share of a browser; made by ``SharedBrowser.open``.

    It stays when its connections are closed, until it is closed itself.

    :param shared: the browser.
    :param ended: called once with a WebSocket close code and a reason, when it ends without having been closed.
    :param first_page: whether it begins with an empty page, like a browser that was just started.
    :ivar state: what belongs to the client.
    :ivar closed: whether it is closed.
    """

    def __init__(self, shared: SharedState, ended: Callable[[int, str], None], first_page: bool) -> None:
        self.state = ClientState(DownloadFilter(self._owns_frame, self._ask_for_frames), shared.downloads)
        self.closed = shared.lost is not None
        self._shared = shared
        self._ended = ended
        self._first_page = first_page
        if not self.closed:
            shared.clients[self.state] = self.end
            shared.line.ask("Target.createBrowserContext", {"disposeOnDetach": True}, then=self._context_made)

    def connect(
        self, deliver: Callable[[bytes], None], close: Callable[[int, str], None], limits: Limits | None = None
    ) -> BrowserConnection:
        """Open a connection to it; messages that arrive before it is ready wait.

        :param deliver: called with each message for the client.
        :param close: called once with a WebSocket close code and a reason, when the connection ends without the client.
        :param limits: the limits of the connection.
        """
        return BrowserConnection(self._shared, self.state, deliver, close, limits or Limits())

    def connect_page(
        self,
        target_id: str,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits | None = None,
    ) -> PageConnection:
        """Open a connection to one of its pages; see :meth:`connect`."""
        return PageConnection(self._shared, self.state, deliver, close, limits or Limits(), target_id)

    def close(self) -> None:
        """Close everything that the client has opened."""
        self._close(NORMAL_END, LEFT)

    def end(self, code: int, why: str) -> None:
        """Close everything, and disconnect the client."""
        if not self.closed:
            self._close(code, why)
            self._ended(code, why)

    def _close(self, code: int, why: str) -> None:
        if self.closed:
            return
        self.closed = True
        client, shared = self.state, self._shared
        del shared.clients[client]
        client.discoveries.clear()
        for each in list(client.connections):
            each.end(code, why)
        for target_id in client.targets:
            shared.owners.pop(target_id, None)
        for context in client.contexts:
            shared.dispose(context)

    def _context_made(self, reply: dict[str, Any]) -> None:
        client, shared = self.state, self._shared
        client.default = shared.add_context(client, reply)
        if self.closed:
            return
        if not client.default:
            self.end(INTERNAL_ERROR, "the browser has made no context")
        elif self._first_page:
            params = {"url": "about:blank", "browserContextId": client.default}
            shared.line.ask("Target.createTarget", params, then=self._ready)
        else:
            self._ready()

    def _ready(self, _: object = None) -> None:
        """Continue once the first page exists, or the browser has failed to make it."""
        self.state.ready = True
        for each in list(self.state.connections):
            each.start()

    def _owns_frame(self, frame: str) -> bool | None:
        owner = self._shared.owners.get(frame)
        return None if owner is None else owner is self.state

    def _ask_for_frames(self, then: Callable[[dict[str, Any]], None]) -> int:
        return sum(each.ask_for_frames(then) for each in self.state.connections)
