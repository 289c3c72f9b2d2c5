"""Auto-attach: every target that a target opens gets a session before it runs its first script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp.domains import runtime, target
from txcdp.errors import CommandError, Gone, MalformedMessage
from txcdp.protocol import from_json, to_json
from txcdp.protocol._auto_attach import (
    ASSUMED,
    AUTO_ATTACH_RELATED,
    SET_AUTO_ATTACH,
    Want,
    filter_of,
    holds,
    merged,
    read_want,
    write_want,
)

if TYPE_CHECKING:
    from txcdp._core.sessions.session import Session


@dataclass(frozen=True)
class AutoAttach:
    """How the targets that a session's target opens (frames, workers, pop-ups) are attached.

    A session may have several, and the user may send ``Target.setAutoAttach`` besides: what is sent covers all of it.

    :param set_up: called with each new session before its target runs. Send what it needs without
        awaiting it: all of that leaves in one write, and the command to run comes last.
    :param keep: whether a target is wanted; one that nobody wants is let run and detached from.
    :param recursive: whether the targets that those open are attached too, and so on.
    :param wait: whether a new target waits until it is set up (``waitForDebuggerOnStart``).
    :param filter: which kinds of targets, as ``Target.setAutoAttach`` takes them.
    """

    set_up: Callable[[Session], object] | None = None
    keep: Callable[[target.TargetInfo], bool] | None = None
    recursive: bool = True
    wait: bool = True
    filter: Sequence[target.FilterEntry] | None = None

    def start(self, session: Session) -> Deferred[None]:
        """Let the targets that a session's target opens be attached from now on (``Target.setAutoAttach``).

        :returns: fires with None once the browser has agreed; fails like ``Session.execute``.
        """
        return session._start_auto_attach(self)

    def stop(self, session: Session) -> Deferred[None]:
        """Let no more targets be attached on this policy's account; sessions that only it wanted end.

        :returns: fires with None once the browser has agreed; fails like ``Session.execute``.
        """
        return session._stop_auto_attach(self)

    def _admit(self, session: Session) -> None:
        """Set up a session that was just attached; its target runs when all of it has been handled."""
        if self.recursive:
            self.start(session).addErrback(_not_supported)
        if self.set_up is not None:
            self.set_up(session)

    def _want(self) -> Want:
        """Return what is asked of the browser."""
        entries = None if self.filter is None else filter_of(from_json(to_json(list(self.filter))))
        return Want(self.wait, ASSUMED if entries is None else entries)


class AutoAttaching:
    """The auto-attach settings asked for in one session: by our policies, and by the user with commands sent by hand.

    :ivar policies: in the order in which they were started.
    """

    def __init__(self) -> None:
        self.policies: tuple[AutoAttach, ...] = ()
        self._by_hand: dict[str, Want] = {}

    def asked(self, method: str, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Callable[[], None]]:
        """Take down what was sent by hand.

        :returns: the parameters that cover what all want, and what takes it back where the browser refuses.
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

    def add(self, policy: AutoAttach) -> Callable[[], None]:
        """Take a policy up; returns what takes that back."""
        self.remove(policy)
        self.policies = (*self.policies, policy)
        self._by_hand = {key: want for key, want in self._by_hand.items() if not key}
        return lambda: self.remove(policy)

    def remove(self, policy: AutoAttach) -> None:
        """Let a policy go."""
        self.policies = tuple(each for each in self.policies if each is not policy)

    def params(self) -> dict[str, Any]:
        """Return the parameters of ``Target.setAutoAttach`` that cover what all want."""
        wants = [*(each._want() for each in self.policies), *filter(None, [self._by_hand.get("")])]
        if not wants:
            return {"autoAttach": False, "waitForDebuggerOnStart": False, "flatten": True}
        return write_want(merged(wants))

    def by_hand(self, kind: str) -> bool:
        """Whether somebody who sent a command by hand wants a type of target."""
        return any(each.covers(kind) for each in self._by_hand.values())

    def holds(self, kind: str) -> bool:
        """Whether a new target of a type is not ours to resume."""
        return holds(self._by_hand.values(), kind)


def let_run(session: Session, timeout: float | None = None) -> Deferred[None]:
    """Let a target that waits for a debugger run; to be sent last.

    :returns: fires when it runs, or has no need to be told.
    """
    command = runtime.run_if_waiting_for_debugger()
    sent = session.execute(command) if timeout is None else session.execute(command, timeout=timeout)
    return sent.addErrback(_not_supported)


def _related(by_hand: Mapping[str, Want]) -> dict[str, Want]:
    return {key: want for key, want in by_hand.items() if key}


def _nothing() -> None:
    """Take nothing back."""


def _not_supported(failure: Failure) -> Any:
    """Kinds of targets without the command (some workers) have nothing to attach, and do not wait."""
    failure.trap(CommandError, Gone, TimeoutError, MalformedMessage)
