"""Arguments of the commands that open a page for one result: ``screenshot``, ``pdf``, ``extract`` and ``har``.

Options have the same names as in Playwright's command line, or as arguments of its methods.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from txcdp.cli import _argument_types as types
from txcdp.cli._argument_groups import LOGINS, Commands, add_browser, add_command, add_emulation, add_output

_SCREENSHOT = """\
Open URL in its own browser and take a screenshot of the visible part.

URL may be an address without https://, or the path of a file. An existing file is replaced when the picture is
taken, and left as it is if there is no picture.
"""
_SCREENSHOT_EXAMPLES = """\
examples:
  txcdp screenshot example.com -o example.png
  txcdp screenshot example.com -o whole.webp --full-page --viewport-size 800x600
  txcdp screenshot example.com -o phone.png --device 'iPhone 15' --color-scheme dark
  txcdp screenshot localhost:8000 -o chart.png --selector '#chart' --wait-for-selector '#chart svg'
  txcdp screenshot example.com -o - --type jpeg --quality 70 | convert - small.gif
"""
_PDF = """\
Open URL in its own browser and print it as a PDF, with its print styles.

URL may be an address without https://, or the path of a file. Lengths are numbers with px (CSS pixels), in, cm or mm.
An existing file is replaced when printing is complete.
"""
_PDF_EXAMPLES = """\
examples:
  txcdp pdf example.com -o example.pdf --format A4 --margin '2cm 1.5cm'
  txcdp pdf report.html -o report.pdf --landscape --print-background --page-ranges 1-5,8
  txcdp pdf example.com -o - | lpr
"""
_EXTRACT = """\
Open URL in its own browser and print its contents: for each SELECTOR, the texts of all matching elements.

A SELECTOR is CSS, or another kind that page.locator() takes (text=..., xpath=..., role=...). @NAME at its end reads
an attribute, as in 'a@href'. NAME:=SELECTOR names it in JSON and CSV.
"""
_EXTRACT_EXAMPLES = """\
examples:
  txcdp extract example.com h1 'a@href'
  txcdp extract shop.example.com .price --format lines | sort -n
  txcdp extract shop.example.com --each .product title:=h2 price:=.price link:=a@href --format csv -o prices.csv
"""
_REPL = """\
Open a browser, a page and a Python prompt at which both can be used; Deferreds are awaited.

Available names: browser, context, page, session, cdp (the protocol's domains), expect, first, queue, txcdp, reactor.
An assignment keeps the value as it is: 'title = await page.title()' is a str, and 'loaded = page.goto(...)' a
Deferred. IPython is used if installed. Piped input is run line by line, up to the first error.
"""
_REPL_EXAMPLES = """\
examples:
  txcdp repl
  txcdp repl example.com --headful
  echo 'page.title()' | txcdp repl example.com

at the prompt:
  >>> page.goto("https://example.com/")
  >>> page.get_by_role("link").all_inner_texts()
  >>> session.execute(cdp.page.capture_screenshot(format="png")).data[:20]
  >>> subscription = page.requests.subscribe(lambda request: print(request.url))

exit codes:
  0    the input ended, or exit() was called; exit(N): N
  1    no browser could be started, or piped input failed
  2    misuse of the command
  143  ended by SIGTERM
"""
_CODES = """
exit codes:
  0    the page was loaded, and {good}
  1    {bad}
  2    misuse of the command
  130  ended by Ctrl-C (143 by SIGTERM, 141 by a closed pipe)
"""
_BAD = "no connection, no answer within --timeout, a status of 400 or above ({all_the_same})"


def add_screenshot(commands: Commands) -> None:
    """Add ``txcdp screenshot``."""
    command = _add_opening(
        commands,
        "screenshot",
        "open a page and take a screenshot",
        _SCREENSHOT,
        _SCREENSHOT_EXAMPLES,
        _CODES.format(good="the picture taken", bad=_BAD.format(all_the_same="the picture is still taken")),
    )
    what = command.add_argument_group("the picture")
    add_output(what, "its suffix sets the type: .png, .jpg, .jpeg or .webp")
    what.add_argument("--type", choices=("png", "jpeg", "webp"), help="the type, if -o does not set it (png)")
    what.add_argument("--full-page", action="store_true", help="the whole document instead of only the viewport")
    what.add_argument("--selector", metavar="SELECTOR", help="only the first element that matches")
    what.add_argument("--clip", metavar="X,Y,WIDTH,HEIGHT", type=types.clip, help="only this part, in CSS pixels")
    what.add_argument("--quality", metavar="NUMBER", type=types.quality, help="for JPEG and WebP: 0 to 100")
    what.add_argument(
        "--mask", metavar="SELECTOR", action="append", default=[], help="paint over these elements; repeatable"
    )
    what.add_argument("--mask-color", metavar="COLOR", help="the CSS colour of masks (#FF00FF)")
    what.add_argument("--style", metavar="CSS", help="a style sheet for the picture, such as '.ad { display: none }'")
    what.add_argument(
        "--animations",
        choices=("disabled", "allow"),
        default="allow",
        help="disabled: finite animations are fast-forwarded to their end",
    )
    what.add_argument("--omit-background", action="store_true", help="transparent if the page has no background")
    what.add_argument(
        "--scale", choices=("css", "device"), default="device", help="one pixel per CSS pixel, or per device pixel"
    )
    _add_page(command)


def add_pdf(commands: Commands) -> None:
    """Add ``txcdp pdf``."""
    command = _add_opening(
        commands,
        "pdf",
        "open a page and print it as a PDF",
        _PDF,
        _PDF_EXAMPLES,
        _CODES.format(good="printed", bad=_BAD.format(all_the_same="which is still printed")),
    )
    what = command.add_argument_group("the PDF")
    add_output(what, "the PDF")
    what.add_argument(
        "--format", "--paper-format", metavar="PAPER", type=types.paper, help=f"{', '.join(types.PAPERS)} (Letter)"
    )
    what.add_argument("--width", metavar="LENGTH", type=types.length, help="of the paper, instead of --format")
    what.add_argument("--height", metavar="LENGTH", type=types.length, help="of the paper, instead of --format")
    what.add_argument("--landscape", action="store_true", help="landscape orientation")
    what.add_argument(
        "--margin",
        metavar="LENGTHS",
        type=types.margins,
        help="one for all sides, or two to four as in CSS, such as '1cm 2cm' (0)",
    )
    what.add_argument("--scale", metavar="NUMBER", type=types.scale, default=1.0, help="0.1 to 2 (1)")
    what.add_argument("--print-background", action="store_true", help="print backgrounds")
    what.add_argument("--page-ranges", metavar="RANGES", default="", help="only these pages, such as 1-5,8")
    what.add_argument(
        "--header-template", metavar="HTML", help="at the top of each page; class=pageNumber has its number"
    )
    what.add_argument("--footer-template", metavar="HTML", help="at the bottom of each page")
    what.add_argument("--prefer-css-page-size", action="store_true", help="use the size in the page's @page rule")
    what.add_argument("--outline", action="store_true", help="include the headings as an outline")
    what.add_argument("--tagged", action="store_true", help="tagged (accessible) PDF")
    what.add_argument("--media", choices=("screen", "print"), default="print", help="the CSS media type (print)")
    _add_page(command)


def add_extract(commands: Commands) -> None:
    """Add ``txcdp extract``."""
    command = _add_opening(
        commands,
        "extract",
        "open a page and print the texts of elements",
        _EXTRACT,
        _EXTRACT_EXAMPLES,
        _CODES.format(
            good="each SELECTOR found something",
            bad="one found nothing; or " + _BAD.format(all_the_same="what was found is still printed"),
        ),
    )
    command.add_argument("selectors", metavar="SELECTOR", nargs="+", help="[NAME:=]SELECTOR[@ATTRIBUTE]")
    what = command.add_argument_group("output")
    add_output(what, "the result", required=False)
    what.add_argument(
        "--format",
        choices=("json", "lines", "csv"),
        default="json",
        help="json: an object with a list for each (the default); lines: a text in each line; csv: a column for each",
    )
    what.add_argument(
        "--each",
        metavar="SELECTOR",
        help="for each element that matches, the first text of each SELECTOR in it: JSON is a list of objects",
    )
    _add_page(command)


def add_repl(commands: Commands) -> None:
    """Add ``txcdp repl``."""
    command = add_command(commands, "repl", "a prompt with a browser and a page", _REPL, _REPL_EXAMPLES)
    command.add_argument("url", metavar="URL", nargs="?", type=types.url, default="about:blank", help="the page (none)")
    how = command.add_argument_group("the prompt")
    how.add_argument("--plain", action="store_true", help="Python's own prompt, even if IPython is installed")
    how.add_argument(
        "--history", metavar="FILE", type=Path, help="its history file (~/.local/state/txcdp/repl_history)"
    )
    how.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=types.seconds,
        default=30.0,
        help="default timeout of the page's methods (%(default)g)",
    )
    add_emulation(command)
    add_browser(command, LOGINS)


def _add_opening(
    commands: Commands, name: str, says: str, description: str, examples: str, codes: str
) -> argparse.ArgumentParser:
    command = add_command(commands, name, says, description, examples + codes)
    command.add_argument("url", metavar="URL", type=types.url, help="the page")
    return command


def _add_page(command: argparse.ArgumentParser) -> None:
    """Add when the page is there, what it is shown on, and in which browser."""
    when = command.add_argument_group("readiness")
    when.add_argument(
        "--wait-until",
        choices=("load", "domcontentloaded", "networkidle", "commit"),
        default="load",
        help="loaded (the default), parsed, loaded and network-idle for 0.5 s, or committed",
    )
    when.add_argument("--wait-for-selector", metavar="SELECTOR", help="also wait until a matching element is visible")
    when.add_argument("--wait-for-timeout", metavar="SECONDS", type=types.seconds, help="also wait this long")
    when.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=types.seconds,
        default=30.0,
        help="timeout for each step (default: %(default)g)",
    )
    add_emulation(command)
    add_browser(command, LOGINS)
