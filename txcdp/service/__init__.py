"""Services for applications that run unattended.

Each is a :class:`twisted.application.service.Service`: give it a parent, in a ``.tac`` file or in your own application,
and it starts and stops with that. ``twistd txcdp`` runs them on their own. :class:`RenderResource` serves what such a
browser renders through the application's own web server.
"""

from txcdp.service._browser import BrowserService
from txcdp.service._ending import end_process
from txcdp.service._gateway import GatewayService
from txcdp.service._recorder import RecorderService
from txcdp.service._render_resource import RenderResource

__all__ = ["BrowserService", "GatewayService", "RecorderService", "RenderResource", "end_process"]
