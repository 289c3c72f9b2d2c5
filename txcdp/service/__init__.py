"""Services for applications that run unattended.

Each is a :class:`twisted.application.service.Service`: give it a parent, in a ``.tac`` file or an application of yours,
and it starts and stops with that. ``twistd txcdp`` runs them by themselves.
"""

from txcdp.service._browser import BrowserService
from txcdp.service._ending import end_process
from txcdp.service._gateway import GatewayService
from txcdp.service._recorder import RecorderService

__all__ = ["BrowserService", "GatewayService", "RecorderService", "end_process"]
