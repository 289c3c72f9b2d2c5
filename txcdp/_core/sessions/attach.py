"""Auto-attach: every target that a target opens gets a session before it runs its first script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp.domains import runtime, target
from txcdp.errors import CommandError, Gone, MalformedMessage

if TYPE_CHECKING:
    from txcdp._core.sessions.session import Session


@dataclass(frozen=True)
class AutoAttach:
    """How the targets that a session's target opens (frames, workers, pop-ups) are attached.

    :param set_up: called with each new session before its target runs. Send what it needs without
        awaiting it: all of that leaves in one write, and the command to run comes last.
    :param keep: whether a target is wanted; one that is not is let run and detached from.
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
        """Let the targets that a session's target opens be attached from now on.

        :returns: fires with None once the browser has agreed; fails like ``Session.execute``.
        """
        session.auto_attach = self
        entries = None if self.filter is None else list(self.filter)
        return session.execute(
            target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=self.wait, flatten=True, filter=entries)
        )

    def admit(self, session: Session) -> None:
        """Set up a session that was just attached; its target runs when all of it has been handled."""
        if self.recursive:
            self.start(session).addErrback(_not_supported)
        if self.set_up is not None:
            self.set_up(session)


def let_run(session: Session) -> None:
    """Let a target that waits for a debugger run; to be sent last."""
    session.execute(runtime.run_if_waiting_for_debugger()).addErrback(_not_supported)


def _not_supported(failure: Failure) -> Any:
    """Kinds of targets without the command (some workers) have nothing to attach, and do not wait."""
    failure.trap(CommandError, Gone, TimeoutError, MalformedMessage)
