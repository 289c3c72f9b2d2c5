"""Frames of real pages: their tree, their identity over processes, what can be done in them, and the page's streams."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred

import txcdp
from tests.browser.support import SharedBrowserTestCase, got
from txcdp.errors import (
    ContextDestroyed,
    EvaluationError,
    FrameRemoved,
    NavigationError,
    NavigationTimeout,
    SessionDetached,
    TargetCrashed,
)
from txcdp.page import Frame, Page

OTHER = "localhost"  # another site than 127.0.0.1, and so in another process


class FrameCase(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.near = self.server.page("/near", "<title>near</title><p>near")
        self.far = self.server.page("/far", "<title>far</title><p>far").replace("127.0.0.1", OTHER)
        self.outer = self.server.page(
            "/outer",
            f"<title>outer</title><iframe name=near src=/near></iframe><iframe name=far src='{self.far}'></iframe>",
        )

    async def opened(self) -> Page:
        page = await self.page()
        await page.goto(self.outer)
        return page

    def named(self, page: Page, name: str) -> Frame:
        frame = page.frame(name)
        assert frame is not None, name
        return frame

    def in_own_process(self, frame: Frame) -> bool:
        return frame._row.session_id not in ("", None)


class TreeTests(FrameCase):
    async def test_the_tree(self):
        page = await self.opened()
        main, near, far = page.frames
        self.assertIs(main, page.main_frame)
        self.assertEqual([each.name for each in page.frames], ["", "near", "far"])
        self.assertEqual([each.url for each in page.frames], [self.outer, self.near, self.far])
        self.assertEqual(main.child_frames, [near, far])
        self.assertEqual((near.parent_frame, far.parent_frame, main.parent_frame), (main, main, None))
        self.assertEqual([each.page for each in page.frames], [page] * 3)
        self.assertEqual([self.in_own_process(each) for each in page.frames], [False, False, True])

    async def test_it_is_found_by_name_and_url(self):
        page = await self.opened()
        near, far = self.named(page, "near"), self.named(page, "far")
        self.assertIs(page.frame(url="**/far"), far)
        self.assertIs(page.frame(url=re.compile("near$")), near)
        self.assertIs(page.frame(url=lambda url: url == self.outer), page.main_frame)
        self.assertIsNone(page.frame("nobody"))
        self.assertIsNone(page.frame("near", url="**/far"))
        with self.assertRaises(TypeError):
            page.frame()

    async def test_it_is_the_same_frame_in_either_process(self):
        page = await self.opened()
        for name in ("near", "far"):
            frame = self.named(page, name)
            for url in (self.far, self.near, self.far, self.near):
                response = got(await frame.goto(url))
                self.assertEqual((response.url, response.status, frame.url), (url, 200, url))
                self.assertIs(response.frame, frame)
                self.assertIs(page.frame(name), frame)
                self.assertEqual(self.in_own_process(frame), OTHER in url)
                self.assertFalse(frame.is_detached())
                self.assertEqual(await frame.title(), url.rpartition("/")[2])
                self.assertEqual(await response.text(), await self.source(url))
        self.assertEqual(len(page.frames), 3)

    async def source(self, url: str) -> str:
        return f"<title>{url.rpartition('/')[2]}</title><p>{url.rpartition('/')[2]}"

    async def test_a_frame_that_moves_by_its_own_script(self):
        page = await self.opened()
        far = self.named(page, "far")
        for url in (self.near, self.far):
            coming = far.wait_for_url(url)
            await page.evaluate("url => document.querySelector('[name=far]').src = url", url)
            await coming
            self.assertEqual(await far.title(), url.rpartition("/")[2])
            self.assertIs(page.frame("far"), far)

    async def test_frames_in_frames_of_several_processes(self):
        inner = self.server.page("/inner", f"<title>inner</title><iframe name=innermost src='{self.near}'></iframe>")
        middle = inner.replace("127.0.0.1", OTHER)
        page = await self.page()
        await page.goto(self.server.page("/", f"<iframe name=middle src='{middle}'></iframe>"), "networkidle")
        frame = self.named(page, "innermost")
        self.assertEqual(frame.url, self.near)
        assert frame.parent_frame is not None
        self.assertEqual(frame.parent_frame.name, "middle")
        self.assertEqual(await frame.evaluate("document.title"), "near")
        await frame.parent_frame.goto(self.far)
        self.assertTrue(frame.is_detached())
        self.assertEqual(len(page.frames), 2)

    async def test_frames_that_come_and_go(self):
        page = await self.opened()
        attached, detached, navigated = (
            self.collected(page.frame_attached),
            self.collected(page.frame_detached),
            self.collected(page.frame_navigated),
        )
        add = "url => new Promise(done => { const f = document.createElement('iframe'); f.name = 'new'; f.src = url; "
        add += "f.onload = done; document.body.append(f) }).then(() => 1)"
        for url in (self.near, self.far):
            await page.evaluate(add, url)
            frame = attached[-1]
            self.assertIs(page.frame("new"), frame)
            self.assertIn(frame, navigated)
            removed = txcdp.first(page.frame_detached)
            await page.evaluate("document.querySelector('[name=new]').remove()")
            self.assertIs(await removed, frame)
            self.assertTrue(frame.is_detached())
            self.assertIsNone(frame.parent_frame)
            self.assertNotIn(frame, page.frames)
        self.assertEqual((len(attached), len(detached)), (2, 2))
        near, far = self.named(page, "near"), self.named(page, "far")
        await page.goto(self.near)
        self.assertEqual(set(detached[2:]), {near, far})
        self.assertEqual(page.frames, [page.main_frame])

    def collected(self, stream: Any) -> list[Any]:
        items: list[Any] = []
        stream.subscribe(items.append)
        return items

    async def test_pages_that_were_there_before(self):
        page = await self.opened()
        other = await txcdp.connect(self.reactor(), self.address(), no_viewport=True)
        self.addCleanup(other.close)
        found = next(each for each in await other.attach_pages() if each.target_id == page.target_id)
        self.assertEqual(sorted(each.url for each in found.frames), sorted([self.outer, self.near, self.far]))
        far = self.named(found, "far")
        self.assertEqual(await far.title(), "far")
        self.assertEqual(await far.evaluate("document.title"), "far")

    def reactor(self) -> Any:
        return self.browser.session.context.clock

    def address(self) -> str:
        process = self.browser.process
        assert process is not None
        assert process.ws_url is not None
        return process.ws_url


class InFramesTests(FrameCase):
    async def test_evaluation(self):
        page = await self.opened()
        for name in ("near", "far"):
            frame = self.named(page, name)
            self.assertEqual(await frame.evaluate("document.title"), name)
            self.assertEqual(await frame.evaluate("(a) => [location.href, a]", {"x": 1}), [frame.url, {"x": 1}])
            self.assertIn(f"<p>{name}", await frame.content())
            await frame.evaluate("window.mark = 7")
            self.assertEqual(await frame.evaluate("mark"), 7)
            await frame.goto(frame.url)
            self.assertEqual(await frame.evaluate("typeof mark"), "undefined")

    async def test_scripts_of_the_page(self):
        page = await self.page()
        await page.add_init_script("window.early = location.pathname")
        calls: list[Any] = []
        await page.expose_binding("tell", lambda source, *args: calls.append((source["frame"], args)))
        await page.goto(self.outer)
        for name in ("near", "far"):
            frame = self.named(page, name)
            self.assertEqual(await frame.evaluate("early"), f"/{name}")
            await frame.evaluate("tell(document.title)")
            self.assertEqual(calls[-1], (frame, (name,)))

    async def test_content(self):
        page = await self.opened()
        for name in ("near", "far"):
            frame = self.named(page, name)
            await frame.set_content(f"<title>written {name}</title><img src='{self.server.url('/none')}'>")
            self.assertEqual(await frame.title(), f"written {name}")
        self.assertEqual(await page.title(), "outer")

    async def test_waits(self):
        picture = self.server.held("/picture", content_type="image/png")
        slow = self.server.page("/slow", "<title>slow</title><img src=/picture>")
        page = await self.opened()
        near = self.named(page, "near")
        await near.goto(slow, "domcontentloaded")
        await near.wait_for_load_state("domcontentloaded")
        loading = near.wait_for_load_state()
        await picture.asked
        self.assertNoResult(loading)
        picture.release()
        await loading
        error = await self.fails(near.wait_for_url("**/elsewhere", timeout=0.05), NavigationTimeout)
        self.assertIn("/slow", str(error))

    async def test_one_that_is_removed_while_it_is_waited_for(self):
        held = self.server.held("/held")
        for host in ("127.0.0.1", OTHER):
            page = await self.opened()
            near = self.named(page, "near")
            going, waiting = near.goto(self.server.url("/held", host)), near.wait_for_url("**/elsewhere")
            await held.asked
            await page.evaluate("document.querySelector('[name=near]').remove()")
            for each in (going, waiting):
                error = await self.fails(each, NavigationError)
                self.assertIn("removed", str(error))
            await self.fails(near.goto(self.near), NavigationError, SessionDetached)
            held.release()
            held = self.server.held("/held")

    def removed_calls(self, frame: Frame) -> list[Deferred[Any]]:
        """Call methods of a frame that was removed."""
        return [
            frame.set_content("<p>"),
            frame.content(),
            frame.evaluate("1"),
            frame.evaluate_handle("1"),
            frame.wait_for_function("1"),
            frame.add_style_tag(content="p {}"),
            frame.new_cdp_session(),
        ]

    async def test_one_that_is_removed_while_its_document_loads(self):
        for host in ("127.0.0.1", OTHER):
            picture = self.server.held("/picture", content_type="image/png")
            slow = self.server.page("/slow", "<title>slow</title><img src=/picture>").replace("127.0.0.1", host)
            page = await self.opened()
            near = self.named(page, "near")
            with self.assertRaises(FrameRemoved):
                async with near.expect_navigation(slow):
                    async with near.expect_navigation(wait_until="commit"):
                        await near.evaluate("url => void setTimeout(() => { location.href = url })", slow)
                    waiting = [near.wait_for_load_state(), near.wait_for_url(slow)]
                    await picture.asked
                    await page.evaluate("document.querySelector('[name=near]').remove()")
            for each in (*waiting, *self.removed_calls(near)):
                await self.fails(each, FrameRemoved)
            picture.release()

    async def test_one_that_goes_under_what_is_asked_of_it(self):
        """Its session ends with it if it was in another process; who asked it is told what became of it."""
        for name in ("near", "far"):
            page = await self.opened()
            frame = self.named(page, name)
            handle = await frame.evaluate_handle("window")
            asked = [frame.evaluate("new Promise(() => {})"), handle.evaluate("() => new Promise(() => {})")]
            await frame.title()
            await page.evaluate(f"document.querySelector('[name={name}]').remove()")
            for each in asked:
                await self.fails(each, FrameRemoved if name == "far" else EvaluationError)
            await self.fails(frame.title(), FrameRemoved)

    async def test_one_that_moves_to_another_process_under_what_is_asked_of_it(self):
        page = await self.opened()
        frame = self.named(page, "far")
        asked = frame.evaluate("new Promise(() => {})")
        await frame.goto(self.near)
        await self.fails(asked, ContextDestroyed)
        self.assertEqual(await frame.title(), "near")

    async def test_a_frame_whose_process_crashes(self):
        page = await self.opened()
        far = self.named(page, "far")
        session = far._tree.session_of(far._row)
        assert session is not None
        waiting = far.wait_for_url("**/never")
        await self.fails(session.execute(txcdp.domains.page.crash()), TargetCrashed)
        await self.fails(waiting, TargetCrashed)
        await self.fails(far.evaluate("1"), TargetCrashed)
        self.assertEqual(await page.title(), "outer")
        await page.reload()
        self.assertEqual(await self.named(page, "far").title(), "far")


class StreamTests(FrameCase):
    async def test_navigations(self):
        page = await self.page()
        items: list[Any] = []
        self.assertIs(page.navigations, page.navigations)
        page.navigations.subscribe(items.append)
        await page.goto(self.near)
        await page.goto(self.near + "#part")
        await page.evaluate("history.pushState(null, '', '/pushed')")
        await self.fails(page.goto("http://127.0.0.1:1/"), NavigationError)
        await page.goto("about:blank")
        found = [(each.kind, each.url, each.status) for each in items]
        self.assertEqual(
            found,
            [
                ("new_document", self.near, 200),
                ("same_document", self.near + "#part", None),
                ("same_document", self.server.url("/pushed"), None),
                ("error", "chrome-error://chromewebdata/", None),
                ("new_document", "about:blank", None),
            ],
        )
        self.assertEqual({each.frame for each in items}, {page.main_frame})

    async def test_states_and_the_end(self):
        page = await self.page()
        told: list[str] = []
        for name in ("dom_content_loaded", "loaded", "crashes", "frame_navigated"):
            stream = getattr(page, name)
            stream.subscribe(lambda item, name=name: told.append(name), on_completed=lambda: told.append("end"))
        await page.goto(self.near)
        self.assertEqual(told, ["frame_navigated", "dom_content_loaded", "loaded"])
        closed = page.when_closed()
        self.assertFalse(page.is_closed())
        await page.close()
        await closed
        self.assertTrue(page.is_closed())
        self.assertEqual(told[3:], ["end"] * 4)
        ended: Deferred[None] = Deferred()
        page.frame_attached.subscribe(on_completed=lambda: ended.callback(None))
        await ended
        self.assertTrue(all(each.is_detached() for each in page.frames[1:]))

    async def test_a_crash_is_no_end_and_whoever_hears_of_it_may_go_on(self):
        page = await self.page()
        await page.goto(self.near)
        revived: list[Deferred[Any]] = []
        page.crashes.subscribe(lambda crashed: revived.append(crashed.goto(self.far)))
        loaded = txcdp.first(page.loaded)
        page.session.execute(txcdp.domains.page.crash()).addErrback(lambda _: None)
        self.assertIs(await loaded, page)
        (going,) = revived
        self.assertEqual(got(await going).url, self.far)
        self.assertEqual(await page.title(), "far")
