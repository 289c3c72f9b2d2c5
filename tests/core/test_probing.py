"""Probes of the browser and of its pages, in memory and on a clock."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.support import SESSION_ID, TARGET_ID, Watcher, WireCase, attached, detached, event, over_pipe, target_info
from txcdp._core.probing import ProbeOptions, Prober
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp._core.sessions import Session
from txcdp.errors import ConnectionLost
from txcdp.health import (
    BrowserResponsive,
    BrowserUnresponsive,
    HealthEvent,
    LineLost,
    PageResponsive,
    PageUnresponsive,
    Reconnected,
    Reconnecting,
)
from txcdp.testing import FakeChrome

OTHER = "5E550000000000000000000000000002"
NO_METHOD = {"code": -32601, "message": "'Browser.getVersion' wasn't found"}
DIALOG = {"url": "", "message": "", "type": "alert", "hasBrowserHandler": False}


class ProbingCase(WireCase):
    """A connection that is probed.

    :ivar told: what its health stream has told.
    """

    probes: ClassVar[ProbeOptions] = ProbeOptions()

    def open(self, **options: Any) -> None:
        super().open(**options)
        self.health = Watcher(self.connection.health)
        self.done: set[int] = set()
        self.prober = Prober(self.connection, self.probes)
        self.prober.start()
        self.answer()

    @property
    def told(self) -> list[HealthEvent]:
        """What was told since this was last looked at."""
        told = self.health.items[:]
        self.health.items.clear()
        return told

    def advance(self, seconds: float) -> None:
        """Let time pass in small steps, as a reactor does."""
        for _ in range(round(seconds * 2)):
            self.wire.reactor.advance(0.5)

    def probed(self, method: str = "Browser.getVersion") -> int:
        """Return how many probes were sent since the first, by which a browser is known."""
        sent = [each["method"] for each in self.wire.heard()].count(method)
        return sent - 1 if method == "Browser.getVersion" else sent

    def answer(self, *methods: str, session: str | None = None) -> None:
        """Answer what has not been answered, of some methods, or of all, and of one session, or of all."""
        for each in self.wire.heard():
            wanted = not methods or each["method"] in methods
            if wanted and each["id"] not in self.done and session in (None, each.get("sessionId")):
                self.done.add(each["id"])
                self.wire.reply(each)


class BrowserProbeTests(ProbingCase):
    def test_a_browser_that_answers(self):
        for count in range(1, 6):
            self.advance(19.5)
            self.assertEqual(self.probed(), count - 1)
            self.advance(0.5)
            self.assertEqual(self.probed(), count)
            self.answer()
        self.assertEqual(self.told, [])
        self.assertNotIn("sessionId", self.wire.last())

    def begin(self) -> None:
        """Start again, with nothing answered."""
        self.prober.stop()
        self.prober = Prober(self.connection, self.probes)
        self.prober.start()

    def test_node_is_asked_no_more(self):
        self.begin()
        self.wire.reply(self.wire.last(), error=NO_METHOD)
        self.assertEqual(self.wire.reactor.getDelayedCalls(), [])
        self.prober.stop()

    def test_what_does_not_even_answer_the_first_time_is_left_alone(self):
        self.begin()
        self.advance(200)
        self.assertEqual((self.told, self.connection.lost, self.probed()), ([], None, 1))
        self.assertEqual(self.wire.reactor.getDelayedCalls(), [])

    def test_a_refusal_is_an_answer(self):
        for _ in range(3):
            self.advance(20)
            self.wire.reply(self.wire.last("Browser.getVersion"), error=NO_METHOD)
        self.advance(19.5)
        self.assertEqual((self.told, self.connection.lost, self.probed()), ([], None, 3))

    def test_what_cannot_be_read_is_an_answer(self):
        self.advance(20)
        self.wire.say(b'{"id":%d,"result":7}' % self.wire.last()["id"])
        self.advance(19.5)
        self.assertEqual((self.told, self.connection.lost), ([], None))

    def test_a_browser_that_talks_is_not_asked(self):
        for _ in range(10):
            self.advance(10)
            self.wire.say(event("Some.thing"))
        self.assertEqual(self.probed(), 0)
        self.advance(40)
        self.assertEqual(self.probed(), 1)

    def test_no_answer_ends_the_connection(self):
        pending = self.connection.session.execute_raw("A.b", timeout=None)
        self.advance(39.5)
        self.assertEqual((self.told, self.connection.lost), ([], None))
        self.advance(1)
        error = self.failure(pending, ConnectionLost)
        self.assertEqual((error.cause, error.clean), ("unresponsive", False))
        self.assertIn("no answer to a probe within 20 s", str(error))
        self.assertEqual(self.told, [BrowserUnresponsive(20.0), LineLost(self.connection.lost)])  # type: ignore[arg-type]
        self.assertEqual(self.health.errors, [self.connection.lost])

    def test_commands_and_events_count_as_life_while_the_answer_is_awaited(self):
        self.advance(20)
        for _ in range(5):
            self.wire.say(event("Some.thing"))
            self.advance(20)
        self.assertEqual((self.told, self.connection.lost), ([], None))
        self.advance(20)
        self.assertEqual(self.told[0], BrowserUnresponsive(120.0))

    def test_a_large_message_on_its_way_counts_as_life(self):
        large = self.wire.frame(event("Some.thing", {"x": "x" * 100_000}))
        self.advance(20)
        for at in range(0, len(large), 10_000):
            self.wire.feed(large[at : at + 10_000])
            self.advance(19)
        self.assertEqual((self.told, self.connection.lost), ([], None))

    def test_few_bytes_do_not(self):
        large = self.wire.frame(event("Some.thing", {"x": "x" * 1000}))
        self.advance(20)
        self.wire.feed(large[:1000])
        self.advance(20.5)
        self.assertEqual(self.told[0], BrowserUnresponsive(20.0))

    def test_its_own_end_leaves_nothing(self):
        self.advance(20)
        self.prober.stop()
        self.prober.stop()
        self.assertEqual(self.wire.reactor.getDelayedCalls(), [])
        self.assertEqual(self.connection.stats.cancelled, 1)
        self.advance(100)
        self.assertEqual((self.told, self.connection.lost, self.probed()), ([], None, 1))

    def test_it_can_be_started_again(self):
        self.prober.start()
        self.prober.stop()
        self.prober.start()
        self.assertEqual(self.probed(), 1)
        self.answer()
        self.advance(20)
        self.assertEqual(self.probed(), 2)

    def test_it_ends_with_the_connection(self):
        for begin in (0, 20):
            self.open()
            self.advance(begin)
            self.begin()
            self.wire.lose()
            self.assertEqual(self.wire.reactor.getDelayedCalls(), [])
            self.prober.start()
            self.assertEqual(self.wire.reactor.getDelayedCalls(), [])

    def test_limits_on_sending_do_not_hold_it(self):
        self.open(max_in_flight=1)
        hanging = [self.connection.session.execute_raw("A.b", timeout=None) for _ in range(3)]
        self.advance(20)
        self.assertEqual([each["method"] for each in self.wire.heard()[1:]], ["A.b", "Browser.getVersion"])
        self.answer("Browser.getVersion")
        self.advance(15)
        self.assertEqual((self.told, self.connection.lost), ([], None))
        for each in hanging:
            self.assertNoResult(each)
            each.addErrback(lambda _: None)


BrowserProbeOverPipeTests = over_pipe(BrowserProbeTests)


class PatientTests(ProbingCase):
    """A browser that is only reported."""

    probes = ProbeOptions(browser_interval=10, browser_timeout=5, hang_up=False)

    def test_it_answers_again(self):
        for _ in range(2):
            self.advance(15)
            self.assertEqual(self.told, [BrowserUnresponsive(5.0)])
            self.advance(60)
            self.assertEqual(self.told, [])
            self.answer()
            self.assertEqual(self.told, [BrowserResponsive(65.0)])
        self.assertIsNone(self.connection.lost)

    def test_it_is_lost(self):
        self.advance(15)
        self.wire.lose()
        self.assertEqual(self.told, [BrowserUnresponsive(5.0), LineLost(self.connection.lost)])  # type: ignore[arg-type]

    def test_whoever_hears_of_it_may_stop_it(self):
        self.connection.health.subscribe(lambda _: self.prober.stop(), lambda _: None)
        self.advance(15)
        self.assertEqual(self.wire.reactor.getDelayedCalls(), [])


PatientOverPipeTests = over_pipe(PatientTests)


class PageProbeTests(ProbingCase):
    probes = ProbeOptions(browser_interval=None, page_interval=30, page_timeout=5)

    EVALUATE, METRICS = "Runtime.evaluate", "Performance.getMetrics"

    def open(self, **options: Any) -> None:
        super().open(**options)
        self.session = self.wire.attach()

    def hang(self) -> None:
        """Let the first probe go by without an answer."""
        self.advance(30)
        self.assertEqual(self.probed(self.EVALUATE), 1)
        self.advance(5)

    def stopped(self, cause: Any, seconds: float, session: Session | None = None) -> list[HealthEvent]:
        return [PageUnresponsive(session or self.session, cause, seconds)]

    def test_a_page_that_answers(self):
        for count in range(1, 4):
            self.advance(30)
            self.assertEqual(self.probed(self.EVALUATE), count)
            self.assertEqual(self.wire.last()["sessionId"], SESSION_ID)
            self.answer()
        self.assertEqual((self.told, self.probed(self.METRICS)), ([], 0))
        self.assertNotIn("Browser.getVersion", [each["method"] for each in self.wire.heard()])

    def test_it_enables_nothing(self):
        self.advance(300)
        self.assertFalse([each for each in self.wire.heard() if each["method"].endswith(".enable")])

    def test_a_refusal_is_an_answer(self):
        self.advance(30)
        self.wire.reply(self.wire.last(), error={"code": -32000, "message": "Cannot find default execution context"})
        self.advance(20)
        self.assertEqual((self.told, self.probed(self.METRICS)), ([], 0))

    def test_busy(self):
        self.hang()
        self.assertEqual((self.told, self.probed(self.METRICS)), ([], 1))
        self.answer(self.METRICS)
        self.assertEqual(self.told, self.stopped("busy", 5.0))
        self.advance(25)
        self.answer(self.EVALUATE)
        self.assertEqual(self.told, [PageResponsive(self.session, 30.0)])

    def test_stopped_is_told_once(self):
        self.hang()
        self.advance(4.5)
        self.assertEqual(self.told, [])
        self.advance(0.5)
        self.assertEqual(self.told, self.stopped("stopped", 10.0))
        self.advance(200)
        self.assertEqual((self.told, self.probed(self.METRICS)), ([], 1))
        self.assertIsNone(self.connection.lost)
        self.wire.reply(self.wire.last(self.EVALUATE))
        self.assertEqual(self.told, [PageResponsive(self.session, 210.0)])
        self.advance(30)
        self.answer()
        self.assertEqual(self.told, [])

    def test_slow_is_not_stopped(self):
        self.hang()
        self.advance(2)
        self.answer(self.EVALUATE)
        self.advance(3)
        self.assertEqual(self.told, [])
        self.answer(self.METRICS)
        self.assertEqual(self.told, [])

    def test_a_dialog(self):
        self.advance(10)
        self.wire.say(event("Page.javascriptDialogOpening", DIALOG, SESSION_ID))
        self.assertEqual(self.told, [])
        self.advance(25)
        self.assertEqual((self.told, self.probed(self.METRICS)), (self.stopped("dialog", 5.0), 0))
        self.wire.say(event("Page.javascriptDialogClosed", {"result": True, "userInput": ""}, SESSION_ID))
        self.advance(25)
        self.answer()
        self.assertEqual(self.told, [PageResponsive(self.session, 30.0)])
        self.advance(40)
        self.assertEqual(self.told, self.stopped("stopped", 10.0))

    def test_a_dialog_that_opens_late(self):
        self.hang()
        self.wire.say(event("Page.javascriptDialogOpening", DIALOG, SESSION_ID))
        self.advance(5)
        self.assertEqual(self.told, self.stopped("dialog", 10.0))

    def test_a_dialog_elsewhere(self):
        self.wire.say(event("Page.javascriptDialogOpening", DIALOG, OTHER))
        self.advance(40)
        self.assertEqual(self.told, self.stopped("stopped", 10.0))

    def test_the_debugger(self):
        self.advance(28)
        self.wire.say(event("Debugger.paused", {"callFrames": [], "reason": "other"}, SESSION_ID))
        self.advance(2)
        self.answer()  # as Chromium does while it is paused
        self.advance(29.5)
        self.assertEqual(self.told, [])
        self.advance(0.5)
        self.assertEqual(self.told, self.stopped("debugger", 32.0))
        self.advance(60)
        self.wire.say(event("Debugger.resumed", {}, SESSION_ID))
        self.advance(30)
        self.answer()
        (told,) = self.told
        self.assertEqual(told, PageResponsive(self.session, 122.0))

    def test_the_debugger_of_a_page_that_does_not_answer(self):
        self.advance(29)
        self.wire.say(event("Debugger.paused", {"callFrames": [], "reason": "other"}, SESSION_ID))
        self.advance(6)
        self.assertEqual(self.told, self.stopped("debugger", 5.0))

    def test_a_crashed_page_is_not_asked(self):
        self.hang()
        self.wire.say(event("Inspector.targetCrashed", {}, SESSION_ID))
        self.advance(100)
        self.assertEqual((self.told, self.probed(self.EVALUATE)), ([], 1))
        self.wire.say(event("Inspector.targetReloadedAfterCrash", {}, SESSION_ID))
        self.advance(15)
        self.answer()
        self.assertEqual((self.told, self.probed(self.EVALUATE)), ([], 2))

    def test_a_page_that_crashes_while_it_is_unresponsive(self):
        self.hang()
        self.advance(5)
        self.assertEqual(self.told, self.stopped("stopped", 10.0))
        self.wire.say(event("Inspector.targetCrashed", {}, SESSION_ID))
        self.advance(60)
        self.wire.say(event("Inspector.targetReloadedAfterCrash", {}, SESSION_ID))
        self.advance(20)
        self.answer()
        self.assertEqual((self.told, self.probed(self.EVALUATE)), ([], 2))

    def test_a_page_that_is_closed_meanwhile(self):
        for seconds in (31, 36, 41):
            self.open()
            self.advance(seconds)
            self.health.items.clear()
            self.wire.say(detached())
            self.advance(100)
            self.assertEqual(self.told, [])

    def test_only_pages(self):
        self.wire.say(attached(OTHER, "T2", "service_worker"))
        info = target_info("T3") | {"subtype": "prerender"}
        self.wire.say(
            event("Target.attachedToTarget", {"sessionId": "S3", "targetInfo": info, "waitingForDebugger": False})
        )
        self.advance(30)
        asked = [each["sessionId"] for each in self.wire.heard() if each["method"] == self.EVALUATE]
        self.assertEqual(asked, [SESSION_ID])

    def test_each_page_for_itself(self):
        other = self.wire.attach(OTHER, "T2")
        self.advance(30)
        self.answer(self.EVALUATE, session=SESSION_ID)
        self.advance(5)
        self.answer(self.METRICS)
        self.assertEqual(self.told, self.stopped("busy", 5.0, other))

    def test_a_page_that_hangs_is_no_browser_that_hangs(self):
        self.prober.stop()
        prober = Prober(self.connection, ProbeOptions(page_interval=5, page_timeout=1))
        prober.start()
        for _ in range(100):
            self.answer("Browser.getVersion")
            self.advance(1)
        self.assertEqual((self.told, self.connection.lost), (self.stopped("stopped", 2.0), None))

    def test_a_root_session_that_is_a_page(self):
        self.open()
        self.prober.stop()
        self.prober.start()
        asked = self.wire.last("Target.getTargetInfo")
        self.wire.reply(asked, {"targetInfo": target_info(TARGET_ID)})
        self.advance(30)
        asked = [each.get("sessionId") for each in self.wire.heard() if each["method"] == self.EVALUATE]
        self.assertEqual(asked, [None, SESSION_ID])
        self.answer(self.EVALUATE, session=SESSION_ID)
        self.wire.say(event("Page.javascriptDialogOpening", DIALOG))
        self.advance(5)
        self.assertEqual(self.told, self.stopped("dialog", 5.0, self.connection.session))

    def test_node(self):
        self.prober.stop()
        self.prober.start()
        self.wire.reply(self.wire.last("Target.getTargetInfo"), error=NO_METHOD)
        self.advance(30)
        self.assertEqual(self.probed(self.EVALUATE), 1)

    def test_a_page_that_comes_while_there_is_none(self):
        self.wire.say(detached())
        self.advance(32)
        self.wire.attach(OTHER, "T2")
        self.advance(28)
        self.assertEqual(self.probed(self.EVALUATE), 1)

    def test_its_end_leaves_nothing(self):
        for seconds in (1, 31, 36, 41):
            self.open()
            self.advance(seconds)
            self.health.items.clear()
            self.prober.stop()
            self.assertEqual(self.wire.reactor.getDelayedCalls(), [])
            self.advance(100)
            self.assertEqual(self.told, [])

    def test_it_ends_with_the_connection(self):
        for seconds in (1, 31, 36, 41):
            self.open()
            self.advance(seconds)
            self.wire.lose()
            self.assertEqual(self.wire.reactor.getDelayedCalls(), [])

    def test_whoever_hears_of_it_may_stop_it(self):
        self.wire.attach(OTHER, "T2")
        self.connection.health.subscribe(lambda _: self.prober.stop(), lambda _: None)
        self.advance(60)
        self.assertEqual(len(self.told), 1)
        self.assertEqual(self.wire.reactor.getDelayedCalls(), [])

    def test_a_round_that_is_over_early(self):
        self.prober.stop()
        prober = Prober(self.connection, ProbeOptions(browser_interval=None, page_interval=1, page_timeout=5))
        prober.start()
        for count in range(1, 10):
            self.advance(1)
            self.assertEqual(self.probed(self.EVALUATE), count)
            self.answer(self.EVALUATE)
        self.wire.attach(OTHER, "T2")
        self.advance(1)
        self.answer(self.EVALUATE, session=OTHER)
        self.advance(10.5)
        self.answer(self.EVALUATE)
        self.advance(1)
        self.assertEqual([type(each) for each in self.told], [PageUnresponsive, PageResponsive])


PageProbeOverPipeTests = over_pipe(PageProbeTests)


class ReconnectingTests(SynchronousTestCase):
    """A line that is lost and replaced."""

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(reconnect=ReconnectPolicy(initial_delay=20, jitter=lambda: 0.0))
        self.chrome.run(self.browser.new_page())
        self.told = Watcher(self.browser.connection.health)
        options = ProbeOptions(browser_interval=2, browser_timeout=1, page_interval=3, page_timeout=1)
        Prober(self.browser.connection, options).start()
        self.chrome.advance(1)

    def probed(self) -> list[str]:
        """Name the probes that were sent since this was last looked at."""
        sent = [each.method for each in self.chrome.commands]
        self.chrome.commands.clear()
        return [each for each in sent if each in ("Browser.getVersion", "Runtime.evaluate")]

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.chrome.advance(1)

    def test_nothing_is_probed_without_a_line(self):
        self.advance(10)
        self.assertEqual(set(self.probed()), {"Browser.getVersion", "Runtime.evaluate"})
        self.chrome.lose()
        self.chrome.flush()
        self.advance(19)
        self.assertEqual((self.probed(), [type(each) for each in self.told.items]), ([], [LineLost, Reconnecting]))
        self.advance(11)
        self.assertEqual(set(self.probed()), {"Browser.getVersion", "Runtime.evaluate"})
        self.assertEqual([type(each) for each in self.told.items], [LineLost, Reconnecting, Reconnected])
        self.chrome.run(self.browser.close())
        self.chrome.flush()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])


class OptionsTests(WireCase):
    def test_numbers_that_cannot_be(self):
        for options in (
            {"browser_interval": 0},
            {"browser_timeout": -1.0},
            {"page_interval": 0.0},
            {"page_timeout": 0},
        ):
            (name,) = options
            with self.assertRaisesRegex(ValueError, name):
                ProbeOptions(**options)

    def test_nothing_to_probe(self):
        prober = Prober(self.connection, ProbeOptions(browser_interval=None))
        prober.start()
        self.assertEqual(self.wire.reactor.getDelayedCalls(), [])
        prober.stop()

    def test_a_connection_probes_nothing_by_itself(self):
        self.wire.attach()
        self.wire.reactor.advance(10_000)
        self.assertEqual(self.wire.heard(), [])
