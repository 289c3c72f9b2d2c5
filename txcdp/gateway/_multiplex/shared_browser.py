"""The line to a browser that several clients share: whose session, context and target each is.

How it is done, all of it tried on the real browser:

- Each client gets a *browser session* of its own (``Target.attachToBrowserTarget``), which is its root session, and
  a *browser context* of its own, which is its default context. A browser session can detach only what it has
  attached; when it is detached itself, all of that goes, and so do its settings for downloads and permissions.
- A target is its context's owner's. What is in nobody's context is nobody's.
- Discovery is the line's: once, for all. Each client is told of its own targets, out of the gateway's memory.
- New targets are caught by the line, and handed over: see :mod:`txcdp.gateway._multiplex.target_watch`.

What comes from the browser is decided on while it is handled, in order: a session is the client's from
``Target.attachedToTarget`` on, which comes before anything of that session, and until ``detachedFromTarget``.
What belongs to a page's session is never decoded: a reply gets another id, an event goes on as it came.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from txcdp.errors import MalformedMessage
from txcdp.gateway._multiplex.limits import Limits
from txcdp.gateway._multiplex.messages import write_event
from txcdp.gateway._multiplex.page_connections import PageConnection
from txcdp.gateway._multiplex.sessions import ROOT, ClientSession
from txcdp.gateway._multiplex.state import INTERNAL_ERROR, ClientState
from txcdp.gateway._multiplex.target_filters import HIDDEN, Told, read_told
from txcdp.gateway._multiplex.target_watch import Watch
from txcdp.gateway._multiplex.upstream_commands import UpstreamCommands, without_session
from txcdp.gateway._multiplex.virtual_browser import VirtualBrowser
from txcdp.protocol import from_json, to_json
from txcdp.protocol._wire import EVENT_START, REPLY_START, event_prefix, peek_digits, peek_method, read_head, session_of

#: The names of events are the browser's, of which there are some hundreds.
_prefix: Final = functools.lru_cache(1024)(event_prefix)


class SharedBrowser:
    """One connection to one browser, for several clients.

    :param send: called with each message for the browser.
    :param downloads: the folder for what clients download who have not said where to; ``""``: it is cancelled, which is
        what Chromium does in the contexts that they have, and not in its own default one.
    :ivar line: the commands on their way.
    :ivar lost: why there is no browser any more; None while there is.
    :ivar swallowed: how many events came of sessions that are nobody's.
    :ivar malformed: how many messages of the browser could not be read.
    :ivar disposing: how many contexts of clients that have left the browser is still clearing away.
    :ivar sessions: the clients' sessions, by their ids on the line.
    :ivar contexts: whose each context is.
    :ivar owners: whose each target is.
    """

    def __init__(self, send: Callable[[bytes], None], downloads: str = "") -> None:
        self.downloads = downloads
        self.line = UpstreamCommands(send)
        self.lost: str | None = None
        self.swallowed = 0
        self.malformed = 0
        self.disposing = 0
        self.sessions: dict[bytes, ClientSession] = {}
        self.contexts: dict[str, ClientState] = {}
        self.owners: dict[str, ClientState] = {}
        self.watch = Watch(self)
        self._clients: set[ClientState] = set()

    @property
    def clients(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    # What the gateway calls:

    def start(self) -> None:
        """Begin to watch the browser; to be called once, before the first client comes."""
        self.watch.start()

    def open_client(
        self,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits | None = None,
        *,
        first_page: bool = False,
    ) -> VirtualBrowser:
        """Make room for a client; what it says before that is ready waits.

        :param deliver: called with each message for the client.
        :param close: called once with a WebSocket close code and a reason, when the virtual browser ends by itself.
        :param limits: how much it may have.
        :param first_page: whether it begins with an empty page, as a browser does that was just started.
        """
        virtual = VirtualBrowser(self, deliver, close, limits or Limits())
        virtual.first_page = first_page
        if self.lost is not None:
            virtual.end(INTERNAL_ERROR, self.lost)
            return virtual
        self._clients.add(virtual)
        self.line.ask("Target.attachToBrowserTarget", {}, then=virtual.on_root_session)
        self.line.ask("Target.createBrowserContext", {"disposeOnDetach": True}, then=virtual.on_default_context)
        return virtual

    def open_page(
        self,
        owner: VirtualBrowser,
        target_id: str,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits | None = None,
    ) -> PageConnection:
        """Open a line to one page of a client's; what is said before it is ready waits.

        :param owner: whose page it is.
        :param target_id: one of its targets.
        """
        page = PageConnection(owner, target_id, deliver, close, limits or Limits())
        if owner.closed or self.lost is not None:
            page.end(INTERNAL_ERROR, self.lost or "who has opened the page has left")
            return page
        owner.page_connections.append(page)
        self._clients.add(page)
        self.line.ask("Target.attachToBrowserTarget", {}, then=page.on_root_session)
        return page

    def receive(self, message: bytes) -> None:
        """Take one message from the browser."""
        try:
            self._receive(message)
        except MalformedMessage:
            self.malformed += 1

    def lose(self, why: str) -> None:
        """Disconnect every client, because the browser is gone."""
        if self.lost is None:
            self.lost = why
            for virtual in list(self._clients):
                virtual.end(INTERNAL_ERROR, why)
            self.line.asked.clear()

    # What virtual browsers call:

    def owner(self, info: dict[str, Any]) -> ClientState | None:
        """Return whose a target is; None for what is nobody's."""
        if info.get("type") in HIDDEN:
            return None
        return self.contexts.get(str(info.get("browserContextId")))

    def dispose(self, context: str) -> None:
        """Let a context go, with all that is in it."""
        self.contexts.pop(context, None)
        self.watch.context_gone(context)
        if self.lost is None:
            self.disposing += 1
            self.line.ask("Target.disposeBrowserContext", {"browserContextId": context}, then=self._disposed)

    def forget(self, virtual: ClientState) -> None:
        """Take a client that has left out of all tables, but for what is still to be cleared away."""
        self._clients.discard(virtual)
        self.line.give_up(virtual)
        for session in virtual.sessions.values():
            self.sessions.pop(session.key, None)
            self.watch.resumed(session, gone=True)
        if virtual.owner is virtual:
            for target_id in virtual.targets:
                self.owners.pop(target_id, None)

    def _disposed(self, reply: dict[str, Any]) -> None:
        self.disposing -= 1

    # What the browser says:

    def _receive(self, message: bytes) -> None:
        if message.startswith(EVENT_START):
            method = peek_method(message)
            self._event(method, session_of(message, _prefix(method)), message)
            return
        digits = peek_digits(message) if message.startswith(REPLY_START) else b""
        if digits:
            self.line.answered(int(digits), message, len(REPLY_START) + len(digits))
            return
        head = read_head(message)
        if head.method is not None:
            self._event(head.method, head.session, to_json(from_json(message)))
        elif head.id is not None:
            self.line.answered(head.id, message, 0)
        else:
            self.malformed += 1

    def _event(self, method: bytes, key: bytes, message: bytes) -> None:
        if method.startswith(b"Target."):
            self._target_event(method, key, read_told(message))
            return
        session = self.sessions.get(key)
        if session is None:
            self.swallowed += 1
        elif not session.is_browser:
            strip = session.strip
            session.deliver(without_session(message, strip) if strip else message)
        elif method.startswith(b"Browser.") and message.endswith(session.strip):
            strip = session.strip
            seen = message[: -len(strip)] + b"}" if strip else message
            session.virtual.owner.downloads.told(session, message, seen)

    def _target_event(self, method: bytes, key: bytes, told: Told) -> None:
        if method == b"Target.attachedToTarget":
            self._attached(key, told)
        elif method == b"Target.detachedFromTarget":
            if key in self.watch.keys:
                self.watch.gone(told.session_id)
            session = self.sessions.get(told.session_id.encode())
            if session is not None and session.parent_key == key:
                session.virtual.detached(session, told)
        elif key == ROOT:
            virtual = self.owner(told.info) if told.info else self.owners.get(told.target_id)
            if virtual is not None:
                self._told(virtual, method, told)
        elif method == b"Target.targetInfoChanged":
            session = self.sessions.get(key)
            if session is not None and self.owner(told.info) is session.virtual.owner:
                session.deliver(
                    write_event(method.decode(), {"targetInfo": session.virtual.seen(told.info)}, session.name)
                )

    def _told(self, virtual: ClientState, method: bytes, told: Told) -> None:
        if method in (b"Target.targetCreated", b"Target.targetInfoChanged"):
            self.owners[told.target_id] = virtual
            virtual.target_told(told.info)
        elif method == b"Target.targetDestroyed":
            self.owners.pop(told.target_id, None)
            self.watch.destroyed(told.target_id)
            virtual.target_destroyed(told.target_id)
        elif method == b"Target.targetCrashed":
            virtual.target_crashed(told)

    def _attached(self, key: bytes, told: Told) -> None:
        if key in self.watch.keys:
            self.watch.caught(key, told)
            return
        parent = self.sessions.get(key)
        if parent is None:
            return
        if "browserContextId" in told.info and self.owner(told.info) is not parent.virtual.owner:
            self.watch.let_go(key, told)
        else:
            parent.virtual.attached(parent, told, key)
