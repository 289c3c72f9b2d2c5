"""The values of a timeout: seconds, none, or the usual one for that place."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, SupportsFloat, TypeAlias

from txcdp._arguments import warn_caller

#: A timeout of this many seconds or more looks like milliseconds.
_TOO_LONG: Final = 1000

#: A pause of this many seconds or more within an action does, too.
_TOO_SLOW: Final = 10

#: Seconds, if nothing else was set.
_USUAL: Final = 30.0


class Default:
    """The type of :data:`DEFAULT`."""

    def __repr__(self) -> str:
        return "DEFAULT"


#: Stands for the usual timeout in that place, where None means no timeout.
DEFAULT: Final = Default()

#: A timeout: seconds, a :class:`~datetime.timedelta`, None or 0 for no timeout, or :data:`DEFAULT`.
Timeout: TypeAlias = float | timedelta | None | Default


def seconds_of(timeout: Timeout, default: float | None) -> float | None:
    """Return a timeout in seconds, None for no timeout.

    A finite number of 1000 or more gives a warning, since it looks like milliseconds; a timedelta never does.

    :param default: what :data:`DEFAULT` stands for.
    :raises ValueError: it is negative.
    :raises TypeError: it is not a timeout.
    """
    if isinstance(timeout, Default):
        return default
    if isinstance(timeout, timedelta):
        seconds = timeout.total_seconds()
    elif timeout is None:
        return None
    elif isinstance(timeout, bool) or not isinstance(timeout, SupportsFloat):
        raise TypeError(f"timeout={timeout!r:.100}: expected seconds, or a timedelta")
    else:
        seconds = float(timeout)
        if _TOO_LONG <= seconds < float("inf"):
            warn_caller(
                f"timeout={timeout:g} is in seconds; for a timeout that long, write timedelta(seconds={timeout:g})"
            )
    if not seconds >= 0:
        raise ValueError(f"timeout={timeout}: must not be negative; use None for no timeout")
    return seconds if 0 < seconds < float("inf") else None


def warn_of_pause(name: str, seconds: float) -> None:
    """Warn of a pause within each action that looks like milliseconds.

    :param name: the name of the argument.
    """
    if seconds >= _TOO_SLOW:
        warn_caller(f"{name}={seconds:g} is in seconds, as all times are")


def literal_seconds_of(timeout: Timeout, default: float | None) -> float | None:
    """Return the timeout of a single command in seconds, None for no timeout; 0 stays 0, which leaves no time at all.

    :param default: what :data:`DEFAULT` stands for.
    """
    if isinstance(timeout, Default):
        return default
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


class DefaultTimeouts:
    """The default timeouts of a page, a context or a browser.

    A timeout that is not set is inherited: a page's from its context, a context's from its browser.

    :param parent: the default timeouts to inherit from.
    """

    def __init__(self, parent: DefaultTimeouts | None = None) -> None:
        self._parent = parent
        self._timeout: float | None | Default = DEFAULT
        self._navigation: float | None | Default = DEFAULT

    def set(self, timeout: Timeout) -> None:
        """Set the timeout for everything; :data:`DEFAULT` restores the inherited one."""
        self._timeout = timeout if isinstance(timeout, Default) else seconds_of(timeout, None)

    def set_navigation(self, timeout: Timeout) -> None:
        """Set the timeout of navigations, which takes precedence over the general one."""
        self._navigation = timeout if isinstance(timeout, Default) else seconds_of(timeout, None)

    def general(self, otherwise: float | None = _USUAL) -> float | None:
        """Return the timeout of everything but navigations, in seconds.

        :param otherwise: the timeout if none was set.
        """
        if not isinstance(self._timeout, Default):
            return self._timeout
        return otherwise if self._parent is None else self._parent.general(otherwise)

    def navigation(self) -> float | None:
        """Return the timeout of navigations, in seconds."""
        for timeout in (self._navigation, self._timeout):
            if not isinstance(timeout, Default):
                return timeout
        return _USUAL if self._parent is None else self._parent.navigation()


def left_of(seconds: float | None, gone: float) -> timedelta | None:
    """Return what is left of a timeout for the second half of a call, at least a moment; this gives no further warning.

    :param seconds: the whole timeout; None: no timeout.
    :param gone: seconds that the first half has taken.
    """
    return None if seconds is None else timedelta(seconds=max(0.001, seconds - gone))
