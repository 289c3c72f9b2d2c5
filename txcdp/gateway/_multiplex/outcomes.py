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

    :ivar session: the session to send it on; None for the connection's own.
    :ivar params: the command's parameters.
    :ivar then: called with the reply; returns the outcome of the command, or None if it is answered with just that. If
        this is missing, the reply is passed on unchanged, which is allowed only if the command came on ``session``.
    :ivar method: the method of another command to send instead.
    :ivar key: if ``session`` is None, the session of the gateway's own to send it on.
    """

    session: ClientSession | None
    params: dict[str, Any] | list[Any] | None
    then: Callable[[dict[str, Any]], Outcome | None] | None = None
    method: str = ""
    key: bytes = ROOT


class ForwardAll(NamedTuple):
    """Send the browser several commands, and answer once all of them are answered, with whatever result."""

    forwards: list[Forward]


class CarryOutNested(NamedTuple):
    """Answer it, and execute the command that it wraps for a session that is not flat."""

    session: ClientSession
    message: str


class CloseClient(NamedTuple):
    """Answer it, and end the client's virtual browser."""


Outcome: TypeAlias = Union[AnswerWith, Forward, ForwardAll, CarryOutNested, CloseClient]


def in_its_words(_: object) -> None:
    """Answer a command with just the browser's reply to the one that was sent instead."""


def attach_to(session: ClientSession, target_id: str) -> Forward:
    """Return the outcome that attaches a browser session to a target, as auto-attach would."""
    session.asked.add(target_id)

    def attached(_: object) -> None:
        session.asked.discard(target_id)

    return Forward(session, {"targetId": target_id, "flatten": True}, attached, "Target.attachToTarget")


def detach_from(parent: ClientSession, session: ClientSession) -> Forward:
    """Return the outcome that detaches a session, on behalf of its parent."""
    parent.left(session)
    over = parent if parent.key == session.parent_key else None  # else a watcher's, which always answers
    return Forward(over, {"sessionId": session.id}, in_its_words, "Target.detachFromTarget", session.parent_key)
