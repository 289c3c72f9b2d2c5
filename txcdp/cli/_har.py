"""``txcdp har``: opens a page and writes what goes over the network for it to a HAR file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from twisted.internet import task
from twisted.internet.defer import Deferred

from txcdp._deferreds import with_deadline
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor, whole
from txcdp.browser import Browser, connect, launch
from txcdp.cli._output import Output, complain
from txcdp.cli._races import failure_of, first_of
from txcdp.cli._running import BAD, GOOD, one_line
from txcdp.cli._text import size
from txcdp.cli._watch import QUIET, Unloaded, Until
from txcdp.errors import TxcdpError
from txcdp.network import HarBodies, Response
from txcdp.page import Page


@dataclass(frozen=True)
class HarOptions:
    """Arguments of ``txcdp har``; see its ``--help``."""

    url: str
    path: Path
    bodies: HarBodies = "embed"
    pattern: str | None = None
    secrets: bool = False
    until: Until = "idle"
    timeout: float = 30.0
    browser: str | None = None
    pipe: bool = False
    headful: bool = False
    executable: str | None = None


async def har(reactor: AnyReactor, options: HarOptions, output: Output) -> int:
    """Open the page, and record what goes over the network until it is over.

    :returns: the exit code: 0, or 1 where the page could not be loaded; the file is whole all the same.
    """
    async with await _open(reactor, options) as browser:
        context = browser.default_context if options.browser is None else await browser.new_context(no_viewport=True)
        page = await context.new_page()
        recording = await context.record_har(
            options.path, bodies=options.bodies, pattern=options.pattern, secrets=options.secrets
        )
        code = GOOD
        try:
            await _watch(reactor, options, page)
        except TxcdpError as error:
            complain(one_line(error))
            code = BAD
        finally:
            path = await recording.stop()
            output.print(f"{options.path}: {recording.entries} exchanges, {size(path.stat().st_size)}")
            if options.browser is not None:
                await context.close()
    return code


def _open(reactor: AnyReactor, options: HarOptions) -> Deferred[Browser]:
    if options.browser is not None:
        return connect(reactor, options.browser, no_viewport=True)
    return launch(
        reactor,
        options.executable,
        headless=not options.headful,
        transport="pipe" if options.pipe else "websocket",
        no_viewport=True,
    )


async def _watch(reactor: AnyReactor, options: HarOptions, page: Page) -> None:
    """Go to the page and wait for as long as was asked for; fails with what went wrong."""
    going = page.goto(options.url, timeout=None)
    if options.until == "forever":
        await first_of(failure_of(going), page.when_closed())
        return
    if isinstance(options.until, float):
        await first_of(task.deferLater(whole(reactor), options.until, lambda: None), failure_of(going))
        return
    if options.until == "idle":
        going.addCallback(lambda response: page.network_idle(idle=QUIET, timeout=None).addCallback(lambda _: response))
    late = lambda: Unloaded(f"{shown_url(options.url)} was not {options.until} within {options.timeout:g} s")  # noqa: E731
    response: Response | None = await with_deadline(reactor, going, options.timeout, late)
    if response is not None and response.status >= 400:
        raise Unloaded(f"{shown_url(options.url)} answered {response.status}")
