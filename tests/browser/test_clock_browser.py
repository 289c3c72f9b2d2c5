"""The clock of pages: what they see of the time, and when their timers fire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.task import Clock as TwistedClock
from twisted.internet.task import deferLater

from tests.browser.support import SharedBrowserTestCase, reactor
from txcdp.errors import EvaluationError
from txcdp.page import Page
from txcdp.streams import first

#: Notes what is called, and with what.
CALLS = "{ window.calls = []; window.stub = (...args) => void calls.push(args); 0 }"


async def real_time(seconds: float) -> None:
    """Let a page run for a while."""
    await deferLater(reactor, seconds, lambda: None)


class PausedTests(SharedBrowserTestCase):
    async def paused(self) -> Page:
        """Return a page whose clock stands still, 1 s after its beginning in 1970."""
        page = await self.page()
        await page.clock.install(time=0)
        await page.clock.pause_at(1)
        await page.evaluate(CALLS)
        return page

    async def calls(self, page: Page) -> list[Any]:
        """Return what was called, and forget it."""
        return list(await page.evaluate("calls.splice(0)"))

    async def test_what_is_due_fires(self):
        page = await self.paused()
        await page.evaluate("void setTimeout(stub, 100, 'a', 2)")
        await page.clock.run_for(0.099)
        self.assertEqual(await self.calls(page), [])
        await page.clock.run_for(0.001)
        self.assertEqual(await self.calls(page), [["a", 2]])
        await page.evaluate("{ setTimeout(stub, 100, 1); setTimeout(stub, 100, 2); setTimeout(stub, 99, 0) }")
        await page.clock.run_for(timedelta(milliseconds=100))
        self.assertEqual(await self.calls(page), [[0], [1], [2]])
        await page.evaluate("void setTimeout('stub(\"text\")')")
        await page.clock.run_for(0)
        self.assertEqual(await self.calls(page), [["text"]])
        await page.evaluate("{ window.id = setInterval(() => stub(Date.now()), 10) }")
        await page.clock.run_for(0.035)
        now = 1200
        self.assertEqual(await self.calls(page), [[now + 10], [now + 20], [now + 30]])
        await page.evaluate("clearTimeout(id)")
        await page.clock.run_for("08")
        self.assertEqual(await self.calls(page), [])
        self.assertEqual(await page.evaluate("Date.now()"), now + 35 + 8000)

    async def test_delays_are_whole_milliseconds(self):
        page = await self.paused()
        delays = [16.9, "16.2", 16, 2**32 + 15, 2**31, float("inf"), None, 1e12, -5]
        await page.evaluate(
            "delays => { for (const each of delays) setTimeout(() => stub(each, Date.now() - 1000), each) }", delays
        )
        await page.clock.run_for(0.1)
        at_once = [[each, 0] for each in delays[4:]]
        self.assertEqual(await self.calls(page), [*at_once, [2**32 + 15, 15], *([each, 16] for each in delays[:3])])

    async def test_what_is_set_meanwhile(self):
        page = await self.paused()
        await page.evaluate("""{
            setTimeout(() => { stub('outer'); Promise.resolve().then(() => setTimeout(stub, 0, 'inner')) }, 1000);
        }""")
        await page.clock.run_for(1)
        self.assertEqual(await self.calls(page), [["outer"]])
        await page.clock.run_for(0.001)
        self.assertEqual(await self.calls(page), [["inner"]])
        await page.evaluate("""async () => { window.done = (async () => {
            const before = performance.now();
            for (let n = 0; n < 3; n++) await new Promise(done => setTimeout(done, 1000));
            stub(performance.now() - before);
        })() }""")
        await page.clock.run_for("00:03")
        self.assertEqual(await self.calls(page), [[3000]])

    async def test_what_is_skipped_fires_once(self):
        page = await self.paused()
        await page.evaluate("{ setTimeout(() => stub(Date.now()), 500); setInterval(() => stub(Date.now()), 100) }")
        await page.clock.fast_forward("01:00")
        self.assertEqual(await self.calls(page), [[61000], [61000]])
        await page.clock.fast_forward(0.1)
        self.assertEqual(await self.calls(page), [[61100]])
        await page.evaluate("{ setTimeout(stub, 50, 'second'); setTimeout(stub, 20, 'first') }")
        await page.clock.fast_forward(0.06)
        self.assertEqual(await self.calls(page), [["first"], ["second"]])
        await page.clock.pause_at(datetime.fromtimestamp(100, UTC))
        self.assertEqual(await self.calls(page), [[100_000]])
        await self.fails(page.clock.pause_at(99), ValueError)

    async def test_errors(self):
        page = await self.paused()
        await page.evaluate("{ setTimeout(() => { throw new RangeError('mine') }, 1); setTimeout(stub, 2) }")
        error = await self.fails(page.clock.run_for(0.01), EvaluationError)
        self.assertEqual((error.name, error.message), ("RangeError", "mine"))
        self.assertEqual(await self.calls(page), [[]])
        for ticks in ("12:02:34:10", "hello", "1:60", -1):
            await self.fails(page.clock.run_for(ticks), ValueError)
            await self.fails(page.clock.fast_forward(ticks), ValueError)
        for time in ("soon", 1e15, float("nan")):
            await self.fails(page.clock.install(time), ValueError)
        for wrong in (None, True, b"1"):
            await self.fails(page.clock.set_fixed_time(wrong), TypeError)  # type: ignore[arg-type]
            await self.fails(page.clock.run_for(wrong), TypeError)  # type: ignore[arg-type]

    async def test_each_kind_is_cleared_by_its_own(self):
        page = await self.paused()
        await page.evaluate("""{
            cancelAnimationFrame(setTimeout(stub, 1, 'a timeout'));
            cancelIdleCallback(setInterval(stub, 30, 'an interval'));
            clearTimeout(requestAnimationFrame(() => stub('a frame')));
            clearInterval(requestIdleCallback(() => stub('idle')));
            clearInterval(setTimeout(stub, 1, 'wrong'));
            clearTimeout(setInterval(stub, 1, 'wrong'));
            for (const each of [null, undefined, 'x', 1e12]) clearTimeout(each);
        }""")
        await page.clock.run_for(0.055)
        self.assertEqual(await self.calls(page), [["a timeout"], ["a frame"], ["an interval"], ["idle"]])
        for each in ("setTimeout", "setInterval", "requestAnimationFrame", "requestIdleCallback"):
            error = await self.fails(page.evaluate(f"{each}()"), EvaluationError)
            self.assertEqual(error.name, "TypeError")

    async def test_frames_and_idle_times(self):
        page = await self.paused()
        await page.evaluate("""{
            requestAnimationFrame(time => stub('frame', time));
            requestIdleCallback(deadline => stub('idle', deadline.timeRemaining()), {timeout: 10});
            cancelAnimationFrame(requestAnimationFrame(stub));
            cancelIdleCallback(requestIdleCallback(stub));
        }""")
        await page.clock.run_for(0.02)
        self.assertEqual(await self.calls(page), [["frame", 1008], ["idle", 50]])

    async def test_what_the_page_sees(self):
        page = await self.paused()
        seen = await page.evaluate("""() => {
            class Mine extends Date { year() { return this.getFullYear() } }
            const date = new Date();
            return [Date.now(), +date, date instanceof Date, new Date(5).getTime(), new Date(2000, 1, 2).getMonth(),
                typeof Date(), Date.UTC(1970, 0, 2), Date.parse('1970-01-01T00:00:01Z'), Date.name, Date.length,
                new Mine().getTime(), new Mine() instanceof Mine, new Mine().year(), new date.constructor().getTime(),
                performance.now(), performance.timeOrigin, performance.timeOrigin + performance.now(),
                new Intl.DateTimeFormat('en', {timeZone: 'UTC', second: 'numeric'}).format(),
                setTimeout.name, typeof setTimeout(() => {}), Object.keys(window).includes('setTimeout'),
                structuredClone(date).getTime(), JSON.stringify(date)];
        }""")
        self.assertEqual(
            seen,
            [
                *(1000, 1000, True, 5, 1, "string", 86_400_000, 1000, "Date", 7, 1000, True, 1970, 1000, 1000, 0, 1000),
                *("1", "setTimeout", "number", True, 1000, '"1970-01-01T00:00:01.000Z"'),
            ],
        )

    async def test_every_other_way_to_the_time(self):
        page = await self.paused()
        self.assertEqual(
            await page.evaluate("""() => [
                Temporal.Now.instant().epochMilliseconds, Temporal.Now.plainDateISO('UTC').toString(),
                Temporal.Now.plainTimeISO('Asia/Tokyo').hour, Temporal.Now.zonedDateTimeISO().epochMilliseconds,
                Temporal.Now.plainDateTimeISO('UTC').second, new Event('any').timeStamp,
                Object.getOwnPropertyDescriptor(Date, 'now').value(),
            ]"""),
            [1000, "1970-01-01", 9, 1000, 1, 1000, 1000],
        )
        self.assertEqual(
            await page.evaluate("() => { Date.now = () => 5; return [Date.now(), +new Date()] }"), [5, 1000]
        )

    async def test_when_events_were(self):
        page = await self.page()
        await page.clock.install()
        await page.set_content("<button onclick='times = [event.timeStamp, performance.now(), event.timeStamp]'>")
        await page.clock.fast_forward(3600)
        before = await page.evaluate("performance.now()")
        await page.click("button")
        created, handled, again = await page.evaluate("times")
        self.assertEqual(sorted([before, created, handled]), [before, created, handled])
        self.assertEqual(created, again)

    async def test_everything_else_still_works(self):
        page = await self.paused()
        self.server.page("/", "<p>there")
        await page.goto(self.server.url("/"))
        self.assertEqual(await page.evaluate("() => Date.now()"), 1000)
        waiting = page.wait_for_function("() => window.ready")
        await page.evaluate("async () => { await fetch('/'); ready = new Date() }")
        self.assertEqual(await (await waiting).json_value(), datetime.fromtimestamp(1, UTC))
        self.assertEqual(await page.evaluate("new Date()"), datetime.fromtimestamp(1, UTC))
        await page.screenshot()


class GoingTests(SharedBrowserTestCase):
    async def now(self, page: Page) -> float:
        """Return what a page says that the time is, in seconds."""
        return float(await page.evaluate("Date.now()")) / 1000

    async def test_time_goes_on(self):
        page = await self.page()
        await page.clock.install(time="2024-02-03")
        begin = datetime(2024, 2, 3, tzinfo=UTC).timestamp()
        await page.evaluate("new Promise(done => setTimeout(done, 50))")
        await page.evaluate("new Promise(requestAnimationFrame)")
        first = await self.now(page)
        self.assertGreaterEqual(first, begin + 0.05)
        await page.goto("data:text/html,<script>began = Date.now()</script>")
        self.assertGreaterEqual(await page.evaluate("began") / 1000, first - 0.001)
        await page.clock.fast_forward("01:00:00")
        self.assertGreaterEqual(await self.now(page), first + 3600)
        await page.clock.set_system_time(5)
        self.assertGreaterEqual(await self.now(page), 5)
        self.assertLess(await self.now(page), begin)
        await page.clock.pause_at(begin)
        await real_time(0.05)
        self.assertEqual(await self.now(page), begin)
        await page.clock.resume()
        await page.wait_for_function("begin => Date.now() >= begin + 20", begin * 1000)

    async def test_a_time_that_stands_still(self):
        page = await self.page()
        await page.clock.set_fixed_time(100)
        self.assertEqual(await self.now(page), 100)
        await page.evaluate("new Promise(done => setTimeout(done, 1))")
        await page.clock.fast_forward(20)
        self.assertEqual(await self.now(page), 100)
        await page.goto("data:text/html,<p>")
        self.assertEqual(await self.now(page), 100)
        await page.clock.set_fixed_time(datetime.fromtimestamp(200, UTC))
        self.assertEqual(await self.now(page), 200)

    async def test_timers_of_before(self):
        page = await self.page()
        await page.evaluate(
            "{ window.fired = 0; early = setTimeout(() => fired++, 20); other = setInterval(() => fired++, 20) }"
        )
        await page.clock.install(time=0)
        await page.clock.pause_at(1000)
        await page.wait_for_function("fired >= 2")
        await page.evaluate("clearInterval(other)")

    async def test_an_error_is_the_pages(self):
        page = await self.page()
        await page.evaluate("window.onerror = text => { window.said = text }")
        await page.clock.install(time=0)
        await page.evaluate("void setTimeout(() => { throw new Error('late') }, 1)")
        said = await page.wait_for_function("window.said")
        self.assertIn("late", str(await said.json_value()))


class EverywhereTests(SharedBrowserTestCase):
    async def test_all_pages_and_frames_of_a_context(self):
        context = await self.context()
        self.server.page("/inner", "<script>began = Date.now()</script>")
        outer = self.server.page(
            "/", f"<iframe src='{self.server.url('/inner', 'localhost')}'></iframe><iframe></iframe>"
        )
        page = await context.new_page(outer)
        await context.clock.install(time=0)
        await context.clock.pause_at(10)
        self.assertIs(page.clock, context.clock)
        other = await context.new_page(outer)
        for each in (page, other):
            self.assertEqual([await frame.evaluate("Date.now()") for frame in each.frames], [10_000] * 3)
        self.assertEqual(await other.frames[1].evaluate("began"), 10_000)
        for frame in (*page.frames, *other.frames):
            await frame.evaluate("{ window.fired = 0; setInterval(() => fired++, 1000) }")
        await context.clock.run_for(5)
        for frame in (*page.frames, *other.frames):
            self.assertEqual(await frame.evaluate("[fired, Date.now()]"), [5, 15_000])
        await page.goto(self.server.url("/inner", "localhost"))
        self.assertEqual(await page.evaluate("began"), 15_000)
        await page.add_init_script("window.first = Date.now()")
        await context.clock.run_for(1)
        await page.reload()
        self.assertEqual(await page.evaluate("began"), 16_000)

    async def test_a_sandboxed_frame(self):
        """Chromium does not hold it before it has its document."""
        page = await self.page()
        await page.clock.install(time=0)
        await page.clock.pause_at(10)
        await page.add_init_script("window.given = true")
        await page.set_content("<iframe sandbox='allow-scripts' srcdoc='<p>'></iframe>")
        await page.frames[1].wait_for_function("window.given && Date.now() == 10_000")
        await page.clock.run_for(5)
        self.assertEqual(await page.frames[1].evaluate("Date.now()"), 15_000)

    async def test_one_time_for_both_sides(self):
        page = await self.page()
        clock = TwistedClock()
        said: list[str] = []
        clock.advance(50)
        clock.callLater(60, said.append, "ours")
        await page.clock.install(clock=clock)
        await page.evaluate("{ window.fired = []; setTimeout(() => fired.push(Date.now()), 60_000) }")
        self.assertEqual(await page.evaluate("Date.now()"), 50_000)
        await page.clock.run_for(59)
        self.assertEqual((said, await page.evaluate("fired")), ([], []))
        await page.clock.run_for(1)
        self.assertEqual((said, await page.evaluate("fired")), (["ours"], [110_000]))
        self.assertEqual(clock.seconds(), 110)
        self.assertEqual(repr(page.clock), "<Clock paused at 110.000>")

    async def test_popups(self):
        page = await self.page()
        url = self.server.page("/", "<script>began = Date.now()</script>")
        await page.goto(url)
        await page.clock.install(time=0)
        await page.clock.pause_at(5)
        for opening, expected in (("void open('/')", 5000), ("void open('/', '', 'noopener')", 6000)):
            waiting = first(page.context.page_opened)
            await page.evaluate(opening)
            popup = await waiting
            await popup.wait_for_load_state()
            self.assertEqual(await popup.evaluate("began"), expected)
            await page.clock.run_for(1)
            self.assertEqual(await popup.evaluate("Date.now()"), expected + 1000)
