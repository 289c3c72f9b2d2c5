"""Tests of programs that have a browser: with trial, with pytest, and what is kept where they fail."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from tests.browser.support import BrowserTestCase, SharedBrowserTestCase
from tests.project.test_docs import PAGES, blocks
from txcdp import expect
from txcdp.testing._evidence import Evidence, folder_of

#: The programs of the guide.
GUIDE = [block.text for page in PAGES if page.name == "browser_tests.rst" for block in blocks(page)]

FAILING_CASE = """
from txcdp import expect
from txcdp.testing import BrowserTestCase

class Failing(BrowserTestCase):
    async def test_it(self):
        await self.page.set_content("<h1>Title</h1><script>console.log('said so')</script>")
        await expect(self.page.locator("h1"), timeout=0.2).to_have_text("Other")

    async def test_softly(self):
        await self.page.set_content("<h1>Title</h1>")
        await expect.soft(self.page, timeout=0.2).to_have_title("One")
        await expect.soft(self.page.locator("h1"), timeout=0.2).not_to_have_text("Title")
        print("went on")

    async def test_skipped(self):
        self.assertIsNotNone(self.page)
    test_skipped.skip = "not today"
"""

FAILING_FUNCTION = """
from txcdp import expect

async def test_it(page):
    await page.set_content("<h1>Title</h1>")
    await expect(page.locator("h1"), timeout=0.2).to_have_text("Other")

async def test_softly(page):
    await expect.soft(page, timeout=0.2).to_have_title("One")
    raise RuntimeError("after it")

async def test_softly_alone(page):
    await expect.soft(page, timeout=0.2).to_have_title("Alone")

async def test_an_error(context):
    assert context.pages == []
    raise RuntimeError("of its own")

def test_plain():
    pass

def test_without_async(page):
    assert page.url == "about:blank"
"""


def programs(path: str, files: dict[str, str]) -> Path:
    """Write programs into a folder, and return it."""
    folder = Path(path)
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


class Running(BrowserTestCase):
    """Runs of tests in processes of their own."""

    async def outcome(self, command: list[str], **files: str) -> tuple[str, int, Path]:
        """Return what a run says, its exit code, and where it ran."""
        folder = programs(self.mktemp(), files)
        environment = {
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        out, err, code = await getProcessOutputAndValue(
            sys.executable, ["-m", *command], env=environment, path=str(folder)
        )
        return (out + err).decode(), code, folder

    async def test_the_guides_programs_pass(self):
        pytest = ["pytest", "-p", "txcdp._pytest_plugin", "-W", "error", "-p", "no:cacheprovider"]
        said, code, _ = await self.outcome(pytest, test_case=GUIDE[0], test_functions=GUIDE[1])
        self.assertEqual(code, 0, said)
        self.assertIn("5 passed", said)

    async def test_trial(self):
        said, code, folder = await self.outcome(
            ["twisted.trial", "--temp-directory=t", "case", "failing"], case=GUIDE[0], failing=FAILING_CASE
        )
        self.assertEqual(code, 1, said)
        self.assertIn("FAILED (skips=1, errors=2, successes=3)", said)
        self.assertIn("received: 'Title'", said)
        self.assertIn("went on", said)
        self.assertIn("2 expectations were not met:", said)
        self.assertIn("was expected not to have text", said)
        kept = folder / "t" / "test-results" / "failing.Failing.test_it"
        self.assertIn("info: said so", (kept / "console.txt").read_text())
        self.assertEqual(len(list(kept.parent.iterdir())), 2)

    async def test_pytest_says_where_it_is_kept(self):
        pytest = ["pytest", "-p", "txcdp._pytest_plugin", "-p", "no:cacheprovider", "--kept-in=kept"]
        said, code, folder = await self.outcome(pytest, test_failing=FAILING_FUNCTION)
        self.assertEqual(code, 1, said)
        self.assertIn("4 failed, 2 passed, 1 warning", said)
        self.assertIn("test_without_async has page and is not a coroutine function: nothing in it is awaited", said)
        self.assertIn("RuntimeError: after it", said)
        self.assertIn("before that: the page was expected to have the title", said)
        self.assertIn("expected: 'Alone'", said)
        self.assertIn(f"What the pages showed and said is in {folder.absolute() / 'kept'}", said)
        kept = folder / "kept" / "test_failing.py-test_it"
        self.assertEqual((kept / "page-1.yaml").read_text(), '# about:blank\n- heading "Title" [level=1]\n')
        self.assertEqual((kept / "page-1.png").read_bytes()[:4], b"\x89PNG")
        self.assertTrue((folder / "kept" / "test_failing.py-test_an_error").is_dir())


class Keeping(SharedBrowserTestCase):
    """What is kept."""

    async def test_pages_console_and_exchanges(self):
        context = await self.context()
        evidence = Evidence(context)
        self.addCleanup(evidence.stop)
        page: Any = await context.new_page()
        self.server.page("/missing", "gone", status=404)
        url = self.server.page(
            "/shop",
            "<h1>Shop</h1><script>console.warn('low on\\nbread');"
            "addEventListener('error', () => document.title = 'failed');"
            "fetch('/missing').then(() => setTimeout(() => { throw new Error('not caught') }))</script>",
        )
        await page.goto(url)
        await expect(page).to_have_title("failed")
        folder = Path(self.mktemp())
        files = await evidence.save(folder)
        self.assertEqual([each.name for each in files], ["page-1.png", "page-1.yaml", "console.txt", "exchanges.txt"])
        self.assertEqual((folder / "page-1.yaml").read_text(), f'# {url}\n- heading "Shop" [level=1]\n')
        console = (folder / "console.txt").read_text()
        self.assertRegex(console, r"(?m)^[\d:.]+ warning: low on\n    bread$")
        self.assertRegex(console, r"(?m)^[\d:.]+ uncaught: Error: not caught$")
        exchanges = (folder / "exchanges.txt").read_text()
        self.assertIn(f"GET {url}: 200", exchanges)
        self.assertTrue(re.search(r"GET http\S+/missing: 404", exchanges), exchanges)

    async def test_a_page_that_is_gone_is_left_out(self):
        context = await self.context()
        evidence = Evidence(context)
        self.addCleanup(evidence.stop)
        await context.close()
        folder = Path(self.mktemp())
        self.assertEqual([each.name for each in await evidence.save(folder)], ["console.txt", "exchanges.txt"])

    def test_folders(self):
        self.assertEqual(folder_of("a/test_b.py::T::test_c[x y-1]", Path("r")), Path("r/a-test_b.py-T-test_c-x-y-1"))
        self.assertEqual(folder_of("../..", Path("r")).parent, Path("r"))
