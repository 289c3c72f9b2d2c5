"""txcdp, as ``locators`` measures it: see ``locators_tasks``."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.task import react

import txcdp
from tests.lab.benchmarks.locators_tasks import work


async def main(reactor: Any, path: str) -> None:
    """Work in a browser."""
    async with await txcdp.launch(reactor, executable=path) as browser:
        await work(browser)


if __name__ == "__main__":
    react(main, sys.argv[1:2])
