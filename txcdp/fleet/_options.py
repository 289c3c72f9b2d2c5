"""What nodes and callers can be told."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from txcdp._arguments import check_numbers, refuse_bare_string
from txcdp.fleet._messages import PREFIX, Uris, checked_label
from txcdp.fleet._requests import check_events

#: What is published of a page unless something else is said: that it goes somewhere, what came for it, and what
#: its scripts say.
PUBLISHED_EVENTS: Final = (
    "Page.frameNavigated",
    "Network.responseReceived",
    "Network.loadingFailed",
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
)

_ROUTER = re.compile(r"(wss?)://[^/?#\s@]+(/[^?#\s]*)?")


@dataclass(frozen=True, kw_only=True)
class RouterOptions:
    """A WAMP router, and how to come in; times in seconds.

    :ivar url: of its WebSocket: ``ws://host:8080/ws``, or ``wss://...`` for TLS.
    :ivar realm: the realm to join.
    :ivar authid: as whom; None: whoever the router takes one for.
    :ivar ticket: the secret that goes with it; None: none is told. It is never logged.
    :ivar authority: path of a file of certificates (PEM) of those who may vouch for the router; None: those that
        the system trusts.
    :ivar certificate: path of a file with a certificate and its key (PEM), which is shown to the router; None: none.
    :ivar open_timeout: for the connection, the handshake and the joining, each.
    :ivar ping_interval: between pings of a quiet line.
    :ivar ping_timeout: for its answer; then the line is taken as dead.
    :ivar retry_least: before another attempt where one has failed; longer each time.
    :ivar retry_most: the longest of these pauses.
    """

    url: str
    realm: str
    authid: str | None = None
    ticket: str | None = field(default=None, repr=False)
    authority: str | None = None
    certificate: str | None = None
    open_timeout: float = 10.0
    ping_interval: float = 10.0
    ping_timeout: float = 10.0
    retry_least: float = 0.5
    retry_most: float = 30.0

    def __post_init__(self) -> None:
        check_numbers(self)
        if not _ROUTER.fullmatch(self.url):
            raise ValueError(f"{self.url!r:.200} is no router: write it like ws://router.example:8080/ws")
        if not self.realm:
            raise ValueError("realm='': the name of a realm of the router is wanted")
        if self.ticket is not None and self.authid is None:
            raise ValueError("a ticket goes with an authid: say whose it is")
        secure = self.url.startswith("wss:")
        for name in ("authority", "certificate"):
            path = getattr(self, name)
            if path is not None and not secure:
                raise ValueError(f"{name} is for TLS: the router's URL has to begin with wss:")
            if path is not None and not Path(path).is_file():
                raise ValueError(f"{name}: there is no file {path}")


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """Options of a node; times in seconds.

    :ivar name: of the node; None: one of its own, of the machine's name and the process. A name that is given has to
        be that of no other node.
    :ivar prefix: what the names of all procedures and topics begin with.
    :ivar places: how much work is done at once; with one more the node is full. None: as many pages as the gateway
        renders at once.
    :ivar beat: between two words of work that is under way.
    :ivar patience: for which a caller may leave unanswered what it has been sent, until it is taken as gone.
    :ivar drain: for which work may go on when the node is stopped.
    :ivar publish: pages that the node watches of its own, and publishes the events of: their URLs, by names for
        :meth:`Fleet.subscribe`. Each takes a place from the node's work. Of several nodes that are told the same name
        one publishes at a time.
    :ivar publish_events: which events, by the protocol's names.
    :ivar publish_buffer: bytes of events that may wait for the router, of each page; the oldest are dropped then.
    """

    name: str | None = None
    prefix: str = PREFIX
    places: int | None = None
    beat: float = 5.0
    patience: float = 30.0
    drain: float = 30.0
    publish: Mapping[str, str] = field(default_factory=dict)
    publish_events: Sequence[str] = PUBLISHED_EVENTS
    publish_buffer: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        check_numbers(self)
        refuse_bare_string("publish_events", self.publish_events, tuple)
        Uris(self.prefix)
        if self.name is not None:
            checked_label("name", self.name)
        for page, url in self.publish.items():
            checked_label("publish", page)
            if not url:
                raise ValueError(f"publish={page!r}: the URL of the page is wanted")
        if self.publish and not self.publish_events:
            raise ValueError("publish_events: a name is wanted, such as Network.responseReceived")
        check_events(self.publish_events)


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """Options of a caller; times in seconds.

    :ivar prefix: what the names of all procedures and topics begin with; that of the nodes.
    :ivar timeout: for a call, with all its attempts, where it says nothing else.
    :ivar tries: how often a call is tried where all nodes are full, or none is there; within its time.
    :ivar repeats: how often a call is done again whose node was lost, where it may be.
    :ivar pause: before another attempt, the first time; longer each time, and never more than ``pause_most``.
    :ivar pause_most: the longest of these pauses.
    :ivar silence: for which a node that does a call may say nothing, until it is taken as lost.
    :ivar window: chunks or events that may be on their way to this caller, for each call.
    """

    prefix: str = PREFIX
    timeout: float = 30.0
    tries: int = 100
    repeats: int = 5
    pause: float = 0.05
    pause_most: float = 2.0
    silence: float = 15.0
    window: int = 8

    def __post_init__(self) -> None:
        check_numbers(self)
        Uris(self.prefix)


def own_name() -> str:
    """Return a name for a node that no other one has."""
    host = re.sub(r"[^a-z0-9_]", "_", socket.gethostname().lower())[:32]
    return f"{host}_{os.getpid()}_{os.urandom(3).hex()}"
