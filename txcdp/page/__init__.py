"""Pages: navigate, evaluate JavaScript, take screenshots; each method waits for what it has caused.

For everything else there is the protocol: ``page.session.execute`` and ``page.events``.
"""

from txcdp.page._accessibility import Accessibility, AccessibilityNode
from txcdp.page._acting import DropPayload
from txcdp.page._action_options import (
    CheckOptions,
    ClickOptions,
    DoubleClickOptions,
    DragOptions,
    FilePayload,
    Files,
    FormOptions,
    HoverOptions,
    KeyOptions,
    Position,
    Scroll,
    WaitOptions,
)
from txcdp.page._capture import Clip
from txcdp.page._changes import ElementStates, Mutation
from txcdp.page._clock import Clock
from txcdp.page._console import ConsoleLevel, ConsoleMessage, PageError, SourceLocation
from txcdp.page._coordinates import Box
from txcdp.page._coverage import Coverage, CoverageEntry, CoveredRange, JSCoverageEntry
from txcdp.page._dialogs import Dialog
from txcdp.page._downloads import Download, DownloadProgress
from txcdp.page._extraction import Shape, css
from txcdp.page._file_choosers import FileChooser
from txcdp.page._frames import Frame, Navigation, WaitUntil
from txcdp.page._handles import ElementHandle, JSHandle
from txcdp.page._input import Keyboard, KeyboardModifier, Mouse, MouseButton, Touchscreen
from txcdp.page._locators import FrameLocator, Locator
from txcdp.page._page import Page
from txcdp.page._printing import Margin, PdfOptions
from txcdp.page._reading import ElementState
from txcdp.page._screencast import ScreencastFrame
from txcdp.page._scripts import Binding, BindingCall
from txcdp.page._selectors import Selectors, Text, selectors
from txcdp.page._storage import StorageItem, WebStorage
from txcdp.page._tracing import Tracing
from txcdp.page._values import JSError
from txcdp.page._videos import ScreencastFile
from txcdp.page._viewport import ViewportSize
from txcdp.page._workers import Worker

__all__ = [
    "Accessibility",
    "AccessibilityNode",
    "Binding",
    "BindingCall",
    "Box",
    "CheckOptions",
    "ClickOptions",
    "Clip",
    "Clock",
    "ConsoleLevel",
    "ConsoleMessage",
    "Coverage",
    "CoverageEntry",
    "CoveredRange",
    "Dialog",
    "DoubleClickOptions",
    "Download",
    "DownloadProgress",
    "DragOptions",
    "DropPayload",
    "ElementHandle",
    "ElementState",
    "ElementStates",
    "FileChooser",
    "FilePayload",
    "Files",
    "FormOptions",
    "Frame",
    "FrameLocator",
    "HoverOptions",
    "JSCoverageEntry",
    "JSError",
    "JSHandle",
    "KeyOptions",
    "Keyboard",
    "KeyboardModifier",
    "Locator",
    "Margin",
    "Mouse",
    "MouseButton",
    "Mutation",
    "Navigation",
    "Page",
    "PageError",
    "PdfOptions",
    "Position",
    "ScreencastFile",
    "ScreencastFrame",
    "Scroll",
    "Selectors",
    "Shape",
    "SourceLocation",
    "StorageItem",
    "Text",
    "Touchscreen",
    "Tracing",
    "ViewportSize",
    "WaitOptions",
    "WaitUntil",
    "WebStorage",
    "Worker",
    "css",
    "selectors",
]
