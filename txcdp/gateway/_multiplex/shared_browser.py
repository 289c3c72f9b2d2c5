"""The connection to a browser that several clients share: which client each session, context and target belongs to.

This is how it works, all of it tried on the real browser:

- Each client gets a *browser session* of its own (``Target.attachToBrowserTarget``), which is its root session, and
  a *browser context* of its own, which is its default context. A browser session can detach only what it has
  attached; when it is detached itself, all of that goes, and so do its settings for downloads and permissions.
- A target belongs to the owner of its context. A target in a context without an owner belongs to nobody.
- Discovery is enabled once, for the connection. Each client is told of its own targets from the gateway's memory.
- The connection attaches to new targets, and hands them over: see :mod:`txcdp.gateway._multiplex.target_watch`.

Each message of the browser is assigned while it is handled, in order: a session belongs to its client from
``Target.attachedToTarget`` on, which precedes everything else of that session, until ``detachedFromTarget``. Messages
of a page's session are never decoded: a reply gets another id, an event is passed on unchanged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

from txcdp.errors import MalformedMessage
from txcdp.gateway._multiplex.client_state import ROOT, ClientState
from txcdp.gateway._multiplex.shared_state import SharedState
from txcdp.gateway._multiplex.target_filters import TargetEventParams, read_told
from txcdp.gateway._multiplex.upstream_commands import without_session
from txcdp.gateway._multiplex.virtual_browser import VirtualBrowser
from txcdp.protocol import from_json, to_json
from txcdp.protocol._wire import EVENT_START, REPLY_START, event_prefix, peek_digits, peek_method, read_head, session_of

#: The names of events are the browser's, of which there are some hundreds.
_prefix: Final = functools.lru_cache(1024)(event_prefix)


class SharedBrowser:
    """One connection to one browser, for several clients.

    :param send: called with each message for the browser.
    :param downloads: the folder for downloads of clients that have not said where to save them; ``""``: they are
        cancelled, as Chromium does in the clients' contexts, but not in its own default one.
    :ivar state: the owner of each session, context and target.
    :ivar swallowed: the number of events from sessions that belong to nobody.
    :ivar malformed: the number of messages from the browser that could not be read.
    """

    def __init__(self, send: Callable[[bytes], None], downloads: str = "") -> None:
        self.state = SharedState(send, downloads)
        self.swallowed = 0
        self.malformed = 0

    @property
    def lost(self) -> str | None:
        """Why the browser is gone; None while it is there."""
        return self.state.lost

    # What the gateway calls:

    def start(self) -> None:
        """Start watching the browser; call this once, before the first client connects."""
        self.state.watch.start()

    def open(self, ended: Callable[[int, str], None], *, first_page: bool = False) -> VirtualBrowser:
        """Make a virtual browser for a client; see :class:`VirtualBrowser`."""
        return VirtualBrowser(self.state, ended, first_page)

    def receive(self, message: bytes) -> None:
        """Process one message from the browser."""
        try:
            self._receive(message)
        except MalformedMessage:
            self.malformed += 1

    def lose(self, why: str) -> None:
        """End every virtual browser, because the browser is gone."""
        self.state.lose(why)

    # What the browser says:

    def _receive(self, message: bytes) -> None:
        if message.startswith(EVENT_START):
            method = peek_method(message)
            self._event(method, session_of(message, _prefix(method)), message)
            return
        digits = peek_digits(message) if message.startswith(REPLY_START) else b""
        if digits:
            self.state.line.answered(int(digits), message, len(REPLY_START) + len(digits))
            return
        head = read_head(message)
        if head.method is not None:
            self._event(head.method, head.session, to_json(from_json(message)))
        elif head.id is not None:
            self.state.line.answered(head.id, message, 0)
        else:
            self.malformed += 1

    def _event(self, method: bytes, key: bytes, message: bytes) -> None:
        if method.startswith(b"Target."):
            self._target_event(method, key, read_told(message))
            return
        session = self.state.sessions.get(key)
        if session is None:
            self.swallowed += 1
        elif not session.is_browser:
            strip = session.strip
            session.deliver(without_session(message, strip) if strip else message)
        elif method.startswith(b"Browser.") and message.endswith(session.strip):
            strip = session.strip
            seen = message[: -len(strip)] + b"}" if strip else message
            session.connection.client.download_filter.told(session.deliver, message, seen)

    def _target_event(self, method: bytes, key: bytes, told: TargetEventParams) -> None:
        state = self.state
        if method == b"Target.attachedToTarget":
            self._attached(key, told)
        elif method == b"Target.detachedFromTarget":
            if key in state.watch.keys:
                state.watch.gone(told.session_id)
            session = state.sessions.get(told.session_id.encode())
            if session is not None and session.parent_key == key:
                session.connection.detached(session, told)
        elif key == ROOT:
            client = state.owner(told.info) if told.info else state.owners.get(told.target_id)
            if client is not None:
                self._told(client, method, told)
        elif method == b"Target.targetInfoChanged":
            session = state.sessions.get(key)
            if session is not None and state.owner(told.info) is session.connection.client:
                session.tell(method.decode(), {"targetInfo": session.connection.client.seen(told.info)})

    def _told(self, client: ClientState, method: bytes, told: TargetEventParams) -> None:
        if method in (b"Target.targetCreated", b"Target.targetInfoChanged"):
            self.state.owners[told.target_id] = client
            client.target_told(told.info)
        elif method == b"Target.targetDestroyed":
            self.state.owners.pop(told.target_id, None)
            self.state.watch.destroyed(told.target_id)
            client.target_destroyed(told.target_id)
        elif method == b"Target.targetCrashed":
            client.target_crashed(told)

    def _attached(self, key: bytes, told: TargetEventParams) -> None:
        if key in self.state.watch.keys:
            self.state.watch.caught(key, told)
            return
        parent = self.state.sessions.get(key)
        if parent is None:
            return
        if "browserContextId" in told.info and self.state.owner(told.info) is not parent.connection.client:
            self.state.watch.let_go(key, told)
        else:
            parent.connection.attached(parent, told, key)
