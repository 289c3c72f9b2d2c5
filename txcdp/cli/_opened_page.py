"""A page that is opened: the browser, what the page is shown on, and the wait until it is there, or all is over."""

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

#: Until when a page is watched; a number is of seconds.
Until = Literal["load", "idle", "forever"] | float

#: Seconds without a request in flight, after which a loaded page is idle.
QUIET: Final = 0.5

#: Options that a tab beside others cannot have: it is given a context of its own for them.
_OF_CONTEXTS: Final = frozenset({"proxy", "storage_state", "geolocation", "permissions", "ignore_https_errors"})
#: Options that a page is given by methods of its own.
_MEDIA: Final = frozenset({"color_scheme", "media"})


@dataclass(frozen=True)
class ChosenBrowser:
    """In which browser a page is opened; see ``--help``.

    :ivar running: where one is that runs; None starts one.
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
        """Connect to the browser that runs, where one is given, or start one.

        :param args: for one that is started.
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
        """Return what is said while it is opened."""
        return "starting the browser" if self.running is None else f"connecting to {self.running}"


@dataclass(frozen=True)
class PageOptions:
    """Which page is opened, in which browser, on what it is shown, and when it is there; see ``--help``."""

    url: str
    emulation: ContextOptions = field(default_factory=ContextOptions)
    wait_until: WaitUntil = "load"
    wait_for_selector: str | None = None
    wait_for_timeout: float | None = None
    timeout: float = 30.0
    browser: ChosenBrowser = field(default_factory=ChosenBrowser)


class Unloaded(TxcdpError):
    """The page did not get as far as was asked for."""


def browser_of(given: Any) -> ChosenBrowser:
    """Return parsed arguments (those of ``add_browser``) as what is said of the browser."""
    return ChosenBrowser(given.browser, given.executable, given.headful, given.pipe)


def emulation_of(given: Any) -> ContextOptions:
    """Return parsed arguments (those of ``add_emulation``) as the options of a context."""
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
    """Open a browser and the page in it, wait until it is there, and use it.

    :param use: called with the page; what it returns is the result.
    :returns: that, and the exit code: 1 where the page's server has answered with a status of 400 or above, which is
        said on standard error. Fails with what went wrong before.
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
    """Open an empty page, beside the others of a browser that runs, where that can be: it has its logins then."""
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
    """Go to a page and wait for as long as was asked for.

    Fails with what went wrong: also :exc:`Unloaded`, for a status of 400 or above.
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
    """Return a Deferred that fires when a page has been watched for as long as was asked for.

    Fires with what going there has come to, or None where that is not waited for; fails where that fails.

    :param going: fires when the page is loaded.
    :param timeout: seconds, for ``load`` and ``idle``.
    :param idle: called when the page is loaded; its Deferred fires when no request is in flight.
    :param late: what is wrong after ``timeout``.
    """
    if until == "forever":
        return failure_of(going)
    if isinstance(until, float):
        return first_of(task.deferLater(whole(reactor), until, lambda: None), failure_of(going))
    if until == "idle":
        going.addCallback(lambda outcome: idle().addCallback(lambda _: outcome))
    return with_deadline(reactor, going, timeout, late)
