"""Keyboard, mouse and touchscreen with a real browser: what a page hears of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.browser.support import SharedBrowserTestCase
from txcdp._deferreds import returns_deferred
from txcdp.errors import DialogOpen
from txcdp.page import Page

OTHER = "localhost"  # another site than 127.0.0.1, and so in another process

#: Writes what is heard of events; ``heard()`` takes it.
LISTEN = """<script>
    let noted = [];
    const heard = () => noted.splice(0);
    const listen = (kinds, describe) => {
        for (const kind of kinds.split(' '))
            addEventListener(kind, event => noted.push(kind + ' ' + describe(event)), true);
    };
    const modifiers = event => ['ctrl', 'shift', 'alt', 'meta'].filter(each => event[each + 'Key']).join();
</script>"""

KEYS = (
    "listen('keydown keypress keyup', e => [e.key, e.code, e.keyCode, e.location, +e.repeat, modifiers(e)].join(' '))"
)
TEXTS = "listen('beforeinput input', e => e.inputType + ' ' + e.data)"
MICE = (
    "listen('mousemove mousedown mouseup click dblclick auxclick contextmenu',"
    "e => [e.clientX, e.clientY, e.button, e.buttons, e.detail, modifiers(e)].join(' ').trim())"
)
DRAGS = (
    "listen('dragstart dragenter dragover dragleave drop dragend mouseup', e => e.target.id);"
    "for (const kind of ['dragover', 'drop']) addEventListener(kind, e => e.preventDefault())"
)

#: Something that can be dragged, and where it can be dropped.
DRAGGABLE = """<body style="margin: 0"><style>div { width: 100px; height: 50px }</style>
    <div id="source" draggable="true">drag</div><div id="target">drop</div>"""


class InputTestCase(SharedBrowserTestCase):
    async def shown(self, html: str, script: str = "") -> Page:
        """Return a page that shows something, and listens."""
        tab = await self.page()
        await tab.set_content(f"<!doctype html>{html}{LISTEN}<script>{script}</script>")
        await tab.evaluate("(document.querySelector('textarea') || document.body).focus()")
        return tab

    async def heard(self, tab: Page) -> list[str]:
        heard: list[str] = await tab.evaluate("heard()")
        return heard


class KeyboardTests(InputTestCase):
    async def test_keys(self):
        tab = await self.shown("<textarea></textarea>", KEYS)
        await tab.keyboard.press("a")
        expected = ["keydown a KeyA 65 0 0", "keypress a KeyA 97 0 0", "keyup a KeyA 65 0 0"]
        self.assertEqual([each.rstrip() for each in await self.heard(tab)], expected)
        for key, what in (
            ("Shift+KeyA", "A KeyA 65 0 0 shift"),
            ("Shift+Digit3", "# Digit3 51 0 0 shift"),
            ("Shift++", "+ Equal 187 0 0 shift"),
            ("Control+Shift+~", "~ Backquote 192 0 0 ctrl,shift"),
            ("Alt+x", "x KeyX 88 0 0 alt"),
            ("ShiftRight", "Shift ShiftRight 16 2 0 shift"),
            ("NumpadEnter", "Enter NumpadEnter 13 3 0"),
            ("ArrowLeft", "ArrowLeft ArrowLeft 37 0 0"),
        ):
            await tab.keyboard.press(key)
            downs = [each.rstrip() for each in await self.heard(tab) if each.startswith("keydown")]
            self.assertEqual(downs[-1], f"keydown {what}", key)

    async def test_what_is_held(self):
        """Keys are held until they are let go; a modifier counts for all that is pressed meanwhile."""
        tab = await self.shown("<textarea></textarea>", KEYS)
        keyboard = tab.keyboard
        await keyboard.down("Shift")
        await keyboard.type("a1")
        await keyboard.press("KeyB")
        await keyboard.up("Shift")
        await keyboard.down("c")
        await keyboard.down("c")
        await keyboard.up("c")
        self.assertEqual(await tab.evaluate("document.querySelector('textarea').value"), "a1Bcc")
        heard = await self.heard(tab)
        self.assertEqual([each for each in heard if " KeyC " in each and each.startswith("keydown")], REPEATED)
        self.assertTrue(all(each.endswith(" shift") for each in heard if " KeyB " in each))
        await keyboard.down("Control")
        await keyboard.type("jkq")  # no shortcut of the browser's, and no text
        await keyboard.up("Control")
        self.assertEqual(await tab.evaluate("document.querySelector('textarea').value"), "a1Bcc")

    async def test_text(self):
        """What keys give is typed, and what none gives is inserted."""
        tab = await self.shown("<textarea></textarea>", TEXTS)
        text = "Say: 'Hi!'\n{[(~`)]} 嗨 😀 é\tend"
        await tab.keyboard.type(text)
        self.assertEqual(await tab.evaluate("document.querySelector('textarea').value"), text)
        inputs = [each.partition(" ")[2] for each in await self.heard(tab) if each.startswith("input")]
        self.assertEqual(len(inputs), len(text))
        self.assertEqual(inputs[10], "insertLineBreak null")
        await tab.keyboard.down("Shift")
        await tab.keyboard.insert_text("ä few at once")
        self.assertEqual(await self.heard(tab), INSERTED)

    async def test_shortcuts(self):
        tab = await self.shown("<textarea>some text</textarea>")
        await tab.keyboard.press("ControlOrMeta+A")
        await tab.keyboard.press("Delete")
        self.assertEqual(await tab.evaluate("document.querySelector('textarea').value"), "")
        await tab.keyboard.type("abc")
        await tab.keyboard.press("Shift+ArrowLeft")
        await tab.keyboard.type("d")
        self.assertEqual(await tab.evaluate("document.querySelector('textarea').value"), "abd")

    async def test_delays(self):
        """A delay is between pressing and letting go; who gives up meanwhile holds nothing."""
        tab = await self.shown("<textarea></textarea>", KEYS)
        await tab.keyboard.type("ab", delay=0.01)
        self.assertEqual([each.split()[:2] for each in await self.heard(tab)], TYPED)
        pressing = tab.keyboard.press("Control+k", delay=9)
        while len(await tab.evaluate("noted")) < 2:
            await tab.wait_for_timeout(0.01)
        pressing.cancel()
        await self.fails(pressing, CancelledError)
        await tab.wait_for_function("noted.length == 4")
        self.assertEqual([each.split()[:2] for each in await self.heard(tab)], GIVEN_UP)
        await tab.keyboard.press("z")
        self.assertEqual(await tab.evaluate("document.querySelector('textarea').value"), "abz")

    async def test_no_key(self):
        tab = await self.shown("<textarea></textarea>", KEYS)
        for wrong in ("Foo", "Control+Foo", "", "é"):
            await self.fails(tab.keyboard.press(wrong), ValueError)
        await self.fails(tab.keyboard.down("Foo"), ValueError)
        await self.fails(tab.keyboard.up("Foo"), ValueError)
        self.assertEqual(await self.heard(tab), [])

    async def test_frames(self):
        """Keys go to the frame that has the focus, whichever process it is in."""
        tab = await self.page()
        inner = "<!doctype html><input>"
        self.server.page("/inner", inner)
        frames = "".join(f"<iframe src='{self.server.url('/inner', host)}'></iframe>" for host in ("127.0.0.1", OTHER))
        await tab.goto(self.server.page("/", f"<!doctype html>{frames}"))
        for number, frame in enumerate(tab.main_frame.child_frames):
            await frame.evaluate("document.querySelector('input').focus()")
            await tab.keyboard.type(f"frame {number}")
            await tab.keyboard.insert_text("嗨")
            self.assertEqual(await frame.evaluate("document.querySelector('input').value"), f"frame {number}嗨")


REPEATED = ["keydown c KeyC 67 0 0 ", "keydown c KeyC 67 0 1 "]
INSERTED = ["beforeinput insertText ä few at once", "input insertText ä few at once"]
TYPED = [[kind, key] for key in "ab" for kind in ("keydown", "keypress", "keyup")]
GIVEN_UP = [["keydown", "Control"], ["keydown", "k"], ["keyup", "k"], ["keyup", "Control"]]


class MouseTests(InputTestCase):
    async def test_clicks(self):
        tab = await self.shown("<body style='height: 1000px'>", MICE)
        await tab.mouse.click(30, 40)
        self.assertEqual(await self.heard(tab), CLICKED)
        await tab.mouse.dblclick(30, 40)
        kinds = [" ".join(each.split()[::5]) for each in await self.heard(tab)]
        self.assertEqual(
            kinds, ["mousemove 0", *CLICK_IN_A_ROW, *[f"{each[:-1]}2" for each in CLICK_IN_A_ROW], "dblclick 2"]
        )
        await tab.mouse.click(30, 40, button="right")
        self.assertEqual([each.split()[0] for each in await self.heard(tab)], RIGHT)
        await tab.mouse.click(30, 40, button="middle", delay=0.01)
        self.assertEqual([each.split()[0] for each in await self.heard(tab)], MIDDLE)
        await self.fails(tab.mouse.click(1, 1, button="fourth"), ValueError)  # type: ignore[arg-type]
        self.assertEqual(await self.heard(tab), [])

    async def test_moves(self):
        """Each step is told, and none of them is merged with another one."""
        tab = await self.shown("<body style='height: 1000px'>", MICE)
        await tab.mouse.move(100, 100)
        await self.heard(tab)
        await tab.mouse.move(200, 300, steps=5)
        points = [each.split()[1:3] for each in await self.heard(tab)]
        self.assertEqual(points, [[str(100 + 20 * each), str(100 + 40 * each)] for each in range(1, 6)])
        await self.fails(tab.mouse.move(1, 1, steps=0), ValueError)

    async def test_what_is_held(self):
        """Buttons are held until they are let go, and the keyboard's modifiers count."""
        tab = await self.shown("<body style='height: 1000px'>", MICE)
        await tab.mouse.move(10, 10)
        await tab.mouse.down()
        await tab.mouse.down(button="right")
        await tab.keyboard.down("Shift")
        await tab.mouse.move(20, 20)
        await tab.mouse.up()
        await tab.keyboard.up("Shift")
        await tab.mouse.up(button="right")
        self.assertEqual([each for each in await self.heard(tab) if each.split()[0] != "contextmenu"], HELD)

    async def test_wheel(self):
        tab = await self.shown(
            "<body style='height: 5000px; width: 5000px'>", "listen('wheel', e => e.deltaX + ' ' + e.deltaY)"
        )
        await tab.mouse.move(50, 50)
        await tab.mouse.wheel(30, 200)
        await tab.wait_for_function("scrollX == 30 && scrollY == 200")
        self.assertEqual(await self.heard(tab), ["wheel 30 200"])

    async def test_drags(self):
        """Moving with the left button pressed drags what can be dragged, and letting go drops it."""
        tab = await self.shown(DRAGGABLE, DRAGS)
        await tab.evaluate("addEventListener('dragstart', e => e.dataTransfer.setData('text/plain', 'dragged'))")
        await tab.evaluate("addEventListener('drop', e => { data = e.dataTransfer.getData('text/plain') })")
        for _ in range(2):
            await tab.mouse.move(50, 25)
            await tab.mouse.down()
            await tab.mouse.move(60, 75, steps=3)
            await tab.mouse.move(65, 80)
            await tab.mouse.up()
            heard = await self.heard(tab)
            self.assertEqual(heard[0], "dragstart source")
            self.assertEqual(heard[-2:], ["drop target", "dragend source"])
            self.assertIn("dragover target", heard)
            self.assertEqual(await tab.evaluate("data"), "dragged")
        await tab.mouse.move(50, 25)
        await tab.mouse.down()
        await tab.mouse.move(60, 75, steps=3)
        await tab.keyboard.press("Escape")
        await tab.mouse.up()
        heard = await self.heard(tab)
        self.assertEqual([heard[0], "drop target" in heard], ["dragstart source", False])
        self.assertIn("dragend source", heard)

    async def test_what_cannot_be_dragged(self):
        """What the page does not let be dragged hears of a mouse all along."""
        tab = await self.shown(DRAGGABLE, DRAGS)
        await tab.evaluate("addEventListener('dragstart', e => e.preventDefault())")
        await tab.mouse.move(50, 25)
        await tab.mouse.down()
        await tab.mouse.move(60, 75, steps=3)
        await tab.mouse.up()
        self.assertEqual(await self.heard(tab), ["dragstart source", "mouseup target"])

    async def test_drags_in_frames(self):
        """What is dragged in a frame is dropped in another one of the same process, or in the same one."""
        tab = await self.page()
        reached = "let reached = false; addEventListener('mousemove', () => { reached = true })"
        self.server.page("/inner", f"<!doctype html>{DRAGGABLE}{LISTEN}<script>{DRAGS}; {reached}</script>")
        style = "position: absolute; border: 0; width: 100px; height: 100px; left:"
        frames = "".join(
            f"<iframe src='{self.server.url('/inner', host)}' style='{style} {left}px; top: 0'></iframe>"
            for host, left in (("127.0.0.1", 0), ("127.0.0.1", 200), (OTHER, 400))
        )
        await tab.goto(self.server.page("/", f"<!doctype html>{frames}"))
        for number, frame in enumerate(tab.main_frame.child_frames):
            while not await frame.evaluate("reached"):  # one of another process is when it has been drawn
                await tab.mouse.move(200 * number + 50, 80)
                await tab.mouse.move(200 * number + 60, 80)
        for source, target in ((0, 1), (1, 0), (2, 2)):
            await tab.mouse.move(200 * source + 50, 25)
            await tab.mouse.down()
            await tab.mouse.move(200 * source + 60, 35, steps=2)
            await tab.mouse.move(200 * target + 60, 75, steps=3)
            await tab.mouse.up()
            frame = tab.main_frame.child_frames[source]
            await frame.wait_for_function("noted.includes('dragend source')")
            self.assertEqual((await frame.evaluate("noted"))[0], "dragstart source")
            await tab.main_frame.child_frames[target].wait_for_function("noted.includes('drop target')")
            for each in tab.main_frame.child_frames:
                await each.evaluate("heard()")


CLICKED = ["mousemove 30 40 0 0 0", "mousedown 30 40 0 1 1", "mouseup 30 40 0 0 1", "click 30 40 0 0 1"]
CLICK_IN_A_ROW = ["mousedown 1", "mouseup 1", "click 1"]
RIGHT = ["mousemove", "mousedown", "contextmenu", "mouseup", "auxclick"]
MIDDLE = ["mousemove", "mousedown", "mouseup", "auxclick"]
HELD = [
    *("mousemove 10 10 0 0 0", "mousedown 10 10 0 1 1", "mousedown 10 10 2 3 1", "mousemove 20 20 0 3 0 shift"),
    *("mouseup 20 20 0 2 1 shift", "click 20 20 0 2 1 shift", "mouseup 20 20 2 0 0"),
]


class LostTests(InputTestCase):
    """Input to a document that goes before it has answered: each is a race, which the document may win."""

    #: Seconds within which input ends in any case, far below the deadline of a command.
    SOON = 10

    def acts(self, tab: Page) -> list[Callable[[], Deferred[None]]]:
        return [
            lambda: tab.keyboard.insert_text("a"),
            lambda: tab.keyboard.type("ab"),
            lambda: tab.mouse.move(30, 30),
            lambda: tab.mouse.click(30, 30),
            lambda: tab.mouse.wheel(0, 3),
            lambda: tab.touchscreen.tap(30, 30),
        ]

    async def ends(self, act: Callable[[], Deferred[None]], milliseconds: float) -> None:
        acting = deferLater(reactor, milliseconds / 1000, act)
        await acting.addTimeout(self.SOON, reactor)

    async def test_a_page_that_navigates(self):
        tab = await (await self.context(has_touch=True)).new_page()
        url = self.server.page("/one", "<body style='height: 3000px'><input autofocus>")
        self.server.page("/two", "<body style='height: 3000px'><input autofocus>")
        for act in self.acts(tab):
            for delay in range(0, 16, 2):
                await tab.goto(url)
                async with tab.expect_navigation():
                    await tab.evaluate("void setTimeout(() => location.href = '/two', 8)")
                    await self.ends(act, delay)

    async def test_a_frame_of_another_site(self):
        tab = await (await self.context(has_touch=True)).new_page()
        field = self.server.page("/field", "<body style='height: 3000px'><input autofocus>").replace("127.0.0.1", OTHER)
        url = self.server.page("/around", f"<iframe src={field}></iframe>")
        for going in ("location.href = '?again'", f"location.href = '{self.server.url('/field')}'", "close"):
            for act in self.acts(tab):
                for delay in (4, 7):
                    await tab.goto(url)
                    frame = tab.frames[1]
                    await frame.focus("input")
                    if going == "close":
                        await tab.evaluate("void setTimeout(() => document.querySelector('iframe').remove(), 6)")
                    else:
                        await frame.evaluate(f"void setTimeout(() => {going}, 6)")
                    await self.ends(act, delay)

    async def test_a_frame_that_closes_when_it_is_used(self):
        """As those of payments and consents do."""
        tab = await (await self.context(has_touch=True)).new_page()
        told = "<input on{0}=\"parent.postMessage('done', '*')\">"
        for event, act in {
            "keydown": lambda field: field.press_sequentially("a\xe9\xe9"),
            "input": lambda field: field.press_sequentially("a\xe9\xe9"),
            "touchstart": lambda field: field.tap(),
            "mousemove": lambda field: field.click(),
        }.items():
            field = self.server.page(f"/{event}", told.format(event)).replace("127.0.0.1", OTHER)
            closing = "onmessage = () => document.querySelector('iframe').remove()"
            url = self.server.page(f"/around/{event}", f"<script>{closing}</script><iframe src={field}></iframe>")
            for _ in range(4):
                await tab.goto(url)
                acting: Deferred[None] = act(tab.frames[1].locator("input"))
                await acting.addTimeout(self.SOON, reactor)


class WindowTests(InputTestCase):
    async def test_before_the_first_frame(self):
        """A browser with a window, which nothing draws here, has a document long before a frame of it."""
        browser = await self.launch(headless=False, args=["--ozone-platform=headless"])
        self.server.page("/", f"<!doctype html>{LISTEN}<script>listen('mousedown keydown', () => '')</script><p>text")
        tab = await browser.new_page()
        for number in range(20):
            await tab.goto(self.server.url(f"/?{number}"))
            await tab.mouse.click(30, 30)
            await tab.keyboard.press("a")
            self.assertEqual(await self.heard(tab), ["mousedown ", "keydown "])


class TouchscreenTests(InputTestCase):
    async def test_tap(self):
        tab = await (await self.context(has_touch=True)).new_page()
        script = (
            "listen('touchstart touchend click', e => e.type == 'touchstart' ? e.touches[0].clientX : modifiers(e))"
        )
        await tab.set_content(f"<!doctype html><body style='height: 500px'>{LISTEN}<script>{script}</script>")
        await tab.keyboard.down("Alt")
        await tab.touchscreen.tap(60, 70)
        await tab.wait_for_function("noted.length == 3")
        self.assertEqual(await self.heard(tab), ["touchstart 60", "touchend alt", "click alt"])

    async def test_no_touchscreen(self):
        tab = await self.page()
        error = await self.fails(tab.touchscreen.tap(1, 1), ValueError)
        self.assertIn("has_touch=True", str(error))


class DialogTests(InputTestCase):
    """Input that opens a dialog, with which the page stands still."""

    HTML = "<body style='height: 500px' onmousedown='said = confirm(1)' onkeydown='said = confirm(2)'>"

    async def test_nobody_answers(self):
        tab = await self.shown(self.HTML)
        await tab.mouse.click(10, 10)
        self.assertIs(await tab.evaluate("said"), False)
        await tab.keyboard.press("a")

    async def test_a_subscriber_answers(self):
        """Input is done when the page has gone on."""
        tab = await self.shown(self.HTML)
        self.addCleanup(tab.dialogs.each(lambda dialog: dialog.accept()).dispose)
        await tab.mouse.click(10, 10)
        self.assertIs(await tab.evaluate("said"), True)
        await tab.keyboard.press("a")

    async def test_the_program_answers_next(self):
        """Where nobody else would answer, input is done when the dialog is there; more of it is refused meanwhile."""
        tab = await self.shown(self.HTML)
        for act in (lambda: tab.mouse.click(10, 10), lambda: tab.keyboard.press("a")):
            async with tab.dialogs.expect() as expected:
                await act()
            error = await self.fails(tab.keyboard.press("b"), DialogOpen)
            self.assertIn("accept() or dismiss()", str(error))
            await (await expected.value).accept()
            self.assertIs(await tab.evaluate("said"), True)

    async def test_both_at_once(self):
        tab = await self.shown(self.HTML)

        @returns_deferred
        async def answer() -> Any:
            async with tab.dialogs.expect() as expected:
                pass
            return await (await expected.value).dismiss()

        await gatherResults([answer(), tab.mouse.click(10, 10)])
        self.assertIs(await tab.evaluate("said"), False)
