"""Browsers that are launched: their pages and contexts, and that nothing is left when they end, however that is."""

# ruff: noqa: ASYNC240  (a test may wait for the disk)
from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import (
    BrowserTestCase,
    SharedBrowserTestCase,
    got,
    halt,
    pages_are_closing,
    reactor,
    refusing_port,
)
from txcdp.browser import Browser
from txcdp.domains import browser, network, page, runtime, target
from txcdp.errors import (
    ConnectError,
    ConnectionLost,
    ContextClosed,
    ExecutableNotFound,
    LaunchError,
    NavigationError,
    SessionDetached,
    TargetCrashed,
)


def ending(stream: Any) -> Deferred[Exception | None]:
    """Return a Deferred of how a stream ends: None, or its error."""
    ended: Deferred[Exception | None] = Deferred()
    stream.subscribe(on_error=ended.callback, on_completed=lambda: ended.callback(None))
    return ended


async def pages_of(chrome: Browser) -> list[str]:
    """Return the ids of the browser's pages."""
    return sorted(each.target_id for each in await chrome.targets() if each.type == "page")


async def only(chrome: Browser, expected: list[str]) -> None:
    """Wait until the browser has these pages."""
    # A page goes first, then whoever closes it learns of that.
    while await pages_of(chrome) != expected or pages_are_closing():
        await deferLater(reactor, 0.02)


class LaunchTests(BrowserTestCase):
    async def check(self, transport: str) -> None:
        chrome = await self.launch(transport=transport)
        assert chrome.process is not None
        profile = chrome.process.profile
        self.assertTrue(os.path.isdir(profile))
        self.assertIn("Chrome/", (await chrome.version()).product)
        tab = await chrome.new_page()
        how = gatherResults([ending(tab.events(network.ResponseReceived)), ending(chrome.connection.attached)])
        waiting = tab.evaluate("new Promise(() => {})")
        await gatherResults([chrome.close(), chrome.close()])
        await self.fails(waiting, SessionDetached, ConnectionLost)
        self.assertEqual(await how, [None, None])
        self.assertEqual(chrome.process.exit_status and chrome.process.exit_status.code, 0)
        self.assertFalse(os.path.exists(profile))
        assert chrome.connection.lost is not None
        self.assertTrue(chrome.connection.lost.clean)
        await chrome.close()
        await self.fails(chrome.new_page(), ConnectionLost)
        await self.fails(chrome.attach_pages(), ConnectionLost)

    async def test_over_a_websocket(self):
        await self.check("websocket")

    async def test_over_the_pipe(self):
        await self.check("pipe")

    async def test_no_part_of_its_own_window_is_a_page(self):
        chrome = await self.launch()
        await chrome.new_page()
        everything = target.get_targets(filter=[target.FilterEntry()])
        kinds = {each.type for each in (await chrome.session.execute(everything)).target_infos}
        self.assertEqual(kinds, {"page", "tab"}, "each such page is a process that costs as much as the browser's own")

    async def test_leaving_the_block_ends_it(self):
        with self.assertRaises(KeyError):
            async with await txcdp.launch(reactor) as chrome:
                await chrome.new_page()
                raise KeyError
        assert chrome.process is not None
        self.assertFalse(chrome.process.running)
        self.assertIn("process", repr(chrome))

    async def test_its_arguments(self):
        profile = self.mktemp()
        chrome = await self.launch(
            args=["--window-size=700,500", "--lang=de"],
            profile=profile,
            env={"TZ": "Asia/Tokyo"},
            headless=True,
            start_timeout=60,
            options=txcdp.WebSocketOptions(ping_interval=None),
            timeout=70,
            max_in_flight=5,
        )
        self.assertEqual(chrome.connection.timeout, 70)
        tab = await chrome.new_page()
        self.assertEqual(await tab.evaluate("new Date(0).getTimezoneOffset()"), -540)
        self.assertEqual(await tab.evaluate("outerWidth"), 700)
        await chrome.close()
        self.assertTrue(os.path.isdir(profile))

    async def test_what_cannot_be(self):
        await self.fails(txcdp.launch(reactor, "/no/such/browser"), ExecutableNotFound)
        await self.fails(txcdp.launch(reactor, transport="telepathy"), ValueError)  # type: ignore[arg-type]
        await self.fails(txcdp.launch(reactor, args=["--user-data-dir=/tmp"]), ValueError)
        await self.fails(txcdp.launch(reactor, start_timeout=0.01), LaunchError)

    async def test_what_only_the_connection_refuses(self):
        started = []
        original = txcdp.start_browser

        def start_browser(*args: Any, **options: Any) -> Any:
            return original(*args, **options).addCallback(note)

        def note(made: txcdp.BrowserProcess) -> txcdp.BrowserProcess:
            started.append(made)
            return made

        with patch("txcdp.chrome.start_browser", start_browser):
            await self.fails(txcdp.launch(reactor, stability="rock solid"), ValueError)  # type: ignore[arg-type]
            await self.fails(
                txcdp.launch(reactor, options=txcdp.WebSocketOptions(proxy=("127.0.0.1", refusing_port()))),
                ConnectError,
            )
        self.assertEqual([made.running or os.path.exists(made.profile) for made in started], [False, False])

    async def test_a_cautious_connection(self):
        # Under pytest, a FutureWarning is an error: what txcdp itself sends is its own responsibility.
        for stability in ("stable", "warn"):
            chrome = await self.launch(stability=stability)
            tab = await chrome.new_page(self.server.page("/", "<title>Here</title>"))
            await tab.reload()
            self.assertEqual(await tab.title(), "Here")
            self.server.held("/slow")
            await self.fails(tab.goto(self.server.url("/slow"), timeout=0.1), NavigationError)
            await tab.screenshot(full_page=True)
            async with await chrome.new_context() as context:
                await context.new_page()
            await tab.close()
            await chrome.close()


class EndTests(BrowserTestCase):
    async def check_killed(self, transport: str) -> None:
        chrome = await self.launch(transport=transport)
        assert chrome.process is not None
        tab = await chrome.new_page()
        how = ending(tab.events(network.ResponseReceived))
        await tab.evaluate("1")
        pending = [tab.evaluate("new Promise(() => {})"), chrome.new_page(), chrome.new_context()]
        pending.append(chrome.attach_pages())
        chrome.process.kill()
        for each in pending:
            await self.fails(each, ConnectionLost)
        self.assertIsInstance(await how, ConnectionLost)
        lost = await chrome.connection.when_closed()
        self.assertFalse(lost.clean)
        await chrome.process.close()
        self.assertFalse(os.path.exists(chrome.process.profile))
        await chrome.close()

    async def test_it_is_killed(self):
        await self.check_killed("websocket")

    async def test_it_is_killed_under_the_pipe(self):
        await self.check_killed("pipe")

    async def test_it_is_closed_by_command(self):
        chrome = await self.launch()
        assert chrome.process is not None
        await chrome.session.execute(browser.close())
        await chrome.connection.when_closed()
        await chrome.close()
        self.assertEqual(str(chrome.process.exit_status), "exit code 0")

    async def test_it_is_closed_while_it_stands_still(self):
        chrome = await self.launch()
        assert chrome.process is not None
        halt(chrome.process.pid)
        with patch("txcdp.browser._browser._GRACE", 0.2), patch("txcdp.browser._browser._PATIENCE", 0.2):
            waiting = chrome.new_page()
            await chrome.close()
        await self.fails(waiting, ConnectionLost)
        self.assertEqual(str(chrome.process.exit_status), "killed by SIGKILL")
        self.assertFalse(os.path.exists(chrome.process.profile))

    async def test_only_the_line_is_cut(self):
        chrome = await self.launch()
        assert chrome.process is not None
        chrome.connection.transport.abort()
        lost = await chrome.connection.when_closed()
        self.assertFalse(lost.clean)
        self.assertTrue(chrome.process.running)
        await chrome.close()
        self.assertFalse(chrome.process.running)

    async def test_closing_may_be_cancelled_and_goes_on(self):
        chrome = await self.launch()
        assert chrome.process is not None
        closing = chrome.close()
        closing.cancel()
        await self.fails(closing, CancelledError)
        await chrome.close()
        self.assertFalse(chrome.process.running)


class PageTests(SharedBrowserTestCase):
    async def test_a_page_with_a_url(self):
        chrome = await self.borrowed()
        before = await pages_of(chrome)
        url = self.server.page("/", "<title>There</title>")
        tab = await chrome.new_page(url)
        self.assertEqual((tab.url, await tab.title()), (url, "There"))
        nowhere = f"http://127.0.0.1:{refusing_port()}/"
        await self.fails(chrome.new_page(nowhere), NavigationError)
        await tab.close()
        await only(chrome, before)

    async def test_cancelling_leaves_no_page(self):
        chrome = await self.borrowed()
        before = await pages_of(chrome)
        slow = self.server.held("/slow")
        for _ in range(3):
            opening = chrome.new_page()
            opening.cancel()
            await self.fails(opening, CancelledError)
        opening = chrome.new_page(self.server.url("/slow"))
        await slow.asked
        opening.cancel()
        await self.fails(opening, CancelledError)
        await only(chrome, before)

    async def test_pages_that_are_open(self):
        chrome = await self.launch()
        (blank,) = await chrome.attach_pages()
        self.assertEqual(blank.url, "about:blank")
        tab = await chrome.new_page()
        self.assertIn(tab, await chrome.attach_pages())
        self.assertIn(blank, await chrome.attach_pages())
        await blank.close()
        self.assertEqual(await chrome.attach_pages(), [tab])
        other = (await chrome.session.execute(target.create_target(url="about:blank"))).target_id
        found = {each.target_id: each for each in await chrome.attach_pages()}
        self.assertEqual(set(found), {tab.target_id, other})
        self.assertEqual(await found[other].evaluate("1"), 1)

    async def test_pages_that_hang_or_go_away(self):
        chrome = await self.launch()
        first = (await chrome.session.execute(target.create_target(url="about:blank"))).target_id
        session = await chrome.connection.attach(first)
        session.execute(runtime.evaluate(expression="while (true);"), timeout=None).addErrback(lambda _: None)
        crashed = await chrome.new_page()
        crashed.session.execute(page.crash()).addErrback(lambda _: None)
        going = await chrome.new_page()
        listing = chrome.attach_pages()
        closing = going.close()
        found = [each.target_id for each in await listing]
        self.assertIn(first, found)
        self.assertIn(crashed.target_id, found)
        await closing

    async def test_a_page_that_crashed_before_it_was_set_up(self):
        chrome = await self.launch()
        target_id = (await chrome.session.execute(target.create_target(url="about:blank"))).target_id
        session = await chrome.connection.attach(target_id)
        await self.fails(session.execute(page.crash()), TargetCrashed)
        (found,) = [each for each in await chrome.attach_pages() if each.target_id == target_id]
        url = self.server.page("/", "<title>Here</title>")
        self.assertEqual(got(await found.goto(url, "networkidle")).url, url)
        await found.reload()
        self.assertEqual(await found.title(), "Here")

    async def test_a_page_behind_another_is_alive(self):
        chrome = await self.borrowed()
        behind = await chrome.new_page()
        await chrome.new_page()
        frame = "new Promise(resolve => requestAnimationFrame(() => resolve('drawn')))"
        self.assertEqual(await behind.evaluate(frame), "drawn")
        self.assertEqual(await behind.evaluate("document.visibilityState"), "visible")
        self.assertEqual(await behind.evaluate("document.hasFocus()"), True)
        self.assertEqual((await behind.screenshot())[:4], b"\x89PNG")

    async def test_many_at_once(self):
        chrome = await self.borrowed()
        urls = [self.server.page(f"/{number}", f"<title>{number}</title>") for number in range(10)]
        tabs = await gatherResults([chrome.new_page(url) for url in urls])
        self.assertEqual(await gatherResults([tab.title() for tab in tabs]), [str(number) for number in range(10)])
        await gatherResults([tab.close() for tab in tabs])
        self.assertEqual(len(chrome.connection.sessions), 1)


class ContextTests(SharedBrowserTestCase):
    async def test_what_is_kept_apart(self):
        chrome = await self.borrowed()
        url = self.server.page("/", "<title>Here</title>")
        one = await chrome.new_page(url)
        context = await chrome.new_context()
        other = await context.new_page(url)
        await one.evaluate("document.cookie = 'a=1; max-age=1000'")
        self.assertEqual(await other.evaluate("document.cookie"), "")
        self.assertEqual(await one.evaluate("document.cookie"), "a=1")
        self.assertIn(context.id, repr(context))
        waiting = other.evaluate("new Promise(() => {})")
        await context.close()
        await self.fails(waiting, SessionDetached)
        self.assertTrue(other.session.ended)
        await context.close()
        self.assertIn("closed", repr(context))
        await self.fails(context.new_page(), ContextClosed)
        self.assertEqual(await one.title(), "Here")

    async def test_leaving_the_block_closes_it(self):
        chrome = await self.borrowed()
        async with await chrome.new_context() as context:
            tab = await context.new_page()
            self.assertEqual(tab.session.target and tab.session.target.browser_context_id, context.id)
        contexts = (await chrome.session.execute(target.get_browser_contexts())).browser_context_ids
        self.assertEqual(contexts, [])

    async def test_its_proxy(self):
        chrome = await self.borrowed()
        url = "http://example.test/"
        self.server.page(url, "<title>Proxied</title>")  # a proxy is asked for the whole URL
        proxy = f"127.0.0.1:{self.server.port}"
        async with await chrome.new_context(proxy={"server": proxy}) as context:
            tab = await context.new_page(url)
            self.assertEqual(await tab.title(), "Proxied")

    async def test_the_browser_is_gone(self):
        chrome = await self.launch()
        context = await chrome.new_context(origins_with_universal_network_access=["http://example.test"])
        assert chrome.process is not None
        chrome.process.kill()
        await context.close()
