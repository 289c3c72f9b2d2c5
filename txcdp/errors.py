"""All exceptions that txcdp raises, in one hierarchy.

::

    TxcdpError
    |-- CommandError             the browser refused a command (code, message, data)
    |-- DeadlineError            something timed out (also a TimeoutError)
    |   |-- ActionTimeout        something that was to happen in a page did not
    |   |-- CommandTimeout       no reply to a command
    |   |-- ConnectTimeout       nothing answered at the URL (also a ConnectError)
    |   |-- LaunchTimeout        a browser was not ready in time (also a LaunchError)
    |   `-- NavigationTimeout    a page did not load in time (also a NavigationError)
    |-- ExperimentalCommand      refused by txcdp, and not sent: ``stability="stable"``
    |-- Overloaded               refused by txcdp, and not sent: too many commands are waiting
    |-- Gone                     the session or connection of a command or stream has ended
    |   |-- SessionDetached      the target was closed, or the session was detached
    |   |-- ContextClosed        the context is closed
    |   |-- TargetCrashed        the page's process crashed
    |   `-- ConnectionLost       the connection to the browser is lost (also a ConnectionError)
    |-- ConnectError             no connection could be made (also a ConnectionError)
    |   |-- InvalidURL           the URL is not a valid address of a browser
    |   `-- HandshakeFailed      something answered, but not with the DevTools protocol
    |-- LaunchError              the browser could not be started (its stderr is attached)
    |   `-- ExecutableNotFound   there is no browser on this machine
    |-- NotABrowser              connected to a single page, or to Node: no pages can be opened
    |-- NavigationError          the page could not be loaded (url, error_text)
    |   |-- FrameRemoved         the frame was removed from its page
    |   |-- InvalidPageURL       not a URL with a scheme (also a ValueError)
    |   |-- DocumentBroken       its body broke off, or could not be decoded (its status)
    |   |-- NavigationInterrupted  the program navigated the page somewhere else meanwhile
    |   `-- DownloadStarted      the URL is a download, so the page stays where it was
    |-- NetworkError             a request got no response, or only part of it (url, error_text)
    |   |-- BodyOfRedirect       the response is a redirect, whose body is not kept
    |   |-- BodyEvicted          the browser no longer has the body
    |   |-- BodyIncomplete       it was streamed, and the browser left out part of it
    |   |-- BodyTooLarge         it is larger than the limit
    |   `-- NoBody               there is none
    |-- EvaluationError          JavaScript threw (the remote stack is attached)
    |   |-- ContextDestroyed     the document in which it was evaluated is gone
    |   `-- NotSerializable      the value cannot be returned to Python
    |-- LocatorError             a locator's elements cannot be used in this way
    |   |-- SelectorError        its selector is malformed (also a ValueError)
    |   `-- StrictModeViolation  it matches several elements instead of one
    |-- DownloadError            the file of a download is not available
    |   |-- DownloadFailed       it was cancelled, or broke off
    |   `-- DownloadUnreachable  it is on another machine, the browser's
    |-- ExpectationFailed        an expectation was not met in time (also an AssertionError)
    |-- DialogError
    |   `-- DialogOpen           the page waits for the program to answer a dialog
    |-- AlreadyHandled           the dialog, file chooser or paused request was already answered
    |-- FleetError               no node of a fleet has completed a piece of work
    |   |-- FleetBusy            all nodes are full, or there are none
    |   |-- FleetTimeout         it timed out (also a DeadlineError)
    |   |-- NodeLost             its node was lost, and it may not be done twice
    |   `-- WorkFailed           a node failed to do it, or refused it (status, kind, details)
    |-- StreamEnded              the stream completed before the item that was awaited
    |-- AlreadyRunning           a trace or a coverage measurement is already running
    |-- NotRunning               none is running
    |-- VideoError               ffmpeg could not make a video of a page
    |-- QueueOverflow            a queue with ``overflow="error"`` was full
    `-- MalformedMessage         a reply that cannot be read; other such messages are only counted

A cancelled command fails with Twisted's own :exc:`twisted.internet.defer.CancelledError`. Every message says what
happened, to what, and, where possible, what to do about it.
"""

from __future__ import annotations

import difflib
import re
from copy import copy
from typing import Any, Final, Literal, Self

from txcdp._privacy import indented, shortened, shown_url

__all__ = [
    "ActionTimeout",
    "AlreadyHandled",
    "AlreadyRunning",
    "BodyEvicted",
    "BodyIncomplete",
    "BodyOfRedirect",
    "BodyTooLarge",
    "CommandError",
    "CommandTimeout",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "ContextClosed",
    "ContextDestroyed",
    "DeadlineError",
    "DialogError",
    "DialogOpen",
    "DocumentBroken",
    "DownloadError",
    "DownloadFailed",
    "DownloadStarted",
    "DownloadUnreachable",
    "EvaluationError",
    "ExecutableNotFound",
    "ExpectationFailed",
    "ExperimentalCommand",
    "FleetBusy",
    "FleetError",
    "FleetTimeout",
    "FrameRemoved",
    "Gone",
    "HandshakeFailed",
    "InvalidPageURL",
    "InvalidURL",
    "LaunchError",
    "LaunchTimeout",
    "LocatorError",
    "LossCause",
    "MalformedMessage",
    "NavigationError",
    "NavigationInterrupted",
    "NavigationTimeout",
    "NetworkError",
    "NoBody",
    "NodeLost",
    "NotABrowser",
    "NotRunning",
    "NotSerializable",
    "Overloaded",
    "QueueOverflow",
    "SelectorError",
    "SessionDetached",
    "StreamEnded",
    "StrictModeViolation",
    "TargetCrashed",
    "TxcdpError",
    "VideoError",
    "WorkFailed",
]

#: What ended a connection; see :class:`ConnectionLost`.
LossCause = Literal[
    "closed", "ended", "unresponsive", "half_open", "close_timeout", "process_ended", "protocol", "aborted"
]


class TxcdpError(Exception):
    """Base of everything that txcdp raises.

    Its text is safe to log: text from outside cannot forge a log line, and URLs show no secrets.
    """

    def __str__(self) -> str:
        return shortened(super().__str__())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"


class CommandError(TxcdpError):
    """The browser answered a command with an error.

    :ivar advice: what to do about it, in words, such as which session to send it on; ``""`` if unknown.
    """

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(method, code, message, data)
        self.method, self.code, self.message, self.data = method, code, message, data
        self.advice = ""

    def __str__(self) -> str:
        details = f" ({self.data})" if self.data else ""
        advice = f"; {self.advice}" if self.advice else ""
        return shortened(f"{self.method}: {self.message}{details} [{self.code}]{advice}")


class DeadlineError(TxcdpError, TimeoutError):
    """Something timed out; the text says what was waited for, and for how long."""


class CommandTimeout(DeadlineError):
    """A command timed out without a reply; a late reply is discarded and counted.

    :ivar obstacle: what stood in the way, in words, such as an open dialog; ``""`` if unknown.
    """

    def __init__(self, method: str, seconds: float, obstacle: str = "") -> None:
        super().__init__(method, seconds, obstacle)
        self.method, self.seconds, self.obstacle = method, seconds, obstacle

    def __str__(self) -> str:
        todo = self.obstacle or "give it longer with timeout=SECONDS, or None for no deadline"
        return shortened(f"{self.method}: no reply within {self.seconds:g} s; {todo}")


class ActionTimeout(DeadlineError):
    """Something that was to happen in a page timed out.

    :ivar action: what was waited for, in words.
    :ivar seconds: the timeout.
    :ivar obstacle: how far it got and what stood in the way, in words.
    """

    def __init__(self, action: str, seconds: float, obstacle: str = "") -> None:
        super().__init__(action, seconds, obstacle)
        self.action, self.seconds, self.obstacle = action, seconds, obstacle

    def __str__(self) -> str:
        return shortened(f"{self.action}: not within {self.seconds:g} s; {self.obstacle or 'give it longer'}")


class ExperimentalCommand(TxcdpError):
    """A connection with ``stability="stable"`` refused an experimental command."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.method = method

    def __str__(self) -> str:
        return f'{self.method} is experimental; allow it with stability="warn" or "any"'


class Overloaded(TxcdpError):
    """A command was not sent because too many are waiting: see ``max_pending`` and ``max_unsent``."""

    def __init__(self, method: str, waits: str) -> None:
        super().__init__(method, waits)
        self.method, self.waits = method, waits

    def __str__(self) -> str:
        todo = "await replies, await connection.when_writable(), or limit how many are sent with max_in_flight"
        return shortened(f"{self.method} was not sent: {self.waits} already; {todo}")


class Gone(TxcdpError):
    """Base of the errors for a command or a stream whose session or connection has ended.

    :ivar action: what was being done in a page, in words; "" if unknown.
    :ivar obstacle: how far that got and what stood in the way, in words.
    """

    action = ""
    obstacle = ""

    def meanwhile(self, action: str, obstacle: str = "") -> Self:
        """Return the same error, with what was being done when it occurred."""
        told = copy(self)
        told.action, told.obstacle = action, obstacle
        return told

    def _told(self, text: str) -> str:
        """Return what has ended, with what was to be done then."""
        if not self.action:
            return shortened(text)
        return shortened(f"{self.action}: {text}" + (f"; until then: {self.obstacle}" if self.obstacle else ""))


class _TargetGone(Gone):
    def __init__(self, session_id: str, target: str = "") -> None:
        super().__init__(session_id, target)
        self.session_id, self.target = session_id, target


class SessionDetached(_TargetGone):
    """The session ended: its target was closed, or the session was detached."""

    def __str__(self) -> str:
        session = f" (session {self.session_id})" if self.session_id else ""
        if self.action:
            return self._told(f"the page was closed{session}")
        return shortened(f"{self.target or 'the target'} is closed, or was detached from{session}")


class TargetCrashed(_TargetGone):
    """The target's process crashed; navigating or reloading revives the page."""

    def __str__(self) -> str:
        return self._told(f"{shown_url(self.target) or 'the target'} crashed; navigate or reload it to go on")


class ConnectionLost(Gone, ConnectionError):
    """The connection to the browser, or another WebSocket, has ended.

    :ivar reason: what ended it, in words.
    :ivar code: the WebSocket close code, if there was one.
    :ivar clean: whether either side closed it on purpose.
    :ivar cause: what ended it, for programs:

        - ``"closed"``: one side closed it in an orderly way;
        - ``"ended"``: the other side ended or reset it without closing, as an exiting browser does;
        - ``"unresponsive"``: the other machine acknowledges our bytes, but the program there answers
          neither pings nor probes, as a stopped browser does;
        - ``"half_open"``: not even our bytes are acknowledged: the network or the machine is gone;
        - ``"close_timeout"``: closing had begun, but the other side kept the connection open;
        - ``"process_ended"``: the launched process has ended (as seen on the pipe);
        - ``"protocol"``: one side violated the protocol, or a message was too large;
        - ``"aborted"``: it was aborted on our side.
    """

    def __init__(
        self, reason: str, code: int | None = None, clean: bool = False, cause: LossCause | None = None
    ) -> None:
        self.cause: LossCause = cause or ("closed" if clean else "ended")
        super().__init__(reason, code, clean, self.cause)
        self.reason, self.code, self.clean = reason, code, clean

    def __str__(self) -> str:
        code = f" (code {self.code})" if self.code is not None else ""
        return self._told(f"the connection is gone: {self.reason}{code}")


class ConnectError(TxcdpError, ConnectionError):
    """No connection could be made."""


class InvalidURL(ConnectError, ValueError):
    """The URL is not a valid address of a browser."""


class HandshakeFailed(ConnectError):
    """Something answered, but not with the DevTools protocol."""


class ConnectTimeout(ConnectError, DeadlineError):
    """Nothing answered in time."""


class LaunchError(TxcdpError):
    """The browser could not be started.

    :ivar stderr: the last lines that it wrote to its standard error.
    """

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message, stderr)
        self.message, self.stderr = message, stderr

    def __str__(self) -> str:
        return indented(f"{self.message}\n{self.stderr}".rstrip())


class LaunchTimeout(LaunchError, DeadlineError):
    """A browser was started, but was not ready within ``start_timeout``."""


class ExecutableNotFound(LaunchError):
    """No browser, or another program that is needed, was found on this machine, or at the given path."""


class NotABrowser(TxcdpError):
    """The connection is to a single page, or to a Node process, so no pages can be opened.

    :ivar kind: what it is connected to: ``"page"``, another type of target, or ``"other"``.
    """

    def __init__(self, what: str, kind: str) -> None:
        super().__init__(what, kind)
        self.what, self.kind = what, kind

    def __str__(self) -> str:
        it = "Node, or something else without pages" if self.kind == "other" else f"a single target ({self.kind})"
        todo = "connect to the browser, as http://host:port"
        return shortened(f"{self.what}: the other end is not a browser but {it}; {todo}")


class NavigationError(TxcdpError):
    """The page could not be loaded.

    :ivar url: the URL that was to be loaded.
    :ivar error_text: Chromium's name for the reason, such as ``net::ERR_CONNECTION_REFUSED``.
    """

    def __init__(self, url: str, error_text: str) -> None:
        super().__init__(url, error_text)
        self.url, self.error_text = url, error_text

    def __str__(self) -> str:
        return f"could not load {shown_url(self.url)}: {shortened(self.error_text)}{_about_scheme(self)}"


class FrameRemoved(NavigationError):
    """A frame was removed from its page, before or during an operation in it.

    :ivar url: the frame's last URL.
    """

    def __str__(self) -> str:
        return f"the frame at {shown_url(self.url)} was removed from its page"


class ContextClosed(Gone):
    """The context in which something was to be done is closed.

    :ivar what: what was to be done.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what}: the context is closed"


def _about_scheme(error: NavigationError) -> str:
    """Return what is to be said of a URL that the browser has not even tried, because it knows no such scheme."""
    scheme = error.url.partition(":")[0].lower()
    if error.error_text != "net::ERR_ABORTED" or scheme in _SCHEMES or scheme.startswith("chrome"):
        return ""
    near = difflib.get_close_matches(scheme, ("https", "http", "file", "about"), 1)
    meant = f"; did you mean {near[0]}:?" if near else ", and does not open it with another program"
    return f"; the browser cannot display the scheme {shortened(scheme)!r}{meant}"


#: The schemes of what Chromium shows, but for its own pages.
_SCHEMES: Final = (
    "about",
    "blob",
    "data",
    "devtools",
    "file",
    "filesystem",
    "http",
    "https",
    "javascript",
    "view-source",
)


#: Hosts that hardly ever speak TLS: this machine, addresses, and names without a dot that have a port.
_HERE: Final = re.compile(r"(localhost|[\d.]+|\[[\da-fA-F:.]+\])(?=[:/]|$)|[\w-]+:\d")


class InvalidPageURL(NavigationError, ValueError):
    """A page was told to navigate to something that is not a URL with a scheme; nothing was sent."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "it has no scheme")
        self.args = (url,)

    def __str__(self) -> str:
        if self.url.startswith("/"):
            meant = f"give new_context() or new_page() a base_url, or write 'file://{shown_url(self.url)}' for a file"
        else:
            scheme = "http" if _HERE.match(self.url) else "https"
            meant = f"write a whole URL, such as {shown_url(scheme + '://' + (self.url or 'example.com/'))!r}"
        return f"{shown_url(self.url)!r} has no scheme: {meant}"


class NavigationTimeout(NavigationError, DeadlineError):
    """The page did not reach the requested load state in time.

    :ivar wait_until: the state that was waited for.
    :ivar seconds: the timeout.
    :ivar reached: the state that was reached: ``""`` (no response yet), ``"commit"``, ``"domcontentloaded"`` or
        ``"load"``.
    :ivar obstacle: what stood in the way, in words, such as an open dialog; ``""`` if unknown.
    """

    def __init__(self, url: str, wait_until: str, seconds: float, reached: str, obstacle: str = "") -> None:
        super().__init__(url, f"no {wait_until} within {seconds:g} s")
        self.args = (url, wait_until, seconds, reached, obstacle)
        self.wait_until, self.seconds, self.reached, self.obstacle = wait_until, seconds, reached, obstacle

    def __str__(self) -> str:
        far = f"it got as far as {self.reached!r}" if self.reached else ""
        if not (far or self.obstacle):
            far = "there was no response yet"
        todo = self.obstacle or "give it longer with timeout=SECONDS, or wait for less with wait_until="
        what = f"{shown_url(self.url)} did not get to {self.wait_until!r} within {self.seconds:g} s"
        return f"{what}: {'; '.join(filter(None, (far, shortened(todo))))}"


class NavigationInterrupted(NavigationError):
    """The program navigated the page somewhere else before it had loaded.

    :ivar by: the URL that it was navigated to instead.
    """

    def __init__(self, url: str, by: str) -> None:
        super().__init__(url, f"interrupted by a newer navigation, to {shown_url(by)}")
        self.args = (url, by)
        self.by = by


class DocumentBroken(NavigationError):
    """The document arrived, but its body broke off or could not be decoded: the page shows what there was of it.

    :ivar status: the HTTP status of the response; None if unknown.
    """

    def __init__(self, url: str, error_text: str, status: int | None = None) -> None:
        super().__init__(url, error_text)
        self.args = (url, error_text, status)
        self.status = status

    def __str__(self) -> str:
        came = f" with status {self.status}" if self.status is not None else ""
        todo = 'wait_until="commit" accepts what was received'
        return f"{shown_url(self.url)} was received{came}, but is incomplete: {shortened(self.error_text)}; {todo}"


class DownloadStarted(NavigationError):
    """The URL turned out to be a download: the page stays where it was."""

    def __init__(self, url: str, error_text: str = "net::ERR_ABORTED") -> None:
        super().__init__(url, error_text)

    def __str__(self) -> str:
        return f"{shown_url(self.url)} is a download, so there is no page to show: download is starting"


class DownloadError(TxcdpError):
    """The file of a download is not available.

    :ivar url: the URL of the download.
    :ivar reason: why not, in words.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url, self.reason = url, reason

    def __str__(self) -> str:
        return f"the download of {shown_url(self.url)}: {shortened(self.reason)}"


class DownloadFailed(DownloadError):
    """A download did not finish: it was cancelled, the connection to the server broke, or its context is gone."""


class DownloadUnreachable(DownloadError):
    """A download is on the browser's machine, which is another one, and the protocol cannot read files."""

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            "its file is on the browser's machine, and the protocol reads no files: connect through the gateway of "
            "txcdp, which transfers them, or take the response's body (Fetch) instead",
        )
        self.args = (url,)


class NetworkError(TxcdpError):
    """A request got no response, or only part of it.

    :ivar url: the URL of the request.
    :ivar error_text: the reason: Chromium's name for it, such as ``net::ERR_CONNECTION_REFUSED``, or in words.
    """

    def __init__(self, url: str, error_text: str) -> None:
        super().__init__(url, error_text)
        self.url, self.error_text = url, error_text

    def __str__(self) -> str:
        return f"{shown_url(self.url)}: {shortened(self.error_text)}"


class BodyOfRedirect(NetworkError):
    """The body of a redirect, which the browser does not keep."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "it is a redirect, whose body is not kept: see redirected_to")
        self.args = (url,)


class BodyEvicted(NetworkError):
    """The browser no longer has the body: its document is gone, or the body, or all bodies together, were too large."""

    def __str__(self) -> str:
        todo = "read bodies as soon as they are complete, and large ones with `chunks`"
        return f"{shown_url(self.url)}: the browser no longer has the body ({shortened(self.error_text)}); {todo}"


class BodyIncomplete(NetworkError):
    """A body was streamed, and the browser left out part of it.

    :ivar received: the number of bytes that were delivered.
    :ivar expected: the number of bytes that there were.
    """

    def __init__(self, url: str, received: int, expected: int) -> None:
        super().__init__(url, f"{received} of {expected} bytes of the body were streamed")
        self.args = (url, received, expected)
        self.received, self.expected = received, expected


class BodyTooLarge(NetworkError):
    """A body is larger than the limit; the request can be fulfilled or aborted, but not continued.

    :ivar max_size: the limit in bytes.
    """

    def __init__(self, url: str, max_size: int) -> None:
        todo = "read it with body_chunks(), or give body() a larger max_size"
        super().__init__(url, f"the body has more than {max_size} bytes; {todo}")
        self.args = (url, max_size)
        self.max_size = max_size


class NoBody(NetworkError):
    """A message has no body, or the browser does not provide it."""


class EvaluationError(TxcdpError):
    """JavaScript threw an exception.

    :ivar name: the Error's name, such as ``"TypeError"``; ``""`` if something else was thrown.
    :ivar message: the Error's message, or what was thrown, in words.
    :ivar stack: the stack, as formatted by JavaScript; ``""`` if there is none.
    :ivar details: the protocol's ``Runtime.ExceptionDetails``.
    """

    def __init__(
        self, words: str, details: Any = None, name: str = "", message: str | None = None, stack: str = ""
    ) -> None:
        super().__init__(words, details, name, message, stack)
        self._words, self.details = words, details
        self.name, self.message, self.stack = name, words if message is None else message, stack

    def __str__(self) -> str:
        return indented(self._words)


class ContextDestroyed(EvaluationError):
    """The document in which something was evaluated is gone: the page navigated, or the frame was removed."""


class NotSerializable(EvaluationError):
    """The value of an expression cannot be returned to Python."""


class LocatorError(TxcdpError):
    """A locator's elements cannot be used in this way, however long one waits."""


class SelectorError(LocatorError, ValueError):
    """A selector is malformed, or its engine is unknown."""


class StrictModeViolation(LocatorError):
    """A locator that has to match a single element matches several.

    :ivar locator: the locator, in words.
    :ivar count: how many elements there are.
    :ivar elements: the first of them, each a dict of ``html``, shortened, and ``aka``, a locator for it alone.
    """

    def __init__(self, locator: str, count: int, elements: list[dict[str, str]]) -> None:
        super().__init__(locator, count, elements)
        self.locator, self.count, self.elements = locator, count, elements

    def __str__(self) -> str:
        lines = [f"    {number}) {each['html']} aka {each['aka']}" for number, each in enumerate(self.elements, 1)]
        more = ["    ..."] if self.count > len(lines) else []
        head = f"strict mode violation: {self.locator} resolved to {self.count} elements:"
        return "\n".join([head, *lines, *more])


class ExpectationFailed(TxcdpError, AssertionError):
    """An expectation that was not met in time.

    :ivar message: what was expected and what was found, of which element, and for how long it was tried.
    :ivar expected: the expected value; None if the message says it.
    :ivar received: the last value found; None if there was none.
    """

    def __init__(self, message: str, expected: Any = None, received: Any = None) -> None:
        super().__init__(message, expected, received)
        self.message, self.expected, self.received = message, expected, received

    def __str__(self) -> str:
        return indented(self.message)


class FleetError(TxcdpError):
    """No node of a fleet has completed a piece of work; see :mod:`txcdp.fleet`.

    :ivar kind: the kind of work, such as ``"render"``.
    :ivar reason: why not, in words.
    """

    def __init__(self, kind: str, reason: str, *more: object) -> None:
        super().__init__(kind, reason, *more)
        self.kind, self.reason = kind, reason

    def __str__(self) -> str:
        return shortened(f"{self.kind}: {self.reason}")


class FleetBusy(FleetError):
    """All nodes of a fleet are full, or there are none; nothing was begun.

    :ivar tries: the number of attempts.
    """

    def __init__(self, kind: str, reason: str, tries: int) -> None:
        super().__init__(kind, reason, tries)
        self.tries = tries

    def __str__(self) -> str:
        return shortened(f"{self.kind}: {self.reason}; tried {self.tries} times; start more nodes or ask for less")


class FleetTimeout(FleetError, DeadlineError):
    """A piece of work timed out; it was aborted if it had begun.

    :ivar seconds: the timeout.
    """

    def __init__(self, kind: str, seconds: float, reason: str) -> None:
        super().__init__(kind, reason, seconds)
        self.args = (kind, seconds, reason)
        self.seconds = seconds

    def __str__(self) -> str:
        return shortened(f"{self.kind}: not within {self.seconds:g} s ({self.reason}); give it longer with timeout")


class NodeLost(FleetError):
    """The node that did a piece of work, or the connection to it, was lost.

    :ivar outcome: what that means for the work, in words.
    """

    def __init__(self, kind: str, reason: str, outcome: str) -> None:
        super().__init__(kind, reason, outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return shortened(f"{self.kind}: {self.reason}; {self.outcome}")


class WorkFailed(FleetError):
    """A node failed to do a piece of work, or refused it.

    :ivar status: the reason as an HTTP status: 400 if the request is wrong, 403 if the node's policy forbids it, 422 if
        the page threw an exception, 502 if the page cannot be loaded, 504 if it timed out.
    :ivar problem: the reason in a word, such as ``"policy"``.
    :ivar details: the content of a gateway's error response, as a dict; None if there is nothing more.
    """

    def __init__(self, kind: str, reason: str, status: int, problem: str, details: Any = None) -> None:
        super().__init__(kind, reason, status, problem, details)
        self.status, self.problem, self.details = status, problem, details

    def __str__(self) -> str:
        return shortened(f"{self.kind}: {self.reason} [{self.status}]")


class StreamEnded(TxcdpError):
    """A stream completed before the item that was awaited."""


class DialogError(TxcdpError):
    """A dialog of a page is in the way."""


class DialogOpen(DialogError):
    """A page cannot do what was asked, because it waits for the program to answer a dialog.

    :ivar method: the method that was called.
    :ivar obstacle: the dialog, in words.
    """

    def __init__(self, method: str, obstacle: str) -> None:
        super().__init__(method, obstacle)
        self.method, self.obstacle = method, obstacle

    def __str__(self) -> str:
        return shortened(f"{self.method}: {self.obstacle}")


class AlreadyHandled(TxcdpError):
    """A dialog, a file chooser or a paused request was already answered, or no longer needs an answer.

    The first answer counts.
    """


class AlreadyRunning(TxcdpError):
    """A trace or a coverage measurement is already running, and there can be only one at a time.

    :ivar what: what is running.
    :ivar advice: what to do.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.what, self.advice = what, advice

    def __str__(self) -> str:
        return f"{self.what} is already running: {self.advice}"


class NotRunning(TxcdpError):
    """Something that is not running was to be stopped: it was not started, or has ended with a page or a connection.

    :ivar what: what is not running.
    :ivar advice: what to do.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.what, self.advice = what, advice

    def __str__(self) -> str:
        return f"{self.what} is not running: {self.advice}"


class VideoError(TxcdpError):
    """No video of a page could be made."""


class QueueOverflow(TxcdpError):
    """A queue with ``overflow="error"`` was full when an item came."""


class MalformedMessage(TxcdpError):
    """Bytes that are not a CDP message: if they are the reply to a command, it fails with this; others are counted and
    logged.
    """
