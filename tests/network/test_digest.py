"""Digest authentication: the examples of the standard, and what Twisted's own server takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twisted.cred.credentials import DigestCredentialFactory

from txcdp.network._digest import Challenge, challenges, digest_answer
from txcdp.network._interception import Credentials

MUFASA = Credentials("Mufasa", "Circle of Life")
ASKED = (
    'realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def params(answer: str | None) -> dict[str, str]:
    """Return what an answer says, by name."""
    assert answer is not None
    (found,) = challenges([answer])
    return found.params


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_standard(algorithm: str, response: str) -> None:
    (asked,) = challenges([f"Digest {ASKED.format(algorithm)}"])
    url = "http://www.example.org/dir/index.html"
    said = params(digest_answer(asked, MUFASA, "GET", url, CNONCE))
    assert said == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": asked.params["nonce"],
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": asked.params["opaque"],
    }


@pytest.mark.parametrize("algorithm", [b"md5", b"sha"])
def test_twisteds_server_takes_it_if_it_is_right(algorithm: bytes) -> None:
    factory = DigestCredentialFactory(algorithm, b'a "realm"')
    asked = factory.getChallenge("127.0.0.1")
    challenge = Challenge("digest", {name: value.decode() for name, value in asked.items() if isinstance(value, bytes)})
    for given, right in ((MUFASA, True), (Credentials("Mufasa", "circle"), False)):
        answer = digest_answer(challenge, given, "POST", "http://127.0.0.1/a?b=c")
        if algorithm == b"sha":  # no algorithm of the web
            assert answer is None
            continue
        assert answer is not None
        checked = factory.decode(answer.removeprefix("Digest ").encode(), b"POST", "127.0.0.1")
        assert checked.checkPassword(MUFASA.password.encode()) is right


def test_what_a_header_asks_for() -> None:
    assert challenges(['Basic realm="a, \\"b\\" = c", Digest nonce=1,qop="auth"', "Negotiate", "NTLM abc=="]) == [
        ("basic", {"realm": 'a, "b" = c'}),
        ("digest", {"nonce": "1", "qop": "auth"}),
        ("negotiate", {}),
        ("ntlm", {"abc": "="}),
    ]
    assert challenges(["", ", ,", 'realm="x"']) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"nonce": "1"}, {"username": "u", "realm": "", "nonce": "1", "uri": "/"}),
        ({"nonce": "1", "algorithm": "MD5-sess", "qop": "auth"}, {"algorithm": "MD5-sess", "qop": "auth"}),
        ({"nonce": "1", "qop": "auth-int"}, None),
        ({"nonce": "1", "algorithm": "MD4"}, None),
        ({"realm": "x"}, None),
    ],
)
def test_what_is_answered(said: dict[str, str], expected: dict[str, str] | None) -> None:
    answer = digest_answer(Challenge("digest", said), Credentials("u", "p"), "GET", "http://127.0.0.1")
    if expected is None:
        assert answer is None
    else:
        assert expected.items() <= params(answer).items()


@pytest.mark.parametrize(
    ("said", "name"),
    [({}, "username\\*=UTF-8''J%C3%A4son"), ({"userhash": "true"}, 'username="[0-9a-f]{32}", userhash=true')],
)
def test_names_that_are_not_english(said: dict[str, Any], name: str) -> None:
    answer = digest_answer(
        Challenge("digest", {"nonce": "1", "charset": "UTF-8", **said}),
        Credentials("J\u00e4son", "p"),
        "GET",
        "http://a/",
    )
    assert re.search(name, answer or "") is not None
