"""What a browser's events mean: targets, frames, documents, requests and the rest, kept in tables.

Events in, changes out, without I/O::

    from txcdp.model import BrowserModel, TargetCreated

    model = BrowserModel()
    for change in model.feed(session_id, event):   # typed events, as ``Session.events`` delivers them
        match change:
            case TargetCreated(target):
                print(target.type, target.url)

The tables can be looked at at any time; what has ended is taken out of them.
"""

from txcdp.model._browser import BrowserModel
from txcdp.model._kinds import TARGET_KINDS, TargetKind, kind_of
from txcdp.model._table import Change, Row
from txcdp.model._targets import (
    Session,
    SessionAttached,
    SessionClosed,
    SessionCrashed,
    SessionRevived,
    Target,
    TargetChanged,
    TargetCreated,
    TargetDestroyed,
)

__all__ = [
    "TARGET_KINDS",
    "BrowserModel",
    "Change",
    "Row",
    "Session",
    "SessionAttached",
    "SessionClosed",
    "SessionCrashed",
    "SessionRevived",
    "Target",
    "TargetChanged",
    "TargetCreated",
    "TargetDestroyed",
    "TargetKind",
    "kind_of",
]
