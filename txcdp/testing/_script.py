"""The answers that a test has set for a FakeChrome."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from txcdp.errors import CommandError
from txcdp.protocol import Command
from txcdp.protocol._error_codes import SERVER_ERROR
from txcdp.testing._messages import Received


class Never:
    """The type of :data:`NEVER`."""

    def __repr__(self) -> str:
        return "NEVER"


class ByItself:
    """The type of :data:`BY_ITSELF`."""

    def __repr__(self) -> str:
        return "BY_ITSELF"


class Unanswered:
    """The type of :data:`UNANSWERED`."""


#: The answer that the FakeChrome itself has: for functions that do not answer some of the commands.
BY_ITSELF: Final = ByItself()

#: No answer by the FakeChrome itself: the command is refused, unless ``otherwise`` answers it.
UNANSWERED: Final = Unanswered()

#: No answer: the command hangs, as in a page that hangs.
NEVER: Final = Never()


class UnexpectedCommand(AssertionError):
    """A client sent a command for which neither the script nor the FakeChrome itself has an answer."""


def method_of(command: type[Command[Any]] | str) -> str:
    """Return the protocol's name of a command class, or the name itself."""
    return command if isinstance(command, str) else command.method


class Script:
    """Answers by method: those for one time first, in order, then the standing one."""

    def __init__(self) -> None:
        self.otherwise: Any = None
        self._standing: dict[str, Any] = {}
        self._once: dict[str, deque[Any]] = {}

    def on(self, method: str, answer: Any) -> None:
        """Set the standing answer."""
        self._standing[method] = answer

    def once(self, method: str, answer: Any) -> None:
        """Add an answer for one time."""
        self._once.setdefault(method, deque()).append(answer)

    def off(self, method: str) -> None:
        """Forget the answers."""
        self._standing.pop(method, None)
        self._once.pop(method, None)

    def covers(self, method: str) -> bool:
        """Whether there is an answer now."""
        return method in self._standing or bool(self._once.get(method))

    def answer(self, received: Received) -> Any:
        """Return the answer: a result, an exception or :data:`NEVER`."""
        once = self._once.get(received.method)
        return self.apply(once.popleft() if once else self._standing[received.method], received)

    def apply(self, answer: Any, received: Received) -> Any:
        """Return what an answer says to a command: a function is asked."""
        if not callable(answer):
            return answer
        function: Callable[[Any], Any] = answer
        return function(received.command)

    def __str__(self) -> str:
        names = sorted(self._standing.keys() | {name for name, left in self._once.items() if left})
        return ", ".join(names) or "nothing"


def as_refusal(error: Exception, method: str) -> CommandError:
    """Return an exception as what the browser says."""
    if isinstance(error, CommandError):
        return error
    return CommandError(method, SERVER_ERROR, str(error))
