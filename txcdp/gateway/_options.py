"""The options of a gateway: how many browsers, for whom, all limits, and what is forbidden."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from txcdp._arguments import check_numbers, refuse_bare_string
from txcdp.gateway._egress.addresses import read_address, read_allowed
from txcdp.gateway._egress.limits import EgressLimits

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:?")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s@]+/?")
_NODE = re.compile(r"[A-Za-z0-9_-]+")
_PUBLIC_URL = re.compile(r"https?://[^/?#\s@]+(/[^?#\s]*)?")


@dataclass(frozen=True, kw_only=True)
class BrowserLimits:
    """Limits of a browser: how long it is used, and how much memory it may take.

    :ivar sessions: the number of clients after which it is replaced. With 1, each client gets a process and a profile
        that nobody had before. With more, the browser is cleaned up in between, which suits clients that trust each
        other: what a page has stored, and what a client has set for the browser as a whole, may remain. In shared mode,
        the limit is this number times :attr:`PoolOptions.clients_per_browser`; after that, the browser takes no more
        clients as long as others have room, and is replaced once it has no clients.
    :ivar seconds: the age at which it is replaced, as soon as no client has it.
    :ivar memory: bytes of memory of all its processes together, beyond which it is killed; None: no limit. The value is
        read from ``/proc``; where that does not exist, as on macOS and Windows, there is no limit. Memory that
        processes share is counted for each of them.
    """

    sessions: int = 1
    seconds: float = 3600.0
    memory: int | None = None

    def __post_init__(self) -> None:
        check_numbers(self)


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """Options of a pool of browsers; times in seconds.

    :ivar size: the most browsers at once; in exclusive mode, this is the most clients that are served at once.
    :ivar clients_per_browser: in shared mode, the most clients of one browser at once.
    :ivar warm: how many idle browsers are kept running for future clients, within ``size``.
    :ivar queue: how many clients may wait for a browser; further ones are refused with 503.
    :ivar queue_deadline: how long each may wait; after that, it is refused with 503.
    :ivar check_interval: between checks of each browser: whether it responds, and how much memory it takes.
    :ivar check_timeout: for the response to a check; after that, the browser is killed and replaced.
    :ivar retry_least: the pause before starting a browser again after a failed start; doubled each time.
    :ivar retry_most: the longest of these pauses.
    :ivar browser: see :class:`BrowserLimits`.
    """

    size: int = 4
    clients_per_browser: int = 20
    warm: int = 2
    queue: int = 50
    queue_deadline: float = 30.0
    check_interval: float = 5.0
    check_timeout: float = 10.0
    retry_least: float = 0.5
    retry_most: float = 30.0
    browser: BrowserLimits = field(default_factory=BrowserLimits)

    def __post_init__(self) -> None:
        check_numbers(self, from_zero=("warm", "queue"))


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """Limits of each client; times in seconds; None means no limit.

    :ivar clients: the most WebSockets at once, of all clients together; further ones are refused with 503.
    :ivar connections: the most connections without a request in progress, which may be anybody's: beyond that, the one
        that has been silent the longest is closed. The same number of connections may have a request in progress
        without being WebSockets (yet); further ones are refused with 503.
    :ivar message_size: bytes of one message from a client; a longer one closes the client's connection with 1009.
    :ivar session_time: after which a client's connection is closed.
    :ivar idle_time: how long a client may send no message before its connection is closed.
    :ivar commands_per_second: of one client, on average; commands beyond that wait, and the client is not read
        meanwhile.
    :ivar burst: how many commands may come at once before that limit applies.
    :ivar slow_time: how long a client may leave what it is sent unread; after that, its connection is dropped. Its
        browser buffers 256 MB meanwhile, and silently drops messages beyond that.
    :ivar unread: in shared mode, where its browser is still read for the other clients, the bytes that may wait for a
        client before its connection is dropped; a single message may be longer.
    :ivar ping_interval: between pings to an idle client.
    :ivar ping_timeout: for the answer to a ping; after that, the connection is considered dead and dropped.
    """

    clients: int = 200
    connections: int = 256
    message_size: int = 64 * 1024 * 1024
    session_time: float | None = None
    idle_time: float | None = None
    commands_per_second: float | None = None
    burst: int = 200
    slow_time: float = 4.0
    unread: int = 64 * 1024 * 1024
    ping_interval: float | None = 20.0
    ping_timeout: float = 20.0

    def __post_init__(self) -> None:
        check_numbers(self)


#: Commands that a client of a browser on another machine does not need: they reach its files, the machine, or end it.
RISKY_METHODS = (
    "Browser.crash",
    "Browser.crashGpuProcess",
    "Browser.getBrowserCommandLine",
    "Browser.setDownloadBehavior",
    "Cast.*",
    "DOM.setFileInputFiles",
    "DeviceAccess.*",
    "Extensions.*",
    "HeapProfiler.*",
    "Memory.*",
    "PWA.*",
    "Page.setDownloadBehavior",
    "SystemInfo.*",
    "Target.setRemoteLocations",
    "Tethering.*",
    "Tracing.*",
)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Restrictions on clients, and, with ``private_addresses``, on pages.

    With any restriction, commands and pages (``devtools:``) that could send other commands unseen are refused as well.

    :ivar methods: commands that are refused: ``Domain.method`` or ``Domain.*``; ``RISKY_METHODS`` is a start.
        Refusing ``DOM.setFileInputFiles`` also refuses dragging files into a page (``Input.dispatchDragEvent``).
    :ivar schemes: URL schemes that a command may not open, such as ``file``, which also refuses dragging files into a
        page. ``chrome`` stands for all pages of the browser itself.
    :ivar private_addresses: whether anything in a browser may connect to addresses other than public ones: private,
        loopback and link-local addresses, a cloud's metadata, and any other address that is not certainly public. If
        not, all connections of the browsers go through a proxy of the gateway that checks the address of each (see the
        guide), and commands that open URLs, or name proxies, are refused if their host alone shows that they are not
        allowed.
    :ivar allowed_addresses: addresses and networks that are allowed nevertheless: ``10.1.2.3``, ``10.1.2.3:8080``,
        ``10.1.0.0/16``, ``[fd00::5]:443``.
    """

    methods: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    private_addresses: bool = True
    allowed_addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("methods", "schemes", "allowed_addresses"):
            refuse_bare_string(name, getattr(self, name), tuple)
        for address in self.allowed_addresses:
            read_allowed(address)
        for method in self.methods:
            domain, dot, name = method.partition(".")
            if not (domain and dot and name):
                raise ValueError(f"{method!r} is not a method: expected Domain.method or Domain.*")
        for scheme in self.schemes:
            if not _SCHEME.fullmatch(scheme):
                raise ValueError(f"{scheme!r} is not a URL scheme: write it like file or chrome")


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Options for the authorization of clients.

    :ivar hosts: names and addresses by which clients may call the gateway (the ``Host`` header), in addition to
        ``localhost``, loopback addresses and the address at which a connection came in.
    :ivar origins: web pages that may use the gateway, as ``https://host:port``, in addition to its own.
    :ivar public_url: the URL by which clients know the gateway, such as ``https://cdp.example.com``, if a proxy in
        front of it terminates TLS or changes the port; None: the one that they call it by. Its host and origin need not
        be listed.
    :ivar tokens: path of a token file, see :class:`~txcdp.gateway.Tokens`; None: clients need no token, which
        :class:`~txcdp.gateway.Gateway` allows only on loopback addresses.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    public_url: str | None = None
    tokens: str | None = None

    def __post_init__(self) -> None:
        refuse_bare_string("hosts", self.hosts, tuple)
        refuse_bare_string("origins", self.origins, tuple)
        for host in self.hosts:
            if not (_NAME.fullmatch(host) or read_address(host.removeprefix("[").removesuffix("]"))):
                raise ValueError(f"{host!r} is not the name or address of a host: write it without scheme and port")
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin: write it like https://example.com or http://localhost:8000"
                )
        if self.public_url is not None and not _PUBLIC_URL.fullmatch(self.public_url):
            raise ValueError("public_url is not a URL for the gateway: write it like https://cdp.example.com")


#: The largest request body that the gateway reads at all, in bytes.
LONGEST_BODY = 16 * 1024 * 1024

#: The largest request body that is read where no route uses it, in bytes.
SHORT_BODY = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """Limits of ``/screenshot``, ``/pdf``, ``/content`` and ``/evaluate``; times in seconds.

    Renders share browsers of the pool: each has its own context, with its own cookies, storage, cache and processes.
    With ``renders=1``, each has its own browser.

    :ivar timeout: for a render, from its request to its response, unless the request gives its own.
    :ivar max_timeout: the longest timeout that a request may ask for.
    :ivar max_body: bytes of a request's body; at most 16 MiB.
    :ivar max_output: bytes of the result.
    :ivar schemes: schemes of URLs that may be rendered, if the policy allows them, too.
    :ivar browsers: the most browsers that are used for renders at once.
    :ivar pages: the most renders at once in each of these.
    :ivar queue: renders that may wait for a place; further ones are refused with 503.
    :ivar renders: the number of renders after which a browser is given back to the pool.
    :ivar linger: how long a browser is kept that has nothing to render.
    """

    timeout: float = 30.0
    max_timeout: float = 120.0
    max_body: int = 4 * 1024 * 1024
    max_output: int = 64 * 1024 * 1024
    schemes: tuple[str, ...] = ("http", "https")
    browsers: int = 1
    pages: int = 8
    queue: int = 50
    renders: int = 100
    linger: float = 5.0

    def __post_init__(self) -> None:
        refuse_bare_string("schemes", self.schemes, tuple)
        check_numbers(self, from_zero=("queue", "linger"))
        if self.timeout > self.max_timeout:
            raise ValueError(f"timeout={self.timeout:g}: must be at most max_timeout, which is {self.max_timeout:g}")
        if self.max_body > LONGEST_BODY:
            raise ValueError(f"max_body={self.max_body}: must be at most {LONGEST_BODY}, the limit of the gateway")


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """All options of a gateway.

    :ivar mode: ``"exclusive"``: each client has its own browser; ``"shared"``: several clients share one, each in its
        own virtual browser.
    :ivar endpoint: where to listen, as Twisted's ``serverFromString`` takes it; with TLS:
        ``ssl:9443:privateKey=key.pem:certKey=cert.pem``. None: nowhere, as for a node of a fleet that is reachable only
        through its router.
    :ivar notice: seconds for which the gateway still accepts clients after it was told to stop, while ``/readyz``
        already says that it is not ready: these are clients that a load balancer sends before it notices, and clients
        that have just been given a WebSocket URL.
    :ivar drain: seconds that clients have to finish when the gateway is stopped; after that, their connections are
        closed.
    :ivar hold: seconds for which a browser, or a virtual browser, waits for the first WebSocket after
        ``PUT /json/new``, and for which the page that ``/json/list`` offers is reserved for its token.
    :ivar linger: seconds for which a browser, or a virtual browser, is kept after its last WebSocket was closed, so
        that the client can come back; 0: not at all. It ends at once if somebody is waiting for its place.
    :ivar first_page: whether a client in shared mode finds an empty page, as in a browser that was just started; if
        clients open their own pages anyway, False saves a process for each.
    :ivar render: enables rendering for plain HTTP clients, see :mod:`txcdp.gateway.render`; None: disabled.
    :ivar node: a name for this gateway, if there are several behind one address: the ids in its URLs begin with the
        name and a full stop, so that a proxy in front of the gateways can tell which one a request is for. Letters,
        digits, ``_`` and ``-``; ``""``: its ids contain no name.
    :ivar peers: URLs of the other gateways behind that address, whose pages ``/json/list`` shows, too.
    :ivar egress: limits for the browsers' connections through the gateway's proxy, which
        ``Policy(private_addresses=False)`` makes them use.
    """

    endpoint: str | None = "tcp:9222:interface=127.0.0.1"
    mode: Literal["exclusive", "shared"] = "exclusive"
    pool: PoolOptions = field(default_factory=PoolOptions)
    clients: ClientLimits = field(default_factory=ClientLimits)
    policy: Policy = field(default_factory=Policy)
    access: AccessOptions = field(default_factory=AccessOptions)
    notice: float = 0.0
    drain: float = 30.0
    hold: float = 15.0
    linger: float = 1.0
    first_page: bool = True
    render: RenderOptions | None = None
    node: str = ""
    peers: tuple[str, ...] = ()
    egress: EgressLimits = field(default_factory=EgressLimits)

    def __post_init__(self) -> None:
        if self.mode not in ("exclusive", "shared"):
            raise ValueError(f"mode={self.mode!r}: expected 'exclusive' or 'shared'")
        check_numbers(self, from_zero=("notice", "drain", "hold", "linger"))
        if self.node and not _NODE.fullmatch(self.node):
            raise ValueError(f"node={self.node!r}: letters, digits, _ and - are allowed")
        refuse_bare_string("peers", self.peers, tuple)
        for peer in self.peers:
            if not _PUBLIC_URL.fullmatch(peer):
                raise ValueError("one of the peers is not the URL of a gateway: write it like http://10.0.0.12:9222")
        if self.peers and not self.node:
            raise ValueError("a gateway with peers needs its own name: node")
