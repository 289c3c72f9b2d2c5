"""Limits how many commands a client may send per second: a burst, and then an even rate."""

from __future__ import annotations

#: A tolerance in seconds, because sums of fractions are not exact.
_ROUNDING = 1e-6


class TokenBucket:
    """A token bucket, which limits a rate.

    The only state is the time at which the bucket will be full again; each command postpones that.

    :param rate: commands per second.
    :param burst: commands at once, after a pause.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._each = 1 / rate
        self._longest = burst / rate + _ROUNDING
        self._whole_at = 0.0

    def take(self, now: float) -> bool:
        """Take a token if there is one.

        :param now: the time in seconds, of a clock that begins at zero or later.
        :returns: whether there was one.
        """
        whole_at = self._whole_at
        if whole_at < now:
            whole_at = now
        whole_at += self._each
        if whole_at - now > self._longest:
            return False
        self._whole_at = whole_at
        return True

    def wait(self, now: float) -> float:
        """Return the number of seconds until there is a token."""
        return max(0.0, self._whole_at + self._each - self._longest + _ROUNDING / 2 - now)
