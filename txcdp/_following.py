"""What everybody who follows targets does with each: enable what it has of what is wanted, and see to its dialogs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp.model import TargetKind, kind_of
from txcdp.page._dialogs import Dialogs


def kind_of_session(session: Session) -> TargetKind:
    """Return what a session's target can do; a root session whose target is not known may be a page's own."""
    return kind_of("page" if session.target is None else session.target.type)


def enable(
    session: Session, domains: Iterable[str], dialogs: Dialogs, *, timeout: float | None = None, grace: float = 0.0
) -> list[Deferred[Any]]:
    """Enable domains in a target, all in one write.

    With the Page domain enabled, dialogs wait for an answer: those that nobody else answers are answered.

    :param domains: their names; what this kind of target does not have is left out.
    :param dialogs: sees to the answers.
    :param timeout: seconds for each answer; None: no deadline.
    :param grace: seconds for others to answer a dialog; see ``Dialogs.follow``.
    :returns: what fires, or fails, with each answer.
    """
    kind = kind_of_session(session)
    wanted = [each for each in domains if kind.has_domain(each)]
    if kind.has_document and "Page" in wanted:
        dialogs.follow(session, grace=grace)
    return [session.execute_raw(f"{each}.enable", timeout=timeout) for each in wanted]
