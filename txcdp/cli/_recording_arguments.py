"""What the commands take that read recordings, play them, and make other files of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from txcdp.cli import _argument_types as types
from txcdp.cli._argument_groups import Commands, add_command, add_events, add_lines

_SHOW = """\
Read a recording back: one line per event, under the name of its page or worker.

FILE is what a recorder has written, or is writing, in any of its formats, or a directory of such files. Files of one
recording are read in their order.
"""
_SHOW_EXAMPLES = """\
examples:
  txcdp show recordings/
  txcdp show recordings/ --summary
  txcdp show recordings/ --follow --url 'https://shop.example.com/*'
  txcdp show recording.sqlite --since 90 --until 2027-01-31T12:00:00Z
  txcdp show recording.jsonl.zst --json --events network | jq .params

exit codes:
  0    all of it was read
  1    it was not: no file, an empty file, or an unreadable part
  2    misuse of the command
  130  ended by Ctrl-C (143 by SIGTERM, 141 by a closed pipe)
"""
_REPLAY = """\
Replay a recording at its original pace: one line per event, as printed by "txcdp watch".

FILE is what a recorder has written, in any of its formats, or a directory of such files, or a HAR file.
"""
_REPLAY_EXAMPLES = """\
examples:
  txcdp replay recordings/
  txcdp replay recordings/ --speed 10 --from 60 --until 120
  txcdp replay recording.sqlite --speed instant --events network

exit codes:
  0    all of it was played
  1    it was not: no file, an empty file, or an unreadable part
  2    misuse of the command
  130  ended by Ctrl-C (143 by SIGTERM, 141 by a closed pipe)
"""
_EXPORT = """\
Convert a recording or a HAR file for other programs.

  har    the network traffic, as HAR 1.2; secrets are masked
  trace  a trace for Perfetto and DevTools' Performance panel
  csv    a table of the network traffic, for spreadsheets
  jsonl  the recording as one file of JSON lines
"""
_EXPORT_EXAMPLES = """\
examples:
  txcdp export recordings/ --to har -o night.har
  txcdp export recording.sqlite --to trace -o night.json
  txcdp export recordings/ --to csv | head

exit codes:
  0    all of it was written
  1    it was not: no file, an empty file, or an unreadable part
  2    misuse of the command
"""
_TIME_HELP = "seconds from the beginning, or a time such as 2027-01-31T12:00Z"
_JSON_HELP = "the lines as they were recorded"


def add_show(commands: Commands) -> None:
    """Add ``txcdp show``."""
    show = add_command(commands, "show", "read a recording back", _SHOW, _SHOW_EXAMPLES)
    show.add_argument("paths", metavar="FILE", nargs="+", type=Path, help="a file, or a directory of files")
    what = show.add_argument_group("what is shown")
    _add_wanted(what)
    for name in ("since", "until"):
        what.add_argument(f"--{name}", metavar="TIME", type=types.time, help=_TIME_HELP)
    how = show.add_argument_group("how")
    how.add_argument("--summary", action="store_true", help="only totals, no lines")
    how.add_argument("--follow", action="store_true", help="keep following what is being written")
    add_lines(how, _JSON_HELP)


def add_replay(commands: Commands) -> None:
    """Add ``txcdp replay``."""
    replay = add_command(commands, "replay", "replay a recording at its own pace", _REPLAY, _REPLAY_EXAMPLES)
    replay.add_argument("paths", metavar="FILE", nargs="+", type=Path, help="a file, or a directory of files")
    when = replay.add_argument_group("when")
    when.add_argument(
        "--speed",
        metavar="NUMBER",
        type=_speed,
        default=1.0,
        help="seconds of the recording for each second, or instant (default: %(default)g)",
    )
    for name, dest, verb in (("from", "since", "begin"), ("until", "until", "stop")):
        says = f"where to {verb}: {_TIME_HELP}"
        when.add_argument(f"--{name}", dest=dest, metavar="TIME", type=types.time, help=says)
    what = replay.add_argument_group("what is printed")
    _add_wanted(what)
    add_lines(what, _JSON_HELP)


def add_export(commands: Commands) -> None:
    """Add ``txcdp export``."""
    export = add_command(
        commands, "export", "convert a recording to a HAR, a trace or a table", _EXPORT, _EXPORT_EXAMPLES
    )
    export.add_argument("paths", metavar="RECORDING", nargs="+", type=Path, help="a file, or a directory of files")
    export.add_argument("--to", choices=("har", "trace", "csv", "jsonl"), required=True, help="the output format")
    export.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=types.file,
        help="the file; an existing one is replaced (default: standard output)",
    )


def _add_wanted(what: argparse._ArgumentGroup) -> None:
    add_events(what)
    what.add_argument(
        "--target", metavar="ID", help="a type of target (page, worker), or the beginning of a target's id"
    )
    what.add_argument("--url", metavar="PATTERN", help="only targets whose URL matches; * matches anything")


def _speed(text: str) -> float | str:
    if text == "instant":
        return text
    try:
        number = float(text.removesuffix("x"))
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 or instant")
    return number
