"""The commands that open a page for one result, with a real Chromium: pictures, PDFs and what is in a page."""

# ruff: noqa: ASYNC240  (small files, and a test may wait for them)
from __future__ import annotations

import io
import json
import os
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.support import SharedBrowserTestCase, reactor, refusing_port
from tests.browser.test_cli_browser import PNG, CommandTestCase
from txcdp._deferreds import returns_deferred
from txcdp.cli._arguments import parser
from txcdp.cli._commands import _COMMANDS
from txcdp.cli._output import Output
from txcdp.errors import NavigationError, NavigationTimeout, SelectorError, TxcdpError

SHOP = """<!doctype html><title>Bells</title><h1>Bells &amp; whistles</h1><div id="box"></div>
<ul><li class="product"><h2>A <b>bell</b></h2><span class="price">5.00</span><a href="/bell?a=1">more</a></li>
<li class="product"><h2>A whistle</h2><span class="price">3.50</span></li></ul>
<style>#box { width: 120px; height: 60px } body { height: 2000px } body, h1 { margin: 0 }</style>
<script>document.title = navigator.language + matchMedia('(prefers-color-scheme: dark)').matches</script>"""
LATE = (
    "<p>soon<script>addEventListener('load', () => document.body.insertAdjacentHTML('beforeend', '<b>late'))</script>"
)


def pixels(data: bytes) -> tuple[int, int]:
    """Return the size of a PNG."""
    assert data.startswith(PNG)
    width, height = struct.unpack(">II", data[16:24])
    return width, height


class ResultTests(SharedBrowserTestCase):
    """They run within the test, in tabs of a browser that runs."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="one-shot-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.said = io.StringIO()
        self.patch(sys, "stderr", self.said)
        self.server.page("/shop", SHOP)

    async def run_here(self, *argv: str) -> tuple[int, str]:
        """Run a command with the shared browser, and see that the tab is closed again."""
        assert self.browser.process is not None
        before = {each.target_id for each in await self.browser.targets() if each.type == "page"}
        printed = io.StringIO()
        options = parser().parse_args([*argv, "--browser", self.browser.process.ws_url])
        try:
            code = await _COMMANDS[options.command](options, Output(printed))(reactor)
        finally:
            after = {each.target_id for each in await self.browser.targets() if each.type == "page"}
            self.assertEqual(after, before)
        return code, printed.getvalue()

    async def run_to_file(self, name: str, command: str, path: str, *argv: str) -> bytes:
        """Run a command that is to succeed, and return what it has written."""
        file = self.folder / name
        code, printed = await self.run_here(command, self.server.url(path), "-o", str(file), *argv)
        self.assertEqual((code, self.said.getvalue()), (0, ""))
        self.assertTrue(printed.startswith(f"{file}: "), printed)
        return file.read_bytes()

    async def fails_with(self, kind: type[BaseException], *argv: str) -> str:
        running: Any = returns_deferred(self.run_here)(*argv)
        return str(await self.assertFailure(running, kind))

    async def test_pictures(self) -> None:
        take = "screenshot", "/shop"
        self.assertEqual(pixels(await self.run_to_file("a.png", *take)), (1280, 720))
        size = "--viewport-size", "400x300"
        self.assertEqual(pixels(await self.run_to_file("a.png", *take, *size)), (400, 300))
        self.assertEqual(pixels(await self.run_to_file("a.png", *take, *size, "--full-page")), (400, 2000))
        self.assertEqual(pixels(await self.run_to_file("a.png", *take, "--selector", "#box")), (120, 60))
        self.assertEqual(pixels(await self.run_to_file("a.png", *take, "--clip", "0,0,50,40")), (50, 40))
        phone = "--device", "Pixel 7", "--scale", "css"
        self.assertEqual(pixels(await self.run_to_file("a.png", *take, *phone)), (412, 839))
        self.assertEqual((await self.run_to_file("a.jpg", *take, "--quality", "10"))[:2], b"\xff\xd8")
        self.assertEqual((await self.run_to_file("picture", *take, "--type", "webp"))[8:12], b"WEBP")

    async def test_papers(self) -> None:
        lying = "--format", "A5", "--landscape", "--margin", "1cm"
        data = await self.run_to_file("a.pdf", "pdf", "/shop", *lying, "--footer-template", "<b class=pageNumber></b>")
        self.assertTrue(data.startswith(b"%PDF"))
        self.assertRegex(data, rb"/MediaBox \[0 0 59\d[.\d]* (419|420)[.\d]*\]")
        data = await self.run_to_file(
            "a.pdf", "pdf", "/shop", "--width", "10cm", "--height", "20cm", "--page-ranges", "1"
        )
        self.assertEqual(data.count(b"/MediaBox"), 1)

    async def test_what_is_in_a_page(self) -> None:
        url = self.server.url("/shop")
        code, printed = await self.run_here("extract", url, "h1", ".price", "link:=a@href")
        found = {"h1": ["Bells & whistles"], ".price": ["5.00", "3.50"], "link": ["/bell?a=1"]}
        self.assertEqual((code, json.loads(printed)), (0, found))
        rows = "extract", url, "--each", ".product", "title:=h2", "price:=.price", "link:=a@href"
        code, printed = await self.run_here(*rows)
        self.assertEqual(
            json.loads(printed),
            [
                {"title": "A bell", "price": "5.00", "link": "/bell?a=1"},
                {"title": "A whistle", "price": "3.50", "link": None},
            ],
        )
        code, printed = await self.run_here(*rows, "--format", "csv")
        self.assertEqual(printed, "title,price,link\nA bell,5.00,/bell?a=1\nA whistle,3.50,\n")
        code, printed = await self.run_here("extract", url, ".price", "--format", "lines")
        self.assertEqual(printed, "5.00\n3.50\n")

    async def test_what_it_is_shown_on(self) -> None:
        shown = "--lang", "fr-FR", "--color-scheme", "dark"
        for more in ((), ("--geolocation", "1,2")):  # beside the others, and in a context of its own
            _, printed = await self.run_here("extract", self.server.url("/shop"), "title", *shown, *more)
            self.assertEqual(json.loads(printed), {"title": ["fr-FRtrue"]})

    async def test_a_selector_that_finds_nothing_is_said(self) -> None:
        code, printed = await self.run_here("extract", self.server.url("/shop"), "h1", ".nothing")
        self.assertEqual((code, json.loads(printed)[".nothing"]), (1, []))
        self.assertIn("nothing was found for .nothing; --wait-for-selector", self.said.getvalue())

    async def test_what_comes_late_is_waited_for(self) -> None:
        url = self.server.page("/late", LATE)
        waiting = "--wait-until", "commit", "--wait-for-selector", "b"
        self.assertEqual((await self.run_here("extract", url, "b", "--format", "lines", *waiting)), (0, "late\n"))

    async def test_a_page_that_is_an_error_is_taken_all_the_same(self) -> None:
        path = self.folder / "a.png"
        code, _ = await self.run_here("screenshot", self.server.url("/none"), "-o", str(path))
        self.assertEqual(code, 1)
        self.assertIn("answered 404", self.said.getvalue())
        self.assertTrue(path.read_bytes().startswith(PNG))

    async def test_what_goes_wrong_leaves_the_file_as_it_was(self) -> None:
        path = self.folder / "a.png"
        path.write_bytes(b"before")
        held = self.server.held("/held")
        to = "-o", str(path)
        shop = self.server.url("/shop")
        said = await self.fails_with(NavigationError, "screenshot", f"127.0.0.1:{refusing_port()}", *to)
        self.assertIn("ERR_CONNECTION_REFUSED", said)
        await self.fails_with(NavigationTimeout, "pdf", self.server.url("/held"), "--timeout", "0.5", *to)
        await self.fails_with(TxcdpError, "screenshot", shop, "--wait-for-selector", "#no", "--timeout", "0.5", *to)
        await self.fails_with(SelectorError, "screenshot", shop, "--selector", "((", *to)
        await self.fails_with(TxcdpError, "pdf", shop, "--page-ranges", "5-1", *to)
        held.release()
        self.assertEqual([each.name for each in self.folder.iterdir()], ["a.png"])
        self.assertEqual(path.read_bytes(), b"before")

    async def test_a_recording_replaces_another_one_when_it_is_whole(self) -> None:
        path = self.folder / "a.har"
        path.write_text("before")
        code, printed = await self.run_here("har", self.server.url("/shop"), "-o", str(path), "--lang", "fr-FR")
        self.assertEqual(code, 0)
        self.assertRegex(printed, r"a\.har: \d exchanges, ")
        (entry,) = [e for e in json.loads(path.read_text())["log"]["entries"] if e["request"]["url"].endswith("/shop")]
        sent = {each["name"].lower(): each["value"] for each in entry["request"]["headers"]}
        self.assertTrue(sent["accept-language"].startswith("fr-FR"), sent)
        self.assertEqual(os.listdir(self.folder), ["a.har"])


class ProcessTests(CommandTestCase):
    """As people run them: in a process, with a browser of their own, of which nothing stays behind."""

    async def test_standard_output_has_the_result_and_nothing_else(self) -> None:
        url = self.server.page("/shop", SHOP)
        command = await self.run_command("screenshot", url, "-o", "-", "--viewport-size", "40x30")
        self.assertEqual((command.code, command.err), (0, b""))
        self.assertEqual(pixels(command.out), (40, 30))
        command = await self.run_command("har", url, "-o", "-", "--pipe")
        self.assert_ended(command, 0)
        entries = json.loads(command.out)["log"]["entries"]
        self.assertIn(url, [each["request"]["url"] for each in entries])
        self.assert_nothing_left()

    async def test_a_signal_leaves_no_file_and_no_browser(self) -> None:
        held = self.server.held("/held")
        command = self.start("pdf", self.server.url("/held"), "-o", "a.pdf")
        await held.asked
        command.signal("INT")
        await command.gone
        self.assertEqual(command.code, 130)
        self.assertEqual([each for each in os.listdir(self.folder) if "pdf" in each], [])
        self.assert_nothing_left()

    async def test_a_browser_that_is_killed_is_said_in_a_line(self) -> None:
        browser = await self.launch()
        assert browser.process is not None
        held = self.server.held("/held")
        command = self.start("screenshot", self.server.url("/held"), "-o", "a.png", "--browser", browser.process.ws_url)
        await held.asked
        browser.process.kill()
        await command.gone
        self.assert_ended(command, 1, "connection")
        self.assertFalse(Path(self.folder, "a.png").exists())
