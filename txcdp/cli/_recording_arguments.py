"""What the commands take that play recordings, and make other files of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from txcdp.cli._argument_types import file as _file
from txcdp.cli._argument_types import selection as _selection
from txcdp.cli._argument_types import time as _time

_REPLAY = """\
Play a recording again: a line for each thing that happened, at the pace at which it happened, in the words of
"txcdp watch".

FILE is what a recorder has written, in any of its formats, or a directory of such files.
"""
_REPLAY_EXAMPLES = """\
examples:
  txcdp replay recordings/
  txcdp replay recordings/ --speed 10 --from 60 --until 120
  txcdp replay recording.sqlite --speed instant --events network

exit codes:
  0    all of it was played
  1    it was not: no file, nothing in it, or a place that cannot be read
  2    misuse of the command
  130  ended by Ctrl-C (143 by SIGTERM, 141 by a closed pipe)
"""
_EXPORT = """\
Make a file for other programs of a recording.

  har    what went over the network, as HAR 1.2; secrets are masked
  trace  a trace for Perfetto and the Performance panel of the developer tools
  csv    a table of what went over the network, for spreadsheets
  jsonl  the recording as one file of JSON lines
"""
_EXPORT_EXAMPLES = """\
examples:
  txcdp export recordings/ --to har -o night.har
  txcdp export recording.sqlite --to trace -o night.json
  txcdp export recordings/ --to csv | head

exit codes:
  0    all of it was written
  1    it was not: no file, nothing in it, or a place that cannot be read
  2    misuse of the command
"""


def add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``txcdp replay``."""
    replay = commands.add_parser(
        "replay",
        help="play a recording again, at its own pace",
        description=_REPLAY,
        epilog=_REPLAY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("paths", metavar="FILE", nargs="+", type=Path, help="a file, or a directory of files")
    when = replay.add_argument_group("when")
    when.add_argument(
        "--speed",
        metavar="NUMBER",
        type=_speed,
        default=1.0,
        help="seconds of the recording for each second, or instant (default: %(default)g)",
    )
    for name, verb in (("from", "begin"), ("until", "stop")):
        when.add_argument(
            f"--{name}",
            dest=name if name == "until" else "since",
            metavar="TIME",
            type=_time,
            help=f"where to {verb}: seconds from the beginning, or a time such as 2027-01-31T12:00Z",
        )
    what = replay.add_argument_group("what is printed")
    what.add_argument(
        "--events",
        metavar="NAMES",
        type=_selection,
        help="only these: domains (network) and events (page.loadEventFired), separated by commas",
    )
    what.add_argument("--target", metavar="ID", help="a type of target (page, worker), or how a target's id begins")
    what.add_argument("--url", metavar="PATTERN", help="only of targets with such a URL; * stands for anything")
    what.add_argument("--json", action="store_true", help="the lines as they were recorded")
    what.add_argument("--verbose", action="store_true", help="also requests as they begin, stacks, URLs in full")
    what.add_argument("--no-color", action="store_true", help="no colours (nor with NO_COLOR set, nor into a pipe)")


def add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``txcdp export``."""
    export = commands.add_parser(
        "export",
        help="make a HAR, a trace or a table of a recording",
        description=_EXPORT,
        epilog=_EXPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("paths", metavar="RECORDING", nargs="+", type=Path, help="a file, or a directory of files")
    export.add_argument("--to", choices=("har", "trace", "csv", "jsonl"), required=True, help="what is made of it")
    export.add_argument(
        "-o", "--output", metavar="FILE", type=_file, help="the file; one there is replaced (default: standard output)"
    )


def _speed(text: str) -> float | str:
    if text == "instant":
        return text
    try:
        number = float(text.removesuffix("x"))
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, and not instant")
    return number
