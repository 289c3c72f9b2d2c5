"""The size of a real browser's pages: what they are opened with, wherever they go and whatever they open."""

from __future__ import annotations

import os
import signal
import struct

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import BrowserTestCase, reactor, refusing_port
from txcdp.domains import page, target
from txcdp.errors import NavigationError, TargetCrashed
from txcdp.page import Page, ViewportSize
from txcdp.streams import first

SIZE = "[innerWidth, innerHeight, screen.width, screen.height, devicePixelRatio]"
DEFAULT = [1280, 720, 1280, 720, 1]
SMALL = ViewportSize(width=300, height=200)

#: A page that opens another one, and keeps what that one has found in its first script.
OPENER = "<script>onmessage = event => opened.push(event.data); opened = []</script>"
OPENED = "<script>(window.opener || window).postMessage([innerWidth, innerHeight], '*')</script>"


class ViewportTests(BrowserTestCase):
    async def sizes(self, tab: Page, script: str) -> object:
        """Let a page open another one, and return what that one has found in its first script."""
        return await tab.evaluate(
            f"new Promise(done => {{ onmessage = event => done(event.data); window.opened = {script} }})"
        )

    async def test_what_pages_are_opened_with(self):
        chrome = await self.launch()
        tab = await chrome.new_page()
        self.assertEqual(await tab.evaluate(SIZE), DEFAULT)
        self.assertEqual(tab.viewport_size, {"width": 1280, "height": 720})
        png = await tab.screenshot()
        self.assertEqual(struct.unpack(">II", png[16:24]), (1280, 720))
        again = await chrome.new_page()  # attached to by the browser itself
        self.assertEqual(await again.evaluate(SIZE), DEFAULT)
        own = await chrome.new_page(viewport=SMALL)
        self.assertEqual((await own.evaluate(SIZE))[:4], [300, 200, 300, 200])
        self.assertEqual(own.viewport_size, SMALL)
        window = await chrome.new_page(no_viewport=True)
        self.assertIsNone(window.viewport_size)
        self.assertNotEqual((await window.evaluate(SIZE))[:2], [1280, 720])
        contexts = (await chrome.session.execute(target.get_browser_contexts())).browser_context_ids
        self.assertEqual(len(contexts), 2)
        await own.close()
        await window.close()
        while (await chrome.session.execute(target.get_browser_contexts())).browser_context_ids:
            continue  # they end with their pages
        await self.fails(chrome.new_page(f"http://127.0.0.1:{refusing_port()}/", viewport=SMALL), NavigationError)
        await self.fails(chrome.new_page(viewport=SMALL, no_viewport=True), ValueError)
        while (await chrome.session.execute(target.get_browser_contexts())).browser_context_ids:
            continue
        async with await chrome.new_context(viewport=SMALL) as context:
            self.assertEqual((await (await context.new_page()).evaluate(SIZE))[:2], [300, 200])
        async with await chrome.new_context() as context:
            self.assertEqual(await (await context.new_page()).evaluate(SIZE), DEFAULT)

    async def test_another_size(self):
        tab = await self.page()
        await tab.set_viewport_size({"width": 500, "height": 400})
        self.assertEqual((await tab.evaluate(SIZE))[:2], [500, 400])
        self.assertEqual(tab.viewport_size, {"width": 500, "height": 400})
        await self.fails(tab.set_viewport_size((500, 400)), TypeError)  # type: ignore[arg-type]
        await self.fails(tab.set_viewport_size({"width": 0, "height": 400}), ValueError)
        self.assertEqual(tab.viewport_size, {"width": 500, "height": 400})

    async def test_it_holds_wherever_the_page_goes(self):
        tab = await self.page(viewport=SMALL)
        self.server.page("/", "<title>1</title>")
        await tab.goto(self.server.url("/"))
        self.assertEqual((await tab.evaluate(SIZE))[:2], [300, 200])
        await tab.goto(self.server.url("/", host="localhost"))  # in another process
        self.assertEqual((await tab.evaluate(SIZE))[:2], [300, 200])
        crashed = self.fails(tab.evaluate("new Promise(() => {})"), TargetCrashed)
        tab.session.execute(page.crash()).addErrback(lambda _: None)
        await crashed
        await tab.reload()
        self.assertEqual((await tab.evaluate(SIZE))[:2], [300, 200])

    async def test_pop_ups(self):
        tab = await self.page()
        self.server.page("/", OPENER)
        self.server.page("/opened", OPENED)
        await tab.goto(self.server.url("/"))
        self.assertEqual(await self.sizes(tab, "open('/opened')"), [1280, 720])
        self.assertEqual(await tab.evaluate("[opened.innerWidth, opened.innerHeight]"), [1280, 720])
        asked = await self.sizes(tab, "open('/opened', '', 'width=320,height=240')")
        self.assertEqual(asked, [320, 240])
        self.assertEqual(await self.sizes(tab, "open('/opened')"), [1280, 720])
        found = await self.browser.attach_pages()
        sizes = sorted([(await each.evaluate(SIZE))[0] for each in found if each.viewport_size is not None])
        self.assertEqual(sizes, [320, 1280, 1280, 1280])
        async with await self.browser.new_context(viewport=SMALL) as context:
            inner = await context.new_page(self.server.url("/"))
            self.assertEqual(await self.sizes(inner, "open('/opened')"), [300, 200])
            within = next(each for each in await self.browser.attach_pages() if each not in [*found, inner])
            await within.evaluate("void open('/opened', '', 'noopener')")  # of a popup, and tied to nobody
            others: list[Page] = []
            while not others:  # nothing else tells of it
                await deferLater(reactor, 0.02, lambda: None)
                others = [each for each in await self.browser.attach_pages() if each not in [*found, inner, within]]
            (last,) = others
            await last.wait_for_url("**/opened")
            self.assertEqual((await last.evaluate(SIZE))[:2], [300, 200])

    async def test_windows_of_their_own_size(self):
        chrome = await self.launch(args=["--window-size=700,500"], no_viewport=True)
        tab = await chrome.new_page()
        self.assertEqual(await tab.evaluate("[outerWidth, outerHeight]"), [700, 500])
        self.assertEqual(len(chrome.connection.sessions), 2, "nobody attaches to what it opens")
        self.assertIsNone(tab.viewport_size)

    async def test_pages_of_others_keep_theirs(self):
        first = await self.launch(no_viewport=True)
        theirs = await first.new_page()
        before = await theirs.evaluate(SIZE)
        assert first.process is not None
        async with await txcdp.connect(reactor, first.process.ws_url) as second:
            tab = await second.new_page()
            self.assertEqual(await tab.evaluate(SIZE), DEFAULT)
            opening = [first.new_page() for _ in range(5)]
            mine = [second.new_page() for _ in range(5)]
            for each in [theirs, *[await waiting for waiting in opening]]:
                self.assertEqual(await each.evaluate(SIZE), before)
            for each in [await waiting for waiting in mine]:
                self.assertEqual(await each.evaluate(SIZE), DEFAULT)
            await second.session.execute(target.get_targets())
            self.assertEqual(len(second.connection.sessions), 7, "and nobody stays attached to what is not theirs")
            found = next(each for each in await second.attach_pages() if each.target_id == theirs.target_id)
            for features, width in (("", before[0]), ("width=400,height=300", 400)):
                async with found.popups.expect() as expected:
                    await found.evaluate("features => void open('about:blank', '', features)", features)
                popup = await expected.value
                self.assertIsNone(popup.viewport_size)
                self.assertEqual((await popup.evaluate(SIZE))[0], width)
            await tab.close()

    async def test_another_browser_in_its_place(self):
        tab = await self.page(restart=txcdp.ReconnectPolicy(wait=60), viewport=SMALL)
        context = await self.browser.new_context(viewport={"width": 400, "height": 300})
        inner = await context.new_page()
        self.server.page("/", OPENER)
        self.server.page("/opened", OPENED)
        assert self.browser.process is not None
        for each in (tab, inner):
            await each.goto(self.server.url("/"))
        there_again = gatherResults([first(each.events(page.LoadEventFired)) for each in (tab, inner)])
        os.kill(self.browser.process.pid, signal.SIGKILL)
        await there_again
        for each, size in ((tab, [300, 200]), (inner, [400, 300])):
            self.assertEqual((await each.evaluate(SIZE))[:2], size)
            self.assertEqual(await self.sizes(each, "open('/opened')"), size)
            another = await (self.browser if each is tab else context).new_page()
            self.assertEqual((await another.evaluate(SIZE))[:2], size)
