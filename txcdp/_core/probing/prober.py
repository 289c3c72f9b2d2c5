"""Starts and stops a connection's probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from txcdp._core.probing.browser_probe import BrowserProbe
from txcdp._core.probing.page_probes import PageProbes
from txcdp._core.probing.rounds import ProbeOptions
from txcdp._deferreds import ignore_failure

if TYPE_CHECKING:
    from txcdp._core.connection import Connection


class Prober:
    """Probes a connection's browser and pages, and reports to ``connection.health`` what it finds.

    It ends with the connection, and leaves no DelayedCall behind.

    :param connection: the connection to the browser.
    :param options: the intervals and timeouts; see :class:`ProbeOptions`.
    """

    def __init__(self, connection: Connection, options: ProbeOptions | None = None) -> None:
        options = options or ProbeOptions()
        self._connection = connection
        self._parts: list[BrowserProbe | PageProbes] = []
        if options.browser_interval is not None:
            self._parts.append(BrowserProbe(connection, options, options.browser_interval))
        if options.page_interval is not None:
            self._parts.append(PageProbes(connection, options, options.page_interval))
        self._closed: Deferred[Any] | None = None

    def start(self) -> None:
        """Start probing; do nothing if it has already started, or the connection has ended."""
        if self._closed is None and self._connection.lost is None:
            for part in self._parts:
                part.start()
            self._closed = self._connection.when_closed()
            self._closed.addCallbacks(lambda _: self.stop(), ignore_failure)

    def stop(self) -> None:
        """Stop probing."""
        closed, self._closed = self._closed, None
        if closed is not None:
            closed.cancel()
            for part in self._parts:
                part.stop()
