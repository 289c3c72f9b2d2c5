"""Combines the settings of ``Target.setAutoAttach`` that different parties need; it sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from txcdp.domains.target import TargetInfo
from txcdp.protocol._auto_attach import AUTO_ATTACH_RELATED, SET_AUTO_ATTACH, Want, holds, merged, read_want, write_want


class Wanting(Protocol):
    """A party that needs targets to be attached."""

    def _want(self) -> Want:
        """Return the parameters that it needs."""


W = TypeVar("W", bound=Wanting)
T = TypeVar("T")


class AutoAttaching(Generic[W]):
    """The auto-attach settings needed in one session: by our policies, and by the user's own commands.

    :ivar policies: the policies in the order in which they were started.
    """

    def __init__(self) -> None:
        self.policies: tuple[W, ...] = ()
        self._by_hand: dict[str, Want] = {}
        self._attaching: list[object] = []

    @property
    def related(self) -> bool:
        """Whether the user has sent ``Target.autoAttachRelated``, which a ``Target.setAutoAttach`` would undo."""
        return bool(_related(self._by_hand))

    def asked(self, method: str, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Callable[[], None]]:
        """Note a command of the user.

        :returns: the parameters that satisfy everyone, and a function that undoes the note if the browser refuses them.
        """
        want = read_want(params)
        if want is None or (method == SET_AUTO_ATTACH and not isinstance(params.get("autoAttach"), bool)):
            return params, _nothing
        before = self._by_hand
        if method == AUTO_ATTACH_RELATED:  # several add up; in the browser they end what was set, and it ends them
            now = {**_related(before), str(params.get("targetId")): want}
        else:
            now = {"": want} if params["autoAttach"] else {}
        self._by_hand = now

        def take_back() -> None:
            if self._by_hand is now:
                self._by_hand = before

        if method == AUTO_ATTACH_RELATED or not self.policies:
            return params, take_back
        return {**params, **self.params()}, take_back

    def add(self, policy: W) -> Callable[[], None]:
        """Add a policy; return a function that undoes that."""
        self.remove(policy)
        self.policies = (*self.policies, policy)
        self._by_hand = {key: want for key, want in self._by_hand.items() if not key}
        return lambda: self.remove(policy)

    def remove(self, policy: W) -> None:
        """Remove a policy."""
        self.policies = tuple(each for each in self.policies if each is not policy)

    def clear(self) -> None:
        """Forget everything, because the session has ended."""
        self.policies, self._by_hand = (), {}

    def params(self) -> dict[str, Any]:
        """Return the parameters of ``Target.setAutoAttach`` that satisfy everyone."""
        wants = [*(each._want() for each in self.policies), *filter(None, [self._by_hand.get("")])]
        if not wants:
            return {"autoAttach": False, "waitForDebuggerOnStart": False, "flatten": True}
        return write_want(merged(wants))

    def attaching(self, params: Mapping[str, Any]) -> Callable[[T], T]:
        """Note that a command attaches to a target; the browser reports the session before it replies.

        :returns: a function to be called with the outcome, which it returns.
        """
        target_id = params.get("targetId")
        self._attaching.append(target_id)

        def attached(outcome: T) -> T:
            self._attaching.remove(target_id)
            return outcome

        return attached

    def is_attaching(self, info: TargetInfo) -> bool:
        """Whether a reported session was requested by a command, rather than attached automatically."""
        return info.target_id in self._attaching or info.type == "browser"

    def by_hand(self, kind: str) -> bool:
        """Whether the user's own commands ask for a type of target."""
        return any(each.covers(kind) for each in self._by_hand.values())

    def attaches(self, kind: str) -> bool:
        """Whether a type of target is attached automatically."""
        return self.by_hand(kind) or any(each._want().covers(kind) for each in self.policies)

    def holds(self, kind: str) -> bool:
        """Whether a new target of a type is left to the user to resume."""
        return holds(self._by_hand.values(), kind)


def _related(by_hand: Mapping[str, Want]) -> dict[str, Want]:
    return {key: want for key, want in by_hand.items() if key}


def _nothing() -> None:
    """Undo nothing."""
