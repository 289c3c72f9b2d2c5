"""The meaning of a browser's events: targets, frames, documents, requests and the rest, kept in tables.

Events go in, changes come out, without I/O::

    from txcdp.model import BrowserModel, NavigationEnded

    model = BrowserModel()
    for change in model.feed(session_id, event):   # typed events, as ``Session.events`` delivers them
        match change:
            case NavigationEnded(navigation, reason):
                print(navigation.url, reason)

You can read the tables at any time; rows of things that have ended are removed.
"""

from txcdp.model._browser import BrowserModel
from txcdp.model._console import (
    ConsoleCleared,
    ConsoleEntry,
    ConsoleGroupEnded,
    ConsoleRepeated,
    ConsoleWritten,
    ExceptionRevoked,
    arguments_in_words,
    exception_in_words,
    value_in_words,
)
from txcdp.model._contexts import Context, ContextCreated, ContextDestroyed
from txcdp.model._dialogs import Dialog, DialogClosed, DialogOpened
from txcdp.model._documents import (
    TRANSITIONS,
    Document,
    DocumentCommitted,
    DocumentDiscarded,
    DocumentOpened,
    LifecycleReached,
    NavigationEnded,
    NavigationInput,
    NavigationRequest,
    NavigationStarted,
    NavigationState,
)
from txcdp.model._downloads import Download, DownloadBegun, DownloadEnded, DownloadProgressed
from txcdp.model._exchanges import (
    EXCHANGE_TRANSITIONS,
    DataArrived,
    EventSourceMessage,
    Exchange,
    ExchangeEnded,
    ExchangeInput,
    ExchangeResponded,
    ExchangeStarted,
    ExchangeState,
    ExtraInfoReceived,
    PriorityChanged,
    WebSocketFailed,
    WebSocketMessage,
)
from txcdp.model._frames import (
    Frame,
    FrameAttached,
    FrameChanged,
    FrameDetached,
    FrameRenamed,
    FrameSwapped,
    FrameTreeChanged,
)
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
    "EXCHANGE_TRANSITIONS",
    "TARGET_KINDS",
    "TRANSITIONS",
    "BrowserModel",
    "Change",
    "ConsoleCleared",
    "ConsoleEntry",
    "ConsoleGroupEnded",
    "ConsoleRepeated",
    "ConsoleWritten",
    "Context",
    "ContextCreated",
    "ContextDestroyed",
    "DataArrived",
    "Dialog",
    "DialogClosed",
    "DialogOpened",
    "Document",
    "DocumentCommitted",
    "DocumentDiscarded",
    "DocumentOpened",
    "Download",
    "DownloadBegun",
    "DownloadEnded",
    "DownloadProgressed",
    "EventSourceMessage",
    "ExceptionRevoked",
    "Exchange",
    "ExchangeEnded",
    "ExchangeInput",
    "ExchangeResponded",
    "ExchangeStarted",
    "ExchangeState",
    "ExtraInfoReceived",
    "Frame",
    "FrameAttached",
    "FrameChanged",
    "FrameDetached",
    "FrameRenamed",
    "FrameSwapped",
    "FrameTreeChanged",
    "LifecycleReached",
    "NavigationEnded",
    "NavigationInput",
    "NavigationRequest",
    "NavigationStarted",
    "NavigationState",
    "PriorityChanged",
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
    "WebSocketFailed",
    "WebSocketMessage",
    "arguments_in_words",
    "exception_in_words",
    "kind_of",
    "value_in_words",
]
