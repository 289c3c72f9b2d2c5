"""State machines that are tables: what something is, what may happen to it, and what it is afterwards.

A table is data: the documentation draws it, and tests walk through it. What is *done* at a step is beside what it is
done to.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Generic, TypeVar

S = TypeVar("S", bound=enum.Enum)
H = TypeVar("H", bound=enum.Enum)


class StateMachine(Generic[S, H]):
    """A state machine: a table of transitions, and the present state.

    :param transitions: from a state and what happens in it to the state that follows.
    :param state: where it begins.
    :ivar state: where it is now.
    """

    __slots__ = ("_transitions", "state")

    def __init__(self, transitions: Mapping[tuple[S, H], S], state: S) -> None:
        self._transitions = transitions
        self.state = state

    def happened(self, happening: H) -> bool:
        """Take the step that the table has for it; without one nothing changes.

        :returns: whether there was one.
        """
        state = self._transitions.get((self.state, happening))
        if state is None:
            return False
        self.state = state
        return True
