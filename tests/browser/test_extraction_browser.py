"""Structures out of documents, and what changes in documents as streams."""

# ruff: noqa: E501  (documents are easier to read in one piece)

from __future__ import annotations

import itertools
from typing import Annotated, Any

import msgspec

from tests.browser.support import SharedBrowserTestCase
from txcdp import first
from txcdp.errors import LocatorError, SelectorError, StrictModeViolation
from txcdp.page import Mutation, Shape, css

SHOP = (
    "<h1> The\n title</h1><table><tr><td>a<td class=price>1.5<td><a href=/x>x</a><tr><td>b<td class=price>2</table>"
    "<iframe srcdoc='<h1>inner'></iframe>"
)


class Row(msgspec.Struct):
    name: Annotated[str, css("td")]
    price: Annotated[float, css(".price")]
    link: Annotated[str | None, css("a@href")] = None


class Shop(msgspec.Struct):
    title: Annotated[str, css("h1")]
    rows: Annotated[list[Row], css("tr")]
    prices: Annotated[list[float], css(".price")]
    found: Annotated[Row | None, css("tr.none")]
    inner: Row
    note: Annotated[str, css(".none")] = "nothing"
    apart: int = 5


class Wrong(msgspec.Struct):
    title: Annotated[int, css("h1")]


class Nowhere(msgspec.Struct):
    title: str


class ExtractionTests(SharedBrowserTestCase):
    async def test_a_mapping(self):
        tab = await self.page()
        await tab.set_content(SHOP)
        shape: dict[str, Shape] = {
            "title": "h1",
            "none": "b",
            "prices": [".price"],
            "links": ["a@href"],
            "rows": {"each": "tr", "name": "td", "link": "a@href", "all": "", "cells": ["td"]},
            "one": tab.get_by_text("b"),
            "texts": [tab.locator("td").filter(has_text="a")],
            "inside": {"title": "h1"},
        }
        expected = {
            "title": "The title",
            "none": None,
            "prices": ["1.5", "2"],
            "links": ["/x"],
            "rows": [
                {"name": "a", "link": "/x", "all": "a1.5x", "cells": ["a", "1.5", "x"]},
                {"name": "b", "link": None, "all": "b2", "cells": ["b", "2"]},
            ],
            "one": "b",
            "texts": ["a"],
            "inside": {"title": "The title"},
        }
        self.assertEqual(await tab.extract(shape), expected)
        outer, inner = await tab.extract({"title": "h1"}, frames=True)
        self.assertEqual((outer[0], inner[0]), tuple(tab.frames))
        self.assertEqual((outer[1], inner[1]), ({"title": "The title"}, {"title": "inner"}))
        self.assertEqual(await tab.frames[1].extract({"__proto__": "h1"}), {"__proto__": "inner"})

    async def test_a_struct(self):
        tab = await self.page()
        await tab.set_content(SHOP)
        rows = [Row("a", 1.5, "/x"), Row("b", 2.0)]
        self.assertEqual(await tab.extract(Shop), Shop("The title", rows, [1.5, 2.0], None, rows[0]))
        self.assertIn("$.title", str(await self.fails(tab.extract(Wrong), LocatorError)))

    async def test_what_is_no_shape(self):
        tab = await self.page()
        shapes: list[Any] = [5, {"a": 5}, {"a": []}, {"a": ["b", "c"]}, {"a": {"each": 5}}, int, Nowhere, "h1"]
        for each in shapes:
            await self.fails(tab.extract(each), TypeError)
        await self.fails(tab.extract({"a": "td["}), SelectorError)


class ChangeTests(SharedBrowserTestCase):
    """Each stream is waited for until it says what is expected: what comes before it is of the page's own pace."""

    async def test_texts_and_counts(self):
        tab = await self.page()
        await tab.set_content("<ul><li>a</ul>")
        li = tab.locator("li")
        texts: list[list[str]] = []
        counts: list[int] = []
        stream = li.texts()
        subscriptions = [stream.subscribe(texts.append), li.count_changes().subscribe(counts.append)]
        await first(stream, lambda found: found == ["a"])
        late: list[list[str]] = []
        subscriptions.append(stream.subscribe(late.append))
        self.assertEqual(late, [["a"]])  # what is so at present
        await tab.evaluate("document.querySelector('ul').innerHTML += '<li>b'")
        await first(stream, lambda found: found == ["a", "b"])
        await tab.goto(self.server.page("/", "<ul><li>c</ul>").replace("127.0.0.1", "localhost"))
        await first(stream, lambda found: found == ["c"])
        await first(li.count_changes(), lambda found: found == 1)
        self.assertEqual([texts[0], texts[-1]], [["a"], ["c"]])
        self.assertTrue(all(one != other for one, other in itertools.pairwise(texts)))
        self.assertEqual(counts[0], 1)
        for each in subscriptions:
            each.dispose()
        while await tab.main_frame._world(tab.session).read("txcdp.pending()", tab.main_frame_id):
            await tab.wait_for_timeout(0.01)

    async def test_a_stream_ends_with_its_page(self):
        tab = await self.page()
        ended: list[str] = []
        tab.locator("p").texts().subscribe(lambda _: None, on_completed=lambda: ended.append("texts"))
        tab.mutations("p").subscribe(lambda _: None, on_completed=lambda: ended.append("mutations"))
        await tab.locator("p").count()
        await tab.close()
        self.assertEqual(ended, ["texts", "mutations"])

    async def test_states(self):
        tab = await self.page()
        await tab.set_content("<input id=i value=x><div id=h></div><style media=print>#i { display: none }</style>")
        states = tab.locator("#i").states()
        self.assertTrue((await first(states)).visible)
        changes = {
            "i.value = 'y'": lambda state: state.value == "y",
            "i.focus()": lambda state: state.focused,
            "i.disabled = true": lambda state: not state.enabled,
            "document.querySelector('style').media = 'all'": lambda state: state.attached and not state.visible,
            "h.attachShadow({mode: 'open'}).append(i)": lambda state: state.attached and not state.focused,
            "h.shadowRoot.textContent = ''": lambda state: not state.attached,
        }
        for change, seen in changes.items():
            waiting = first(states, seen)
            await tab.evaluate(f"void ({change})")
            await waiting
        await tab.set_content("<p><p>")
        await self.fails(first(tab.locator("p").states()), StrictModeViolation)

    async def test_states_of_media(self):
        tab = await self.page()
        await tab.set_content("<p id=p>x</p><style>@media print { p { display: none } }</style>")
        waiting = first(tab.locator("p").states(), lambda state: not state.visible)
        await tab.emulate_media(media="print")
        self.assertFalse((await waiting).visible)

    async def test_mutations(self):
        tab = await self.page()
        await tab.set_content("<ul id=u><li id=l>a</ul><div id=d></div>")
        seen: list[Mutation] = []
        stream = tab.mutations("#u", old_values=True)
        subscription = stream.subscribe(seen.append)
        changes = [
            "l.title = 't'",
            "l.firstChild.data = 'b'",
            "u.insertAdjacentHTML('beforeend', '<li>c</li>')",
            "l.remove()",
        ]
        # The page observes from some time on.
        while not seen:
            await tab.evaluate("l.className += 'x'")
            await tab.wait_for_timeout(0.02)
        last = first(stream, lambda item: item.removed != [])
        await tab.evaluate("void (() => { l.className = ''; " + "; ".join(changes) + "; d.title = 'not mine' })()")
        await last
        found = [each for each in seen if each.attribute != "class"]
        self.assertEqual([each.type for each in found], ["attributes", "character_data", "child_list", "child_list"])
        self.assertEqual((found[0].attribute, found[0].value, found[0].old_value), ("title", "t", None))
        self.assertEqual((found[1].value, found[1].old_value), ("b", "a"))
        self.assertEqual(found[2].added, ["<li>c</li>"])
        self.assertIn('id="l"', found[3].removed[0])
        subscription.dispose()
        self.assertRaises(ValueError, tab.mutations, "p", child_list=False, attributes=False, character_data=False)
        self.assertRaises(TypeError, tab.mutations, "p", attribute_filter="class")
        await self.fails(first(tab.mutations("td[")), SelectorError)

    async def test_mutations_in_shadow_trees_and_in_what_comes(self):
        tab = await self.page()
        await tab.set_content("<div class=w id=a></div>")
        stream = tab.mutations(".w")
        seen: list[Mutation] = []
        subscription = stream.subscribe(seen.append)
        await tab.evaluate(
            "void (window.timer = setInterval(() => { a.title += 'x' }, 20), "
            "a.attachShadow({mode: 'open'}).innerHTML = '<i id=i>', setInterval(() => { a.shadowRoot.firstChild.lang += 'x' }, 20), "
            "document.body.insertAdjacentHTML('beforeend', '<p class=w id=b>'), setInterval(() => { b.dir += 'x' }, 20))"
        )
        await first(stream, lambda item: item.attribute == "title")
        await first(stream, lambda item: item.attribute == "lang")
        await first(stream, lambda item: item.attribute == "dir")
        subscription.dispose()
        self.assertLessEqual({"title", "lang", "dir"}, {each.attribute for each in seen})
