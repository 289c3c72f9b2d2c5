"""What a browser keeps for sites: cookies and storage, of contexts and pages."""

from __future__ import annotations

import re
from typing import Any

from tests.browser.support import SharedBrowserTestCase
from txcdp.errors import EvaluationError


class CookiesTests(SharedBrowserTestCase):
    async def test_each_context_has_its_own(self):
        one, two = await self.browser.new_context(), await self.browser.new_context()
        self.addCleanup(one.close)
        self.addCleanup(two.close)
        url = self.server.page("/deep/page", "<p>", set_cookie="said=1; HttpOnly; SameSite=Strict")
        self.server.echo("/deep/echo", "cookie")
        await one.add_cookies([{"name": "put", "value": "ü", "url": url}])
        in_one = await one.new_page(url)
        found = {each["name"]: each for each in await one.cookies()}
        self.assertEqual(
            found,
            {
                "said": {
                    "name": "said",
                    "value": "1",
                    "domain": "127.0.0.1",
                    "path": "/deep",
                    "expires": -1,
                    "httpOnly": True,
                    "secure": False,
                    "sameSite": "Strict",
                },
                "put": {
                    "name": "put",
                    "value": "ü",
                    "domain": "127.0.0.1",
                    "path": "/deep/",
                    "expires": -1,
                    "httpOnly": False,
                    "secure": False,
                    "sameSite": "Lax",
                },
            },
        )
        self.assertEqual(await in_one.evaluate("document.cookie"), "put=ü")
        self.assertEqual(await two.cookies(), [])
        default = self.browser.default_context
        self.assertEqual(await default.cookies(url), [])
        await default.add_cookies([{"name": "mine", "value": "1", "url": url}])
        self.assertEqual([each["name"] for each in await default.cookies(url)], ["mine"])
        await default.clear_cookies(name="mine")
        self.assertEqual(await default.cookies(url), [])

    async def test_what_is_returned_can_be_added_again(self):
        async with await self.browser.new_context() as one, await self.browser.new_context() as two:
            await one.add_cookies(
                [
                    {"name": "s", "value": "1", "url": "https://a.example/x/y"},
                    {"name": "", "value": "nameless", "domain": "a.example", "path": "/"},
                    {
                        "name": "all",
                        "value": "=2",
                        "domain": ".a.example",
                        "path": "/q",
                        "expires": 1e9 * 1.9,
                        "httpOnly": True,
                        "secure": True,
                        "sameSite": "None",
                    },
                    {
                        "name": "part",
                        "value": "",
                        "url": "https://a.example",
                        "sameSite": "None",
                        "partitionKey": "https://top.example",
                    },
                ]
            )
            kept = await one.cookies()
            self.assertEqual({each["name"] for each in kept}, {"s", "", "all", "part"})
            await two.add_cookies(kept)
            key: Any = lambda each: each["name"]  # noqa: E731
            self.assertEqual(sorted(await two.cookies(), key=key), sorted(kept, key=key))
            three = await self.browser.new_context()
            self.addCleanup(three.close)
            await three.add_cookie_jar(await one.cookie_jar())
            again = [{**each, "expires": int(each["expires"])} for each in await three.cookies()]
            kept = [{**each, "expires": int(each["expires"])} for each in kept if each["name"] != "part"]
            self.assertEqual(sorted(again, key=key), sorted(kept, key=key))

    async def test_some_are_deleted(self):
        async with await self.browser.new_context() as context:
            places = [("a", "one.example", "/"), ("b", "one.example", "/p"), ("ab", ".two.example", "/")]
            cookies: list[Any] = [
                {"name": name, "value": "1", "domain": domain, "path": path} for name, domain, path in places
            ]
            cookies.append(
                {
                    "name": "p",
                    "value": "1",
                    "url": "https://two.example/",
                    "sameSite": "None",
                    "partitionKey": "https://top.example",
                }
            )
            for filters, left in (
                ({"name": "a"}, "ab b p"),
                ({"name": re.compile("b$")}, "a p"),
                ({"domain": "one.example"}, "ab p"),
                ({"domain": re.compile(r"two\.example")}, "a b"),
                ({"path": "/p"}, "a ab p"),
                ({"name": "a", "path": "/p"}, "a ab b p"),
                ({}, ""),
            ):
                await context.add_cookies(cookies)
                await context.clear_cookies(**filters)
                self.assertEqual(sorted(each["name"] for each in await context.cookies()), left.split(), filters)


class WebStorageTests(SharedBrowserTestCase):
    async def test_items(self):
        page = await self.page()
        await page.goto(self.server.page("/", "<p>"))
        for storage, name in ((page.local_storage, "localStorage"), (page.session_storage, "sessionStorage")):
            self.assertEqual(await storage.items(), [])
            self.assertIsNone(await storage.get_item("a"))
            await storage.set_item("a", "1")
            texts = {"key": "own", "length": "2", "__proto__": "p", "": "", "\ud800\u2028\x00'\"\\": "\udfff🎈"}
            for key, value in texts.items():
                await storage.set_item(key, value)
                self.assertEqual(await storage.get_item(key), value)
            found = {each["name"]: each["value"] for each in await storage.items()}
            self.assertEqual(found, {"a": "1", **texts})
            self.assertEqual(await page.evaluate(f"{name}.getItem('a')"), "1")
            await page.evaluate(f"{name}.a = 2")
            self.assertEqual(await storage.get_item("a"), "2")
            await storage.remove_item("a")
            await storage.remove_item("a")
            self.assertIsNone(await storage.get_item("a"))
            await storage.clear()
            self.assertEqual(await page.evaluate(f"{name}.length"), 0)

    async def test_whatever_the_page_has_done(self):
        page = await self.page()
        await page.goto(
            self.server.page(
                "/",
                "<form name=localStorage></form><script>Storage.prototype.getItem = 5;"
                "Object.defineProperty(window, 'localStorage', {value: {}}); JSON.stringify = null</script>",
            )
        )
        await page.local_storage.set_item("a", "1")
        self.assertEqual(await page.local_storage.items(), [{"name": "a", "value": "1"}])

    async def test_each_origin_has_its_own(self):
        page = await self.page()
        url = self.server.page("/", "<p>")
        await page.goto(url)
        await page.local_storage.set_item("a", "1")
        await page.goto(self.server.url("/", "localhost"))
        self.assertEqual(await page.local_storage.items(), [])
        await page.goto(url)
        self.assertEqual(await page.local_storage.get_item("a"), "1")
        other = await page.context.new_page(url)
        self.assertEqual(await other.local_storage.get_item("a"), "1")

    async def test_documents_that_have_none(self):
        page = await self.page()
        self.server.page("/sandboxed", "<p>", content_security_policy="sandbox allow-scripts")
        for url in ("about:blank", "data:text/html,<p>", self.server.url("/sandboxed")):
            await page.goto(url)
            for each in (page.local_storage, page.session_storage):
                error = await self.fails(each.items(), EvaluationError)
                self.assertEqual(error.name, "SecurityError")
                self.assertIn("go to a page of http or https first", str(error))

    async def test_what_cannot_be_kept(self):
        page = await self.page()
        await page.goto(self.server.page("/", "<p>"))
        error = await self.fails(page.local_storage.set_item("a", "x" * 6_000_000), EvaluationError)
        self.assertEqual(error.name, "QuotaExceededError")
        await self.fails(page.local_storage.set_item("a", 5), TypeError)  # type: ignore[arg-type]
        self.assertEqual(await page.local_storage.items(), [])
