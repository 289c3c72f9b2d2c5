"""The evidence saved of a browser's pages when a test fails: screenshots, the console, network activity."""

from __future__ import annotations

import re
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from txcdp._deferreds import ignore_failure
from txcdp._privacy import indented
from txcdp.browser import BrowserContext
from txcdp.errors import TxcdpError
from txcdp.network import Exchange
from txcdp.page import ConsoleMessage, Page, PageError

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase

#: Lines of the console, and exchanges, that are kept; those before are forgotten.
_MOST_LINES: Final = 1000
_MOST_EXCHANGES: Final = 200

#: Seconds that one picture, or what a page is for assistive technologies, may take.
_PATIENCE: Final = 5.0

#: What is in no folder's name.
_UNSAFE: Final = re.compile(r"[^\w.=+-]+")


class Evidence:
    """The evidence of one test: it listens to a context from the beginning.

    :param context: in which the test has its pages.
    """

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._exchanges: deque[Exchange] = deque(maxlen=_MOST_EXCHANGES)
        self._listening: list[DisposableBase] = [
            context.console.subscribe(self._note_message, ignore_failure),
            context.page_errors.subscribe(self._note_error, ignore_failure),
            context.exchanges.subscribe(self._exchanges.append, ignore_failure),
        ]

    def stop(self) -> None:
        """Listen no more."""
        listening, self._listening = self._listening, []
        for each in listening:
            each.dispose()
        self._exchanges.clear()

    async def save(self, folder: Path) -> list[Path]:
        """Write it into a folder, which is made; what a page does not give is left out, and said in ``console.txt``.

        :returns: the files.
        """
        folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
        files: list[Path] = []
        for number, page in enumerate(self._context.pages, 1):
            for write, name in ((_write_picture, f"page-{number}.png"), (_write_snapshot, f"page-{number}.yaml")):
                try:
                    await write(page, folder / name)
                    files.append(folder / name)
                except TxcdpError as error:  # it is gone, or stands still
                    self._lines.append(f"{name}: {error}")
        for name, lines in (("console.txt", self._lines), ("exchanges.txt", map(_line_of, self._exchanges))):
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")
            files.append(folder / name)
        return files

    def _note_message(self, message: ConsoleMessage) -> None:
        self._lines.append(f"{_time(message.timestamp)} {message.level}: {indented(message.text)}")

    def _note_error(self, error: PageError) -> None:
        self._lines.append(f"{_time(time.time())} uncaught: {indented(error.stack or error)}")


async def _write_picture(page: Page, path: Path) -> None:
    await page.screenshot(path, timeout=_PATIENCE)


async def _write_snapshot(page: Page, path: Path) -> None:
    snapshot = await page.aria_snapshot(timeout=_PATIENCE)
    path.write_text(f"# {page.url}\n{snapshot}\n", encoding="utf-8", errors="replace")  # noqa: ASYNC240


def _time(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{int(seconds % 1 * 1000):03}"


def _line_of(exchange: Exchange) -> str:
    response = exchange.response
    if exchange.failure is not None:
        outcome = exchange.failure
    elif response is None:
        outcome = "no answer yet"
    else:
        outcome = f"{response.status}{'' if exchange.finished else ', not finished'}"
    request = exchange.request
    return f"{request.method} {request.url}: {outcome} ({request.resource_type})"


def folder_of(test: str, parent: Path) -> Path:
    """Return the folder of a test.

    :param test: its id, such as ``tests/test_shop.py::Tests::test_it``.
    """
    return parent / (_UNSAFE.sub("-", test).strip("-.")[-150:] or "test")
