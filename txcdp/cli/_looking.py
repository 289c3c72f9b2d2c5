"""What is read from a page after it was watched: its title, and a screenshot."""

from __future__ import annotations

from pathlib import Path

from txcdp._deferreds import with_deadline
from txcdp._reactor import AnyReactor
from txcdp.browser import Browser
from txcdp.cli._text import size
from txcdp.domains import target
from txcdp.errors import TxcdpError
from txcdp.page import Page

#: The timeout of each in seconds: the page may hang.
_PATIENCE = 10.0


class NoPicture(TxcdpError):
    """No picture of the page could be taken, or written."""


async def title_of(browser: Browser, page: Page) -> str:
    """Ask the browser, not the page, for the page's title; ``""`` where it has none."""
    asking = browser.session.execute(target.get_target_info(target_id=page.target_id), timeout=_PATIENCE)
    info = (await asking).target_info
    address = info.url.partition("://")[2]
    # One without a title is given its address.
    return "" if info.title.rstrip("/") in (info.url, address.rstrip("/")) else info.title


async def take_picture(reactor: AnyReactor, page: Page, path: Path) -> str:
    """Take a screenshot, write it to a file, and return the file's name and size.

    :raises NoPicture: if that fails.
    """
    taking = page.screenshot(path)
    late = NoPicture(f"no screenshot could be taken of the page within {_PATIENCE:g} s")
    try:
        data = await with_deadline(reactor, taking, _PATIENCE, lambda: late)
    except OSError as error:
        raise NoPicture(f"{path} cannot be written: {error.strerror}") from error
    return f"{path} ({size(len(data))})"
