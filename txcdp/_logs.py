"""Logging that a flood of messages cannot turn into a flood of log lines."""

from __future__ import annotations

from txcdp._reactor import Clock

#: Seconds from one line to the next.
EVERY = 10.0


class LogThrottle:
    """Tells whether the last line is long enough ago for another one.

    :param clock: a reactor or a ``task.Clock``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_at = -EVERY

    def __call__(self) -> bool:
        """Return whether to log now; then the next ones are not to be, for a while."""
        now = self._clock.seconds()
        if now - self._logged_at < EVERY:
            return False
        self._logged_at = now
        return True
