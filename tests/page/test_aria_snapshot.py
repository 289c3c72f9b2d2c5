"""Aria snapshots as text: what is written, and what is read."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txcdp.page._aria_snapshot import read_template, snapshot_text


def node(role: str, name: str = "", *children: Any, **properties: str) -> dict[str, Any]:
    return {"role": role, "name": name, "states": {}, "properties": properties, "children": list(children)}


class Writing(SynchronousTestCase):
    """``snapshot_text``."""

    def test_texts_that_yaml_would_read_otherwise_are_quoted(self):
        for text in (
            "a: b",
            "- a",
            "true",
            "No",
            "12",
            "1e5",
            "0x1f",
            "null",
            "a #b",
            "ends:",
            '"q"',
            "{a}",
            "*a",
            "[a]",
            "y",
            "~",
        ):
            self.assertEqual(snapshot_text([text]), f"- text: {yaml.safe_dump(text, default_style=chr(34)).strip()}")
        for text in ("a b", "1.5 and 2", "back\\slash", "/re/", "it's", "a:b", "==", "1.2.3", "2020-01-01"):
            self.assertEqual(snapshot_text([text]), f"- text: {text}")

    def test_keys(self):
        self.assertEqual(snapshot_text([node("button", "it's: x")]), "- 'button \"it''s: x\"'")
        self.assertEqual(snapshot_text([node("link", 'say "x"', url="#")]), '- link "say \\"x\\"":\n  - /url: "#"')

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
    def test_any_text_is_read_as_it_was_written(self, text: str):
        text = " ".join(text.split()) or "x"
        read = yaml.load(snapshot_text([text, node("button", text), node("p", "", text)]), yaml.BaseLoader)
        self.assertEqual(read[0]["text"], text)
        self.assertEqual(read[2]["p"], text)
        template = read_template(snapshot_text([node("button", text)]))
        self.assertEqual(
            template["children"][0]["name"], {"s": " ".join(text.replace("\u200b", "").replace("\u00ad", "").split())}
        )


class Reading(SynchronousTestCase):
    """``read_template``."""

    def test_what_there_is(self):
        template = read_template(
            """
            # the head
            - heading "A \\"title\\"" [level=2] [expanded]
            - link /x[^/]*y/:
              - /url: /^https/
              - text: some   text
            - list:
              - /children: deep-equal
              - listitem: /a+/
              - listitem
            """
        )
        self.assertEqual(
            template["children"],
            [
                {"role": "heading", "name": {"s": 'A "title"'}, "states": {"level": 2, "expanded": True}},
                {
                    "role": "link",
                    "name": {"re": "x[^/]*y", "flags": ""},
                    "properties": {"url": {"re": "^https", "flags": ""}},
                    "children": [{"text": {"s": "some text"}}],
                },
                {
                    "role": "list",
                    "mode": "deep-equal",
                    "children": [
                        {"role": "listitem", "children": [{"text": {"re": "a+", "flags": ""}}]},
                        {"role": "listitem"},
                    ],
                },
            ],
        )

    def test_an_error_says_what_is_wrong(self):
        for text, words in {
            "heading": "must be a list",
            "": "must be a list",
            "- heading [size=2]": r"unknown state \[size=2\]",
            "- heading [level]": r"unknown state \[level\]",
            "- checkbox [checked=perhaps]": "unknown state",
            '- heading "x': "expected a role",
            "- heading:": "or no colon",
            "- list:\n  - /children: some": "one of contain, equal, deep-equal",
            "- link:\n  - /href: x": "expected one of /children, /url and /placeholder",
            "- a: b: c": "line 1",
            "- buton": "role='buton': unknown role; did you mean 'button'",
            "- - heading": "a role or a text",
            "- text:\n  - a": "expected a text",
        }.items():
            with self.subTest(text):
                self.assertRaisesRegex(ValueError, words, read_template, text)
