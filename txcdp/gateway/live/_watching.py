"""What is watched while there is a viewer: the clients, by the existing counters, and their browsers.

Each browser is watched over a WebSocket of its own, so that watching delays nobody else's messages. When that
connection ends, the browser forgets its sessions, and what was enabled in them. Browsers that nobody has leased are not
watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from txcdp._reactor import AnyReactor, Clock
from txcdp._transports.websocket import WebSocketOptions
from txcdp.browser import Browser, connect
from txcdp.gateway._pool.pooled_browser import Running
from txcdp.gateway.live._browsers import BrowserWatch
from txcdp.gateway.live._tables import LiveTables, Rate, Row

#: A browser that sends a larger message is not watched for a while: a page may log a text of any length.
_LONGEST_MESSAGE = 16 * 1024 * 1024

_LINE = WebSocketOptions(ping_interval=None, max_message_size=_LONGEST_MESSAGE)

#: Opens a connection to a browser.
OpenLine = Callable[[Running], Deferred[Browser]]


def opener(reactor: AnyReactor) -> OpenLine:
    """Return a function that opens a separate connection to a browser."""

    def open_line(running: Running) -> Deferred[Browser]:
        return connect(reactor, running.ws_url, options=_LINE, probes=None)

    return open_line


class LiveWatch:
    """Fills the tables; see :class:`~txcdp.gateway.live._feed.TableSource`.

    :param clock: the reactor.
    :param tables: the tables to fill.
    :param state: returns the same as :meth:`txcdp.gateway.Gateway.state`.
    :param taken: returns the browsers that are leased.
    :param open_line: opens a connection to one.
    :ivar browsers: the watched browsers by process id.
    """

    def __init__(
        self,
        clock: Clock,
        tables: LiveTables,
        state: Callable[[], dict[str, Any]],
        taken: Callable[[], Iterable[Running]],
        open_line: OpenLine,
    ) -> None:
        self._clock = clock
        self._tables = tables
        self._state = state
        self._taken = taken
        self._open_line = open_line
        self._rates: dict[int, tuple[Rate, Rate, Rate]] = {}
        self.browsers: dict[int, BrowserWatch] = {}

    def stop(self) -> None:
        """Stop watching, and leave nothing behind in the browsers."""
        watched, self.browsers = self.browsers, {}
        for each in watched.values():
            each.stop()
        self._rates.clear()

    def look(self) -> dict[str, Any]:
        """Update what has no events; return what is displayed besides the tables."""
        now = self._clock.seconds()
        state = self._state()
        self._look_at_browsers(now)
        rates = self._clients(state["clients"], now)
        self._browsers(state["browsers"], rates, now)
        return {key: state[key] for key in ("draining", "waiting", "starting")}

    def _look_at_browsers(self, now: float) -> None:
        there = {running.pid: running for running in self._taken()}
        for pid in [pid for pid in self.browsers if pid not in there]:
            self.browsers.pop(pid).stop()
        for pid, running in there.items():
            if pid not in self.browsers:
                self.browsers[pid] = BrowserWatch(self._clock, self._tables, running, self._open_line)
            self.browsers[pid].look(now)

    def _clients(self, clients: list[Row], now: float) -> dict[str, float]:
        """Update the clients; return the commands per second by browser."""
        rows: dict[int, Row] = {}
        found: dict[str, float] = {}
        for each in clients:
            number = each["number"]
            rates = self._rates.setdefault(number, (Rate(), Rate(), Rate()))
            commands = rates[0].note(each["commands"], now)
            rows[number] = {
                "name": each["name"],
                "browser": each["browser"],
                "began": round(now - each["age"], 1),
                "active": round(now - each["idle"], 1),
                "commands": each["commands"],
                "bytes_in": each["bytes_in"],
                "bytes_out": each["bytes_out"],
                "command_rate": commands,
                "in_rate": round(rates[1].note(each["bytes_in"], now)),
                "out_rate": round(rates[2].note(each["bytes_out"], now)),
            }
            found[each["browser"]] = found.get(each["browser"], 0.0) + commands
        self._rates = {number: rates for number, rates in self._rates.items() if number in rows}
        self._tables.clients.keep(rows)
        return found

    def _browsers(self, browsers: list[Row], rates: dict[str, float], now: float) -> None:
        rows: dict[int, Row] = {}
        for each in browsers:
            pid = each["pid"]
            watch = self.browsers.get(pid)
            rows[pid] = {
                "state": each["state"],
                "born": round(now - each["age"], 1),
                "sessions": each["sessions"],
                "memory": each["memory"],
                "command_rate": round(rates.get(str(pid), 0.0), 1),
                "watched": "" if watch is None else watch.state,
                "misread": 0 if watch is None else watch.misread,
                "targets": 0 if watch is None else len(watch.targets),
                "request_rate": 0.0 if watch is None else round(watch.request_rate, 1),
            }
        self._tables.browsers.keep(rows)
