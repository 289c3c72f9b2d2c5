"""The gateway's authorizer: who is let in, and for what."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from unittest.mock import Mock

import pytest
from twisted.trial.unittest import SynchronousTestCase

from txcdp.gateway._http.authorizer import Authorizer
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.request_head import RequestHead, split_query
from txcdp.gateway._http.requests import Answer
from txcdp.gateway._http.routes import Route, Routes, plain_path
from txcdp.gateway._http.tokens import LOCAL, BadTokens, Tokens
from txcdp.gateway._routes import gateway_routes

CI = "0123456789abcdef-ci"
REPORTS = "0123456789abcdef-reports"
ROUTES = Routes(gateway_routes(Mock(), Mock(), Mock(), Mock()))


def tokens(path: Path) -> Tokens:
    digest = hashlib.sha256(REPORTS.encode()).hexdigest()
    path.write_text(f'[ci]\ntoken = "{CI}"\nclients = 2\n[reports]\nsha256 = "{digest}"\ncommands_per_second = 10\n')
    return Tokens(str(path))


@pytest.fixture
def guarded(tmp_path: Path) -> Authorizer:
    return Authorizer(
        ROUTES,
        ["cdp.example", "192.0.2.7", "[2001:db8::7]"],
        ["https://board.example"],
        tokens(tmp_path / "tokens.toml"),
    )


def answer(request: object) -> Answer:
    return Answer(b"")


def status(authorizer: Authorizer, **said: object) -> int:
    head = {"verb": "GET", "path": "/json/version", "hosts": ("127.0.0.1:9222",), "here": "10.1.2.3", **said}
    try:
        authorizer.authorize(RequestHead(**head))  # type: ignore[arg-type]
    except Refusal as refusal:
        return refusal.status
    return 200


HOSTS = {
    "127.0.0.1:9222": 200,
    "127.9.9.9": 200,
    "[::1]:9222": 200,
    "localhost": 200,
    "LocalHost.:80": 200,
    "app.localhost:9222": 200,
    "10.1.2.3:9222": 200,  # where it came in
    "192.0.2.7": 200,
    "[2001:db8::7]:1": 200,
    "CDP.example:443": 200,
    "cdp.example.": 200,
    "[::ffff:127.0.0.1]": 200,
    "10.1.2.4:9222": 403,
    "evil.example": 403,
    "cdp.example.evil.example": 403,
    "localhost.evil.example": 403,
    "127.0.0.1.evil.example": 403,
    "notlocalhost": 403,
    "0x7f.1": 403,
    "2130706433": 403,
    "": 400,
    "a b": 400,
    "127.0.0.1:port": 400,
    "user@127.0.0.1": 400,
    "127.0.0.1/x": 400,
}

ORIGINS: dict[str | None, int] = {
    None: 200,
    "https://board.example": 200,
    "HTTPS://BOARD.example": 200,
    "own": 200,
    "null": 403,
    "": 403,
    "http://evil.example": 403,
    "http://board.example": 403,
    "https://board.example:8443": 403,
    "https://board.example.evil.example": 403,
    "http://localhost:1": 403,
    "devtools://devtools": 403,
    "file://": 403,
}

TOKENS: dict[str | None, int] = {CI: 200, REPORTS: 200, None: 401, "": 401, CI[:-1]: 401, CI + "x": 401, "\udcff": 401}

VERBS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "get")
PATHS = {
    **{f"{each.path}ID" if each.path.endswith("/") else each.path: each.verbs for each in ROUTES},
    "/json/version/": ("GET", "HEAD"),
    "/json/activate": None,
    "/json/close/": None,
    "/devtools/page": None,
    "/devtools/page/ID/x": None,
    "/json/nope": None,
    "/": None,
    "//json/version": None,
    "/json/%76ersion": None,
    "/JSON/version": None,
}


def test_the_table(guarded: Authorizer) -> None:
    """Host x Origin x token x verb x path: the first that objects decides."""
    count = 0
    for (host, host_status), (origin, origin_status), (token, token_status) in itertools.product(
        HOSTS.items(), ORIGINS.items(), TOKENS.items()
    ):
        origins = () if origin is None else (f"http://{host}" if origin == "own" else origin,)
        for path, verbs in PATHS.items():
            for verb in VERBS if host_status == origin_status == token_status == 200 else ("GET", "PUT"):
                free = path in ("/healthz", "/readyz")
                place = 404 if verbs is None else 200 if verb in verbs else 405
                steps = (host_status, origin_status, 200 if free else token_status, place)
                wanted = next((each for each in steps if each != 200), 200)
                said = {"hosts": (host,), "origins": origins, "token": token, "path": path, "verb": verb}
                assert status(guarded, **said) == wanted, said
                count += 1
    assert count > 50_000


def test_nothing_changes_state_by_get() -> None:
    changing = [each for each in ROUTES if each.path.startswith(("/json/new", "/json/close", "/json/activate"))]
    assert len(changing) == 3
    for each in changing:
        assert not {"GET", "HEAD", "OPTIONS"} & set(each.verbs)


class AuthorizerTests(SynchronousTestCase):
    def test_without_tokens_everybody_is_the_same(self):
        self.assertIs(Authorizer(ROUTES).authorize(RequestHead("GET", "/json", ("localhost",)))[0], LOCAL)
        head = RequestHead("GET", "/json", ("localhost",), token="whatever")
        self.assertIs(Authorizer(ROUTES).authorize(head)[0], LOCAL)

    def test_hosts_and_origins_twice(self):
        self.assertEqual(status(Authorizer(ROUTES), hosts=()), 400)
        self.assertEqual(status(Authorizer(ROUTES), hosts=("localhost", "localhost")), 400)
        own = "http://127.0.0.1:9222"
        self.assertEqual(status(Authorizer(ROUTES), origins=(own,)), 200)
        self.assertEqual(status(Authorizer(ROUTES), origins=(own, own)), 403)
        self.assertEqual(status(Authorizer(ROUTES), origins=(own,), secure=True), 403)
        self.assertEqual(status(Authorizer(ROUTES), origins=("https://127.0.0.1:9222",), secure=True), 200)

    def test_what_the_refusals_say(self):
        with self.assertRaises(Refusal) as caught:
            Authorizer(ROUTES).authorize(RequestHead("GET", "/json/new", ("localhost",)))
        self.assertEqual((caught.exception.status, caught.exception.headers), (405, {"Allow": "PUT, POST"}))
        self.assertIn("PUT or POST", str(caught.exception))
        authorizer = Authorizer(ROUTES, tokens=tokens(Path(self.mktemp())))
        for token, words in ((None, "A token is required"), ("secret-thing-that-is-wrong", "Unknown token")):
            with self.assertRaises(Refusal) as caught:
                authorizer.authorize(RequestHead("GET", "/json", ("localhost",), token=token))
            self.assertEqual(caught.exception.headers, {"WWW-Authenticate": 'Bearer realm="txcdp gateway"'})
            self.assertIn(words, caught.exception.reason)
            self.assertNotIn("secret-thing", repr(caught.exception))
        self.assertNotIn("hidden", repr(RequestHead("GET", "/", token="hidden")))

    def test_more_places(self):
        authorizer = self.of(None, Route("/pdf", ("POST",), answer), Route("/files/", ("GET",), answer))
        self.assertEqual(status(authorizer, path="/pdf", verb="POST"), 200)
        self.assertEqual(status(authorizer, path="/pdf"), 405)
        self.assertEqual(status(authorizer, path="/files/x"), 200)

    def of(self, known: Tokens | None, *routes: Route) -> Authorizer:
        return Authorizer(Routes([*ROUTES, *routes]), tokens=known)

    def test_a_page_at_the_root_is_not_everywhere(self):
        authorizer = self.of(tokens(Path(self.mktemp())), Route("/", ("GET",), answer, free=True))
        self.assertEqual([status(authorizer, path=each) for each in ("/", "/nowhere", "//")], [200, 401, 200])
        self.assertEqual(status(authorizer, path="/nowhere", token=CI), 404)

    def test_paths_and_queries(self):
        self.assertEqual([plain_path(each) for each in ("/", "/json/", "/json")], ["/", "/json", "/json"])
        self.assertEqual(split_query(""), ("", None))
        self.assertEqual(split_query("token=x"), ("", "x"))
        self.assertEqual(split_query("http://a/?b=c&token=x&d"), ("http://a/?b=c&d", "x"))
        self.assertEqual(split_query("a&token=x&token=y"), ("a&token=y", "x"))


class TokensTests(SynchronousTestCase):
    def setUp(self):
        self.path = Path(self.mktemp())

    def bad(self, text: str) -> str:
        self.path.write_text(text)
        return str(self.assertRaises(BadTokens, Tokens, str(self.path)))

    def test_find(self):
        known = tokens(self.path)
        ci, reports = known.find(CI), known.find(REPORTS)
        assert ci is not None
        assert reports is not None
        self.assertEqual((ci.name, ci.clients, ci.commands_per_second), ("ci", 2, None))
        self.assertEqual((reports.name, reports.clients, reports.commands_per_second), ("reports", None, 10))
        self.assertIsNone(known.find("ci"))
        self.assertIsNone(known.find(hashlib.sha256(REPORTS.encode()).hexdigest()))

    def test_operators(self):
        self.path.write_text(f'[a]\ntoken = "{CI}"\noperator = true\n[b]\ntoken = "{REPORTS}"\n')
        known = Tokens(str(self.path))
        found = [known.find(CI), known.find(REPORTS), LOCAL]
        self.assertEqual([each is not None and each.operator for each in found], [True, False, True])
        self.assertIn("operator must be true or false", self.bad(f'[a]\ntoken = "{CI}"\noperator = 1\n'))

    def test_no_token_is_kept_or_shown(self):
        known = tokens(self.path)
        self.assertNotIn(CI, repr(vars(known)))
        self.assertIn("ci, reports", repr(known))

    def test_read_again(self):
        known = tokens(self.path)
        self.path.write_text(f'[other]\ntoken = "{REPORTS}"\n')
        known.reload()
        self.assertIsNone(known.find(CI))
        self.assertEqual(known.names, ["other"])
        self.path.write_text("nonsense")
        self.assertRaises(BadTokens, known.reload)
        self.assertEqual(known.names, ["other"])
        self.path.unlink()
        self.assertIn("No such file", str(self.assertRaises(BadTokens, known.reload)))

    def test_what_is_wrong_is_said_without_the_token(self):
        for text, words in {
            'token = "0123456789abcdef0"': "outside of a table",
            '[a]\ntoken = "0123456789abcdef0': "not valid TOML",
            "": "contains no token",
            "[a]\n": "either token or sha256",
            '[a]\ntoken = "0123456789abcdef0"\nsha256 = "x"': "either token or sha256",
            '[a]\ntoken = "short-012345678"': "at least 16",
            "[a]\ntoken = 12345678901234567890": "at least 16",
            '[a]\nsha256 = "0123456789abcdef0"': "64 hexadecimal",
            '["a b"]\ntoken = "0123456789abcdef0"': "a name must have",
            '[a]\ntoken = "0123456789abcdef0"\nclient = 3': "unknown client",
            '[a]\ntoken = "0123456789abcdef0"\nclients = 0': "above 0",
            '[a]\ntoken = "0123456789abcdef0"\ncommands_per_second = true': "above 0",
            '[a]\ntoken = "0123456789abcdef0"\n[b]\ntoken = "0123456789abcdef0"': "the same token",
        }.items():
            said = self.bad(text)
            self.assertIn(words, said)
            self.assertNotIn("0123456789", said)
