"""What waits for the network: an exchange that is meant, and the time when nothing is under way."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
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

#: What goes on without anything in the page waiting for it: its end is no sign of anything.
_UNCOUNTED: Final = frozenset({"EventSource", "WebSocket", "WebTransport", "Ping"})


def exchange_matcher(match: ExchangeMatch, base_url: str | None) -> Callable[[Exchange], object]:
    """Return the function that decides whether an exchange is meant.

    :raises TypeError: for what is none of these.
    """
    if callable(match):
        return match
    matches = url_matcher(match, base_url)
    return lambda exchange: matches(exchange.url)


class ExchangeWait:
    """A wait for an exchange that is meant, tried at its begin, its response and its end.

    :param of: the network of a page.
    :param matches: decides.
    """

    def __init__(self, of: Network, matches: Callable[[Exchange], object]) -> None:
        self._network = of
        self._done: Deferred[Exchange] = Deferred()
        self._match: FirstMatch[Exchange] = FirstMatch(matches, self._done.callback)

    def begin(self, seconds: float | None, what: str) -> Deferred[Exchange]:
        """Wait from now on.

        :param what: is waited for, for the error.
        """
        self._network.waits.add(self)
        late = lambda: ActionTimeout(what, seconds or 0, "no exchange matched")  # noqa: E731
        return with_deadline(self._network.clock, self._done.addBoth(self._stop), seconds, late)

    def look(self, exchange: Exchange) -> None:
        """See whether it is the one."""
        self._match.look(exchange)

    def changed(self) -> None:
        """Something has begun, or ended."""

    def fail(self, error: Exception) -> None:
        """Fail, because the page has ended; not before what is being decided about is decided."""
        self._match.fail(error)

    def _stop(self, outcome: Exchange | Failure) -> Exchange | Failure:
        self._network.waits.remove(self)
        self._match.stop()
        return outcome


class IdleWait:
    """A wait until few enough requests have been under way for a while.

    Event sources, sockets, beacons and icons do not count, nor does a worker's script before the worker answers for it.

    :param of: the network of a page.
    :param idle: for how long, in seconds.
    :param in_flight: how many may be under way.
    :raises TypeError: one of these is no number.
    :raises ValueError: one is below 0, or for ever.
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
        """Wait from now on."""
        self._network.waits.add(self)
        what = f"a network that is idle for {self._idle:g} s"
        late = lambda: ActionTimeout(what, seconds or 0, self._obstacle())  # noqa: E731
        waiting = with_deadline(self._network.clock, self._done.addBoth(self._stop), seconds, late)
        self.changed()
        return waiting

    def look(self, exchange: Exchange) -> None:
        """Take note of an exchange."""

    def changed(self) -> None:
        """See how many are under way, since something has begun, or ended."""
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
        urls = [shown_url(each.url) for each in self._counted()]
        more = f" and {len(urls) - 3} more" if len(urls) > 3 else ""
        under_way = f"{len(urls)} under way ({', '.join(urls[:3])}{more})" if urls else "requests came and went"
        return f"{under_way}; give it longer, or allow more to be under way with in_flight="

    def _stop(self, outcome: None | Failure) -> None | Failure:
        self._timer.stop()
        self._network.waits.remove(self)
        return outcome


class NetworkWaits:
    """The waits for the network of a page or a worker; all requests are followed as long as there are any.

    :param sessions: tell of the requests.
    """

    def __init__(self, sessions: NetworkSessions) -> None:
        self._sessions = sessions
        #: What waits for exchanges (a dict for an ordered set), and what for more to be told of one, by its row.
        self._waits: dict[ExchangeWait | IdleWait, None] = {}
        self._extra_info: dict[str, list[Deferred[None]]] = {}
        #: What has ended the owner.
        self._error: Exception | None = None

    def add(self, wait: ExchangeWait | IdleWait) -> None:
        """Tell something that waits of exchanges, from now on."""
        self._waits[wait] = None
        if self._error is None:
            self._sessions.use()
        else:
            wait.fail(copy.copy(self._error))

    def remove(self, wait: ExchangeWait | IdleWait) -> None:
        """Tell it of no more."""
        del self._waits[wait]
        if self._error is None:
            self._sessions.leave()

    def look(self, exchange: Exchange, *, changed: bool) -> None:
        """Show an exchange to what waits.

        :param changed: whether it has begun, or ended.
        """
        for wait in list(self._waits):
            wait.look(exchange)
            if changed:
                wait.changed()

    def end(self, error: Exception) -> None:
        """Fail what waits, now and later, because the owner has ended."""
        self._error = error
        for wait in list(self._waits):
            wait.fail(copy.copy(error))

    def when_extra_info(self, row_id: str) -> Deferred[None]:
        """Return a Deferred that fires when more is told of an exchange."""

        def forget(waiting: Deferred[None]) -> None:
            self._extra_info[row_id].remove(waiting)
            if not self._extra_info[row_id]:
                del self._extra_info[row_id]

        waiting: Deferred[None] = Deferred(forget)
        self._extra_info.setdefault(row_id, []).append(waiting)
        return waiting

    def wake(self, row_id: str) -> None:
        """Take note that more is told of an exchange."""
        for waiting in self._extra_info.pop(row_id, ()):
            waiting.callback(None)


def is_counted(row: Row) -> bool:
    """Whether a network is not idle as long as this goes on."""
    return row.type not in _UNCOUNTED and not row.is_untold_script and not row.url.endswith("/favicon.ico")
