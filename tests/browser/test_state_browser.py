"""What a browser keeps for sites: cookies and storage, of contexts and pages."""

from __future__ import annotations

import json
import re
from pathlib import Path
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
                self.assertIn("go to an http or https page first", str(error))

    async def test_what_cannot_be_kept(self):
        page = await self.page()
        await page.goto(self.server.page("/", "<p>"))
        error = await self.fails(page.local_storage.set_item("a", "x" * 6_000_000), EvaluationError)
        self.assertEqual(error.name, "QuotaExceededError")
        await self.fails(page.local_storage.set_item("a", 5), TypeError)  # type: ignore[arg-type]
        self.assertEqual(await page.local_storage.items(), [])


#: Makes a database with stores of all kinds.
MAKE = """async () => {
    const opening = indexedDB.open('db', 42);
    opening.onupgradeneeded = () => {
        const own = opening.result.createObjectStore('own', {keyPath: 'id'});
        own.createIndex('by name', ['name', 'id'], {unique: true});
        own.createIndex('tags', 'tags', {multiEntry: true});
        opening.result.createObjectStore('auto', {autoIncrement: true});
        opening.result.createObjectStore('path', {keyPath: ['a', 'b.c']});
        opening.result.createObjectStore('empty');
        opening.result.createObjectStore('given');
    };
    await new Promise((done, fail) => { opening.onsuccess = done; opening.onerror = fail });
    const writing = opening.result.transaction(['own', 'auto', 'path', 'given'], 'readwrite');
    const [own, auto, path, given] = ['own', 'auto', 'path', 'given'].map(each => writing.objectStore(each));
    own.put({id: 1, name: 'one', tags: ['x', 'y']});
    own.put({id: 2, name: 'two', tags: ['x'], at: new Date(5)});
    auto.add('first');
    auto.add('second');
    path.put({a: 1, b: {c: 'deep'}});
    const cycle = {list: []};
    cycle.list.push(cycle);
    cycle.__proto__own = 1;
    const values = {
        date: new Date(1e12), bad: new Date(NaN), none: undefined, null: null, nan: NaN, zero: -0, big: 2n ** 70n,
        pattern: /a\\/b/gi, error: new RangeError('far'),
        bytes: new Uint8Array([1, 2, 255]), words: new Uint16Array([65535]),
        view: new DataView(new Uint8Array([0, 9, 8]).buffer, 1), halves: new Float16Array([0.5]),
        boxes: [Object(4), Object('text'), Object(false), Object(5n)],
        buffer: new Uint8Array([7, 8]).buffer, map: new Map([[1, {a: new Date(1)}]]), set: new Set(['s', 1]),
        cycle, blob: new Blob(['text'], {type: 'text/plain'}),
        file: new File(['f'], 'name.txt', {lastModified: 9}), text: '\\ud800',
        holes: [1, , 3], twice: [[]].flatMap(each => [each, each]),
        prototype: {['__proto__']: 1}, plain: {a: [1, 'x', true, null]},
    };
    for (const [key, value] of Object.entries(values)) given.put(value, key);
    given.put('by date', new Date(3));
    given.put('by bytes', new Uint8Array([1]));
    given.put('by list', [1, 'a', new Date(2)]);
    await new Promise(done => { writing.oncomplete = done });
    opening.result.close();
}"""

#: Says all of it in words.
TELL = """async () => {
    const opening = indexedDB.open('db');
    const result = request => new Promise((done, fail) => {
        request.onsuccess = () => done(request.result);
        request.onerror = fail;
    });
    const db = await result(opening);
    const told = [];
    const show = async (value, above = []) => {
        if (above.includes(value)) return 'cycle';
        const below = [...above, value];
        if (value instanceof File) return `File ${value.name} ${value.lastModified} ${await value.text()}`;
        if (value instanceof Blob) return `Blob ${value.type} ${await value.text()}`;
        if (value instanceof Date) return `Date ${value.getTime()}`;
        if (value instanceof Error) return `${value.constructor.name} ${value.message}`;
        if (value instanceof RegExp) return String(value);
        if (value instanceof ArrayBuffer) return `buffer ${new Uint8Array(value)}`;
        if (value instanceof DataView) return `view ${new Uint8Array(value.buffer, value.byteOffset)}`;
        if ([Number, String, Boolean, BigInt].some(each => value instanceof each)) return `object of ${value}`;
        if (ArrayBuffer.isView(value)) return `${value.constructor.name} ${value}`;
        if (value instanceof Map || value instanceof Set) {
            return `${value.constructor.name} ${await show([...value], below)}`;
        }
        if (typeof value === 'bigint') return `${value}n`;
        if (Object.is(value, -0)) return '-0';
        if (typeof value === 'string') return escape(value);
        if (typeof value !== 'object' || value === null) return String(value);
        const parts = [];
        if (value[0] && value[0] === value[1]) return 'twice the same';
        for (const key of Object.keys(value)) parts.push(`${key}:${await show(value[key], below)}`);
        return `${Array.isArray(value) ? 'list' : 'object'}{${parts}}`;
    };
    told.push(`version ${db.version}`);
    for (const name of db.objectStoreNames) {
        const store = db.transaction(name).objectStore(name);
        told.push(`${name} ${JSON.stringify(store.keyPath)} ${store.autoIncrement}`);
        for (const each of store.indexNames) {
            const index = store.index(each);
            told.push(`${name} index ${each} ${JSON.stringify(index.keyPath)} ${index.unique} ${index.multiEntry}`);
        }
        const keys = await result(store.getAllKeys());
        const values = await result(db.transaction(name).objectStore(name).getAll());
        for (let n = 0; n < keys.length; n++) told.push(`${name} ${await show(keys[n])} = ${await show(values[n])}`);
    }
    db.close();
    return told;
}"""


class StorageStateTests(SharedBrowserTestCase):
    async def test_what_is_saved_is_there_again(self):
        context = await self.context()
        page = await context.new_page(self.server.page("/", "<p>", set_cookie="a=1"))
        await page.local_storage.set_item("k", "v\ud800")
        other = self.server.url("/", "localhost")
        await page.goto(other)
        await page.local_storage.set_item("here", "too")
        await page.goto("about:blank")
        asked = len(self.server.asked)
        path = Path(self.mktemp()) / "deep" / "state.json"
        state = await context.storage_state(path)
        self.assertEqual({*self.server.asked[asked:]} - {"/favicon.ico"}, set())  # the page before may ask for its icon
        self.assertEqual(
            [(each["name"], each["domain"]) for each in state["cookies"]], [("a", "127.0.0.1"), ("a", "localhost")]
        )
        self.assertEqual(
            state["origins"],
            [
                {"origin": self.server.url(""), "localStorage": [{"name": "k", "value": "v\ud800"}]},
                {"origin": self.server.url("", "localhost"), "localStorage": [{"name": "here", "value": "too"}]},
            ],
        )
        self.assertEqual(json.loads(path.read_text()), state)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual([each.url for each in context.pages], ["about:blank"])
        for given in (path, str(path), state):
            again = await self.context()
            await again.set_storage_state(given)
            self.assertEqual(await again.storage_state(), state)
            page = await again.new_page(other)
            self.assertEqual(await page.local_storage.get_item("here"), "too")
            self.assertEqual(await page.evaluate("document.cookie"), "a=1")

    async def test_it_replaces_what_is_there(self):
        context = await self.context()
        page = await context.new_page(self.server.page("/", "<p>"))
        await page.evaluate("""new Promise(done => { const opening = indexedDB.open('old', 3);
            opening.onsuccess = () => { window.held = opening.result; done() } })""")
        await page.local_storage.set_item("old", "1")
        await context.add_cookies([{"name": "old", "value": "1", "url": page.url}])
        new = {"name": "new", "value": "2"}
        await context.set_storage_state(
            {"cookies": [], "origins": [{"origin": self.server.url(""), "localStorage": [new]}]}
        )
        await page.wait_for_function("localStorage.new === '2'")  # another document has set it: this one is told
        self.assertEqual(await page.local_storage.items(), [new])
        self.assertEqual(await context.cookies(), [])
        self.assertEqual(await page.evaluate("async () => (await indexedDB.databases()).length"), 0)
        await context.set_storage_state({"origins": [], "cookies": []})
        await page.wait_for_function("localStorage.length === 0")
        self.assertEqual(await page.local_storage.items(), [])

    async def test_after_one_that_was_written_in_part(self):
        origin = self.server.url("")
        store = {"name": "s", "autoIncrement": True, "indexes": [], "records": [{"key": 1, "valueEncoded": {"no": 1}}]}
        database = {"name": "db", "version": 1, "stores": [store]}
        old, new = {"name": "old", "value": "1"}, {"name": "new", "value": "2"}
        in_part = {"origin": origin, "localStorage": [old], "indexedDB": [database]}
        for origins in ([{"origin": origin, "localStorage": [new], "indexedDB": []}], []):
            context = await self.context()
            await self.fails(context.set_storage_state({"origins": [in_part]}), EvaluationError)
            await context.set_storage_state({"origins": origins})
            self.assertEqual((await context.storage_state(indexed_db=True))["origins"], origins)

    async def test_databases(self):
        context = await self.context()
        page = await context.new_page(self.server.page("/", "<p>"))
        await page.evaluate(MAKE)
        told = await page.evaluate(TELL)
        self.assertIn("given date = Date 1000000000000", told)
        self.assertIn("given view = view 9,8", told)
        self.assertIn("given boxes = list{0:object of 4,1:object of text,2:object of false,3:object of 5}", told)
        self.assertIn("given twice = twice the same", told)
        self.assertIn("given prototype = object{__proto__:1}", told)
        self.assertEqual((await context.storage_state())["origins"], [])
        state = await context.storage_state(indexed_db=True)
        (database,) = state["origins"][0]["indexedDB"]
        own = next(each for each in database["stores"] if each["name"] == "own")
        self.assertEqual(own["records"][0], {"value": {"id": 1, "name": "one", "tags": ["x", "y"]}})
        self.assertEqual(own["keyPath"], "id")
        given = next(each for each in database["stores"] if each["name"] == "given")
        encoded = {each.get("key"): each.get("valueEncoded") for each in given["records"]}
        # As Playwright writes it, and reads it: a view that it does not know as the bytes.
        date = {"o": [{"k": "a", "v": {"d": "1970-01-01T00:00:00.001Z"}}], "id": 2}
        self.assertEqual(encoded["map"], {"m": [{"k": 1, "v": date}], "id": 1})
        self.assertEqual(
            [encoded["view"], encoded["halves"]],
            [{"ab": {"b": "CQg=", "k": "dv"}}, {"ab": {"b": "ADg=", "k": "f16"}}],
        )
        again = await self.context()
        await again.set_storage_state(json.loads(json.dumps(state)))
        page = await again.new_page(self.server.url("/"))
        self.assertEqual(await page.evaluate(TELL), told)
        self.assertEqual(await again.storage_state(indexed_db=True), state)

    async def test_a_database_that_cannot_be_written_down(self):
        context = await self.context()
        page = await context.new_page(self.server.page("/", "<p>"))
        await page.evaluate("""new Promise(async done => { const opening = indexedDB.open('keys', 1);
            const key = await crypto.subtle.generateKey({name: 'AES-GCM', length: 128}, false, ['encrypt']);
            opening.onupgradeneeded = () => opening.result.createObjectStore('s').put(key, 'k');
            opening.onsuccess = () => { opening.result.close(); done() } })""")
        error = await self.fails(context.storage_state(indexed_db=True), EvaluationError)
        self.assertIn('database "keys": a CryptoKey cannot be written', str(error))
        self.assertEqual(
            [each.type for each in await self.browser.targets() if each.browser_context_id == context.id], ["page"]
        )

    async def test_a_service_worker_has_no_say(self):
        context = await self.context()
        self.server.page(
            "/worker.js",
            "onfetch = event => event.respondWith(new Response('<script>localStorage.bad = 1</script>',"
            "{headers: {'content-type': 'text/html'}}))",
            content_type="text/javascript",
        )
        page = await context.new_page(self.server.page("/", "<p>").replace("127.0.0.1", "localhost"))
        await page.evaluate(
            "async () => { await navigator.serviceWorker.register('/worker.js'); await navigator.serviceWorker.ready }"
        )
        await page.local_storage.set_item("good", "1")
        await page.goto("about:blank")
        state = await context.storage_state()
        self.assertEqual(state["origins"][0]["localStorage"], [{"name": "good", "value": "1"}])

    async def test_what_was_set_just_now_is_in_it(self):
        context = await self.context()
        page = await context.new_page(self.server.page("/", "<p>"))
        for n in range(5):
            await page.evaluate(f"localStorage.n = {n}")
            state = await context.storage_state()
            self.assertEqual(state["origins"][0]["localStorage"], [{"name": "n", "value": str(n)}])

    def broken(self) -> Path:
        path = Path(self.mktemp())
        path.write_text("{", encoding="utf-8")
        return path

    async def test_a_context_begins_with_it(self):
        url = self.server.page("/", "<p>")
        item = {"name": "k", "value": "v"}
        state: Any = {
            "cookies": [{"name": "a", "value": "1", "url": url}],
            "origins": [{"origin": self.server.url(""), "localStorage": [item]}],
        }
        path = self.broken()
        path.write_text(json.dumps(state), encoding="utf-8")
        for given in (state, path):
            page = await self.browser.new_page(url, storage_state=given)
            self.assertEqual(await page.local_storage.items(), [item])
            self.assertEqual(await page.evaluate("document.cookie"), "a=1")
            await page.close()
        contexts = len(self.browser.contexts)
        for wrong, kind in (({"cookies": 5}, ValueError), (5, TypeError), ("no/such/file", FileNotFoundError)):
            await self.fails(self.browser.new_context(storage_state=wrong), kind)  # type: ignore[arg-type]
        self.assertEqual(len(self.browser.contexts), contexts)

    async def test_what_is_no_state(self):
        context = await self.context()
        await context.add_cookies([{"name": "a", "value": "1", "url": "http://a.example"}])
        broken = self.broken()
        for given, kind in (
            ([], ValueError),
            ({"cookies": {}}, ValueError),
            ({"cookies": [{"name": "x"}]}, ValueError),
            ({"cookies": ["x"]}, TypeError),
            ({"origins": [{"origin": "http://a.example/", "localStorage": []}]}, ValueError),
            ({"origins": [{"origin": "http://a.example", "localStorage": [{"name": "a"}]}]}, ValueError),
            (broken, ValueError),
            ("no/such/file", FileNotFoundError),
        ):
            await self.fails(context.set_storage_state(given), kind)  # type: ignore[arg-type]
        self.assertEqual(len(await context.cookies()), 1)
