"""Renders for any client that can send a POST: screenshots, PDF, HTML and values, at ``/screenshot``, ``/pdf``,
``/content`` and ``/evaluate``; ``/openapi.json`` describes them.

Each render loads its page in its own context, within a browser that renders share. The context is closed at the end in
any case.
"""

from txcdp.gateway.render._endpoints import Renders
from txcdp.gateway.render._policy import rules_of

__all__ = ["Renders", "rules_of"]
