"""Roles, names and snapshots in a real browser, beside what the browser itself tells assistive technologies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from tests.browser.support import SharedBrowserTestCase
from txcdp.domains import accessibility, dom
from txcdp.errors import ActionTimeout, StrictModeViolation
from txcdp.page import Locator, Page


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


#: Roles of WAI-ARIA as the browser calls them, where it has names of its own; others of its names are no such roles.
OWN_NAMES = {"image": "img", "MathMLMath": "math", "LayoutTable": "table"}
ROLES = frozenset(
    "alert alertdialog application article banner blockquote button caption cell checkbox code columnheader combobox "
    "complementary contentinfo definition deletion dialog document emphasis feed figure form grid gridcell group "
    "heading img insertion link list listbox listitem log main mark marquee math menu menubar menuitem "
    "menuitemcheckbox menuitemradio meter navigation note option paragraph progressbar radio radiogroup region row "
    "rowgroup rowheader scrollbar search searchbox separator slider spinbutton status strong subscript superscript "
    "switch tab table tablist tabpanel term textbox time timer toolbar tooltip tree treegrid treeitem".split()
)

#: Where we differ: the guide to assertions says in what.
DIFFERENT: Final = {
    "ai20 ai21 ai31": "dates, colours and times are text boxes",
    "afm1 afm4": "a form without a name is none",
    "aas1": "what stands aside in a section does so",
    "car1": "an area of an image that is seen is seen",
    "csv1": "an <svg> is an image",
    "ca23 ca24": "an element without a box that has nothing in it is hidden",
    "ce3 ce4": "options that are not displayed are hidden",
    "ccvb": "what is in a canvas is hidden",
    "ab5 co1": "no space is put where an image's text or what is owned meets other text",
    "ab19": "what is visible within what is hidden adds nothing",
    "ab20": "text counts as it is in the document",
    "cpl rn-term adt2 rn-math rn-row": "terms, paragraphs and mathematics have no name, rows that of their content",
    "ck20 add1 adt1": "what is there for its looks is, with what it owns",
    "rn-listitem rn-option rn-treeitem crti ali8": "what has lost its list is what it is",
    "rn-directory": "a directory is no list",
    "rr-slider rr-scrollbar rr-meter rr-spinbutton": "a value that no author has given is none",
    "rr-directory rr-form": "a form or directory adds nothing to a name",
}


class BesideTheBrowser(SharedBrowserTestCase):
    """``get_by_role`` on a large page, and ``Accessibility.queryAXTree``."""

    async def test_roles_and_names(self):
        tab = await self.page()
        await tab.set_content((Path(__file__).parent / "aria_page.html").read_text("utf-8"))
        said = await self.said_by_the_browser(tab)
        self.assertGreater(len(said), 300)
        different: dict[str, Any] = {}
        for role in sorted(ROLES):
            ours = set(await ids(tab.get_by_role(role)))
            theirs = {each for each, (its_role, _) in said.items() if its_role == role}
            different |= {each: (role, "role") for each in ours ^ theirs if each}
            for name in {said[each][1] for each in ours & theirs} - {""}:
                named = set(await ids(tab.get_by_role(role, name=name, exact=True)))
                others = {each for each in ours & theirs if said[each][1] == name} - named
                different |= dict.fromkeys(others, (role, name))
        known = {each for together in DIFFERENT for each in together.split()}
        self.assertEqual(different.keys() ^ known, set(), different)

    async def said_by_the_browser(self, tab: Page) -> dict[str, tuple[str, str]]:
        """Return roles and names by the ids of elements."""
        root = (await tab.session.execute(dom.get_document(depth=-1, pierce=True))).root
        nodes, waiting = {}, [root]
        while waiting:
            node = waiting.pop()
            attributes = node.attributes or []
            nodes[node.backend_node_id] = dict(zip(attributes[::2], attributes[1::2], strict=True)).get("id", "")
            waiting += node.children or []
            waiting += [each for each in node.shadow_roots or [] if each.shadow_root_type == "open"]
        query = accessibility.query_ax_tree(backend_node_id=root.backend_node_id)
        found: dict[str, tuple[str, str]] = {}
        for each in (await tab.session.execute(query)).nodes:
            role = str(each.role.value) if each.role else ""
            role, name = OWN_NAMES.get(role, role), each.name.value if each.name else ""
            element = nodes.get(each.backend_dom_node_id or 0)
            if element and not each.ignored and role in ROLES:
                found[element] = (role, " ".join(re.sub("[\u200b\u00ad]", "", str(name or "")).split()))
        return found


async def ids(locator: Locator) -> list[str]:
    found: list[str] = await locator.evaluate_all("found => found.map(each => each.id)")
    return found
