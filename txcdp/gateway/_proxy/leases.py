"""Who has which browser, or which share of one, and the ids by which clients know it and its pages."""

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
    """A browser, or a share of one, that a client can have.

    :ivar ended: fires when it has ended by itself.
    """

    ended: OneShot[Any]

    @property
    def gone(self) -> bool:
        """Whether it is of no more use to anybody."""

    @property
    def netloc(self) -> str:
        """Where the browser listens."""

    @property
    def pages(self) -> Collection[str]:
        """The ids of the pages that are known to be in it."""

    @property
    def downloads(self) -> str:
        """The folder of what is downloaded in it by who has not said where to; ``""``: none."""

    def described(self, there: list[TargetDescription]) -> list[TargetDescription]:
        """Choose what is in it from what the browser says of all that there is."""


B = TypeVar("B", bound=Leasable)


class Lease(Generic[B]):
    """One client's hold on a browser, or on a share of one: it lasts as long as its lines, and a moment longer.

    :param clock: the reactor.
    :param name: the id that it has for its client.
    :param principal: who that is.
    :param listed: whether its pages are told to whoever has the same token.
    :param left: called with the lease and None when nobody has come for whom it was held.
    :ivar ready: fires with the browser, or None where there is none to be had.
    :ivar browser: what is leased, once it is there.
    :ivar lines: the lines that keep it, with what each goes to.
    :ivar offered: ids by which its pages were offered, with the real ones.
    :ivar hold: while it is set, somebody is still to come.
    :ivar lingers: whether that is somebody who was there before.
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
        """Describe its pages by the ids by which its client knows them.

        :param there: what the browser says of all that there is.
        """
        names = {real: name for name, real in self.offered.items()}
        found = [] if self.browser is None else self.browser.described(there)
        return [msgspec.structs.replace(each, id=names.get(each.id or "", each.id)) for each in found]
