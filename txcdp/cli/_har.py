"""``txcdp har``: opens a page and records its network activity to a HAR file."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor
from txcdp.browser import BrowserContext, ContextOptions
from txcdp.cli._destination import Destination, beside_of
from txcdp.cli._opened_page import ChosenBrowser, Until, watch_page
from txcdp.cli._output import Output, complain
from txcdp.cli._progress import Progress
from txcdp.cli._running import BAD, GOOD, Misuse, one_line
from txcdp.cli._text import clean, clean_json, count, size
from txcdp.errors import TxcdpError
from txcdp.network import HarBodies


@dataclass(frozen=True)
class HarOptions:
    """Arguments of ``txcdp har``; see its ``--help``."""

    url: str
    path: Path | None
    bodies: HarBodies = "embed"
    pattern: str | None = None
    secrets: bool = False
    until: Until = "idle"
    timeout: float = 30.0
    browser: ChosenBrowser = field(default_factory=ChosenBrowser)
    emulation: ContextOptions = field(default_factory=ContextOptions)


#: The number of characters written to standard output at a time.
_PIECE = 65536


async def har(reactor: AnyReactor, options: HarOptions, output: Output) -> int:
    """Open the page, and record its network activity until it ends.

    :returns: the exit code: 0, or 1 if the page could not be loaded; the file is complete all the same.
    """
    if options.path is None and options.bodies == "attach":
        raise Misuse("--bodies attach writes files beside the one given by -o: give a file name")
    with Progress(reactor, sys.stderr) as progress, _place(options, output) as path:
        progress.say(options.browser.opening())
        async with await options.browser.open(reactor, no_viewport=True) as browser:
            context = await browser.new_context(**_shown_on(options))
            try:
                return await _record(reactor, options, context, path, progress, output)
            finally:
                await context.close()


async def _record(
    reactor: AnyReactor, options: HarOptions, context: BrowserContext, path: Path, progress: Progress, output: Output
) -> int:
    page = await context.new_page()
    recording = await context.record_har(path, bodies=options.bodies, pattern=options.pattern, secrets=options.secrets)
    progress.say(lambda: f"recording {shown_url(options.url)}: {count(recording.entries, 'exchange')}")
    code = GOOD
    try:
        await watch_page(reactor, page, options.url, options.until, options.timeout)
    except TxcdpError as error:
        progress.clear()
        complain(one_line(error))
        code = BAD
    finally:
        written = await recording.stop()
        progress.clear()
        if options.path is not None:
            output.print(f"{clean(options.path)}: {recording.entries} exchanges, {size(written.stat().st_size)}")
    return code


@contextlib.contextmanager
def _place(options: HarOptions, output: Output) -> Iterator[Path]:
    """Provide a path to record to; afterwards, even if the block is cancelled, the file is moved to its destination.

    A new file is recorded in place, and is always complete; an existing one is replaced only when the new one is
    complete.
    """
    if options.path is None:
        with tempfile.TemporaryDirectory(prefix="txcdp-") as folder:
            path = Path(folder, "recording.har")
            try:
                yield path
            finally:
                if path.exists():
                    _copy(path, Destination(None, output))
        return
    where = options.path.resolve()
    if options.bodies == "attach" or not where.is_file():
        yield options.path
        return
    beside = beside_of(where)
    try:
        yield beside
    finally:
        if beside.exists():
            os.replace(beside, where)


def _copy(path: Path, destination: Destination) -> None:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        while piece := file.read(_PIECE):
            destination.write(clean_json(piece.encode()))


def _shown_on(options: HarOptions) -> ContextOptions:
    """Return the context's options; without a viewport size, it is that of the browser's window."""
    emulation = options.emulation
    return emulation if "viewport" in emulation else ContextOptions(**emulation, no_viewport=True)
