"""The live page in a real browser, of real browsers: what an operator sees, presses, and leaves behind."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol

import txcdp
from tests.browser.support import reactor
from tests.browser.test_gateway_browser import GatewayCase, sleep
from tests.support import PATIENCE
from txcdp.domains import input as input_domain
from txcdp.domains import log as log_domain
from txcdp.domains import runtime
from txcdp.gateway import AccessOptions
from txcdp.gateway.live import LivePage
from txcdp.page import Page

OPERATOR = "0123456789abcdef-operator"
CLIENT = "0123456789abcdef-client"

SHOP = """<!doctype html><title>Shop <img src=x onerror="document.title='harmed'"></title>
<body style="background: #fde"><h1>Shop</h1><p id=count></p><script>
setTimeout(() => { throw new Error('the shop is closed') }, 200);
let count = 0;
setInterval(async () => {
  document.querySelector('#count').textContent = ++count;
  await fetch('/data.json?secret=' + count);
  if (count % 5 === 2) await fetch('/missing');
  console.log('<img src=x onerror="window.harmed=1">', {price: 3});
}, 200);
</script>"""


def tokens_file(path: str) -> str:
    Path(path).write_text(f'[boss]\ntoken = "{OPERATOR}"\noperator = true\n[shop]\ntoken = "{CLIENT}"\n')
    return path


class LiveTests(GatewayCase):
    async def open(self) -> None:
        """Start a gateway with a live page, a client with a page, and an operator's browser."""
        await self.start(access=AccessOptions(tokens=tokens_file(self.mktemp())))
        self.live = LivePage(self.gateway, reactor)
        self.server.page("/data.json", "{}", content_type="application/json")
        self.shop = await txcdp.connect(reactor, f"ws://{self.netloc}/devtools/browser?token={CLIENT}")
        self.addCleanup(self.shop.close)
        self.page_of_shop = await self.shop.new_page()
        self.page_of_shop.events(runtime.ConsoleAPICalled).subscribe(lambda _: None)
        await self.page_of_shop.goto(self.server.page("/shop", SHOP))

    async def look(self) -> Page:
        """Open the live page."""
        operator = await self.launch()
        tab = await operator.new_page()
        self.complaints: list[str] = []
        tab.events(log_domain.EntryAdded).subscribe(lambda event: self.complaints.append(event.entry.text))
        tab.events(runtime.ExceptionThrown).subscribe(lambda event: self.complaints.append(str(event)))
        await tab.goto(f"http://{self.netloc}/")
        return tab

    async def seen(self, tab: Page, expression: str) -> Any:
        """Wait until something is true in a page."""
        began = reactor.seconds()
        while True:
            found = await tab.evaluate(expression)
            if found:
                return found
            self.assertLess(reactor.seconds() - began, PATIENCE, expression)
            await sleep(0.05)

    async def type(self, tab: Page, text: str) -> None:
        """Type a text and Enter, wherever the page has put the focus."""
        await tab.session.execute(input_domain.insert_text(text=text))
        for kind in ("keyDown", "keyUp"):
            key: Any = {"type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windows_virtual_key_code": 13}
            await tab.session.execute(input_domain.dispatch_key_event(**key))

    async def enter(self, tab: Page, token: str = OPERATOR) -> None:
        await self.seen(tab, "document.activeElement.id === 'token'")
        await self.type(tab, token)

    async def test_what_an_operator_sees(self):
        await self.open()
        tab = await self.look()
        await self.enter(tab, "0123456789abcdef-wrong")
        self.assertEqual(await self.seen(tab, "denied.textContent"), "Unknown token.")
        await self.enter(tab, CLIENT)
        self.assertIn("operator = true", await self.seen(tab, "/operator/.exec(denied.textContent)?.input"))
        self.assertTrue(await tab.evaluate("main.hidden && sessionStorage.length === 0"))
        self.assertEqual(self.live.watching.browsers, {})
        await self.enter(tab)
        await self.seen(tab, "!main.hidden && document.querySelector('#sign-in').hidden")
        text = "[...document.querySelectorAll('{} tr')].map(row => [...row.cells].map(cell => cell.textContent))"
        client = (await self.seen(tab, f"(rows => rows.length && rows)({text.format('#clients')})"))[0]
        self.assertEqual((client[:2], client[2]), (["1", "shop"], str(self.pid_of(1))))
        # Memory is known from the first look at a browser on.
        measured = "(rows => rows.length > 1 && rows.every(row => row[4].endsWith('B')) && rows)"
        browsers = await self.seen(tab, f"{measured}({text.format('#browsers')})")
        self.assertEqual(sorted(row[1] for row in browsers), ["idle", "leased"])
        self.assertRegex(browsers[0][4], r"^[\d.,]+ [MG]B$")
        await self.seen(tab, f"{text.format('#requests')}.some(row => row[2] === '404' && row[3].endsWith('/missing'))")
        requests = await self.seen(
            tab, f"(rows => rows.length > 4 && rows)({text.format('#requests')}.filter(row => row[6]))"
        )
        request = next(row for row in requests if "data.json" in row[3])
        self.assertEqual((request[1:4], request[4]), (["GET", "200", self.server.url("/data.json?...")], "Fetch"))
        self.assertRegex(request[6], r"^(\d+ ms|\d+\.\d\d s)$")  # seconds, where the machine is busy
        await self.seen(tab, "[...document.querySelectorAll('#requests i')].some(bar => bar.offsetWidth >= 3)")
        await self.seen(tab, f"{text.format('#lines')}.some(row => row[1] === 'error' && /closed/.test(row[2]))")
        for place in ("#sum-requests", "#clients td:nth-child(9)"):
            await self.seen(tab, f"parseFloat(document.querySelector('{place}').textContent) > 0")
        await self.what_is_remembered(tab)
        shot = await self.seen(tab, "document.querySelector('#targets img[src]')?.src")
        kind, _, data = shot.partition(",")
        picture = base64.b64decode(data)
        self.assertEqual((kind, picture[:3]), ("data:image/jpeg;base64", b"\xff\xd8\xff"))
        await self.seen(tab, "document.querySelector('#targets img[src]').naturalWidth > 100")
        shapes = "[...document.querySelectorAll('.shot')].map(each => each.clientWidth / each.clientHeight)"
        await self.seen(tab, f"{shapes}.every(shape => Math.abs(shape - 16 / 9) < 0.05)")
        notes = "[...document.querySelectorAll('.shot:has(img[src])')].map(each => each.innerText)"
        await self.seen(tab, f"{notes}.length > 0 && {notes}.every(note => note === '')")
        self.assertNotIn("secret", await tab.evaluate("document.body.innerText"))
        await self.what_pages_say_is_text(tab)
        self.assertEqual([each for each in self.complaints if "401" not in each and "403" not in each], [])
        self.assertEqual(await tab.evaluate("location.href"), f"http://{self.netloc}/")

    async def what_is_remembered(self, tab: Page) -> None:
        """See that there is a line for each number of the last hour, which the clients' number is drawn in."""
        lines = "[...document.querySelectorAll('#charts svg')]"
        fields = await tab.evaluate(f"{lines}.map(each => each.dataset.field)")
        self.assertEqual(fields, ["clients", "commands", "memory", "waiting", "errors"])
        await self.seen(tab, f"{lines}.every(each => /^M/.test(each.querySelector('.line').getAttribute('d')))")
        size = await tab.evaluate(f"(({{width, height}}) => [width, height])({lines}[0].getBoundingClientRect())")
        self.assertGreater(size[0], 100)
        self.assertGreater(size[1], 40)
        await self.seen(tab, f"/^Clients: \\d+ now/.test({lines}[0].getAttribute('aria-label'))")

    async def what_pages_say_is_text(self, tab: Page) -> None:
        text = '<img src=x onerror="window.harmed=1"> {price: 3}'
        await self.seen(tab, f"document.querySelector('#lines').innerText.includes({json.dumps(text)})")
        titles = await tab.evaluate("[...document.querySelectorAll('.title')].map(each => each.textContent)")
        self.assertTrue(any(title.startswith("Shop <img src=x onerror=") for title in titles), titles)
        markup = await tab.evaluate("document.querySelectorAll('img:not(.shot img), main script, [onerror]').length")
        self.assertEqual(markup, 0)
        self.assertEqual(await tab.evaluate("[window.harmed === undefined, document.title]"), [True, "txcdp gateway"])

    async def test_a_page_that_does_not_change_has_a_picture(self):
        await self.open()
        await self.page_of_shop.goto(self.server.page("/still", "<title>still</title><h1>Nothing moves"))
        await self.page_of_shop.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        tab = await self.look()
        await self.enter(tab)
        await self.seen(tab, "document.querySelector('#targets img[src]')?.naturalWidth > 100")

    async def test_a_session_is_ended(self):
        await self.open()
        tab = await self.look()
        await self.enter(tab)
        await self.seen(tab, "!!document.querySelector('#clients button')")
        gone = self.shop.connection.when_closed()
        await tab.evaluate("document.querySelector('#clients button').focus()")
        await self.type(tab, "")
        await self.seen(tab, "document.querySelector('#clients button').textContent === 'Really end?'")
        self.assertFalse(gone.called)
        await self.type(tab, "")
        self.assertIn("operator", str(await gone))
        await self.seen(tab, "!document.querySelector('#clients tr') && !document.querySelector('#no-clients').hidden")
        self.assertIn("is ended", await self.seen(tab, "said.textContent"))
        await self.seen(tab, "!document.querySelector('#targets li')")
        self.assertEqual(self.gateway.counters.ended, {"operator": 1})

    async def test_watching_ends_with_the_last_viewer_and_leaves_nothing_in_the_page(self):
        await self.open()
        tab = await self.look()
        await self.enter(tab)
        await self.seen(tab, "!!document.querySelector('#targets img[src]')")
        root = self.shop.session
        self.assertEqual(len(self.live.feed.viewers), 1)
        (watch,) = self.live.watching.browsers.values()
        line = watch._browser
        assert line is not None
        await tab.goto("about:blank")
        await self.until(lambda: not self.live.watching.browsers)
        await line.connection.when_closed()
        # The client's session is the only one that is left on its page.
        found = await root.execute_raw("Target.getTargets")
        attached = [each["attached"] for each in found["targetInfos"] if each["url"].endswith("/shop")]
        self.assertEqual(attached, [True])
        await self.page_of_shop.session.detach()
        found = await root.execute_raw("Target.getTargets")
        attached = [each["attached"] for each in found["targetInfos"] if each["url"].endswith("/shop")]
        self.assertEqual(attached, [False])

    async def test_a_page_that_is_watched_goes_on_as_if_nobody_looked(self):
        await self.open()
        ask = "String([document.visibilityState, document.hasFocus(), innerWidth, innerHeight, devicePixelRatio])"
        before = await self.page_of_shop.evaluate(ask)
        tab = await self.look()
        await self.enter(tab)
        await self.seen(tab, "!!document.querySelector('#targets img[src]')")
        self.assertEqual(await self.page_of_shop.evaluate(ask), before)
        (watch,) = self.live.watching.browsers.values()
        self.assertIn(self.page_of_shop.target_id, watch.targets)

    async def test_a_viewer_that_does_not_read(self):
        await self.open()
        hung: Any = await TCP4ClientEndpoint(reactor, "127.0.0.1", int(self.netloc.partition(":")[2])).connect(
            Factory.forProtocol(Protocol)
        )
        self.addCleanup(hung.transport.abortConnection)
        hung.transport.pauseProducing()
        request = f"GET /live/events HTTP/1.1\r\nHost: {self.netloc}\r\nAuthorization: Bearer {OPERATOR}\r\n\r\n"
        hung.transport.write(request.encode())
        await self.until(lambda: self.live.feed.viewers)
        viewer: Any = self.live.feed.viewers[0]
        lines = self.live.feed._tables.lines

        def say() -> bool:
            for number in range(200):
                lines.put(f"{number}", {"text": "x" * 5000, "at": reactor.seconds()})
            return viewer._paused is not None and reactor.seconds() - viewer._paused > 1

        await self.until(say)
        transport = viewer._request.channel.transport
        longest = 0
        for _ in range(20):
            say()
            await sleep(0.05)
            longest = max(longest, len(transport._tempDataBuffer) + len(transport.dataBuffer))
        self.assertLess(longest, 1_100_000)  # one message
        self.assertIsNotNone(viewer._paused)
        gone: Deferred[Any] = viewer._request.notifyFinish()
        hung.transport.abortConnection()
        await gone.addErrback(lambda _: None)
        self.assertEqual((self.live.feed.viewers, self.live.watching.browsers), ([], {}))

    async def test_without_tokens_nobody_is_asked(self):
        await self.start()
        self.live = LivePage(self.gateway, reactor)
        tab = await self.look()
        await self.seen(tab, "!main.hidden && !!document.querySelector('#browsers tr')")
        self.assertFalse(await tab.evaluate("document.querySelector('#no-clients').hidden"))
        self.assertEqual(await tab.evaluate("[sessionStorage.length, forget.hidden]"), [0, True])
        self.assertEqual(self.complaints, [])
        # It goes on by itself when the line was lost, and says so meanwhile: for half a second, which is soon over.
        watching = "new MutationObserver(() => states.push(status.dataset.state)).observe(status, {attributes: true})"
        await tab.evaluate(f"{{ window.states = []; const status = document.querySelector('#status'); {watching} }}")
        for each in list(self.live.feed.viewers):
            each.end()
        await self.seen(tab, "states.includes('lost') && states.at(-1) === 'live'")
        self.assertEqual(json.loads(await tab.evaluate("JSON.stringify(Object.keys(localStorage))")), [])
