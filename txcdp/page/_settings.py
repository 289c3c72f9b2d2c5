"""Options that are changed: what the browser is asked for, what it has, and what is put back where it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import OneShot, ignore_failure, returns_deferred, shielded, when_all, with_deadline
from txcdp.errors import CommandError, CommandTimeout
from txcdp.page._options import ContextOptions
from txcdp.protocol import Command


class Given:
    """The commands that give a target one thing that is emulated, and their answers.

    :param commands: what says it.
    :ivar refused: what the browser has first said against one.
    """

    def __init__(self, commands: tuple[Command[Any], ...]) -> None:
        self.commands = commands
        self.refused: Exception | None = None
        self._unanswered = 0
        self._answered: OneShot[None] = OneShot()

    def expect(self, sent: Deferred[Any], meaning: Callable[[object], Exception | None]) -> None:
        """Wait for the answer to a command; it is not kept, as it leads to its session.

        :param meaning: returns what an answer says against the command.
        """
        self._unanswered += 1

        def answered(answer: object) -> None:
            self._unanswered -= 1
            self.refused = self.refused or meaning(answer)
            if not self._unanswered:
                self._answered.fire(None)

        sent.addBoth(answered)

    @returns_deferred
    async def when_answered(self) -> None:
        """Wait until all commands are answered; it fails with what the browser has against one."""
        if self._unanswered:
            await self._answered.wait()
        if self.refused is not None:
            # One that was raised leads to the session by its traceback.
            raise copy(self.refused) from self.refused.__cause__


@dataclass(eq=False)
class _SettingsChange:
    """One change, as long as it may still be refused, or one before it.

    :ivar answered: whether the browser has agreed, or was not heard of.
    """

    options: ContextOptions
    answered: bool = False


class Settings:
    """Options, of which each change may turn out to be refused: what was asked for before and after it holds then.

    :param given: the options to begin with.
    """

    def __init__(self, given: ContextOptions) -> None:
        self._given = given
        self._asked: list[_SettingsChange] = []

    @property
    def options(self) -> ContextOptions:
        """What holds: what was given, and in their order the changes that were asked for since."""
        options = self._given
        for each in self._asked:
            options = {**options, **each.options}
        return options

    @returns_deferred
    async def change(self, options: ContextOptions, give: Callable[[ContextOptions], Iterable[Given]]) -> None:
        """Change options, and have given what holds by then; once more without them where they are refused.

        :param options: what is different from now on; the others stay.
        :param give: gives what holds, and returns what the change depends on; it is given what is asked for.
        :returns: fires when the browser has answered, or failed with what it has against the change.
        """
        asked = _SettingsChange(options)
        self._asked.append(asked)
        try:
            await when_all([each.when_answered() for each in give(options)])
        except (CommandError, ValueError):
            self._asked.remove(asked)
            give({})
            raise
        finally:
            asked.answered = True
            while self._asked and self._asked[0].answered:
                self._given = {**self._given, **self._asked.pop(0).options}


def in_time(giving: Deferred[None], timeout: float | None, sessions: Iterable[Session]) -> Deferred[None]:
    """Wait for what is given until a deadline, which does not end it: what is refused later is put back, too.

    :param timeout: seconds.
    :param sessions: of those that it is given.
    :returns: fires and fails like that; fails with :exc:`CommandTimeout`.
    """
    waiting = shielded(giving)
    giving.addErrback(ignore_failure)
    pages = list(sessions)
    if waiting.called or not pages:
        return waiting
    obstacle = next((each.blocked_by for each in pages if each.blocked_by), "")
    late = lambda: CommandTimeout("Emulation", timeout or 0, obstacle)  # noqa: E731
    return with_deadline(pages[0].context.clock, waiting, timeout, late)
