"""The end of a process whose work cannot be done."""

from __future__ import annotations

import atexit
import os
import sys

from txcdp._reactor import AnyReactor, whole


def end_process(reactor: AnyReactor, status: int = 1) -> None:
    """Stop the reactor cleanly, and have the process exit with a status.

    ``twistd`` itself exits with 0 unless a signal, or a service that does not start, has ended it; that tells whatever
    supervises it (systemd, Kubernetes) that all is well.

    :param reactor: the reactor.
    :param status: the exit status.
    """
    atexit.register(_exit, status)  # twistd has put its files away by then
    whole(reactor).callWhenRunning(whole(reactor).stop)


class NotStarted(SystemExit, Exception):
    """A service does not start, for a reason given in one sentence.

    ``twistd`` handles it like any exception, cleaning up and telling the process that started it; Python then shows
    only the sentence.
    """


def _exit(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)
