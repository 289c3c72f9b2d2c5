"""The ports on which browsers listen for the gateway, and what keeps pages away from them.

Chromium treats a page at its own port, ``http://127.0.0.1:PORT/json/version``, as one of its own: scripts there can
open files, and a WebSocket to the whole browser, past the policy and out of any virtual browser. Every page can
navigate there. So the ports are chosen beforehand, and each browser is told that there is no host behind them.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack

from txcdp.gateway._egress.host_rules import with_host_rules


def unused(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nothing listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


class Ports:
    """A range of ports, each of which is given to one browser at a time.

    :param most: browsers at once. Another one gets a port, too, but those that were started before do not block it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: list[int] = []
        self._free: deque[int] = deque()

    def take(self) -> int:
        """Return the port that has been unused the longest."""
        if not self._free:
            new = unused(1 if self._all else self._most)
            self._all += new
            self._free.extend(new)
        return self._free.popleft()

    def give_back(self, port: int) -> None:
        """Take a port back: its browser has ended."""
        self._free.append(port)

    def arguments(self, port: int, args: Sequence[str]) -> list[str]:
        """Return arguments for a browser that listens on a port, and whose pages cannot reach any of the ports.

        :param args: its other arguments. Host rules among them apply as well; but ``EXCLUDE`` of loopback addresses
            opens the ports again.
        """
        rules = [f"MAP *:{each} ~NOTFOUND" for each in self._all]
        return [f"--remote-debugging-port={port}", *with_host_rules(args, rules)]
