"""Which URLs a pattern means."""

from __future__ import annotations

import re
from typing import Any

import pytest

from txcdp._url_patterns import glob, resolved, url_matcher


@pytest.mark.parametrize(
    ("pattern", "url", "whether"),
    [
        ("https://a/b", "https://a/b", True),
        ("https://a/b", "https://a/bc", False),
        ("https://a/*", "https://a/b", True),
        ("https://a/*", "https://a/b/c", False),
        ("https://a/**", "https://a/b/c", True),
        ("**/c", "https://a/b/c", True),
        ("**/c", "https://a/b/xc", False),
        ("**c", "https://a/b/xc", True),
        ("https://a/**/c", "https://a/c", True),
        ("https://a/**/c", "https://a/b/b/c", True),
        ("https://a/**/c", "https://a/bc", False),
        ("**/*.{png,jpg}", "https://a/b.jpg", True),
        ("**/*.{png,jpg}", "https://a/b.gif", False),
        ("https://a/b?c", "https://a/b?c", True),
        ("https://a/b?c", "https://a/bxc", False),
        ("https://a/[b]", "https://a/[b]", True),
        ("https://a/[b]", "https://a/b", False),
        (r"https://a/\*", "https://a/*", True),
        (r"https://a/\*", "https://a/b", False),
        (r"https://a/\{x,y}", "https://a/{x,y}", True),
        ("https://a", "https://a/", True),
        ("https://a?b", "https://a/?b", True),
        ("https://a#b", "https://a/#b", True),
        ("https://*", "https://a", True),
        ("*://a/b", "https://a/b", True),
        ("about:blank", "about:blank", True),
        ("", "anything", True),
        ("a+b.c", "a+b.c", True),
        ("a+b.c", "aab.c", False),
    ],
)
def test_globs(pattern: str, url: str, whether: bool) -> None:
    assert url_matcher(pattern)(url) is whether


def test_expressions_are_searched_for_and_functions_asked() -> None:
    assert url_matcher(re.compile("b$"))("https://a/b")
    assert not url_matcher(re.compile("^b"))("https://a/b")
    assert url_matcher(lambda url: url.count("/"))("a/b") is True
    assert url_matcher(lambda _: None)("a/b") is False


@pytest.mark.parametrize("wrong", [1, None, b"https://a", ["https://a"]])
def test_what_is_no_pattern(wrong: Any) -> None:
    with pytest.raises(TypeError):
        url_matcher(wrong)


def test_a_brace_that_is_not_closed() -> None:
    with pytest.raises(ValueError, match="brace"):
        glob("https://a/{b")
    assert glob(r"https://a/\{b").search("https://a/{b")


def test_a_url_is_text() -> None:
    for base in (None, "http://a/"):
        assert resolved("http://x/", base) == "http://x/"
        with pytest.raises(TypeError, match="a URL is a str, such as"):
            resolved(5, base)  # type: ignore[arg-type]
