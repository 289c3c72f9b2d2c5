"""Cookies as dicts and as jars, without a browser."""

from __future__ import annotations

import time
from http.cookiejar import Cookie as JarCookie
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp.browser._cookies import param_of
from txcdp.domains import network, storage
from txcdp.errors import CommandError
from txcdp.testing import FakeChrome


def cookie_of(**fields: Any) -> network.Cookie:
    """Describe a cookie as the browser does."""
    described: dict[str, Any] = {
        "name": "n",
        "value": "v",
        "domain": "example.com",
        "path": "/",
        "expires": -1,
        "size": 2,
        "http_only": False,
        "secure": False,
        "session": True,
        "priority": "Medium",
        "source_scheme": "Secure",
        "source_port": 443,
    }
    return network.Cookie(**{**described, **fields})


class ParametersTests(SynchronousTestCase):
    def test_a_place_is_a_url_or_a_domain_and_a_path(self):
        by_url = param_of({"name": "a", "value": "1", "url": "https://example.com/deep/er/page?q=/x"})
        self.assertEqual((by_url.domain, by_url.path, by_url.secure), (None, "/deep/er/", True))
        by_domain = param_of({"name": "a", "value": "1", "domain": ".example.com", "path": "/", "expires": -1})
        self.assertEqual((by_domain.domain, by_domain.url, by_domain.expires), (".example.com", None, None))

    def test_what_cannot_be(self):
        for given, said in (
            ({}, "must have a url, or a domain and a path"),
            ({"domain": "example.com"}, "must have a url, or a domain and a path"),
            ({"url": "http://a.b", "domain": "a.b"}, "either a url or a domain"),
            ({"url": "http://a.b", "path": "/"}, "either a url or a path"),
            ({"url": "about:blank"}, "a blank page cannot have the cookie"),
            ({"url": "data:,x"}, "only http and https pages"),
            ({"url": "http://a.b", "expires": -2}, "seconds since the epoch"),
            ({"url": "http://a.b", "expires": 253402300800}, "seconds since the epoch"),
            ({"url": "http://a.b", "sameSite": "lax"}, "'None'; did you mean 'Lax'"),
            ({"url": "http://a.b", "sameSite": "None"}, "requires secure=True"),
            ({"url": "http://a.b", "http_only": True}, "unknown key 'http_only'; did you mean 'httpOnly'"),
            ({"url": "http://a.b", "expirationDate": 2e9, "id": 1}, "'expirationDate'; it is called 'expires'"),
            ({"url": "http://a.b", "size": 2, "hostOnly": True}, "unknown keys 'hostOnly', 'size'; leave them out"),
            ({"url": "http://a.b", "name": "a=b"}, "its name contains '='"),
            ({"url": "http://a.b", "value": "a;b"}, "its value contains ';'"),
            ({"url": "http://a.b", "value": "v" * 4096}, "longer than 4096 bytes"),
            ({"url": "http://a.b", "value": "v "}, "begins or ends with a space"),
            ({"url": "http://a.b", "value": None}, "missing value"),
            ({"url": "http://a.b", "value": "", "name": ""}, "must have a name or a value"),
            ({"domain": "a.b", "path": "x"}, "does not begin with '/'"),
            ({"domain": "a.b", "path": "/a;"}, "forbidden character"),
            ({"domain": "", "path": "/"}, "expected a host"),
            ({"domain": "http://a.b", "path": "/"}, "or url= instead"),
            ({"domain": "a b", "path": "/"}, "expected a host"),
            ({"domain": "..a.b", "path": "/"}, "expected a host"),
            ({"domain": "::1", "path": "/"}, "expected a host"),
            ({"url": "http://"}, "no valid host"),
            ({"url": "http://a b/"}, "no valid host"),
        ):
            with self.assertRaisesRegex(ValueError, said):
                param_of({"name": "n", "value": "v", **given})
        for wrong in ({"value": 5}, {"secure": "yes"}, {"expires": "1"}, {"expires": True}):
            with self.assertRaises(TypeError):
                param_of({"name": "n", "value": "v", "url": "http://a.b", **wrong})

    def test_what_can_be(self):
        for domain in (
            "a.b",
            ".a.b",
            "localhost",
            "localhost:80",
            "[::1]",
            "127.0.0.1",
            "bücher.example",
            "a_b.c.",
            "com",
        ):
            self.assertEqual(param_of({"name": "n", "value": "v", "domain": domain, "path": "/"}).domain, domain)
        for url in ("http://a.b", "https://u:p@a.b:8080/x", "http://[::1]:80/", "wss://bücher.example"):
            self.assertEqual(param_of({"name": "n", "value": "v", "url": url}).url, url)


class CookiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.kept: list[network.Cookie] = []
        self.chrome.on(storage.get_cookies, lambda _: storage.GetCookiesResult(cookies=self.kept))
        self.added: list[network.CookieParam] = []
        self.chrome.on(storage.set_cookies, lambda command: self.added.extend(command.cookies))
        self.context = self.chrome.browser().default_context

    def result(self, deferred: Deferred[Any]) -> Any:
        return self.chrome.run(deferred)

    def names(self, *urls: str) -> list[str]:
        return [each["name"] for each in self.result(self.context.cookies(list(urls)))]

    def test_what_the_browser_refuses(self):
        self.chrome.on(storage.set_cookies, CommandError("", -32602, "Invalid cookie fields"))
        adding = self.context.add_cookies([{"name": "__Secure-a", "value": "1", "url": "http://example.com"}])
        self.chrome.flush()
        error = self.failureResultOf(adding, ValueError).value
        self.assertIn("cookies '__Secure-a': the browser refuses one of them", str(error))
        self.chrome.on(storage.set_cookies, CommandError("", -32000, "Not now"))
        adding = self.context.add_cookies([{"name": "a", "value": "1", "url": "http://example.com"}])
        self.chrome.flush()
        self.failureResultOf(adding, CommandError)

    def test_those_of_a_url(self):
        self.kept = [
            cookie_of(name="host"),
            cookie_of(name="domain", domain=".example.com"),
            cookie_of(name="deep", path="/a"),
            cookie_of(name="slash", path="/a/"),
            cookie_of(name="secure", secure=True),
            cookie_of(name="local", domain="localhost", secure=True),
            cookie_of(name="idn", domain="xn--bcher-kva.example"),
            cookie_of(name="six", domain="[::1]"),
        ]
        self.assertEqual(len(self.names()), 8)
        self.assertEqual(self.names("http://example.com"), ["host", "domain"])
        self.assertEqual(self.names("https://EXAMPLE.com/a"), ["host", "domain", "deep", "secure"])
        self.assertEqual(self.names("http://example.com/a/b"), ["host", "domain", "deep", "slash"])
        self.assertEqual(self.names("http://example.com/ab"), ["host", "domain"])
        self.assertEqual(self.names("http://sub.example.com/"), ["domain"])
        self.assertEqual(self.names("http://notexample.com/"), [])
        self.assertEqual(self.names("http://localhost:8080/", "http://[::1]/"), ["local", "six"])
        self.assertEqual(self.names("http://bücher.example/"), ["idn"])
        self.assertEqual(self.names("about:blank"), [])
        self.failureResultOf(self.context.cookies("example.com"), ValueError)
        asked: Any = 5
        error = self.failureResultOf(self.context.cookies(asked), TypeError).value
        self.assertIn("a URL, or a list of URLs", str(error))

    def test_one_that_cannot_be_keeps_all_from_being_added(self):
        good = {"name": "a", "value": "1", "url": "http://a.b"}
        self.failureResultOf(self.context.add_cookies([good, {"name": "b", "value": "1"}]), ValueError)
        self.failureResultOf(self.context.add_cookies(good), TypeError)  # type: ignore[arg-type]
        self.failureResultOf(self.context.add_cookies(["a=1"]), TypeError)  # type: ignore[list-item]
        self.chrome.flush()
        self.assertEqual(self.added, [])

    def test_a_jar_sends_what_the_browser_would(self):
        self.kept = [
            cookie_of(name="host"),
            cookie_of(name="domain", domain=".example.com", secure=True, expires=4e9, session=False),
            cookie_of(name="local", domain="localhost", http_only=True, same_site="Strict"),
            cookie_of(name="", value="nameless"),
            cookie_of(
                name="part",
                partition_key=network.CookiePartitionKey(top_level_site="https://a.b", has_cross_site_ancestor=False),
            ),
        ]
        jar = self.result(self.context.cookie_jar())
        self.assertEqual(len(jar), 4)
        for url, sent in (
            ("http://example.com/", {"host=v", "nameless"}),
            ("https://example.com/", {"host=v", "nameless", "domain=v"}),
            ("https://sub.example.com/", {"domain=v"}),
            ("http://localhost:80/", {"local=v"}),
        ):
            request = Request(url)
            jar.add_cookie_header(request)
            self.assertEqual(set((request.get_header("Cookie") or "").split("; ")), sent, url)
        local = next(each for each in jar if each.name == "local")
        self.assertTrue(local.has_nonstandard_attr("HttpOnly"))
        self.assertTrue(local.discard)
        self.assertEqual(next(each for each in jar if each.name == "domain").expires, 4_000_000_000)

    def test_there_and_back(self):
        self.kept = [
            cookie_of(name="host", path="/p"),
            cookie_of(name="domain", domain=".example.com", secure=True, expires=4e9, session=False, same_site="None"),
            cookie_of(name="local", domain="localhost", http_only=True, same_site="Strict"),
            cookie_of(name="", value="nameless"),
        ]
        jar = self.result(self.context.cookie_jar())
        self.result(self.context.add_cookie_jar(jar))
        for before in self.kept:
            after = next(each for each in self.added if each.name == before.name)
            for key in ("value", "domain", "path", "http_only", "secure", "same_site"):
                self.assertEqual(getattr(after, key), getattr(before, key), (before, key))
            self.assertEqual(after.expires, None if before.session else before.expires)

    def test_what_is_no_jar(self):
        jar: Any
        for jar in (None, 5, [1], [{"name": "a", "value": "1"}], {"a": "1"}):
            error = self.failureResultOf(self.context.add_cookie_jar(jar), TypeError).value
            self.assertIn("expected a CookieJar", str(error))
        self.chrome.flush()
        self.assertEqual(self.added, [])

    def test_a_jar_that_others_have_filled(self):
        jar = CookieJar()

        def put(name: str, expires: float | None, domain: str, specified: bool, rest: dict[str, Any]) -> None:
            jar.set_cookie(
                JarCookie(
                    *(0, name, "v", None, False, domain, specified, domain.startswith("."), "/", True, False),
                    *(expires, expires is None, None, None, rest),
                )
            )

        put("expired", time.time() - 10, "a.b", False, {})
        put("far", 1e15, "a.b", False, {"httponly": None})
        put("nodot", None, "a.b", True, {"samesite": "lax"})
        put("none", None, "a.b", False, {"SameSite": "None"})
        self.result(self.context.add_cookie_jar(jar))
        added = {each.name: each for each in self.added}
        self.assertEqual(set(added), {"far", "nodot", "none"})
        self.assertTrue(added["far"].http_only)
        self.assertEqual(added["far"].expires, 253402300799)
        self.assertEqual((added["nodot"].domain, added["nodot"].same_site), (".a.b", "Lax"))
        self.assertIsNone(added["none"].same_site)  # without encryption the browser would not take it
