"""Secrets stay secret with a real browser: a page's address, its cookies, what is typed, what the tool complains of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import formatEvent, globalLogPublisher

import txcdp
from tests.browser.support import BrowserTestCase, reactor, refusing_port
from tests.browser.support_programs import python
from txcdp.domains import fetch, input, network
from txcdp.errors import EvaluationError, LaunchError, NavigationError, NavigationTimeout

SECRET = "hunter2-s3cr3t"
FORGED = "\r\n2026-11-21T00:00:00+0000 [forged] all is well \x1b[31m"


def executable(path: str, text: str) -> str:
    """Write a shell script, and return its absolute path."""
    script = Path(path).absolute()
    script.write_text(f"#!/bin/sh\n{text}")
    script.chmod(0o700)
    return str(script)


class SecretCase(BrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.logged: list[Any] = []
        observer: Any = self.logged.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def assert_secret(self, *shown: object) -> None:
        texts = [text for each in shown for text in (str(each), repr(each))]
        for each in self.logged:
            if (formatEvent(each) or "").startswith('"127.0.0.1" - - ['):
                continue  # the web server of these tests
            failure = each.get("log_failure")
            texts += [formatEvent(each), *map(repr, each.values())]
            texts += [failure.getTraceback()] if failure is not None else []
        for text in texts:
            self.assertNotIn(SECRET, text)


class BrowserSecretTests(SecretCase):
    async def test_a_conversation(self):
        page = await self.page(env={"A_TOKEN": SECRET})
        session, connection = page.session, self.browser.connection
        url = self.server.page("/shop", f"<input id=password><p>{SECRET}</p>", set_cookie=f"sid={SECRET}; HttpOnly")
        requests: list[Any] = []
        page.events(network.RequestWillBeSent).subscribe(requests.append)
        await page.goto(f"{url}?token={SECRET}#{SECRET}")
        await session.execute(network.set_extra_http_headers(headers={"Authorization": f"Bearer {SECRET}"}))
        await page.evaluate(f"document.querySelector('input').focus() || '{SECRET}'")
        await session.execute(input.insert_text(text=SECRET))
        body = await session.execute(network.get_response_body(request_id=requests[0].request_id))
        self.assertIn(SECRET, body.body)
        await page.evaluate(f"fetch('/shop', {{method: 'POST', body: '{SECRET}'}}).then(r => r.status)")
        refused = await self.fails(session.execute(fetch.get_response_body(request_id=SECRET)), txcdp.CommandError)
        context = await self.browser.new_context()
        self.assert_secret(
            page, session, connection, self.browser, self.browser.process, context, connection.transport,
            connection.transport.describe(), connection.stats, connection.stats.as_dict(), type(refused),
        )  # fmt: skip

    async def test_pages_that_cannot_be_loaded(self):
        page = await self.page()
        where = f"127.0.0.1:{refusing_port()}/x?token={SECRET}"
        for url in (f"http://{where}", f"http://user:{SECRET}@{where}#{SECRET}"):
            error = await self.fails(page.goto(url), NavigationError)
            self.assertEqual(error.url, url)
            self.assert_secret(error)
        self.server.held("/slow")
        late = await self.fails(page.goto(self.server.url(f"/slow?token={SECRET}"), timeout=0.5), NavigationTimeout)
        self.assert_secret(late)

    async def test_what_a_page_says_forges_no_line(self):
        page = await self.page()
        await page.goto(self.server.page("/evil", "<title>x</title>"))
        await page.evaluate(f"document.title = {FORGED!r}")
        error = await self.fails(page.evaluate(f"(() => {{ throw new Error({FORGED!r}) }})()"), EvaluationError)
        for line in str(error).split("\n")[1:]:
            self.assertTrue(line.startswith("    "), line)
        for text in (str(error), repr(error), repr(page), repr(page.session)):
            self.assertNotIn("\x1b", text)
            self.assertNotIn("\r", text)
        with self.assertRaises(EvaluationError):
            await page.evaluate(f"Promise.reject({FORGED!r})")

    async def test_a_browser_that_does_not_start(self):
        script = executable(self.mktemp(), "printf 'no\\033[31m\\r\\n2026-11-21 [forged]\\n' >&2\nexit 3\n")
        error = await self.fails(txcdp.launch(reactor, script, env={"A_TOKEN": SECRET}), LaunchError)
        self.assert_secret(error)
        self.assertNotIn("\x1b", str(error))
        self.assertNotIn("\r", str(error))
        for line in str(error).split("\n")[1:]:
            self.assertTrue(line.startswith("    "), line)


class ToolTests(SecretCase):
    """``txcdp`` complains on standard error, which people keep in logs."""

    async def tool(self, *arguments: str) -> tuple[str, str]:
        command = [*python(), "-m", "txcdp", *arguments]
        out, err, _ = await getProcessOutputAndValue(command[0], command[1:], env=dict(os.environ), reactor=reactor)
        self.assertTrue(err)
        self.assert_secret(err.decode())
        self.assertNotIn("\x1b", err.decode())
        return out.decode(), err.decode()

    async def test_no_browser_there(self):
        port = refusing_port()
        await self.tool("watch", "--browser", f"ws://127.0.0.1:{port}/devtools/x?token={SECRET}", "about:blank")
        await self.tool("targets", "--browser", f"http://127.0.0.1:{port}/?token={SECRET}")
        await self.tool("version", "--browser", f"ws://user:{SECRET}/@127.0.0.1:{port}/")

    async def test_a_page_that_cannot_be_loaded(self):
        url = f"http://user:{SECRET}@127.0.0.1:{refusing_port()}/x?token={SECRET}"
        _, err = await self.tool("watch", "--no-color", url)
        self.assertIn("ERR_CONNECTION_REFUSED", err)
