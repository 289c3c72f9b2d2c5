"""Headers that programs give: what Chromium cannot send is refused, and what it can is not."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.web.http_headers import Headers

from txcdp import WebSocketOptions
from txcdp.network._client import _listed
from txcdp.network._fulfilment import given_headers, request_headers
from txcdp.network._headers import check_referer, checked_extra_headers, checked_headers
from txcdp.page._options import checked_options

HALF = "a\ud800b"


@pytest.mark.parametrize("value", ["", "a", " a ", "a\tb", "a\x01b", "\x7f", "\xe9"])
def test_what_is_sent(value: str) -> None:
    given = {"X-Token": value}
    assert checked_headers("headers", given) == checked_extra_headers("headers", given) == given
    assert given_headers(given) == [("x-token", value.strip())]
    assert _listed(given) == {"X-Token": [value]}


@pytest.mark.parametrize(
    ("header", "value", "kind", "says"),
    [
        (
            "X-Token",
            HALF,
            ValueError,
            r"the value of 'X-Token' contains half of a surrogate pair, '\\ud800', .*; leave",
        ),
        ("X-Token", "a\nb", ValueError, "the value of 'X-Token' cannot contain line breaks or NUL; percent-encode"),
        ("X-Token", "a\rb", ValueError, "line breaks or NUL"),
        ("X-Token", "a\0b", ValueError, "line breaks or NUL"),
        ("X-Token", None, TypeError, "'X-Token' and NoneType"),
        ("", "a", ValueError, "'' is not a valid header name; give one such as 'X-Token'"),
        ("X Token", "a", ValueError, "is not a valid header name"),
        ("X-Token:", "a", ValueError, "is not a valid header name"),
        ("X-Tok\xe9n", "a", ValueError, "is not a valid header name"),
        (HALF, "a", ValueError, "is not a valid header name"),
        (5, "a", TypeError, "name and value must be str"),
    ],
)
def test_what_cannot_be_sent(header: Any, value: Any, kind: type[Exception], says: str) -> None:
    given = {header: value}
    with pytest.raises(kind, match=says):
        checked_headers("headers", given)
    with pytest.raises(kind, match=f"^extra_http_headers: .*{says}"):
        checked_options({"extra_http_headers": given})
    with pytest.raises(kind, match=says):
        _listed(given)
    with pytest.raises(kind, match=says):
        _listed({header: ["a", value]})
    with pytest.raises(kind, match=says):
        WebSocketOptions(headers=given)


def test_bytes_and_headers_of_twisted_are_taken_for_our_own_requests() -> None:
    assert _listed({b"X-Token": b"\xff"}) == {b"X-Token": [b"\xff"]}
    assert _listed(Headers({"X-Token": ["a", "b"]})) == {b"X-Token": [b"a", b"b"]}
    assert _listed(None) == {}
    with pytest.raises(ValueError, match="line breaks"):
        _listed({b"X-Token": b"a\nb"})


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *((name, "a") for name in ("Host", "content-length", "TE", "Upgrade", "Trailer", "Transfer-Encoding")),
        *((name, "a") for name in ("Cookie2", "Keep-Alive", "Set-Cookie", "Proxy-Authorization", "proxy-x")),
        ("Connection", "Upgrade"),
    ],
)
def test_what_a_browser_alone_says(header: str, value: str) -> None:
    """Chromium loads nothing with such an extra header, and continues no request with it."""
    with pytest.raises(ValueError, match=f"extra_http_headers: only the browser sets '{header}'"):
        checked_options({"extra_http_headers": {header: value}})
    assert request_headers({header: value, "X-Token": "b"}) == {"x-token": "b"}
    assert (header.lower(), value) in given_headers({header: value})  # of a response


def test_what_others_may_say_too() -> None:
    for header, value in (("Connection", "Keep-Alive"), ("Connection", "close"), ("Cookie", "a=b"), ("Sec-X", "a")):
        assert checked_extra_headers("headers", {header: value}) == {header: value}
        assert request_headers({header: value}) == {header.lower(): value}


def test_letters_that_documents_alone_would_be_asked_with() -> None:
    """Chromium sends a question mark for each of them with what scripts ask for."""
    with pytest.raises(ValueError, match=r"the value of 'X-Token' contains '\\u65e5', .*; percent-encode it"):
        checked_options({"extra_http_headers": {"X-Token": "\u65e5"}})
    with pytest.raises(ValueError, match=r"user_agent contains '\\u65e5'"):
        checked_options({"user_agent": "\u65e5"})
    assert given_headers({"X-Token": "\u65e5"}) == [("x-token", "\u65e5")]  # in UTF-8


@pytest.mark.parametrize("referer", ["", "http://a.test", "HTTPS://a.test/b?c#d"])
def test_referers(referer: str) -> None:
    check_referer("referer", referer)
    assert checked_extra_headers("headers", {"Referer": referer}) == {"Referer": referer}


@pytest.mark.parametrize("referer", ["a.test", "/a", "ftp://a.test/", "about:blank", "http://"])
def test_what_is_no_referer(referer: str) -> None:
    with pytest.raises(ValueError, match=r"referer=.* the browser sends only the URL of a page; give one such as"):
        check_referer("referer", referer)
    with pytest.raises(ValueError, match=r"headers\['Referer'\]=.* the URL of a page"):
        checked_extra_headers("headers", {"Referer": referer})
