"""The options of ``twistd txcdp gateway``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger
from twisted.python import usage

from txcdp._reactor import AnyReactor, whole
from txcdp.gateway import AccessOptions, BrowserLimits, ClientLimits, GatewayOptions, Policy, PoolOptions, RenderOptions
from txcdp.gateway._http.listening import check_local, check_port
from txcdp.gateway._http.tokens import Tokens
from txcdp.gateway._options import RISKY_METHODS
from txcdp.gateway._pool.launched import Launcher
from txcdp.service._browser_options import LaunchOptions
from txcdp.service._ending import NotStarted, end_process
from txcdp.service._gateway import GatewayService
from txcdp.service._options import at_least, positive
from txcdp.service._units import names, seconds, size

log = Logger()

_POOL = PoolOptions()
_BROWSER = BrowserLimits()
_CLIENTS = ClientLimits()
_ALL = GatewayOptions()

#: Options for which 0 means no limit.
_UNLIMITED = ("browser-memory", "session-time", "idle-time", "commands-per-second")


def endpoint(text: str) -> str:
    """Return an endpoint's description unchanged, after checking it, including its keys.

    :raises ValueError: it does not describe an endpoint.
    """
    try:
        serverFromString(None, text)
    except Exception as error:  # each kind of endpoint has its own, and TLS those of its library
        raise ValueError(
            f"{text!r} is not an endpoint ({error}): write it like tcp:9222:interface=127.0.0.1 or "
            "ssl:9443:privateKey=key.pem:certKey=cert.pem"
        ) from error
    check_port(text)
    return text


def _give_up(reactor: AnyReactor, error: Exception) -> None:
    """End the process with an error message."""
    if not whole(reactor).running:
        raise NotStarted(f"The gateway cannot start: {error}") from None
    log.critical("The gateway cannot start: {error}", error=error)
    end_process(reactor)


class GatewayCommandOptions(LaunchOptions):
    """Options of ``twistd txcdp gateway``."""

    synopsis = "[options]"
    longdesc = (
        "One address for a pool of browsers, for any client of the DevTools protocol: Puppeteer, Playwright, "
        "chrome-remote-interface, txcdp. Without --tokens it listens only on this machine. SIGHUP reloads the "
        "tokens; SIGTERM lets clients finish."
    )
    optParameters = [
        ["listen", "l", _ALL.endpoint, "The Twisted endpoint at which the gateway listens; ssl:... for TLS."],
        [
            "mode",
            "m",
            _ALL.mode,
            "What each client gets: exclusive, a browser of its own; shared, a part of one.",
        ],
        ["tokens", "t", None, "The file with the clients' tokens (TOML); without it, no token is needed."],
        ["public-url", None, None, "The URL at which clients reach the gateway, if it is behind a proxy."],
        ["node", None, "", "The name of this gateway among several behind one address; its ids begin with it."],
        ["browsers", "n", str(_POOL.size), "The maximum number of browsers at once."],
        [
            "clients-per-browser",
            None,
            str(_POOL.clients_per_browser),
            "The maximum number of clients per browser, in shared mode.",
        ],
        ["warm", "w", str(_POOL.warm), "The number of browsers that are kept ready for new clients."],
        ["queue", None, str(_POOL.queue), "The number of clients that may wait for a browser."],
        ["queue-deadline", None, f"{_POOL.queue_deadline:g}s", "How long a client may wait for a browser."],
        ["browser-sessions", None, str(_BROWSER.sessions), "The number of clients after which a browser is replaced."],
        ["browser-age", None, f"{_BROWSER.seconds:g}s", "The age at which a browser is replaced."],
        [
            "browser-memory",
            None,
            "0",
            "The memory (PSS) above which a browser is ended, such as 2G; 0: no limit.",
        ],
        ["clients", "c", str(_CLIENTS.clients), "The maximum number of clients at once."],
        [
            "connections",
            None,
            str(_CLIENTS.connections),
            "The maximum number of connections without a request, and with one.",
        ],
        ["message-size", None, f"{_CLIENTS.message_size >> 20}M", "The maximum size of a client's message."],
        ["session-time", None, "0", "How long a client may stay; 0: no limit."],
        ["idle-time", None, "0", "How long a client may be silent; 0: no limit."],
        ["commands-per-second", None, "0", "The rate of commands of one client, above which they wait; 0: no limit."],
        ["slow-time", None, f"{_CLIENTS.slow_time:g}s", "How long a client may leave sent data unread."],
        [
            "unread",
            None,
            f"{_CLIENTS.unread >> 20}M",
            "The maximum size of data waiting for a client, in shared mode.",
        ],
        ["deny", None, None, "Methods that clients may not call: Browser.crash,SystemInfo.*; risky: a list of such."],
        [
            "allow-addresses",
            None,
            None,
            "Private addresses that browsers may still reach: 10.1.2.3:8080,10.20.0.0/16",
        ],
        ["deny-schemes", None, None, "Schemes of URLs that clients may not open: file,chrome"],
        [
            "linger",
            None,
            f"{_ALL.linger:g}s",
            "How long a browser is kept for a client that has left; 0: not at all.",
        ],
        [
            "notice",
            None,
            f"{_ALL.notice:g}s",
            "How long it still accepts clients when stopped, while not ready.",
        ],
        ["drain", None, f"{_ALL.drain:g}s", "How long clients may continue when the gateway is stopped."],
    ]
    optFlags = [
        ["no-private-addresses", None, "Block browsers from private networks and from this machine."],
        ["render", "r", "Render for plain HTTP clients: POST /screenshot, /pdf, /content, /evaluate."],
        ["no-first-page", None, "Give clients of shared mode no initial page."],
        ["no-live-page", None, "Disable the page at / that shows operators live activity."],
    ]

    readers: ClassVar = {
        "listen": endpoint,
        "browsers": at_least(1),
        "clients-per-browser": at_least(1),
        "warm": at_least(0),
        "queue": at_least(0),
        "queue-deadline": positive(seconds),
        "browser-sessions": at_least(1),
        "browser-age": positive(seconds),
        "browser-memory": size,
        "clients": at_least(1),
        "connections": at_least(1),
        "message-size": positive(size),
        "session-time": seconds,
        "idle-time": seconds,
        "commands-per-second": at_least(0),
        "slow-time": positive(seconds),
        "unread": positive(size),
        "deny": names,
        "allow-addresses": names,
        "deny-schemes": names,
        "linger": seconds,
        "notice": seconds,
        "drain": seconds,
    }

    def __init__(self) -> None:
        super().__init__()
        self["hosts"], self["origins"], self["peers"] = [], [], []

    def opt_host(self, name: str) -> None:
        """A name by which clients may call the gateway, besides its addresses. May be given several times."""
        self["hosts"].append(name)

    def opt_peer(self, url: str) -> None:
        """The URL of another gateway behind that address, whose pages are listed, too. May be given several times."""
        self["peers"].append(url)

    def opt_origin(self, origin: str) -> None:
        """The origin of a web page that may use the gateway: https://example.com. May be given several times."""
        self["origins"].append(origin)

    def postOptions(self) -> None:
        """Refuse invalid options, before anything is started."""
        super().postOptions()
        try:
            self.make_options()
            if self["tokens"] is not None:
                self["tokens"] = str(Path(self["tokens"]).absolute())  # twistd goes elsewhere
                Tokens(self["tokens"])
            else:
                check_local(self["listen"])
        except ValueError as error:
            raise usage.UsageError(str(error)) from error
        _ = self.launch

    def make_options(self) -> GatewayOptions:
        """Return the options of the gateway."""
        limit = {name: self[name] or None for name in _UNLIMITED}
        methods = [name for each in self["deny"] or () for name in (RISKY_METHODS if each == "risky" else (each,))]
        return GatewayOptions(
            endpoint=self["listen"],
            mode=self["mode"],
            pool=PoolOptions(
                size=self["browsers"],
                clients_per_browser=self["clients-per-browser"],
                warm=min(self["warm"], self["browsers"]),
                queue=self["queue"],
                queue_deadline=self["queue-deadline"],
                browser=BrowserLimits(
                    sessions=self["browser-sessions"], seconds=self["browser-age"], memory=limit["browser-memory"]
                ),
            ),
            clients=ClientLimits(
                clients=self["clients"],
                connections=self["connections"],
                message_size=self["message-size"],
                session_time=limit["session-time"],
                idle_time=limit["idle-time"],
                commands_per_second=limit["commands-per-second"],
                slow_time=self["slow-time"],
                unread=self["unread"],
            ),
            policy=Policy(
                methods=tuple(methods),
                schemes=tuple(self["deny-schemes"] or ()),
                private_addresses=not self["no-private-addresses"],
                allowed_addresses=tuple(self["allow-addresses"] or ()),
            ),
            access=AccessOptions(
                hosts=tuple(self["hosts"]),
                origins=tuple(self["origins"]),
                public_url=self["public-url"],
                tokens=self["tokens"],
            ),
            notice=self["notice"],
            drain=self["drain"],
            linger=self["linger"],
            first_page=not self["no-first-page"],
            node=self["node"],
            peers=tuple(self["peers"]),
            render=RenderOptions() if self["render"] else None,
        )

    def make_service(self, reactor: AnyReactor) -> GatewayService:
        """Return the service that these options describe."""
        options = self.make_options()
        return GatewayService(
            reactor,
            options,
            live_page=not self["no-live-page"],
            given_up=lambda error: _give_up(reactor, error),
            start_browser=Launcher(reactor, **self.launch, most=2 * options.pool.size),
        )
