"""Locators in a real browser: what they find, in documents, shadow trees and frames, and what they read there."""

# ruff: noqa: E501  (documents are easier to read in one piece)

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.python.filepath import FilePath

from tests.browser.support import SharedBrowserTestCase
from txcdp import expect
from txcdp.errors import (
    ActionTimeout,
    DialogOpen,
    EvaluationError,
    LocatorError,
    NavigationError,
    SelectorError,
    StrictModeViolation,
)
from txcdp.page import Dialog, Locator, Page, selectors

#: What a page may do to its builtins before anybody looks at it.
SPOILED = """<script>
    for (const of of [Array, Map, Set, String]) for (const key of Object.getOwnPropertyNames(of.prototype)) {
        if (typeof of.prototype[key] === 'function' && key !== 'constructor') of.prototype[key] = () => { throw new Error('spoiled') };
    }
    Document.prototype.querySelectorAll = Element.prototype.querySelectorAll = () => [];
    Element.prototype.getAttribute = Element.prototype.getBoundingClientRect = () => null;
    JSON.parse = JSON.stringify = Promise = MutationObserver = getComputedStyle = undefined;
</script>"""


class LocatorTestCase(SharedBrowserTestCase):
    """Base of those that look at a document."""

    __test__ = False

    async def shown(self, html: str) -> Page:
        tab = await self.page()
        await tab.set_content(html)
        return tab

    async def ids(self, locator: Locator) -> str:
        """Return the ids of all that a locator stands for, in order."""
        found: list[str] = await locator.evaluate_all("all => all.map(each => each.id)")
        return " ".join(found)

    async def check(self, tab: Page, expected: dict[str, str]) -> None:
        """Compare what selectors stand for."""
        found = {selector: await self.ids(tab.locator(selector)) for selector in expected}
        self.assertEqual(found, expected)


class SelectorTests(LocatorTestCase):
    """What a selector stands for."""

    __test__ = True

    async def test_css(self):
        tab = await self.shown(
            "<section id=s class='a b'><p id=p1>One</p><p id=p2 title='x y'>Two <b id=b>bold</b></p>"
            "<p id=p3 hidden>three</p></section><p id='a:b'>colon</p>"
        )
        await self.check(
            tab,
            {
                "p": "p1 p2 p3 a:b",
                "section p >> b": "b",
                "css=.a.b > p:nth-child(2)": "p2",
                "#a\\:b": "a:b",
                "p + p": "p2 p3",
                "p ~ [hidden]": "p3",
                "p[title='x y'], #p1": "p1 p2",
                "p:not([title])": "p1 p3 a:b",
                "p:not(section p)": "a:b",
                "p:has(b)": "p2",
                "p:has(> b)": "p2",
                "p:has(+ p[hidden])": "p2",
                "section:has(p:text('one'))": "s",
                "section:has(:scope > p + #p2)": "s",
                "p:has(:scope + #p3)": "p2",
                "#p2 >> p + :scope": "p2",
                "#p3 >> #p1 ~ :scope": "p3",
                "#p1 >> p ~ :scope": "",
                "p:is(#p1, #p3)": "p1 p3",
                "p:visible": "p1 p2 a:b",
                "p:has-text('two bold')": "p2",
                "p:text('TWO')": "p2",
                "p:text-is('One')": "p1",
                "p:text-is('one')": "",
                "p:text-matches('^t', 'i')": "p2 p3",
                ":nth-match(p, 2)": "p2",
                ":nth-match(p:visible, 3)": "a:b",
                "section >> > p >> nth=-1": "p3",
                "section >> :scope > b": "",
                "section >> :scope": "s",
                "p:not(:has-text('o'))": "p3",
                "p:where(:text('colon'), :text('three'))": "p3 a:b",
            },
        )

    async def test_text(self):
        tab = await self.shown(
            "<div id=d>Hello  <b id=b>big\n world</b></div><p id=p>hello</p><input type=submit id=i value='Say hello'>"
            '<script>// hello</script><button id=q>say "it"</button><p id=z>Hel\u200blo</p>'
        )
        await self.check(
            tab,
            {
                "text=hello": "d p i z",
                "text='hello'": "p",
                "text= 'hello'": "",
                '"hello"': "p",
                "text=/^HELLO$/i": "p",
                "text=big world": "b",
                "text=Hello big": "d",
                "text=/w.rld/ >> xpath=..": "d",
                'text=say "it"': "q",
                "*css=div >> text=world": "d",
            },
        )
        self.assertEqual(await self.ids(tab.get_by_text("hello", exact=True)), "p")
        self.assertEqual(await self.ids(tab.get_by_text("Hello big world", exact=True)), "d")
        self.assertEqual(await self.ids(tab.get_by_text(re.compile("BIG", re.IGNORECASE))), "b")
        self.assertEqual(await self.ids(tab.get_by_text(re.compile(r"\A(?P<h>h)ello\Z"))), "p")

    async def test_other_engines(self):
        tab = await self.shown(
            "<div id=d data-testid=t1 data-test=t2><a id=a>link</a><a id=b style='display: none'>hidden</a></div>"
            "<h2 id=h>Head</h2><button id=k aria-pressed=mixed disabled>Toggle</button>"
        )
        await self.check(
            tab,
            {
                "//div/a": "a b",
                "xpath=//a[2]": "b",
                "(//a)[1]": "a",
                "a >> ../..": "",
                "a >> nth=0 >> ..": "d",
                "id=h": "h",
                "data-testid=t1": "d",
                "data-test=t2": "d",
                "a >> visible=true": "a",
                "a >> visible=false": "b",
                "role=heading[level=2]": "h",
                "role=HEADING[level='2']": "h",
                "role=heading[name='head']": "",
                "role=heading[name='head' i]": "h",
                "role=heading[name=/^H/]": "h",
                "role=heading[name=' Head\n ']": "h",
                "role=button[pressed=mixed][disabled]": "k",
                "role=button[name*=ogg]": "k",
            },
        )

    async def test_open_shadow_roots_are_gone_through(self):
        tab = await self.shown(
            "<x-host id=h><i id=light>light</i></x-host><script>"
            "const root = h.attachShadow({mode: 'open'});"
            "root.innerHTML = '<section id=s><b id=b data-testid=t>deep text</b><y-host id=y></y-host><slot></slot></section>';"
            "root.querySelector('#y').attachShadow({mode: 'open'}).innerHTML = '<u id=u title=T>deeper</u>';"
            "</script><p id=p>after</p>"
        )
        await self.check(
            tab,
            {
                "b": "b",
                "#h b": "b",
                "#h > section > b": "b",
                "section u": "u",
                "x-host u, p": "u p",
                "css:light=b": "",
                "text=deep": "b u",
                "i": "light",
                "#h >> u": "u",
                "x-host:has(u)": "h",
                "*:has(> u)": "y",
                "section:not(:has(p))": "s",
                "data-testid=t": "b",
                "//b": "",
            },
        )
        self.assertEqual(await self.ids(tab.get_by_title("t")), "u")
        self.assertEqual(await tab.locator("x-host u").inner_text(), "deeper")
        either = tab.locator("p").or_(tab.locator("u, b, y-host, section")).or_(tab.locator("i, x-host, p"))
        self.assertEqual(await self.ids(either), "h light s b y u p")

    async def test_what_is_malformed_says_what_is_wrong(self):
        tab = await self.shown("")
        for selector, said in {
            "div[": 'the "[" at 4 is not closed',
            "div >> ": "it has an empty part",
            "!!": "the browser does not know it",
            "p:has-text(x)": ":has-text takes one string, in quotes",
            ":nth-match(p)": ":nth-match needs selectors and a number from 1 on",
            "foo=bar": 'unknown engine "foo"',
            "role=buton": 'unknown role "buton"',
            "role=button[colour=red]": 'roles have no attribute "colour"',
            "role=checkbox[checked=perhaps]": "[checked] is true or false or mixed",
            "role=button[level=2]": "only these roles can be asked for it: heading, listitem, row, treeitem",
            "role=heading[pressed]": "only these roles can be asked for it: button",
            "nth=x": "nth= needs a whole number",
            "//[": "",
            "text=/(/": "Invalid regular expression",
            "p >": "it ends where something is expected",
        }.items():
            error = await self.fails(tab.locator(selector).count(), SelectorError)
            self.assertIn("is not a valid selector", str(error))
            self.assertIn(said, str(error))
            await self.fails(tab.text_content(selector), SelectorError)

    async def test_engines_of_the_program(self):
        tab = await self.shown("<p id=a class=x></p><p id=b class=x></p>")
        await self.fails(tab.locator("klass=x").count(), SelectorError)
        selectors.register("klass", "{queryAll: (root, name) => [...root.getElementsByClassName(name)]};")
        selectors.register("one", "() => ({query: (root, id) => root.querySelector('#' + id)})")
        self.addCleanup(selectors._engines.clear)
        selectors.register("back", "{queryAll: root => [...root.querySelectorAll('p')].reverse()}")
        selectors.register("apart", "{queryAll: () => [Object.assign(document.createElement('u'), {id: 'u'})]}")
        await self.check(tab, {"klass=x": "a b", "body >> one=b": "b", "back=": "b a", "apart=": "u"})
        await tab.goto(self.server.page("/", "<i id=c class=x>"))
        await self.check(tab, {"klass=x": "c"})
        self.assertRaises(SelectorError, selectors.register, "klass", "{}")
        self.assertRaises(SelectorError, selectors.register, "css", "{}")
        self.assertRaises(SelectorError, selectors.register, "a b", "{}")
        self.assertRaises(TypeError, selectors.register, "c")
        for name, script, said in (
            ("nested", "{queryAll: root => [[document.body]]}", "has returned no element, but [object Array]"),
            ("word", "{query: () => 'p'}", "has returned no element, but [object String]"),
            ("nothing", "{queryAll: () => null}", "has returned no list, but [object Null]"),
            ("bad", "{}", "neither query nor queryAll"),
        ):
            selectors.register(name, script)
            self.assertIn(said, str(await self.fails(tab.locator(f"{name}=x").count(), SelectorError)))
            self.assertIn(said, str(await self.fails(tab.query_selector(f"{name}=x"), SelectorError)))

    async def test_another_attribute_of_test_ids(self):
        tab = await self.shown("<p id=a data-testid=x></p><p id=b data-pw=x></p><p id=c data-pw=xy></p>")
        self.assertEqual(await self.ids(tab.get_by_test_id("x")), "a")
        self.addCleanup(selectors.set_test_id_attribute, "data-testid")
        selectors.set_test_id_attribute("data-pw")
        self.assertEqual(await self.ids(tab.get_by_test_id("x")), "b")
        self.assertEqual(await self.ids(tab.get_by_test_id(re.compile("x"))), "b c")


class LocatorTests(LocatorTestCase):
    """What locators are made of."""

    __test__ = True

    async def test_what_a_person_sees(self):
        tab = await self.shown(
            "<label id=l>Name <input id=n></label><input id=e aria-label='E-mail' placeholder='you@example.com'>"
            "<span id=w>Words</span><input id=x aria-labelledby='w'><img id=i alt='A Cat' title='Its title'>"
            "<button id=k>Save all</button><button id=m aria-hidden=true>Save</button><h3 id=h>Head</h3>"
            "<input type=checkbox id=c checked><label for=c>Yes</label>"
        )
        found = {
            "n": tab.get_by_label("name"),
            "e": tab.get_by_label("E-mail", exact=True),
            "x": tab.get_by_label(re.compile("^Words")),
            "k": tab.get_by_role("button", name="save"),
            "k m": tab.get_by_role("button", name="save", include_hidden=True),
            "m": tab.get_by_role("button", name="Save", exact=True, include_hidden=True),
            "h": tab.get_by_role("heading", level=3),
            "c": tab.get_by_role("checkbox", checked=True, name="Yes"),
            "i": tab.get_by_alt_text("cat").and_(tab.get_by_title("its TITLE")),
        }
        self.assertEqual({key: await self.ids(each) for key, each in found.items()}, {key: key for key in found})
        self.assertEqual(await self.ids(tab.get_by_placeholder("YOU@")), "e")
        self.assertEqual(await tab.get_by_placeholder("YOU@", exact=True).count(), 0)

    async def test_they_are_filtered_and_combined(self):
        tab = await self.shown(
            "<ul><li id=a>Apple <b id=a1>red</b></li><li id=b>Banana</li><li id=c hidden>Cherry <b id=c1>red</b></li></ul>"
            "<table><tr id=r1><td id=t1>1<td id=t2>2<tr id=r2><td id=t3>3<td id=t4>4</table>"
        )
        li = tab.locator("li")
        cases: list[tuple[Locator, str]] = [
            (li.filter(has_text="apple"), "a"),
            (li.filter(has_not_text=re.compile("an+a")), "a c"),
            (li.filter(has=tab.locator("b")), "a c"),
            (li.filter(has=tab.locator("b"), visible=True), "a"),
            (tab.locator("li", has_not=tab.get_by_text("red")), "b"),
            (li.visible, "a b"),
            (li.first, "a"),
            (li.last, "c"),
            (li.nth(1), "b"),
            (li.nth(-2), "b"),
            (li.nth(7), ""),
            (li.locator("b"), "a1 c1"),
            (tab.locator("ul").locator(li.nth(1)), "b"),
            (tab.locator("b").or_(li.nth(1)), "a1 b c1"),
            (tab.locator("b").and_(tab.get_by_text("red")).last, "c1"),
            (tab.locator("td").nth(1), "t2"),
            (tab.locator("td").nth(1).within(tab.locator("tr")), "t2 t4"),
            (tab.locator("tr").locator("td").nth(1), "t2"),
            (tab.locator("tr").locator("td").first.locator("..").locator("td").last, "t2"),
        ]
        self.assertEqual([await self.ids(each) for each, _ in cases], [expected for _, expected in cases])
        self.assertEqual([await each.get_attribute("id") for each in await li.all()], ["a", "b", "c"])
        self.assertEqual(await tab.locator("none").all(), [])

    async def test_their_words(self):
        tab = await self.shown("<p>x</p>")
        one = tab.get_by_role("row", name=re.compile("x"), checked=True).locator("td", has_text="y").nth(1)
        words = "get_by_role('row', name=re.compile('x'), checked=True).locator('td').filter(has_text='y').nth(1)"
        self.assertEqual(str(one), words)
        self.assertEqual(
            str(tab.frame_locator("#f").first.get_by_text("a")), "frame_locator('#f').first.get_by_text('a')"
        )
        self.assertEqual(str(tab.locator("#f").content_frame.locator("b")), "locator('#f').content_frame.locator('b')")
        described = one.describe("the second cell")
        self.assertEqual((str(described), described.description), ("the second cell", "the second cell"))
        self.assertIsNone(one.description)
        self.assertIs(one.page, tab)
        self.assertEqual(str(await tab.locator("p").normalize()), 'get_by_text("x")')
        self.assertEqual(await (await tab.locator("p").normalize()).count(), 1)

    async def test_what_goes_into_others_is_of_the_same_frame(self):
        tab = await self.shown("<iframe srcdoc='<p>'></iframe>")
        p, inner = tab.locator("p"), tab.frames[1].locator("p")
        for wrong in (inner, tab.frame_locator("iframe").locator("p")):
            self.assertRaises(ValueError, p.filter, has=wrong)
            self.assertRaises(ValueError, p.and_, wrong)
            self.assertRaises(ValueError, wrong.within, p)
            self.assertRaises(ValueError, tab.locator, wrong)
        other = tab.frame_locator("#other").locator("p")
        self.assertRaises(ValueError, tab.frame_locator("iframe").locator("p").or_, other)
        self.assertRaises(TypeError, tab.locator, 5)
        self.assertRaises(TypeError, p.filter, has="b")
        self.assertRaises(TypeError, tab.get_by_text, 5)

    async def test_one_is_strict(self):
        tab = await self.shown(
            "<p id=one>first</p><p>second</p><p>second</p><input data-testid=t><input placeholder=P>"
        )
        error = await self.fails(tab.locator("p").text_content(), StrictModeViolation)
        self.assertEqual(error.count, 3)
        self.assertEqual(
            str(error),
            "strict mode violation: locator('p') resolved to 3 elements:\n"
            '    1) <p id="one">first</p> aka get_by_text("first")\n'
            '    2) <p>second</p> aka get_by_text("second").first\n'
            '    3) <p>second</p> aka get_by_text("second").nth(1)',
        )
        error = await self.fails(tab.locator("input").is_visible(), StrictModeViolation)
        self.assertEqual(
            [each["aka"] for each in error.elements], ['get_by_test_id("t")', 'get_by_role("textbox", name="P")']
        )
        self.assertEqual(await tab.text_content("p"), "first")
        await self.fails(tab.text_content("p", strict=True), StrictModeViolation)

    async def test_a_suggestion_does_not_look_through_a_large_document_for_each_element(self):
        tab = await self.shown("<main id=all></main>")
        await tab.evaluate("all.innerHTML = Array.from({ length: 30000 }, (_, i) => `<p>text ${i}</p>`).join('')")
        error = await self.fails(tab.locator("p").text_content(), StrictModeViolation)
        self.assertEqual(error.count, 30000)
        known = [each["aka"] for each in error.elements]
        self.assertEqual(known[0], 'get_by_text("text 0")')
        self.assertEqual(known[-1], 'locator("p").nth(9)')
        self.assertEqual(await tab.locator("p").nth(9).inner_text(), "text 9")

    async def test_the_deadline_says_what_was_waited_for(self):
        tab = await self.shown("<p hidden>x</p>")
        none = tab.locator("#none")
        self.assertEqual(await none.count(), 0)
        words = ["locator('#none').text_content: not within ", " s; no element is there"]
        waiting = (
            self.late(ActionTimeout, none.text_content, words=words),
            self.late(ActionTimeout, tab.locator("p").wait_for, words=["it is not visible: <p hidden>x</p>"]),
        )
        await gatherResults([Deferred.fromCoroutine(each) for each in waiting], consumeErrors=True)
        tab.set_default_timeout(0.1)
        self.assertIn("not within 0.1 s", str(await self.fails(tab.locator("p").wait_for(), ActionTimeout)))

    async def test_what_is_cancelled_leaves_nothing_in_the_page(self):
        tab = await self.shown("<p>")
        waiting = tab.locator("#none").text_content()
        await tab.locator("p").count()  # the script is there, and the page waits
        waiting.cancel()
        await self.fails(waiting, CancelledError)
        world = tab.main_frame._world(tab.session)
        script = await world.script(tab.main_frame_id, "")
        self.assertTrue(script)

        async def waits() -> Any:
            return await tab.main_frame._world(tab.session).read("txcdp.pending()", tab.main_frame_id)

        while await waits():
            await tab.wait_for_timeout(0.01)
        self.assertEqual(await waits(), 0)

    async def test_a_page_that_spoils_its_builtins(self):
        tab = await self.page()
        body = (
            "<form id=f><input name=children><input name=getAttribute><input name=parentNode id=c></form><b id=b>x</b>"
        )
        await tab.goto(self.server.page("/", SPOILED + body))
        self.assertEqual(await tab.locator("form input").count(), 3)
        self.assertEqual(await tab.get_by_role("textbox").count(), 3)
        self.assertEqual(await tab.locator("form").get_attribute("id"), "f")
        self.assertEqual(await tab.get_by_text("x").text_content(), "x")
        self.assertTrue(await tab.locator("#c").is_visible())
        self.assertEqual(await tab.locator("form:has(#c) >> css=#c >> ..").get_attribute("id"), "f")
        self.assertEqual(await tab.locator("form, #b").evaluate_all("([form, b]) => [form === f, b.id]"), [True, "b"])
        waiting = tab.locator("#late").text_content()
        await tab.evaluate(
            "void setTimeout(() => { document.body.append(Object.assign(document.createElement('i'), {id: 'late', textContent: 'now'})) }, 10)"
        )
        self.assertEqual(await waiting, "now")

    async def test_a_dialog_is_open(self):
        tab = await self.shown("<p>x</p>")
        locator = tab.locator("p")
        dialogs: list[Dialog] = []
        tab.dialogs.subscribe(dialogs.append)
        async with tab.dialogs.expect():
            await tab.evaluate("void setTimeout(() => alert('stop'))")
        error = await self.fails(locator.count(), DialogOpen)
        self.assertIn("locator('p').count()", str(error))
        for what, looking in (
            ("query_selector", tab.query_selector("p")),
            ("element_handles", tab.query_selector_all("p")),
            ("evaluate_all", locator.evaluate_all("all => all.length")),
        ):
            self.assertIn(f"locator('p').{what}()", str(await self.fails(looking, DialogOpen)))
        reading = locator.text_content()  # this waits
        await dialogs[0].accept()
        self.assertEqual(await reading, "x")
        self.assertEqual(await locator.count(), 1)

    async def test_without_javascript(self):
        context = await self.context(java_script_enabled=False)
        tab = await context.new_page()
        await tab.goto(self.server.page("/", "<p id=a>x</p><p id=b>y</p><iframe srcdoc='<b>in'></iframe>"))
        self.assertEqual(await tab.locator("#b").text_content(), "y")
        self.assertEqual(await tab.locator("p").evaluate_all("all => all.map(each => each.id)"), ["a", "b"])
        self.assertEqual(await tab.frame_locator("iframe").locator("b").text_content(), "in")
        waiting = tab.locator("#c").text_content()
        await tab.goto(self.server.page("/next", "<p id=c>next"))
        self.assertEqual(await waiting, "next")


class ReadingTests(LocatorTestCase):
    """What is read of elements."""

    __test__ = True

    async def test_texts_and_values(self):
        tab = await self.shown(
            "<p id=p title=T>a <b style='display: none'>b</b> c</p><svg id=g><text>t</text></svg><label>L<input id=i value=v></label>"
            "<select id=s><option>1<option value=two selected>2</select><textarea id=t>text</textarea><div id=d></div>"
        )
        p = tab.locator("#p")
        self.assertEqual(await p.text_content(), "a b c")
        self.assertEqual(await p.inner_text(), "a c")
        self.assertIn("<b style", await p.inner_html())
        self.assertEqual(await p.get_attribute("title"), "T")
        self.assertIsNone(await p.get_attribute("none"))
        self.assertEqual(await tab.locator("#d").text_content(), "")
        self.assertIn("is not an HTMLElement", str(await self.fails(tab.locator("#g").inner_text(), LocatorError)))
        values = [await tab.locator(each).input_value() for each in ("#i", "label", "#s", "#t")]
        self.assertEqual(values, ["v", "v", "two", "text"])
        self.assertIn("is not an <input>", str(await self.fails(p.input_value(), LocatorError)))
        self.assertEqual(await tab.locator("#p, #t").all_text_contents(), ["a b c", "text"])
        self.assertEqual(await tab.locator("#p, #g").all_inner_texts(), ["a c", "t"])
        self.assertEqual(await tab.locator("none").all_inner_texts(), [])
        self.assertEqual(
            [
                await tab.inner_text("#p"),
                await tab.inner_html("#t"),
                await tab.input_value("#i"),
                await tab.get_attribute("p", "id"),
            ],
            ["a c", "text", "v", "p"],
        )
        await tab.evaluate("p.textContent = 'lone \\ud800'")
        self.assertEqual(await p.text_content(), "lone \ud800")

    async def test_states(self):
        tab = await self.shown(
            "<fieldset disabled><button id=b>B</button></fieldset><input id=r readonly><input id=e><input type=checkbox id=c checked>"
            "<div id=x role=checkbox aria-checked=mixed>x</div><p id=o style='opacity: 0'>o</p><p id=z style='width: 0'></p>"
            "<p id=v style='visibility: hidden'>v</p><p id=n style='display: none'>n</p><details><p id=h>h</p></details>"
            "<p id=k style='display: contents'>k</p><div contenteditable id=d>d</div><label id=l><input type=radio checked>R</label>"
            "<input type=checkbox id=m checked><input type=checkbox id=w><script>m.indeterminate = w.indeterminate = true</script>"
        )

        async def those(method: str, *names: str) -> str:
            return " ".join([each for each in names if await getattr(tab.locator(f"#{each}"), method)()])

        self.assertEqual(await those("is_visible", *"boznvhk", "none"), "b o k")
        # Where nothing is waited for, a deadline that is too short for an answer is none.
        self.assertTrue(await tab.locator("#b").is_visible(timeout=0.001))
        self.assertFalse(await tab.is_hidden("#b", timeout=timedelta(milliseconds=1)))
        self.assertEqual(await those("is_hidden", *"boznvhk", "none"), "z n v h none")
        self.assertEqual(await those("is_enabled", *"breo"), "r e o")
        self.assertEqual(await those("is_disabled", *"breo"), "b")
        self.assertEqual(await those("is_editable", *"red"), "e d")
        self.assertEqual(await those("is_checked", *"cxlmw"), "c l m")
        self.assertIn("Not a checkbox", str(await self.fails(tab.locator("#e").is_checked(), LocatorError)))
        self.assertIn("Element is not an <input>", str(await self.fails(tab.locator("#o").is_editable(), LocatorError)))
        found = [
            await tab.is_visible("#b"),
            await tab.is_hidden("#n"),
            await tab.is_enabled("#e"),
            await tab.is_disabled("#b"),
            await tab.is_editable("#e"),
            await tab.is_checked("#c"),
        ]
        self.assertEqual(found, [True] * 6)

    async def test_waiting_for_a_state(self):
        tab = await self.shown("<p id=p hidden>x</p><b>")
        visible = tab.locator("#p").wait_for()
        await tab.evaluate("p.hidden = false")
        await visible
        hidden, detached = tab.locator("#p").wait_for(state="hidden"), tab.wait_for_selector("#p", state="detached")
        await tab.evaluate("p.remove()")
        await hidden
        self.assertIsNone(await detached)
        waiting = tab.wait_for_selector("b >> i", state="attached")
        await tab.evaluate("document.querySelector('b').innerHTML = '<i id=i>'")
        handle = await waiting
        assert handle is not None
        self.assertEqual(await handle.get_attribute("id"), "i")
        await self.fails(tab.locator("b").wait_for(state="gone"), ValueError)  # type: ignore[arg-type]
        changing = tab.locator("i").wait_for_function("(each, wanted) => each.className === wanted", arg="done")
        await tab.evaluate("i.outerHTML = '<i id=i class=done>'")
        await changing
        await self.fails(tab.locator("i").wait_for_function("each => each.none.none"), EvaluationError)

    async def test_evaluating(self):
        tab = await self.shown(
            "<p id=a>1</p><p id=b>2</p><x-y id=h></x-y><script>known = 5; h.attachShadow({mode: 'open'}).innerHTML = '<i id=s>'</script>"
        )
        a = tab.locator("#a")
        self.assertEqual(await a.evaluate("(each, arg) => [each.id, arg, known]", {"x": 1}), ["a", {"x": 1}, 5])
        handle = await a.evaluate_handle("each => each.parentNode")
        self.assertEqual(await handle.evaluate("each => each.tagName"), "BODY")
        self.assertEqual(await self.ids(tab.locator("p, i")), "a b s")
        self.assertEqual(await tab.locator("none").evaluate_all("all => [Array.isArray(all), all.length]"), [True, 0])
        self.assertEqual(
            [await each.get_attribute("id") for each in await tab.locator("p").element_handles()], ["a", "b"]
        )
        self.assertEqual(await (await a.element_handle()).text_content(), "1")
        await self.fails(a.evaluate("each => { throw new Error('x') }"), EvaluationError)
        self.assertEqual(await tab.eval_on_selector("p", "(each, arg) => each.id + arg", "!"), "a!")
        self.assertEqual(await tab.eval_on_selector_all("p", "all => all.length"), 2)
        await self.fails(tab.eval_on_selector("none", "each => each"), LocatorError)
        one = await tab.query_selector("text=2")
        assert one is not None
        self.assertEqual(await one.get_attribute("id"), "b")
        self.assertIsNone(await tab.query_selector("none"))
        self.assertEqual(len(await tab.query_selector_all("p >> visible=true")), 2)

    async def test_events_and_the_focus(self):
        tab = await self.shown(
            "<input id=i><button id=b>B</button><script>told = [];"
            "for (const type of ['click', 'keydown', 'drop', 'focus', 'blur', 'mine', 'touchstart']) document.addEventListener(type, event => told.push("
            "[type, event.constructor.name, event.bubbles, event.key ?? event.dataTransfer?.getData('text') ?? event.touches?.[0].clientX ?? null]), true)</script>"
        )
        i, b = tab.locator("#i"), tab.locator("#b")
        await i.focus()
        self.assertEqual(await tab.evaluate("document.activeElement.id"), "i")
        await i.blur()
        await tab.focus("#b")
        await b.dispatch_event("click")
        await i.dispatch_event("keydown", {"key": "x", "bubbles": False})
        data = await tab.evaluate_handle(
            "() => { const data = new DataTransfer(); data.setData('text', 'dropped'); return data }"
        )
        await tab.dispatch_event("button", "drop", {"dataTransfer": data})
        await b.dispatch_event("mine")
        await b.dispatch_event("touchstart", {"touches": [{"clientX": 3}]})
        told = [
            ["focus", "FocusEvent", False, None],
            ["blur", "FocusEvent", False, None],
            ["focus", "FocusEvent", False, None],
            ["click", "MouseEvent", True, None],
            ["keydown", "KeyboardEvent", False, "x"],
            ["drop", "DragEvent", True, "dropped"],
            ["mine", "Event", True, None],
            ["touchstart", "TouchEvent", True, 3],
        ]
        self.assertEqual(await tab.evaluate("told"), [[*each] for each in told])

    async def test_boxes_scrolling_and_pictures(self):
        tab = await self.shown(
            "<p id=p style='position: absolute; left: 10px; top: 20px; width: 30px; height: 40px; margin: 0; background: red'></p>"
            "<p id=n hidden></p><p id=far style='position: absolute; top: 5000px'>far</p>"
            "<div style='height: 9000px'></div><div id=empty></div>"
        )
        self.assertEqual(await tab.locator("#p").bounding_box(), {"x": 10, "y": 20, "width": 30, "height": 40})
        self.assertIsNone(await tab.locator("#n").bounding_box())
        await tab.locator("#far").scroll_into_view_if_needed()
        self.assertGreater(await tab.evaluate("scrollY"), 1000)
        await tab.locator("#empty").scroll_into_view_if_needed()
        self.assertGreater(await tab.evaluate("scrollY"), 5000)
        scrolling = tab.locator("#n").scroll_into_view_if_needed()
        await tab.evaluate("scrollTo(0, 0); n.hidden = false")
        await scrolling
        await tab.evaluate("n.hidden = true")
        path = self.mktemp() + ".png"
        picture = await tab.locator("#p").screenshot(path, mask=[tab.locator("#p")])
        self.assertEqual(FilePath(path).getContent(), picture)
        self.assertEqual(int.from_bytes(picture[16:20]), 30)
        self.assertNotEqual(await tab.locator("#p").screenshot(), picture)
        self.assertTrue(await tab.screenshot(mask=[tab.locator("p")]))


class FrameTests(LocatorTestCase):
    """Locators that go into frames of the page's process."""

    __test__ = True
    host = "127.0.0.1"

    async def framed(self) -> Page:
        """Show a page with a frame, and one in that."""
        tab = await self.page()
        deep = self.server.page("/deep", "<title>deep</title><b id=b>deep</b>")
        box = "position: absolute; left: 10px; top: 20px; width: 30px; height: 40px; margin: 0"
        body = f"<title>inside</title><p id=p style='{box}'>text</p><iframe id=g src='{deep}'></iframe>"
        self.server.page("/inside", body)
        style = "position: absolute; left: 100px; top: 200px; border: 3px solid; padding: 0"
        inside = self.server.url("/inside", self.host)
        await tab.goto(self.server.page("/", f"<iframe id=f src='{inside}' style='{style}'></iframe><p>outside</p>"))
        return tab

    async def test_they_are_gone_into(self):
        tab = await self.framed()
        inside = tab.frame_locator("#f")
        self.assertEqual(await inside.locator("p").text_content(), "text")
        self.assertEqual(await tab.locator("#f").content_frame.get_by_text("TEXT").text_content(), "text")
        self.assertEqual(await inside.locator("p, iframe").count(), 2)
        self.assertEqual(await inside.owner.get_attribute("id"), "f")
        self.assertEqual(
            await inside.frame_locator("#g").locator("b").evaluate("b => [b.id, document.title]"), ["b", "deep"]
        )
        self.assertEqual(await inside.frame_locator("iframe").first.locator("b").all_text_contents(), ["deep"])
        self.assertEqual(await tab.frames[1].locator("p").inner_text(), "text")
        self.assertEqual(await self.ids(inside.locator("p, iframe")), "p g")
        self.assertEqual(await inside.locator("p").bounding_box(), {"x": 113, "y": 223, "width": 30, "height": 40})
        self.assertEqual([str(each) for each in await inside.locator("p").element_handles()], ["p#p"])

    async def test_they_are_combined_within_one(self):
        tab = await self.framed()
        inside = tab.frame_locator("#f")
        p, both, deep = inside.locator("p"), inside.locator("p, iframe"), inside.frame_locator("#g")
        for found, expected in (
            (inside.locator("#g").or_(p), "p g"),
            (both.and_(p), "p"),
            (inside.locator("html").filter(has=p).locator("p"), "p"),
            (inside.locator("body").locator(p), "p"),
            (inside.locator("html").filter(has_not=inside.locator("u")).locator("p"), "p"),
            (both.nth(1).within(inside.locator("body")), "g"),
            (tab.locator("p, iframe").last.within(inside.locator("body")), "g"),
            (deep.locator("b").or_(deep.locator("u")), "b"),
        ):
            self.assertEqual(await self.ids(found), expected, found)

    async def test_what_is_in_a_hidden_frame_is_hidden(self):
        tab = await self.framed()
        frames = tab.frame_locator("#f"), tab.frame_locator("#f").frame_locator("#g")
        b, field = frames[1].locator("b"), frames[1].locator("input")
        await b.evaluate("b => void b.after(document.createElement('input'))")
        called: list[str] = []
        for number, style, is_visible in (
            (0, "visibility: hidden", False),
            (1, "visibility: hidden", False),
            (0, "width: 0; padding: 0; border: 0", False),
            (0, "width: 0; border: 1px solid", True),
            (0, "opacity: 0", True),
        ):
            owner = frames[number].owner
            styled = await owner.get_attribute("style") or ""
            await owner.evaluate("(frame, style) => frame.style.cssText += style", ";" + style)
            self.assertIs(await b.is_visible(), is_visible, style)
            await b.wait_for(state="visible" if is_visible else "hidden")
            await (expect(b).to_be_visible() if is_visible else expect(b).to_be_hidden())
            self.assertEqual(await b.filter(visible=True).count(), 1)  # this looks at the document alone
            if not is_visible:
                filling = field.fill(style)
                async with await tab.add_locator_handler(b, lambda: called.append("handler")):
                    await tab.locator("p").last.hover()
                self.assertEqual((await field.input_value(), called), ("", []))
                await owner.evaluate("(frame, style) => frame.style.cssText = style", styled)
                await filling
                await field.fill("")
        waiting_for = b.wait_for(state="hidden")
        await frames[0].owner.evaluate("frame => frame.style.visibility = 'hidden'")
        await waiting_for

    async def test_what_is_no_frame(self):
        tab = await self.framed()
        error = await self.fails(tab.frame_locator("p").locator("b").count(), LocatorError)
        self.assertIn("locator('p'): ", str(error))
        self.assertIn("is not a frame: expected an <iframe>", str(error))
        await tab.evaluate("document.body.append(document.createElement('iframe'))")
        error = await self.fails(tab.locator("body").frame_locator("iframe").locator("b").click(), StrictModeViolation)
        self.assertIn("locator('body').frame_locator('iframe') resolved to 2 elements", str(error))
        missing = tab.frame_locator("#none").locator("b")
        self.assertEqual(await missing.count(), 0)
        self.assertFalse(await missing.is_visible())
        self.assertEqual(await missing.all_text_contents(), [])
        await missing.wait_for(state="detached")
        words = ["there is no element that shows the frame: frame_locator('#none')"]
        await self.late(ActionTimeout, missing.text_content, words=words)

    async def test_they_navigate_meanwhile(self):
        tab = await self.framed()
        waiting = tab.frame_locator("#f").locator("#new").text_content()
        self.server.page("/new", "<i id=new>new</i>")
        (frame,) = tab.main_frame.child_frames
        for host in ("localhost", "127.0.0.1", self.host):
            await tab.evaluate("url => { f.src = url }", self.server.url("/inside?" + host, host))
            await frame.wait_for_url(f"**/inside?{host}")
            await tab.frame_locator("#f").locator("p").wait_for(state="attached")
        await tab.evaluate("url => { f.src = url }", self.server.url("/new", "localhost"))
        await frame.wait_for_url("**/new")
        self.assertEqual(await waiting, "new")

    async def test_they_are_replaced(self):
        tab = await self.framed()
        waiting = tab.frame_locator("#f").locator("#x").text_content()
        base = tab.frames[1].locator("#x").text_content()
        await tab.evaluate("void f.remove()")
        await self.fails(base, NavigationError)
        await tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<iframe id=f srcdoc=\"<i id=x>x\">')")
        self.assertEqual(await waiting, "x")

    async def test_the_page_navigates_meanwhile(self):
        tab = await self.framed()
        waiting = tab.locator("#next").text_content()
        await tab.goto(self.server.page("/one", "<p>one"))
        await tab.goto(self.server.page("/two", "<p>two").replace("127.0.0.1", "localhost"))
        await tab.goto(self.server.page("/three", "<p id=next>three"))
        self.assertEqual(await waiting, "three")


class OtherProcessTests(FrameTests):
    """The same for a frame of another process."""

    host = "localhost"
