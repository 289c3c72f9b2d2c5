"""What is done with elements in a real browser: that it gets to them, whatever the page does meanwhile."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults

from tests.browser.support import SharedBrowserTestCase
from txcdp._core.dispatch.tap import CommandObserver
from txcdp.assertions import expect
from txcdp.domains import emulation, page
from txcdp.errors import (
    ActionTimeout,
    ExpectationFailed,
    LocatorError,
    SelectorError,
    SessionDetached,
    StrictModeViolation,
    TargetCrashed,
)
from txcdp.page import Locator, Page

OTHER = "localhost"  # another site than 127.0.0.1, and so in another process

#: How often a race is run.
RACES = 10

BUTTON = "<button id='button' onclick='clicks++; last = event'>Click me</button><script>clicks = 0</script>"

#: Lies over everything.
OVERLAY = "<div id='overlay' style='position: fixed; inset: 0; background: #0008' onclick='overlaid++'>over</div>"


class ActionTestCase(SharedBrowserTestCase):
    async def shown(self, html: str, tab: Page | None = None) -> Page:
        """Return a page that shows something."""
        tab = tab or await self.page()
        await tab.set_content(f"<!doctype html><body style='margin: 0'>{html}<script>overlaid = 0</script>")
        return tab

    def files(self, *names: str) -> list[Path]:
        """Make a folder with files, in which their names are."""
        folder = Path(self.mktemp())
        folder.mkdir()
        paths = [folder / each for each in names]
        for each in paths:
            each.write_text(each.name)
        return paths

    async def clicked(self, tab: Page, times: int = 1) -> None:
        self.assertEqual(await tab.evaluate("[clicks, overlaid]"), [times, 0])

    async def refused(self, deferred: Any, *words: str, kind: type[Exception] = ActionTimeout) -> None:
        """Await a failure whose text has some words."""
        error = await self.fails(deferred, kind)
        for each in words:
            self.assertIn(each, str(error))

    @contextlib.contextmanager
    def subscribed(self, stream: Any, handler: Any) -> Iterator[None]:
        listening = stream.each(handler)
        try:
            yield
        finally:
            listening.dispose()


class ClickTests(ActionTestCase):
    async def test_click(self):
        tab = await self.shown(BUTTON)
        await tab.locator("#button").click()
        await tab.get_by_text("Click me").click()
        await tab.click("button")
        await tab.main_frame.click("text=Click me")
        await self.clicked(tab, 4)
        self.assertIs(await tab.evaluate("last.isTrusted"), True)

    async def test_how(self):
        tab = await self.shown(BUTTON)
        button = tab.locator("#button")
        await tab.evaluate("button.style = 'border: 7px solid; width: 200px; height: 100px; padding: 5px'")
        await button.click(position={"x": 20, "y": 30}, modifiers=["Shift", "Alt"], delay=0.01)
        self.assertEqual(
            await tab.evaluate("[last.offsetX, last.offsetY, last.shiftKey, last.altKey, last.ctrlKey]"),
            [20, 30, True, True, False],
        )
        await button.click(modifiers=["ControlOrMeta"])
        self.assertEqual(await tab.evaluate("[last.shiftKey, last.ctrlKey || last.metaKey]"), [False, True])
        await button.click(click_count=3)
        self.assertEqual(await tab.evaluate("last.detail"), 3)
        await tab.evaluate(
            "kinds = []; for (const each of ['dblclick', 'contextmenu', 'auxclick'])"
            "button.addEventListener(each, () => kinds.push(each))"
        )
        await button.dblclick()
        await button.click(button="right")
        await button.click(button="middle")
        self.assertEqual(await tab.evaluate("kinds"), ["dblclick", "contextmenu", "auxclick", "auxclick"])
        await self.fails(button.click(modifiers=["Hyper"]), ValueError)  # type: ignore[list-item]
        bare: Any = "Shift+Alt"
        error = await self.fails(button.click(modifiers=bare), ValueError)
        self.assertIn("expected a list: ['Shift', 'Alt']", str(error))
        await self.fails(button.click(button="left middle"), ValueError)  # type: ignore[arg-type]

    async def test_modifiers_that_are_held(self):
        """Those of a click count in the place of those that are held, which are held afterwards."""
        tab = await self.shown(BUTTON)
        await tab.keyboard.down("Shift")
        await tab.click("#button")
        self.assertEqual(await tab.evaluate("[last.shiftKey, last.altKey]"), [True, False])
        await tab.click("#button", modifiers=["Alt"])
        self.assertEqual(await tab.evaluate("[last.shiftKey, last.altKey]"), [False, True])
        await tab.click("#button")
        self.assertEqual(await tab.evaluate("[last.shiftKey, last.altKey]"), [True, False])
        await tab.keyboard.up("Shift")

    async def test_trial(self):
        """A trial waits for all of it, and the page hears of nothing."""
        tab = await self.shown(BUTTON)
        await tab.click("#button", trial=True)
        await self.clicked(tab, 0)
        await tab.evaluate("button.disabled = true")
        await self.late(ActionTimeout, tab.click, "#button", trial=True, words=["element is not enabled"])

    async def test_force(self):
        """Nothing is waited for but that the element is there, and has a place."""
        tab = await self.shown(f"{BUTTON}{OVERLAY}")
        await tab.click("#button", force=True)
        self.assertEqual(await tab.evaluate("[clicks, overlaid]"), [0, 1])
        await tab.evaluate("overlay.remove(); button.style.display = 'none'")
        await self.refused(tab.click("#button", force=True), "Element is not visible", kind=LocatorError)
        await self.late(ActionTimeout, tab.click, "#nothing", force=True, words=["no element is there"])

    async def test_strictness(self):
        tab = await self.shown("<button>1</button><button onclick='second = 1'>2</button>")
        await self.fails(tab.locator("button").click(), StrictModeViolation)
        await self.fails(tab.click("button", strict=True), StrictModeViolation)
        await tab.click("button")
        self.assertIs(await tab.evaluate("window.second"), None)

    async def test_what_is_waited_for(self):
        """Each state that an element has to be in is waited for, and is told of where it does not come."""
        states = (
            ("it.style.display = 'none'", "it.style.display = ''", "element is not visible"),
            ("it.style.visibility = 'hidden'", "it.style.visibility = ''", "element is not visible"),
            ("it.disabled = true", "it.disabled = false", "element is not enabled"),
            ("it.setAttribute('aria-disabled', 'true')", "it.removeAttribute('aria-disabled')", "not enabled"),
            ("it.inert = true", "it.inert = false", "element is inert"),
            ("it.style.pointerEvents = 'none'", "it.style.pointerEvents = ''", "intercepts pointer events"),
            ("above = it.parentNode; it.remove()", "above.append(it)", "no element is there"),
        )
        html = "".join(f"<p><button id=b{number} onclick='clicks++'>x</button></p>" for number in range(len(states)))
        legend = "<fieldset disabled><legend><button id='inside' onclick='clicks = 50'>in the legend</button></legend>"
        tab = await self.shown(f"{html}{legend}<button id='other'>x</button>")
        await tab.evaluate("clicks = 0; buttons = [...document.querySelectorAll('p button')]; 0")

        def waits(selector: str, *words: str) -> Deferred[Any]:
            late = self.late(ActionTimeout, tab.locator(selector).click, words=words)
            return Deferred.fromCoroutine(late)

        waiting = [waits("#other", 'element is not enabled: <button id="other">x</button>')]
        for number, (wrong, _, word) in enumerate(states):
            await tab.evaluate(f"it = buttons[{number}]; {wrong}; 0")
            waiting.append(waits(f"#b{number}", f"locator('#b{number}').click: not within ", word))
        await gatherResults(waiting, consumeErrors=True)
        self.assertEqual(await tab.evaluate("clicks"), 0)
        for number, (_, right, _) in enumerate(states):
            clicking = tab.click(f"#b{number}")
            await tab.evaluate(f"it = buttons[{number}]; setTimeout(() => {{ {right} }}, 20)")
            await clicking
            self.assertEqual(await tab.evaluate("clicks"), number + 1)
        await tab.click("#inside")
        self.assertEqual(await tab.evaluate("clicks"), 50)

    async def test_cancelled(self):
        """Who does not want it any more leaves nothing in the page: what is clicked next gets its click."""
        tab = await self.shown(f"{BUTTON}<p onclick='clicks += 10'>text</p>")
        await tab.evaluate("button.disabled = true")
        for _ in range(RACES):
            clicking = tab.locator("#button").click()
            await tab.evaluate("1")
            clicking.cancel()
            await self.fails(clicking, CancelledError)
        await tab.evaluate("button.disabled = false")
        for number in range(RACES):
            clicking = tab.locator("#button").click()
            await tab.evaluate("new Promise(done => requestAnimationFrame(done))" if number % 2 else "1")
            clicking.cancel()
            await gatherResults([clicking.addErrback(lambda failure: failure.trap(CancelledError) and None)])
        await tab.mouse.move(0, 0)  # what was sent before has been handled then
        before = await tab.evaluate("clicks")
        await tab.mouse.click(20, await tab.evaluate("document.querySelector('p').getBoundingClientRect().y + 3"))
        self.assertEqual(await tab.evaluate("clicks") - before, 10)

    async def test_what_is_meant(self):
        """A click on a part of a button, a link or a label is one on that."""
        tab = await self.shown(
            "<button onclick='said = 1'><span style='pointer-events: none'>inside</span></button>"
            "<div role='button' onclick='said = 2'><i style='pointer-events: none'>role</i></div>"
            "<a href='#x' onclick='said = 3'><b style='pointer-events: none'>link</b></a>"
            "<label><u>label</u><input type='checkbox' onclick='said = 4'></label>"
            "<label for='apart'>apart</label><input id='apart' type='checkbox' onclick='said = 5'>"
        )
        for number, words in enumerate(("inside", "role", "link", "label", "apart"), 1):
            await tab.get_by_text(words).click()
            self.assertEqual(await tab.evaluate("said"), number)

    async def test_places(self):
        """Elements are clicked wherever they are: in lines, in parts, turned, small, without a box of their own."""
        tab = await self.shown(
            "<div style='width: 100px'>word word word"
            " <a id='lines' href='#a' onclick='said = 1'>wrapped over lines</a></div>"
            "<button id='turned' style='transform: rotate(45deg) scale(.5); margin: 50px' onclick='said = 2'>turned"
            "</button>"
            "<div id='small' style='width: 1px; height: 1px; background: red' onclick='said = 3'></div>"
            "<div id='contents' style='display: contents' onclick='said = 4'><p>of its content</p></div>"
            "<button id='zoomed' style='zoom: 3' onclick='said = 5'>zoomed</button>"
            "<svg width='50' height='50'><circle id='circle' r='20' cx='25' cy='25' onclick='said = 6'/></svg>"
            "<div style='zoom: .5'><button id='shrunk' onclick='said = 7'>shrunk</button></div>"
            "<div style='position: fixed; left: -50px; top: 300px'><button id='partly' style='width: 120px'"
            " onclick='said = 8'>partly</button></div>"
        )
        for number, name in enumerate(
            ("lines", "turned", "small", "contents", "zoomed", "circle", "shrunk", "partly"), 1
        ):
            await tab.click(f"#{name}")
            self.assertEqual(await tab.evaluate("said"), number, name)
        await tab.evaluate("document.querySelector('#partly').style = 'position: fixed; left: -500px'")
        await self.late(ActionTimeout, tab.click, "#partly", words=["element is outside of the viewport"])
        await tab.evaluate("document.querySelector('#partly').style = 'width: 0; height: 0; padding: 0; border: 0'")
        await self.late(ActionTimeout, tab.click, "#partly", words=["element is not visible"])

    async def test_what_is_in_a_line(self):
        """What is in a line is clicked where its content is: in the first piece of that."""
        image = "<img src='data:,' width='20' height='20' style='vertical-align: 60px'>"
        tab = await self.shown(
            "<label id='terms'>I agree to the <a href='#terms'>terms of use</a> of it <input type='checkbox'></label>"
            f"<p><a id='image' href='#image'>{image}</a></p>"
            "<p><a id='empty' href='#empty'><span style='visibility: hidden'>nothing to see</span>text</a></p>"
            "<p><x-host id='host'></x-host></p><p id='mapped' onclick='location.hash = event.target.localName'></p>"
            "<map name='map'><area shape='rect' coords='0,0,200,100' href='#area'></map>"
        )
        await tab.evaluate(
            "html => { host.attachShadow({mode: 'open'}).innerHTML = `<a href='#host'>${html}</a>` }", image
        )
        svg = "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>"
        await tab.evaluate(f"mapped.innerHTML = `<img id='map' usemap='#map' src='{svg}' width='200' height='100'>`")
        await tab.check("#terms")
        self.assertEqual(await tab.evaluate("location.hash"), "")
        for name, hit in (("image", "image"), ("empty", "empty"), ("host", "host"), ("map", "area")):
            await tab.click(f"#{name}")
            self.assertEqual(await tab.evaluate("location.hash"), f"#{hit}", name)

    async def test_scrolling(self):
        tab = await self.shown(
            "<div style='height: 3000px'></div>"
            "<div id='outer' style='height: 200px; overflow: auto'><div style='height: 1000px'></div>"
            "<div style='height: 100px; width: 100px; overflow: scroll; scroll-behavior: smooth'>"
            f"<div style='width: 800px; height: 700px'></div>{BUTTON}</div><div style='height: 1000px'></div></div>"
            "<div style='height: 3000px'></div>"
        )
        await tab.click("#button")
        await self.clicked(tab)
        await tab.evaluate("scrollTo(0, 0); outer.scrollTo(0, 0)")
        await self.late(ActionTimeout, tab.click, "#button", scroll="none", words=["outside of the viewport"])
        await tab.evaluate(
            'document.body.innerHTML = \'<div id=large style="height: 5000px" onclick="y = event.offsetY">\''
        )
        await tab.click("#large", position={"x": 5, "y": 4000})
        self.assertEqual(await tab.evaluate("y"), 4000)
        high = "<p style='height: 5000px'></p>"
        await tab.evaluate(
            "html => { document.body.innerHTML = html }",
            f"{high}<div id='words' style='display: contents'>words</div>"
            f"{high}<div id='parts' style='display: contents'> <b>part</b></div>",
        )
        for name in ("words", "parts"):
            await tab.click(f"#{name}")
            await tab.evaluate("scrollTo(0, 0)")
            await tab.locator(f"#{name}").scroll_into_view_if_needed()
            self.assertGreater(await tab.evaluate("scrollY"), 4000, name)

    async def test_nothing_is_scrolled_that_is_in_view(self):
        tab = await self.shown(f"<div style='height: 300px'></div>{BUTTON}<div style='height: 3000px'></div>")
        await tab.evaluate("scrollTo(0, 200)")
        await tab.click("#button")
        self.assertEqual(await tab.evaluate("[clicks, scrollY]"), [1, 200])

    async def test_the_page_has_changed_its_builtins(self):
        tab = await self.shown(
            "<form><input name='children'><input name='getBoundingClientRect'><input name='parentNode'>"
            f"<input name='getRootNode'>{BUTTON.replace('<button', '<button type=button')}</form>"
        )
        await tab.evaluate(
            "Element.prototype.getBoundingClientRect = () => ({}); Document.prototype.elementFromPoint = () => null;"
            "requestAnimationFrame = () => {}; setTimeout = () => {}; Map = Set = Promise = Array = null"
        )
        await tab.click("#button")
        await tab.fill("[name=children]", "filled")
        self.assertEqual(await tab.evaluate("[clicks, document.querySelector('[name=children]').value]"), [1, "filled"])

    async def test_what_is_sent_for_one(self):
        tab = await self.shown("<button>b</button>")
        await tab.click("button")
        sent: list[dict[str, Any]] = []
        observer = CommandObserver(lambda message: sent.append(json.loads(message)), lambda number, message: None)
        self.addCleanup(tab.browser.connection.observe_commands(observer))
        await tab.click("button")
        methods = [each["method"] for each in sent if each.get("sessionId") == tab.session.id]
        # It may have to look more than once; and what tells what was hit is asked for nothing else.
        self.assertEqual(set(methods), {"Runtime.callFunctionOn", "Input.dispatchMouseEvent"})
        self.assertEqual(methods.count("Input.dispatchMouseEvent"), 3)

    async def test_no_javascript_of_the_page(self):
        context = await self.context(java_script_enabled=False)
        tab = await context.new_page()
        await tab.goto(
            self.server.page("/", f"<div style='height: 3000px'></div><a href='{self.server.page('/b')}'>go</a>")
        )
        await tab.click("a")
        self.assertEqual(tab.url, self.server.url("/b"))


class RaceTests(ActionTestCase):
    """What happens between looking and clicking. Each is run often, as it is a matter of luck."""

    async def test_an_overlay_comes_and_goes(self):
        tab = await self.shown(BUTTON.replace("onclick", "onmousedown"))  # a press and a click may be apart
        await tab.evaluate(
            f"""() => {{
                const show = () => {{
                    document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`);
                    setTimeout(() => {{ overlay.remove(); setTimeout(show, 40 * Math.random()) }}, 60 * Math.random());
                }};
                show();
            }}"""
        )
        for number in range(1, RACES + 1):
            await tab.click("#button")
            await self.clicked(tab, number)

    async def test_covered_at_the_last_moment(self):
        """What covers the element between looking and the event has its event kept from it."""
        tab = await self.shown(BUTTON)
        for number in range(1, RACES + 1):
            await tab.evaluate(
                f"""() => addEventListener('mousemove', () => {{
                    document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`);
                    setTimeout(() => overlay.remove(), 50);
                }}, {{once: true, capture: true}})"""
            )
            await tab.click("#button")
            await self.clicked(tab, number)

    async def test_a_frame_covers_at_the_last_moment(self):
        """What gets into a frame that has come over the element is not taken for a click on that."""
        tab = await self.shown(BUTTON)
        style = "position: fixed; left: 0; top: 0; width: 100%; height: 100%"
        frame = f"<iframe id='overlay' srcdoc='' style='{style}'></iframe>"
        await tab.evaluate(
            f"""() => addEventListener('mousemove', () => {{
                document.body.insertAdjacentHTML('beforeend', `{frame}`);
            }}, {{once: true, capture: true}})"""
        )
        await self.late(
            ActionTimeout, tab.click, "#button", words=['id="overlay"', "</iframe> intercepts pointer events"]
        )
        await self.clicked(tab, 0)
        await tab.evaluate("overlay.remove()")
        await tab.click("#button")
        await self.clicked(tab)

    async def test_moved_away_at_the_last_moment(self):
        tab = await self.shown(f"{BUTTON}<p style='height: 500px' onclick='overlaid++'></p>")
        for number in range(1, RACES + 1):
            await tab.evaluate(
                "() => addEventListener('pointermove', () => { button.style.marginLeft = 300 * Math.random() + 'px' },"
                "{once: true, capture: true})"
            )
            await tab.click("#button")
            await self.clicked(tab, number)

    async def test_it_moves(self):
        """An element is not clicked while it moves."""
        tab = await self.shown(
            "<style>@keyframes move { to { transform: translate(400px, 200px) } }"
            f"#button {{ animation: move .3s linear }}</style>{BUTTON}"
        )
        for number in range(1, 4):
            await tab.evaluate("button.style.animation = 'none'; button.offsetWidth; button.style.animation = ''")
            await tab.click("#button")
            await self.clicked(tab, number)
        await tab.evaluate(
            "(function move() { button.style.marginLeft = Math.random() * 99 + 'px';requestAnimationFrame(move) })()"
        )
        await self.late(ActionTimeout, tab.click, "#button", words=["element is not stable"])

    async def test_it_is_drawn_anew_at_each_frame(self):
        """What is another element in each frame is clicked, as it is the one that the locator stands for."""
        tab = await self.shown("<div id='root'></div><script>clicks = 0</script>")
        await tab.evaluate(
            """() => (function draw() {
                root.innerHTML = "<button onmousedown='clicks++'>" + Math.random() + "</button>";
                requestAnimationFrame(draw);
            })()"""
        )
        for number in range(1, RACES + 1):
            await tab.get_by_role("button").click()
            await self.clicked(tab, number)

    async def test_it_is_replaced(self):
        tab = await self.shown(f"<div id='root'>{BUTTON}</div>")
        await tab.evaluate("setInterval(() => { root.innerHTML = root.innerHTML }, 30)")
        for number in range(1, RACES + 1):
            await tab.locator("#root button").click()
            self.assertLessEqual(number - 1, await tab.evaluate("clicks"))  # a press and a click may be on two of them
            await tab.locator("#root button").dispatch_event("click")

    async def test_sticky_headers(self):
        """What scrolling brings under something that stays is brought to somewhere else."""
        for where in ("top", "bottom"):
            tab = await self.shown(
                f"<div id='bar' style='position: fixed; {where}: 0; left: 0; right: 0; height: 40%; background: red'"
                " onclick='overlaid++'>bar</div>"
                + "".join(
                    f"<button style='display: block; height: 60px' onclick='clicks++'>{i}</button>" for i in range(60)
                )
                + "<script>clicks = 0</script>"
            )
            for number, name in enumerate((30, 12, 45, 20), 1):
                await tab.get_by_role("button", name=str(name), exact=True).click()
                await self.clicked(tab, number)

    async def test_the_page_hears_first(self):
        """A script of the page that keeps events from all others does not make a click be tried again."""
        tab = await self.shown(BUTTON)
        await tab.evaluate(
            "heard = 0; for (const kind of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click'])"
            "addEventListener(kind, e => { heard += kind == 'click'; e.stopImmediatePropagation() }, true)"
        )
        await tab.click("#button")
        self.assertEqual(await tab.evaluate("[clicks, heard]"), [0, 1])

    async def test_no_frames_are_drawn(self):
        """A page whose frames never come says so."""
        tab = await self.page()
        html = "<iframe srcdoc='<button>in there</button>' style='display: none'></iframe>"
        await self.shown(html, tab)
        await self.late(
            ActionTimeout, tab.frame_locator("iframe").locator("button").click, words=["element is not visible"]
        )


class FrameTests(ActionTestCase):
    async def nested(self, *hosts: str, style: str = "", inner: str = "") -> tuple[Page, Locator]:
        """Return a page with frames in frames, and the button in the innermost."""
        tab = await self.page()
        self.server.page("/0", f"<!doctype html><body style='margin: 0; height: 2000px'>{inner}{BUTTON}")
        for number, host in enumerate(hosts):
            source, size = self.server.url(f"/{number}", host), "width: 350px; height: 250px"
            frame = f"<iframe src='{source}' style='{size}; {style}'></iframe>"
            self.server.page(
                f"/{number + 1}", f"<!doctype html><script>overlaid = 0</script><body>some text<br>{frame}"
            )
        await tab.goto(self.server.url(f"/{len(hosts)}"))
        found: Any = tab
        for _ in hosts:
            found = found.frame_locator("iframe")
        return tab, found.locator("#button")

    async def inner_clicks(self, button: Locator) -> int:
        clicks: int = await button.evaluate("() => clicks")
        return clicks

    async def test_frames(self):
        """In frames of this process and of others, in each other, with borders, turned and enlarged."""
        for hosts in (("127.0.0.1",), (OTHER,), ("127.0.0.1", OTHER), (OTHER, "127.0.0.1"), (OTHER, OTHER)):
            for style in ("border: 10px solid; padding: 5px", "transform: rotate(15deg) scale(.7)", "zoom: 1.3"):
                tab, button = await self.nested(*hosts, style=style)
                await button.click()
                await button.click(position={"x": 3, "y": 3})
                self.assertEqual(await self.inner_clicks(button), 2, (hosts, style))
                await tab.close()

    async def test_out_of_sight(self):
        """Frames are scrolled as well, also those that draw nothing as nobody sees them."""
        for hosts in (("127.0.0.1", "127.0.0.1"), (OTHER, "127.0.0.1")):
            high = "<div style='height: 1500px'></div>"
            tab, button = await self.nested(*hosts, style="margin-top: 2000px", inner=high)
            await button.click()
            self.assertEqual(await self.inner_clicks(button), 1)
            await tab.close()

    async def test_something_lies_over_the_frame(self):
        """What lies over a frame, in any frame around the element, is not clicked."""
        for hosts in (("127.0.0.1", "127.0.0.1"), (OTHER, OTHER)):
            tab, button = await self.nested(*hosts)
            for frame in tab.frames[:2]:
                await frame.evaluate(f"() => {{ document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`) }}")
                await self.late(ActionTimeout, button.click, words=['<div id="overlay"', "intercepts pointer events"])
                self.assertEqual(await frame.evaluate("overlaid"), 0)
                clicking = button.click()
                await frame.evaluate("setTimeout(() => overlay.remove(), 50)")
                await clicking
            self.assertEqual(await self.inner_clicks(button), 2)
            await tab.close()

    async def test_something_comes_over_the_frame_at_the_last_moment(self):
        """The frame hears nothing then; that is no click, and what has come is not clicked either."""
        tab, button = await self.nested("127.0.0.1")
        inner = tab.main_frame.child_frames[0]
        for number in range(1, RACES + 1):
            await inner.evaluate(
                f"""() => addEventListener('mousemove', () => {{
                    parent.document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`);
                    parent.eval("setTimeout(() => overlay.remove(), 50)");
                }}, {{once: true, capture: true}})"""
            )
            await button.click()
            self.assertEqual(await self.inner_clicks(button), number)
            self.assertEqual(await tab.evaluate("overlaid"), 0)

    async def test_something_comes_over_a_frame_of_another_process(self):
        tab, button = await self.nested(OTHER)
        await tab.main_frame.child_frames[0].evaluate("button.onmousedown = () => { presses++ }; presses = 0")
        await tab.evaluate(
            f"""() => {{
                const show = () => {{
                    document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`);
                    setTimeout(() => {{ overlay.remove(); setTimeout(show, 90 * Math.random()) }}, 40 * Math.random());
                }};
                show();
            }}"""
        )
        for number in range(1, RACES + 1):
            await button.click()
            self.assertEqual(await button.evaluate("() => presses"), number)
            self.assertEqual(await tab.evaluate("overlaid"), 0)

    async def test_hidden_frames(self):
        tab, button = await self.nested("127.0.0.1")
        await tab.evaluate("document.querySelector('iframe').style.visibility = 'hidden'")
        taking = button.screenshot()
        await self.late(ActionTimeout, button.click, words=["element is not visible"])
        self.assertFalse(taking.called)
        await tab.evaluate("document.querySelector('iframe').style.visibility = ''")
        self.assertTrue(await taking)

    async def test_forms_in_frames(self):
        for host in ("127.0.0.1", OTHER):
            inner = "<input id='text'><input id='box' type='checkbox'><select><option>a<option>b</select>"
            tab, _ = await self.nested(host, inner=inner)
            frame = tab.frame_locator("iframe")
            await frame.locator("#text").fill("filled")
            await frame.locator("#text").press("End")
            await frame.locator("#text").press_sequentially(" and typed")
            await frame.locator("#box").check()
            self.assertEqual(await frame.locator("#text").input_value(), "filled and typed")
            self.assertIs(await frame.locator("#box").is_checked(), True)
            self.assertEqual(await frame.locator("select").select_option("b"), ["b"])
            await tab.close()


class DocumentTests(ActionTestCase):
    """Where elements are in a document, and what is around them."""

    async def test_shadow_roots_with_slots(self):
        tab = await self.shown("<x-button>slotted text</x-button><x-button><b>slotted element</b></x-button>")
        await tab.evaluate(
            """() => {
                clicks = 0;
                for (const host of document.querySelectorAll('x-button'))
                    host.attachShadow({mode: 'open'}).innerHTML = '<button><i><slot></slot></i></button>';
                for (const host of document.querySelectorAll('x-button'))
                    host.shadowRoot.querySelector('button').onclick = () => clicks++;
            }"""
        )
        await tab.locator("x-button button").first.click()
        await tab.locator("x-button button").last.click()
        await tab.locator("x-button i").first.click()
        await tab.get_by_text("slotted element").click()
        await tab.locator("x-button").first.click()
        await self.clicked(tab, 5)
        await tab.evaluate(f"document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`)")
        await self.late(ActionTimeout, tab.locator("x-button button").first.click, words=["intercepts pointer events"])

    async def test_closed_shadow_roots(self):
        tab = await self.shown("<div id='host'></div>")
        await tab.evaluate(
            """() => {
                clicks = 0;
                const outer = document.querySelector('#host').attachShadow({mode: 'closed'});
                outer.innerHTML = '<x-b></x-b><iframe srcdoc="<p>inside</p>" style="border: 0"></iframe>';
                inner = outer.querySelector('x-b').attachShadow({mode: 'closed'});
                inner.innerHTML = '<button>Buy</button>';
                button = inner.querySelector('button');
                button.onclick = () => clicks++;
            }"""
        )
        button = (await tab.evaluate_handle("button")).as_element()
        assert button is not None
        await button.click()
        await tab.frames[1].locator("p").click()
        await self.clicked(tab)
        await tab.evaluate(f"inner.innerHTML += `{OVERLAY}`, inner.replaceChild(button, inner.querySelector('button'))")
        await self.late(ActionTimeout, button.click, words=["intercepts pointer events"])

    async def test_closed_details(self):
        tab = await self.shown(f"<details><summary>more</summary>{BUTTON}</details>")
        await self.late(ActionTimeout, tab.click, "#button", words=["element is not visible"])
        await tab.click("summary")
        await tab.click("#button")
        await self.clicked(tab)

    async def test_modal_dialogs(self):
        tab = await self.shown(
            f"{BUTTON}<dialog><button onclick='this.closest(\"dialog\").close()'>close</button></dialog>"
        )
        await tab.evaluate("document.querySelector('dialog').showModal()")
        await self.late(ActionTimeout, tab.click, "#button", words=["intercepts pointer events"])
        await tab.get_by_text("close").click()
        await tab.click("#button")
        await self.clicked(tab)

    async def test_behind_inert(self):
        tab = await self.shown(f"<main>{BUTTON}</main>")
        await tab.evaluate("document.querySelector('main').inert = true")
        await self.late(ActionTimeout, tab.click, "#button", words=["element is inert"])

    async def test_hover(self):
        tab = await self.shown(
            "<style>#menu { display: none } nav:hover #menu { display: block }</style>"
            f"<nav>menu<div id='menu'>{BUTTON}</div></nav>"
        )
        await tab.hover("nav")
        await tab.click("#button")
        await self.clicked(tab)
        await tab.evaluate(f"document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`)")
        await self.late(ActionTimeout, tab.hover, "nav", words=["intercepts pointer events"])

    async def test_tap(self):
        tab = await (await self.context(has_touch=True)).new_page()
        await self.shown(f"{BUTTON}", tab)
        await tab.locator("#button").tap()
        await tab.wait_for_function("clicks == 1")
        await tab.evaluate(f"document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`)")
        await self.late(ActionTimeout, tab.tap, "#button", words=["intercepts pointer events"])
        await self.clicked(tab)
        other = await self.shown(BUTTON)
        await self.fails(other.locator("#button").tap(), ValueError)

    async def test_a_position_is_two_numbers(self):
        """What is none is refused at once, and not waited for."""
        tab = await self.shown(BUTTON)
        button = tab.locator("#button")
        wrong: Any
        for wrong in ((1, 2), {"x": 1}, {"x": "1", "y": 2}):
            for method in (button.click, button.hover, button.dblclick):
                await self.refused(method(position=wrong), "two numbers", kind=TypeError)
            dropping = button.drop({"data": {"text/plain": "x"}}, position=wrong)
            await self.refused(dropping, "two numbers", kind=TypeError)
            await self.refused(button.drag_to(button, target_position=wrong), "two numbers", kind=TypeError)
        await button.click(position={"x": 1, "y": 2.5})

    async def test_drags(self):
        tab = await self.shown(
            "<style>div { width: 100px; height: 50px }</style><div id='source' draggable='true'>drag</div>"
            "<div style='height: 3000px'></div><div id='target'>drop</div><script>dropped = 0;"
            "target.ondragover = e => e.preventDefault(); target.ondrop = () => { dropped++ };"
            "</script>"
        )
        await tab.locator("#source").drag_to(tab.locator("#target"))
        await tab.drag_and_drop("#source", "#target", steps=3, source_position={"x": 5, "y": 5})
        self.assertEqual(await tab.evaluate("dropped"), 2)
        await tab.drag_and_drop("#source", "#target", trial=True)
        self.assertEqual(await tab.evaluate("dropped"), 2)
        await self.late(
            ActionTimeout,
            tab.drag_and_drop,
            "#source",
            "#nothing",
            words=["(the target): not within ", " s; no element is there"],
        )
        await tab.mouse.move(0, 0)
        self.assertEqual(tab.mouse._buttons, set())

    async def test_drops(self):
        tab = await self.shown("<div id='target' style='height: 50px'>here</div>")
        wrong: list[Any] = [{}, {"file": "a.txt"}]
        for each in wrong:
            await self.fails(tab.locator("#target").drop(each), ValueError)
        with_nothing = tab.locator("#target").drop({"data": {"text/plain": "x"}})
        await self.refused(with_nothing, "did not accept the drop", kind=LocatorError)
        await tab.evaluate(
            "target.ondragover = e => e.preventDefault(); target.ondrop = async e => { const {files} = e.dataTransfer;"
            "got = [e.dataTransfer.getData('text/plain'), files.length, files[0]?.name, await files[0]?.text()] }; 0"
        )
        (path,) = self.files("file.txt")
        payload = {"name": "b.txt", "mimeType": "text/plain", "buffer": b"bytes"}
        await tab.locator("#target").drop({"data": {"text/plain": "said"}, "files": [payload, path]})  # type: ignore[list-item]
        await tab.wait_for_function("window.got")
        self.assertEqual(await tab.evaluate("got"), ["said", 2, "b.txt", "bytes"])


class OutcomeTests(ActionTestCase):
    """What a click leads to."""

    async def test_navigations(self):
        """A navigation of the main frame that a click begins is waited for: its document is there."""
        tab = await self.page()
        self.server.page("/next", "<title>next</title>")
        for html in (
            "<a href='/next'>go</a>",
            "<form action='/next'><button>go</button></form>",
            "<form action='/next' method='post'><button>go</button></form>",
            "<button onclick='location.href = \"/next\"'>go</button>",
        ):
            for _ in range(3):
                await tab.goto(self.server.page("/", html))
                await tab.get_by_text("go").click()
                self.assertEqual(tab.url.rstrip("?"), self.server.url("/next"), html)
        for html, fragment in (
            ("<a href='#x'>go</a>", "#x"),
            ("<b onclick='history.pushState(0, 0, \"/p\")'>go</b>", "p"),
        ):
            await tab.goto(self.server.page("/", html))
            await tab.get_by_text("go").click()
            self.assertEqual(tab.url, self.server.url("/") + fragment)
        await tab.goto(self.server.page("/", "<input>"))
        await tab.evaluate("document.querySelector('input').onkeydown = () => { location.href = '/next' }; 0")
        await tab.press("input", "Enter")
        self.assertEqual(tab.url, self.server.url("/next"))

    async def test_a_slow_navigation(self):
        """Its deadline covers the navigation; who does not want to wait for it says so."""
        tab = await self.page()
        held = self.server.held("/held")
        await tab.goto(self.server.page("/", "<a href='/held'>go</a>"))
        await tab.click("a", no_wait_after=True)
        await tab.goto(self.server.url("/"))
        await self.late(ActionTimeout, tab.click, "a", words=["waiting for the navigation that the action started"])
        held.release(b"there")

    async def test_navigations_that_bring_nothing(self):
        tab = await self.page()
        self.server.page("/nothing", status=204)
        html = "<a href='/nothing'>go</a><p><a id='mail' href='mailto:nobody@example.test'>mail</a>"
        await tab.goto(self.server.page("/", html))
        await tab.click("a")
        await tab.click("#mail")
        self.assertEqual(tab.url, self.server.url("/"))

    async def test_popups(self):
        tab = await self.page()
        self.server.page("/popup", "popup")
        await tab.goto(self.server.page("/", "<a target='_blank' href='/popup'>open</a>"))
        async with tab.popups.expect() as expected:
            await tab.click("a")
        popup = await expected.value
        await popup.wait_for_url("**/popup")
        await popup.set_content("<button onclick='window.close()'>close</button>")
        await popup.click("button")
        await popup.when_closed()

    async def test_dialogs(self):
        tab = await self.shown(
            "<button id='button' onclick='said = confirm(1); clicks++'>ask</button><script>clicks = 0</script>"
        )
        await tab.click("button")
        self.assertIs(await tab.evaluate("said"), False)
        with self.subscribed(tab.dialogs, lambda dialog: dialog.accept()):
            await tab.click("button")
            self.assertIs(await tab.evaluate("said"), True)
        async with tab.dialogs.expect() as expected:
            await tab.click("button")
        await (await expected.value).dismiss()
        self.assertIs(await tab.evaluate("said"), False)
        await self.clicked(tab, 3)
        listening = tab.dialogs.subscribe(lambda _: None)
        await self.late(ActionTimeout, tab.click, "button", words=["confirm dialog", "waits for an answer"])
        listening.dispose()

    async def test_file_choosers(self):
        tab = await self.shown("<label>Upload <input type='file' hidden></label>")
        async with tab.file_choosers.expect() as expected:
            await tab.click("label")
        await (await expected.value).set_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
        self.assertEqual(await tab.evaluate("document.querySelector('input').files[0].name"), "a.txt")


class FieldTests(ActionTestCase):
    async def heard(self, tab: Page) -> list[str]:
        return [str(each) for each in await tab.evaluate("heard.splice(0)")]

    async def field(self, html: str) -> Page:
        tab = await self.shown(html)
        await tab.evaluate(
            "heard = []; for (const kind of ['input', 'change', 'keydown', 'focus'])"
            "document.addEventListener(kind, e => heard.push(kind), true)"
        )
        return tab

    async def test_fill(self):
        tab = await self.field(
            "<input value='before'><textarea>before</textarea><div contenteditable>before <b>bold</b></div>"
        )
        await tab.fill("input", "text")
        self.assertEqual(await self.heard(tab), ["focus", "input"])
        await tab.fill("textarea", "two\nlines 嗨")
        await tab.locator("div").fill("edited")
        self.assertEqual(await tab.input_value("input"), "text")
        self.assertEqual(await tab.input_value("textarea"), "two\nlines 嗨")
        self.assertEqual(await tab.inner_text("div"), "edited")
        await self.heard(tab)
        await tab.locator("input").clear()
        self.assertEqual(await tab.input_value("input"), "")
        self.assertEqual(await self.heard(tab), ["focus", "keydown", "input"])
        await tab.locator("input").fill("")
        await self.fails(tab.locator("input").fill(1), TypeError)  # type: ignore[arg-type]

    async def test_types(self):
        tab = await self.field("<input><p>text</p>")
        for kind, value in (
            ("date", "2020-03-02"), ("time", "13:15"), ("datetime-local", "2020-03-02T05:15"), ("month", "2020-07"),
            ("week", "2020-W50"), ("color", "#aabbcc"), ("range", "42"),
        ):  # fmt: skip
            await tab.evaluate(f"document.querySelector('input').type = '{kind}'")
            await self.heard(tab)
            await tab.fill("input", f" {value} ")
            self.assertEqual(await tab.input_value("input"), value)
            self.assertEqual([each for each in await self.heard(tab) if each != "focus"], ["input", "change"])
            await self.refused(tab.fill("input", "something"), "Malformed value", kind=LocatorError)
            await self.heard(tab)
            await tab.locator("input").clear()
            empty = {"color": "#000000", "range": "50"}.get(kind, "")
            self.assertEqual((await tab.input_value("input"), await self.heard(tab)), (empty, ["input", "change"]))
        for kind, value, written in (
            ("datetime-local", "2020-03-02T05:15:00", "2020-03-02T05:15"),
            ("datetime-local", "2020-03-02 05:15", "2020-03-02T05:15"),
            ("range", "007", "7"),
        ):
            await tab.evaluate(f"document.querySelector('input').type = '{kind}'")
            await tab.fill("input", value)
            self.assertEqual(await tab.input_value("input"), written)
        await self.refused(tab.fill("input", "101"), "Malformed value", kind=LocatorError)
        for kind, value in (
            ("number", "42"),
            ("email", "a@b.test"),
            ("password", "secret"),
            ("tel", "1"),
            ("url", "u"),
        ):
            await tab.evaluate(
                f"document.querySelector('input').value = ''; document.querySelector('input').type = '{kind}'"
            )
            await tab.fill("input", value)
            self.assertEqual(await tab.input_value("input"), value)
        await tab.evaluate("document.querySelector('input').type = 'number'")
        await self.refused(tab.fill("input", "abc"), "Cannot type text into input[type=number]", kind=LocatorError)
        for kind in ("button", "checkbox", "file", "image", "radio", "reset", "submit"):
            await tab.evaluate(
                f"document.querySelector('input').type = '{kind}'; document.querySelector('input').src = ''"
            )
            if kind != "image":  # that is not visible
                await self.refused(tab.fill("input", ""), f'Input of type "{kind}" cannot be filled', kind=LocatorError)
        error = "Element is not an <input>, <textarea>"
        await self.refused(tab.fill("p", "text"), error, kind=LocatorError)

    async def test_what_fill_waits_for(self):
        states = (
            ("disabled = true", "disabled = false", "element is not enabled"),
            ("readOnly = true", "readOnly = false", "element is not editable"),
            ("style.display = 'none'", "style.display = ''", "element is not visible"),
        )
        tab = await self.field("".join(f"<label>Name {number} <input></label>" for number in range(len(states))))
        await tab.evaluate("inputs = [...document.querySelectorAll('input')]; 0")
        waiting = []
        for number, (wrong, _, word) in enumerate(states):
            await tab.evaluate(f"inputs[{number}].{wrong}; 0")
            late = self.late(ActionTimeout, tab.locator("input").nth(number).fill, "x", words=[word, "<input"])
            waiting.append(Deferred.fromCoroutine(late))
        await gatherResults(waiting, consumeErrors=True)
        self.assertEqual(await tab.evaluate("inputs.map(each => each.value)"), ["", "", ""])
        for number, (_, right, _) in enumerate(states):
            filling = tab.get_by_label(f"Name {number}").fill("text")
            await tab.evaluate(f"setTimeout(() => {{ inputs[{number}].{right} }}, 20)")
            await filling
            self.assertEqual(await tab.evaluate(f"inputs[{number}].value"), "text")
            await tab.get_by_text(f"Name {number}").fill("")
            self.assertEqual(await tab.evaluate(f"inputs[{number}].value"), "")
        await tab.evaluate("inputs[0].blur(); inputs[0].disabled = true")
        await self.refused(tab.fill("input >> nth=0", "x", force=True), "cannot be focused", kind=LocatorError)

    async def test_no_other_field_gets_the_text(self):
        tab = await self.field(
            "<p inert><input id=inert></p><input id=beside><input id=disabled disabled>"
            "<input id=moves onfocus='other.focus()'><dialog><input id=other></dialog>"
        )
        await tab.focus("#beside")
        for act in (tab.press, tab.type):
            await self.refused(act("#inert", "x"), "is inert", kind=LocatorError)
            await self.refused(act("#disabled", "x"), "cannot be focused", kind=LocatorError)
        self.assertEqual(await tab.input_value("#beside"), "")
        await tab.evaluate("document.querySelector('dialog').showModal()")
        await self.late(ActionTimeout, tab.fill, "#beside", "x", words=["cannot be focused", "modal dialog"])
        await self.refused(tab.fill("#beside", "x", force=True), "cannot be focused", kind=LocatorError)
        await self.refused(tab.press("#beside", "x"), "cannot be focused", kind=LocatorError)
        self.assertEqual(await tab.input_value("#other"), "")
        filling = tab.fill("#beside", "text")
        await tab.evaluate("document.querySelector('dialog').close()")
        await filling
        await tab.evaluate("document.querySelector('dialog').show()")
        await tab.press("#moves", "x")  # as a person's
        values = await tab.evaluate("[...document.querySelectorAll('input')].map(each => each.value)")
        self.assertEqual(values, ["", "text", "", "", "x"])

    async def test_typing(self):
        tab = await self.field("<input value='b'><div contenteditable>b</div>")
        await tab.locator("input").press_sequentially("a\N{CYRILLIC SMALL LETTER ZHE}", delay=0.001)
        await tab.locator("input").type("c")
        await tab.type("input", "d")
        self.assertEqual(await tab.input_value("input"), "a\N{CYRILLIC SMALL LETTER ZHE}cdb")
        await tab.press("input", "End")
        await tab.press("input", "Shift+ArrowLeft")
        await tab.press("input", "x")
        self.assertEqual(await tab.input_value("input"), "a\N{CYRILLIC SMALL LETTER ZHE}cdx")
        await tab.locator("div").press("a")
        self.assertEqual(await tab.inner_text("div"), "ab")
        await self.fails(tab.press("input", "Foo"), ValueError)

    async def test_select_text(self):
        tab = await self.field("<input value='one'><textarea>two</textarea><p>three</p>")
        for selector, text in (("input", "one"), ("textarea", "two"), ("p", "three")):
            await tab.locator(selector).select_text()
            self.assertEqual(await tab.evaluate("getSelection().toString()"), text)

    async def test_boxes(self):
        tab = await self.field(
            "<input id='box' type='checkbox'><label for='box'>box</label>"
            "<input id='one' name='r' type='radio'><input id='two' name='r' type='radio' checked>"
            "<div id='role' role='checkbox' aria-checked='false' style='width: 20px; height: 20px; background: red'"
            " onclick='this.ariaChecked = this.ariaChecked != \"true\"'></div><input id='stubborn' type='checkbox'"
            " onclick='event.preventDefault()'><p>text</p>"
        )
        await tab.check("#box")
        self.assertEqual(await self.heard(tab), ["focus", "input", "change"])
        await tab.check("#box")
        self.assertEqual(await self.heard(tab), [])
        await tab.evaluate("box.indeterminate = true")  # it is checked all the same
        await tab.uncheck("label")
        await tab.set_checked("#role", True)
        await tab.check("#one")
        states = "[box.checked, role.ariaChecked, one.checked, two.checked]"
        self.assertEqual(await tab.evaluate(states), [False, "true", True, False])
        await tab.locator("#box").check(trial=True)
        self.assertIs(await tab.is_checked("#box"), False)
        await self.refused(tab.uncheck("#one"), "Cannot uncheck radio button", kind=LocatorError)
        await self.refused(tab.check("#stubborn"), "did not change its state", kind=LocatorError)
        await self.refused(tab.check("p"), "Not a checkbox or radio button", kind=LocatorError)
        await tab.evaluate("box.disabled = true")
        await self.late(ActionTimeout, tab.check, "#box", words=["element is not enabled"])

    async def test_select_option(self):
        options = "<option value='a'>Alpha</option><option value='b' label='Beta'></option>"
        options += "<option value='c'>Gamma  ray</option>"
        tab = await self.field(f"<select>{options}</select><select id='many' multiple>{options}</select><p>text</p>")
        one, many = tab.locator("select").first, tab.locator("#many")
        self.assertEqual(await one.select_option("b"), ["b"])
        self.assertEqual(await self.heard(tab), ["input", "change"])
        self.assertEqual(await one.select_option("Alpha"), ["a"])
        self.assertEqual(await one.select_option(label="Gamma ray"), ["c"])
        self.assertEqual(await one.select_option(index=1), ["b"])
        self.assertEqual(await many.select_option(["a", "c"]), ["a", "c"])
        self.assertEqual(await many.select_option(index=[1], label=["Alpha"]), ["a", "b"])
        handle = await many.locator("option").last.element_handle()
        self.assertEqual(await many.select_option(element=handle), ["c"])
        self.assertEqual(await many.select_option([]), [])
        self.assertEqual(await many.evaluate("select => select.value"), "")
        told = 'did not find some options: "z"; those there are: "Alpha", '
        await self.late(ActionTimeout, one.select_option, "z", words=[told])
        await tab.evaluate("document.querySelector('select').options[2].disabled = true")
        await self.late(ActionTimeout, one.select_option, "c", words=["option being selected is not enabled"])
        self.assertEqual(await one.select_option("c", force=True), ["c"])
        await self.refused(tab.select_option("p", "a"), "Element is not a <select> element", kind=LocatorError)
        for wrong in ({"value": 2025}, {"value": ["a", None]}, {"label": {"a": 1}}, {"index": "1"}, {"element": "a"}):
            error = await self.fails(one.select_option(**wrong), TypeError)
            self.assertRegex(str(error), "select_option: .* is not of type ")
        selecting = tab.select_option("select", "new")
        await tab.evaluate("document.querySelector('select').add(new Option('New', 'new'))")
        self.assertEqual(await selecting, ["new"])

    async def test_files(self):
        tab = await self.field(
            "<input type='file'><label>many <input id='many' type='file' multiple></label><p>text</p>"
        )
        paths = self.files("a.txt", "b.txt")
        folder = paths[0].parent
        contents = (
            "async selector => { const files = document.querySelector(selector).files;"
            "return Promise.all([...files].map(async each => [each.name, each.type, await each.text()])) }"
        )
        await tab.set_input_files("input", paths[0])
        self.assertEqual(await tab.evaluate(contents, "input"), [["a.txt", "text/plain", "a.txt"]])
        self.assertEqual(await self.heard(tab), ["input", "change"])
        await tab.set_input_files("input", folder / ".." / folder.name / "b.txt")
        self.assertEqual(await tab.evaluate(contents, "input"), [["b.txt", "text/plain", "b.txt"]])
        await tab.get_by_text("many").set_input_files(paths)
        payload = {"name": "c.bin", "mimeType": "application/x", "buffer": b"\0\1"}
        self.assertEqual(len(await tab.evaluate(contents, "#many")), 2)
        await tab.locator("#many").set_input_files([payload, paths[1]])  # type: ignore[list-item]
        self.assertEqual(
            await tab.evaluate(contents, "#many"),
            [["c.bin", "application/x", "\0\1"], ["b.txt", "text/plain", "b.txt"]],
        )
        await tab.locator("#many").set_input_files([])
        self.assertEqual(await tab.evaluate(contents, "#many"), [])
        await self.refused(tab.set_input_files("input", paths), "can only accept single file", kind=LocatorError)
        await self.refused(tab.set_input_files("p", paths[0]), "Node is not an HTMLInputElement", kind=LocatorError)
        await self.fails(tab.set_input_files("input", folder / "nothing"), OSError)
        wrong: Any
        for wrong in ({"name": "a.txt"}, {"buffer": b""}):
            words = 'it needs a "name" and its bytes as "buffer"'
            await self.refused(tab.set_input_files("input", wrong), words, kind=ValueError)
        await self.refused(tab.set_input_files("input", folder), "does not support directories", kind=LocatorError)
        await tab.evaluate("document.querySelector('#many').webkitdirectory = true")
        await tab.set_input_files("#many", folder)
        await tab.wait_for_function("document.querySelector('#many').files.length == 2")
        names = await tab.evaluate(
            "[...document.querySelector('#many').files].map(each => each.webkitRelativePath).sort()"
        )
        self.assertEqual(names, [f"{folder.name}/a.txt", f"{folder.name}/b.txt"])


class EndingTests(ActionTestCase):
    """What was waited for in a page that ends."""

    async def test_it_says_what_was_waited_for(self):
        context = await self.context()
        tab = await context.new_page()
        await tab.set_content("<button disabled>x</button><iframe srcdoc='<p>'></iframe>")
        waiting = {
            "locator('button').click: the page was closed": tab.locator("button").click(),
            "locator('u').wait_for(state='visible'): the page was closed": tab.locator("u").wait_for(),
            "locator('b').to_be_visible: the page was closed": expect(tab.locator("b")).to_be_visible(),
            "frame_locator('iframe').locator('b').click: the page": tab.frame_locator("iframe").locator("b").click(),
            "wait_for_function('false'): the page was closed": tab.wait_for_function("false"),
        }
        last = tab.locator("i").text_content()
        await tab.evaluate("() => new Promise(done => setTimeout(done))")
        await tab.close()
        for told, deferred in waiting.items():
            with self.subTest(told):
                await self.refused(deferred, told, kind=SessionDetached)
        error = await self.fails(last, SessionDetached)
        self.assertEqual(error.action, "locator('i').text_content")
        await self.refused(tab.locator("i").count(), "locator('i').count: the page was closed", kind=SessionDetached)

    async def test_a_crash_too(self):
        tab = await (await self.context()).new_page()
        await tab.set_content("<button disabled>x</button>")
        waiting = tab.locator("button").click()
        await tab.evaluate("1")
        tab.session.execute(page.crash()).addErrback(lambda _: None)
        await self.refused(waiting, "locator('button').click: ", "crashed; navigate or reload", kind=TargetCrashed)


class BackgroundTests(ActionTestCase):
    """A page in the background, whose focus is not emulated: it draws no frames."""

    async def test_what_needs_frames_ends_at_its_deadline(self):
        context = await self.context()
        tab = await self.shown(f"{BUTTON}<input>", await context.new_page())
        front = await context.new_page()
        await tab.session.execute(emulation.set_focus_emulation_enabled(enabled=False))
        await front.bring_to_front()
        await tab.wait_for_function("document.visibilityState == 'hidden'", polling=0.05)
        waiting = (
            self.late(ActionTimeout, tab.click, "#button", words=["draws no frames", "in the background"]),
            self.late(ActionTimeout, tab.hover, "#button", words=["draws no frames"]),
            self.fails(expect(tab.locator("input")).to_be_in_viewport(timeout=2), ExpectationFailed),
        )
        await gatherResults([Deferred.fromCoroutine(each) for each in waiting], consumeErrors=True)
        await tab.fill("input", "filled")
        self.assertEqual(await tab.input_value("input"), "filled")
        clicking = tab.click("#button", timeout=None)
        await tab.evaluate("1")
        self.assertFalse(clicking.called)
        await tab.bring_to_front()
        await clicking
        await self.clicked(tab)

    async def test_a_page_behind_another_window_draws_a_frame_a_second(self):
        tab = await self.shown(BUTTON)
        for times, features in enumerate(("", "width=300,height=200"), 1):
            await tab.click("#button")
            await self.clicked(tab, times)
            async with tab.popups.expect() as popup:
                await tab.evaluate("features => void open('about:blank', '_blank', features)", features)
            await (await popup.value).wait_for_load_state()
        for times in (3, 4, 5):
            await tab.click("#button")
            await self.clicked(tab, times)


class HandleTests(ActionTestCase):
    async def test_handles(self):
        tab = await self.shown(f"{BUTTON}<input><select><option>a<option>b</select><input type='checkbox'>")
        button = await tab.query_selector("#button")
        assert button is not None
        await button.click()
        await button.dblclick()
        await self.clicked(tab, 3)
        text = (await tab.evaluate_handle("button.firstChild")).as_element()
        assert text is not None
        await text.click()
        await self.clicked(tab, 4)
        fields = await tab.query_selector_all("input, select")
        await fields[0].fill("filled")
        await fields[0].press("End")
        await fields[0].type("!")
        self.assertEqual(await tab.input_value("input"), "filled!")
        self.assertEqual(await fields[1].select_option("b"), ["b"])
        await fields[2].check()
        self.assertIs(await tab.is_checked("[type=checkbox]"), True)
        await tab.evaluate("button.remove()")
        await self.refused(button.click(), "Element is not attached to the DOM", kind=LocatorError)

    async def test_looking_inside_of_one(self):
        """Each engine looks inside of a handle's node, wherever that is."""
        tab = await self.shown(
            "<div id='d'><p>one</p><p id='two'>two <b>bold</b></p><section><template shadowrootmode='open'>"
            "<i>in the shadow</i></template></section></div><p>outside</p>"
        )
        outer = await tab.query_selector("#d")
        assert outer is not None
        cases = {
            "p": ["p", "p#two"],
            "text=two": ["p#two"],
            "p >> nth=1": ["p#two"],
            "xpath=.//b": ["b"],
            "role=paragraph": ["p", "p#two"],
            "i": ["i"],
            "> p": ["p", "p#two"],
            "#d": [],
            "text=outside": [],
        }
        for selector, expected in cases.items():
            with self.subTest(selector):
                self.assertEqual([str(each) for each in await outer.query_selector_all(selector)], expected)
                first = await outer.query_selector(selector)
                self.assertEqual(None if first is None else str(first), expected[0] if expected else None)
        await self.refused(outer.query_selector("!!"), "is not a valid selector", kind=SelectorError)
        nodes = {
            "document": ["p", "p#two", "p"],
            "document.querySelector('section').shadowRoot": [],
            "{const e = document.createElement('a'); e.innerHTML = '<p id=x>x</p>'; e}": ["p#x"],
            "new DOMParser().parseFromString('<p id=other>x</p>', 'text/html')": ["p#other"],
        }
        for node, expected in nodes.items():
            with self.subTest(node):
                handle = (await tab.evaluate_handle(node)).as_element()
                assert handle is not None
                self.assertEqual([str(each) for each in await handle.query_selector_all("p")], expected)
        text = (await tab.evaluate_handle("two.firstChild")).as_element()
        assert text is not None
        await self.refused(text.query_selector("b"), "can be searched", kind=LocatorError)


class LocatorHandlerTests(ActionTestCase):
    """Functions that are called for what comes over a page."""

    OVER = f"{BUTTON}<script>show = () => document.body.insertAdjacentHTML('beforeend', `{OVERLAY}`)</script>"

    async def test_actions_assertions_and_waits(self):
        tab = await self.shown(self.OVER)
        called: list[Locator] = []

        async def close(overlay: Locator) -> None:
            called.append(overlay)
            await overlay.evaluate("element => element.remove()")

        overlay = tab.locator("#overlay")
        await tab.add_locator_handler(overlay, close)
        acts: list[Callable[[], Deferred[Any]]] = [
            lambda: tab.click("#button"),
            lambda: tab.locator("#button").wait_for(),
            lambda: tab.locator("#button").hover(),
            lambda: tab.locator("#button").text_content(),
        ]
        for number, act in enumerate(acts, 1):
            await tab.evaluate("show()")
            await act()
            self.assertEqual(called, [overlay] * number)
        await self.clicked(tab)
        await tab.remove_locator_handler(tab.locator("#overlay"))
        await tab.evaluate("show()")
        await self.late(ActionTimeout, tab.click, "#button", words=["intercepts pointer events"])
        self.assertEqual(len(called), 4)

    async def test_it_comes_in_the_middle(self):
        tab = await self.shown(self.OVER)
        await tab.add_locator_handler(tab.locator("#overlay"), lambda: tab.evaluate("overlay.remove()"))
        for number in range(1, RACES + 1):
            await tab.evaluate("addEventListener('mousemove', show, {once: true})")
            await tab.click("#button")
            await self.clicked(tab, number)

    async def test_the_deadline_covers_it(self):
        """Neither what stays nor what the handler does gets past the deadline."""
        tab = await self.shown(self.OVER)
        await tab.evaluate("show()")
        registration = await tab.add_locator_handler(tab.locator("#overlay"), lambda: None)
        told = ["handler of locator('#overlay') returned", "still visible"]
        await self.late(ActionTimeout, tab.click, "#button", words=told)
        await self.late(ActionTimeout, tab.locator("#button").wait_for, words=["still visible"])
        await registration.close()

        def fail() -> None:
            raise ZeroDivisionError

        await tab.add_locator_handler(tab.locator("#overlay"), fail)
        await self.fails(tab.click("#button"), ZeroDivisionError)

    async def test_it_goes_on_after_the_deadline(self):
        """A handler is the program's: it is not cancelled, nor called once more while it runs."""
        tab = await self.shown(self.OVER)
        await tab.evaluate("show()")
        called: list[int] = []
        done: Deferred[None] = Deferred()

        async def close() -> None:
            called.append(1)
            await done
            await tab.evaluate("overlay.remove()")

        slow = await tab.add_locator_handler(tab.locator("#overlay"), close)
        await self.late(ActionTimeout, tab.click, "#button", words=["locator('#overlay') did not return"])
        await self.late(ActionTimeout, tab.click, "#button", words=["intercepts pointer events"])
        self.assertEqual(called, [1])
        self.assertFalse(done.called)
        done.callback(None)
        await tab.click("#button")
        await self.clicked(tab)
        await tab.evaluate("show()")
        await tab.click("#button")
        self.assertEqual(called, [1, 1])
        await slow.close()

    async def test_one_that_is_removed_while_it_runs_stands_in_no_others_way(self):
        tab = await self.shown(self.OVER)
        await tab.evaluate("show()")
        slow = await tab.add_locator_handler(tab.locator("#overlay"), lambda: tab.wait_for_timeout(60))
        await self.late(ActionTimeout, tab.click, "#button", words=["locator('#overlay') did not return"])
        await slow.close()
        await tab.add_locator_handler(tab.locator("#overlay"), lambda: tab.evaluate("overlay.remove()"))
        await tab.click("#button")
        await self.clicked(tab)

    async def test_what_fails_when_nothing_waits_for_it(self):
        tab = await self.shown(self.OVER)
        await tab.evaluate("show()")
        late: Deferred[None] = Deferred()
        await tab.add_locator_handler(tab.locator("#overlay"), lambda: late)
        await self.late(ActionTimeout, tab.click, "#button", words=["locator('#overlay') did not return"])
        late.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_neither_looks_nor_force_call_one(self):
        tab = await self.shown(self.OVER)
        await tab.evaluate("show()")
        called: list[int] = []
        await tab.add_locator_handler(tab.locator("#overlay"), lambda: called.append(1), no_wait_after=True)
        overlay = tab.locator("#overlay")
        self.assertIs(await overlay.is_visible(), True)
        self.assertEqual(
            [await overlay.count(), len(await overlay.all()), await overlay.all_inner_texts()], [1, 1, ["over"]]
        )
        self.assertEqual(len(await overlay.element_handles()), 1)
        self.assertIsNotNone(await tab.query_selector("#overlay"))
        self.assertIs(await overlay.is_hidden(), False)
        await tab.click("#button", force=True)
        self.assertEqual(await tab.evaluate("[clicks, overlaid]"), [0, 1])
        self.assertEqual(called, [])

    async def test_times_and_not_waiting(self):
        tab = await self.shown(self.OVER)
        called: list[str] = []

        async def remove() -> None:
            called.append("always")
            if called.count("always") == 4:
                await tab.evaluate("overlay.remove()")

        overlay = tab.locator("#overlay")
        await tab.add_locator_handler(overlay, lambda: called.append("twice"), times=2, no_wait_after=True)
        await tab.add_locator_handler(overlay, remove, no_wait_after=True)
        await tab.evaluate("show()")
        await tab.click("#button")
        self.assertEqual(called, ["twice", "always", "twice", "always", "always", "always"])
        await self.clicked(tab)
        await self.fails(tab.add_locator_handler(overlay, lambda: None, times=-1), ValueError)

    async def test_what_it_does_itself(self):
        """What a handler does with locators calls none."""
        tab = await self.shown(self.OVER)

        async def close() -> None:
            await tab.locator("#overlay").click(position={"x": 5, "y": 5})
            await tab.evaluate("overlay.remove()")

        await tab.add_locator_handler(tab.locator("#overlay"), close)
        await tab.evaluate("show()")
        await tab.click("#button")
        self.assertEqual(await tab.evaluate("[clicks, overlaid]"), [1, 1])
