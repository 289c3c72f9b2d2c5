"""The state of one client of a shared browser, as data: its contexts and targets, and its sessions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from txcdp.gateway._multiplex.download_filter import DownloadFilter
from txcdp.gateway._multiplex.message_writing import write_event
from txcdp.gateway._multiplex.target_filters import HIDDEN, Discovery, Filter, TargetEventParams, matches

#: The session id of the connection's own session with the browser.
ROOT: Final = b""

#: The close code for clients when their browser fails (RFC 6455: an unexpected condition).
INTERNAL_ERROR: Final = 1011

#: The close code for clients when what they were connected to has ended cleanly.
NORMAL_END: Final = 1000

#: Why the remains of a client end after it has gone.
LEFT: Final = "the client that opened the page has left"


class Limits(NamedTuple):
    """Limits of one connection of a client to a shared browser.

    :ivar commands: commands that have not been answered.
    :ivar contexts: browser contexts, including the client's default one.
    :ivar targets: targets of the client, of all kinds; beyond that, it may open no more.
    :ivar sessions: sessions; beyond that, it may attach to no more.
    """

    commands: int = 10_000
    contexts: int = 100
    targets: int = 500
    sessions: int = 2_000


class SessionOwner(Protocol):
    """One of a client's connections, as its sessions know it.

    :ivar client: the client that it belongs to.
    :ivar limits: its limits.
    :ivar sessions: its sessions by the ids that the client knows; ``""``: the one that it addresses without an id.
    """

    client: ClientState
    limits: Limits
    sessions: dict[str, ClientSession]

    @property
    def root_session(self) -> ClientSession:
        """Its first session with the browser itself."""

    def start(self) -> None:
        """Execute the commands that had to wait, if they can be executed now."""

    def end(self, code: int, why: str) -> None:
        """Close it, and disconnect the client."""

    def deliver(self, message: bytes) -> None:
        """Send the client a message."""

    def ask_for_frames(self, then: Callable[[dict[str, Any]], None]) -> int:
        """Ask its pages for their frames, within the limit of commands; return how many were asked."""

    def add_context(self, reply: dict[str, Any]) -> None:
        """Add the context that the browser has made for the client, if it has."""

    def remove_context(self, context: str) -> None:
        """Remove a context that no longer exists from the client."""

    def attach(self, session: ClientSession, target_id: str) -> None:
        """Attach one of its browser sessions to a target, as auto-attach would."""

    def attached(self, parent: ClientSession, told: TargetEventParams, parent_key: bytes) -> None:
        """Add a new session, and report it to the client on another.

        :param parent_key: the session on which the browser has reported it.
        """

    def detached(self, session: ClientSession, told: TargetEventParams) -> None:
        """Remove a session that has ended, and report that to the client."""


@dataclass(slots=True, eq=False)
class ClientSession:
    """A session of a client.

    A *browser session* is with the browser itself: the client's root session is one, which the gateway has opened for
    it, and the client may open more. Any other is with a page or with something that belongs to a page.

    :param connection: the client's connection that it belongs to.
    :param parent: the session on which the client is told of this one; None for one that is addressed without an id.
    :param parent_key: the id of the session on which the browser reports this one: that of ``parent``, or of a watcher.
    :ivar children: the sessions that the client is told of on it, by their ids.
    :ivar waiting: the ids, on the gateway's connection, of commands that it has not answered.
    :ivar forwarded: those of commands whose replies are passed on unchanged, by the client's own ids.
    :ivar nested: whether it is not flat: everything that it sends and receives is wrapped in messages of ``parent``.
    :ivar nests: whether the sessions that auto-attach opens for it are not flat either.
    :ivar attaching: the targets that the client has asked to attach it to, in order, each with whether that is nested.
    :ivar name: how its messages are marked: with its id, or ``""`` if it is addressed without one, or nested.
    :ivar strip: how the browser ends a message of this session that the client has to see without its id.
    :ivar auto_attach_filter: the new targets that auto-attach attaches it to; None while that is off.
    :ivar wait_for_debugger: whether these wait for ``Runtime.runIfWaitingForDebugger``.
    :ivar asked: the targets that the gateway has asked the browser to attach it to.
    :ivar taken: the targets that auto-attach has attached it to.
    :ivar resumed: whether its client has resumed its target.
    :ivar gone: whether it has ended.
    """

    id: str
    target_id: str
    kind: InitVar[str]
    connection: SessionOwner
    parent: ClientSession | None = None
    parent_key: bytes = ROOT
    nested: bool = False
    nests: bool = False
    attaching: list[tuple[str, bool]] = field(default_factory=list)
    auto_attach_filter: Filter | None = None
    wait_for_debugger: bool = False
    children: dict[str, ClientSession] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    forwarded: dict[int, int] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    taken: dict[str, ClientSession] = field(default_factory=dict)
    resumed: bool = False
    gone: bool = False
    key: bytes = field(init=False)
    is_browser: bool = field(init=False)
    name: str = field(init=False)
    strip: bytes = field(init=False)

    def __post_init__(self, kind: str) -> None:
        self.key = self.id.encode()
        self.is_browser = kind == "browser"
        self.name = "" if self.parent is None or self.nested else self.id
        self.strip = b"" if self.name else b',"sessionId":"%b"}' % self.key

    def deliver(self, message: bytes) -> None:
        """Send the client a message of this session."""
        if self.nested and self.parent is not None:
            told = {"sessionId": self.id, "message": message.decode("utf-8", "replace"), "targetId": self.target_id}
            self.parent.tell("Target.receivedMessageFromTarget", told)
        else:
            self.connection.deliver(message)

    def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send the client an event of this session."""
        self.deliver(write_event(method, params, self.name))

    def attach_asked(self, target_id: str) -> bool | None:
        """Remove the first attachment to a target that the client has asked for.

        :returns: whether it is nested; None if there is none.
        """
        for each in self.attaching:
            if each[0] == target_id:
                self.attaching.remove(each)
                return each[1]
        return None

    def left(self, session: ClientSession) -> None:
        """Let the target of a session that has ended, or is about to, be attached to again."""
        if self.taken.get(session.target_id) is session:
            del self.taken[session.target_id]

    def wants(self, kind: str, target_id: str) -> bool:
        """Return whether auto-attach should attach it to a target, and has not yet."""
        return (
            self.auto_attach_filter is not None
            and matches(self.auto_attach_filter, kind)
            and target_id not in self.taken
        )


class ClientState:
    """The contexts, targets and downloads of one client, shared by all its connections.

    :param download_filter: tells the client of the downloads of its own pages.
    :param downloads: the folder for its downloads if it has not said where to save them; ``""``: none.
    :ivar ready: whether the default context exists, and the first page, if there is to be one.
    :ivar default: its default context; ``""`` until the browser has made it.
    :ivar contexts: all its contexts, including the default one.
    :ivar targets: the browser's descriptions of its targets, by their ids.
    :ivar tops: its targets that the auto-attach of browser sessions attaches to.
    :ivar windows: the windows that it has been told of, by the target that it has asked about.
    :ivar making: how many contexts and targets are being made for it.
    :ivar attachments: how many sessions it has with each of its targets.
    :ivar connections: its open connections.
    :ivar roots: its sessions with the browser itself, by their ids.
    :ivar discoveries: what was reported to its sessions that discover targets.
    """

    def __init__(self, download_filter: DownloadFilter, downloads: str) -> None:
        self.download_filter = download_filter
        self._downloads = downloads
        self.ready = False
        self.default = ""
        self.contexts: list[str] = []
        self.targets: dict[str, dict[str, Any]] = {}
        self.tops: set[str] = set()
        self.windows: dict[str, int] = {}
        self.making = 0
        self.attachments: dict[str, int] = {}
        self.connections: list[SessionOwner] = []
        self.roots: dict[str, ClientSession] = {}
        self.discoveries: dict[ClientSession, Discovery] = {}

    def seen(self, info: dict[str, Any]) -> dict[str, Any]:
        """Return a target as the client should see it: ``attached`` is about the client's own sessions."""
        return {**info, "attached": self.attachments.get(info["targetId"], 0) > 0}

    def refreshed(self, info: dict[str, Any]) -> bool:
        """Process the browser's answer about a target; return whether that is one of the client's."""
        if info.get("type") in HIDDEN or info.get("browserContextId") not in self.contexts:
            return False
        if info["targetId"] in self.targets:
            self.targets[info["targetId"]] = info
        return True

    @property
    def downloads(self) -> str:
        """The folder for its downloads where it has not said where to; ``""``: none."""
        return os.path.join(self._downloads, self.default) if self._downloads and self.default else ""

    def browser_session(self, target_id: str) -> ClientSession | None:
        """Return the client's session with a target that stands for the browser."""
        return next((each for each in self.roots.values() if each.target_id == target_id), None)

    def takers(self, told: TargetEventParams) -> list[ClientSession]:
        """Add a new target for auto-attach; return the browser sessions that attach to it."""
        self.tops.add(told.target_id)
        kind = str(told.info.get("type", ""))
        return [each for each in self.roots.values() if each.wants(kind, told.target_id)]

    def target_told(self, info: dict[str, Any]) -> None:
        """Update one of its targets, and report that to the sessions that discover targets."""
        self.targets[info["targetId"]] = info
        seen = self.seen(info)
        for discovery in list(self.discoveries.values()):
            discovery.target(seen)

    def target_destroyed(self, target_id: str) -> None:
        """Remove a target that no longer exists."""
        self.targets.pop(target_id, None)
        self.windows.pop(target_id, None)
        self.tops.discard(target_id)
        for discovery in list(self.discoveries.values()):
            discovery.destroyed(target_id)

    def target_crashed(self, told: TargetEventParams) -> None:
        """Report the crash of a target to the sessions that discover targets."""
        params = {"targetId": told.target_id, "status": told.status, "errorCode": told.error_code}
        for discovery in list(self.discoveries.values()):
            discovery.crashed(told.target_id, params)

    def count(self, target_id: str, change: int) -> None:
        """Count its sessions with a target, and report when the first begins or the last ends."""
        before = self.attachments.pop(target_id, 0)
        after = before + change
        if after:
            self.attachments[target_id] = after
        info = self.targets.get(target_id)
        if info is not None and bool(before) is not bool(after):
            self.target_told(info)
