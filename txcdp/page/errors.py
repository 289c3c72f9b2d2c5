"""What can go wrong on a page, below :exc:`~txcdp.errors.NavigationError` and :exc:`~txcdp.errors.EvaluationError`.

::

    NavigationError
    |-- NavigationTimeout        it did not get so far in time (also a TimeoutError)
    |-- NavigationInterrupted    the program sent the page somewhere else meanwhile
    `-- DownloadStarted          the URL is a file to be saved, so the page stays what it was
    EvaluationError
    |-- ContextDestroyed         the document in which it was evaluated is gone
    `-- NotSerializable          the value has no form in JSON
"""

from __future__ import annotations

from txcdp.errors import EvaluationError, NavigationError


class NavigationTimeout(NavigationError, TimeoutError):
    """The page did not get as far as was asked for within the deadline.

    :ivar wait_until: what was waited for.
    :ivar seconds: how long.
    :ivar reached: how far it got: ``""`` (no answer yet), ``"commit"``, ``"domcontentloaded"`` or ``"load"``.
    """

    def __init__(self, url: str, wait_until: str, seconds: float, reached: str) -> None:
        super().__init__(url, f"no {wait_until} within {seconds:g} s")
        self.args = (url, wait_until, seconds, reached)
        self.wait_until = wait_until
        self.seconds = seconds
        self.reached = reached

    def __str__(self) -> str:
        far = f"it got as far as {self.reached!r}" if self.reached else "there was no answer yet"
        return (
            f"{self.url} did not get to {self.wait_until!r} within {self.seconds:g} s: {far}; "
            "give it longer with timeout=SECONDS, or wait for less with wait_until="
        )


class NavigationInterrupted(NavigationError):
    """The program sent the page somewhere else before it had arrived.

    :ivar by: where it was sent instead.
    """

    def __init__(self, url: str, by: str) -> None:
        super().__init__(url, f"interrupted by a newer navigation, to {by}")
        self.args = (url, by)
        self.by = by


class DownloadStarted(NavigationError):
    """The URL turned out to be a file to be saved: the page stays what it was."""

    def __init__(self, url: str, error_text: str = "net::ERR_ABORTED") -> None:
        super().__init__(url, error_text)

    def __str__(self) -> str:
        return f"{self.url} is a download, so that there is no page to show"


class ContextDestroyed(EvaluationError):
    """The document in which something was evaluated is gone: the page navigated, or the frame was removed."""


class NotSerializable(EvaluationError):
    """The value that an expression has given cannot be written as JSON."""
