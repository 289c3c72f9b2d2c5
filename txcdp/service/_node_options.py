"""The options of ``twistd txcdp node``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from twisted.logger import Logger
from twisted.python import usage

from txcdp._reactor import AnyReactor
from txcdp.gateway import BrowserLimits, Gateway, GatewayOptions, Policy, PoolOptions, RenderOptions
from txcdp.gateway._http.listening import check_local
from txcdp.gateway._pool.launched import Launcher
from txcdp.service._browser_options import LaunchOptions
from txcdp.service._ending import end_process
from txcdp.service._gateway_options import endpoint
from txcdp.service._options import at_least, positive
from txcdp.service._units import names, seconds, size

if TYPE_CHECKING:
    from txcdp.fleet import NodeOptions, NodeService, RouterOptions

log = Logger()

_RENDER = RenderOptions()
_DRAIN: Final = "30s"

#: The environment variable with the ticket, unless a file is named: other users of the machine can read command lines.
TICKET_VARIABLE: Final = "TXCDP_ROUTER_TICKET"


class NodeCommandOptions(LaunchOptions):
    """Options of ``twistd txcdp node``."""

    synopsis = "--router URL --realm REALM [options]"
    longdesc = (
        "A node of a fleet: registers the work of its browsers (renders, extraction, actions, events) at a WAMP router "
        "such as Crossbar, for callers on other machines. SIGTERM lets work finish. The ticket for the router is "
        f"read from --ticket-file, or else from the environment's {TICKET_VARIABLE}."
    )
    optParameters = [
        ["router", None, None, "The WebSocket of the router: ws://router.example:8080/ws, or wss://... for TLS."],
        ["realm", None, None, "The realm to join."],
        ["authid", None, None, "The name by which the router knows this node, if it asks for a ticket."],
        ["ticket-file", None, None, "The file that the ticket is in; only its owner should be able to read it."],
        ["authority", None, None, "A file with the certificates (PEM) of the authorities trusted for the router."],
        ["certificate", None, None, "A file with a certificate and its key (PEM), to present to the router."],
        ["name", None, None, "The unique name of the node. [default: a generated one]"],
        ["prefix", None, "txcdp", "The prefix of all procedures and topics."],
        ["browsers", "n", "1", "The maximum number of browsers at once."],
        ["pages", None, str(_RENDER.pages), "The maximum number of pages at once in each."],
        ["renders", None, str(_RENDER.renders), "The number of pages after which a browser is replaced."],
        ["max-timeout", None, f"{_RENDER.max_timeout:g}s", "The longest timeout that a caller may ask for."],
        ["max-output", None, f"{_RENDER.max_output >> 20}M", "The maximum size of what is rendered."],
        ["browser-memory", None, "0", "The memory (PSS) above which a browser is ended, such as 2G; 0: no limit."],
        ["allow-addresses", None, None, "Private addresses that pages may still reach: 10.1.2.3:8080,10.20.0.0/16"],
        ["listen", "l", None, "A Twisted endpoint on this machine for /metrics and /readyz. [default: none]"],
        [
            "publish-events",
            None,
            None,
            "The events that are published: Network.responseReceived,... [default: where a page goes, what comes for "
            "it, and what its scripts say]",
        ],
        ["drain", None, _DRAIN, "How long work may continue when the node is stopped."],
    ]
    optFlags = [
        ["no-private-addresses", None, "Block pages from private networks and from this machine."],
    ]

    readers: ClassVar = {
        "browsers": at_least(1),
        "pages": at_least(1),
        "renders": at_least(1),
        "max-timeout": positive(seconds),
        "max-output": positive(size),
        "browser-memory": size,
        "allow-addresses": names,
        "listen": endpoint,
        "drain": positive(seconds),
        "publish-events": names,
    }

    def __init__(self) -> None:
        super().__init__()
        self["publish"] = {}

    def opt_publish(self, page: str) -> None:
        """A page to keep open, and to publish the events of: NAME=URL. May be given several times."""
        name, equals, url = page.partition("=")
        if not equals:
            raise usage.UsageError(f"--publish {page}: expected NAME=URL")
        if name in self["publish"]:
            raise usage.UsageError(f"--publish: {name} is given twice")
        self["publish"][name] = url

    def postOptions(self) -> None:
        """Refuse invalid options, before anything is started."""
        super().postOptions()
        for name in ("router", "realm"):
            if not self[name]:
                raise usage.UsageError(f"--{name} is required")
        try:
            import txcdp.fleet  # noqa: F401
        except ImportError as error:
            raise usage.UsageError(str(error)) from error
        for name in ("ticket-file", "authority", "certificate"):
            if self[name] is not None:
                self[name] = str(Path(self[name]).absolute())  # twistd goes elsewhere
        try:
            self.make_router()
            self.make_node_options()
            self.make_gateway_options()
            if self["listen"] is not None:
                check_local(self["listen"])
        except ValueError as error:
            raise usage.UsageError(str(error)) from error
        _ = self.launch

    def make_router(self) -> RouterOptions:
        """Return the options for the router."""
        from txcdp.fleet import RouterOptions

        return RouterOptions(
            url=self["router"],
            realm=self["realm"],
            authid=self["authid"],
            ticket=self._ticket(),
            authority=self["authority"],
            certificate=self["certificate"],
        )

    def _ticket(self) -> str | None:
        path = self["ticket-file"]
        if path is None:
            return os.environ.get(TICKET_VARIABLE) if self["authid"] is not None else None
        try:
            ticket = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--ticket-file: {path} cannot be read ({type(error).__name__})") from None
        if not ticket:
            raise ValueError(f"--ticket-file: {path} is empty")
        return ticket

    def make_node_options(self) -> NodeOptions:
        """Return the options of the node."""
        from txcdp.fleet import NodeOptions

        options = NodeOptions(
            name=self["name"], prefix=self["prefix"], drain=self["drain"], publish=dict(self["publish"])
        )
        events = self["publish-events"]
        return options if events is None else replace(options, publish_events=tuple(events))

    def make_gateway_options(self) -> GatewayOptions:
        """Return the options of the gateway whose browsers do the work."""
        timeout = min(_RENDER.timeout, self["max-timeout"])
        limits = BrowserLimits(memory=self["browser-memory"] or None)
        pool = PoolOptions(size=self["browsers"], warm=1, browser=limits)
        return GatewayOptions(
            endpoint=self["listen"],
            pool=pool,
            policy=Policy(
                private_addresses=not self["no-private-addresses"],
                allowed_addresses=tuple(self["allow-addresses"] or ()),
            ),
            drain=self["drain"],
            render=RenderOptions(
                timeout=timeout,
                max_timeout=self["max-timeout"],
                max_output=self["max-output"],
                browsers=self["browsers"],
                pages=self["pages"],
                renders=self["renders"],
            ),
        )

    def make_service(self, reactor: AnyReactor) -> NodeService:
        """Return the service that these options describe."""
        from txcdp.fleet import NodeService

        options = self.make_gateway_options()
        gateway = Gateway(reactor, options, Launcher(reactor, **self.launch, most=2 * options.pool.size))
        parts = self.make_router(), self.make_node_options()
        return NodeService(reactor, gateway, *parts, given_up=lambda error: _give_up(reactor, error))


def _give_up(reactor: AnyReactor, error: Any) -> None:
    log.critical("The node cannot start: {error}", error=error)
    end_process(reactor)
