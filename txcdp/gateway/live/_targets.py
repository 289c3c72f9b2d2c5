"""One target that is watched: its requests, what it writes to its console, and, of a page, a picture of it.

What is enabled for that, in a session of the gateway's own, is chosen so that the client's page goes on as if nobody
looked: ``Network`` without keeping bodies, ``Runtime`` and ``Log`` for the console, a small screencast. ``Page`` is not
enabled, as dialogs would wait for an answer then, and ``Debugger`` and ``Fetch`` never are: they stop what runs.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._privacy import printable, shown_url
from txcdp.domains import log as log_domain
from txcdp.domains import network, page, runtime
from txcdp.errors import TxcdpError
from txcdp.gateway.live._console import Entry, entry_of
from txcdp.gateway.live._tables import Rate, Tables

#: Of one target in a second; of one that has more nothing is heard any more.
_MOST_EVENTS = 2000

#: Requests of one target that are on their way; of more, the oldest is not followed to its end.
_MOST_OPEN = 200

#: Pixels of a picture, its quality in percent, and the most characters of it (in base 64).
_WIDTH, _HEIGHT, _QUALITY = 400, 250, 60
_LARGEST_PICTURE = 400_000

#: Characters of words that the browser says.
_WORD = 80

EVENTS = frozenset(
    {
        "Inspector.targetCrashed",
        "Inspector.targetReloadedAfterCrash",
        "Log.entryAdded",
        "Network.loadingFailed",
        "Network.loadingFinished",
        "Network.requestServedFromCache",
        "Network.requestWillBeSent",
        "Network.responseReceived",
        "Page.screencastFrame",
        "Runtime.consoleAPICalled",
        "Runtime.exceptionThrown",
    }
)

_numbers = count(1)


class TargetWatch:
    """Watches one target.

    :param clock: the reactor.
    :param tables: to be filled.
    :param key: the target's id.
    :param kind: its type.
    :ivar wanted: whether it is, or is to be, listened to.
    """

    def __init__(self, clock: Any, tables: Tables, key: str, kind: str) -> None:
        self._clock = clock
        self._tables = tables
        self._kind = kind
        self._session: Session | None = None
        self._open: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._picture: int | None = None
        self._events = self._requests = self._lines = 0
        self._bytes = 0.0
        self._rates = (Rate(), Rate(), Rate())
        self._heard_by = {
            "Inspector.targetCrashed": self._crashed,
            "Inspector.targetReloadedAfterCrash": self._revived,
            "Network.loadingFailed": self._loading_failed,
            "Network.loadingFinished": self._loading_finished,
            "Network.requestServedFromCache": self._from_cache,
            "Network.requestWillBeSent": self._request,
            "Network.responseReceived": self._response,
            "Page.screencastFrame": self._frame,
        }
        self.key = key
        self.wanted = False
        tables.targets.put(key, {"type": printable(kind[:_WORD]), "url": "", "title": "", "state": ""})

    def show(self, **fields: Any) -> None:
        """Set fields of its row."""
        self._tables.targets.change(self.key, **fields)

    def listen(self, session: Session) -> None:
        """Begin to listen."""
        self._session = session
        self._set_up()

    def end(self) -> None:
        """Hear that it is gone."""
        self._session = None
        for number, _ in self._open.values():
            self._tables.requests.change(number, state="gone")
        self._tables.targets.drop(self.key)
        self._tables.pictures.drop(self.key)

    def look(self, now: float) -> float:
        """Work out the rates, and ask for the next picture.

        :returns: requests in a second.
        """
        self._events = 0
        requests, received, lines = self._rates
        rate = requests.note(self._requests, now)
        self.show(
            requests=self._requests,
            request_rate=rate,
            bytes=round(self._bytes),
            byte_rate=round(received.note(self._bytes, now)),
            lines=self._lines,
            line_rate=lines.note(self._lines, now),
        )
        picture, self._picture = self._picture, None
        if picture is not None:
            self._send(page.screencast_frame_ack(session_id=picture))
        return rate

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """Take one of :data:`EVENTS`."""
        if self._session is None:
            return
        self._events += 1
        if self._events > _MOST_EVENTS:
            self._mute()
            return
        handle = self._heard_by.get(method)
        if handle is not None:
            handle(params)
        else:
            self._line(entry_of(method, params))

    def _set_up(self) -> None:
        self._send(network.enable(max_total_buffer_size=0, max_resource_buffer_size=0, max_post_data_size=0))
        self._send(runtime.enable())
        self._send(log_domain.enable())
        if self._kind == "page":
            self._send(page.start_screencast(format="jpeg", quality=_QUALITY, max_width=_WIDTH, max_height=_HEIGHT))

    def _mute(self) -> None:
        """Hear no more of one that says too much."""
        session, self._session = self._session, None
        assert session is not None
        session.detach().addErrback(_needless)
        self.show(state="too much is going on: not followed any more")

    def _send(self, command: Any) -> None:
        if self._session is not None:
            self._session.execute(command).addErrback(_needless)

    # Its life:

    def _crashed(self, params: dict[str, Any]) -> None:
        self._tables.pictures.drop(self.key)
        self.show(state="crashed")

    def _revived(self, params: dict[str, Any]) -> None:
        self.show(state="")
        self._set_up()

    def _frame(self, params: dict[str, Any]) -> None:
        """Take a picture; the next one is asked for with the next look."""
        self._picture = params["sessionId"]
        if len(params["data"]) <= _LARGEST_PICTURE:
            self._tables.pictures.put(self.key, {"jpeg": params["data"]})

    def _line(self, entry: Entry) -> None:
        self._lines += 1
        row = {"at": round(self._clock.seconds(), 3), "target": self.key, **entry._asdict()}
        self._tables.lines.put(next(_numbers), row)

    # Its requests:

    def _request(self, params: dict[str, Any]) -> None:
        key, began = params["requestId"], params["timestamp"]
        if "redirectResponse" in params:
            self._answered(key, params["redirectResponse"])
            self._finish(key, began, "done")
        self._requests += 1
        number = next(_numbers)
        self._open[key] = (number, began)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        request = params["request"]
        self._tables.requests.put(
            number,
            {
                "at": round(self._clock.seconds(), 3),
                "target": self.key,
                "method": printable(request["method"][:_WORD]),
                "url": shown_url(request["url"]),
                "type": printable(str(params.get("type", "Other"))[:_WORD]),
                "status": None,
                "state": "open",
                "took": None,
                "size": None,
                "note": "",
            },
        )

    def _response(self, params: dict[str, Any]) -> None:
        self._answered(params["requestId"], params["response"])

    def _answered(self, key: str, response: dict[str, Any]) -> None:
        note = "disk cache" if response.get("fromDiskCache") else "worker" if response.get("fromServiceWorker") else ""
        fields = {"status": response["status"], "size": round(response["encodedDataLength"])}
        self._change(key, **fields, **({"note": note} if note else {}))

    def _from_cache(self, params: dict[str, Any]) -> None:
        self._change(params["requestId"], note="memory cache")

    def _loading_finished(self, params: dict[str, Any]) -> None:
        size = params["encodedDataLength"]
        self._bytes += size
        self._change(params["requestId"], size=round(size))
        self._finish(params["requestId"], params["timestamp"], "done")

    def _loading_failed(self, params: dict[str, Any]) -> None:
        why = params.get("blockedReason") or params.get("errorText") or ""
        self._change(params["requestId"], note=printable(str(why)[:_WORD]))
        self._finish(params["requestId"], params["timestamp"], "cancelled" if params.get("canceled") else "failed")

    def _change(self, key: str, **fields: Any) -> None:
        if key in self._open:
            self._tables.requests.change(self._open[key][0], **fields)

    def _finish(self, key: str, at: float, state: str) -> None:
        number, began = self._open.pop(key, (0, 0.0))
        self._tables.requests.change(number, state=state, took=round(max(0.0, at - began), 4))


def _needless(failure: Failure) -> None:
    """What a target that is gone, or cannot be asked that, does not answer is not shown."""
    failure.trap(TxcdpError, CancelledError)
