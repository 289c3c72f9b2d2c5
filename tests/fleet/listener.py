"""A subscriber, as a process: what it hears, it says on its standard output.

python -m tests.fleet.listener ws://127.0.0.1:8080/ws REALM AUTHID TICKET_FILE watch|subscribe URL|NAME [NUMBER]

"listening" says that it has begun, "event WORD MISSED RESTARTS" that so many more events have come and what the last
one begins with, "end ERROR" that the stream has ended.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txcdp.domains import runtime
from txcdp.fleet import RouterOptions, connect


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def read(path: str) -> str:
    return Path(path).read_text().strip()


async def main(
    reactor: Any, url: str, realm: str, authid: str, ticket: str, how: str, what: str, number: str = "100"
) -> None:
    each = int(number)
    options = RouterOptions(url=url, realm=realm, authid=authid, ticket=read(ticket))
    async with await connect(reactor, options) as fleet:
        stream = getattr(fleet, how)(what, runtime.ConsoleAPICalled)
        ended: Deferred[None] = Deferred()
        count = 0

        def heard(event: runtime.ConsoleAPICalled) -> None:
            nonlocal count
            count += 1
            if count % each == 0:
                missed, restarts = getattr(stream, "missed", 0), getattr(stream, "restarts", 0)
                say("event", str(event.args[0].value).partition(" ")[0], missed, restarts)

        def end(error: Any = None) -> None:
            say("end", type(error).__name__)
            ended.callback(None)

        stream.subscribe(heard, end, end)
        say("listening")
        await ended


if __name__ == "__main__":
    react(main, sys.argv[1:])
