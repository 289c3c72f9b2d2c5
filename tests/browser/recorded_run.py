"""Records the guide's program that watches a page for errors, in a real browser.

``python -m tests.browser.recorded_run`` makes the recording again that tests run it from.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import types
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet import endpoints
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Site

import txcdp
from txcdp._reactor import AnyReactor, whole
from txcdp.browser import Browser
from txcdp.recording import JsonLines, Recorder

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "data" / "recordings" / "errors.jsonl"
URL = "http://shop.example/"

_PAGE = b"""<!doctype html><title>Shop</title><link rel=icon href="data:,"><h1>Shop</h1><img src=missing.png>
<script>console.error('stock is low'); setTimeout(() => { throw new Error('no price') }, 50)</script>"""


class _Shop(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.setHeader("content-type", "text/html; charset=utf-8")
        if request.path != b"/":
            request.setResponseCode(404)
            return b""
        return _PAGE


def errors_of() -> Callable[[Browser, str], Coroutine[Deferred[Any], Any, list[str]]]:
    """Return the guide's program, as it is on its page."""
    from tests.project.test_docs import blocks

    (text,) = (
        each.text
        for each in blocks(ROOT / "docs" / "howto" / "testing.rst")
        if "def errors_of" in each.text and "react(main)" in each.text
    )
    module = types.ModuleType("guide")
    exec(compile(text.replace("react(main)\n", ""), "guide", "exec"), module.__dict__)
    found: Callable[[Browser, str], Coroutine[Deferred[Any], Any, list[str]]] = module.__dict__["errors_of"]
    return found


async def record(reactor: AnyReactor, directory: Path) -> list[str]:
    """Run the program in a browser of its own, and record it; return what it has found."""
    port = await endpoints.TCP4ServerEndpoint(whole(reactor), 0, interface="127.0.0.1").listen(Site(_Shop()))
    try:
        rule = f"--host-resolver-rules=MAP shop.example 127.0.0.1:{port.getHost().port}"
        async with await txcdp.launch(reactor, args=[rule]) as browser:
            recorder = Recorder(browser, JsonLines(directory), commands=True)
            await recorder.start()
            found = await errors_of()(browser, URL)
            await recorder.stop()
        return found
    finally:
        await port.stopListening()


async def _main(reactor: AnyReactor) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await record(reactor, Path(folder))
        _store(Path(folder))


def _store(folder: Path) -> None:
    (made,) = folder.iterdir()
    shutil.copyfile(made, STORED)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    react(_main)
