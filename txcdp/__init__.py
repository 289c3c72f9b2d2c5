"""The Chrome DevTools Protocol for Twisted.

A command returns a ``Deferred`` of its reply; an event is an item of a typed stream. :func:`launch` starts a browser,
:func:`connect` connects to one; both fire with a :class:`Browser`, whose pages navigate, evaluate JavaScript and take
screenshots. The whole protocol is available underneath: ``page.session.execute(...)`` and ``page.events(...)`` take the
commands and events of ``txcdp.domains``.

Importing this package imports nothing else: each name is imported from its module on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from txcdp import domains as domains
    from txcdp import errors as errors
    from txcdp import health as health
    from txcdp import streams as streams
    from txcdp._core.connection import Connection
    from txcdp._core.dispatch.tap import CommandObserver, RawEvent
    from txcdp._core.probing import ProbeOptions, Prober
    from txcdp._core.reconnecting import ReconnectPolicy
    from txcdp._core.sessions import AutoAttach, Session
    from txcdp._devices import devices as devices
    from txcdp._timeouts import DEFAULT as DEFAULT
    from txcdp._timeouts import Timeout
    from txcdp._transports.websocket import WebSocketOptions
    from txcdp.assertions import expect
    from txcdp.browser import Browser, BrowserContext, ContextOptions, connect, launch
    from txcdp.chrome import BrowserProcess, find_executable, start_browser
    from txcdp.errors import (
        ActionTimeout,
        AlreadyHandled,
        AlreadyRunning,
        BodyEvicted,
        BodyIncomplete,
        BodyOfRedirect,
        CommandError,
        CommandTimeout,
        ConnectError,
        ConnectionLost,
        ConnectTimeout,
        ContextClosed,
        ContextDestroyed,
        DeadlineError,
        DialogError,
        DialogOpen,
        DocumentBroken,
        DownloadError,
        DownloadFailed,
        DownloadStarted,
        DownloadUnreachable,
        EvaluationError,
        ExecutableNotFound,
        ExpectationFailed,
        ExperimentalCommand,
        FrameRemoved,
        Gone,
        HandshakeFailed,
        InvalidPageURL,
        InvalidURL,
        LaunchError,
        LaunchTimeout,
        LocatorError,
        MalformedMessage,
        NavigationError,
        NavigationInterrupted,
        NavigationTimeout,
        NetworkError,
        NoBody,
        NotABrowser,
        NotRunning,
        NotSerializable,
        Overloaded,
        QueueOverflow,
        SelectorError,
        SessionDetached,
        StreamEnded,
        StrictModeViolation,
        TargetCrashed,
        TxcdpError,
        VideoError,
    )
    from txcdp.network import APIResponse, Exchange, Request, Response, Route, WebSocket, WebSocketRoute
    from txcdp.page import (
        Binding,
        BindingCall,
        ConsoleMessage,
        Dialog,
        Download,
        ElementHandle,
        Frame,
        FrameLocator,
        JSError,
        JSHandle,
        Locator,
        Navigation,
        Page,
        PageError,
        Worker,
        css,
        selectors,
    )
    from txcdp.protocol import Command, Event, Record
    from txcdp.streams import (
        EventQueue,
        EventStream,
        Gap,
        Registration,
        Stream,
        TwistedScheduler,
        first,
        from_deferred,
        queue,
    )

    __version__: str

#: Where each public name comes from.
_NAMES = {
    "txcdp._devices": "devices",
    "txcdp.assertions": "expect",
    "txcdp.browser": "Browser BrowserContext ContextOptions connect launch",
    "txcdp.chrome": "BrowserProcess find_executable start_browser",
    "txcdp._core.connection": "Connection",
    "txcdp._core.dispatch.tap": "CommandObserver RawEvent",
    "txcdp.errors": (
        "ActionTimeout AlreadyHandled AlreadyRunning BodyEvicted BodyIncomplete BodyOfRedirect CommandError "
        "CommandTimeout ConnectError ConnectTimeout ConnectionLost ContextClosed ContextDestroyed DeadlineError "
        "DialogError DialogOpen DocumentBroken DownloadError DownloadFailed DownloadStarted DownloadUnreachable "
        "EvaluationError ExecutableNotFound ExpectationFailed ExperimentalCommand FrameRemoved Gone "
        "HandshakeFailed InvalidPageURL InvalidURL LaunchError LaunchTimeout LocatorError MalformedMessage "
        "NavigationError NavigationInterrupted NavigationTimeout NetworkError NoBody NotABrowser NotRunning "
        "NotSerializable Overloaded QueueOverflow SelectorError SessionDetached StreamEnded StrictModeViolation "
        "TargetCrashed TxcdpError VideoError"
    ),
    "txcdp.page": (
        "Binding BindingCall ConsoleMessage Dialog Download ElementHandle Frame FrameLocator JSError JSHandle "
        "Locator Navigation Page PageError Worker css selectors"
    ),
    "txcdp.network": "APIResponse Exchange Request Response Route WebSocket WebSocketRoute",
    "txcdp._core.probing": "ProbeOptions Prober",
    "txcdp._core.reconnecting": "ReconnectPolicy",
    "txcdp.protocol": "Command Event Record",
    "txcdp._core.sessions": "AutoAttach Session",
    "txcdp.streams": "EventQueue EventStream Gap Registration Stream TwistedScheduler first from_deferred queue",
    "txcdp._timeouts": "DEFAULT Timeout",
    "txcdp._transports.websocket": "WebSocketOptions",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = ("domains", "errors", "health", "streams")

__all__ = [
    "DEFAULT",
    "APIResponse",
    "ActionTimeout",
    "AlreadyHandled",
    "AlreadyRunning",
    "AutoAttach",
    "Binding",
    "BindingCall",
    "BodyEvicted",
    "BodyIncomplete",
    "BodyOfRedirect",
    "Browser",
    "BrowserContext",
    "BrowserProcess",
    "Command",
    "CommandError",
    "CommandObserver",
    "CommandTimeout",
    "ConnectError",
    "ConnectTimeout",
    "Connection",
    "ConnectionLost",
    "ConsoleMessage",
    "ContextClosed",
    "ContextDestroyed",
    "ContextOptions",
    "DeadlineError",
    "Dialog",
    "DialogError",
    "DialogOpen",
    "DocumentBroken",
    "Download",
    "DownloadError",
    "DownloadFailed",
    "DownloadStarted",
    "DownloadUnreachable",
    "ElementHandle",
    "EvaluationError",
    "Event",
    "EventQueue",
    "EventStream",
    "Exchange",
    "ExecutableNotFound",
    "ExpectationFailed",
    "ExperimentalCommand",
    "Frame",
    "FrameLocator",
    "FrameRemoved",
    "Gap",
    "Gone",
    "HandshakeFailed",
    "InvalidPageURL",
    "InvalidURL",
    "JSError",
    "JSHandle",
    "LaunchError",
    "LaunchTimeout",
    "Locator",
    "LocatorError",
    "MalformedMessage",
    "Navigation",
    "NavigationError",
    "NavigationInterrupted",
    "NavigationTimeout",
    "NetworkError",
    "NoBody",
    "NotABrowser",
    "NotRunning",
    "NotSerializable",
    "Overloaded",
    "Page",
    "PageError",
    "ProbeOptions",
    "Prober",
    "QueueOverflow",
    "RawEvent",
    "ReconnectPolicy",
    "Record",
    "Registration",
    "Request",
    "Response",
    "Route",
    "SelectorError",
    "Session",
    "SessionDetached",
    "Stream",
    "StreamEnded",
    "StrictModeViolation",
    "TargetCrashed",
    "Timeout",
    "TwistedScheduler",
    "TxcdpError",
    "VideoError",
    "WebSocket",
    "WebSocketOptions",
    "WebSocketRoute",
    "Worker",
    "__version__",
    "connect",
    "css",
    "devices",
    "domains",
    "errors",
    "expect",
    "find_executable",
    "first",
    "from_deferred",
    "health",
    "launch",
    "queue",
    "selectors",
    "start_browser",
    "streams",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use; it is an attribute from then on."""
    value: Any
    if name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
    elif name in _MODULES:
        return import_module(f"txcdp.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version("txcdp")
    else:
        from txcdp._other_names import ADVICE_OF_PACKAGE, about_missing

        advice = ADVICE_OF_PACKAGE.get(name) or about_missing(name, __all__)
        raise AttributeError(f"module 'txcdp' has no attribute {name!r}" + (f": {advice}" if advice else ""), name=name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, whether imported yet or not, and nothing that only serves this module."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
