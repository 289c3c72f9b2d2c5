"""Arguments that several commands have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from txcdp.cli import _argument_types as types

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: What ``--browser`` takes.
BROWSER_HELP = "the browser's address: http://host:port, host:port, a port or a ws:// URL"
#: What a tab in a running browser has, unless it gets a context of its own.
LOGINS = ", with that browser's logins"


def add_command(
    commands: Commands, name: str, says: str, description: str, examples: str | None = None
) -> argparse.ArgumentParser:
    """Add a command, whose description and examples are displayed unchanged.

    :param says: its text in the list of all commands.
    """
    return commands.add_parser(
        name,
        help=says,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_output(what: argparse._ArgumentGroup, says: str, required: bool = True) -> None:
    """Add ``-o``."""
    what.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=types.output,
        required=required,
        help=f"{says}; an existing file is replaced; - is standard output" + ("" if required else " (the default)"),
    )


def add_secrets(what: argparse._ArgumentGroup) -> None:
    """Add ``--secrets``."""
    what.add_argument(
        "--secrets", action="store_true", help="include cookies, tokens and passwords, which are masked by default"
    )


def add_events(what: argparse._ArgumentGroup) -> None:
    """Add ``--events``."""
    what.add_argument(
        "--events",
        metavar="NAMES",
        type=types.selection,
        help="only these domains (network) and events (page.loadEventFired), separated by commas",
    )


def add_lines(what: argparse._ArgumentGroup, json: str) -> None:
    """Add the options for how lines are printed.

    :param json: what ``--json`` prints.
    """
    what.add_argument("--json", action="store_true", help=json)
    what.add_argument("--verbose", action="store_true", help="also requests as they start, stacks, full URLs")
    what.add_argument(
        "--no-color", action="store_true", help="no colours (also if NO_COLOR is set or the output is a pipe)"
    )


def add_when(command: argparse.ArgumentParser) -> None:
    """Add the options for how long a page is watched."""
    when = command.add_argument_group("when it ends")
    when.add_argument(
        "--until",
        metavar="WHEN",
        type=types.until,
        default="idle",
        help="load; idle: loaded and no request in flight for 0.5 s (the default); a number of SECONDS; forever",
    )
    when.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=types.seconds,
        default=30.0,
        help="for load and idle (default: %(default)g)",
    )


def add_emulation(command: argparse.ArgumentParser) -> None:
    """Add the options for emulation."""
    what = command.add_argument_group("emulation")
    what.add_argument(
        "--viewport-size", metavar="WIDTHxHEIGHT", type=types.viewport_size, help="in CSS pixels (1280x720)"
    )
    what.add_argument("--device", metavar="NAME", type=types.device, help="emulate a device, such as 'iPhone 15'")
    what.add_argument("--color-scheme", choices=("light", "dark"), help="which the user prefers")
    what.add_argument("--lang", "--locale", metavar="LOCALE", help="the language, such as de-DE")
    what.add_argument("--timezone", metavar="ZONE", help="the time zone, such as Europe/Berlin")
    what.add_argument(
        "--geolocation", metavar="LATITUDE,LONGITUDE", type=types.geolocation, help="the location, in degrees"
    )
    what.add_argument("--user-agent", metavar="TEXT", help="the user agent to send")
    what.add_argument(
        "--header",
        metavar="HEADER",
        action="append",
        type=types.header,
        default=[],
        help="'NAME: VALUE'; repeatable",
    )
    what.add_argument(
        "--load-storage", metavar="FILE", type=Path, help="cookies and storage, as saved by storage_state()"
    )
    what.add_argument("--proxy-server", metavar="PROXY", help="such as http://proxy.example:3128")
    what.add_argument("--ignore-https-errors", action="store_true", help="ignore invalid certificates")


def add_browser(command: argparse.ArgumentParser, logins: str = "") -> None:
    """Add the options for the browser in which a page is opened.

    :param logins: :data:`LOGINS`, if the page has those of a running browser.
    """
    where = command.add_argument_group("browser")
    where.add_argument(
        "--browser",
        metavar="URL",
        help=f"a running browser, in a new tab that is closed at the end{logins}; {BROWSER_HELP}",
    )
    where.add_argument(
        "--executable", metavar="PATH", help="the browser to start (default: TXCDP_BROWSER, or the first one found)"
    )
    where.add_argument("--headful", action="store_true", help="with a window")
    where.add_argument("--pipe", action="store_true", help="talk to it through a pipe, which nothing else can access")
