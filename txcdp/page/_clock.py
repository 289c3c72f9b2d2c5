"""The clock of the pages of a context: the program controls their time."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as TwistedClock
from twisted.python.failure import Failure

from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.errors import ContextDestroyed, Gone, NavigationError
from txcdp.page._injected import _without_comments
from txcdp.protocol import to_json
from txcdp.streams import Registration

_SCRIPT: Final = _without_comments(files("txcdp.page").joinpath("clock.js").read_text("utf-8"))

#: The latest time in JavaScript, in seconds since the epoch.
_LAST: Final = 8.64e12

_TICKS: Final = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+)")


class Timed(Protocol):
    """The part of a page that its clock needs."""

    def _add_script(self, source: str, *, now: bool) -> Deferred[Registration]: ...

    def _in_frames(self, expression: str) -> list[Deferred[Any]]: ...


def seconds_of_ticks(ticks: float | str | timedelta) -> float:
    """Return a duration in seconds.

    :raises ValueError: if it is negative or invalid.
    :raises TypeError: if it has a wrong type.
    """
    if isinstance(ticks, timedelta):
        seconds = ticks.total_seconds()
    elif isinstance(ticks, str):
        found = _TICKS.fullmatch(ticks)
        if found is None or any(part is not None and int(part) >= 60 for part in found.groups()[1:]):
            raise ValueError(f"{ticks!r} is not a duration: use seconds, or such as '08', '01:00' or '02:34:10'")
        hours, minutes, rest = (int(part or 0) for part in found.groups())
        seconds = float((hours * 60 + minutes) * 60 + rest)
    elif isinstance(ticks, bool) or not isinstance(ticks, int | float):
        raise TypeError(f"{ticks!r} is not a duration: use seconds, a timedelta, or such as '01:00'")
    else:
        seconds = float(ticks)
    if not 0 <= seconds <= _LAST:
        raise ValueError(f"{ticks!r}: time can only go forward, by a finite number of seconds")
    return seconds


def time_of(time: float | str | date) -> float:
    """Return a point in time as seconds since the epoch.

    :raises ValueError: if it is invalid.
    :raises TypeError: if it has a wrong type.
    """
    if isinstance(time, str):
        try:
            parsed = datetime.fromisoformat(time)
        except ValueError:
            raise ValueError(f"{time!r} is not a time such as '2024-12-31' or '2024-12-31T23:59:00+01:00'") from None
        # As JavaScript reads it: a day begins in Greenwich, an hour is the one here.
        seconds = (parsed.replace(tzinfo=UTC) if len(time) <= len("2024-12-31") else parsed).timestamp()
    elif isinstance(time, datetime):
        seconds = time.timestamp()
    elif isinstance(time, date):
        seconds = datetime(time.year, time.month, time.day, tzinfo=UTC).timestamp()
    elif isinstance(time, bool) or not isinstance(time, int | float):
        raise TypeError(f"{time!r} is not a time: use seconds since the epoch, a datetime, or such as '2024-12-31'")
    else:
        seconds = float(time)
    if not -_LAST <= seconds <= _LAST:
        raise ValueError(f"{time!r} is out of JavaScript's range: use seconds since the epoch; are these milliseconds?")
    return seconds


def _milliseconds(seconds: float) -> float:
    """Return seconds in JavaScript's milliseconds: 1.001 s are 1001 ms, not slightly less."""
    return round(seconds * 1000, 3)


class Clock:
    """The clock of all pages of a context, with their frames: ``Date``, ``Temporal.Now``, ``performance.now``, timers.

    Until one of its methods is called, pages have the real clock. Workers always have it. Settings apply to open pages
    and to future documents.

    :param seconds: returns the real time, in seconds since the epoch.
    :param pages: returns the pages of the context.
    :param begin: called when there is something to set in pages, including popups.
    :param check: raises if the context is gone.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        pages: Callable[[], Iterable[Timed]],
        begin: Callable[[], object],
        check: Callable[[], object],
    ) -> None:
        self._seconds = seconds
        self._pages = pages
        self._begin_giving = begin
        self._check = check
        self._literal = ""  # by which the script is found, and no page's own
        self._installed = False
        #: The registrations of the state in pages that have the clock.
        self._registrations: WeakKeyDictionary[Timed, Registration | None] = WeakKeyDictionary()
        self._partner: TwistedClock | None = None
        # All in seconds.
        self._origin = 0.0
        self._time = 0.0
        self._ticks = 0.0
        self._at = 0.0
        self._fixed = False
        self._running = True

    def __repr__(self) -> str:
        if not self._installed:
            return "<Clock: the real time>"
        self._sync()
        state = "fixed" if self._fixed else "running" if self._running else "paused"
        return f"<Clock {state} at {self._time:.3f}>"

    @returns_deferred
    async def install(self, time: float | str | date | None = None, *, clock: TwistedClock | None = None) -> None:
        """Replace the pages' clock; it continues with real time until it is changed.

        :param time: seconds since the epoch, a datetime (a naive one is local), or a string such as ``"2024-12-31"``;
            None means the present.
        :param clock: a :class:`twisted.internet.task.Clock` of the program, to share one time with the pages: their
            time is paused at its time, unless ``time`` is given; and whenever :meth:`run_for`, :meth:`fast_forward` or
            :meth:`pause_at` moves the pages' time, it is advanced by the same amount once the pages' due timers have
            fired.
        :returns: fires with None once all open pages have the clock; fails with :exc:`ValueError` or :exc:`TypeError`
            for an invalid time, and otherwise like ``Page.evaluate``.
        """
        if clock is not None and not isinstance(clock, TwistedClock):
            raise TypeError(f"clock={clock!r:.100}: expected a twisted.internet.task.Clock")
        present = self._seconds if clock is None else clock.seconds
        seconds = present() if time is None else time_of(time)
        self._partner = clock
        first = not self._installed
        if first:
            self._begin(seconds)
        self._sync()
        self._time, self._fixed = seconds, False
        self._running = clock is None
        await self._tell("" if first else f".install({self._state()})")

    @returns_deferred
    async def fast_forward(self, ticks: float | str | timedelta) -> None:
        """Jump forward in time: due timers fire at most once, as when a laptop is reopened.

        :param ticks: seconds, a timedelta, or a string such as ``"30"``, ``"01:00"`` or ``"02:34:10"``.
        :returns: fires with None once they have fired. Fails with :exc:`EvaluationError` if one of them throws, after
            all the others have fired; otherwise as :meth:`install`.
        """
        await self._move(seconds_of_ticks(ticks), "fastForward")

    @returns_deferred
    async def run_for(self, ticks: float | str | timedelta) -> None:
        """Advance the time and fire all timers that become due, as often as they do.

        :param ticks: as for :meth:`fast_forward`.
        :returns: fires and fails like :meth:`fast_forward`.
        """
        await self._move(seconds_of_ticks(ticks), "runFor")

    @returns_deferred
    async def pause_at(self, time: float | str | date) -> None:
        """Jump forward to a time, as :meth:`fast_forward` does, and pause there.

        :param time: as for :meth:`install`.
        :returns: fires and fails like :meth:`fast_forward`; with :exc:`ValueError` if that time has passed.
        """
        seconds = time_of(time)
        await self._need()
        self._sync()
        forward = seconds - self._time
        if forward < 0:
            raise ValueError(f"the clock cannot go back: it is at {self._time:.3f}, and {seconds:.3f} is in the past")
        self._running = False
        self._ticks = round(self._ticks + forward, 3)
        if not self._fixed:
            self._time = seconds
        await self._tell(f".pauseAt({_milliseconds(seconds)!r})")
        self._advance_partner(forward)

    @returns_deferred
    async def resume(self) -> None:
        """Continue with real time after a pause.

        :returns: fires and fails as :meth:`install`.
        """
        await self._need()
        self._sync()
        self._running = True
        await self._tell(".resume()")

    @returns_deferred
    async def set_fixed_time(self, time: float | str | date) -> None:
        """Make ``Date`` always return the same time; timers continue.

        :param time: as for :meth:`install`.
        :returns: fires and fails as :meth:`install`.
        """
        await self._set(time_of(time), fixed=True)

    @returns_deferred
    async def set_system_time(self, time: float | str | date) -> None:
        """Set the time, like setting a system clock: it continues from there, and timers are not affected.

        :param time: as for :meth:`install`.
        :returns: fires and fails as :meth:`install`.
        """
        await self._set(time_of(time), fixed=False)

    def _attach(self, page: Timed) -> None:
        """Install the clock in a new page, before its first script."""
        if self._installed:
            self._register(page).addErrback(ignore_failure)

    async def _set(self, seconds: float, *, fixed: bool) -> None:
        await self._need()
        self._sync()
        self._time, self._fixed = seconds, fixed
        await self._tell(f".setTime({_milliseconds(seconds)!r},{'true' if fixed else 'false'})")

    async def _move(self, seconds: float, method: str) -> None:
        await self._need()
        self._sync()
        self._ticks += seconds
        if not self._fixed:
            self._time += seconds
        await self._tell(f".{method}({_milliseconds(seconds)!r})")
        self._advance_partner(seconds)

    async def _need(self) -> None:
        if not self._installed:
            self._begin(self._seconds())
            await self._tell()

    def _begin(self, seconds: float) -> None:
        self._begin_giving()
        self._installed = True
        self._literal = f'"_{secrets.token_hex(12)}"'
        self._origin = self._time = seconds
        self._ticks, self._at = 0.0, self._seconds()

    def _sync(self) -> None:
        now = self._seconds()
        if self._running:
            passed = max(0.0, now - self._at)
            self._ticks += passed
            if not self._fixed:
                self._time += passed
        self._at = now

    def _state(self) -> str:
        """Return the state of the clock, in the form that the script takes."""
        times = {"origin": self._origin, "time": self._time, "ticks": self._ticks, "at": self._at}
        state = {
            **{name: _milliseconds(value) for name, value in times.items()},
            "fixed": self._fixed,
            "running": self._running,
        }
        return to_json(state).decode()

    def _advance_partner(self, seconds: float) -> None:
        if self._partner is not None:
            self._partner.advance(seconds)

    async def _tell(self, call: str = "") -> None:
        """Call a method of the script in all current documents, and update the state for future ones.

        :param call: the call; documents that do not have the script yet begin with the current state.
        """
        pages = list(self._pages())
        sent: list[Deferred[Any]] = [self._register(each) for each in pages]  # all in one write
        if call:
            name = self._literal
            for each in pages:
                sent += each._in_frames(f"Object.hasOwn(globalThis,{name})?globalThis[{name}]{call}:undefined")
        failed: Failure | None = None
        for waiting in sent:
            result = await waiting.addErrback(lambda failure: failure.value)
            if isinstance(result, Exception) and not isinstance(result, ContextDestroyed | Gone | NavigationError):
                failed = failed or Failure(result)
        if failed is not None:
            failed.raiseException()
        self._check()

    @returns_deferred
    async def _register(self, page: Timed) -> None:
        """Make future documents of a page begin with the current state."""
        if page not in self._registrations:
            self._registrations[page] = None
            await page._add_script(f"({_SCRIPT})({self._literal},{self._state()})", now=True)
            return
        # After the clock itself, which stays where it is, before the program's own scripts.
        source = f"globalThis[{self._literal}].start({self._state()})"
        before = self._registrations[page]
        self._registrations[page] = await page._add_script(source, now=False)
        if before is not None:
            await before.close()
