"""Watches one target: its requests, its console and, for a page, a picture of it.

The domains that are enabled for this, in a session of the gateway's own, are chosen so that the client's page behaves
as if nobody watched it: ``Network`` without keeping bodies, ``Runtime`` and ``Log`` for the console, a small
screencast. ``Page`` is not enabled, because dialogs would then wait for an answer. ``Debugger`` and ``Fetch`` never
are, because they pause what runs.
"""

from __future__ import annotations

from base64 import b64encode
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred

from txcdp._core.dispatch.tap import RawEvent
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._following import Choice, Following, ModelFeed
from txcdp._privacy import printable, shown_url
from txcdp._reactor import Clock
from txcdp.domains import inspector, network, page, runtime, target
from txcdp.domains import log as log_domain
from txcdp.gateway.live._console import line_of
from txcdp.gateway.live._tables import LiveTables, Meter
from txcdp.model import (
    BrowserModel,
    Change,
    ConsoleEntry,
    ConsoleWritten,
    Exchange,
    ExchangeEnded,
    ExchangeResponded,
    ExchangeStarted,
    ExchangeState,
    SessionCrashed,
    SessionRevived,
    kind_of,
)
from txcdp.protocol._records import Event

#: The maximum number of events per second of one target; if it has more, it is no longer followed.
_MOST_EVENTS = 2000

#: The maximum number of targets of a browser that are followed at once; further ones are only listed.
_MOST = 50

#: The maximum number of requests in flight of one target; beyond that, the oldest is not followed to its end.
_MOST_OPEN = 200

#: The size of a picture in pixels, its quality in percent, and its maximum number of characters (in base 64).
_WIDTH, _HEIGHT, _QUALITY = 400, 250, 60
_LARGEST_PICTURE = 400_000
#: The quality of a picture that is as large as the page.
_STILL_QUALITY = 30

#: The maximum length of single words from the browser, in characters.
_WORD = 80

#: The events that are passed to the model.
_FED: tuple[type[Event], ...] = (
    *(inspector.TargetCrashed, inspector.TargetReloadedAfterCrash, log_domain.EntryAdded),
    *(network.LoadingFailed, network.LoadingFinished, network.RequestServedFromCache, network.RequestWillBeSent),
    *(network.ResponseReceived, runtime.ConsoleAPICalled, runtime.ExceptionThrown),
)

EVENTS = frozenset([*(each.method for each in _FED), page.ScreencastFrame.method])

_NOTHING_KEPT = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0, "maxPostDataSize": 0}
_SCREENCAST = {"format": "jpeg", "quality": _QUALITY, "maxWidth": _WIDTH, "maxHeight": _HEIGHT}

#: After so many looks, and again after as many, a page that has drawn nothing is taken a picture of: a screencast
#: begins with a change, and a picture that is asked for while a document is replaced may come to nothing.
_STILL = 2

#: How the source of a response is displayed.
_CACHES = {"disk": "disk cache", "worker": "worker", "memory": "memory cache"}

#: How the end of a request is displayed; for outcomes that are not listed here, the requester is gone.
_ENDS = {
    ExchangeState.FINISHED: "done",
    ExchangeState.REDIRECTED: "done",
    ExchangeState.FAILED: "failed",
    ExchangeState.CANCELLED: "cancelled",
}

_numbers = count(1)


class Listed(Choice):
    """The targets of a browser that are watched: pages and workers that the root session can attach to."""

    below = ()  # what is within a page is told of by its own session, which is not asked

    def __init__(self) -> None:
        self._followed: set[str] = set()

    def wants_above(self, info: target.TargetInfo) -> bool:
        """Return whether a target is one of these, and the limit is not reached."""
        kind = kind_of(info.type)
        return (kind.has_document or kind.is_worker) and not kind.is_within and len(self._followed) < _MOST

    def took(self, info: target.TargetInfo) -> None:
        """Count a target."""
        self._followed.add(info.target_id)

    def left(self, info: target.TargetInfo) -> None:
        """Stop counting a target."""
        self._followed.discard(info.target_id)


def watched(target_type: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the commands that are sent to a watched target."""
    commands: list[tuple[str, dict[str, Any]]] = [
        ("Network.enable", _NOTHING_KEPT),
        ("Runtime.enable", {}),
        ("Log.enable", {}),
    ]
    return [*commands, ("Page.startScreencast", _SCREENCAST)] if target_type == "page" else commands


class TargetWatch:
    """Watches one target.

    :param clock: the reactor.
    :param tables: the tables to fill.
    :param key: the target's id.
    :param kind: its type.
    """

    def __init__(self, clock: Clock, tables: LiveTables, key: str, kind: str) -> None:
        self._clock = clock
        self._tables = tables
        self._session: Session | None = None
        self._following: Following | None = None
        self._feed = ModelFeed(BrowserModel(), _FED)
        #: The rows of requests in flight, by exchange.
        self._open: dict[str, int] = {}
        self._picture: int | None = None
        self._taking: Deferred[Any] | None = None
        self._looks = 0
        self._events = 0
        self._requests, self._bytes, self._lines = Meter(), Meter(), Meter()
        self.key = key
        self._is_page = kind == "page"
        tables.targets.put(key, {"type": printable(kind[:_WORD]), "url": "", "title": "", "state": ""})

    def show(self, **fields: Any) -> None:
        """Set fields of its row."""
        self._tables.targets.change(self.key, **fields)

    def listen(self, session: Session, following: Following) -> None:
        """Start listening to the target's session."""
        self._session, self._following = session, following

    def end(self) -> None:
        """Remove the target, which is gone, from the tables."""
        self._session = None
        for number in self._open.values():
            self._tables.requests.change(number, state="gone")
        self._tables.targets.drop(self.key)
        self._tables.pictures.drop(self.key)

    def look(self, now: float) -> float:
        """Compute the rates, and request the next picture.

        :returns: requests per second.
        """
        self._events = 0
        rate = self._requests.rate(now)
        self.show(
            requests=round(self._requests.total),
            request_rate=rate,
            bytes=round(self._bytes.total),
            byte_rate=round(self._bytes.rate(now)),
            lines=round(self._lines.total),
            line_rate=self._lines.rate(now),
        )
        picture, self._picture = self._picture, None
        if picture is not None:
            self._send(page.screencast_frame_ack(session_id=picture))
        self._looks += 1
        if self._looks % _STILL == 0 and self._is_page and self.key not in self._tables.pictures.rows:
            self._take_picture()
        return rate

    def heard(self, message: RawEvent) -> None:
        """Handle one of :data:`EVENTS`."""
        if self._session is None:
            return
        self._events += 1
        if self._events > _MOST_EVENTS:
            self._mute()
            return
        if message.method == page.ScreencastFrame.method:
            self._frame(message.params)
            return
        fed = self._feed.give("", self._feed.read(message))
        for change in fed.changes:
            self._become(change)
        if fed.fault is not None:
            raise ValueError(f"{message.method}: {fed.fault!r}")

    def _become(self, change: Change) -> None:
        match change:
            case ExchangeStarted(exchange):
                self._begun(exchange)
            case ExchangeResponded(exchange):
                self._answered(exchange)
            case ExchangeEnded(exchange, reason):
                self._ended(exchange, reason)
            case ConsoleWritten(entry):
                self._line(entry)
            case SessionCrashed():
                self._tables.pictures.drop(self.key)
                self.show(state="crashed")
            case SessionRevived():
                self.show(state="")
                if self._session is not None and self._following is not None:
                    self._following.set_up_quietly(self._session)

    def _mute(self) -> None:
        """Detach from a target with too many events."""
        session, self._session = self._session, None
        assert session is not None
        session.detach().addErrback(ignore_failure)
        self.show(state="too much activity: no longer followed")

    def _send(self, command: Any) -> None:
        if self._session is not None:
            self._session.execute(command).addErrback(ignore_failure)

    def _take_picture(self) -> None:
        """Take a picture of a page that does not change; a frame of the screencast takes precedence."""
        session = self._session
        if session is None or self._taking is not None:
            return

        def done(_: object) -> None:
            self._taking = None

        self._taking = taking = session.execute(page.capture_screenshot(format="jpeg", quality=_STILL_QUALITY))
        taking.addCallback(lambda result: self._keep_picture(result.data)).addErrback(ignore_failure).addBoth(done)

    def _keep_picture(self, data: bytes) -> None:
        jpeg = b64encode(data).decode()
        there = self._session is not None and self.key not in self._tables.pictures.rows
        if there and len(jpeg) <= _LARGEST_PICTURE:
            self._tables.pictures.put(self.key, {"jpeg": jpeg})

    # Its life:

    def _frame(self, params: dict[str, Any]) -> None:
        """Handle a picture; the next one is requested at the next update."""
        self._picture = params["sessionId"]
        if len(params["data"]) <= _LARGEST_PICTURE:
            self._tables.pictures.put(self.key, {"jpeg": params["data"]})

    def _line(self, entry: ConsoleEntry) -> None:
        self._lines.total += 1
        shown = line_of(entry)._asdict()
        row = {"at": round(self._clock.seconds(), 3), "target": self.key, **shown}
        self._tables.lines.put(next(_numbers), row)

    # Its requests:

    def _begun(self, exchange: Exchange) -> None:
        self._requests.total += 1
        number = self._open[exchange.id] = next(_numbers)
        if len(self._open) > _MOST_OPEN:
            oldest = next(iter(self._feed.model.exchanges.exchanges.values()))
            self._feed.model.exchanges.forget(oldest.request_id)
            del self._open[oldest.id]
        self._tables.requests.put(
            number,
            {
                "at": round(self._clock.seconds(), 3),
                "target": self.key,
                "method": printable(exchange.method[:_WORD]),
                "url": shown_url(exchange.url),
                "type": printable(exchange.type[:_WORD]),
                "status": None,
                "state": "open",
                "took": None,
                "size": None,
                "note": "",
            },
        )

    def _answered(self, exchange: Exchange) -> None:
        note = _CACHES.get(exchange.cached, "")
        self._change(exchange, status=exchange.status, size=round(exchange.received), note=note)

    def _ended(self, exchange: Exchange, reason: ExchangeState) -> None:
        why = exchange.blocked_reason or exchange.error_text
        fields: dict[str, Any] = {"state": _ENDS.get(reason, "gone"), "note": printable(str(why)[:_WORD])}
        if exchange.ended is not None:
            fields["took"] = round(max(0.0, exchange.ended - exchange.started), 4)
        if reason is ExchangeState.FINISHED:
            self._bytes.total += exchange.received
            fields |= {"size": round(exchange.received), "note": _CACHES.get(exchange.cached, "")}
        elif reason is ExchangeState.REDIRECTED:
            fields["note"] = _CACHES.get(exchange.cached, "")
        self._change(exchange, **fields)
        self._open.pop(exchange.id, None)

    def _change(self, exchange: Exchange, **fields: Any) -> None:
        number = self._open.get(exchange.id)
        if number is not None:
            self._tables.requests.change(number, **fields)
