"""The parser of the command line."""

from __future__ import annotations

import argparse

from txcdp.cli import _argument_types as types
from txcdp.cli._argument_groups import (
    BROWSER_HELP,
    LOGINS,
    Commands,
    add_browser,
    add_command,
    add_emulation,
    add_events,
    add_lines,
    add_output,
    add_secrets,
    add_when,
)
from txcdp.cli._page_arguments import add_extract, add_pdf, add_repl, add_screenshot
from txcdp.cli._recording_arguments import add_export, add_replay, add_show

#: The default address of a running browser.
DEFAULT_BROWSER = "http://127.0.0.1:9222"

_WATCH = """\
Open URL in its own browser and print what happens there, one line per event: requests when they have
completed, redirects, WebSocket messages, console messages, exceptions, dialogs (which are accepted), downloads (which
are not kept), frames, workers and popups; then a summary.

URL may be an address without https://, or the path of a file.
"""
_WATCH_EXAMPLES = """\
examples:
  txcdp watch example.com
  txcdp watch localhost:8000 --until forever
  txcdp watch example.com --events network,page.loadEventFired
  txcdp watch example.com --json --events runtime | jq .params
  txcdp watch example.com --until load --screenshot example.png
  txcdp watch example.com --browser http://127.0.0.1:9222

exit codes:
  0    the page was loaded
  1    it was not: no connection, no answer within --timeout, a status of 400 or above, a crash
  2    misuse of the command
  130  ended by Ctrl-C (143 by SIGTERM, 141 by a closed pipe)
"""
_HAR = """\
Open URL in its own browser and write its network traffic to a HAR 1.2 file, with the bodies of responses.
Cookies, authorization, tokens, passwords and similar secrets are masked.

URL may be an address without https://, or the path of a file.
"""
_HAR_EXAMPLES = """\
examples:
  txcdp har example.com -o example.har
  txcdp har localhost:8000 -o local.har --until 60 --bodies attach
  txcdp har example.com -o api.har --pattern '**/api/**' --secrets
  txcdp har example.com -o - --device 'Pixel 7' --bodies omit | jq -r '.log.entries[].request.url'

exit codes:
  0    the page was loaded
  1    it was not: no connection, no answer within --timeout, a status of 400 or above; the file is still written
  2    misuse of the command
  130  ended by Ctrl-C (143 by SIGTERM): the file has what had completed
"""
_REPORT = """\
Open a page, or read a recording, and write one HTML page that shows it: the requests as a waterfall, with the
console, pictures, frames and workers along the same axis, sizes, web vitals and long tasks. Two are shown side by side.

SOURCE is a URL (also an address without https://, or the path of a page), a recording (a file, or a directory of its
files), or a HAR file. The page needs no network, and runs only its own script. Cookies, authorization, tokens,
passwords and similar secrets are masked.
"""
_REPORT_EXAMPLES = """\
examples:
  txcdp report example.com -o report.html
  txcdp report recordings/ -o night.html
  txcdp report before.har after.har -o compared.html
  txcdp report localhost:8000 localhost:8001 -o compared.html --until 10

exit codes:
  0    the page was loaded, or the file read
  1    it was not: no connection, no answer within --timeout, a status of 400 or above; the report is still written
  2    misuse of the command, or a file that is neither a recording nor HAR
  130  ended by Ctrl-C (143 by SIGTERM): the report shows what had happened
"""
_CALL = """\
Send a command to a browser and print its result as JSON.

Parameter values are read according to their types: numbers, true and false, text, and JSON for lists and objects.
name:=JSON passes any JSON unchanged.
"""
_CALL_EXAMPLES = """\
examples:
  txcdp call Browser.getVersion
  txcdp call Page.navigate url=https://example.com/ --url-match about:blank
  txcdp call Runtime.evaluate expression=document.title returnByValue=true
  txcdp call Emulation.setGeolocationOverride latitude=53.5 longitude=9.9 accuracy=10
  txcdp call Target.setDiscoverTargets discover=true filter='[{"type": "page"}]'
"""
_COMPLETION = """\
Print a script that lets a shell complete commands, options and their values.

  bash   eval "$(txcdp completion bash)"                      in ~/.bashrc
  zsh    txcdp completion zsh > FOLDER/_txcdp                 a folder of $fpath
  fish   txcdp completion fish > ~/.config/fish/completions/txcdp.fish
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="txcdp",
        description="Watch browsers and talk to them, with the Chrome DevTools Protocol.",
        epilog="txcdp COMMAND --help shows details and examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_watch(commands)
    add_screenshot(commands)
    add_pdf(commands)
    add_extract(commands)
    _add_har(commands)
    _add_report(commands)
    _add_targets(commands)
    _add_call(commands)
    add_repl(commands)
    version = commands.add_parser("version", help="print versions: ours, the protocol's, a browser's")
    version.add_argument("--browser", metavar="URL", help=BROWSER_HELP)
    version.add_argument("--json", action="store_true", help="print JSON")
    _add_protocol(commands)
    add_show(commands)
    add_replay(commands)
    add_export(commands)
    _add_completion(commands)
    return top


def _add_watch(commands: Commands) -> None:
    watch = add_command(commands, "watch", "open a page and print what happens in it", _WATCH, _WATCH_EXAMPLES)
    watch.add_argument("url", metavar="URL", type=types.url, help="the page")
    what = watch.add_argument_group("output")
    add_events(what)
    add_lines(
        what,
        "events as the browser sends them, one JSON object a line: time (seconds since 1970), session (null for the "
        "browser's own), method, params; no summary",
    )
    what.add_argument(
        "--screenshot", metavar="FILE", type=types.picture, help="a picture at the end: .png, .jpeg or .webp"
    )
    what.add_argument("--har", metavar="FILE", type=types.file, help="the network traffic as HAR, secrets masked")
    what.add_argument("--report", metavar="FILE", type=types.file, help="an HTML report of all of it, secrets masked")
    add_when(watch)
    add_browser(watch, LOGINS)


def _add_har(commands: Commands) -> None:
    har = add_command(commands, "har", "open a page and write its network traffic to a HAR file", _HAR, _HAR_EXAMPLES)
    har.add_argument("url", metavar="URL", type=types.url, help="the page")
    what = har.add_argument_group("output")
    add_output(what, "the file")
    what.add_argument(
        "--bodies",
        choices=("embed", "attach", "omit"),
        default="embed",
        help="response bodies: in the file (the default), in files beside it, or omitted",
    )
    what.add_argument("--pattern", metavar="GLOB", help="only URLs that match, such as '**/api/**'")
    add_secrets(what)
    add_emulation(har)
    add_when(har)
    add_browser(har)


def _add_report(commands: Commands) -> None:
    report = add_command(
        commands,
        "report",
        "write an HTML report of a page load, a recording or a HAR file",
        _REPORT,
        _REPORT_EXAMPLES,
    )
    report.add_argument("sources", metavar="SOURCE", nargs="+", help="a URL, a recording or a HAR file; or two of them")
    what = report.add_argument_group("output")
    what.add_argument(
        "-o", "--output", metavar="FILE", type=types.file, required=True, help="the file; an existing one is replaced"
    )
    what.add_argument(
        "--bodies",
        choices=("embed", "omit"),
        default="embed",
        help="the beginnings of bodies: in the file (the default), or not",
    )
    what.add_argument("--no-pictures", action="store_true", help="without a screencast of the page")
    add_secrets(what)
    add_when(report)
    add_browser(report)


def _add_targets(commands: Commands) -> None:
    targets = commands.add_parser("targets", help="list the pages, frames and workers of a running browser")
    targets.add_argument("--browser", metavar="URL", default=DEFAULT_BROWSER, help=f"{BROWSER_HELP} (%(default)s)")
    targets.add_argument("--json", action="store_true", help="print one JSON object a line")


def _add_call(commands: Commands) -> None:
    call = add_command(commands, "call", "send one command to a running browser", _CALL, _CALL_EXAMPLES)
    call.add_argument("method", metavar="DOMAIN.METHOD", help="such as Page.navigate")
    call.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="its parameters")
    call.add_argument("--browser", metavar="URL", default=DEFAULT_BROWSER, help=f"{BROWSER_HELP} (%(default)s)")
    target = call.add_mutually_exclusive_group()
    target.add_argument("--target", metavar="ID", help="the target's id, or its beginning (see txcdp targets)")
    target.add_argument("--url-match", metavar="TEXT", help="the page whose URL contains this")
    call.add_argument("--raw", action="store_true", help="do not check names and types: for commands unknown to txcdp")
    call.add_argument("--json", action="store_true", help="print the result in one line")
    call.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=types.seconds,
        default=30.0,
        help="timeout for the reply (default: %(default)g)",
    )


def _add_protocol(commands: Commands) -> None:
    protocol = commands.add_parser("protocol", help="compare the protocol with a browser's")
    kinds = protocol.add_subparsers(dest="protocol_command", metavar="diff", required=True)
    diff = kinds.add_parser(
        "diff",
        help="Show what a browser's protocol adds, lacks and changes compared with the one that txcdp knows.",
        description="Print the differences; exit with 0 if there are none, and with 1 otherwise.",
    )
    diff.add_argument("--browser", metavar="URL", default=DEFAULT_BROWSER, help=f"{BROWSER_HELP} (%(default)s)")


def _add_completion(commands: Commands) -> None:
    completion = add_command(
        commands, "completion", "print a script that lets a shell complete this command", _COMPLETION
    )
    completion.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
