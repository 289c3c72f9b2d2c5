"""For whoever can send a POST: pictures of pages, PDF, HTML and values, at ``/screenshot``, ``/pdf``, ``/content`` and
``/evaluate``; ``/openapi.json`` describes them.

A render is loaded in a context of its own within a browser that renders share. The context is closed at the end,
whatever has happened.
"""

from txcdp.gateway.render._endpoints import Renders
from txcdp.gateway.render._policy import rules_of

__all__ = ["Renders", "rules_of"]
