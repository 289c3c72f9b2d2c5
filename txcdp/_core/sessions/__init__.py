"""The conversations with targets: what a session sends and streams, and how sessions come and go."""

from txcdp._core.sessions.attach import AutoAttach
from txcdp._core.sessions.session import DEFAULT, Default, Session, StabilityPolicy

__all__ = ["DEFAULT", "AutoAttach", "Default", "Session", "StabilityPolicy"]
