"""The gateway's own client of a virtual browser, which serves HTTP requests."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txcdp._deferreds import with_deadline
from txcdp._reactor import Clock
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._multiplex import OpenConnection
from txcdp.gateway._proxy.base_mode import just_gone, no_answer
from txcdp.protocol import from_json, to_json


class InternalClient:
    """Sends commands to a virtual browser as a client would.

    :param clock: the reactor.
    :param seconds: the timeout of each command.
    :param connect: opens the connection, given the callbacks for its messages and its end.
    :ivar connection: the connection to the virtual browser.
    """

    def __init__(self, clock: Clock, seconds: float, connect: OpenConnection) -> None:
        self._clock = clock
        self._seconds = seconds
        self._asked: dict[int, Deferred[dict[str, Any]]] = {}
        self._numbers = 0
        self.connection = connect(self.deliver, self.ended)

    def ask(self, method: str, **params: Any) -> Deferred[dict[str, Any]]:
        """Send a command; the Deferred fires with its result, or fails with :exc:`Refusal`."""
        self._numbers += 1
        number = self._numbers

        def forget(_: object) -> None:
            self._asked.pop(number, None)

        asked: Deferred[dict[str, Any]] = Deferred(forget)
        self._asked[number] = asked
        self.connection.receive(to_json({"id": number, "method": method, "params": params}))
        return with_deadline(self._clock, asked, self._seconds, no_answer)

    def deliver(self, message: bytes) -> None:
        """Handle a message from the virtual browser."""
        said = from_json(message)
        asked = self._asked.pop(said.get("id"), None)
        if asked is None:
            return
        if "result" in said:
            asked.callback(said["result"])
        else:
            asked.errback(Refusal(403, str(said["error"].get("message")), "browser"))

    def ended(self, code: int, why: str) -> None:
        """Handle the end of the virtual browser: nothing more will be answered."""
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.errback(just_gone())
