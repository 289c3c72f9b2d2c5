"""Downloads of a real browser: how they begin, how they end, and that no file stays behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import txcdp
from tests.browser.support import BrowserTestCase, Held, SharedBrowserTestCase, reactor
from txcdp._transports.websocket import WebSocketOptions
from txcdp.chrome._fetching import transfer
from txcdp.domains import browser as browser_domain
from txcdp.domains import page as page_domain
from txcdp.errors import DownloadError, DownloadFailed, DownloadStarted, DownloadUnreachable
from txcdp.gateway import AccessOptions, Gateway, GatewayOptions, Policy, PoolOptions
from txcdp.gateway._options import RISKY_METHODS
from txcdp.page import Download, Page
from txcdp.streams import first

HALF = "x" * 5000

CLICK = """(attributes) => {
    const link = Object.assign(document.createElement('a'), attributes);
    document.body.append(link);
    link.click();
}"""


async def downloaded(page: Page, stream: Any = None, **attributes: str) -> Download:
    """Click a link of the page's, and return the download that begins."""
    async with (stream or page.downloads).expect() as expected:
        await page.evaluate(CLICK, attributes)
    found: Download = await expected.value
    return found


class Cases(BrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.page("/", "<title>here</title>")
        self.server.page(
            "/file", "content", content_type="text/plain", content_disposition='attachment; filename="a.txt"'
        )
        self.folder = Path(self.mktemp())

    def held(self) -> Held:
        """Put a file there of which the end is kept back; its beginning is long enough to be seen to be no page."""
        return self.server.held("/held", HALF, content_type="application/octet-stream")

    async def page_there(self, **options: Any) -> Page:
        page = await self.page(**options)
        await page.goto(self.server.url())
        return page


class DownloadTests(Cases, SharedBrowserTestCase):
    async def test_a_link_to_a_file(self):
        page = await self.page_there()
        download = await downloaded(page, href="/file")
        self.assertEqual((download.url, download.suggested_filename), (self.server.url("/file"), "a.txt"))
        self.assertIs(download.page, page)
        path = await download.path()
        self.assertEqual(path.read_bytes(), b"content")
        self.assertIsNone(await download.failure())
        target = self.folder / "deep" / "b.txt"
        for _ in range(2):  # what is there is replaced
            await download.save_as(target)
            self.assertEqual(target.read_bytes(), b"content")
        await download.cancel()  # it has ended
        await download.delete()
        self.assertFalse(path.exists())
        for again in (download.path, lambda: download.save_as(target)):
            self.assertIn("deleted", str(await self.fails(again(), DownloadError)))
        self.assertEqual(target.read_bytes(), b"content")

    async def test_names(self):
        page = await self.page_there()
        for number, (header, name) in enumerate(
            (
                ("attachment; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt", "naïve €.txt"),
                ('attachment; filename="../../etc/passwd"', ".._.._etc_passwd"),
                ('attachment; filename="..\\\\up.txt"', "up.txt"),
                ('attachment; filename="/etc/passwd"', "_etc_passwd"),
                ("attachment", f"f{5 - 1}.txt"),
            )
        ):
            path = f"/f{number}.txt"
            self.server.page(path, "x", content_type="text/plain", content_disposition=header)
            download = await downloaded(page, href=path)
            found = download.suggested_filename
            self.assertEqual(os.path.basename(found), found, header)
            if ".." not in header and "/" not in name:
                self.assertEqual(found, name)
            await download.save_as(self.folder / found)
            self.assertEqual((self.folder / found).read_bytes(), b"x")

    async def test_ways_to_begin(self):
        page = await self.page_there()
        self.server.page("/doc", "<p>saved")
        self.server.page("/moved", "", 302, location="/file")
        frame = f"<iframe src='{self.server.url('/inner', 'localhost')}'></iframe>"
        self.server.page("/inner", "<a id=link href='/file'>x</a>")
        download = await downloaded(page, href="/doc", download="named.html")
        self.assertEqual(((await download.path()).read_text(), download.suggested_filename), ("<p>saved", "named.html"))
        download = await downloaded(page, href="/moved")
        self.assertEqual(download.url, self.server.url("/file"))
        download = await downloaded(page, href="data:text/plain,hallo", download="d.txt")
        self.assertEqual(((await download.path()).read_text(), download.suggested_filename), ("hallo", "d.txt"))
        blob = await page.evaluate("URL.createObjectURL(new Blob(['blobbed']))")
        download = await downloaded(page, href=blob, download="b.txt")
        self.assertEqual((await download.path()).read_text(), "blobbed")
        await page.set_content(frame)
        inner = page.frames[1]
        await inner.wait_for_url("**/inner")
        async with page.downloads.expect() as expected:
            await inner.evaluate("document.getElementById('link').click()")
        self.assertIs((await expected.value).page, page)

    async def test_two_of_one_name(self):
        page = await self.page_there()
        found = [await downloaded(page, href="/file") for _ in range(2)]
        self.assertEqual([each.suggested_filename for each in found], ["a.txt", "a.txt"])
        paths = [await each.path() for each in found]
        self.assertEqual(len(set(paths)), 2)
        self.assertEqual([path.read_bytes() for path in paths], [b"content", b"content"])

    async def test_goto(self):
        page = await self.page_there()
        async with page.downloads.expect() as expected:
            error = await self.fails(page.goto(self.server.url("/file")), DownloadStarted)
        self.assertIn("download is starting", str(error))
        self.assertEqual((await (await expected.value).path()).read_bytes(), b"content")
        self.assertEqual(page.url, self.server.url())

    async def test_a_popup_that_is_opened_for_it(self):
        page = await self.page_there()
        context = page.context
        for attributes in ({"target": "_blank"}, {"target": "_blank", "rel": "opener"}):
            download = await downloaded(page, context.downloads, href="/file", **attributes)
            self.assertIs(download.page, page, attributes)
            self.assertEqual((await download.path()).read_bytes(), b"content")

    async def test_one_of_a_popup_that_shows_something(self):
        page = await self.page_there()
        async with page.popups.expect() as expected:
            await page.evaluate("void open('/')")
        popup = await expected.value
        await popup.wait_for_load_state()
        download = await downloaded(popup, page.context.downloads, href="/file")
        self.assertIs(download.page, popup)

    async def test_progress_and_cancel(self):
        page = await self.page_there()
        held = self.held()
        download = await downloaded(page, href="/held")
        seen: list[Any] = []
        download.progress.subscribe(seen.append, seen.append, lambda: seen.append("end"))
        waiting = download.path(), download.failure()
        await held.asked
        await download.cancel()
        error = await self.fails(waiting[0], DownloadFailed)
        self.assertEqual((await waiting[1], error.reason), ("canceled", "canceled"))
        self.assertIsInstance(seen[-1], DownloadFailed)
        self.assertEqual([each.total_bytes for each in seen[:-1]], [None] * (len(seen) - 1))
        await self.fails(download.save_as(self.folder / "never"), DownloadFailed)
        self.assertFalse(self.folder.exists())
        await download.cancel()
        await download.delete()
        held.release()

    async def test_progress_to_the_end(self):
        page = await self.page_there()
        held = self.held()
        download = await downloaded(page, href="/held")
        seen: list[Any] = []
        download.progress.subscribe(seen.append, seen.append, lambda: seen.append("end"))
        await held.asked
        held.release(b"whole")
        self.assertIsNone(await download.failure())
        self.assertEqual((seen[-2].received_bytes, seen[-1]), (5005, "end"))
        late: list[Any] = []
        download.progress.subscribe(late.append, late.append, lambda: late.append("end"))
        self.assertEqual(late, ["end"])

    async def test_waiting_is_cancelled_alone(self):
        page = await self.page_there()
        held = self.held()
        download = await downloaded(page, href="/held")
        given_up = download.path()
        given_up.addErrback(lambda _: None)
        given_up.cancel()
        held.release(b"whole")
        self.assertEqual((await download.path()).read_bytes(), HALF.encode() + b"whole")

    async def test_a_missing_file(self):
        page = await self.page_there()
        download = await downloaded(page, href="/nothing", download="x")
        self.assertEqual(await download.failure(), "canceled")

    async def test_nobody_listens(self):
        page = await self.page_there()
        other = await page.context.new_page(self.server.url())
        await (await downloaded(page, href="/file")).path()  # from then on the browser tells
        self.held()
        ended = first(
            self.browser.session.events(browser_domain.DownloadProgress).filter(lambda e: e.state != "inProgress")
        )
        await other.evaluate(CLICK, {"href": "/held"})
        self.assertEqual((await ended).state, "canceled")

    async def test_none_are_accepted(self):
        context = await self.context(accept_downloads=False)
        page = await context.new_page(self.server.url())
        download = await downloaded(page, context.downloads, href="/file")
        self.assertIn("accept_downloads=True", await download.failure() or "")
        error = await self.fails(download.path(), DownloadFailed)
        self.assertIn("accept_downloads=True", str(error))

    async def test_the_context_is_closed(self):
        page = await self.page_there()
        done = await downloaded(page, href="/file")
        path = await done.path()
        self.held()
        download = await downloaded(page, href="/held")
        waiting = download.path()
        await page.close()
        self.assertTrue(path.exists())
        await page.context.close()
        self.assertFalse(path.exists())
        await self.fails(waiting, DownloadFailed)
        self.assertIsNotNone(await download.failure())
        for again in (done.path, lambda: done.save_as(self.folder / "late")):
            self.assertIn("gone", str(await self.fails(again(), DownloadError)))

    async def test_browser_downloads(self):
        page = await self.page_there()
        self.assertIs(self.browser.downloads, self.browser.downloads)
        self.assertIs(page.downloads, page.downloads)
        download = await downloaded(page, self.browser.downloads, href="/file")
        self.assertIs(download.page, page)

    async def test_a_connection_beside_it(self):
        process = self.browser.process
        assert process is not None
        beside = await txcdp.connect(reactor, process.ws_url)
        self.addCleanup(beside.close)
        page = await (await beside.new_context()).new_page(self.server.url())
        path = await (await downloaded(page, href="/file")).path()
        self.assertEqual(path.read_bytes(), b"content")
        await beside.close()
        self.assertFalse(path.parent.exists())

    async def test_a_browser_on_another_machine(self):
        process = self.browser.process
        assert process is not None
        beside = await txcdp.connect(reactor, process.ws_url)
        self.addCleanup(beside.close)
        remote: Any = beside._downloads.files._remote
        self.patch(type(remote), "is_local", False)
        page = await (await beside.new_context()).new_page(self.server.url())
        download = await downloaded(page, href="/file")
        self.assertEqual(download.suggested_filename, "a.txt")
        error = await self.fails(download.path(), DownloadUnreachable)
        self.assertIn("gateway", str(error))
        await self.fails(download.save_as(self.folder / "x"), DownloadUnreachable)

    async def test_an_address_here_that_leads_to_another_machine(self):
        process = self.browser.process
        assert process is not None
        beside = await txcdp.connect(reactor, process.ws_url)
        self.addCleanup(beside.close)
        page = await (await beside.new_context()).new_page(self.server.url())
        download = await downloaded(page, href="/file")
        (await download.path()).unlink()  # as if it had been written there
        await self.fails(download.path(), DownloadUnreachable)


class OwnBrowserTests(Cases):
    async def test_a_folder_of_the_users(self):
        self.folder.mkdir()
        browser = await self.launch(downloads_path=self.folder)
        page = await browser.new_page(self.server.url())
        path = await (await downloaded(page, href="/file")).path()
        self.assertEqual(path.parent, self.folder.absolute())
        await browser.close()
        self.assertEqual(os.listdir(self.folder), [])

    async def test_the_default_context_of_who_asks_for_nothing(self):
        page = await self.page_there()
        # The page's own session tells how it ends, without anybody having asked for it.
        ended = first(page.events(page_domain.DownloadProgress).filter(lambda event: event.state != "inProgress"))
        await page.evaluate(CLICK, {"href": "/file"})
        self.assertEqual((await ended).state, "canceled")

    async def test_the_browser_is_killed(self):
        page = await self.page_there(restart=txcdp.ReconnectPolicy(initial_delay=0.05))
        done = await downloaded(page, href="/file")
        path = await done.path()
        self.held()
        download = await downloaded(page, href="/held")
        back = first(page.loaded)
        process = self.browser.process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        self.assertIn("lost", await download.failure() or "")
        await back
        await self.browser.connection.when_connected()
        self.assertEqual(path.read_bytes(), b"content")  # it is of the context, which is there again
        await page.goto(self.server.url())
        self.assertEqual((await (await downloaded(page, href="/file")).path()).read_bytes(), b"content")
        await self.browser.close()
        self.assertFalse(path.parent.exists())

    async def test_the_browser_is_killed_for_good(self):
        page = await self.page_there()
        self.held()
        download = await downloaded(page, href="/held")
        process = self.browser.process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        error = await self.fails(download.path(), DownloadFailed)
        self.assertIn("closed", str(error))


class GatewayTests(Cases):
    """What is brought over from a gateway's machine."""

    def begin(self, mode: Any) -> Gateway:
        tokens = self.mktemp()
        Path(tokens).write_text('[one]\ntoken = "0123456789abcdef-one"\n[two]\ntoken = "0123456789abcdef-two"\n')
        gateway = Gateway(
            reactor,
            GatewayOptions(
                mode=mode,
                endpoint="tcp:0:interface=127.0.0.1",
                drain=0.0,
                pool=PoolOptions(size=1),
                policy=Policy(methods=RISKY_METHODS),
                access=AccessOptions(tokens=tokens),
            ),
        )
        self.addCleanup(gateway.stop)
        return gateway

    async def bring(self, mode: Any) -> None:
        gateway = self.begin(mode)
        await gateway.start()
        where = f"127.0.0.1:{gateway.port.getHost().port}"  # type: ignore[union-attr]
        browser = await txcdp.connect(reactor, f"http://{where}?token=0123456789abcdef-one")
        self.addCleanup(browser.close)
        context = await browser.new_context()
        self.server.page("/large", "x" * 3_000_000, content_type="application/octet-stream")
        for page in (await browser.new_page(self.server.url()), await context.new_page(self.server.url())):
            download = await downloaded(page, href="/large")
            await download.save_as(self.folder / "large")
            self.assertEqual((self.folder / "large").stat().st_size, 3_000_000)
            download = await downloaded(page, href="/file")
            path = await download.path()
            self.assertEqual(path.read_bytes(), b"content")
            await download.save_as(self.folder / "small")
            self.assertEqual((self.folder / "small").read_bytes(), b"content")
        (folder,) = gateway.mode.downloads(gateway.tokens.find("0123456789abcdef-one"))  # type: ignore[union-attr,arg-type]
        self.assertEqual(len(os.listdir(folder)), 4)
        # Somebody else gets none of it.
        names = os.listdir(folder)
        for token, status in (("two", 404), ("one", 200)):
            url = f"http://{where}/downloads/{names[0]}?token=0123456789abcdef-{token}"
            found = await transfer(reactor, "GET", url, 10, WebSocketOptions(), lambda data: None)
            self.assertEqual(found, status)
        await context.close()
        self.assertEqual(len(os.listdir(folder)), 2)
        await browser.close()
        self.assertFalse(path.parent.exists())

    async def test_exclusive_mode(self):
        await self.bring("exclusive")

    async def test_shared_mode(self):
        await self.bring("shared")
