"""A caller, as a process: "calling" says that it begins, "done" and "failed" what has come of each call.

python -m tests.fleet.caller ws://127.0.0.1:8080/ws REALM AUTHID TICKET_FILE CALLS [URL]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.internet.task import react

from txcdp.fleet import RouterOptions, connect


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def read(path: str) -> str:
    return Path(path).read_text().strip()


async def main(
    reactor: Any, url: str, realm: str, authid: str, ticket: str, calls: str, page: str = "http://example.com/"
) -> None:
    options = RouterOptions(url=url, realm=realm, authid=authid, ticket=read(ticket))
    async with await connect(reactor, options) as fleet:
        say("calling")
        ended = await DeferredList(
            [fleet.pdf(f"{page}{number}", timeout=100) for number in range(int(calls))], consumeErrors=True
        )
        for well, result in ended:
            made: Any = result
            say("done" if well else "failed", len(made) if well else made.value)


if __name__ == "__main__":
    react(main, sys.argv[1:])
