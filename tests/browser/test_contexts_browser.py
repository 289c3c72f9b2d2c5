"""What the pages of a real browser's contexts are given: before their first script, and over all that happens."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.server import Site
from twisted.web.static import Data

import txcdp
from tests.browser.support import BrowserTestCase, SharedBrowserTestCase, listen, reactor
from tests.browser.support_lines import Authority
from txcdp._deferreds import ignore_failure
from txcdp.domains import browser as browser_domain
from txcdp.domains import target
from txcdp.errors import ContextClosed, NavigationError, SessionDetached, StreamEnded, TargetCrashed
from txcdp.page import Page
from txcdp.streams import first, queue

#: What a document finds in its first script.
FOUND = """({
    agent: navigator.userAgent, hints: navigator.userAgentData?.platform ?? null, platform: navigator.platform,
    languages: navigator.languages, locale: Intl.DateTimeFormat().resolvedOptions().locale,
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone, touch: navigator.maxTouchPoints,
    dark: matchMedia('(prefers-color-scheme: dark)').matches, still: matchMedia('(prefers-reduced-motion)').matches,
    forced: matchMedia('(forced-colors: active)').matches, more: matchMedia('(prefers-contrast: more)').matches,
    print: matchMedia('print').matches, online: navigator.onLine
})"""

AGENT = "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/9 (KHTML, like Gecko) Chrome/131.0.1.2 Mobile Safari/9"

ALL = txcdp.ContextOptions(
    user_agent=AGENT,
    locale="de-DE",
    timezone_id="Asia/Tokyo",
    has_touch=True,
    color_scheme="dark",
    reduced_motion="reduce",
    forced_colors="active",
    contrast="more",
    media="print",
    extra_http_headers={"X-Token": "one"},
)

EXPECTED = {
    "agent": AGENT,
    "hints": "Android",
    "platform": "Linux armv81",
    "languages": ["de-DE"],
    "locale": "de-DE",
    "zone": "Asia/Tokyo",
    "touch": 1,
    "dark": True,
    "still": True,
    "forced": True,
    "more": True,
    "print": True,
    "online": True,
}

SCREEN = "[innerWidth, innerHeight, screen.width, screen.height, devicePixelRatio]"
WHERE = (
    "new Promise(done => navigator.geolocation.getCurrentPosition(p => done(p.coords.latitude), e => done(e.message)))"
)
NOWHERE = "new Promise(done => navigator.geolocation.getCurrentPosition(done, e => done(e.code)))"
FETCH = "fetch('/echo').then(answer => answer.text(), String)"


class ContextTests(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.echo("/echo", "x-token")
        self.server.page("/", "<title>here</title>")
        # A page that reports what it finds to whoever has opened it, or has it as a frame.
        report = f"<script>(opener || parent).postMessage(JSON.stringify({FOUND}), '*')</script>"
        self.server.page("/report", report)
        frame = f"<iframe allow='geolocation' src='{self.server.url('/report', 'localhost')}'></iframe>"
        self.server.page("/frame", f"<script>onmessage = event => found = event.data; found = ''</script>{frame}")

    async def in_frame(self, tab: Page, script: str) -> Any:
        """Evaluate in the frame of another site, and so in another process."""
        return await tab.frames[1].evaluate(script)

    async def test_all_of_it_is_there_before_the_first_script(self):
        context = await self.context(**ALL)
        self.server.page("/first", f"<script>found = {FOUND}</script>")
        tab = await context.new_page(self.server.url("/first"))
        self.assertEqual(await tab.evaluate("found"), EXPECTED)
        for host in ("127.0.0.1", "localhost"):  # in this process and in another one
            opened = "url => new Promise(done => { onmessage = event => done(event.data); open(url) })"
            found = await tab.evaluate(opened, self.server.url("/report", host))
            # In another process Chromium has the locale only some time after a page has come there from its opener's.
            late = {} if host == "127.0.0.1" else {"locale": "de-DE"}
            self.assertEqual({**json.loads(found), **late}, EXPECTED, host)
        await tab.goto(self.server.url("/frame"))
        found = await (await tab.wait_for_function("found")).json_value()
        self.assertEqual(json.loads(found), EXPECTED)

    async def test_pages_that_share_a_process(self):
        context = await self.context(locale="de-DE", timezone_id="Asia/Tokyo")
        tab = await context.new_page(self.server.url("/"))
        there = "Intl.DateTimeFormat().resolvedOptions().locale + new Date(0).getHours() == 'de-DE9'"
        await tab.evaluate(f"void (open('/'), open('{self.server.url('/', 'localhost')}'))")
        while len(found := [each for each in await self.browser.attach_pages() if each.context is context]) < 3:
            continue
        for each in found:
            await each.wait_for_load_state()
            await each.wait_for_function(there)
        first_one, second = (each for each in found if each is not tab)
        await first_one.goto(self.server.url("/", "localhost"))
        for each in found:
            await each.wait_for_function(there)
        await first_one.close()
        for each in (tab, second):
            await each.wait_for_function(there)
        await tab.close()
        await second.wait_for_function(there)
        self.assertIs(await second.evaluate(there), True)

    async def test_pages_that_share_a_process_are_given_something_else(self):
        context = await self.context(locale="de-DE", timezone_id="Asia/Tokyo")
        tab = await context.new_page(self.server.url("/"))
        async with tab.popups.expect() as popup:
            await tab.evaluate("void open('/')")
        changes: list[tuple[dict[str, Any], list[str]]] = [
            ({"timezone_id": "Europe/Berlin"}, ["de-DE", "Europe/Berlin"]),
            ({"locale": "fr-CH"}, ["fr-CH", "Europe/Berlin"]),
        ]
        for options, wanted in changes:
            await context.emulate(**options)
            for each in (tab, await popup.value):
                self.assertEqual(await each.evaluate(f"[{FOUND}.locale, {FOUND}.zone]"), wanted)

    async def test_what_requests_say(self):
        context = await self.context(**ALL)
        tab = await context.new_page(self.server.url("/"))
        hints = ("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform")
        wanted = {
            "user-agent": AGENT,
            "accept-language": "de-DE",
            "x-token": "one",
            "sec-ch-ua": '"Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24"',
            "sec-ch-ua-mobile": "?1",
            "sec-ch-ua-platform": '"Android"',
        }
        self.server.page("/worker.js", "onmessage = e => fetch(e.data).then(a => a.text()).then(postMessage)",
                         content_type="text/javascript")  # fmt: skip
        in_worker = """url => new Promise(done => {
            worker = new Worker('/worker.js'); worker.onmessage = event => done(event.data); worker.postMessage(url)
        })"""
        for name, value in wanted.items():
            self.server.echo("/echo", name)
            self.assertEqual(await tab.evaluate(FETCH), value)
            if name not in hints:
                self.assertEqual(await tab.evaluate(in_worker, self.server.url("/echo")), value, name)
        agent = await tab.evaluate(
            "navigator.userAgentData.getHighEntropyValues(['model', 'platformVersion', 'architecture'])"
        )
        self.assertEqual(
            [agent[each] for each in ("model", "platformVersion", "architecture")], ["Pixel 7", "14.0.0", ""]
        )
        other = await (await self.context(user_agent="Mozilla/5.0 (X11; Linux) Gecko/1 Firefox/9")).new_page(
            self.server.url("/")
        )
        for name in hints:  # a browser that has none says none
            self.server.echo("/echo", name)
            self.assertEqual(await other.evaluate(FETCH), "", name)

    async def test_there_is_a_mouse_unless_a_touchscreen_is_emulated(self):
        names = ["(hover: hover)", "(pointer: fine)", "(any-hover: none)", "(pointer: coarse)"]
        rules = f"{names}.map(each => matchMedia(each).matches)"
        desk = await (await self.context()).new_page()
        self.assertEqual(await desk.evaluate(rules), [True, True, False, False])
        phone = await (await self.context(has_touch=True, is_mobile=True)).new_page()
        self.assertEqual(await phone.evaluate(rules), [False, False, True, True])

    async def test_devices(self):
        phone = txcdp.devices["iPhone 13"]
        tab = await self.browser.new_page(self.server.url("/"), **phone)
        self.assertEqual(await tab.evaluate(SCREEN), [980, 1669, 390, 844, 3])  # as without a viewport tag
        self.server.page("/fits", "<meta name=viewport content='width=device-width'>")
        await tab.goto(self.server.url("/fits"))
        self.assertEqual(await tab.evaluate(SCREEN), [390, 664, 390, 844, 3])
        self.assertEqual(await tab.evaluate("[navigator.platform, screen.orientation.type, navigator.maxTouchPoints]"),
                         ["iPhone", "portrait-primary", 1])  # fmt: skip
        self.assertIn("iPhone", await tab.evaluate("navigator.userAgent"))
        own = tab.context
        await tab.set_viewport_size({"width": 500, "height": 400})
        self.assertEqual(await tab.evaluate(SCREEN), [500, 400, 500, 400, 3])
        await tab.close()
        await own.when_closed()
        self.assertTrue(own.is_closed())
        self.assertNotIn(own, self.browser.contexts)

    async def test_setters_reach_all_pages_and_frames(self):
        context = await self.context(permissions=["geolocation"])
        tab = await context.new_page(self.server.url("/frame"))
        await tab.wait_for_function("found")
        for latitude in (10, 20):
            await context.set_geolocation({"latitude": latitude, "longitude": 5})
            self.assertEqual([await tab.evaluate(WHERE), await self.in_frame(tab, WHERE)], [latitude] * 2)
        await context.set_offline(True)
        self.assertEqual(
            [await tab.evaluate(FETCH), await self.in_frame(tab, FETCH)], ["TypeError: Failed to fetch"] * 2
        )
        self.assertEqual(await self.in_frame(tab, "navigator.onLine"), False)
        await context.set_offline(False)
        await context.set_extra_http_headers({"X-Token": "two"})
        self.assertEqual([await tab.evaluate(FETCH), await self.in_frame(tab, FETCH)], ["two"] * 2)
        await context.emulate_media(color_scheme="dark")
        await context.emulate_media(media="print")
        await context.set_user_agent(AGENT)
        await context.set_viewport_size({"width": 300, "height": 200})
        later = await context.new_page(self.server.url("/"))
        for each in (tab, later):
            found = await each.evaluate(FOUND)
            self.assertEqual(
                [found[key] for key in ("agent", "hints", "dark", "print")], [AGENT, "Android", True, True]
            )
            self.assertEqual((await each.evaluate(SCREEN))[:2], [300, 200])
            self.assertEqual(each.viewport_size, {"width": 300, "height": 200})
        self.assertEqual((await self.in_frame(tab, FOUND))["print"], True)
        await context.emulate_media(media="null", color_scheme="null")
        await context.set_user_agent(None)
        await context.set_extra_http_headers({})
        found = await later.evaluate(FOUND)
        self.assertEqual([found["print"], found["dark"], "Pixel" in found["agent"]], [False, False, False])
        self.assertEqual(await later.evaluate(FETCH), "")
        await later.goto(self.server.url("/", "localhost"))
        self.assertEqual(await later.evaluate(WHERE), 20)
        await context.set_geolocation(None)
        self.assertEqual(await later.evaluate(NOWHERE), 2)  # POSITION_UNAVAILABLE

    async def test_what_a_page_has_of_its_own(self):
        context = await self.context(
            extra_http_headers={"X-Token": "context", "X-Other": "context"}, color_scheme="dark"
        )
        tab, other = await context.new_page(self.server.url("/")), await context.new_page(self.server.url("/"))
        await tab.set_extra_http_headers({"x-token": "page"})
        await tab.emulate_media(color_scheme="light", media="print")
        await tab.set_viewport_size({"width": 400, "height": 300})
        self.assertEqual([await each.evaluate(FETCH) for each in (tab, other)], ["page", "context"])
        self.server.echo("/echo", "x-other")
        self.assertEqual(await tab.evaluate(FETCH), "context")
        await context.emulate_media(color_scheme="dark", reduced_motion="reduce")
        await context.set_viewport_size({"width": 600, "height": 300})
        found = [await each.evaluate(FOUND) for each in (tab, other)]
        self.assertEqual([each["dark"] for each in found], [False, True])
        self.assertEqual([each["still"] for each in found], [True, True])
        self.assertEqual([each["print"] for each in found], [True, False])
        self.assertEqual([(await each.evaluate(SCREEN))[0] for each in (tab, other)], [400, 600])
        await tab.emulate_media(color_scheme="null", media="null")
        self.assertEqual((await tab.evaluate(FOUND))["dark"], False)
        await tab.set_extra_http_headers({})
        self.server.echo("/echo", "x-token")
        self.assertEqual(await tab.evaluate(FETCH), "context")
        await self.fails(tab.emulate_media(color_scheme="blue"), ValueError)  # type: ignore[arg-type]
        await self.fails(tab.set_extra_http_headers({"X": 1}), TypeError)  # type: ignore[dict-item]
        await tab.bring_to_front()

    async def test_permissions(self):
        context = await self.context(permissions=["notifications"], geolocation={"latitude": 1, "longitude": 2})
        tab = await context.new_page(self.server.url("/"))
        ask = "async name => (await navigator.permissions.query({name})).state"

        async def states(page: Page = tab) -> list[Any]:
            return [await page.evaluate(ask, name) for name in ("geolocation", "notifications")]

        self.assertEqual(await states(), ["denied", "granted"])
        await context.grant_permissions(["geolocation"])
        self.assertEqual(await states(), ["granted", "granted"])
        self.assertEqual(await tab.evaluate(WHERE), 1)
        await context.clear_permissions()
        self.assertNotIn("granted", await states())
        await context.grant_permissions(["geolocation"], origin=self.server.url("/any/where"))
        there = await context.new_page(self.server.url("/", "localhost"))
        self.assertEqual((await states())[0], "granted")
        self.assertNotEqual((await states(there))[0], "granted")
        error = await self.fails(context.grant_permissions(["geo"]), ValueError)
        self.assertIn("geolocation", str(error))
        await self.fails(context.grant_permissions("geolocation"), TypeError)
        await self.fails(context.grant_permissions([], origin="example.com"), ValueError)
        nothing = await self.context(permissions=[])
        self.assertEqual(await states(await nothing.new_page(self.server.url("/"))), ["denied", "denied"])

    async def test_scripts_policies_and_workers(self):
        self.server.page("/scripts", "<noscript>none</noscript><script>document.title = 'ran'</script>")
        tab = await (await self.context(java_script_enabled=False)).new_page(self.server.url("/scripts"))
        self.assertEqual([await tab.title(), await tab.evaluate("document.body.innerText")], ["", "none"])
        strict_page = "<script>document.title = 'ran'</script>"
        self.server.page("/strict", strict_page, content_security_policy="script-src 'self'")
        titles = []
        for bypass in (False, True):
            strict = await (await self.context(bypass_csp=bypass)).new_page(self.server.url("/strict"))
            titles.append(await strict.title())
        self.assertEqual(titles, ["", "ran"])
        self.server.page("/sw.js", "", content_type="text/javascript")
        register = "navigator.serviceWorker.register('/sw.js').then(found => found === undefined)"
        for services, blocked in (("block", True), ("allow", False)):
            context = await self.context(service_workers=services)
            tab = await context.new_page(self.server.url("/"))
            self.assertEqual(await tab.evaluate(register), blocked)
        self.assertEqual(self.server.asked.count("/sw.js"), 1)

    async def test_certificates_that_are_not_valid(self):
        secret = Data(b"<title>secret</title>", "text/html")
        secret.isLeaf = True
        site = Site(secret)
        site.displayTracebacks = False
        url = f"https://127.0.0.1:{listen(self, site, Authority().server('127.0.0.1'))}/"
        error = await self.fails((await self.context()).new_page(url), NavigationError)
        self.assertIn("ERR_CERT", str(error))
        tab = await (await self.context(ignore_https_errors=True)).new_page(url)
        self.assertEqual(await tab.title(), "secret")
        await tab.close()

    async def test_a_slow_network_and_processor(self):
        context = await self.context(network_conditions={"latency": 0.3}, cpu_throttling=4)
        tab = await context.new_page(self.server.url("/"))
        spent = "(async (began = performance.now()) => { await fetch('/echo'); return performance.now() - began })()"
        self.assertGreaterEqual(await tab.evaluate(spent), 290)
        await context.set_cpu_throttling(1)
        await context.set_network_conditions({"download_throughput": 1e6, "upload_throughput": 1e6})
        await context.set_network_conditions(None)
        self.assertEqual(await tab.evaluate(FETCH), "")

    async def test_urls_that_are_relative(self):
        context = await self.context(base_url=self.server.url("/sub/"))
        for path in ("/sub/page", "/top"):
            self.server.page(
                path, f"<title>{path}</title><iframe name=inner src='/sub/page'></iframe>" if path == "/top" else ""
            )
        tab = await context.new_page("page")
        self.assertEqual(tab.url, self.server.url("/sub/page"))
        await tab.goto("/top")
        await tab.wait_for_url("/t*")
        await tab.wait_for_url("../top")
        await tab.wait_for_url("**/top")
        self.assertEqual(tab.frame(url="page"), tab.frames[1])
        await tab.goto("about:blank")
        self.assertEqual(tab.url, "about:blank")

    async def test_what_cannot_be(self):
        wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"viewport": {"width": "1", "height": 2}}, TypeError, "CSS pixels"),
            ({"screen": {"width": 0, "height": 2}}, ValueError, "screen"),
            ({"no_viewport": True, "is_mobile": True}, ValueError, "is_mobile"),
            ({"no_viewport": True, "device_scale_factor": 2}, ValueError, "device_scale_factor"),
            ({"device_scale_factor": 0}, ValueError, "more than 0"),
            ({"cpu_throttling": 0.5}, ValueError, "at least 1"),
            ({"geolocation": {"latitude": 91, "longitude": 0}}, ValueError, "from -90 to 90"),
            ({"geolocation": {"latitude": 9, "longitude": 181}}, ValueError, "longitude"),
            ({"geolocation": {"latitude": 9}}, TypeError, "longitude"),
            ({"geolocation": {"latitude": 9, "longitude": 9, "accuracy": float("inf")}}, ValueError, "accuracy"),
            ({"color_scheme": "blue"}, ValueError, "'dark'"),
            ({"permissions": ["geo"]}, ValueError, "Unknown permission: geo"),
            ({"extra_http_headers": {"a": 1}}, TypeError, "int"),
            ({"extra_http_headers": {"a": "b\r\nc"}}, ValueError, "line breaks"),
            ({"extra_http_headers": {"a": "b\ud800"}}, ValueError, "contains half of a surrogate pair"),
            ({"user_agent": "b\ud800"}, ValueError, "user_agent: the value of 'User-Agent' contains half"),
            ({"network_conditions": {"latency": -1}}, ValueError, "negative"),
            ({"network_conditions": {"latency": float("inf")}}, ValueError, "latency"),
            ({"offline": "yes"}, TypeError, "True or False"),
            ({"base_url": "localhost"}, ValueError, "scheme"),
            ({"service_workers": "none"}, ValueError, "'block'"),
            ({"proxy": {"bypass": "a"}}, TypeError, "server"),
            ({"proxy": {"server": "socks5://p:1", "username": "u"}}, ValueError, "SOCKS"),
            ({"http_credentials": {"username": "u"}}, TypeError, "password"),
            ({"http_credentials": {"username": "u", "password": "p", "origin": "x"}}, ValueError, "origin"),
            ({"userAgent": "x"}, TypeError, "did you mean 'user_agent'"),
            ({"context": None}, TypeError, "context.new_page"),
        ]  # fmt: skip
        before = await self.browser.targets()
        for options, kind, text in wrong:
            for call in (self.browser.new_context, self.browser.new_page):
                error = await self.fails(call(**options), kind)
                self.assertIn(text, str(error), options)
        error = await self.fails(self.browser.new_page(timezone_id="Foo/Bar"), ValueError)
        self.assertIn("timezone_id='Foo/Bar': Invalid timezone ID", str(error))
        error = await self.fails(self.browser.new_page(locale="no such!"), ValueError)
        self.assertIn("Invalid locale name", str(error))
        context = await self.context()
        for failing in (
            context.set_geolocation({"latitude": 91, "longitude": 0}),
            context.set_cpu_throttling(0),
            context.emulate_media(contrast="much"),  # type: ignore[arg-type]
        ):
            await self.fails(failing, ValueError)
        while len(await self.browser.targets()) > len(before):
            await deferLater(reactor, 0.01, lambda: None)

    async def test_pages_that_were_found_are_reached_too(self):
        context = await self.context(no_viewport=True)
        tab = await context.new_page(self.server.url("/"))
        await tab.evaluate("void open('/')")
        await context.set_extra_http_headers({"X-Token": "late"})
        while len(found := [each for each in await self.browser.attach_pages() if each.context is context]) < 2:
            continue
        for each in found:
            await each.wait_for_url(self.server.url("/"))
        self.assertEqual([await each.evaluate(FETCH) for each in found], ["late"] * 2)
        self.assertEqual(await found[1].evaluate("document.hasFocus()"), True)

    async def test_scripts_of_all_pages(self):
        context = await self.context()
        tab = await context.new_page(self.server.url("/"))
        one = await context.add_init_script("window.given = 'one'")
        other = await context.new_page(self.server.url("/"))
        await tab.reload()
        self.assertEqual([await each.evaluate("window.given") for each in (tab, other)], ["one", "one"])
        await one.close()
        later = await context.new_page(self.server.url("/"))
        for each in (tab, other, later):
            await each.reload()
            self.assertIsNone(await each.evaluate("window.given"))
        await self.fails(context.add_init_script(), ValueError)

    async def test_functions_of_all_pages(self):
        context = await self.context()
        tab = await context.new_page(self.server.url("/"))
        given = await context.expose_function("double", lambda number: number * 2)
        sources = []
        await context.expose_binding("tell", lambda source, *args: sources.append((source["page"], args)))
        popups = queue(context.page_opened)
        await tab.evaluate("void open('/')")
        popup = await popups.get()
        popups.close()
        await popup.wait_for_url(self.server.url("/"))
        other = await context.new_page(self.server.url("/"))
        for each in (tab, popup, other):
            self.assertEqual(await each.evaluate("double(21)"), 42)
            await each.evaluate("tell('here')")
        self.assertEqual(sources, [(each, ("here",)) for each in (tab, popup, other)])
        await self.fails(context.expose_function("double", print), ValueError)
        await other.expose_function("own", print)
        await self.fails(context.expose_function("own", print), ValueError)
        self.assertEqual(await tab.evaluate("typeof own"), "undefined")
        await given.close()
        later = await context.new_page(self.server.url("/"))
        for each in (tab, popup, other, later):
            self.assertEqual(await each.evaluate("typeof double"), "undefined")

    async def test_closing(self):
        context = await self.browser.new_context()
        self.assertFalse(context.is_closed())
        waiting = context.when_closed()
        waiting.cancel()
        await self.fails(waiting, Exception)
        waiting = context.when_closed()
        await context.new_page()
        await context.close()
        await waiting
        await context.when_closed()
        self.assertTrue(context.is_closed())
        self.assertEqual(context.pages, [])

    async def test_a_closed_one_says_so(self):
        context = await self.browser.new_context()
        page = await context.new_page()
        under_way = context.cookies()
        await context.close()
        under_way.addErrback(ignore_failure)
        under_way.cancel()  # the browser may answer it, or never
        setter = lambda handler=None: None  # noqa: E731
        asked: list[Deferred[Any]] = [
            context.cookies(),
            context.add_cookies([{"name": "a", "value": "b", "url": self.server.url("/")}]),
            context.clear_cookies(),
            context.cookie_jar(),
            context.storage_state(),
            context.set_storage_state({"cookies": [], "origins": []}),
            context.new_page(),
            context.grant_permissions(["geolocation"]),
            context.clear_permissions(),
            context.set_geolocation(None),
            context.set_offline(True),
            context.set_viewport_size({"width": 300, "height": 200}),
            context.emulate(locale="de-DE"),
            context.emulate_media(media="print"),
            context.set_http_credentials(None),
            context.add_init_script("1"),
            context.expose_function("f", setter),
            context.route("**", setter),
            context.route_web_socket("**", setter),
            context.block([]),
            context.record_har(self.mktemp()),
        ]
        for each in asked:
            self.assertIn("the context is closed", str(await self.fails(each, ContextClosed)))
        asked = [
            page.title(),
            page.set_content("text"),
            page.set_viewport_size({"width": 300, "height": 200}),
            page.emulate_media(media="print"),
            page.set_extra_http_headers({"a": "b"}),
            page.new_cdp_session(),
            page.route("**", setter),
        ]
        for each in asked:
            self.assertIn("is closed", str(await self.fails(each, SessionDetached)))
        error = await self.fails(first(page.requests), StreamEnded)
        self.assertIn("is closed", str(error))

    async def test_scripts_run_in_the_empty_document_of_a_new_page(self):
        for started in (False, True):  # whether the browser has pages attached to by itself
            context = await self.context()
            if started:
                async with context.page_opened.expect():
                    await (await context.new_page()).evaluate("void open('about:blank')")
            called: list[str] = []
            await context.expose_function("tell", called.append)
            script = await context.add_init_script("window.runs = (window.runs || 0) + 1; tell(location.href)")
            page = await context.new_page()
            self.assertEqual((await page.evaluate("runs"), called), (1, ["about:blank"]))
            url = self.server.page("/", "text")
            await page.goto(url)
            self.assertEqual((await page.evaluate("runs"), called), (1, ["about:blank", url]))
            for features in ("", "noopener"):
                async with context.page_opened.expect() as expected:
                    await page.evaluate("features => void open('about:blank', '', features)", features)
                self.assertEqual(await (await expected.value).evaluate("runs"), 1)
            await script.close()
            self.assertIsNone(await (await context.new_page()).evaluate("window.runs"))

    async def test_a_crashed_page_has_it_in_its_next_process(self):
        context = await self.context(timezone_id="Asia/Tokyo")
        tab = await context.new_page(self.server.url("/"))
        crashing = first(tab.crashes)
        tab.session.execute_raw("Page.crash").addErrback(lambda failure: failure.trap(TargetCrashed))
        await crashing
        await context.set_extra_http_headers({"X-Token": "since"})
        await context.emulate_media(color_scheme="dark")
        await tab.goto(self.server.url("/"))
        found = await tab.evaluate(FOUND)
        self.assertEqual([found["zone"], found["dark"], await tab.evaluate(FETCH)], ["Asia/Tokyo", True, "since"])


class LastingTests(BrowserTestCase):
    """Over other lines and other browsers."""

    async def look(self, tab: Page) -> None:
        found = await tab.evaluate(FOUND)
        self.assertEqual({**found, "online": True}, EXPECTED)
        self.assertEqual([await tab.evaluate(WHERE), await tab.evaluate(FETCH)], [7, "set later"])

    async def give(self, browser: txcdp.Browser, context: txcdp.BrowserContext) -> Page:
        self.server.echo("/echo", "x-token")
        self.server.page("/", "")
        tab = await context.new_page(self.server.url("/"))
        if context is browser.default_context:
            await context.emulate_media(
                color_scheme="dark", reduced_motion="reduce", forced_colors="active", contrast="more", media="print"
            )
            await context.set_user_agent(AGENT)
        await context.set_geolocation({"latitude": 7, "longitude": 8})
        await context.grant_permissions(["geolocation"], origin=self.server.url("/"))
        await context.set_extra_http_headers({"X-Token": "set later"})
        return tab

    async def test_a_killed_browser_and_a_cut_line(self):
        browser = await self.launch(restart=txcdp.ReconnectPolicy(initial_delay=0.01, wait=60))
        contexts = [await browser.new_context(**ALL), browser.default_context]
        tabs = [await self.give(browser, each) for each in contexts]
        await self.look(tabs[0])
        granted = (await browser.session.execute(target.get_browser_contexts())).browser_context_ids
        self.assertEqual(granted, [contexts[0].id])
        for kill in (True, False):
            gaps = [tab.session.events_raw("Page.frameNavigated").with_gaps() for tab in tabs]
            back = [first(each.filter(lambda item: isinstance(item, txcdp.Gap))) for each in gaps]
            if kill:
                assert browser.process is not None
                os.kill(browser.process.pid, signal.SIGKILL)
            else:
                browser.connection.transport.abort()
            for waiting in back:
                await waiting
            for tab in tabs:
                await tab.wait_for_function("location.pathname === '/' && document.readyState === 'complete'")
            await self.look(tabs[0])
            found = await tabs[1].evaluate(FOUND)
            self.assertEqual([found[key] for key in ("agent", "dark", "print")], [AGENT, True, True])
            self.assertEqual([await tabs[1].evaluate(WHERE), await tabs[1].evaluate(FETCH)], [7, "set later"])
            another = await contexts[0].new_page(self.server.url("/"))
            await self.look(another)

    async def test_the_default_context(self):
        browser = await self.launch()
        context = browser.default_context
        tab = await self.give(browser, context)
        self.assertEqual([await tab.evaluate(WHERE), await tab.evaluate(FETCH)], [7, "set later"])
        self.server.page("/opened", f"<script>found = {FOUND}</script>")
        await tab.evaluate("void open('/opened')")
        while len(found := [each for each in await browser.attach_pages() if each.url.endswith("/opened")]) < 1:
            continue
        popup = found[0]
        self.assertIs(popup.context, context)
        await popup.wait_for_function("window.found")
        self.assertEqual(await popup.evaluate("found.agent"), AGENT)
        self.assertEqual((await browser.session.execute(browser_domain.get_version())).user_agent == AGENT, False)
        self.assertTrue(browser.is_connected())
        closing = browser.when_closed()
        await context.close()
        await context.when_closed()
        await closing
        self.assertTrue(context.is_closed())
        self.assertFalse(browser.is_connected())

    async def test_the_default_context_is_another_device(self):
        context = (await self.launch()).default_context
        self.server.page("/", "<script>ran = true</script>")
        tab = await context.new_page(self.server.url("/"))
        look = f"({{...{FOUND}, mobile: navigator.userAgentData.mobile, ratio: devicePixelRatio, width: innerWidth}})"
        before = await tab.evaluate(look)
        device = txcdp.devices["Pixel 7"]
        await context.emulate(**device, locale="de-DE", timezone_id="Asia/Tokyo")
        wanted = [device["user_agent"], "de-DE", "Asia/Tokyo", 1, True, device["device_scale_factor"]]
        for each in (tab, await context.new_page(self.server.url("/"))):
            await each.reload()
            found = await each.evaluate(look)
            self.assertEqual([found[name] for name in ("agent", "locale", "zone", "touch", "mobile", "ratio")], wanted)
        nothing: Any = {**dict.fromkeys([*device, "locale", "timezone_id"]), "viewport": {"width": 1280, "height": 720}}
        await context.emulate(**nothing, java_script_enabled=False, bypass_csp=True)
        await tab.reload()
        found = await tab.evaluate(look)
        self.assertEqual(found, before)
        self.assertFalse(await tab.evaluate("'ran' in window"))
        await context.emulate(java_script_enabled=True)
        await tab.reload()
        self.assertTrue(await tab.evaluate("ran"))
        other: Any = {"proxy": {"server": "localhost:1"}}
        self.assertIn("unknown option 'proxy'", str(await self.fails(context.emulate(**other), TypeError)))
        await context.emulate(timezone_id="Asia/Tokyo")
        for zones in (["Nowhere/Else"], ["Nowhere/Else"], ["Nowhere/Else", "Else/Where", "Else/Where"]):
            for refused in [context.emulate(timezone_id=zone, locale="fr-FR") for zone in zones]:
                await self.fails(refused, ValueError)
        refusing = context.emulate(timezone_id="Nowhere/Else", user_agent="other")
        await context.set_user_agent("mine")
        await self.fails(refusing, ValueError)
        for each in (tab, await context.new_page(self.server.url("/"))):
            found = await each.evaluate(look)
            wanted = ["Asia/Tokyo", before["locale"], "mine"]
            self.assertEqual([found[name] for name in ("zone", "locale", "agent")], wanted)
