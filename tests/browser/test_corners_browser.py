"""Corners of pages, frames, contexts and sessions, where programs that come from elsewhere expect something."""

from __future__ import annotations

from typing import Any

from tests.browser.support import SharedBrowserTestCase, got
from txcdp import domains as cdp
from txcdp._core.sessions import AutoAttach, Session
from txcdp.errors import ContextClosed, FrameRemoved, SessionDetached
from txcdp.page import Dialog
from txcdp.streams import first


class ClosingTests(SharedBrowserTestCase):
    async def test_a_page_that_asks_before_it_closes(self):
        tab = await self.page()
        asks = "<script>addEventListener('beforeunload', event => event.preventDefault())</script>"
        await tab.goto(self.server.page("/asks", asks))
        await tab.evaluate("0")  # as a person would, who has touched it
        dialogs: list[Dialog] = []
        listening = tab.dialogs.subscribe(dialogs.append)
        opened = first(tab.dialogs, timeout=60)
        await tab.close(run_before_unload=True)
        dialog = await opened
        self.assertEqual((dialog.type, tab.is_closed()), ("beforeunload", False))
        await dialog.dismiss()
        self.assertEqual(await tab.evaluate("1"), 1)
        opened = first(tab.dialogs, timeout=60)
        await tab.close(run_before_unload=True)
        closed = tab.when_closed()
        await (await opened).accept()
        await closed
        self.assertTrue(tab.is_closed())
        listening.dispose()
        await tab.close(run_before_unload=True)

    async def test_a_page_that_asks_nothing_closes(self):
        tab = await self.page()
        closed = tab.when_closed()
        await tab.close(run_before_unload=True)
        await closed
        self.assertTrue(tab.is_closed())

    async def test_a_context_that_is_closed_opens_no_page(self):
        context = await self.context()
        await context.close()
        error = await self.fails(context.new_page(), ContextClosed)
        self.assertIn("the context is closed", str(error))


class CornersTests(SharedBrowserTestCase):
    async def test_a_frame_that_was_removed(self):
        tab = await self.page()
        inner = self.server.page("/inner", "<title>inner</title>")
        await tab.goto(self.server.page("/outer", f"<iframe src='{inner}'></iframe>"))
        frame = tab.frames[1]
        gone = first(tab.frame_detached, timeout=60)
        await tab.evaluate("document.querySelector('iframe').remove()")
        await gone
        for use in (frame.title, frame.content, lambda: frame.evaluate("1"), lambda: frame.goto(inner)):
            error = await self.fails(use(), FrameRemoved)
            self.assertIn("was removed", str(error))

    async def test_where_a_script_without_a_url_writes(self):
        tab = await self.page()
        async with tab.console.expect() as expected:
            await tab.set_content("<script>\nconsole.log('x')</script>")
        self.assertEqual((await expected.value).location, {"url": "", "lineNumber": 1, "columnNumber": 8})

    async def test_where_a_navigation_was_redirected_from(self):
        tab = await self.page()
        end = self.server.page("/end", "here")
        middle = self.server.page("/middle", status=302, location="/end")
        begin = self.server.page("/begin", status=302, location="/middle")
        seen = first(tab.navigations, timeout=60)
        await tab.goto(begin)
        navigation = await seen
        self.assertEqual((navigation.url, navigation.status), (end, 200))
        before = navigation.redirected_from
        assert before is not None
        assert before.redirected_from is not None
        self.assertEqual((before.url, before.redirected_from.url), (middle, begin))
        seen = first(tab.navigations, timeout=60)
        await tab.goto(end + "?again")
        self.assertIsNone((await seen).redirected_from)

    async def test_an_error_is_shown_without_what_is_ours(self):
        tab = await self.page()
        error = await tab.evaluate_handle("new Error('m')")
        self.assertEqual(str(error), "Error: m\n    at <anonymous>:1:1")

    async def test_what_is_no_state_or_proxy(self):
        tab = await self.page()
        error = await self.fails(tab.wait_for_load_state("bad"), ValueError)  # type: ignore[arg-type]
        self.assertIn("state='bad'", str(error))
        for server in ("bad url", " ", ""):
            await self.fails(self.browser.new_context(proxy={"server": server}), ValueError)


class SessionsTests(SharedBrowserTestCase):
    """A program's own sessions, and what it asks of the page's."""

    async def outer(self) -> tuple[Any, str]:
        tab = await self.page()
        inner = self.server.page("/inner", "<title>inner</title>").replace("127.0.0.1", "localhost")
        return tab, self.server.page("/outer", f"<iframe src='{inner}'></iframe>")

    async def test_auto_attach_by_hand_in_both(self):
        tab, url = await self.outer()
        own = await tab.new_cdp_session()
        on = cdp.target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=True, flatten=True)
        mine: list[cdp.target.AttachedToTarget] = []
        own.events(cdp.target.AttachedToTarget).subscribe(mine.append)
        await own.execute(on)
        attached = first(own.events(cdp.target.AttachedToTarget), timeout=60)
        going = tab.goto(url)
        told = await attached
        session = next(each for each in self.browser.connection.sessions if each.id == told.session_id)
        self.assertIs(session.parent, own)
        self.assertFalse(going.called)  # the program has it wait
        await session.execute(cdp.runtime.run_if_waiting_for_debugger())
        await going
        self.assertEqual(await tab.frames[1].title(), "inner")
        self.assertEqual(len(mine), 1)
        await own.execute(cdp.target.set_auto_attach(auto_attach=False, wait_for_debugger_on_start=False, flatten=True))
        await own.detach()
        self.assertTrue(session.ended)
        self.assertEqual(await tab.frames[1].title(), "inner")

    async def test_auto_attach_by_hand_in_the_pages_own(self):
        tab, url = await self.outer()
        off = cdp.target.set_auto_attach(auto_attach=False, wait_for_debugger_on_start=False, flatten=True)
        await tab.session.execute(off)
        await tab.goto(url)
        self.assertEqual(await tab.frames[1].title(), "inner")

    async def test_a_policy_in_an_own_session(self):
        tab, url = await self.outer()
        own = await tab.new_cdp_session()
        attached: list[Session] = []
        await AutoAttach(set_up=attached.append).start(own)
        await tab.goto(url)
        (session,) = attached
        self.assertEqual(session.kind, "iframe")
        self.assertEqual(await tab.frames[1].title(), "inner")
        await own.detach()
        await self.fails(session.execute(cdp.runtime.enable()), SessionDetached)
        self.assertEqual(await tab.frames[1].title(), "inner")

    async def test_of_a_frame(self):
        tab, url = await self.outer()
        got(await tab.goto(url))
        own = await tab.frames[1].new_cdp_session()
        result = await own.execute(cdp.runtime.evaluate(expression="document.title"))
        self.assertEqual(result.result.value, "inner")
        await own.detach()
        main = await tab.context.new_cdp_session(tab.main_frame)
        self.assertEqual(main.kind, "page")
        await tab.set_content("<iframe srcdoc='here'></iframe>")
        await self.fails(tab.frames[1].new_cdp_session(), ValueError)
        await self.fails(tab.context.new_cdp_session("page"), TypeError)
