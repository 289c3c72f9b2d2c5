"""``twistd txcdp``: its commands, and the service that each runs."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python import usage

from txcdp.service._gateway_options import GatewayCommandOptions
from txcdp.service._node_options import NodeCommandOptions
from txcdp.service._record_options import RecordOptions


class Options(usage.Options):
    """Options of ``twistd txcdp``."""

    synopsis = "COMMAND [options]"
    longdesc = "Browsers that run unattended. See also: twistd txcdp COMMAND --help"
    subCommands: ClassVar = [
        ("gateway", None, GatewayCommandOptions, "One address for a pool of browsers, for any client of the protocol."),
        ("node", None, NodeCommandOptions, "Do the work of callers on other machines, over a WAMP router."),
        ("record", None, RecordOptions, "Record what a browser does."),
    ]

    def postOptions(self) -> None:
        """Require a command."""
        if not self.subCommand:
            raise usage.UsageError("specify a command:  " + ", ".join(each[0] for each in self.subCommands))


def makeService(options: Options) -> IService:
    """Return the service of the given command."""
    from twisted.internet import reactor

    made: Any = options.subOptions
    service: IService = made.make_service(reactor)
    return service
