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
        ("https://*", "https://a/", True),
        ("https://*", "https://a/b", False),
        ("https://**", "https://a/b", True),
        ("HTTPS://A.Example/B", "https://a.example/B", True),
        ("https://a.example/B", "https://a.example/b", False),
        ("h*://a", "http://a/", True),
        ("{http,https}://A", "https://a/", True),
        ("https://*.Example?x", "https://a.example/?x", True),
        (r"https://a\?x", "https://a/?x", True),
        ("https://a:443/b", "https://a/b", True),
        ("http://a:80", "http://a/", True),
        ("http://a:443/b", "http://a:443/b", True),
        ("ws://a:80/b", "ws://a/b", True),
        ("https://müller.example/*", "https://xn--mller-kva.example/a", True),
        ("https://www.{müller,x}.example/*", "https://www.x.example/a", True),
        ("https://a/ü/b c", "https://a/%C3%BC/b%20c", True),
        ("**/ü", "https://a/%C3%BC", True),
        ("data:text/html,a b", "data:text/html,a b", True),
        ("https://\u2024.\u2024/", "https://a/", False),
        ("*://a/b", "https://a/b", True),
        ("about:blank", "about:blank", True),
        ("", "anything", True),
        ("a+b.c", "a+b.c", True),
        ("a+b.c", "aab.c", False),
    ],
)
@pytest.mark.filterwarnings("ignore:.* matches no URL")
def test_globs(pattern: str, url: str, whether: bool) -> None:
    assert url_matcher(pattern)(url) is whether


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/api/*", r"such as '\*\*/api/\*', or give the context a base_url"),
        ("../page", r"such as '\*\*/page'"),
        ("example.com", r"such as '\*://example.com'"),
        ("localhost:8080/*", r"such as '\*://localhost:8080/\*'"),
        ("*", "a slash"),
        ("*.png", "a slash"),
        ("*/api/**", "a slash"),
    ],
)
def test_what_no_url_matches_is_warned_of(pattern: str, words: str) -> None:
    with pytest.warns(UserWarning, match=words) as given:
        matches = url_matcher(pattern)
    assert given[0].filename == __file__
    assert not matches("https://example.com/api/a.png")


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "**",
        "**/x",
        "https://**",
        "http*://x/*",
        "{http,https}://x/",
        "*://x/",
        "*//x/",
        "about:*",
        "*blank",
        "http**",
    ],
)
def test_what_some_url_matches_is_not(pattern: str) -> None:
    url_matcher(pattern)


@pytest.mark.parametrize("pattern", ["/api/*", "api", "./api"])
def test_what_is_relative_to_a_url_is_not(pattern: str) -> None:
    url_matcher(pattern, "http://example.com/")


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
        with pytest.raises(TypeError, match="expected a str, such as"):
            resolved(5, base)  # type: ignore[arg-type]
