"""What a gateway can be told: how many browsers, for whom, how much of everything, and what nobody may do."""

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
    """Limits of a browser: the time that it serves, and the memory that it takes.

    :ivar sessions: clients after which it is replaced. With 1, each client has a process and a profile that nobody
        had before. With more it is tidied up in between, which is for clients that trust each other: what a
        page has stored, and what a client has switched in the browser as a whole, may stay. In shared mode, so many
        times :attr:`PoolOptions.clients_per_browser`; then it takes no more clients as long as others have room, and
        is replaced when it has none.
    :ivar seconds: age at which it is replaced, as soon as no client has it.
    :ivar memory: bytes of memory of its processes together, beyond which it is ended; None: no limit. It is
        read from ``/proc``, so where there is none, as on macOS and Windows, nothing is limited. What processes share
        is counted for each of them.
    """

    sessions: int = 1
    seconds: float = 3600.0
    memory: int | None = None

    def __post_init__(self) -> None:
        check_numbers(self)


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """Options of a pool of browsers; times in seconds.

    :ivar size: most browsers at once, which is the most clients that are served at once in exclusive mode.
    :ivar clients_per_browser: most clients of one browser at once in shared mode.
    :ivar warm: how many are kept started for those to come, as far as ``size`` allows.
    :ivar queue: how many clients may wait for a browser; one more is refused with 503.
    :ivar queue_deadline: how long each may wait; then it is refused with 503.
    :ivar check_interval: between looks at each browser: whether it answers, and how much memory it takes.
    :ivar check_timeout: for its answer; then it is ended and replaced.
    :ivar retry_least: before a browser is started again when starting one has failed; doubled each time.
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
    """Limits of each client; times in seconds, None: no limit.

    :ivar clients: most WebSockets at once, of all clients together; one more is refused with 503.
    :ivar connections: most connections without a request in progress, which may be anybody's: with one more, the one
        that has been silent for the longest is cut off. As many may have a request in progress, and are no WebSockets
        (yet); one more is refused with 503.
    :ivar message_size: bytes of one message from a client; a longer one closes its line with 1009.
    :ivar session_time: after which a client's line is closed.
    :ivar idle_time: without a message from the client, after which its line is closed.
    :ivar commands_per_second: of one client, on average; what exceeds it waits, and the client is not read meanwhile.
    :ivar burst: how many commands may come at once before that begins.
    :ivar slow_time: for which a client may leave what it is sent unread; then its line is cut. Its browser
        buffers 256 MB meanwhile, and drops messages without a word beyond that.
    :ivar unread: bytes that may wait for a client in shared mode, where its browser goes on to be read for the
        others, before its line is cut; one message may be longer.
    :ivar ping_interval: between pings of a quiet client.
    :ivar ping_timeout: for its answer; then its line is taken as dead and cut.
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


#: What a client of a browser on somebody else's machine has no business with: its files, its machine, its end.
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
    """Restrictions of clients; and, by ``private_addresses``, of pages.

    With any of it, commands and pages (``devtools:``) that could send other commands unseen are refused as well.

    :ivar methods: commands that are refused: ``Domain.method`` or ``Domain.*``; ``RISKY_METHODS`` is a beginning.
        With ``DOM.setFileInputFiles`` no files can be dragged into a page (``Input.dispatchDragEvent``) either.
    :ivar schemes: of URLs that a command may not open, such as ``file``, with which no files can be dragged into a page
        either. ``chrome`` stands for all pages of the browser itself.
    :ivar private_addresses: whether anything in a browser may be connected to other addresses than public ones:
        private, loopback and link-local ones, a cloud's metadata, and whatever else is not surely public. Where it may
        not, all connections of the browsers go through a proxy of the gateway's that judges the address of each (see
        the guide), and commands that open URLs, or name proxies, are refused as soon as their host tells.
    :ivar allowed_addresses: addresses and networks that may be connected to all the same: ``10.1.2.3``,
        ``10.1.2.3:8080``, ``10.1.0.0/16``, ``[fd00::5]:443``.
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
                raise ValueError(f"{method!r} is no method: Domain.method or Domain.* is wanted")
        for scheme in self.schemes:
            if not _SCHEME.fullmatch(scheme):
                raise ValueError(f"{scheme!r} is no scheme of URLs: write it like file or chrome")


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Options of the authorization of clients.

    :ivar hosts: names and addresses by which clients may call the gateway (the ``Host`` header), besides ``localhost``,
        loopback addresses and the address that a connection came in at.
    :ivar origins: web pages that may use it, as ``https://host:port``, besides its own.
    :ivar public_url: as which clients see the gateway, such as ``https://cdp.example.com``, where something stands
        before it that ends TLS or changes the port; None: as they call it. Its host and origin need not be listed.
    :ivar tokens: path of a file of tokens, see :class:`~txcdp.gateway.Tokens`; None: nobody needs one, which
        :class:`~txcdp.gateway.Gateway` allows on loopback addresses alone.
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
                raise ValueError(f"{host!r} is no name or address of a host: write it without scheme and port")
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: write it like https://example.com or http://localhost:8000")
        if self.public_url is not None and not _PUBLIC_URL.fullmatch(self.public_url):
            raise ValueError("public_url is no URL of the gateway's: write it like https://cdp.example.com")


#: Bytes of a request's body that the gateway reads at all.
LONGEST_BODY = 16 * 1024 * 1024

#: Bytes of a body that nobody looks at.
SHORT_BODY = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """Limits of ``/screenshot``, ``/pdf``, ``/content`` and ``/evaluate``; times in seconds.

    Renders share browsers of the pool: each has a context of its own, with cookies, storage, cache and processes that
    no other one sees. With ``renders=1`` each has a browser of its own.

    :ivar timeout: for a render, from its request to its answer, where the request says nothing else.
    :ivar max_timeout: the most that a request may ask for.
    :ivar max_body: bytes of a request's body; at most 16 MiB.
    :ivar max_output: bytes of what is rendered.
    :ivar schemes: of URLs that may be rendered, as far as the policy allows them, too.
    :ivar browsers: most browsers that renders have at once.
    :ivar pages: most renders at once in each of these.
    :ivar queue: renders that may wait for a place; one more is refused with 503.
    :ivar renders: after which a browser is given back to the pool.
    :ivar linger: for which a browser is kept that has nothing to render.
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
            raise ValueError(f"timeout={self.timeout:g}: at most max_timeout, which is {self.max_timeout:g}")
        if self.max_body > LONGEST_BODY:
            raise ValueError(f"max_body={self.max_body}: at most {LONGEST_BODY}, which is what the gateway reads")


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """All options of a gateway.

    :ivar mode: ``"exclusive"``: each client has a browser for itself; ``"shared"``: several clients share one, each in
        a virtual browser of its own.
    :ivar endpoint: where to listen, as Twisted's ``serverFromString`` takes it; with TLS:
        ``ssl:9443:privateKey=key.pem:certKey=cert.pem``. None: nowhere, as a node of a fleet does that is asked over
        its router alone.
    :ivar notice: seconds for which it goes on to take clients when it is stopped, though ``/readyz`` says that it is
        not ready: those whom a load balancer sends until it knows, and who were just told of a WebSocket.
    :ivar drain: seconds that clients have to finish when the gateway is stopped; then their lines are closed.
    :ivar hold: seconds that a browser, or a virtual browser, waits for the first WebSocket after ``PUT /json/new``, and
        that the page that ``/json/list`` offers is kept for its token.
    :ivar linger: seconds that a browser, or a virtual browser, is kept after its last WebSocket was closed, for who
        comes again; 0: not at all. It ends at once where somebody waits for its place.
    :ivar first_page: whether a client of shared mode finds an empty page, as in a browser that was just started; where
        clients open their own anyway, False saves a process for each.
    :ivar render: lets it render for plain HTTP clients, see :mod:`txcdp.gateway.render`; None: it does not.
    :ivar node: a name for this gateway, where several of them are behind one address: the ids in its URLs begin with it
        and a full stop, so that what stands before the gateways sees to which of them a request belongs. Letters,
        digits, ``_`` and ``-``; ``""``: its ids have no name in them.
    :ivar peers: URLs of the other gateways behind that address, whose pages ``/json/list`` shows, too.
    :ivar egress: what connections of the browsers may take, where ``Policy(private_addresses=False)`` has them go
        through a proxy of the gateway's.
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
            raise ValueError(f"mode={self.mode!r}: 'exclusive' or 'shared'")
        check_numbers(self, from_zero=("notice", "drain", "hold", "linger"))
        if self.node and not _NODE.fullmatch(self.node):
            raise ValueError(f"node={self.node!r}: letters, digits, _ and - are allowed")
        refuse_bare_string("peers", self.peers, tuple)
        for peer in self.peers:
            if not _PUBLIC_URL.fullmatch(peer):
                raise ValueError("one of the peers is no URL of a gateway: write it like http://10.0.0.12:9222")
        if self.peers and not self.node:
            raise ValueError("a gateway with peers needs a name of its own: node")
