"""Every way for a document to come without its load event, and what a navigation is told to have led to."""

from __future__ import annotations

from twisted.internet.defer import Deferred

import txcdp
from tests.browser.support import SharedBrowserTestCase, got
from tests.raw_server import BROKEN, Raw, RawServer, http
from txcdp.errors import DocumentBroken, NavigationError, NavigationTimeout, TargetCrashed
from txcdp.page import Page, Response

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
        error = await self.fails(tab.goto(url, timeout=2), NavigationTimeout)
        self.assertEqual(error.reached, "commit")
        self.assertIn("document.open()", str(error))

    async def test_an_empty_answer_has_its_status_and_an_empty_page(self):
        tab = await self.page()
        for status in ("404 Not Found", "500 Internal Server Error", "403 Forbidden"):
            url = self.site.page("/empty", "", status)
            for wait_until in ("load", "networkidle"):
                there = got(await tab.goto(url, wait_until, timeout=NEVER))
                self.assertEqual((there.url, there.status), (url, int(status[:3])))
                self.assertEqual(await tab.content(), "<html><head></head><body></body></html>")
            self.assertEqual(got(await tab.reload(timeout=NEVER)).status, int(status[:3]))

    async def test_a_crash_while_loading_is_no_success(self):
        tab = await self.page()
        url = self.site.page("/", "<img src=/never>")
        going = tab.goto(url, timeout=NEVER)
        await txcdp.streams.first(tab.events(txcdp.domains.page.DomContentEventFired))
        tab.session.execute(txcdp.domains.page.crash()).addErrback(lambda _: None)
        await self.fails(going, TargetCrashed)

    async def test_back_and_forward_by_the_page_itself(self):
        tab = await self.page()
        first, second = self.site.page("/one", "<title>one</title>"), self.site.page("/two", "<title>two</title>")
        await tab.goto(first)
        await tab.goto(second)
        self.assertEqual(got(await self.reloaded_after_back(tab)).url, first)

    async def reloaded_after_back(self, tab: Page) -> Response | None:
        there = txcdp.first(tab.events(txcdp.domains.page.FrameNavigated))
        await tab.evaluate("history.back()")
        await there
        return await tab.reload(timeout=NEVER)
