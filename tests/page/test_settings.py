"""Options that are changed, of which the browser may refuse each change: what holds afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp.errors import CommandError, CommandTimeout
from txcdp.page._options import ContextOptions
from txcdp.page._settings import SettingCommands, Settings

#: What each test begins with.
BEFORE = ContextOptions(locale="de", offline=True)


def given() -> tuple[SettingCommands, Deferred[Exception | None]]:
    """Return what a page is given, and the answer to it: what the browser has against that, or None."""
    made, answer = SettingCommands(()), Deferred[Any]()
    made.expect(answer, lambda said: said if isinstance(said, Exception) else None)
    return made, answer


class GivenTests(SynchronousTestCase):
    def test_it_waits_for_all_answers(self) -> None:
        made, first = given()
        second: Deferred[Any] = Deferred()
        made.expect(second, lambda said: CommandError("Some.method", 1, str(said)))
        waiting = [made.when_answered(), made.when_answered()]
        first.callback(None)
        for each in waiting:
            self.assertNoResult(each)
        second.callback("no")
        for each in [*waiting, made.when_answered()]:
            self.assertIn("no", str(self.failureResultOf(each, CommandError).value))

    def test_what_nobody_is_asked_is_answered(self) -> None:
        self.successResultOf(SettingCommands(()).when_answered())


class SettingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.settings = Settings(BEFORE)
        self.told: list[tuple[dict[str, Any], Deferred[Exception | None]]] = []

    def give(self, asked: ContextOptions) -> Iterable[SettingCommands]:
        made, answer = given()
        self.told.append(({**self.settings.options}, answer))
        return [made]

    def change(self, **options: Any) -> Deferred[None]:
        return self.settings.change(ContextOptions(**options), self.give)  # type: ignore[typeddict-item]

    def test_what_is_agreed_to_stays(self) -> None:
        changing = self.change(locale="fr")
        self.assertEqual(self.settings.options, {"locale": "fr", "offline": True})
        self.told[0][1].callback(None)
        self.successResultOf(changing)
        self.assertEqual(self.settings.options, {"locale": "fr", "offline": True})
        self.assertEqual(len(self.told), 1)

    def test_what_is_refused_is_taken_back_and_given_anew_before_that_is_told(self) -> None:
        changing = self.change(locale="bad", offline=None, user_agent="mine")
        told_by_then = changing.addErrback(lambda _: len(self.told))
        self.told[0][1].callback(ValueError("bad"))
        self.assertEqual(self.successResultOf(told_by_then), 2)
        self.assertEqual(self.told[1][0], BEFORE)
        self.assertEqual(self.settings.options, BEFORE)

    def test_several_at_once_whatever_the_order_of_their_answers(self) -> None:
        bad, worse, good = self.change(locale="bad"), self.change(locale="worse"), self.change(user_agent="mine")
        self.told[2][1].callback(None)
        self.successResultOf(good)
        self.told[1][1].callback(ValueError("worse"))
        self.failureResultOf(worse, ValueError)
        self.assertEqual(self.told[3][0], {"locale": "bad", "offline": True, "user_agent": "mine"})
        self.told[0][1].callback(CommandError("Emulation.setLocaleOverride", -32602, "bad"))
        self.failureResultOf(bad, CommandError)
        self.assertEqual(self.told[4][0], {**BEFORE, "user_agent": "mine"})
        self.assertEqual(self.settings.options, {**BEFORE, "user_agent": "mine"})

    def test_the_one_before_is_refused_last(self) -> None:
        for answers in ((0, 1), (1, 0)):
            self.told.clear()
            changes = [self.change(locale="bad"), self.change(locale="worse")]
            for number in answers:
                self.told[number][1].callback(ValueError())
                self.failureResultOf(changes[number], ValueError)
            self.assertEqual(self.settings.options, BEFORE)

    def test_what_nobody_has_refused_stays(self) -> None:
        changing = self.change(locale="fr")
        self.told[0][1].callback(CommandTimeout("Emulation", 30))
        self.failureResultOf(changing, CommandTimeout)
        self.assertEqual((len(self.told), self.settings.options["locale"]), (1, "fr"))
