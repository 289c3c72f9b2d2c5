"""``txcdp show``: prints recordings in the format of ``txcdp watch``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.task import deferLater

from txcdp._reactor import AnyReactor, whole
from txcdp.cli import _totals as totals
from txcdp.cli._lines import Style
from txcdp.cli._output import Output, complain
from txcdp.cli._printed import EntryPrinter
from txcdp.cli._recorded import Recorded, Wanted
from txcdp.cli._running import BAD, GOOD
from txcdp.cli._text import clean
from txcdp.recording import Entry, MissingLibrary, NoHar
from txcdp.recording._failures import WrongSchema
from txcdp.recording._tail import Tail

#: Seconds between two looks at what is being written; entries after which signals are looked at.
_PAUSE = 0.2
_AT_ONCE = 500


@dataclass(frozen=True)
class ShowOptions:
    """Arguments of ``txcdp show``; see its ``--help``."""

    paths: Sequence[Path]
    wanted: Wanted
    json: bool = False
    summary: bool = False
    follow: bool = False
    verbose: bool = False


async def show(reactor: AnyReactor, options: ShowOptions, output: Output, style: Style) -> int:
    """Print what is in recordings.

    :returns: the exit code: 0, or 1 where something could not be read.
    """
    try:
        return await _Show(reactor, options, output, style).run()
    except (MissingLibrary, NoHar, WrongSchema) as error:
        complain(clean(error))
        return BAD


class _Show:
    """One run of ``txcdp show``."""

    def __init__(self, reactor: AnyReactor, options: ShowOptions, output: Output, style: Style) -> None:
        self._reactor = whole(reactor)
        self._options = options
        self._output = output
        self._style = style
        self._recorded = Recorded(options.wanted, options.verbose)
        self._printer = EntryPrinter(self._recorded, output, style, options.json)
        self._read = 0

    async def run(self) -> int:
        """Read everything, and what is appended, if requested."""
        options, damaged = self._options, False
        tail = Tail(*options.paths)
        try:
            await self._tell(tail.poll())
            while options.follow and not tail.ended:
                await deferLater(self._reactor, _PAUSE, lambda: None)
                await self._tell(tail.poll())
        finally:
            left = list(tail.finish())
        await self._tell(iter(left))
        if options.summary:
            self._output.print(totals.render(self._recorded, self._style))
        elif not self._read:
            complain("there is nothing in it")
            damaged = True
        for text in self._recorded.damages if options.json else ():
            complain(clean(text))
        return BAD if damaged or self._recorded.damages else GOOD

    async def _tell(self, entries: Iterator[Entry]) -> None:
        for entry in entries:
            self._read += 1
            if self._read % _AT_ONCE == 0:
                await deferLater(self._reactor, 0, lambda: None)
            if self._options.summary:
                self._recorded.hear(entry)
            else:
                self._printer.print(entry)
