"""Changes of settings that the browser may refuse: requested and accepted values, and how they are reverted."""

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


class SettingCommands:
    """The commands that apply one emulated setting to a target, and their answers.

    :param commands: the commands.
    :ivar refused: the browser's first error.
    """

    def __init__(self, commands: tuple[Command[Any], ...]) -> None:
        self.commands = commands
        self.refused: Exception | None = None
        self._unanswered = 0
        self._answered: OneShot[None] = OneShot()

    def expect(self, sent: Deferred[Any], meaning: Callable[[object], Exception | None]) -> None:
        """Wait for the answer to a command, without keeping its Deferred, which refers to its session.

        :param meaning: returns the error that an answer stands for, if any.
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
        """Wait until all commands are answered; fail with the browser's error, if any."""
        if self._unanswered:
            await self._answered.wait()
        if self.refused is not None:
            # One that was raised leads to the session by its traceback.
            raise copy(self.refused) from self.refused.__cause__


@dataclass(eq=False)
class _SettingsChange:
    """One change, kept while it, or one before it, may still be refused.

    :ivar answered: whether the browser has accepted it, or can no longer answer.
    """

    options: ContextOptions
    answered: bool = False


class Settings:
    """Settings of which each change may be refused: then the other changes, before and after it, still apply.

    :param given: the initial settings.
    """

    def __init__(self, given: ContextOptions) -> None:
        self._given = given
        self._asked: list[_SettingsChange] = []

    @property
    def options(self) -> ContextOptions:
        """The current settings: the initial ones with all changes in order."""
        options = self._given
        for each in self._asked:
            options = {**options, **each.options}
        return options

    @returns_deferred
    async def change(
        self, options: ContextOptions, give: Callable[[ContextOptions], Iterable[SettingCommands]]
    ) -> None:
        """Change settings and apply the result; if the change is refused, apply the settings without it.

        :param options: the changed settings; the others stay.
        :param give: called with the requested settings; applies the current ones, and returns what the change depends
            on.
        :returns: a Deferred that fires when the browser has answered, or fails with its error.
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
    """Wait for answers with a timeout that does not end the wait for them: a later refusal is still reverted.

    :param timeout: seconds.
    :param sessions: the sessions that have to answer.
    :returns: a Deferred that fires and fails likewise, or with :exc:`CommandTimeout`.
    """
    waiting = shielded(giving)
    giving.addErrback(ignore_failure)
    pages = list(sessions)
    if waiting.called or not pages:
        return waiting
    obstacle = next((each.blocked_by for each in pages if each.blocked_by), "")
    late = lambda: CommandTimeout("Emulation", timeout or 0, obstacle)  # noqa: E731
    return with_deadline(pages[0].context.clock, waiting, timeout, late)
