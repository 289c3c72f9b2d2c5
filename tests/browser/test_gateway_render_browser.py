"""Renders by real browsers: what each endpoint gives, every way in which it may not, and that nothing is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
from pathlib import Path
from typing import Any, NamedTuple

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest
from twisted.web.client import Agent
from twisted.web.http_headers import Headers

from tests.browser.support import reactor, refusing_port
from tests.browser.test_gateway_browser import TOKEN, GatewayCase, tokens_file
from tests.raw_server import BROKEN, RawServer
from txcdp._deferreds import returns_deferred
from txcdp.domains import target
from txcdp.gateway import AccessOptions, Policy, PoolOptions, RenderOptions

ROOT = Path(__file__).parent.parent.parent
#: Seconds for what is to be done, however busy the machine is: the most that a request may ask for.
LONG = RenderOptions().max_timeout
RED = "<!doctype html><style>body {margin: 0; background: #f00}</style>"


class Response(NamedTuple):
    """What came."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n"), png[:80]
    width, height = struct.unpack(">II", png[16:24])
    return width, height


class RenderCase(GatewayCase):
    async def begin(self, **options: Any) -> None:
        """Start a gateway that renders; a request that is to come to its deadline says which that is."""
        render = RenderOptions(**{"timeout": LONG, "linger": LONG, **options.pop("render", {})})
        await self.start(render=render, **options)

    @returns_deferred
    async def post(self, path: str, *headers: tuple[str, str], **wanted: Any) -> Response:
        return await self.send(path, json.dumps(wanted).encode(), dict(headers))

    @returns_deferred
    async def send(self, path: str, body: bytes, headers: dict[str, str], verb: str = "POST") -> Response:
        client = HTTPClient(Agent(reactor))
        named = Headers({name: [value] for name, value in {"content-type": "application/json", **headers}.items()})
        response = await client.request(verb, f"http://{self.netloc}{path}", data=body, headers=named)
        found = {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
        return Response(response.code, await response.content(), found)

    async def problem(self, status: int, kind: str, path: str, **wanted: Any) -> Any:
        """Ask for what goes wrong, and return the problem."""
        response = await self.post(path, **wanted)
        self.assertEqual(response.status, status, response.body)
        self.assertEqual(response.headers["content-type"], "application/problem+json")
        self.assertEqual(response.json["type"], f"urn:txcdp:problem:{kind}")
        self.assertEqual(response.json["status"], status)
        return response.json

    async def nothing_is_left(self) -> None:
        """See that all contexts and their pages are gone."""
        assert self.gateway.renders is not None
        sharing = self.gateway.renders.sharing
        await self.until(lambda: sharing.now == 0)
        for host in sharing.hosts:
            contexts = await host.browser.session.execute(target.get_browser_contexts())
            self.assertEqual(contexts.browser_context_ids, [])
            pages = [each for each in await host.browser.targets() if each.type == "page"]
            self.assertEqual(len(pages), 1, "the browser's own")
        self.assertEqual(self.gateway.clients.taken, 0)


class What(RenderCase):
    """Each endpoint."""

    async def test_each(self):
        # One after the other in one gateway: its browser costs more than what is asked of it.
        await self.begin()
        for each in (self.pictures, self.pdf, self.content, self.values, self.what_a_request_may_say, self.html):
            await each()

    async def pictures(self):
        url = self.server.page("/tall", RED + "<div style='height: 3000px'>")
        response = await self.post("/screenshot", url=url)
        self.assertEqual((response.status, response.headers["content-type"]), (200, "image/png"))
        self.assertEqual(size_of(response.body), (1280, 720))
        self.assertEqual(response.headers["x-page-status"], "200")
        self.assertEqual(response.headers["content-security-policy"], "sandbox")
        window = {"width": 400, "height": 300, "scale": 2}
        self.assertEqual(size_of((await self.post("/screenshot", url=url, viewport=window)).body), (800, 600))
        response = await self.post("/screenshot", url=url, full_page=True, viewport={"width": 400, "height": 300})
        self.assertEqual(size_of(response.body)[1], 3000)
        clip = {"x": 10, "y": 2000, "width": 50, "height": 20}
        self.assertEqual(size_of((await self.post("/screenshot", url=url, clip=clip)).body), (50, 20))
        jpeg = await self.post("/screenshot", url=url, format="jpeg", quality=50)
        self.assertEqual((jpeg.headers["content-type"], jpeg.body[:3]), ("image/jpeg", b"\xff\xd8\xff"))
        webp = await self.post("/screenshot", url=url, format="webp")
        self.assertEqual((webp.headers["content-type"], webp.body[8:12]), ("image/webp", b"WEBP"))
        await self.nothing_is_left()

    async def pdf(self):
        html = "<p>one<p style='break-before: page'>two<p style='break-before: page'>three"
        options = {
            "landscape": True,
            "paper": "a4",
            "margin_top": 0.5,
            "print_background": True,
            "scale": 0.8,
            "page_ranges": "1, 3",
            "generate_tagged_pdf": False,
        }
        response = await self.post("/pdf", html=html, **options)
        self.assertEqual((response.status, response.headers["content-type"]), (200, "application/pdf"))
        self.assertTrue(response.body.startswith(b"%PDF-"))
        self.assertEqual(response.body.count(b"/Type /Page\n"), 2)
        self.assertRegex(response.body, rb"/MediaBox \[0 0 84[12][.\d]* 59[456]")
        problem = await self.problem(400, "request", "/pdf", html=html, page_ranges="three")
        self.assertIn("range", problem["detail"])
        problem = await self.problem(400, "request", "/pdf", html=html, margin_left=9, margin_right=9)
        self.assertIn("content area", problem["detail"])
        await self.nothing_is_left()

    async def content(self):
        url = self.server.page("/page", "<!doctype html><p id=p>", 404)
        self.server.page("/script.js", "p.textContent = 'written by a script'", content_type="text/javascript")
        self.server.page("/page", "<!doctype html><p id=p></p><script src=script.js></script>", 404)
        response = await self.post("/content", url=url)
        self.assertEqual((response.status, response.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b'<p id="p">written by a script</p>', response.body)
        self.assertTrue(response.body.startswith(b"<!DOCTYPE html>"))
        self.assertEqual(response.headers["x-page-status"], "404")

    async def values(self):
        url = self.server.page("/page", "<title>The page</title>")

        async def value(**wanted: Any) -> Any:
            response = await self.post("/evaluate", url=url, **wanted)
            self.assertEqual(response.status, 200, response.body)
            return response.json["result"]

        self.assertEqual(await value(expression="document.title"), "The page")
        self.assertEqual(await value(expression="Promise.resolve([1, {a: null}])"), [1, {"a": None}])
        self.assertEqual(await value(expression="undefined"), None)
        self.assertEqual(await value(expression="0/0"), None)
        self.assertEqual(await value(expression="2n ** 70n"), 2**70)
        self.assertEqual(await value(expression="'\\ud800'"), "\ud800")
        args = ["\u2028'\"</script>", {"__proto__": 1}]
        self.assertEqual(await value(function="(...all) => all // so", args=args), args)
        self.assertEqual(await value(function="async function () { return document.title }"), "The page")
        await self.nothing_is_left()

    async def what_a_request_may_say(self):
        url = self.server.page("/page", "<p>")
        wanted = {
            "url": url,
            "cookies": [{"name": "a", "value": "b"}, {"name": "c", "value": "d", "domain": "127.0.0.1", "path": "/"}],
            "user_agent": "Somebody/1.0",
            "viewport": {"width": 333, "height": 222},
            "wait_until": "networkidle",
        }
        found = "[document.cookie, navigator.userAgent, innerWidth, innerHeight]"
        response = await self.post("/evaluate", expression=found, **wanted)
        self.assertEqual(response.json["result"], ["a=b; c=d", "Somebody/1.0", 333, 222])
        response = await self.post("/evaluate", url=url, expression="document.cookie")
        self.assertEqual(response.json["result"], "", "the next one has cookies of its own")
        echo = "fetch('/echo').then(it => it.text())"
        self.server.echo("/echo", "x-wanted")
        response = await self.post("/evaluate", url=url, expression=echo, headers={"X-Wanted": "it comes"})
        self.assertEqual(response.json["result"], "it comes")
        await self.nothing_is_left()

    async def html(self):
        self.server.page("/folder/style.css", "p {color: rgb(1, 2, 3)}", content_type="text/css")
        html = "<!doctype html><link rel=stylesheet href=style.css><p id=p>ä<img src='nothing.png'>"
        color = "[getComputedStyle(p).color, p.textContent, document.URL]"
        url = self.server.url("/folder/")
        response = await self.post("/evaluate", html=html, url=url, expression=color)
        self.assertEqual(response.json["result"], ["rgb(1, 2, 3)", "ä", url])
        self.assertNotIn("/folder/", self.server.asked)
        response = await self.post("/evaluate", html=html, expression=color)
        self.assertEqual(response.json["result"][:2], ["rgb(0, 0, 0)", "ä"])
        whole = html.replace("style.css", self.server.url("/folder/style.css"))
        response = await self.post("/evaluate", html=whole, expression=color)
        self.assertEqual(response.json["result"][:2], ["rgb(1, 2, 3)", "ä"], "of another server")
        framed = "<!doctype html><iframe src='data:text/html,<p>inside'></iframe><p>" + "x" * 3_000_000
        response = await self.post("/evaluate", html=framed, expression="document.body.textContent.length")
        self.assertGreaterEqual(response.json["result"], 3_000_000)
        await self.nothing_is_left()


class Documented(RenderCase):
    """What the guide shows."""

    async def test_curl(self):
        if shutil.which("curl") is None:
            raise SkipTest("curl is not there")
        await self.begin()
        url = self.server.page("/page", "<!doctype html><title>The page</title>")
        text = (ROOT / "docs" / "howto" / "render.rst").read_text(encoding="utf-8")
        (block,) = re.findall(r"^\.\. code-block:: console\n\n((?:    .*\n)+)", text, re.MULTILINE)
        commands = [each.replace("\\\n", "") for each in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]]
        self.assertEqual(len(commands), 5)
        folder = self.mktemp()
        os.mkdir(folder)
        said = []
        for command in commands:
            here = command.replace("https://example.com/", url).replace("127.0.0.1:9222", self.netloc)
            out, err, code = await getProcessOutputAndValue(
                "/bin/sh", ["-c", here], env=dict(os.environ), path=folder, reactor=reactor
            )
            self.assertEqual(code, 0, (command, out, err))
            said.append(out)
        self.assertIn(b"<title>The page</title>", said[2])
        self.assertEqual(json.loads(said[3]), {"result": "The page"})
        begun = {name: (Path(folder) / name).read_bytes()[:4] for name in os.listdir(folder)}
        self.assertEqual(begun, {"page.png": b"\x89PNG", "page.pdf": b"%PDF", "invoice.pdf": b"%PDF"})


class WhatNot(RenderCase):
    """All that can go wrong."""

    async def test_each(self):
        await self.begin()
        for each in (
            self.pages_that_cannot_be_loaded,
            self.pages_whose_load_event_never_comes,
            self.javascript_that_throws,
            self.dialogs_and_popups,
        ):
            await each()

    async def test_what_is_no_request(self):
        await self.begin(render={"max_body": 1000})
        problem = await self.problem(400, "request", "/pdf", html="", viewport={"widht": 5})
        self.assertIn("unknown field `widht` - at `$.viewport`", problem["detail"])
        response = await self.send("/content", b'{"url":', {})
        self.assertEqual((response.status, response.json["type"]), (400, "urn:txcdp:problem:json"))
        await self.problem(413, "body", "/content", html="x" * 1000)
        response = await self.send("/content", b"url=", {"content-type": "application/x-www-form-urlencoded"})
        self.assertEqual((response.status, response.json["type"]), (415, "urn:txcdp:problem:type"))
        response = await self.send("/content", b"", {}, "GET")
        self.assertEqual((response.status, response.headers["allow"]), (405, "POST"))
        problem = await self.problem(
            400, "request", "/content", html="", cookies=[{"name": "a", "value": "b", "url": "?"}]
        )
        self.assertIn("ookie", problem["detail"])
        await self.nothing_is_left()

    async def test_a_request_without_a_token(self):
        tokens = tokens_file(self.mktemp())
        await self.begin(access=AccessOptions(tokens=tokens))
        self.assertEqual((await self.post("/content", html="")).status, 401)
        self.assertEqual((await self.post("/content", ("Origin", "http://evil.example"), html="")).status, 403)
        self.assertEqual((await self.post("/content", ("Authorization", f"Bearer {TOKEN}"), html="")).status, 200)
        self.assertEqual((await self.send("/openapi.json", b"", {}, "GET")).status, 401)

    async def pages_that_cannot_be_loaded(self):
        url = f"http://127.0.0.1:{refusing_port()}/"
        problem = await self.problem(502, "navigation", "/content", url=url)
        self.assertEqual(problem["error_text"], "net::ERR_CONNECTION_REFUSED")
        problem = await self.problem(502, "navigation", "/content", url="http://nobody.invalid/?token=secret")
        self.assertEqual(problem["error_text"], "net::ERR_NAME_NOT_RESOLVED")
        self.assertNotIn("secret", problem["detail"])
        for status in (404, 500):  # with nothing to show
            response = await self.post("/content", url=self.server.page("/empty", "", status))
            self.assertEqual((response.status, response.headers["x-page-status"]), (200, str(status)))
        url = self.server.page("/file.bin", "data", content_type="application/octet-stream")
        await self.problem(502, "download", "/content", url=url)
        await self.problem(403, "policy", "/content", url="chrome://crash/")
        await self.problem(403, "policy", "/content", url="file:///etc/passwd")
        await self.problem(403, "policy", "/content", url="view-source:http://127.0.0.1/")
        await self.problem(403, "policy", "/content", url="no url")
        await self.problem(400, "request", "/content", url="http://[nothing/")
        await self.nothing_is_left()

    async def pages_whose_load_event_never_comes(self):
        site = RawServer(BROKEN)
        self.addCleanup(lambda: Deferred.fromCoroutine(site.stop()))
        problem = await self.problem(502, "navigation", "/content", url=site.url("/short"), timeout=60)
        self.assertEqual(problem["error_text"], "net::ERR_CONTENT_LENGTH_MISMATCH")
        for wait_until in ("load", "networkidle"):
            stopped = site.page("/stops", "<title>stops</title><script>window.stop()</script>")
            response = await self.post("/content", url=stopped, timeout=60, wait_until=wait_until)
            self.assertEqual(response.status, 200)
        await self.nothing_is_left()

    async def test_deadlines(self):
        await self.begin()
        await self.post("/content", html="")
        held = self.server.held("/never", "<!doctype html>")
        for seconds in (4, 16, 64):  # on a busy machine it may not come so far
            problem = await self.problem(504, "deadline", "/content", url=self.server.url("/never"), timeout=seconds)
            if "loading the page" in problem["detail"]:
                break
        self.assertIn("loading the page", problem["detail"])
        self.assertTrue(held.asked.called)
        url = self.server.page("/page")
        await self.problem(504, "deadline", "/evaluate", url=url, expression="while (true);", timeout=4)
        await self.problem(504, "deadline", "/evaluate", url=url, expression="new Promise(() => 0)", timeout=4)
        response = await self.post("/content", url=self.server.url("/never"), timeout=60, wait_until="commit")
        self.assertEqual(response.status, 200)
        await self.nothing_is_left()

    async def javascript_that_throws(self):
        problem = await self.problem(422, "exception", "/evaluate", html="", expression="null.x")
        self.assertEqual(problem["exception"]["name"], "TypeError")
        self.assertIn("Cannot read properties of null", problem["exception"]["message"])
        problem = await self.problem(422, "exception", "/evaluate", html="", function="() => { throw 'words' }")
        self.assertIn("words", problem["exception"]["message"])
        problem = await self.problem(422, "exception", "/evaluate", html="", expression="(")
        self.assertEqual(problem["exception"]["name"], "SyntaxError")
        problem = await self.problem(422, "exception", "/evaluate", html="", expression="Symbol()")
        self.assertEqual(problem["exception"]["name"], "NotSerializable")
        away = "location = 'about:blank#'; location.reload(); new Promise(() => 0)"
        problem = await self.problem(422, "exception", "/evaluate", html="", expression=away)
        self.assertEqual(problem["exception"]["name"], "ContextDestroyed")
        await self.nothing_is_left()

    async def dialogs_and_popups(self):
        html = "<script>alert(1); r = [confirm(2), prompt(3), !!open('about:blank')]</script>"
        response = await self.post("/evaluate", html=html, expression="[...r, alert(4)]")
        self.assertEqual(response.json["result"][:2], [False, None])
        await self.nothing_is_left()

    async def test_pages_that_crash_or_close(self):
        await self.begin(render={"schemes": ("http", "chrome")})
        await self.problem(502, "crashed", "/content", url="chrome://crash/")
        response = await self.post("/content", html="<p>alive")
        self.assertEqual(response.status, 200)
        problem = await self.problem(502, "closed", "/evaluate", html="", expression="close(); new Promise(() => 0)")
        self.assertIn("closed itself", problem["detail"])
        await self.nothing_is_left()

    async def test_a_browser_that_is_killed(self):
        await self.begin()
        held = self.server.held("/never", "<!doctype html>")
        asked = self.post("/content", url=self.server.url("/never"))
        await held.asked
        (browser,) = [each for each in self.gateway.state()["browsers"] if each["state"] == "leased"]
        os.kill(browser["pid"], signal.SIGKILL)
        response = await asked
        self.assertEqual((response.status, response.json["type"]), (503, "urn:txcdp:problem:browser"))
        self.assertIn("retry-after", response.headers)
        self.assertEqual((await self.post("/content", html="<p>again")).status, 200)
        await self.nothing_is_left()

    async def test_too_much(self):
        await self.begin(render={"max_output": 2000, "pages": 1, "queue": 1})
        await self.problem(502, "output", "/content", html="x" * 2000)
        await self.nothing_is_left()
        held = self.server.held("/never", "<!doctype html>")
        url = self.server.url("/never")
        first = self.post("/content", url=url)
        await held.asked
        second = self.post("/content", url=url, timeout=15)  # it waits for longer than the next takes
        await self.until(lambda: self.gateway.clients.taken == 2)
        response = await self.post("/content", url=url)
        self.assertEqual((response.status, response.json["type"]), (503, "urn:txcdp:problem:renders"))
        self.assertIn("retry-after", response.headers)
        response = await second
        self.assertEqual(response.status, 504)
        self.assertIn("waiting for a browser", response.json["detail"])
        held.release(b"<p>")
        self.assertEqual((await first).status, 200)
        await self.nothing_is_left()

    async def test_a_policy_holds_for_redirects_and_frames(self):
        url = self.server.page("/away", "", 302, location="http://forbidden.example.localhost/")
        await self.begin(policy=Policy(schemes=("https",)))
        await self.problem(403, "policy", "/content", url="https://example.com/")
        url = self.server.page("/away", "", 302, location="https://example.com/")
        problem = await self.problem(403, "policy", "/content", url=url)
        self.assertIn("https", problem["detail"])
        url = self.server.page("/script", "<script>location = 'https://example.com/'</script>")
        await self.problem(403, "policy", "/content", url=url, wait_until="networkidle")
        url = self.server.page("/frame", "<p>here<iframe src='https://example.com/'></iframe>")
        response = await self.post("/content", url=url)
        self.assertEqual(response.status, 200, response.body)
        await self.nothing_is_left()

    async def test_private_addresses(self):
        await self.begin(policy=Policy(private_addresses=False))
        problem = await self.problem(403, "policy", "/content", url=self.server.page("/"))
        self.assertIn("private addresses", problem["detail"])
        html = f"<iframe src='{self.server.url('/')}'></iframe>"
        self.assertEqual((await self.post("/content", html=html)).status, 200)
        self.assertEqual(self.server.asked, [])


class Many(RenderCase):
    async def test_ten_at_once(self):
        await self.begin(render={"pages": 4}, pool=PoolOptions(size=2, warm=1))
        urls = [self.server.page(f"/{number}", f"<title>{number}</title>") for number in range(10)]
        asked = [self.post("/evaluate", url=url, expression="document.title") for url in urls]
        found = [response.json["result"] for response in await gatherResults(asked)]
        self.assertEqual(found, [str(number) for number in range(10)])
        self.assertEqual(len([each for each in self.gateway.state()["browsers"] if each["state"] == "leased"]), 1)
        await self.nothing_is_left()

    async def test_a_browser_each(self):
        await self.begin(render={"renders": 1, "browsers": 2}, pool=PoolOptions(size=2, warm=1))
        found = await gatherResults([self.post("/content", html=f"<p>{number}") for number in range(4)])
        self.assertEqual([response.status for response in found], [200] * 4)
        await self.until(lambda: not self.gateway.pool.leased)
        self.assertGreaterEqual(self.gateway.pool.counts.recycled, 4)

    async def test_an_asker_who_hangs_up(self):
        await self.begin(render={"pages": 1})
        held = self.server.held("/never", "<!doctype html>")
        asked = self.post("/content", url=self.server.url("/never"))
        await held.asked
        self.assertEqual(self.gateway.clients.taken, 1)
        asked.cancel()
        await self.assertFailure(asked, Exception)
        await self.until(lambda: self.gateway.clients.taken == 0)
        await self.nothing_is_left()
        self.assertEqual((await self.post("/content", html="<p>next")).status, 200)

    async def test_the_gateway_is_stopped_meanwhile(self):
        await self.begin()
        held = self.server.held("/never", "<!doctype html>")
        asked = self.post("/content", url=self.server.url("/never"))
        await held.asked
        self.note()
        stopped: Deferred[None] = self.gateway.stop()
        response = await asked
        self.assertEqual(response.status, 503)
        await stopped
