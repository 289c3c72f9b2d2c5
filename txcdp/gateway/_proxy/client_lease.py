"""Clients' leases of virtual browsers, and the gateway's own client in them on behalf of HTTP requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from txcdp._deferreds import OneShot, Timer, with_deadline
from txcdp._reactor import Clock
from txcdp.chrome._descriptions import TargetDescription, build
from txcdp.gateway._http.refusals import Refusal, busy
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._multiplex import OpenOtherEnd, VirtualBrowser
from txcdp.gateway._proxy.base_mode import just_gone
from txcdp.gateway._proxy.upstream import Upstream
from txcdp.protocol import from_json, to_json


class ClientLease:
    """A client's virtual browser: it lasts as long as the line that it was made for, or as any line to a page of it.

    :param clock: the reactor.
    :param upstream: the browser that it is in.
    :param virtual: the virtual browser.
    :param principal: whose it is.
    :param left: called with the lease and False when nobody has come for whom it was held.
    :param listed: whether it was made by an HTTP request, whose pages are told to whoever has the same token.
    :ivar main: the line that it was made for; None where that was a request.
    :ivar lines: all that are open.
    :ivar offered: ids that were offered before their page was there, with the real ones.
    :ivar name: the id of a browser by which its client has come; ``""``: by none.
    :ivar hold: while it is set, somebody is still to come.
    :ivar lingers: whether that is somebody who was there before.
    :ivar had_lines: whether anybody has been there.
    """

    def __init__(
        self,
        clock: Clock,
        upstream: Upstream,
        virtual: VirtualBrowser,
        principal: Principal,
        left: Callable[[ClientLease, bool], None],
        listed: bool = False,
    ) -> None:
        self.upstream = upstream
        self.virtual = virtual
        self.principal = principal
        self.listed = listed
        self.main: object = None
        self.lines: set[object] = set()
        self.offered: dict[str, str] = {}
        self.name = ""
        self.lingers = False
        self.had_lines = False
        self.hold = Timer(clock, lambda: left(self, False))

    def target(self, name: str) -> str | None:
        """Return the real id of one of its targets, or None."""
        target_id = self.offered.get(name, name)
        return target_id if target_id in self.virtual.targets else None

    def described(self, there: list[TargetDescription]) -> list[TargetDescription]:
        """Describe its targets as ``/json/list`` does, by the ids by which its client knows them.

        :param there: what the browser says of the targets of all its clients.
        """
        names = {real: name for name, real in self.offered.items()}
        return [
            msgspec.structs.replace(each, id=names.get(each.id, each.id))
            for each in there
            if each.id is not None and each.id in self.virtual.targets and each.type != "tab"
        ]


def described(info: dict[str, Any], frontend: str | None) -> TargetDescription:
    """Describe a target."""
    found = {**info, "id": info.get("targetId"), "description": "", "devtoolsFrontendUrl": frontend}
    return build(TargetDescription, found)


class InternalClient:
    """Sends commands to a virtual browser, in the place of a client.

    :param clock: the reactor.
    :param seconds: for each answer.
    :param open_other_end: opens the virtual browser, of what takes its messages and its end.
    :ivar virtual: the virtual browser.
    :ivar gone: fires when that has ended by itself.
    """

    def __init__(self, clock: Clock, seconds: float, open_other_end: OpenOtherEnd) -> None:
        self._clock = clock
        self._seconds = seconds
        self._asked: dict[int, Deferred[dict[str, Any]]] = {}
        self._numbers = 0
        self.gone: OneShot[None] = OneShot()
        self.virtual = open_other_end(self.deliver, self.ended)

    def ask(self, method: str, **params: Any) -> Deferred[dict[str, Any]]:
        """Send a command; fires with its result, and fails with :exc:`Refusal`."""
        self._numbers += 1
        number = self._numbers

        def forget(_: object) -> None:
            self._asked.pop(number, None)

        asked: Deferred[dict[str, Any]] = Deferred(forget)
        self._asked[number] = asked
        self.virtual.receive(to_json({"id": number, "method": method, "params": params}))
        refusal = busy(502, "The browser did not answer in time.", "browser", 1)
        return with_deadline(self._clock, asked, self._seconds, lambda: refusal)

    def deliver(self, message: bytes) -> None:
        """Take a message of the virtual browser's."""
        said = from_json(message)
        asked = self._asked.pop(said.get("id"), None)
        if asked is None:
            return
        if "result" in said:
            asked.callback(said["result"])
        else:
            asked.errback(Refusal(403, str(said["error"].get("message")), "browser"))

    def ended(self, code: int, why: str) -> None:
        """End: nothing more is answered."""
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.errback(just_gone())
        self.gone.fire(None)
