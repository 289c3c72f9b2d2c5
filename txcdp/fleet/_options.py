"""The options of nodes and callers."""

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

#: The events of a page that are published by default: its navigations, the responses, and what its scripts log.
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
    """A WAMP router and how to connect to it; times in seconds.

    :ivar url: the URL of its WebSocket: ``ws://host:8080/ws``, or ``wss://...`` for TLS.
    :ivar realm: the realm to join.
    :ivar authid: the identity to join with; None: the one that the router assigns.
    :ivar ticket: the secret for that identity; None: no secret is sent. It is never logged.
    :ivar authority: path of a PEM file with the certificate authorities to trust for the router; None: those that the
        system trusts.
    :ivar certificate: path of a PEM file with a client certificate and its key; None: no client certificate.
    :ivar open_timeout: for the connection, the handshake and joining, each.
    :ivar ping_interval: between pings on an idle connection.
    :ivar ping_timeout: for the answer to a ping; after that, the connection is considered dead.
    :ivar retry_least: the first pause after a failed attempt; each further pause is longer.
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
            raise ValueError(f"{self.url!r:.200} is not the URL of a router: write it like ws://router.example:8080/ws")
        if not self.realm:
            raise ValueError("realm='': expected the name of a realm of the router")
        if self.ticket is not None and self.authid is None:
            raise ValueError("a ticket needs an authid: say whose it is")
        secure = self.url.startswith("wss:")
        for name in ("authority", "certificate"):
            path = getattr(self, name)
            if path is not None and not secure:
                raise ValueError(f"{name} is for TLS: the router's URL must begin with wss:")
            if path is not None and not Path(path).is_file():
                raise ValueError(f"{name}: no such file: {path}")


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """Options of a node; times in seconds.

    :ivar name: the name of the node; None: a name made from the machine's name and the process. A name that you give
        must not be that of another node.
    :ivar prefix: what the names of all procedures and topics begin with.
    :ivar places: how many calls are worked on at once; beyond that, the node is full. None: as many as the gateway
        renders pages at once.
    :ivar beat: between two signs of life from work in progress.
    :ivar patience: how long a caller may leave what it was sent unacknowledged before it is considered gone.
    :ivar drain: how long work may go on when the node is stopped.
    :ivar publish: pages that the node watches on its own, publishing their events: URLs by name, for
        :meth:`Fleet.subscribe`. Each occupies one of the node's places. If several nodes are given the same name, one
        of them publishes at a time.
    :ivar publish_events: which events, by their protocol names.
    :ivar publish_buffer: bytes of events that may wait for the router, for each page; beyond that, the oldest are
        dropped.
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
                raise ValueError(f"publish={page!r}: expected the URL of the page")
        if self.publish and not self.publish_events:
            raise ValueError("publish_events: expected a name, such as Network.responseReceived")
        check_events(self.publish_events)


@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """Options of a caller; times in seconds.

    :ivar prefix: what the names of all procedures and topics begin with; the same as the nodes'.
    :ivar timeout: for a call with all its attempts, unless the call gives its own.
    :ivar tries: how often a call is tried while all nodes are full, or there is none; within its timeout.
    :ivar repeats: how often a call is repeated whose node was lost, if it may be repeated.
    :ivar pause: the first pause before another attempt; each further pause is longer, up to ``pause_most``.
    :ivar pause_most: the longest of these pauses.
    :ivar silence: how long a node that works on a call may be silent before it is considered lost.
    :ivar window: for each call, how many chunks or events may be in transit to this caller.
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
    """Return a unique name for a node."""
    host = re.sub(r"[^a-z0-9_]", "_", socket.gethostname().lower())[:32]
    return f"{host}_{os.getpid()}_{os.urandom(3).hex()}"
