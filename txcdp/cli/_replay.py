"""``txcdp replay``: plays a recording again, at its own pace, in the words of ``txcdp watch``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from txcdp._reactor import AnyReactor
from txcdp.cli._lines import Style
from txcdp.cli._output import Output, OutputGone, complain
from txcdp.cli._printed import EntryPrinter
from txcdp.cli._recorded import Recorded, Wanted
from txcdp.cli._running import BAD, GOOD
from txcdp.cli._text import clean
from txcdp.recording import Entry, MissingLibrary, NoHar, Replay, WrongSchema, read, replay
from txcdp.recording._pace import Speed
from txcdp.recording._recorded_clock import since_1970


@dataclass(frozen=True)
class ReplayOptions:
    """Arguments of ``txcdp replay``; see its ``--help``."""

    paths: Sequence[Path]
    wanted: Wanted
    speed: Speed = 1.0
    since: float | None = None
    until: float | None = None
    json: bool = False
    verbose: bool = False


async def play(reactor: AnyReactor, options: ReplayOptions, output: Output, style: Style) -> int:
    """Print what is in recordings, when it is due.

    :returns: the exit code: 0, or 1 where something could not be read.
    """
    try:
        return await _Play(options, output, style).run(reactor)
    except (MissingLibrary, NoHar, WrongSchema) as error:
        complain(clean(error))
        return BAD


class _Play:
    """One run of ``txcdp replay``."""

    def __init__(self, options: ReplayOptions, output: Output, style: Style) -> None:
        self._options = options
        self._recorded = Recorded(options.wanted, options.verbose)
        self._printer = EntryPrinter(self._recorded, output, style, options.json)
        self._gone: OutputGone | None = None

    async def run(self, reactor: AnyReactor) -> int:
        """Play all of it, or a part."""
        options = self._options
        async with replay(options.paths, clock=reactor, speed=options.speed) as played:
            if not played.began:
                complain("there is nothing in it")
                return BAD
            if options.since is not None:
                self._hear_before(since_1970(options.since, played.began))
                played.seek(options.since)
            played.entries.subscribe(lambda entry: self._tell(played, entry), lambda _: None)
            await played.play(options.until)
        if self._gone is not None:
            raise self._gone
        for text in self._recorded.damages if options.json else ():
            complain(clean(text))
        return BAD if self._recorded.damages else GOOD

    def _hear_before(self, since: float) -> None:
        """Take in what came before: what is under way then is known."""
        for entry in read(*self._options.paths):
            if entry.time >= since:
                return
            self._recorded.hear(entry)

    def _tell(self, played: Replay, entry: Entry) -> None:
        try:
            self._printer.print(entry)
        except OutputGone as error:
            self._gone = self._gone or error
            played.close()
