"""Sessions with targets: what a session sends and streams, and how sessions begin and end."""

from txcdp._core.sessions.session import AutoAttach, Session, StabilityPolicy

__all__ = ["AutoAttach", "Session", "StabilityPolicy"]
