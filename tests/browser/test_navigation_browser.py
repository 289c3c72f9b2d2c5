"""Navigations in a real browser: how far they get, back and forward, contents, waits, and what they have led to."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

import txcdp
from tests.browser.support import SharedBrowserTestCase, evaluate_leaving, got, refusing_port
from tests.raw_server import BROKEN, Raw, RawServer, http
from txcdp._deferreds import returns_deferred
from txcdp.errors import (
    BodyEvicted,
    DocumentBroken,
    EvaluationError,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
    SessionDetached,
    TargetCrashed,
)
from txcdp.network import Response
from txcdp.page import Page

#: So long that a test that waits for it fails by its own time.
NEVER = 900.0


class EndsWithoutLoadTests(SharedBrowserTestCase):
    """All in one page, one after the other: each leaves it ready for the next."""

    def setUp(self) -> None:
        super().setUp()
        self.site = RawServer(BROKEN)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.site.stop()))
        self.site.raw("/never", Raw(b"", close=False))
        self.site.raw("/none", http(status="204 No Content"))
        attachment = "attachment; filename=file"
        self.site.raw("/file", http(b"x" * 100, kind="application/octet-stream", Content_Disposition=attachment))

    async def test_a_body_that_breaks_off(self):
        tab = await self.page()
        for path, error_text in (
            ("/short", "net::ERR_CONTENT_LENGTH_MISMATCH"),
            ("/chunks", "net::ERR_INCOMPLETE_CHUNKED_ENCODING"),
            ("/encoding", "net::ERR_CONTENT_DECODING_FAILED"),
        ):
            url = self.site.url(path)
            for wait_until in ("load", "domcontentloaded", "networkidle"):
                error = await self.fails(tab.goto(url, wait_until, timeout=NEVER), DocumentBroken)
                self.assertEqual((error.url, error.error_text, error.status), (url, error_text, 200))
                self.assertIsInstance(error, NavigationError)
            self.assertEqual(got(await tab.goto(url, "commit", timeout=NEVER)).status, 200)
        await self.fails(tab.reload(timeout=NEVER), DocumentBroken)
        await tab.goto(self.site.page("/fine", "<title>fine</title>"), timeout=NEVER)
        self.assertEqual(await tab.title(), "fine")

    async def test_a_page_that_stops_loading_counts_as_loaded(self):
        tab = await self.page()
        for name, body in {
            "stop": "<script>window.stop()</script><p>never",
            "stop later": "<img src=/never><script>setTimeout(() => window.stop(), 50)</script>",
            "to a 204": "<script>location = '/none'</script><p>stays",
            "to a download": "<script>location = '/file'</script><p>stays",
            "to mailto": "<script>location = 'mailto:a@example.org'</script><p>stays",
        }.items():
            url = self.site.page("/page", f"<title>{name}</title>{body}")
            for wait_until in ("load", "domcontentloaded", "networkidle"):
                there = got(await tab.goto(url, wait_until, timeout=NEVER))
                self.assertEqual((there.url, there.status), (url, 200), name)
            self.assertEqual(await tab.title(), name)

    async def test_an_opened_document_says_so_at_the_deadline(self):
        tab = await self.page()
        script = "setTimeout(() => { document.open(); document.write('<p>never closed') }, 50)"
        url = self.site.page("/opens", f"<img src=/never><script>{script}</script>")
        error = await self.late(NavigationTimeout, tab.goto, url, words=["document.open()"])
        self.assertEqual(error.reached, "commit")

    async def test_an_empty_answer_has_its_status_and_an_empty_page(self):
        tab = await self.page()
        for status in ("404 Not Found", "500 Internal Server Error", "403 Forbidden"):
            url = self.site.page("/empty", "", status)
            for wait_until in ("load", "networkidle"):
                there = got(await tab.goto(url, wait_until, timeout=NEVER))
                self.assertEqual((there.url, there.status), (url, int(status[:3])))
                self.assertEqual(await tab.content(), "<html><head></head><body></body></html>")
                await there.finished()
                self.assertEqual((await there.text(), await there.exchange.body()), ("", b""))
            self.assertEqual(got(await tab.reload(timeout=NEVER)).status, int(status[:3]))

    async def test_an_empty_answer_is_where_it_was_gone_to(self):
        tab = await self.page()
        seen: list[Any] = []
        tab.navigations.subscribe(seen.append)
        url = self.site.page("/empty", "", "404 Not Found")
        self.assertEqual(got(await tab.goto(url, timeout=NEVER)).status, 404)
        self.assertEqual((tab.url, tab.main_frame.url), (url, url))
        await tab.wait_for_url("**/empty")
        self.assertEqual([(each.url, each.kind, each.status) for each in seen], [(url, "new_document", 404)])
        await tab.goto(self.site.page("/fine", "<title>fine</title>"), timeout=NEVER)
        async with tab.expect_navigation(url, timeout=NEVER) as expected:
            await evaluate_leaving(tab, "void (location = '/empty')")
        self.assertEqual((got(await expected.value).status, tab.url), (404, url))

    async def test_a_scheme_that_the_browser_does_not_know(self):
        tab = await self.page()
        for url, words in (("htp://x/", "did you mean http:?"), ("mailto:a@b", "mailto"), ("foo-bar://x", "foo-bar")):
            error = await self.fails(tab.goto(url, timeout=NEVER), NavigationError)
            self.assertIn(words, str(error))
            self.assertEqual(error.error_text, "net::ERR_ABORTED")
        error = await self.fails(tab.goto(self.site.url("/none"), timeout=NEVER), NavigationError)
        self.assertNotIn("scheme", str(error))

    async def test_a_crash_while_loading_is_no_success(self):
        tab = await self.page()
        url = self.site.page("/", "<img src=/never>")
        going = tab.goto(url, timeout=NEVER)
        await txcdp.streams.first(tab.events(txcdp.domains.page.DomContentEventFired))
        tab.session.execute(txcdp.domains.page.crash()).addErrback(lambda _: None)
        await self.fails(going, TargetCrashed)

    async def test_what_is_expected_brings_no_document(self):
        tab = await self.page()
        stays = self.site.page("/page", "<title>stays</title>")
        await tab.goto(stays)
        for path in ("/none", "/file"):
            error = await self.fails(self.expecting(tab, f"location = '{path}'"), NavigationError)
            self.assertEqual((error.url, error.error_text, tab.url), (self.site.url(path), "net::ERR_ABORTED", stays))
        there = self.site.page("/there", "<title>there</title>")
        await self.expecting(tab, "location = '/never'; setTimeout(() => { location = '/there' })")
        self.assertEqual(tab.url, there)
        await self.expecting(tab, "location = '/none'; setTimeout(() => { location = '/page' }, 50)", "**/page")
        self.assertEqual(tab.url, stays)

    @returns_deferred
    async def expecting(self, tab: Page, script: str, url: str | None = None) -> None:
        async with tab.expect_navigation(url, timeout=NEVER):
            await evaluate_leaving(tab, script)

    async def test_back_and_forward_by_the_page_itself(self):
        tab = await self.page()
        first, second = self.site.page("/one", "<title>one</title>"), self.site.page("/two", "<title>two</title>")
        await tab.goto(first)
        await tab.goto(second)
        self.assertEqual(got(await self.reloaded_after_back(tab)).url, first)

    async def reloaded_after_back(self, tab: Page) -> Response | None:
        there = txcdp.first(tab.events(txcdp.domains.page.FrameNavigated))
        await evaluate_leaving(tab, "history.back()")
        await there
        return await tab.reload(timeout=NEVER)


class HistoryTests(SharedBrowserTestCase):
    async def visited(self) -> tuple[Page, str, str]:
        """Open a page that has been to two others."""
        page = await self.page()
        first, second = self.server.page("/one", "<title>one</title>"), self.server.page("/two", "<title>two</title>")
        await page.goto(first)
        await page.goto(second)
        return page, first, second

    async def test_back_and_forward(self):
        page, first, second = await self.visited()
        kinds: list[str] = []
        page.navigations.subscribe(lambda each: kinds.append(each.kind))
        for wait_until in ("commit", "domcontentloaded", "load", "networkidle"):
            self.assertEqual(got(await page.go_back(wait_until)).url, first)
            self.assertEqual((page.url, await page.title()), (first, "one"))
            self.assertEqual(got(await page.go_forward(wait_until)).status, 200)
            self.assertEqual((page.url, await page.title()), (second, "two"))
        self.assertEqual(len(kinds), 8)
        self.assertLessEqual(set(kinds), {"restored", "new_document"})

    async def test_frames_of_a_document_that_comes_back(self):
        page, _, second = await self.visited()
        self.server.page("/inner", "<p>inner")
        first = self.server.page("/around", "<iframe name=a src=/inner></iframe><iframe name=b srcdoc=b></iframe>")
        going: dict[str, Callable[[], Awaitable[Any]]] = {
            "go_back": page.go_back,
            "expect_navigation": lambda: self.expected(page, "history.back()"),
            "wait_for_url": lambda: self.awaited(page, first, "history.back()"),
        }
        for name, back in going.items():
            await page.goto(first)
            await page.goto(second)
            await back()
            names = [each.name for each in page.frames]
            self.assertEqual(names, ["", "a", "b"], name)
            frame = page.frames[1]
            self.assertEqual(await frame.evaluate("document.body.innerText"), "inner")
            await frame.wait_for_load_state("networkidle")

    async def expected(self, page: Page, script: str) -> None:
        async with page.expect_navigation():
            await evaluate_leaving(page, script)

    async def awaited(self, page: Page, url: str, script: str) -> None:
        arriving = page.wait_for_url(url)
        await evaluate_leaving(page, script)
        await arriving

    async def test_what_cannot_be_kept_is_asked_for_again(self):
        page = await self.page()
        first = self.server.page("/one", "<script>addEventListener('unload', () => 0)</script>")
        await page.goto(first)
        await page.goto(self.server.page("/two"))
        self.assertEqual(got(await page.go_back()).status, 200)
        self.assertEqual(page.url, first)

    async def test_nowhere_to_go(self):
        page, _, second = await self.visited()
        self.assertIsNone(await page.go_forward())
        self.assertEqual(page.url, second)
        await page.go_back()
        await page.go_back()
        self.assertEqual(page.url, "about:blank")
        self.assertIsNone(await page.go_back())

    async def test_within_a_document(self):
        page = await self.page()
        url = self.server.page("/", "<p id=part>")
        await page.goto(url)
        await page.goto(url + "#part")
        await page.evaluate("history.pushState(null, '', '/pushed')")
        for there in (url + "#part", url):
            self.assertIsNone(await page.go_back())
            self.assertEqual(page.url, there)
        self.assertIsNone(await page.go_forward())
        self.assertEqual(page.url, url + "#part")
        self.assertEqual(self.server.asked.count("/"), 1)

    async def test_a_document_that_changes_its_url_as_it_is_left(self):
        page = await self.page()
        leaving = "addEventListener('beforeunload', () => history.replaceState(null, '', path || location.href))"
        url = self.server.page("/", f"<script>path = ''; {leaving}</script>")
        await page.goto(url)
        self.assertEqual(got(await page.reload()).status, 200)
        other = self.server.page("/other", "<title>other</title>")
        await page.evaluate("void (path = '/other')")
        self.assertEqual(got(await page.goto(other)).status, 200)
        self.assertEqual(await page.title(), "other")

    async def test_workers_of_a_document_that_comes_back(self):
        page = await self.page()
        self.server.page("/worker.js", "here = 5", content_type="text/javascript")
        url = self.server.page("/", "<script>worker = new Worker('/worker.js')</script>")
        async with page.worker_started.expect():
            await page.goto(url)
        await page.goto(self.server.page("/other"))
        self.assertEqual(page.workers, [])
        async with page.worker_started.expect() as expected:
            await page.go_back()
        worker = await expected.value
        self.assertEqual((await worker.evaluate("here"), page.workers), (5, [worker]))

    async def test_frames_of_a_document_that_comes_back_are_known_again(self):
        page = await self.page()
        self.server.page("/inner", "<title>inner</title>")
        far = self.server.url("/inner", "localhost")
        outer = self.server.page("/", f"<iframe name=near src=/inner></iframe><iframe name=far src='{far}'></iframe>")
        await page.goto(outer)
        await page.goto(self.server.page("/other"))
        self.assertEqual(len(page.frames), 1)
        await page.go_back()
        for name in ("near", "far"):
            while (frame := page.frame(name)) is None:  # one of another process is there before its name is told
                await page.wait_for_timeout(0.02)
            self.assertEqual(await frame.title(), "inner")
        self.assertEqual(len(page.frames), 3)

    async def test_it_is_interrupted(self):
        page, first, _ = await self.visited()
        held = self.server.held("/slow")
        going = page.goto(self.server.url("/slow"))
        await held.asked
        back = page.go_back()
        error = await self.fails(going, NavigationInterrupted)
        self.assertEqual(error.by, first)
        await back
        self.assertEqual(page.url, first)


class ExpectNavigationTests(SharedBrowserTestCase):
    async def test_what_comes_of_a_block(self):
        page = await self.page()
        first = self.server.page("/one", "<a href=/two>two</a> <a href=#part>part</a>")
        second = self.server.page("/two", "<title>two</title>")
        await page.goto(first)
        async with page.expect_navigation() as navigated:
            await evaluate_leaving(page, "document.links[0].click()")
        self.assertEqual((got(await navigated.value).url, await page.title()), (second, "two"))
        await page.go_back()
        async with page.expect_navigation() as navigated:
            await page.evaluate("document.links[1].click()")
        self.assertIsNone(await navigated.value)
        self.assertEqual(page.url, f"{first}#part")
        async with page.expect_navigation("**/two", "networkidle") as navigated:
            await evaluate_leaving(page, "history.pushState(0, '', '/pushed'); setTimeout(() => { location = '/two' })")
        self.assertEqual(got(await navigated.value).status, 200)
        self.assertEqual(page._tree.waiters, {})

    async def test_a_frame(self):
        page = await self.page()
        self.server.page("/inner", "<p>inner")
        await page.goto(self.server.page("/", "<iframe></iframe>"))
        _, frame = page.frames
        for host in ("127.0.0.1", "localhost"):
            async with frame.expect_navigation() as navigated:
                await page.evaluate(
                    "url => { document.querySelector('iframe').src = url }", self.server.url("/inner", host)
                )
            self.assertIs(got(await navigated.value).frame, frame)
        await self.fails(
            self.expecting(page, "document.querySelector('iframe').remove()", frame=frame), NavigationError
        )

    async def test_failures(self):
        page = await self.page()
        await page.goto(self.server.page("/"))
        error = await self.fails(self.expecting(page, "1", timeout=0.05), NavigationTimeout)
        self.assertEqual(error.reached, "")
        await self.fails(self.expecting(page, "1", "**/other", timeout=0.05), NavigationTimeout)
        refused = f"location = 'http://127.0.0.1:{refusing_port()}/'"
        error = await self.fails(self.expecting(page, refused), NavigationError)
        self.assertEqual(error.error_text, "net::ERR_CONNECTION_REFUSED")
        await page.goto(self.server.url("/"))
        await self.fails(self.expecting(page, "location.hash = 'a'", lambda url: 1 / 0), ZeroDivisionError)
        await self.fails(self.expecting(page, "throw 1"), EvaluationError)
        self.assertEqual(page._tree.waiters, {})
        with self.assertRaises(ValueError):
            page.expect_navigation(wait_until="never")  # type: ignore[arg-type]

    @returns_deferred
    async def expecting(self, page: Page, script: str, url: Any = None, *, frame: Any = None, **options: Any) -> None:
        async with (frame or page).expect_navigation(url, **options):
            await evaluate_leaving(page, script)


class RefererTests(SharedBrowserTestCase):
    async def test_a_referer(self):
        page = await self.page()
        self.server.echo("/", "referer")
        response = got(await page.goto(self.server.url("/"), referer="http://from.test/path?query"))
        self.assertEqual(await response.text(), "http://from.test/path?query")
        self.assertEqual(await page.evaluate("document.referrer"), "http://from.test/path?query")
        await page.set_extra_http_headers({"Referer": "http://other.test/path"})
        error = await self.fails(page.goto(self.server.url("/"), referer="http://from.test/"), ValueError)
        self.assertIn("http://other.test/path", str(error))
        for path, referer in (("/again", None), ("/", "http://other.test/path")):
            self.server.echo(path, "referer")
            response = got(await page.goto(self.server.url(path), referer=referer))
            self.assertEqual(await response.text(), "http://other.test/path")
        wrong: list[tuple[Any, type[Exception]]] = [
            ("nowhere", ValueError),
            ("http://other.test/\ud800", ValueError),
            (5, TypeError),
        ]
        for given, kind in wrong:
            error = await self.fails(page.goto(self.server.url("/"), referer=given), kind)
            self.assertIn("referer", str(error))

    async def test_the_page_is_closed_before_there_is_an_answer(self):
        page = await self.page()
        held = self.server.held("/slow")
        going = page.goto(self.server.url("/slow"))
        await held.asked
        await page.close()
        await self.fails(going, SessionDetached)

    async def test_a_response(self):
        page = await self.page()
        self.server.page("/old", status=302, location="/new")
        url = self.server.page("/new", '{"a": "\u00e4"}', 418, content_type="application/json", x_made_by="us")
        response = got(await page.goto(self.server.url("/old#part")))
        self.assertEqual((response.url, response.status, response.ok), (url, 418, False))
        self.assertEqual(page.url, url + "#part")
        self.assertEqual(await response.json(), {"a": "\u00e4"})
        self.assertEqual(await response.body(), '{"a": "\u00e4"}'.encode())
        self.assertEqual(await response.header_value("X-Made-By"), "us")
        self.assertIn({"name": "x-made-by", "value": "us"}, [
            {"name": each["name"].lower(), "value": each["value"]} for each in await response.headers_array()
        ])  # fmt: skip
        self.assertEqual((await response.server_addr() or {"port": 0})["port"], self.server.port)
        self.assertIsNone(await response.security_details())
        self.assertFalse(response.from_service_worker or response.from_cache)
        await response.finished()
        await page.goto("about:blank")
        self.assertEqual(await response.json(), {"a": "\u00e4"})  # it was read before

    async def test_a_body_that_is_gone(self):
        page = await self.page()
        response = got(await page.goto(self.server.page("/", "<p>here")))
        await page.goto("about:blank")
        await self.fails(response.body(), BodyEvicted)

    async def test_a_body_that_comes(self):
        page = await self.page()
        held = self.server.held("/", "<p>later")
        going = page.goto(self.server.url("/"), "commit")
        await held.asked
        held.release()
        response = got(await going)
        self.assertEqual(await response.text(), "<p>later")


class WaitTests(SharedBrowserTestCase):
    async def test_for_a_url(self):
        page = await self.page()
        there = self.server.page("/there/x?y=1", "<title>there</title>")
        here = self.server.page("/here", "<title>here</title>")
        await page.goto(here)
        for match in ("**/there/x?y=1", re.compile(r"/there/x\?y"), lambda url: url == there, there, ""):
            waiting = page.wait_for_url(match)
            if match:
                self.assertNoResult(waiting)
                await evaluate_leaving(page, "url => { location.href = url }", there)
            await waiting
            self.assertEqual(page.url, there if match else here)
            await page.wait_for_url(match)
            await page.goto(here)

    async def test_for_a_url_within_the_document(self):
        page = await self.page()
        await page.goto(self.server.page("/"))
        for script in ("location.hash = 'part'", "history.pushState(null, '', '/pushed')"):
            before = page.url
            waiting = page.wait_for_url(functools.partial(operator.ne, before))
            await page.evaluate(script)
            await waiting
            self.assertNotEqual(page.url, before)

    async def test_for_a_url_that_does_not_come(self):
        page = await self.page()
        error = await self.fails(page.wait_for_url("**/never", timeout=0.05), NavigationTimeout)
        self.assertIn("about:blank", str(error))
        self.assertIn("never", str(error))
        self.assertNotIn("response", str(error))  # none is awaited
        waiting = page.wait_for_url("**/never")
        waiting.cancel()
        await self.fails(waiting, CancelledError)
        await self.fails(page.wait_for_url("{open"), ValueError)

        def raises(url: str) -> bool:
            raise KeyError(url)

        await self.fails(page.wait_for_url(raises), KeyError)
        waiting = page.wait_for_url("**/never")
        await page.close()
        await self.fails(waiting, SessionDetached)
        self.assertFalse(page._tree.waiters)

    async def test_event_sources_do_not_keep_a_page_from_being_idle(self):
        page = await self.page()
        sources = [self.server.held(f"/events-{each}", content_type="text/event-stream") for each in ("page", "frame")]
        held = self.server.held("/held")
        self.server.page("/frame", "<script>new EventSource('/events-frame')</script>")
        fetching = "<script>new EventSource('/events-page'); fetch('/held').then(answer => answer.text())</script>"
        url = self.server.page("/", f"{fetching}<iframe src='/frame'></iframe>")
        going = page.goto(url, "networkidle", timeout=NEVER)
        for each in (*sources, held):
            await each.asked
        error = await self.fails(page.wait_for_load_state("networkidle", timeout=0.8), NavigationTimeout)
        self.assertIn(f"requests in progress: {self.server.url('/held')}", str(error))
        self.assertNoResult(going)
        held.release()
        await going
        await page.wait_for_load_state("networkidle")

    async def test_requests_that_are_in_the_way(self):
        page = await self.page()
        inner = self.server.held("/inner.png", content_type="image/png")
        self.server.page("/frame", "<img src='/inner.png'>")
        url = self.server.page("/", "<iframe src='/frame'></iframe>")
        words = ["domcontentloaded", f"requests in progress: {self.server.url('/inner.png')}"]
        await self.late(NavigationTimeout, page.goto, url, words=words)
        loading = page.wait_for_load_state()
        inner.release()
        await loading

    async def test_for_a_state(self):
        page = await self.page()
        for state in ("commit", "domcontentloaded", "load", "networkidle"):
            await page.wait_for_load_state(state)  # of the empty document
        picture = self.server.held("/picture", content_type="image/png")
        await page.goto(self.server.page("/", "<img src=/picture>"), "commit")
        await page.wait_for_load_state("domcontentloaded")
        loading, idle = page.wait_for_load_state(), page.wait_for_load_state("networkidle")
        await picture.asked
        self.assertNoResult(loading)
        picture.release()
        await loading
        await idle
        await self.fails(page.wait_for_load_state("idle"), ValueError)  # type: ignore[arg-type]

    async def test_a_state_of_the_document_that_comes_meanwhile(self):
        page = await self.page()
        self.server.held("/never", content_type="image/png")
        await page.goto(self.server.page("/", "<img src=/never>"), "domcontentloaded")
        loading = page.wait_for_load_state()
        await page.goto(self.server.page("/other", "<title>other</title>"))
        await loading
        self.assertEqual(await page.title(), "other")


class ContentTests(SharedBrowserTestCase):
    async def test_content(self):
        page = await self.page()
        url = self.server.page("/", "<form name=open></form><form name=write></form><p>before")
        await page.goto(url)
        html = "<!DOCTYPE html><html><head><title>\u2028 %s 😀</title></head><body><p>'\"\\</p></body></html>"
        for wait_until in ("commit", "domcontentloaded", "load", "networkidle"):
            await page.set_content(html, wait_until)
            self.assertEqual(await page.title(), "\u2028 %s 😀")
            self.assertEqual(page.url, url)
        self.assertIn("<p>'\"\\</p>", await page.content())
        self.assertEqual(await page.evaluate("document.doctype.name"), "html")

    async def test_what_belongs_to_it_is_awaited(self):
        page = await self.page()
        picture = self.server.held("/picture", content_type="image/png")
        writing = page.set_content(f"<img src='{self.server.url('/picture')}'>")
        await picture.asked
        self.assertNoResult(writing)
        picture.release()
        await writing
        self.server.held("/never", content_type="image/png")
        hanging = f"<img src='{self.server.url('/never')}'>"
        error = await self.late(NavigationTimeout, page.set_content, hanging, words=["domcontentloaded"])
        self.assertEqual(error.reached, "domcontentloaded")

    async def test_what_the_content_before_has_begun_is_not_awaited(self):
        page = await self.page()
        await page.goto(self.server.page("/", "<p>"))
        self.server.page("/frame", "<script>fetch('/of-frame')</script>")
        held = {name: self.server.held(f"/{name}") for name in ("before", "new", "of-frame", "document")}
        await page.set_content("<script>fetch('/before')</script>")
        await held["before"].asked
        await page.set_content("<p>", "networkidle")
        await page.set_content("<p>")
        await page.wait_for_load_state("networkidle")
        writing = page.set_content(
            "<script>fetch('/new')</script><iframe src='/frame'></iframe><iframe src='/document'></iframe>",
            "networkidle",
        )
        for name in ("new", "of-frame", "document"):
            await held[name].asked
            await page.evaluate("1")  # the server may be asked before the browser has told that the document was opened
            await self.fails(page.wait_for_load_state("networkidle", timeout=0.6), NavigationTimeout)
            self.assertNoResult(writing)
            held[name].release()
        await writing

    async def test_what_is_not_closed_gets_no_further(self):
        page = await self.page()
        await page.goto(self.server.page("/", "<p>"))
        async with page.popups.expect() as opened:
            await page.evaluate("void open('').document.write('<p>written')")
        popup = await opened.value
        for each in [popup.wait_for_load_state(state) for state in ("domcontentloaded", "load", "networkidle")]:
            await each
        held = self.server.held("/held.js")
        await page.evaluate("document.open(); document.write('<script src=/held.js></script><p>'); 0")
        await held.asked
        loading = page.wait_for_load_state()
        await self.fails(page.wait_for_load_state(timeout=0.8), NavigationTimeout)
        self.assertNoResult(loading)
        held.release()
        await loading
        self.assertEqual(await page.evaluate("document.readyState"), "loading")

    async def test_a_frame_that_is_not_closed_is_idle_when_it_rests(self):
        page = await self.page()
        await page.goto(self.server.page("/", "<iframe></iframe>"), "networkidle")
        held = self.server.held("/held.png")
        await page.evaluate("frames[0].document.write('<img src=/held.png>')")
        await held.asked
        idle = page.wait_for_load_state("networkidle", timeout=NEVER)
        held.release()
        await idle
        self.assertEqual(await page.evaluate("frames[0].document.readyState"), "loading")

    async def test_what_scripts_write_while_it_loads_is_idle_when_it_rests(self):
        page = await self.page()
        self.server.held("/before")
        for written in ("document.write('<p>')", "document.write('<p>'); document.close()"):
            script = f"fetch('/before'); setTimeout(() => {{ document.open(); {written} }})"
            url = self.server.page("/", f"<img src=/before><script>{script}</script>")
            self.assertEqual(got(await page.goto(url, "networkidle", timeout=NEVER)).url, url)
            self.assertEqual(await page.locator("p").count(), 1)
        held = self.server.held("/held.png")
        url = self.server.page("/", "<body onload=\"document.write('<img src=/held.png>')\">")
        going = page.goto(url, "networkidle", timeout=NEVER)
        await held.asked
        self.assertNoResult(going)
        held.release()
        await going

    async def test_what_a_page_without_requests_had_begun(self):
        page = await self.page()
        held = self.server.held("/before")
        await page.set_content(f"<img src='{self.server.url('/before')}'>", "commit")
        await held.asked
        await page.set_content("<p>", "networkidle")

    async def test_scripts_run(self):
        page = await self.page()
        await page.set_content("<script>document.title = 'ran'</script>")
        self.assertEqual(await page.title(), "ran")
