"""Lists of what is blocked match as Chromium does, and a long one costs what a short one does."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txcdp.network import _block_lists
from txcdp.network._block_lists import BlockList

PIECES = st.sampled_from(["*", "**", "/", ".", "a", "b", "ab", "a1", "%20", "?", "-", "://", "#", "\\", "h\u00e9"])
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(st.lists(TEXTS, max_size=6), st.lists(PIECES.filter(lambda each: "*" not in each), max_size=12).map("".join))
def test_it_matches_as_each_of_its_patterns_does(patterns: list[str], url: str) -> None:
    expected = any(re.search(".*".join(map(re.escape, each.split("*"))), url, re.DOTALL) for each in patterns)
    assert BlockList(patterns).matches(url) == expected


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [  # each was tried on Chromium
        ("x.png", "http://h/x.png?1", True),
        ("*x.png", "http://h/x.png?1", True),
        ("*X.PNG*", "http://h/x.png", False),
        ("*/a*b/*", "http://h/a1b/c", True),
        ("b/?q", "http://h/ab/?q", True),
        ("a?b", "http://h/a1b/c", False),
    ],
)
def test_as_chromium(pattern: str, url: str, matches: bool) -> None:
    assert BlockList([pattern]).matches(url) == matches


def test_few_of_many_patterns_are_tried() -> None:
    listed = BlockList([f"*://ads{number}.example/*" for number in range(5000)])
    with patch.object(_block_lists, "_has", wraps=_block_lists._has) as tried:
        assert not listed.matches("http://shop.example/ads/4000")
        assert listed.matches("http://ads4000.example/")
    assert tried.call_count == 1
