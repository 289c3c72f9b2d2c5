"""Expectations of a real browser's pages: what holds, what comes to hold, what fails and how."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from tests.browser.support import SharedBrowserTestCase
from txcdp import ExpectationFailed, expect
from txcdp.assertions import LocatorAssertions
from txcdp.errors import SelectorError
from txcdp.page import Page

#: Seconds for which what does not hold is tried.
BRIEFLY = 0.1


class Expecting(SharedBrowserTestCase):
    """Base: expects each thing both ways."""

    async def shown(self, html: str) -> Page:
        tab: Page = await self.page()
        await tab.set_content(html)
        return tab

    async def failing(self, expected: Callable[[float], Deferred[None]]) -> ExpectationFailed:
        """Return how it fails; a page that has not answered in so short a time is given a longer one."""
        seconds = BRIEFLY
        while True:
            error: ExpectationFailed = await self.fails(expected(seconds), ExpectationFailed)
            if "does not respond" not in str(error):
                return error
            seconds *= 3

    async def holds(self, subject: Any, what: str, *args: Any, **options: Any) -> None:
        """Expect it, and that its negation fails."""
        await getattr(expect(subject), what)(*args, **options)
        await self.refuted(subject, f"not_{what}", *args, **options)

    async def holds_not(self, subject: Any, what: str, *args: Any, **options: Any) -> ExpectationFailed:
        """Expect that it fails, and its negation not."""
        await getattr(expect(subject), f"not_{what}")(*args, **options)
        return await self.refuted(subject, what, *args, **options)

    async def refuted(self, subject: Any, what: str, *args: Any, **options: Any) -> ExpectationFailed:
        return await self.failing(lambda seconds: getattr(expect(subject, timeout=seconds), what)(*args, **options))


class States(Expecting):
    """What elements are."""

    async def test_attached_visible_hidden(self):
        tab = await self.shown("<p>seen</p><b style='display:none'>not seen</b><i></i>")
        await self.holds(tab.locator("p"), "to_be_attached")
        await self.holds(tab.locator("b"), "to_be_attached")
        await self.holds_not(tab.locator("u"), "to_be_attached")
        await self.holds(tab.locator("u"), "to_be_attached", attached=False)
        await self.holds(tab.locator("p"), "to_be_visible")
        for selector in ("b", "i", "u"):
            await self.holds_not(tab.locator(selector), "to_be_visible")
            await self.holds(tab.locator(selector), "to_be_hidden")
            await self.holds(tab.locator(selector), "to_be_visible", visible=False)

    async def test_checked(self):
        tab = await self.shown(
            "<input id=on type=checkbox checked><label>Text <input id=off type=radio></label>"
            "<div role=switch aria-checked=true></div>"
            "<input id=mixed type=checkbox><script>mixed.indeterminate = true</script>"
        )
        await self.holds(tab.locator("#on"), "to_be_checked")
        await self.holds(tab.get_by_role("switch"), "to_be_checked")
        await self.holds_not(tab.locator("#off"), "to_be_checked")
        await self.holds_not(tab.locator("label"), "to_be_checked")
        await self.holds(tab.locator("#off"), "to_be_checked", checked=False)
        await self.holds(tab.locator("#mixed"), "to_be_checked", indeterminate=True)
        error = await self.holds_not(tab.locator("#on"), "to_be_checked", indeterminate=True)
        self.assertEqual(error.received, "checked")
        await self.fails(expect(tab.locator("#on")).to_be_checked(checked=True, indeterminate=True), ValueError)
        error = await self.refuted(tab.locator("body"), "to_be_checked")
        self.assertIn("Not a checkbox or radio button", str(error))

    async def test_enabled_editable(self):
        tab = await self.shown(
            "<button>a</button><fieldset disabled><input id=off></fieldset><input id=ro readonly><input id=on>"
            "<div role=button aria-disabled=true>b</div><div contenteditable>c</div><p>d</p>"
        )
        await self.holds(tab.locator("button"), "to_be_enabled")
        await self.holds(tab.locator("#off"), "to_be_disabled")
        await self.holds(tab.locator("[aria-disabled]"), "to_be_disabled")
        await self.holds(tab.locator("#off"), "to_be_enabled", enabled=False)
        await self.holds(tab.locator("#on"), "to_be_editable")
        await self.holds(tab.locator("[contenteditable]"), "to_be_editable")
        self.assertEqual((await self.holds_not(tab.locator("#ro"), "to_be_editable")).received, "read-only")
        self.assertEqual((await self.holds_not(tab.locator("#off"), "to_be_editable")).received, "disabled")
        await self.holds(tab.locator("#off"), "to_be_editable", editable=False)
        error = await self.refuted(tab.locator("p"), "to_be_editable")
        self.assertIn("Element is not an <input>", str(error))

    async def test_empty_focused(self):
        tab = await self.shown("<input id=full value=x><input id=none><p> \n</p><div>text</div>")
        await self.holds_not(tab.locator("#full"), "to_be_empty")
        await self.holds(tab.locator("#none"), "to_be_empty")
        await self.holds(tab.locator("p"), "to_be_empty")
        await self.holds_not(tab.locator("div"), "to_be_empty")
        await self.holds_not(tab.locator("#full"), "to_be_focused")
        await tab.locator("#full").focus()
        await self.holds(tab.locator("#full"), "to_be_focused")

    async def test_in_viewport(self):
        tab = await self.shown("<div style='height:100vh;margin:-50vh 0 100vh'>half</div><p>below</p>")
        await self.holds(tab.locator("div"), "to_be_in_viewport")
        await self.holds(tab.locator("div"), "to_be_in_viewport", ratio=0.4)
        await self.holds_not(tab.locator("div"), "to_be_in_viewport", ratio=0.9)
        await self.holds_not(tab.locator("p"), "to_be_in_viewport")
        await self.holds_not(tab.locator("u"), "to_be_in_viewport")


class Values(Expecting):
    """What elements say."""

    async def test_text(self):
        tab = await self.shown("<p>  Some\n <b>text</b> <i style='display:none'>hidden</i></p>")
        p = tab.locator("p")
        await self.holds(p, "to_have_text", "Some text hidden")
        await self.holds(p, "to_have_text", "  Some   text\nhidden ")
        await self.holds_not(p, "to_have_text", "Some text")
        await self.holds(p, "to_have_text", "Some text", use_inner_text=True)
        await self.holds(p, "to_have_text", re.compile(r"te.t"))
        await self.holds_not(p, "to_have_text", re.compile(r"^Some"))  # the text as it is
        await self.holds(p, "to_have_text", "SOME TEXT HIDDEN", ignore_case=True)
        await self.holds(p, "to_have_text", re.compile("TEXT"), ignore_case=True)
        await self.holds_not(p, "to_have_text", re.compile("TEXT", re.IGNORECASE), ignore_case=False)
        await self.holds(p, "to_contain_text", "me tex")
        await self.holds_not(p, "to_contain_text", "other")
        await self.holds(p, "to_contain_text", "ME TEX", ignore_case=True)
        await self.holds_not(p, "to_contain_text", "hidden", use_inner_text=True)

    async def test_texts(self):
        tab = await self.shown("<ul><li>one<li>two<li>three</ul>")
        items = tab.locator("li")
        await self.holds(items, "to_have_text", ["one", re.compile("^tw"), "three"])
        await self.holds_not(items, "to_have_text", ["one", "two"])
        await self.holds_not(items, "to_have_text", ["one", "three", "two"])
        await self.holds_not(items, "to_have_text", ["one", "two", "thr"])
        await self.holds(items, "to_contain_text", ["on", "thr"])
        await self.holds_not(items, "to_contain_text", ["thr", "on"])
        await self.holds(tab.locator("u"), "to_have_text", [])
        await self.holds_not(items, "to_have_text", [])
        error = await self.holds_not(items, "to_have_text", ["one"])
        self.assertEqual(error.received, ["one", "two", "three"])

    async def test_classes(self):
        tab = await self.shown("<p class=' a  b c '>x</p><i class=d></i><i class='e f'></i>")
        p, both = tab.locator("p"), tab.locator("i")
        await self.holds(p, "to_have_class", " a  b c ")
        await self.holds_not(p, "to_have_class", "a b c")  # it is no text that is read
        await self.holds_not(p, "to_have_class", "a c b")
        await self.holds(p, "to_have_class", re.compile(r"\bb\b"))
        await self.holds(both, "to_have_class", ["d", "e f"])
        await self.holds_not(both, "to_have_class", ["d"])
        await self.holds(p, "to_contain_class", "c a")
        await self.holds_not(p, "to_contain_class", "a z")
        await self.holds(both, "to_contain_class", ["d", "f"])
        await self.holds_not(both, "to_contain_class", ["d", "f", "g"])
        with self.assertRaisesRegex(TypeError, "expected a str of classes"):
            await expect(p).to_contain_class(re.compile("a"))  # type: ignore[arg-type]

    async def test_attributes_ids_styles(self):
        tab = await self.shown(
            "<style>p::before{content:'b';color:rgb(1, 2, 3)}</style>"
            "<p id=it title=Tip hidden style='display:flex;--own: 3'>"
        )
        p = tab.locator("p")
        await self.holds(p, "to_have_attribute", "title", "Tip")
        await self.holds_not(p, "to_have_attribute", "title", "tip")
        await self.holds(p, "to_have_attribute", "title", "tip", ignore_case=True)
        await self.holds(p, "to_have_attribute", "title", re.compile("^T"))
        await self.holds(p, "to_have_attribute", "hidden")
        await self.holds(p, "to_have_attribute", "hidden", "")
        await self.holds_not(p, "to_have_attribute", "alt")
        await self.holds_not(p, "to_have_attribute", "alt", "")
        await self.holds(p, "to_have_id", "it")
        await self.holds(p, "to_have_id", re.compile("i."))
        await self.holds(p, "to_have_css", "display", "flex")
        await self.holds(p, "to_have_css", "display", re.compile("^fl"))
        await self.holds(p, "to_have_css", "--own", "3")
        await self.holds(p, "to_have_css", "color", "rgb(1, 2, 3)", pseudo="before")
        await self.holds_not(p, "to_have_css", "color", "rgb(1, 2, 3)")

    async def test_properties_of_the_pages_own(self):
        tab = await self.shown(
            "<p data-n=7></p><script>document.querySelector('p').own = {a: [1, true, null]}</script>"
        )
        p = tab.locator("p")
        await self.holds(p, "to_have_js_property", "own", {"a": [1, True, None]})
        await self.holds_not(p, "to_have_js_property", "own", {"a": [1, 1, None]})
        await self.holds(p, "to_have_js_property", "dataset.n", "7")
        await self.holds(p, "to_have_js_property", "nothing.there", None)
        await tab.evaluate("document.querySelector('p').none = NaN")
        await self.holds(p, "to_have_js_property", "none", float("nan"))
        await tab.evaluate("document.querySelector('p').day = new Date(1e12)")
        for there in (datetime.fromtimestamp(1e9, UTC), datetime.fromtimestamp(1e9, UTC).replace(tzinfo=None)):
            await self.holds(p, "to_have_js_property", "day", there)
        error = await self.holds_not(p, "to_have_js_property", "tagName", "B")
        self.assertEqual(error.received, "P")

    async def test_values(self):
        tab = await self.shown(
            "<input id=i><label>Name <input id=l value=v></label>"
            "<select id=s><option>a<option selected value=B>b</select>"
            "<select id=m multiple><option selected>x<option>y<option selected>z</select><p>no field</p>"
        )
        await self.holds(tab.locator("#i"), "to_have_value", "")
        await self.holds(tab.locator("label"), "to_have_value", "v")
        await self.holds_not(tab.locator("label"), "to_have_value", " v ")
        await self.holds(tab.locator("#s"), "to_have_value", "B")
        await self.holds(tab.locator("#s"), "to_have_value", re.compile("[A-C]"))
        await self.holds(tab.locator("#m"), "to_have_values", ["x", re.compile("z")])
        await self.holds_not(tab.locator("#m"), "to_have_values", ["x"])
        self.assertIn("<p>no field</p>", str(await self.refuted(tab.locator("p"), "to_have_value", "x")))
        self.assertIn("no <select multiple>", str(await self.refuted(tab.locator("#s"), "to_have_values", ["B"])))

    async def test_count(self):
        tab = await self.shown("<li><li><li>")
        await self.holds(tab.locator("li"), "to_have_count", 3)
        await self.holds(tab.locator("u"), "to_have_count", 0)
        error = await self.holds_not(tab.locator("li"), "to_have_count", 2)
        self.assertEqual((error.expected, error.received), (2, 3))

    async def test_for_assistive_technologies(self):
        tab = await self.shown(
            "<button aria-describedby=d>Save  it</button><span id=d>to the disk</span><div>x</div>"
            "<input aria-invalid=true aria-errormessage=e><span id=e>is wrong</span><input id=ok aria-errormessage=e>"
        )
        button, field = tab.locator("button"), tab.locator("input").first
        await self.holds(button, "to_have_role", "button")
        await self.holds_not(button, "to_have_role", "link")
        await self.holds(tab.locator("div"), "to_have_role", "generic")
        for negated in ("", "not_"):
            await self.fails(getattr(expect(button), f"{negated}to_have_role")("buton"), ValueError)
        await self.holds(button, "to_have_accessible_name", "Save it")
        await self.holds_not(button, "to_have_accessible_name", "Save")
        await self.holds(button, "to_have_accessible_name", re.compile("save", re.IGNORECASE))
        await self.holds(button, "to_have_accessible_name", "SAVE IT", ignore_case=True)
        await self.holds(button, "to_have_accessible_description", "to the disk")
        await self.holds(field, "to_have_accessible_error_message", "is wrong")
        await self.holds(tab.locator("#ok"), "to_have_accessible_error_message", "")

    async def test_aria_snapshots(self):
        tab = await self.shown("<h1>Title</h1><ul><li>a<li>b<li><a href=/x>c</a></ul><button disabled>d</button>")
        body = tab.locator("body")
        for snapshot in (
            '- heading "Title" [level=1]',
            "- heading /T.*e/\n- button",
            "- list:\n  - listitem: a\n  - listitem",
            '- listitem:\n  - link "c":\n    - /url: /x$/',
            "- list:\n  - /children: equal\n  - listitem: a\n  - listitem: /b/\n  - listitem",
            "- button [disabled]",
            await body.aria_snapshot(),
        ):
            await self.holds(body, "to_match_aria_snapshot", snapshot)
        for snapshot in (
            '- heading "Titl"',
            "- heading [level=2]",
            "- button\n- heading",
            "- button [disabled=false]",
            "- list:\n  - /children: equal\n  - listitem: a",
            "- list:\n  - /children: deep-equal\n  - listitem: a\n  - listitem: b\n  - listitem",
            "- listitem:\n  - link:\n    - /url: /y",
        ):
            await self.holds_not(body, "to_match_aria_snapshot", snapshot)
        await self.holds(tab, "to_match_aria_snapshot", "- heading")
        await self.fails(expect(body).to_match_aria_snapshot("heading"), ValueError)
        self.assertIn("no regular expression", str(await self.refuted(body, "to_match_aria_snapshot", "- list /(/")))
        error = await self.refuted(tab.locator("ul"), "to_match_aria_snapshot", "- list:\n  - listitem: z")
        self.assertEqual(error.received.splitlines()[:2], ["- list:", "  - listitem: a"])


class Pages(Expecting):
    """What pages and responses are."""

    async def test_titles(self):
        tab = await self.shown("<title> The  title </title>")
        await self.holds(tab, "to_have_title", "The title")
        await self.holds(tab, "to_have_title", re.compile("^The"))
        error = await self.holds_not(tab, "to_have_title", "the title")
        self.assertIn("the page was expected to have the title", str(error))

    async def test_urls(self):
        tab = await self.page()
        url = self.server.page("/Path/to", "<script>setTimeout(() => history.pushState(0, '', '/later'), 50)</script>")
        await tab.goto(url)
        await expect(tab).to_have_url("**/later")
        await self.holds(tab, "to_have_url", self.server.url("/later"))
        await self.holds(tab, "to_have_url", re.compile("later$"))
        await self.holds(tab, "to_have_url", lambda each: each.endswith("later"))
        await self.holds(tab, "to_have_url", "**/LATER", ignore_case=True)
        error = await self.holds_not(tab, "to_have_url", self.server.url("/other"))
        self.assertEqual(error.received, self.server.url("/later"))

    async def test_responses(self):
        tab = await self.page()
        good = await tab.goto(self.server.page("/good", "x"))
        bad = await tab.goto(self.server.page("/bad", "x", status=404))
        assert good is not None
        assert bad is not None
        await expect(good).to_be_ok()
        await expect(bad).not_to_be_ok()
        await self.fails(expect(good).not_to_be_ok(), ExpectationFailed)
        self.assertIn("404", str(await self.fails(expect(bad).to_be_ok(), ExpectationFailed)))


class Trying(Expecting):
    """How they are tried, and how they fail."""

    async def test_what_comes_to_hold(self):
        tab = await self.shown("<p>before</p>")
        expected = expect(tab.locator("p")).to_have_text("after")
        await tab.evaluate("document.querySelector('p').textContent = 'after'")
        await expected

    async def test_what_no_mutation_tells_of(self):
        tab = await self.shown("<input>")
        expected = expect(tab.locator("input")).to_have_value("typed")
        await tab.evaluate("document.querySelector('input').value = 'typed'")
        await expected

    async def test_a_navigation_in_the_middle(self):
        tab = await self.page()
        await tab.goto(self.server.page("/one", "<h1>one</h1>"))
        expected = expect(tab.locator("h1")).to_have_text("two")
        await tab.goto(self.server.page("/two", "<h1>two</h1>"))
        await expected

    async def test_in_frames(self):
        tab = await self.shown("<iframe srcdoc='<p>inside</p>'></iframe>")
        await self.holds(tab.frame_locator("iframe").locator("p"), "to_have_text", "inside")
        # What is in a frame that is not there is not there.
        nothing = tab.frame_locator("#none").locator("p")
        for name in ("to_be_hidden", "not_to_be_visible", "not_to_be_attached", "not_to_be_in_viewport"):
            with self.subTest(name):
                await getattr(expect(nothing), name)()
        await expect(nothing).to_have_count(0)
        await expect(nothing).not_to_have_count(1)
        await expect(nothing).to_have_text([])
        await expect(nothing).to_have_class([])
        await self.refuted(nothing, "not_to_have_text", "x")
        await self.refuted(nothing, "to_have_count", 1)
        await self.refuted(nothing, "to_be_disabled")

    async def test_an_error_shows_what_came(self):
        tab = await self.shown("<h1 class=big>title</h1>")
        headline = tab.locator("h1")
        error = await self.failing(
            lambda seconds: expect(headline, "the headline").to_have_text("other", timeout=seconds)
        )
        shown, _, seconds = str(error).rpartition("\n")
        self.assertRegex(seconds, r"^    tried for [\d.]+ s$")
        self.assertEqual(
            shown,
            "the headline\n"
            "    locator('h1') was expected to have text\n"
            "    expected: 'other'\n"
            "    received: 'title'\n"
            '    element: <h1 class="big">title</h1>',
        )
        self.assertEqual((error.expected, error.received), ("other", "title"))
        self.assertIsInstance(error, AssertionError)

    async def test_an_error_says_that_nothing_was_there(self):
        tab = await self.shown("")
        for what in ("to_have_text", "not_to_have_text"):
            error = await self.refuted(tab.locator("u"), what, "x")
            self.assertIn("received nothing: no element is there", str(error))
            self.assertIsNone(error.received)

    async def test_several_elements_where_one_is_meant(self):
        tab = await self.shown("<p>a</p><p>b</p>")
        error = await self.fails(expect(tab.locator("p")).to_have_text("a"), ExpectationFailed)
        self.assertIn("resolved to 2 elements", str(error))
        await self.fails(expect(tab.locator("p[")).to_have_text("a"), SelectorError)

    async def test_softly(self):
        """Failures are collected, and nothing else is."""
        tab = await self.shown("<p>a</p>")
        response = await tab.goto(self.server.page("/missing", "<p>a</p>", status=404))
        assert response is not None
        p = tab.locator("p")
        with expect.collecting() as failures:
            await expect.soft(p).to_have_text("a")
            await expect.soft(p, "first", timeout=BRIEFLY).to_have_text("b")
            await expect.soft(p, timeout=BRIEFLY).not_to_have_text("a")
            await expect.soft(tab, timeout=BRIEFLY).not_to_have_url(re.compile("missing"))
            await expect.soft(response).to_be_ok()
            await expect.soft(response).not_to_be_ok()
            await self.fails(expect.soft(tab.locator("p[")).to_have_text("a"), SelectorError)
            await self.fails(expect(p).to_have_text("b", timeout=BRIEFLY), ExpectationFailed)
            with expect.collecting() as inner:
                await expect.soft(p, timeout=BRIEFLY).to_have_id("x")
        self.assertEqual([str(each).split("\n")[0] for each in inner], ["locator('p') was expected to have the id"])
        self.assertEqual(len(failures), 4)
        self.assertTrue(str(failures[0]).startswith("first\n"))
        with self.assertRaisesRegex(RuntimeError, "expect.collecting"):
            expect.soft(p)

    async def test_it_can_be_cancelled(self):
        tab = await self.shown("<p>a</p>")
        waiting = expect(tab.locator("p"), timeout=None).to_have_text("b")
        await tab.evaluate("1")
        waiting.cancel()
        await self.fails(waiting, CancelledError)
        await expect(tab.locator("p")).to_have_text("a")

    async def test_it_looks_once_however_soon_the_deadline_is(self):
        tab = await self.shown("<p>a</p><input checked type=checkbox>")
        soon = 1e-6
        await expect(tab.locator("p")).to_have_text("a", timeout=soon)
        await expect(tab.locator("input")).to_be_checked(timeout=soon)
        await expect(tab.locator("u")).to_be_hidden(timeout=soon)
        await expect(tab.locator("p")).to_have_js_property("tagName", "P", timeout=soon)
        await expect(tab).to_have_url(tab.url, timeout=soon)
        await expect(tab).not_to_have_title("other", timeout=soon)
        for wrong in (
            expect(tab.locator("p")).to_have_text("b", timeout=soon),
            expect(tab.locator("u")).to_be_visible(timeout=soon),
            expect(tab.locator("p")).to_have_js_property("tagName", "B", timeout=soon),
            expect(tab).to_have_url("**/other", timeout=soon),
        ):
            await self.fails(wrong, ExpectationFailed)

    async def test_the_deadline_of_the_program(self):
        tab = await self.shown("<p>a</p>")
        expect.set_options(timeout=BRIEFLY)
        self.addCleanup(expect.set_options)
        error = await self.fails(expect(tab.locator("p")).to_have_text("b"), ExpectationFailed)
        self.assertIn("tried for 0.1 s", str(error))
        error = await self.fails(expect(tab.locator("p")).to_have_text("b", timeout=0.15), ExpectationFailed)
        self.assertIn("tried for 0.15 s", str(error))

    async def test_each_assertion_has_a_negation(self):
        methods = {each for each in dir(LocatorAssertions) if each.startswith("to_")}
        self.assertEqual(
            {f"not_{each}" for each in methods}, {e for e in dir(LocatorAssertions) if e.startswith("not_")}
        )
        self.assertEqual(len(methods), 26)
