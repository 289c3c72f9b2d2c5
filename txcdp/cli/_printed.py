"""Prints the entries of a recording: as lines, grouped by their sources, or as they were recorded."""

from __future__ import annotations

from txcdp.cli._lines import Style
from txcdp.cli._output import Output
from txcdp.cli._recorded import Recorded, RecordedSession
from txcdp.cli._text import cut_middle
from txcdp.recording import Damage, Entry


class EntryPrinter:
    """Prints entries.

    :param recorded: makes lines of them.
    :param json: whether they are printed as they were recorded.
    """

    def __init__(self, recorded: Recorded, output: Output, style: Style, json: bool) -> None:
        self._recorded = recorded
        self._output = output
        self._style = style
        self._json = json
        self._speaker: RecordedSession | None = None

    def print(self, entry: Entry) -> None:
        """Print an entry."""
        if self._json:
            self._print_json(entry)
            return
        for speaker, line in self._recorded.hear(entry):
            if speaker is not None and speaker is not self._speaker:
                self._introduce(speaker)
            self._output.print(self._style.render(entry.time - self._recorded.began, line))

    def _print_json(self, entry: Entry) -> None:
        shown = self._recorded.wants(entry)
        self._recorded.hear(entry)
        if shown and not isinstance(entry, Damage):
            self._output.write_json(entry.line.rstrip() + b"\n")

    def _introduce(self, speaker: RecordedSession) -> None:
        """Print the source of the entries that follow."""
        self._speaker = speaker
        name, room = speaker.name, self._style.columns
        self._output.print(self._style.dim(f"── {name if room is None else cut_middle(name, room - 4)}"))
