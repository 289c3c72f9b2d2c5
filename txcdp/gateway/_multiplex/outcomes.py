"""The outcomes of commands that a virtual browser answers itself, or executes in its own way; handlers return them.

Refusals are raised, as :exc:`~txcdp.gateway._client_messages.CommandRefusal`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, Union

from txcdp.gateway._multiplex.client_state import ROOT, ClientSession


class AnswerWith(NamedTuple):
    """Answer it."""

    result: Any


class Forward(NamedTuple):
    """Ask the browser.

    :ivar session: where; None for the line's own session.
    :ivar params: of the command.
    :ivar then: called with the reply; returns what becomes of the command, or None where it is answered with just
        that. Without it the reply goes on as it comes, which may only be where the command came on ``session``.
    :ivar method: of another command that is sent in its place.
    :ivar key: where ``session`` is None, the line's own that it is for.
    """

    session: ClientSession | None
    params: dict[str, Any] | list[Any] | None
    then: Callable[[dict[str, Any]], Outcome | None] | None = None
    method: str = ""
    key: bytes = ROOT


class ForwardAll(NamedTuple):
    """Ask the browser for several things, and answer when all of them are answered, however that is."""

    forwards: list[Forward]


class CarryOutNested(NamedTuple):
    """Answer it, and carry out the command that it wraps for a session that is not flat."""

    session: ClientSession
    message: str


class CloseClient(NamedTuple):
    """Answer it, and end the client's virtual browser."""


Outcome: TypeAlias = Union[AnswerWith, Forward, ForwardAll, CarryOutNested, CloseClient]


def in_its_words(_: object) -> None:
    """Have a command answered with just what the browser has replied to one that was sent in its place."""


def attach_to(session: ClientSession, target_id: str) -> Forward:
    """Return what attaches a browser session to a target, as if by itself."""
    session.asked.add(target_id)

    def attached(_: object) -> None:
        session.asked.discard(target_id)

    return Forward(session, {"targetId": target_id, "flatten": True}, attached, "Target.attachToTarget")


def detach_from(parent: ClientSession, session: ClientSession) -> Forward:
    """Return what lets a session go, on behalf of the one above it."""
    parent.left(session)
    over = parent if parent.key == session.parent_key else None  # else a watcher's, which always answers
    return Forward(over, {"sessionId": session.id}, in_its_words, "Target.detachFromTarget", session.parent_key)
