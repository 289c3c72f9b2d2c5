"""``txcdp watch``: opens a page and prints its events."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred

from txcdp._core.dispatch.tap import RawEvent
from txcdp._deferreds import ignore_failure
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor, whole
from txcdp._transports.websocket import WebSocketOptions
from txcdp.browser import Browser
from txcdp.cli import _summary as summary
from txcdp.cli._lines import Line, Style
from txcdp.cli._looking import NoPicture, take_picture, title_of
from txcdp.cli._opened_page import QUIET, ChosenBrowser, Unloaded, Until, watched
from txcdp.cli._output import Output, OutputGone, complain
from txcdp.cli._races import first_of
from txcdp.cli._running import BAD, GOOD, one_line
from txcdp.cli._selection import Selection
from txcdp.cli._story import Story
from txcdp.cli._watching import Watching, discover, keep_no_downloads
from txcdp.domains import inspector
from txcdp.domains import page as page_domain
from txcdp.errors import ConnectionLost, DownloadStarted, SessionDetached, TargetCrashed, TxcdpError
from txcdp.network import Response
from txcdp.page import Page
from txcdp.protocol import Event, to_json
from txcdp.report import collect, write
from txcdp.streams import Stream, first

#: No pings: while somebody pages through our output, we wait with it, and nobody reads the answers.
_LINE = WebSocketOptions(ping_interval=None)
_WINDOW = ("--window-size=1280,900",)

#: An event, and the lines that tell of it.
_Told = tuple[RawEvent, list[Line]]


@dataclass(frozen=True)
class WatchOptions:
    """Arguments of ``txcdp watch``; see its ``--help``."""

    url: str
    browser: ChosenBrowser = field(default_factory=ChosenBrowser)
    selection: Selection | None = None
    json: bool = False
    until: Until = "idle"
    timeout: float = 30.0
    screenshot: Path | None = None
    har: Path | None = None
    report: Path | None = None
    verbose: bool = False


async def watch(reactor: AnyReactor, options: WatchOptions, output: Output, style: Style) -> int:
    """Open the page, print its events, and a summary.

    :returns: the exit code: 0, or 1 where the page could not be loaded.
    """
    for domain in options.selection.silent if options.selection else ():
        complain(f"{domain} is not enabled because that changes what a page does: you see only what it sends by itself")
    async with await options.browser.open(reactor, args=_WINDOW, options=_LINE, no_viewport=True) as browser:
        if options.browser.running is None:
            await keep_no_downloads(browser.session)
        if options.selection is not None and "Target" in options.selection.domains:
            await discover(browser.session)
        page = await browser.new_page()
        recording = None if options.har is None else await page.record_har(options.har)
        collection = None if options.report is None else await collect(page)
        watching = Watching(browser._dialogs, options.selection.enabling if options.selection else ())
        try:
            await watching.start(browser.session, page.session)
            return await _Watch(reactor, options, output, style, browser, page).run()
        finally:
            if recording is not None:
                await recording.stop()
            if collection is not None and options.report is not None:
                write(options.report, await collection.stop())
            if options.browser.running is not None:
                await _close_tabs(browser, page, watching)


async def _close_tabs(browser: Browser, page: Page, watching: Watching) -> None:
    """Close what we have opened in a browser that keeps running."""
    for each in watching.opened:
        if each.target is not None and not each.ended:
            closing = browser.session.execute_raw("Target.closeTarget", {"targetId": each.target.target_id})
            closing.addErrback(ignore_failure)
    with contextlib.suppress(TxcdpError):
        await page.close()


def _raise_crashed(_: object = None) -> NoReturn:
    raise Unloaded("the page's process crashed")


class _Watch:
    """One run of ``txcdp watch``, from the first event to the summary."""

    def __init__(
        self, reactor: AnyReactor, options: WatchOptions, output: Output, style: Style, browser: Browser, page: Page
    ) -> None:
        self._reactor = whole(reactor)
        self._options = options
        self._output = output
        self._style = style
        self._browser = browser
        self._page = page
        self._began: float = reactor.seconds()
        self._story = Story(page.session.id, options.url, options.selection, options.verbose)
        self._unread: Deferred[None] = Deferred()
        self._arrived_with: tuple[Response | None] | None = None
        self._complaints: list[str] = []

    async def run(self) -> int:
        """Watch the page, take the screenshot and print the summary; the exit code is 0 if the page was loaded."""
        story = self._story
        told = self._browser.connection.events_raw().map(self._hear).share()  # by those who print, and those who wait
        activity = told.map(lambda _: story.activity).distinct_until_changed()
        idle = activity.debounce(QUIET).filter(lambda now: now == (True, 0))
        printing = told.subscribe(self._print, lambda _: None)
        notes: list[tuple[str, str]] = []
        try:
            code = await self._attempt(self._watch(told, first(idle)))
            code = await self._attempt(self._look(notes)) or code
        except CancelledError:
            code = BAD  # it was a signal, which has a code of its own
        finally:
            printing.dispose()
        if not self._options.json:
            self._output.print(summary.render(story, self._style, notes))
        for text in self._complaints:
            complain(text)
        return code

    async def _attempt(self, step: Coroutine[Deferred[Any], Any, int]) -> int:
        """Perform one step; its errors are reported at the end."""
        try:
            return await step
        except TxcdpError as error:
            self._complaints.append(one_line(error))
            return BAD

    async def _watch(self, told: Stream[_Told], idle: Deferred[Any]) -> int:
        """Go to the page and wait until the end; return the exit code, or fail with the error."""

        def comes(event: type[Event]) -> Deferred[Any]:
            here = self._page.session.id
            return first(told, lambda each: each[0].method == event.method and each[0].session_id == here)

        crashed, download = comes(inspector.TargetCrashed), comes(page_domain.DownloadProgress)
        crashed.addCallback(_raise_crashed)
        closed = self._page.session.when_ended()
        try:
            over = await first_of(self._arrive(idle), crashed, closed, self._unread)
        except TargetCrashed:
            _raise_crashed()
        except DownloadStarted:
            await first_of(download, task.deferLater(self._reactor, 1.0, lambda: None))
            raise
        finally:
            for waiting in (idle, download):
                waiting.addErrback(ignore_failure)
                waiting.cancel()
        if isinstance(over, ConnectionLost):
            raise over
        if isinstance(over, SessionDetached) and not self._story.loaded:
            raise Unloaded("the page was closed before it was loaded")
        return GOOD if isinstance(over, SessionDetached) else self._verdict()

    def _arrive(self, idle: Deferred[Any]) -> Deferred[Any]:
        """Go to the page and wait for as long as was asked for."""
        options = self._options
        going = self._page.goto(options.url, "load", timeout=None)
        going.addCallback(self._arrived)
        return watched(self._reactor, going, options.until, options.timeout, lambda: idle, self._late)

    def _arrived(self, response: Response | None) -> None:
        self._arrived_with = (response,)

    def _late(self) -> Unloaded:
        options = self._options
        what = "loaded" if not self._story.loaded else "idle"
        waiting = self._story.open_requests() or "no request is in flight"
        return Unloaded(
            f"{options.url} was not {what} within {options.timeout:g} s ({waiting}); see --timeout, --until"
        )

    def _verdict(self) -> int:
        """Judge by the answer to the document's request."""
        document = self._story.tally.document
        status = document.status if document is not None else 0
        if self._arrived_with is not None:
            (response,) = self._arrived_with
            status = 0 if response is None else response.status
        elif not self._story.committed:
            raise Unloaded(f"{shown_url(self._options.url)} has not answered")
        if status >= 400:
            nothing = "" if self._story.committed else ", with nothing to show"
            raise Unloaded(f"{shown_url(self._story.tally.url)} answered {status}{nothing}")
        return GOOD

    # What is printed.

    def _hear(self, message: RawEvent) -> _Told:
        return message, self._story.hear(message)

    def _print(self, told: _Told) -> None:
        message, lines = told
        try:
            if self._options.json:
                self._print_json(message)
            else:
                for line in lines:
                    self._output.print(self._style.render(self._reactor.seconds() - self._began, line))
        except OutputGone as error:
            if not self._unread.called:
                self._unread.errback(error)

    def _print_json(self, message: RawEvent) -> None:
        selection = self._options.selection
        if selection is None or selection.wants(message.method):
            item = {
                "time": round(time.time(), 6),
                "session": message.session_id,
                "method": message.method,
                "params": message.params,
            }
            self._output.write_json(to_json(item) + b"\n")

    async def _look(self, notes: list[tuple[str, str]]) -> int:
        """Note the title, and take the picture."""
        session, path = self._page.session, self._options.screenshot
        if self._options.har is not None:
            notes.append(("network", f"{self._options.har} (HAR)"))
        if self._options.report is not None:
            notes.append(("report", str(self._options.report)))
        if not session.ended and self._story.committed:
            with contextlib.suppress(TxcdpError):
                notes += [("title", each) for each in [await title_of(self._browser, self._page)] if each]
        if path is not None:
            if session.ended or session.crashed:
                raise NoPicture("there is no page to capture")
            notes.append(("picture", await take_picture(self._reactor, self._page, path)))
        return GOOD
