"""Services for applications that run unattended.

Each is a :class:`twisted.application.service.Service`: give it a parent, in a ``.tac`` file or an application of yours,
and it starts and stops with that. ``twistd txcdp`` runs them by themselves.
"""

from txcdp.service.browser import BrowserService
from txcdp.service.ending import end_process
from txcdp.service.gateway import GatewayService
from txcdp.service.recorder import RecorderService

__all__ = ["BrowserService", "GatewayService", "RecorderService", "end_process"]
