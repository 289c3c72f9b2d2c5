"""Watches one browser: its targets as they come and go, and the events of its pages and workers.

``Target.setDiscoverTargets`` reports the targets. The connection itself enables nothing: only
:mod:`txcdp.gateway.live._targets` decides what is enabled in a target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._core.dispatch.tap import RawEvent
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._following import Following
from txcdp._privacy import printable, shown_url
from txcdp._reactor import Clock
from txcdp.browser import Browser
from txcdp.domains import target
from txcdp.errors import TxcdpError
from txcdp.gateway._pool.pooled_browser import Running
from txcdp.gateway.live._tables import LiveTables
from txcdp.gateway.live._targets import EVENTS, Listed, TargetWatch, watched
from txcdp.model import kind_of
from txcdp.protocol._records import build

#: Seconds before a connection that was lost, or could not be opened, is tried again.
_AGAIN = 5.0

#: The maximum number of targets listed for a browser.
_MOST_SHOWN = 300

#: The maximum length of a title in characters.
_TITLE = 200

_LIVES = ("Target.targetCreated", "Target.targetInfoChanged", "Target.targetDestroyed")

log = Logger()


class BrowserWatch:
    """Watches one browser.

    :param clock: the reactor.
    :param tables: the tables to fill.
    :param running: the browser.
    :param open_line: opens a connection to it.
    :ivar state: ``opening``, ``watched``, ``lost`` or ``stopped``.
    :ivar targets: its targets by id.
    :ivar request_rate: requests per second of all targets together.
    :ivar misread: the number of events that did not conform to the protocol.
    """

    def __init__(
        self, clock: Clock, tables: LiveTables, running: Running, open_line: Callable[[Running], Deferred[Browser]]
    ) -> None:
        self._clock = clock
        self._tables = tables
        self._running = running
        self._open_line = open_line
        self._opening: Deferred[Any] | None = None
        self._browser: Browser | None = None
        self._sessions: dict[str, TargetWatch] = {}
        self._following = Following(Listed(), watched)
        self.state = ""
        self.targets: dict[str, TargetWatch] = {}
        self.request_rate = 0.0
        self.misread = 0
        self._asking: Deferred[Any] | None = None
        self._lost_at = 0.0
        self._open()

    def stop(self) -> None:
        """Stop watching."""
        self.state = "stopped"
        self._forget()
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
        browser, self._browser = self._browser, None
        if browser is not None:
            browser.connection.close()

    def look(self, now: float) -> None:
        """Compute the rates, request the next pictures, and reopen the connection if it was lost."""
        if self.state == "lost" and now - self._lost_at >= _AGAIN:
            self._open()
        self.request_rate = sum(each.look(now) for each in self.targets.values())
        if self._browser is not None and self._asking is None and self.targets:
            self._ask_titles(self._browser)

    def _ask_titles(self, browser: Browser) -> None:
        """Request the targets' current titles: Chromium reports a new URL, but not the title that follows it."""

        def told(result: target.GetTargetsResult) -> None:
            for info in result.target_infos:
                if info.target_id in self.targets:
                    self._show(info.target_id, info.url, info.title)

        def done(_: object) -> None:
            self._asking = None

        self._asking = asking = browser.session.execute(target.get_targets(), timeout=None)
        asking.addCallbacks(told, ignore_failure).addBoth(done)

    def _open(self) -> None:
        self.state = "opening"
        opening = self._opening = self._open_line(self._running)
        opening.addCallbacks(self._opened, self._failed)

    def _opened(self, browser: Browser) -> None:
        self._opening = None
        self._browser = browser
        self.state = "watched"
        connection = browser.connection
        connection.when_closed().addCallback(lambda _: self._lost(browser))
        connection.events_raw(lambda name: name in EVENTS or name in _LIVES).subscribe(self._heard, ignore_failure)
        browser.session.execute(target.set_discover_targets(discover=True)).addErrback(ignore_failure)

    def _failed(self, failure: Failure) -> None:
        self._opening = None
        if not failure.check(CancelledError, TxcdpError):
            log.failure("Opening a line to watch browser {pid}", failure=failure, pid=self._running.pid)
        self._lost(None)

    def _lost(self, browser: Browser | None) -> None:
        """Stop watching, because the connection is lost or could not be opened; usually the browser has ended."""
        if self._browser is browser and self.state != "stopped":
            self._browser = None
            self.state = "lost"
            self._lost_at = self._clock.seconds()
            self._forget()

    def _forget(self) -> None:
        for each in list(self.targets):
            self._destroyed(each)
        self._sessions.clear()

    # Targets:

    def _heard(self, message: RawEvent) -> None:
        """Handle an event of any session; if it does not conform to the protocol, show what can be read."""
        try:
            self._sort(message)
        except (KeyError, TypeError, ValueError, AttributeError):
            self.misread += 1

    def _sort(self, message: RawEvent) -> None:
        if message.method in _LIVES:
            if message.session_id is None:
                self._target(message.method, message.params)
            return
        watch = self._sessions.get(message.session_id or "")
        if watch is not None:
            watch.heard(message)

    def _target(self, method: str, params: dict[str, Any]) -> None:
        if method == "Target.targetDestroyed":
            self._destroyed(params["targetId"])
            return
        info = params["targetInfo"]
        key = info["targetId"]
        if key not in self.targets:
            full = len(self.targets) >= _MOST_SHOWN
            if method != "Target.targetCreated" or _is_hidden(info["type"]) or full:
                return
            watch = TargetWatch(self._clock, self._tables, key, info["type"])
            watch.show(browser=self._running.pid)
            self.targets[key] = watch
            self._listen(watch, info)
        self._show(key, info["url"], info["title"])

    def _show(self, key: str, url: str, title: str) -> None:
        self.targets[key].show(url=shown_url(url), title=shown_title(title, url))

    def _destroyed(self, key: str) -> None:
        watch = self.targets.pop(key, None)
        if watch is not None:
            watch.end()

    def _listen(self, watch: TargetWatch, info: dict[str, Any]) -> None:
        browser = self._browser
        assert browser is not None

        def attached(session: Session) -> None:
            name = session.id or ""
            self._sessions[name] = watch
            session.when_ended().addCallback(lambda _: self._sessions.pop(name, None))
            watch.listen(session, self._following)

        attaching = self._following.attach(browser.connection, build(target.TargetInfo, info))
        if attaching is not None:
            attaching.addCallbacks(attached, ignore_failure)


def _is_hidden(target_type: str) -> bool:
    """Return whether a target belongs to the browser itself rather than to a client."""
    kind = kind_of(target_type)
    return kind.is_internal or kind.is_container


def shown_title(title: str, url: str) -> str:
    """Return a title that may be shown: the title of a page without one is its whole URL."""
    if unquote(title) in unquote(url):
        return ""
    if "/" in title and not any(each.isspace() for each in title):
        return shown_url(title)
    return printable(title[:_TITLE])
