"""``txcdp report``: opens a page, or reads what was recorded, and writes a page that shows it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from twisted.internet.defer import CancelledError

from txcdp._reactor import AnyReactor
from txcdp.cli._opened_page import ChosenBrowser, Until, watch_page
from txcdp.cli._output import Output, complain
from txcdp.cli._running import BAD, GOOD, Misuse, one_line
from txcdp.cli._text import clean, count, size
from txcdp.cli._urls import NotAPage, page_url
from txcdp.errors import TxcdpError
from txcdp.report import NoRun, Run, collect, read, write
from txcdp.report._reading import is_har, is_recording


@dataclass(frozen=True)
class ReportOptions:
    """Arguments of ``txcdp report``; see its ``--help``."""

    sources: list[str]
    path: Path
    bodies: bool = True
    pictures: bool = True
    secrets: bool = False
    until: Until = "idle"
    timeout: float = 30.0
    browser: ChosenBrowser = field(default_factory=ChosenBrowser)


async def report(reactor: AnyReactor, options: ReportOptions, output: Output) -> int:
    """Collect the runs, and write the page that shows them.

    :returns: the exit code: 0, or 1 where a page could not be loaded; the report shows what there was all the same.
    """
    if len(options.sources) > 2:
        raise Misuse(f"{len(options.sources)} sources: a report shows one, or two side by side")
    sources = [_source_of(each) for each in options.sources]
    code = GOOD
    runs: list[Run] = []
    for each in sources:
        if isinstance(each, Path):
            try:
                runs.append(read(each))
            except NoRun as error:
                raise Misuse(str(error)) from error
        else:
            visit = await _visit(reactor, options, each)
            runs.append(visit.run)
            code = code or visit.code
            if visit.interrupted:
                break  # what there is is written all the same
    path = write(options.path, *runs, secrets=options.secrets, bodies=options.bodies)
    told = ", ".join(count(len(each.exchanges), "request") for each in runs)
    output.print(f"{clean(path)}: {told}, {size(path.stat().st_size)}")
    return code


def _source_of(text: str) -> str | Path:
    """Return the URL that is meant, or the path of what was recorded."""
    path = Path(os.path.expanduser(text))
    if path.is_dir() or (path.is_file() and (is_har(path) or is_recording(path))):
        return path
    try:
        return page_url(text)
    except NotAPage as error:
        raise Misuse(str(error)) from error


class _Visit(NamedTuple):
    """A page that was opened.

    :ivar code: the exit code.
    :ivar interrupted: whether a signal has ended it.
    """

    run: Run
    code: int
    interrupted: bool


async def _visit(reactor: AnyReactor, options: ReportOptions, url: str) -> _Visit:
    """Open the page, and collect what goes on until it is over, or a signal comes."""
    code, interrupted = GOOD, False
    own = options.browser.running is None
    async with await options.browser.open(reactor, no_viewport=True) as browser:
        context = browser.default_context if own else await browser.new_context(no_viewport=True)
        page = await context.new_page()
        collection = await collect(page, bodies=options.bodies, pictures=options.pictures)
        try:
            await watch_page(reactor, page, url, options.until, options.timeout)
        except TxcdpError as error:
            complain(one_line(error))
            code = BAD
        except CancelledError:
            code, interrupted = BAD, True
        finally:
            run = await collection.stop()
            if not own:
                await context.close()
    return _Visit(run, code, interrupted)
