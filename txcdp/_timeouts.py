"""What is written for a deadline: seconds, nothing, or what is usual there."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Final, TypeAlias

#: Seconds from which on a deadline looks like milliseconds.
_TOO_LONG = 1000


class Default:
    """The type of :data:`DEFAULT`."""

    def __repr__(self) -> str:
        return "the default"


#: Stands for the deadline that is usual in that place, where None means: no deadline.
DEFAULT: Final = Default()

#: Seconds, a timedelta, None or 0 for no deadline, or :data:`DEFAULT`.
Timeout: TypeAlias = float | timedelta | None | Default


def seconds_of(timeout: Timeout, default: float | None) -> float | None:
    """Return a deadline in seconds, None for no deadline.

    A finite number of 1000 or more gives a warning, since it looks like milliseconds; a timedelta never does.

    :param default: what :data:`DEFAULT` stands for.
    :raises ValueError: for a negative one.
    """
    if isinstance(timeout, Default):
        return default
    if isinstance(timeout, timedelta):
        seconds = timeout.total_seconds()
    elif timeout is None:
        return None
    else:
        seconds = float(timeout)
        if _TOO_LONG <= seconds < float("inf"):
            warnings.warn(
                f"timeout={timeout:g} is in seconds; for a deadline that long, write timedelta(seconds={timeout:g})",
                stacklevel=3,
            )
    if seconds < 0:
        raise ValueError(f"timeout={timeout}: a deadline is not negative; None is for none")
    return seconds if 0 < seconds < float("inf") else None
