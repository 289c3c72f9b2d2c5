"""Roles, names and snapshots in a real browser, beside what the browser itself tells assistive technologies."""

from __future__ import annotations

from typing import Any

from tests.browser.support import SharedBrowserTestCase
from txcdp.errors import ActionTimeout, StrictModeViolation


class Snapshots(SharedBrowserTestCase):
    """``aria_snapshot``."""

    async def snapshot(self, html: str, selector: str = "body", **options: Any) -> list[str]:
        tab = await self.page()
        await tab.set_content(html)
        return (await tab.locator(selector).aria_snapshot(**options)).splitlines()

    async def test_roles_names_and_texts(self):
        found = await self.snapshot(
            "<h1>Title: <b>bold</b></h1><p>Some text <a href=/x?y=1>link</a> after.</p><div>plain <i>text</i></div>"
            "<ul aria-label='The list'><li>one<li><button>two</button> and more</ul>"
        )
        self.assertEqual(
            found,
            [
                "- 'heading \"Title: bold\" [level=1]'",
                "- paragraph:",
                "  - text: Some text",
                '  - link "link":',
                "    - /url: /x?y=1",
                "  - text: after.",
                "- text: plain text",
                '- list "The list":',
                "  - listitem: one",
                "  - listitem:",
                '    - button "two"',
                "    - text: and more",
            ],
        )

    async def test_states(self):
        found = await self.snapshot(
            "<button disabled>a</button><button aria-pressed=true>b</button>"
            "<button aria-pressed=mixed aria-expanded=true>c</button>"
            "<input type=checkbox checked aria-label=d><div role=checkbox aria-checked=mixed>e</div>"
            "<select aria-label=f><option>g<option selected>h</select><h3>i</h3><div role=treeitem aria-level=2>j</div>"
            "<input aria-label=k aria-invalid=true><fieldset disabled><button>l</button></fieldset>"
        )
        self.assertEqual(
            found,
            [
                '- button "a" [disabled]',
                '- button "b" [pressed]',
                '- button "c" [expanded] [pressed=mixed]',
                '- checkbox "d" [checked]',
                '- checkbox "e" [checked=mixed]',
                '- combobox "f":',
                '  - option "g"',
                '  - option "h" [selected]',
                '- heading "i" [level=3]',
                '- treeitem "j" [level=2]',
                '- textbox "k" [invalid]',
                "- group:",
                '  - button "l" [disabled]',
            ],
        )

    async def test_fields(self):
        found = await self.snapshot(
            "<input placeholder=ph><input placeholder=ph aria-label=a value=v><textarea aria-label=b>t</textarea>"
            "<input type=range aria-label=c value=4><input type=submit><input type=file aria-label=d>"
        )
        self.assertEqual(
            found,
            [
                '- textbox "ph"',
                '- textbox "a":',
                "  - /placeholder: ph",
                "  - text: v",
                '- textbox "b": t',
                '- slider "c": "4"',
                '- button "Submit"',
                '- button "d"',
            ],
        )

    async def test_what_is_hidden_is_not_there(self):
        found = await self.snapshot(
            "<p aria-hidden=true>a</p><p style='display:none'>b</p><div inert><button>c</button></div><details>"
            "<summary>d</summary>e</details>"
            "<p style='visibility:hidden'>f<b style='visibility:visible'>g</b></p><img alt='' src=x>"
            "<template><p>h</p></template>"
        )
        self.assertEqual(found, ["- group: d", "- text: g"])

    async def test_what_is_drawn_elsewhere(self):
        found = await self.snapshot(
            "<style>.q::before{content:'before '}</style><p class=q>text</p><div aria-owns=owned>owner </div>"
            "<span id=owned>owned</span><div id=host><b slot=s>slotted</b><i>nowhere</i></div><script>"
            "host.attachShadow({mode: 'open'}).innerHTML = '<p>in shadow, <slot name=s></slot></p>'</script>"
        )
        self.assertEqual(found, ["- paragraph: before text", "- text: owner owned", "- paragraph: in shadow, slotted"])

    async def test_depth_boxes_and_one_element(self):
        html = "<style>body{margin:0}</style><ul style='width:90px;height:40px;margin:0'><li>a<ul><li>b</ul></ul>"
        self.assertEqual(await self.snapshot(html, "ul >> nth=0", depth=1), ["- list:", "  - listitem"])
        self.assertEqual((await self.snapshot(html, "ul >> nth=0", boxes=True))[0], "- list [box=0,0,130,40]:")
        self.assertEqual(await self.snapshot("<p>x</p><b>z</b>", "b"), ["- text: z"])

    async def test_an_element_is_waited_for_and_is_one(self):
        tab = await self.page()
        await tab.set_content("<p>x</p><p>z</p>")
        await self.fails(tab.locator("p").aria_snapshot(), StrictModeViolation)
        await self.fails(tab.locator("b").aria_snapshot(timeout=0.1), ActionTimeout)
        self.assertEqual(await tab.aria_snapshot(), "- paragraph: x\n- paragraph: z")

    async def test_a_form_whose_fields_hide_its_properties(self):
        found = await self.snapshot(
            "<form aria-label=f><input name=children><input name=getAttribute><input name=localName><input name=title>"
            "<input name=parentElement><input name=shadowRoot><input name=checkVisibility></form>"
        )
        self.assertEqual(found, ['- form "f":', *["  - textbox"] * 7])
