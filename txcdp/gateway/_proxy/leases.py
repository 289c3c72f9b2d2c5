"""Leases: which client has which browser or share of one, and the ids by which it knows that and its pages."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from txcdp._deferreds import OneShot, Timer
from txcdp._reactor import Clock
from txcdp.chrome._descriptions import TargetDescription
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._proxy.modes import EndpointKind


class Leasable(Protocol):
    """A browser, or a share of one, that can be leased to a client.

    :ivar ended: fires when it has ended by itself.
    """

    ended: OneShot[Any]

    @property
    def gone(self) -> bool:
        """Whether it can no longer be used."""

    @property
    def netloc(self) -> str:
        """The address at which the browser listens."""

    @property
    def pages(self) -> Collection[str]:
        """The ids of the pages that are known to be in it."""

    @property
    def downloads(self) -> str:
        """The folder for downloads if the client has not chosen one; ``""``: none."""

    def described(self, there: list[TargetDescription]) -> list[TargetDescription]:
        """Select its own targets from the browser's list of all targets."""


B = TypeVar("B", bound=Leasable)


class Lease(Generic[B]):
    """One client's hold on a browser or on a share of one: it lasts a moment longer than its last connection.

    :param clock: the reactor.
    :param name: the id by which its client knows the browser.
    :param principal: the client.
    :param listed: whether its pages are listed for everyone with the same token.
    :param left: called with the lease and None when nobody has come for the time that it was held.
    :ivar ready: fires with the browser, or None if none became available.
    :ivar browser: what is leased; None until it is available.
    :ivar lines: the connections that keep it, each with the kind of its endpoint.
    :ivar offered: the ids under which its pages were offered, mapped to the real ones.
    :ivar hold: while it is set, the lease is held for somebody who is yet to come.
    :ivar lingers: whether it is held for a client that was connected before.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        principal: Principal,
        listed: bool,
        left: Callable[[Lease[B], None], None],
    ) -> None:
        self.name = name
        self.principal = principal
        self.listed = listed
        self.ready: OneShot[B | None] = OneShot()
        self.browser: B | None = None
        self.lines: dict[object, EndpointKind] = {}
        self.offered: dict[str, str] = {}
        self.lingers = False
        self.hold = Timer(clock, lambda: left(self, None))

    def page(self, name: str) -> str | None:
        """Return the real id of one of its pages, or None."""
        page_id = self.offered.get(name, name)
        return page_id if self.browser is not None and page_id in self.browser.pages else None

    def described(self, there: list[TargetDescription]) -> list[TargetDescription]:
        """Describe its pages by the ids that its client knows.

        :param there: the browser's list of all targets.
        """
        names = {real: name for name, real in self.offered.items()}
        found = [] if self.browser is None else self.browser.described(there)
        return [msgspec.structs.replace(each, id=names.get(each.id or "", each.id)) for each in found]
