"""Waits for network activity: for a certain exchange, or until nothing is in progress."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._arguments import check_number
from txcdp._deferreds import FirstMatch, Timer, with_deadline
from txcdp._privacy import shown_url
from txcdp._url_patterns import url_matcher
from txcdp.errors import ActionTimeout
from txcdp.model import Exchange as Row
from txcdp.network._sessions import NetworkSessions

if TYPE_CHECKING:
    from txcdp.network._exchange import Exchange
    from txcdp.network._following import Network

#: Which exchange: a function of it, which may return a Deferred or a coroutine; or a pattern for its URL, a glob or an
#: :class:`re.Pattern`.
ExchangeMatch: TypeAlias = "Callable[[Exchange], object] | str | re.Pattern[str]"

#: Exchanges that nothing in the page waits for: their end is not a sign of anything.
_UNCOUNTED: Final = frozenset({"EventSource", "WebSocket", "WebTransport", "Ping"})


def exchange_matcher(match: ExchangeMatch, base_url: str | None) -> Callable[[Exchange], object]:
    """Return the function that decides whether an exchange matches.

    :raises TypeError: if it is not a valid match.
    """
    if callable(match):
        return match
    matches = url_matcher(match, base_url)
    return lambda exchange: matches(exchange.url)


class ExchangeWait:
    """A wait for a matching exchange, checked at its beginning, its response and its end.

    :param of: the network activity of a page.
    :param matches: decides whether an exchange matches.
    """

    def __init__(self, of: Network, matches: Callable[[Exchange], object]) -> None:
        self._network = of
        self._done: Deferred[Exchange] = Deferred()
        self._match: FirstMatch[Exchange] = FirstMatch(matches, self._done.callback)

    def begin(self, seconds: float | None, what: str) -> Deferred[Exchange]:
        """Start waiting.

        :param what: what is waited for, for the error.
        """
        self._network.waits.add(self)
        late = lambda: ActionTimeout(what, seconds or 0, "no exchange matched")  # noqa: E731
        return with_deadline(self._network.clock, self._done.addBoth(self._stop), seconds, late)

    def look(self, exchange: Exchange) -> None:
        """Check whether an exchange matches."""
        self._match.look(exchange)

    def changed(self) -> None:
        """Note that an exchange has begun or ended."""

    def fail(self, error: Exception) -> None:
        """Fail, because the page has ended; a decision in progress is awaited first."""
        self._match.fail(error)

    def _stop(self, outcome: Exchange | Failure) -> Exchange | Failure:
        self._network.waits.remove(self)
        self._match.stop()
        return outcome


class IdleWait:
    """A wait until few enough requests have been in progress for a while.

    Event sources, sockets, beacons and icons do not count, nor does a worker's script until the worker responds.

    :param of: the network activity of a page.
    :param idle: the time in seconds.
    :param in_flight: the maximum number of requests in progress.
    :raises TypeError: if one of these is not a number.
    :raises ValueError: if one is negative or infinite.
    """

    def __init__(self, of: Network, idle: float, in_flight: int) -> None:
        check_number("idle", idle, 0)
        check_number("in_flight", in_flight, 0, whole=True)
        self._network = of
        self._idle = idle
        self._in_flight = in_flight
        self._done: Deferred[None] = Deferred()
        self._timer = Timer(of.clock, self._succeed)

    def begin(self, seconds: float | None) -> Deferred[None]:
        """Start waiting."""
        self._network.waits.add(self)
        what = f"a network that is idle for {self._idle:g} s"
        late = lambda: ActionTimeout(what, seconds or 0, self._obstacle())  # noqa: E731
        waiting = with_deadline(self._network.clock, self._done.addBoth(self._stop), seconds, late)
        self.changed()
        return waiting

    def look(self, exchange: Exchange) -> None:
        """Note an exchange."""

    def changed(self) -> None:
        """Count the requests in progress, because one has begun or ended."""
        if self._done.called:
            return
        if len(self._counted()) > self._in_flight:
            self._timer.stop()
        else:
            self._timer.set(self._idle)

    def fail(self, error: Exception) -> None:
        """Fail, because the page has ended."""
        if not self._done.called:
            self._done.errback(error)

    def _succeed(self) -> None:
        self._done.callback(None)

    def _counted(self) -> list[Row]:
        return [each for each in self._network.rows() if is_counted(each)]

    def _obstacle(self) -> str:
        rows = self._counted()
        under_way = f"{len(rows)} under way ({listed(rows)})" if rows else "requests came and went"
        return f"{under_way}; give it longer, or allow more to be under way with in_flight="

    def _stop(self, outcome: None | Failure) -> None | Failure:
        self._timer.stop()
        self._network.waits.remove(self)
        return outcome


class NetworkWaits:
    """The waits for the network activity of a page or a worker; while there are any, all requests are followed.

    :param sessions: report the requests.
    """

    def __init__(self, sessions: NetworkSessions) -> None:
        self._sessions = sessions
        #: The waits for exchanges (a dict used as an ordered set), and those for more details of one, by its row.
        self._waits: dict[ExchangeWait | IdleWait, None] = {}
        self._extra_info: dict[str, list[Deferred[None]]] = {}
        #: The error that has ended the owner.
        self._error: Exception | None = None

    def add(self, wait: ExchangeWait | IdleWait) -> None:
        """Report exchanges to a wait from now on."""
        self._waits[wait] = None
        if self._error is None:
            self._sessions.use()
        else:
            wait.fail(copy.copy(self._error))

    def remove(self, wait: ExchangeWait | IdleWait) -> None:
        """Stop reporting exchanges to a wait."""
        del self._waits[wait]
        if self._error is None:
            self._sessions.leave()

    def look(self, exchange: Exchange, *, changed: bool) -> None:
        """Report an exchange to the waits.

        :param changed: whether it has begun, or ended.
        """
        for wait in list(self._waits):
            wait.look(exchange)
            if changed:
                wait.changed()

    def pending(self) -> list[ExchangeWait | IdleWait]:
        """Return the current waits."""
        return list(self._waits)

    def end(self, error: Exception) -> None:
        """Fail current and later waits, because the owner has ended."""
        self._error = error
        for wait in self.pending():
            wait.fail(copy.copy(error))

    def when_extra_info(self, row_id: str) -> Deferred[None]:
        """Return a Deferred that fires when more is reported about an exchange."""

        def forget(waiting: Deferred[None]) -> None:
            self._extra_info[row_id].remove(waiting)
            if not self._extra_info[row_id]:
                del self._extra_info[row_id]

        waiting: Deferred[None] = Deferred(forget)
        self._extra_info.setdefault(row_id, []).append(waiting)
        return waiting

    def wake(self, row_id: str) -> None:
        """Note that more is reported about an exchange."""
        for waiting in self._extra_info.pop(row_id, ()):
            waiting.callback(None)


def is_counted(row: Row) -> bool:
    """Whether an exchange in progress keeps the network from being idle."""
    return row.type not in _UNCOUNTED and not row.is_untold_script and not row.url.endswith("/favicon.ico")


def listed(rows: Sequence[Row]) -> str:
    """Return the URLs of exchanges, of the first few if there are many, for errors."""
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return ", ".join(shown_url(each.url) for each in rows[:3]) + more
