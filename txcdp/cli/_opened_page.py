"""Opens a page: the browser, emulation, and the wait until the page is loaded or everything has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from twisted.internet import task
from twisted.internet.defer import Deferred

from txcdp._deferreds import with_deadline
from txcdp._devices import devices
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor, whole
from txcdp._transports.websocket import WebSocketOptions
from txcdp.browser import Browser, ContextOptions, connect, launch
from txcdp.cli._output import complain
from txcdp.cli._progress import Progress
from txcdp.cli._races import failure_of, first_of
from txcdp.cli._running import BAD, GOOD
from txcdp.cli._text import count
from txcdp.errors import TxcdpError
from txcdp.network import Response
from txcdp.page import Page, WaitUntil

T = TypeVar("T")

#: Until when a page is watched; a number is in seconds.
Until = Literal["load", "idle", "forever"] | float

#: Seconds without a request in flight, after which a loaded page is idle.
QUIET: Final = 0.5

#: Options that a tab in the default context cannot have: it gets a context of its own for them.
_OF_CONTEXTS: Final = frozenset({"proxy", "storage_state", "geolocation", "permissions", "ignore_https_errors"})
#: Options that are set with methods of the page.
_MEDIA: Final = frozenset({"color_scheme", "media"})


@dataclass(frozen=True)
class ChosenBrowser:
    """The browser in which a page is opened; see ``--help``.

    :ivar running: the address of a running one; None: start one.
    """

    running: str | None = None
    executable: str | None = None
    headful: bool = False
    pipe: bool = False

    def open(
        self,
        reactor: AnyReactor,
        *,
        args: Sequence[str] = (),
        options: WebSocketOptions | None = None,
        no_viewport: bool = False,
    ) -> Deferred[Browser]:
        """Connect to the running browser, if one is given, or start one.

        :param args: arguments for a browser that is started.
        """
        if self.running is not None:
            return connect(reactor, self.running, options=options, no_viewport=no_viewport)
        return launch(
            reactor,
            self.executable,
            headless=not self.headful,
            args=args,
            transport="pipe" if self.pipe else "websocket",
            options=options,
            no_viewport=no_viewport,
        )

    def opening(self) -> str:
        """Return the progress message while it is opened."""
        return "starting the browser" if self.running is None else f"connecting to {self.running}"


@dataclass(frozen=True)
class PageOptions:
    """The options of opening a page: its URL, the browser, emulation, and what to wait for; see ``--help``."""

    url: str
    emulation: ContextOptions = field(default_factory=ContextOptions)
    wait_until: WaitUntil = "load"
    wait_for_selector: str | None = None
    wait_for_timeout: float | None = None
    timeout: float = 30.0
    browser: ChosenBrowser = field(default_factory=ChosenBrowser)


class Unloaded(TxcdpError):
    """The page did not reach the requested state."""


def browser_of(given: Any) -> ChosenBrowser:
    """Convert parsed arguments (those of ``add_browser``) to the choice of a browser."""
    return ChosenBrowser(given.browser, given.executable, given.headful, given.pipe)


def emulation_of(given: Any) -> ContextOptions:
    """Convert parsed arguments (those of ``add_emulation``) to the options of a context."""
    options = ContextOptions()
    if given.device is not None:
        options |= devices[given.device]  # type: ignore[typeddict-item]  # which knows fewer
    if given.geolocation is not None:
        options["permissions"] = ["geolocation"]
    if given.proxy_server is not None:
        options["proxy"] = {"server": given.proxy_server}
    if given.header:
        options["extra_http_headers"] = dict(given.header)
    for name, value in {
        "viewport": given.viewport_size,
        "color_scheme": given.color_scheme,
        "locale": given.lang,
        "timezone_id": given.timezone,
        "geolocation": given.geolocation,
        "user_agent": given.user_agent,
        "storage_state": given.load_storage,
        "ignore_https_errors": given.ignore_https_errors or None,
    }.items():
        if value is not None:
            options[name] = value  # type: ignore[literal-required]
    if given.viewport_size is not None:
        options.pop("screen", None)  # the device's, which would be another size
    return options


async def with_page(
    reactor: AnyReactor,
    options: PageOptions,
    progress: Progress,
    use: Callable[[Page], Coroutine[Deferred[Any], Any, T]],
) -> tuple[T, int]:
    """Open a browser and the page, wait until the page is loaded, and use it.

    :param use: called with the page; its result is returned.
    :returns: that result, and the exit code: 1 if the page's status is 400 or above, which is reported on standard
        error. Fails with the earlier error, if any.
    """
    progress.say(options.browser.opening())
    async with await options.browser.open(reactor) as browser:
        page = await new_page(browser, options)
        try:
            page.set_default_timeout(options.timeout)
            page.set_default_navigation_timeout(options.timeout)
            response = await _arrive(page, options, progress)
            result = await use(page)
        finally:
            if options.browser.running is not None:
                await page.close()
    progress.clear()
    if response is not None and response.status >= 400:
        complain(f"{shown_url(response.url)} answered {response.status}")
        return result, BAD
    return result, GOOD


async def new_page(browser: Browser, options: PageOptions) -> Page:
    """Open an empty page, in the default context of a running browser if possible, so that it has its logins."""
    emulation = options.emulation
    if options.browser.running is None or not _OF_CONTEXTS.isdisjoint(emulation):
        return await browser.new_page(**emulation)
    context = browser.default_context
    device: dict[str, Any] = {k: v for k, v in emulation.items() if k not in _MEDIA and k != "extra_http_headers"}
    media: dict[str, Any] = {k: v for k, v in emulation.items() if k in _MEDIA}
    if device:
        await context.emulate(**device)
    page = await browser.new_page()
    if media:
        await page.emulate_media(**media)
    if "extra_http_headers" in emulation:
        await page.set_extra_http_headers(emulation["extra_http_headers"] or {})
    return page


async def _arrive(page: Page, options: PageOptions, progress: Progress) -> Response | None:
    where = f"loading {shown_url(options.url)}"
    progress.say(where)
    counted: Counter[str] = Counter()
    counting = []
    if progress.active:
        progress.say(lambda: f"{where}: {counted['ended']} of {count(counted['begun'], 'request')}")
        for stream, name in (
            (page.requests, "begun"),
            (page.requests_finished, "ended"),
            (page.requests_failed, "ended"),
        ):
            counting.append(stream.subscribe(lambda _, name=name: counted.update([name]), lambda _: None))
    try:
        response = await page.goto(options.url, options.wait_until)
        if options.wait_for_selector is not None:
            progress.say(f"waiting for {options.wait_for_selector}")
            await page.wait_for_selector(options.wait_for_selector)
        if options.wait_for_timeout is not None:
            progress.say(f"waiting {options.wait_for_timeout:g} s")
            await page.wait_for_timeout(options.wait_for_timeout)
    finally:
        for each in counting:
            each.dispose()
    return response


async def watch_page(reactor: AnyReactor, page: Page, url: str, until: Until, timeout: float) -> None:
    """Go to a page and wait as requested.

    Fails with the error; also with :exc:`Unloaded`, for a status of 400 or above.
    """
    over = watched(
        reactor,
        page.goto(url, timeout=None),
        until,
        timeout,
        lambda: page.network_idle(idle=QUIET, timeout=None),
        lambda: Unloaded(f"{shown_url(url)} was not {until} within {timeout:g} s"),
    )
    if until == "forever":
        await first_of(over, page.when_closed())
        return
    response: Response | None = await over
    if response is not None and response.status >= 400:
        raise Unloaded(f"{shown_url(url)} answered {response.status}")


def watched(
    reactor: AnyReactor,
    going: Deferred[Any],
    until: Until,
    timeout: float,
    idle: Callable[[], Deferred[Any]],
    late: Callable[[], Unloaded],
) -> Deferred[Any]:
    """Return a Deferred that fires when a page has been watched as requested.

    It fires with the result of the navigation, or None if that is not awaited; it fails if the navigation fails.

    :param going: fires when the page is loaded.
    :param timeout: the timeout in seconds for ``load`` and ``idle``.
    :param idle: called when the page is loaded; its Deferred fires when no request is in flight.
    :param late: returns the error for the timeout.
    """
    if until == "forever":
        return failure_of(going)
    if isinstance(until, float):
        return first_of(task.deferLater(whole(reactor), until, lambda: None), failure_of(going))
    if until == "idle":
        going.addCallback(lambda outcome: idle().addCallback(lambda _: outcome))
    return with_deadline(reactor, going, timeout, late)
