"""Bodies, uploads and lists that are large: what arrives of them, what they cost, and how much memory they take here.

::

    python -m tests.lab.benchmarks.network.load [WHAT]... [--megabytes N] [--bodies N] [--patterns N]

``stream``: 1 GB of a body as chunks; memory of this process may grow by 64 MB. ``slow``: the same for one who takes
what comes by a queue, slower than it comes: memory has the same bound, and either all arrives, or the stream fails and
says so. ``bodies``: 5,000 bodies at once, each by its chunks, which have to be the server's. ``upload``: 100 MB that a
page sends. ``block``: a list of 60,000 patterns: how long it takes to be set, and what it costs requests and documents.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

import txcdp
from tests.lab.benchmarks.network.crawl import serve
from tests.lab.benchmarks.network.site import PIECE
from txcdp.errors import TxcdpError
from txcdp.streams import queue

#: Bytes by which this process may grow.
MOST: Final = 64_000_000

#: Among which 5,000 bodies at once are shared.
PAGES: Final = 5

#: Reads a body piece by piece, and returns how long it was.
READ: Final = """async url => {
    let size = 0;
    const reader = (await fetch(url)).body.getReader();
    for (let read; !(read = await reader.read()).done;) size += read.value.length;
    return size;
}"""


def own_memory() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Watch:
    """How this process's memory grows, and its processor's time, from now on."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._before = self.most = own_memory()
        self._cpu = time.process_time()
        self._call = reactor.callLater(0.05, self._look)

    def _look(self) -> None:
        self.most = max(self.most, own_memory())
        self._call = self._reactor.callLater(0.05, self._look)

    def end(self, **facts: Any) -> int:
        """Print what was found, and return by how much memory had grown at the most."""
        self._call.cancel()
        grown = max(self.most, own_memory()) - self._before
        print(
            json.dumps({**facts, "grown_mb": round(grown / 1e6, 1), "cpu": round(time.process_time() - self._cpu, 2)})
        )
        return grown


def checked(size: int) -> Callable[[bytes], None]:
    """Return what takes a body of the server's, piece by piece; it raises where one is not as it was sent."""
    at = 0
    twice = PIECE * 2

    def take(chunk: bytes) -> None:
        nonlocal at
        while chunk:
            begin = at % len(PIECE)
            piece, chunk = chunk[: len(PIECE)], chunk[len(PIECE) :]
            assert twice[begin : begin + len(piece)] == piece, f"other bytes at {at}"
            at += len(piece)
            take.received = at  # type: ignore[attr-defined]

    take.received = 0  # type: ignore[attr-defined]
    return take


class Load:
    """What is tried, each in a page of its own."""

    def __init__(self, reactor: Any, browser: txcdp.Browser, url: str, options: argparse.Namespace) -> None:
        self._reactor = reactor
        self._browser = browser
        self._url = url
        self._options = options

    async def stream(self, slow: bool = False) -> bool:
        """Take a body as chunks."""
        size = self._options.megabytes * 1_000_000
        async with await self._browser.new_page(f"{self._url}/") as page:
            take = checked(size)
            ended: Deferred[None] = Deferred()

            async def slowly(exchange: txcdp.Exchange) -> None:
                async for chunk in queue(exchange.chunks, maxsize=64, overflow="pause"):
                    take(chunk)
                    await deferLater(self._reactor, 0.002)

            def begun(exchange: txcdp.Exchange) -> None:
                if slow:
                    Deferred.fromCoroutine(slowly(exchange)).addCallbacks(ended.callback, ended.errback)
                else:
                    exchange.chunks.subscribe(take, ended.errback, lambda: ended.callback(None))

            watch = Watch(self._reactor)
            listening = page.exchanges.filter(lambda each: "/-/stream" in each.url).subscribe(begun)
            read = await page.evaluate(READ, f"{self._url}/-/stream?n={size}")
            error = ""
            try:
                await ended
            except TxcdpError as failure:
                error = f"{type(failure).__name__}: {failure}"
            listening.dispose()
        received: int = take.received  # type: ignore[attr-defined]
        what = "slow" if slow else "stream"
        grown = watch.end(what=what, bytes=size, page=read, received=received, error=error)
        return grown < MOST and read == size and (received == size or (slow and bool(error)))

    async def slow(self) -> bool:
        """Take a body more slowly than it comes."""
        return await self.stream(slow=True)

    async def bodies(self) -> bool:
        """Take many bodies at a time."""
        number = self._options.bodies
        wrong: list[str] = []
        crcs: dict[str, int] = {}
        ended: list[Deferred[None]] = []

        def begun(exchange: txcdp.Exchange) -> None:
            url = exchange.url
            if "/-/body" not in url:
                return
            crcs[url] = 0
            done: Deferred[None] = Deferred()
            ended.append(done)

            def take(chunk: bytes) -> None:
                crcs[url] = zlib.crc32(chunk, crcs[url])

            def failed(error: Exception) -> None:
                wrong.append(f"{url}: {error!r}")
                done.callback(None)

            exchange.chunks.subscribe(take, failed, lambda: done.callback(None))

        sizes = [1 + each * 37 % 60_000 for each in range(number)]
        async with await self._browser.new_context() as context:
            # A renderer has no more than some 1,390 requests under way: the others fail at once.
            shares = [list(enumerate(sizes))[begin::PAGES] for begin in range(PAGES)]
            pages = [await context.new_page(f"{self._url}/") for _ in shares]
            watch = Watch(self._reactor)
            context.exchanges.subscribe(begun)
            script = (
                "([url, share]) => Promise.all(share.map(([k, n]) => fetch(`${url}?n=${n}&k=${k}`)"
                ".then(a => a.arrayBuffer()))).then(all => all.reduce((sum, each) => sum + each.byteLength, 0))"
            )
            asked = [page.evaluate(script, [f"{self._url}/-/body", each]) for page, each in zip(pages, shares)]
            total = sum(await gatherResults(asked))
            await gatherResults(ended)
        expected = {f"{self._url}/-/body?n={n}&k={k}": _crc(n) for k, n in enumerate(sizes)}
        other = sum(crcs.get(url) != crc for url, crc in expected.items())
        watch.end(what="bodies", number=number, page=total, others=other, errors=len(wrong), first=wrong[:2])
        return total == sum(sizes) and not other and not wrong

    async def upload(self) -> bool:
        """Have a page send much."""
        size = 100_000_000
        async with await self._browser.new_page(f"{self._url}/") as page:
            watch = Watch(self._reactor)
            script = "([url, size]) => fetch(url, {method: 'POST', body: new Uint8Array(size)}).then(a => a.text())"
            ended = page.wait_for_exchange(lambda each: "/-/upload" in each.url and each.finished, timeout=None)
            said = await page.evaluate(script, [f"{self._url}/-/upload", size])
            sizes = await (await ended).request.sizes()
        grown = watch.end(what="upload", said=said, told=sizes["requestBodySize"])
        return str(said).startswith(f"{size} ") and sizes["requestBodySize"] == size and grown < MOST

    async def block(self) -> bool:
        """Block by a list as long as those that are in use."""
        patterns = _patterns(self._options.patterns)
        script = """([url, n]) => (async () => { for (let k = 0; k < n; k++)
            await (await fetch(`${url}?n=10&k=${k}`)).text() })()"""
        good = True
        async with await self._browser.new_context() as context:
            page = await context.new_page(f"{self._url}/")
            found: dict[str, float] = {}
            for when in ("without", "with"):
                if when == "with":
                    cpu, began = time.process_time(), time.perf_counter()
                    await context.block(patterns)
                    found["set_cpu"] = round(time.process_time() - cpu, 3)
                    found["set_wall"] = round(time.perf_counter() - began, 2)
                cpu, began = time.process_time(), time.perf_counter()
                await page.evaluate(script, [f"{self._url}/-/body", 300])
                found[f"request_ms_{when}"] = round((time.perf_counter() - began) / 300 * 1e3, 2)
                found[f"request_cpu_us_{when}"] = round((time.process_time() - cpu) / 300 * 1e6)
                cpu = time.process_time()
                for _ in range(10):
                    await page.goto(f"{self._url}/")
                found[f"document_cpu_ms_{when}"] = round((time.process_time() - cpu) / 10 * 1e3, 2)
            refused = await page.evaluate("url => fetch(url).then(() => '', String)", f"{self._url}/-/ads{17:05}/x")
            good &= str(refused) == "TypeError: Failed to fetch"
            cpu, began = time.process_time(), time.perf_counter()
            await context.new_page(f"{self._url}/")
            found["new_page_cpu"] = round(time.process_time() - cpu, 3)
            found["new_page_wall"] = round(time.perf_counter() - began, 2)
        print(json.dumps({"what": "block", "patterns": len(patterns), "refused": bool(refused), **found}))
        return good


def _crc(size: int) -> int:
    return zlib.crc32((PIECE * (size // len(PIECE) + 1))[:size])


def _patterns(number: int) -> list[str]:
    """Return so many patterns, as lists of what is to be blocked have them."""
    chosen = random.Random(7)
    words = ["".join(chosen.choices("abcdefghijklmnopqrstuvwxyz", k=chosen.randint(4, 12))) for _ in range(4000)]
    kinds = ("*://{0}.{1}.example/*", "*/{0}-{1}-*", "*://*.{0}{1}.example/*", "*/{0}/{1}.js*", "*.{0}.example/*{1}=*")
    made = [chosen.choice(kinds).format(*chosen.sample(words, 2)) for _ in range(number - 100)]
    return [*made, *(f"*/ads{each:05}/*" for each in range(100))]


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Try, print, and judge."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.html").write_text("<!doctype html><link rel=icon href=data:,>here")
        url, server = serve(Path(folder), Path(folder) / "log")
        good = True
        try:
            async with await txcdp.launch(reactor, timeout=None) as browser:
                load = Load(reactor, browser, url, options)
                for what in options.what or WHAT:
                    good &= await getattr(load, what)()
        finally:
            server.terminate()
            server.wait()
    print("as promised" if good else "NOT as promised")
    if not good:
        raise SystemExit(1)


WHAT: Final = ("stream", "slow", "bodies", "upload", "block")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(WHAT)}; all by default")
    parser.add_argument("--megabytes", type=int, default=1000, help="of a streamed body (default: %(default)s)")
    parser.add_argument("--bodies", type=int, default=5000, help="at once (default: %(default)s)")
    parser.add_argument("--patterns", type=int, default=60_000, help="of a list (default: %(default)s)")
    given = parser.parse_args()
    if unknown := set(given.what) - set(WHAT):
        sys.exit(f"{', '.join(sorted(unknown))}: none of {', '.join(WHAT)}")
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, given)))
