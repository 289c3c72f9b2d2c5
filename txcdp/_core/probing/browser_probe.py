"""The probe that checks whether the browser's main thread responds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._core.probing.rounds import Rounds, failed_with, give_up
from txcdp.domains import browser
from txcdp.errors import CommandError, Gone
from txcdp.health import BrowserResponsive, BrowserUnresponsive

#: More bytes than pongs add up to between two checks: if more have come, they are part of a message.
_PONGS = 4096


class BrowserProbe(Rounds):
    """Asks the browser for its version, at once and then whenever it has sent nothing for some time.

    If the first probe is not answered, the other end may not be a browser, and is not probed again. Nor is one that
    refuses it, such as Node: it may not answer for minutes while its program blocks, although nothing is wrong.
    """

    _probe: Deferred[Any] | None = None
    _is_browser = False
    _seen = (0, 0)
    _sent_at = 0.0
    _reported = False

    def start(self) -> None:
        """Start probing."""
        super().start()
        self._ask()

    def stop(self) -> None:
        """Stop probing, and leave neither a DelayedCall nor a command behind."""
        super().stop()
        give_up(self._probe)
        self._reported = False

    def _signs(self) -> tuple[int, int]:
        """Return the number of messages received, all of which pass through the browser's main thread, and of bytes."""
        stats = self._connection.stats
        told = stats.events + stats.ignored + stats.unknown + stats.malformed + stats.late
        return told + stats.replies + stats.errors, stats.bytes_received

    def _begin(self) -> None:
        seen, self._seen = self._seen, self._signs()
        if self._seen[0] != seen[0]:
            self._after(self._interval, self._begin)
            return
        self._ask()

    def _ask(self) -> None:
        self._seen = self._signs()
        self._sent_at = self._clock.seconds()
        self._after(self._options.browser_timeout, self._late)
        self._probe = self._send(self._connection.session, browser.get_version())
        self._probe.addBoth(self._answered)

    def _answered(self, result: object) -> None:
        """Note the answer to a probe, even if it is an error."""
        self._probe = None
        if failed_with(result, CancelledError):
            return
        self._is_browser = self._is_browser or not isinstance(result, Failure)
        if not self._is_browser and failed_with(result, CommandError):
            self.stop()
            return
        self._seen = self._signs()
        self._after(self._interval, self._begin)
        reported, self._reported = self._reported, False
        if reported and not failed_with(result, Gone):
            self._connection.health.push(BrowserResponsive(self._clock.seconds() - self._sent_at))

    def _late(self) -> None:
        seconds = self._options.browser_timeout
        seen, self._seen = self._seen, self._signs()
        if not self._is_browser:
            self.stop()
            return
        if self._seen[0] != seen[0] or self._seen[1] - seen[1] > _PONGS:
            self._after(seconds, self._late)  # it talks, and the answer stands in the queue
            return
        self._reported = True
        self._connection.health.push(BrowserUnresponsive(self._clock.seconds() - self._sent_at))
        if self._options.hang_up and self._running:
            self._connection.transport.abort(f"no answer to a probe within {seconds:g} s", "unresponsive")
