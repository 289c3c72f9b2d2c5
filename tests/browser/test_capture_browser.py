"""Pictures and PDFs of a real page: what is in them, and that the page is afterwards as it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater

from tests.browser.support import SharedBrowserTestCase, reactor
from tests.browser.support_pictures import Png
from tests.support import PATIENCE
from txcdp.domains import dom, emulation, io, page
from txcdp.errors import CommandTimeout, EvaluationError
from txcdp.page import Page, _capture
from txcdp.streams import first, queue

RED, LIME, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)
MASK = (255, 0, 255)
TWO = "<!doctype html><body style='margin: 0'><div id=a></div><div id=b></div><style>div { height: 200px }"
TWO += "#a { background: red } #b { background: lime }</style>"


def content_of(path: Path) -> bytes:
    return path.read_bytes()


class CaptureTestCase(SharedBrowserTestCase):
    async def tab(self, html: str, width: int = 100, height: int = 100) -> Page:
        """Open a small page with something in it."""
        tab = await (await self.borrowed()).new_page(viewport={"width": width, "height": height})
        await tab.goto(self.server.page("/", html))
        return tab

    async def unchanged(self, tab: Page) -> None:
        """Check that nothing of ours is left in the document."""
        left = "[document.adoptedStyleSheets.length, document.documentElement.children.length, innerWidth]"
        self.assertEqual(await tab.evaluate(left), [0, 2, 100])


class RegionTests(CaptureTestCase):
    async def test_viewport_page_and_clips(self):
        tab = await self.tab(TWO)
        self.assertEqual(Png(await tab.screenshot()).size, (100, 100))
        for scrolled in (0, 150):
            await tab.evaluate(f"scrollTo(0, {scrolled})")
            whole = Png(await tab.screenshot(full_page=True))
            self.assertEqual((whole.size, whole(0, 199), whole(0, 200)), ((100, 400), RED, LIME))
            part = Png(await tab.screenshot(full_page=True, clip={"x": 50, "y": 190, "width": 99, "height": 20}))
            self.assertEqual((part.size, part(0, 9), part(0, 10)), ((50, 20), RED, LIME))
            self.assertEqual(await tab.evaluate("[scrollY, innerHeight]"), [scrolled, 100])
        seen = Png(await tab.screenshot(clip={"x": -10, "y": 40, "width": 30, "height": 20}))
        self.assertEqual((seen.size, seen(0, 9), seen(0, 10)), ((20, 20), RED, LIME))
        protocol = Png(await tab.screenshot(clip=page.Viewport(x=0, y=195, width=10, height=10, scale=2)))
        self.assertEqual((protocol.size, protocol(0, 9), protocol(0, 10)), ((20, 20), RED, LIME))

    async def test_a_page_behind_another_one(self):
        tab = await self.page(args=())  # in a browser of its own
        await tab.context.new_page()
        await tab.set_content("<body style='height: 2000px'>")
        stats = self.browser.connection.stats.methods
        for full_page in [False, True] * 6:
            self.assertTrue(await tab.screenshot(full_page=full_page))
        # One that is not answered for seconds is sent again; on a busy machine, that may be one of them.
        self.assertLess(stats[page.capture_screenshot.method].sent, 12 + 4)

    async def test_what_is_no_picture(self):
        tab = await self.tab(TWO)
        inside: Any = {"x": 0, "y": 0, "width": 10, "height": 10}
        for wrong, kind, words in (
            ({"clip": {**inside, "y": 100}}, ValueError, "full_page=True"),
            ({"clip": {**inside, "y": 400}, "full_page": True}, ValueError, "outside the page, which is 100 x 400"),
            ({"clip": {**inside, "width": 0}}, ValueError, "empty"),
            ({"clip": {**inside, "x": float("nan")}}, ValueError, "finite"),
            ({"clip": {"x": 0, "y": 0}}, ValueError, "no 'width' and no 'height'"),
            ({"clip": page.Viewport(**inside, scale=1), "full_page": True}, ValueError, "not both"),
            ({"quality": 50}, ValueError, "PNG has no quality"),
            ({"type": "jpeg", "quality": 101}, ValueError, "0 to 100"),
            ({"type": "jpeg", "quality": 50.5}, TypeError, "expected an int"),
            ({"type": "gif"}, ValueError, "'png', 'jpeg', 'webp'"),
            ({"animations": "off"}, ValueError, "'disabled', 'allow'"),
            ({"caret": "show"}, ValueError, "'hide', 'initial'"),
            ({"scale": 2}, ValueError, "'css', 'device'"),
            ({"mask": "#a"}, TypeError, "write mask=["),
            ({"mask": ["#a:"]}, EvaluationError, "not a valid selector"),
        ):
            self.assertIn(words, str(await self.fails(tab.screenshot(**wrong), kind)), wrong)
        await self.unchanged(tab)

    async def test_tall_and_right_to_left_and_as_high_as_the_viewport(self):
        tab = await self.tab(
            "<!doctype html><body style='margin: 0'><div id=a></div><div id=b></div><style>"
            "#a { height: 20000px; background: red } #b { height: 100vh; background: lime }</style>"
            "<script>sizes = new Set(); onresize = () => sizes.add(innerHeight)</script>",
            20,
        )
        tall = Png(await tab.screenshot(full_page=True))
        self.assertEqual(
            (tall.size, tall(5, 0), tall(5, 19999), tall(5, 20000), tall(5, 20099)), ((20, 20100), RED, RED, LIME, LIME)
        )
        self.assertNotIn(20100, await tab.evaluate("[...sizes]"))
        tab = await self.tab(
            "<!doctype html><html dir=rtl><body style='margin: 0'><div></div><style>div { width: 300px;"
            "height: 50px; background: linear-gradient(to right, red 150px, blue 150px) }</style>"
        )
        whole = Png(await tab.screenshot(full_page=True))
        self.assertEqual((whole.size, whole(149, 0), whole(150, 0)), ((300, 100), RED, BLUE))
        await tab.evaluate("scrollTo(-100, 0)")
        clips: list[Any] = [None, {"x": 0, "y": 0, "width": 100, "height": 50}]
        for clip in clips:
            seen = Png(await tab.screenshot(clip=clip))
            self.assertEqual((seen.width, seen(49, 0), seen(50, 0)), (100, RED, BLUE))

    async def test_scale_and_background(self):
        tab = await self.tab("<!doctype html><body style='margin: 0'>")
        override = emulation.set_device_metrics_override(width=100, height=100, device_scale_factor=2, mobile=False)
        await tab.session.execute(override)
        sizes = [
            Png(await tab.screenshot(scale=scale, full_page=full)).size
            for scale in ("device", "css")
            for full in (False, True)
        ]
        self.assertEqual(sizes, [(200, 200)] * 2 + [(100, 100)] * 2)
        clear = Png(await tab.screenshot(omit_background=True))
        self.assertEqual((clear.channels, clear(5, 5)), (4, (0, 0, 0, 0)))
        self.assertEqual(Png(await tab.screenshot())(5, 5), WHITE)
        # What the program itself has set comes back.
        red = dom.RGBA(r=255, g=0, b=0, a=1)
        await tab.session.execute(emulation.set_default_background_color_override(color=red))
        self.assertEqual(Png(await tab.screenshot(omit_background=True))(5, 5), (0, 0, 0, 0))
        self.assertEqual(Png(await tab.screenshot())(5, 5), RED)
        self.assertEqual((await tab.screenshot(type="jpeg", omit_background=True))[:3], b"\xff\xd8\xff")

    async def test_an_element(self):
        tab = await self.tab(TWO + "<p id=hidden style='display: none'>x")
        lime = await tab.query_selector("#b")
        hidden = await tab.query_selector("#hidden")
        assert lime
        assert hidden
        path = Path(self.mktemp()).with_suffix(".png")
        picture = Png(await lime.screenshot(path))
        self.assertEqual((picture.size, picture(0, 0), picture(99, 199)), ((100, 200), LIME, LIME))
        self.assertEqual(Png(path.read_bytes()).size, picture.size)
        await self.late(CommandTimeout, hidden.screenshot, words=["the element to capture is not visible"])
        taking = hidden.screenshot()
        await tab.evaluate("hidden.style = 'display: block; margin: 0; width: 10px; height: 20px'")
        self.assertEqual(Png(await taking).size, (10, 20))
        await tab.evaluate("b.remove()")
        self.assertIn("no longer in the document", str(await self.fails(lime.screenshot(), EvaluationError)))
        await lime.dispose()
        self.assertIn("disposed", str(await self.fails(lime.screenshot(), EvaluationError)))


class PreparationTests(CaptureTestCase):
    async def test_masks(self):
        tab = await self.tab(TWO + "<dialog style='inset: 0; border: 0; background: blue'>")
        await tab.evaluate("document.querySelector('dialog').showModal(); scrollTo(0, 150)")
        lime = await tab.query_selector("#b")
        for options, colour in (({"mask": ["#b, dialog"]}, MASK), ({"mask": [lime], "mask_color": "#000"}, BLACK)):
            seen = Png(await tab.screenshot(**options))
            self.assertEqual((seen(2, 49), seen(2, 50)), (seen(2, 0), colour))
            whole = Png(await tab.screenshot(full_page=True, **options))
            self.assertEqual((whole.size, whole(2, 200), whole(2, 399)), ((100, 400), colour, colour))
        self.assertFalse(Png(await tab.screenshot()).has(MASK))
        await self.unchanged(tab)

    async def test_style_in_shadow_trees_and_frames(self):
        tab = await self.tab(
            "<!doctype html><body style='margin: 0'><p>x</p><x-y></x-y><iframe srcdoc='<p>y</p>'></iframe>"
        )
        await tab.evaluate("document.querySelector('x-y').attachShadow({mode: 'open'}).innerHTML = '<p>z</p>'")
        style = "* { margin: 0; border: 0 } p, iframe { background: lime !important; height: 30px; display: block }"
        picture = Png(await tab.screenshot(style=style))
        self.assertEqual([picture(90, y) for y in (15, 45, 75)], [LIME] * 3)
        self.assertFalse(Png(await tab.screenshot()).has(LIME))
        await self.unchanged(tab)

    async def test_animations(self):
        tab = await self.tab(
            "<!doctype html><body style='margin: 0'><style>@keyframes k { to { background: blue } }"
            "div { height: 20px; background: red } #a { animation: k 1000s linear forwards }"
            "#b { animation: k 1000s steps(1) infinite } #c { transition: background 1000s }"
            "</style><div id=a></div><div id=b></div><div id=c></div>"
        )
        await tab.evaluate(
            "ended = []; for (const it of ['animationend', 'transitionend'])"
            "addEventListener(it, event => ended.push(event.target.id));"
            "getComputedStyle(c).background; c.style.background = 'lime';"
            "b.getAnimations()[0].currentTime = 1.5e6"
        )
        still = Png(await tab.screenshot(animations="disabled"))
        self.assertEqual([still(5, y) for y in (5, 25, 45)], [BLUE, RED, LIME])
        await tab.wait_for_function("ended.length >= 2")
        # What would end with the next frames as well has ended by then.
        await tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
        self.assertEqual(await tab.evaluate("ended.sort()"), ["a", "c"])
        self.assertEqual(await tab.evaluate("b.getAnimations().map(each => each.playState)"), ["running"])
        await tab.evaluate("c.style.transition = 'background 1000s'; c.style.background = 'red'")
        moving = await tab.evaluate("document.getAnimations().length")
        await tab.screenshot(animations="allow")
        self.assertEqual(await tab.evaluate("document.getAnimations().length"), moving)

    async def test_an_element_that_is_animated(self):
        tab = await self.tab(
            "<!doctype html><style>@keyframes k { to { transform: rotate(360deg) } }"
            "p { width: 20px; height: 20px; background: red; animation: k 1s linear infinite }</style><p></p>"
        )
        taken = [await tab.locator("p").screenshot(animations="disabled") for _ in range(2)]
        self.assertEqual((taken[0], Png(taken[0]).size), (taken[1], (20, 20)))
        standing = "(it = document.getAnimations()[0]).playbackRate = 0; it.currentTime = 500"
        await tab.evaluate(standing)
        await tab.screenshot(animations="disabled")
        self.assertEqual(await tab.evaluate("[it.currentTime, it.playState]"), [500, "running"])

    async def test_a_part_of_a_page_that_is_zoomed_out(self):
        wide = "<!doctype html><meta name=viewport content='width=device-width'><body style='margin: 0'>"
        tab = await self.tab(f"{wide}<p style='margin: 0; width: 200px; height: 300px; background: lime'></p>")
        override = emulation.set_device_metrics_override(width=100, height=100, device_scale_factor=1, mobile=True)
        await tab.session.execute(override)
        await tab.wait_for_function("visualViewport.scale < 1")
        part = Png(await tab.screenshot(clip={"x": 10, "y": 60, "width": 30, "height": 60}))
        self.assertEqual((part.size, part(29, 39)), ((30, 40), LIME))
        element = Png(await tab.locator("p").screenshot())
        self.assertEqual((element.size, element(199, 299)), ((200, 300), LIME))

    async def test_the_caret(self):
        tab = await self.tab(
            "<!doctype html><style>textarea { all: unset; caret-color: blue; font: 80px serif; }</style>"
            "<body style='margin: 0'><textarea></textarea><x-y></x-y>"
        )
        await tab.evaluate(
            "document.querySelector('x-y').attachShadow({mode: 'open'}).append("
            "document.querySelector('textarea').cloneNode())"
        )
        for focus in ("document", "document.querySelector('x-y').shadowRoot"):
            await tab.evaluate(
                f"{focus}.querySelector('textarea').style = 'all: unset; caret-color: blue; font: 80px serif';"
                f"{focus}.querySelector('textarea').focus()"
            )
            while not Png(await tab.screenshot(caret="initial")).has(BLUE):
                pass  # it blinks
            self.assertFalse(Png(await tab.screenshot()).has(BLUE))
        await self.unchanged(tab)

    async def test_fonts_are_waited_for(self):
        held = self.server.held("/font")
        tab = await self.tab("<!doctype html><p id=a style='font-family: f'>x</p>")
        await tab.evaluate(
            "a.insertAdjacentHTML('afterend', '<style>@font-face { font-family: f; src: url(/font) }</style>')"
        )
        await self.late(CommandTimeout, tab.screenshot, words=["fonts"])
        taking = tab.screenshot()
        await tab.evaluate("1")
        self.assertFalse(taking.called)
        held.release(b"no font")
        self.assertEqual(Png(await taking).size, (100, 100))

    async def test_it_is_put_back_whatever_happens(self):
        held = self.server.held("/font")
        tab = await self.tab("<!doctype html><p id=a>x</p>")
        everything: Any = {
            "style": "p { font-family: f; color: red } @font-face { font-family: f; src: url(/font) }",
            "mask": ["p"],
            "animations": "disabled",
            "omit_background": True,
            "full_page": True,
        }
        await self.fails(tab.screenshot(timeout=0.05, **everything), CommandTimeout)
        await self.unchanged(tab)
        taking = tab.screenshot(**everything)
        await held.asked
        taking.cancel()
        await self.fails(taking, CancelledError)
        await self.unchanged(tab)
        held.release(b"no font")
        for delay in (0.0, 0.005, 0.01, 0.02, 0.04):
            taking = tab.screenshot(**everything)
            await deferLater(reactor, delay, taking.cancel)
            taking.addErrback(lambda failure: failure.trap(CancelledError))
            await taking
            await self.unchanged(tab)
            picture = Png(await tab.screenshot())
            self.assertEqual((picture.channels, picture.has(MASK)), (3, False))

    async def test_several_at_once(self):
        tab = await self.tab(TWO)
        plain, styled, masked, clear = await gatherResults(
            [
                tab.screenshot(),
                tab.screenshot(style="#a { background: black !important }"),
                tab.screenshot(mask=["#a"]),
                tab.screenshot(omit_background=True),
            ]
        )
        self.assertEqual([Png(each)(5, 5)[:3] for each in (plain, styled, masked, clear)], [RED, BLACK, MASK, RED])
        await self.unchanged(tab)

    async def test_where_scripts_do_not_run_and_names_are_taken(self):
        tab = await self.tab(
            TWO
            + "".join(
                f"<form name={name}></form>"
                for name in (
                    "fonts",
                    "activeElement",
                    "documentElement",
                    "adoptedStyleSheets",
                    "querySelectorAll",
                    "getAnimations",
                )
            )
        )
        everything: Any = {"style": "#b { background: blue !important }", "mask": ["#a"], "animations": "disabled"}
        picture = Png(await tab.screenshot(full_page=True, **everything))
        self.assertEqual((picture(5, 5), picture(5, 300)), (MASK, BLUE))
        await tab.session.execute(emulation.set_script_execution_disabled(value=True))
        await tab.reload()
        picture = Png(await tab.screenshot(full_page=True, **everything))
        self.assertEqual((picture(5, 5), picture(5, 300)), (MASK, BLUE))
        self.assertEqual(Png(await tab.screenshot(full_page=True))(5, 300), LIME)

    async def test_other_kinds_of_documents(self):
        tab = await self.tab("")
        svg = "<svg xmlns='http://www.w3.org/2000/svg'><rect width='300' height='200' fill='red'/></svg>"
        url = self.server.page("/x.svg", svg, content_type="image/svg+xml")
        await tab.goto(url)
        for options in ({}, {"full_page": True}, {"mask": ["rect"]}, {"style": "a {}", "animations": "disabled"}):
            self.assertEqual(Png(await tab.screenshot(**options))(5, 5), MASK if "mask" in options else RED)


class FrameTests(CaptureTestCase):
    """Frames in other processes, which draw by themselves, beside those of the page's own."""

    INNER = "<!doctype html><style>* { margin: 0 } @keyframes k { to { background: blue } } %s</style><body>%s"
    BOX = "<div style='position: absolute; left: 20px; top: 500px; width: 40px; height: 20px; background: "
    BOX += "linear-gradient(to right, red 50%, blue 50%)'></div>"

    def setUp(self) -> None:
        super().setUp()
        self.patch(_capture, "_PATIENCE", PATIENCE)

    async def framed(self, css: str, inner: str, style: str = "", more: str = "", near: bool = False) -> Page:
        """Open a page with a frame, in another process unless that is to be near."""
        url = self.server.page("/inner", self.INNER % (style, inner))
        url = url if near else url.replace("127.0.0.1", "localhost")
        return await self.tab(
            self.INNER % (f"iframe {{ border: 5px solid lime; padding: 5px; {css} }}", more)
            + (f"<iframe src='{url}'></iframe>")
        )

    async def test_an_element(self):
        innermost = self.server.page("/innermost", self.INNER % ("", self.BOX))
        below = "position: absolute; top: 900px; left: 7px; width: 80px; height: 60px;"
        nested = self.INNER % (f"iframe {{ {below} }}", f"<iframe src='{innermost}'></iframe>")
        for css, inner, size in (
            (below, self.BOX, (40, 20)),
            (below, nested, (40, 20)),  # in the page's own process again
            (f"{below} zoom: 2", self.BOX, (80, 40)),
            (f"{below} transform-origin: 0 0; transform: scale(.5)", self.BOX, (20, 10)),
        ):
            tab = await self.framed(css, inner)
            where = tab.frame_locator("iframe")
            where = where.frame_locator("iframe") if inner is nested else where
            picture = Png(await where.locator("div").screenshot())
            width, height = picture.size
            corners = [picture(x, y) for x in (0, width // 2 - 1, width // 2, width - 1) for y in (0, height - 1)]
            self.assertEqual((picture.size, corners), (size, [RED] * 4 + [BLUE] * 4), css)
            box = await where.locator("div").bounding_box()
            assert box is not None
            self.assertEqual((box["width"], box["height"]), size)

    async def test_one_that_is_scrolled_to_smoothly(self):
        for near in (True, False):
            css = "margin-top: 900px; width: 80px; height: 60px } html { scroll-behavior: smooth"
            tab = await self.framed(css, self.BOX, "html { scroll-behavior: smooth }", near=near)
            picture = Png(await tab.frame_locator("iframe").locator("div").screenshot())
            self.assertEqual((picture.size, picture(0, 0), picture(39, 19)), ((40, 20), RED, BLUE))

    async def test_what_is_done_in_documents(self):
        tab = await self.framed(
            "position: absolute; top: 10px; width: 60px; height: 60px",
            "<p id=p></p><p id=q></p><p id=r></p>",
            "p { height: 20px; background: red } #p { animation: k 1000s linear forwards }",
            "<h1 style='position: absolute; z-index: 1; top: 20px; left: 10px; width: 5px; height: 60px'></h1>",
        )
        where = tab.frame_locator("iframe")
        picture = Png(
            await tab.screenshot(
                style="#q { background: black !important }", animations="disabled", mask=[where.locator("#r"), "h1"]
            )
        )
        self.assertEqual([picture(30, y) for y in (25, 45, 65)], [BLUE, BLACK, MASK])
        self.assertEqual([picture(12, y) for y in (25, 45, 65)], [MASK] * 3)
        # What is masked around an element is so where that has been scrolled to.
        await tab.add_style_tag(content="iframe { margin-top: 900px } h1 { margin-top: 900px !important }")
        picture = Png(await where.locator("#q").screenshot(mask=["h1", where.locator("#q")], mask_color="#0000ff"))
        self.assertEqual((picture.size, picture(2, 10), picture(30, 10)), ((60, 20), BLUE, BLUE))
        self.assertEqual(Png(await where.locator("#q").screenshot())(30, 10), RED)
        left = "[document.adoptedStyleSheets.length, document.documentElement.children.length]"
        self.assertEqual(await tab.frames[1].evaluate(left), [0, 2])
        self.assertEqual(await tab.evaluate(left), [0, 2])

    async def test_one_that_goes_away(self):
        for near in (True, False):
            tab = await self.framed("", "<p hidden>x", near=near)
            hidden = await tab.frame_locator("iframe").locator("p").element_handle()
            taking = hidden.screenshot()
            await tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
            await tab.evaluate("document.querySelector('iframe').remove()")
            self.assertRegex(str(await self.fails(taking, EvaluationError)), "(no longer|not) in the document")

    async def test_one_that_hangs(self):
        tab = await self.framed("position: absolute; top: 0; left: 0", "<p>x")
        held = self.server.held("/held")
        request = "(it => { it.open('GET', '/held', false); it.send() })(new XMLHttpRequest())"
        hanging = tab.frames[1].evaluate(request)
        await held.asked
        self.patch(_capture, "_PATIENCE", 0.01)  # which nothing but the other frame is given
        for _ in range(2):
            picture = Png(await tab.screenshot(style="body { background: red !important }"))
            self.assertEqual((picture(2, 2), picture(99, 99)), (LIME, RED))
        held.release(b"x")
        await hanging
        self.patch(_capture, "_PATIENCE", PATIENCE)
        while Png(await tab.screenshot(style="body { background: red !important }"))(20, 90) != RED:
            await tab.frames[1].evaluate("0")  # it has not told yet that it answers again


class PaperTests(CaptureTestCase):
    async def test_options(self):
        tab = await self.tab("<!doctype html><style>p { break-after: page }</style><p>1</p><p>2</p><p>3</p>")
        path = Path(self.mktemp())
        pdf = await tab.pdf(path, format="a6", margin={"top": "1cm", "left": 10}, print_background=True)
        self.assertEqual((pdf[:5], content_of(path)), (b"%PDF-", pdf))
        self.assertEqual(len(re.findall(rb"/Type /Page\b", pdf)), 3)
        self.assertIn(b"/MediaBox [0 0 298.07999 420]", pdf)
        wide = await tab.pdf(width="2in", height="96px", landscape=False, page_ranges="2", tagged=True, outline=True)
        self.assertEqual(len(re.findall(rb"/Type /Page\b", wide)), 1)
        self.assertIn(b"/MediaBox [0 0 144 72]", wide)
        options: Any
        for options, words in (
            ({"format": "a99"}, "Letter"),
            ({"width": "1 mile"}, "px, in, cm, mm"),
            ({"height": -1}, "expected a number from 0"),
            ({"margin": {"upper": 1}}, "top, right, bottom and left"),
        ):
            self.assertIn(words, str(await self.fails(tab.pdf(**options), ValueError)))
        await self.fails(tab.pdf(width=True), TypeError)

    async def test_pieces(self):
        tab = await self.tab("<!doctype html>" + "<p style='break-after: page'>x</p>" * 300)
        pieces: list[bytes] = []
        async with queue(tab.pdf_chunks(), maxsize=1) as held:
            async for piece in held:
                self.assertLessEqual(len(held), 1)
                pieces.append(piece)
        self.assertGreater(len(pieces), 1)
        self.assertEqual((pieces[0][:5], b"%%EOF" in pieces[-1][-10:]), (b"%PDF-", True))
        closed: list[Any] = []
        tapping = tab.session.execute

        def execute(command: Any, **more: Any) -> Any:
            sent = tapping(command, **more)
            if isinstance(command, io.close):
                closed.append(sent)
            return sent

        self.patch(tab.session, "execute", execute)
        self.assertEqual((await first(tab.pdf_chunks()))[:5], b"%PDF-")
        async with queue(tab.pdf_chunks(), maxsize=1) as held:
            await held.get()
        printing = tab.pdf()
        printing.cancel()
        await self.fails(printing, CancelledError)
        while len(closed) < 3:  # Chromium forgets a PDF that is being printed when another one is wanted
            await deferLater(reactor, 0.02)
        await tab.pdf()
        self.assertEqual(len(closed), 4)
        await gatherResults(closed)

    async def test_mhtml(self):
        tab = await self.tab("<!doctype html><p>caf\u00e9")
        path = Path(self.mktemp())
        text = await tab.snapshot(path)
        self.assertIn("multipart/related", text)
        self.assertEqual(content_of(path).decode(), text)


class ScreencastTests(CaptureTestCase):
    async def test_pictures_come_while_somebody_subscribes(self):
        tab = await self.tab(
            "<!doctype html><style>@keyframes k { to { margin-left: 50px } }p { animation: k 1s infinite }</style><p>x"
        )
        stream = tab.screencast(format="png", max_size={"width": 50, "height": 50})
        sessions = len(self.browser.connection.sessions)
        for _ in range(2):
            # Neither holds up what the other one is to be told.
            async with queue(tab.screencast(), overflow="latest") as others, queue(stream, overflow="latest") as frames:
                for _ in range(4):
                    frame = await frames.get()
                    self.assertEqual((await others.get()).data[:3], b"\xff\xd8\xff")
            self.assertEqual(Png(frame.data).size, (50, 50))
            self.assertEqual((frame.metadata.device_width, bool(frame.timestamp)), (100, True))
        stream.subscribe(lambda _: None).dispose()  # which is attached to no more when it is to begin
        while len(self.browser.connection.sessions) > sessions:
            await tab.evaluate("0")
        async with queue(stream) as frames:
            await frames.get()
            await tab.close()
            with self.assertRaises(StopAsyncIteration):
                while True:
                    await anext(frames)
        for wrong in (
            {"format": "gif"},
            {"format": "png", "quality": 5},
            {"quality": 101},
            {"every_nth": 0},
            {"max_size": {"width": 0, "height": 1}},
        ):
            given: Any = wrong
            self.assertRaises(ValueError, lambda given=given: tab.screencast(**given))
