"""Crawls documentation that was not written for it, with all of the network on, and compares with the servers' logs.

::

    python -m tests.lab.benchmarks.network.crawl [--pages N] [--tabs N] [--cache] [--har FILE] [TREE...]

A TREE is a folder with an index.html; without any, three of Debian's packages of documentation are downloaded, by
``apt-get``, into the user's cache. Each is served by a server of its own, which writes a log. In one context whose
exchanges are followed, with a HAR of all bodies and routes at both stages, their pages are visited, many at a time.
Then each line of the logs has to be an entry of the HAR with the same status and size, and the other way round; each
exchange has begun once and ended once; nothing is paused, waits or is under way; and memory has to be flat from a
third of the pages on.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

import txcdp
from tests.lab.benchmarks.pages import resident
from txcdp.errors import TxcdpError
from txcdp.network._interception import interception_of

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "txcdp-benchmarks" / "trees"
PACKAGES: Final = {
    "git-doc": "usr/share/doc/git-doc",
    "python3.11-doc": "usr/share/doc/python3.11/html",
    "sqlite3-doc": "usr/share/doc/sqlite3",
}

#: Bytes by which this process may grow from a third of the pages on.
FLAT: Final = 16_000_000

#: Pages that a tab visits before another one takes its place.
EACH_TAB: Final = 25

_LINE: Final = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/1\.[01]" (?P<status>\d+) (?P<size>\d+|-) ')


def trees() -> list[Path]:
    """Return documentation that is here, or comes from Debian."""
    found = []
    for name, folder in PACKAGES.items():
        if not (CACHE / name).is_dir():
            with tempfile.TemporaryDirectory() as temporary:
                try:
                    subprocess.run(["apt-get", "download", name], cwd=temporary, check=True, capture_output=True)
                except (OSError, subprocess.CalledProcessError) as error:
                    raise SystemExit(f"{name} cannot be downloaded here ({error}): name folders of HTML") from None
                (package,) = Path(temporary).glob("*.deb")
                CACHE.mkdir(parents=True, exist_ok=True)
                subprocess.run(["dpkg", "-x", str(package), str(CACHE / name)], check=True)
        found.append(CACHE / name / folder)
    return found


def serve(tree: Path, log: Path) -> tuple[str, subprocess.Popen[str]]:
    """Serve a folder; return its URL, and the process."""
    command = [sys.executable, "-m", f"{__package__}.site", str(tree), str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return f"http://127.0.0.1:{process.stdout.readline().strip()}", process


#: Requests by their methods, paths, statuses and sizes.
Requests = Counter[tuple[str, str, int, int]]


def logged(log: Path) -> Requests:
    """Return what a server says that it was asked, and what it has sent, but for icons that browsers ask for."""
    found: Requests = Counter()
    rotated = sorted(log.parent.glob(f"{log.name}*"))
    for line in "".join(each.read_text() for each in rotated).splitlines():
        said = _LINE.search(line)
        assert said is not None, line
        if said["path"] != "/favicon.ico":
            size = 0 if said["size"] == "-" else int(said["size"])
            found[said["method"], said["path"], int(said["status"]), size] += 1
    return found


def recorded(har: Path, url: str) -> Requests:
    """Return what a HAR says of a server, but for what came from a cache, and icons; -1: no size is told."""
    found: Requests = Counter()
    for entry in json.loads(har.read_text())["log"]["entries"]:
        request, response = entry["request"], entry["response"]
        if not request["url"].startswith(f"{url}/") or "_fromCache" in entry:
            continue
        parts = urlsplit(request["url"])
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if path != "/favicon.ico":
            found[request["method"], path, response["status"], response["bodySize"]] += 1
    return found


class Crawl:
    """One crawl, and what was counted in it."""

    def __init__(self, urls: list[str], pages: int) -> None:
        self._urls = iter(urls[:pages])
        self.visited = self.begun = self.ended = self.failed = self.stopped = 0
        self.rows: list[tuple[int, int]] = []
        self._every = max(pages // 12, 1)

    def follow(self, exchange: txcdp.Exchange) -> None:
        """Count an exchange, and its end."""
        self.begun += 1
        exchange.when_finished().addCallback(self._end)

    def _end(self, exchange: txcdp.Exchange) -> None:
        self.ended += 1
        self.failed += exchange.failure is not None

    def stop(self, route: txcdp.Route) -> Deferred[None]:
        """Let a request, or a response, go on."""
        self.stopped += 1
        return route.continue_()

    async def run(self, context: txcdp.BrowserContext, cached: bool) -> None:
        """Visit what is left, in tabs one after the other."""
        while True:
            async with await context.new_page() as page:
                await page.set_cache_enabled(cached)
                for _ in range(EACH_TAB):
                    url = next(self._urls, None)
                    if url is None:
                        return
                    try:
                        await page.goto(url, timeout=120)
                        await page.network_idle(idle=0.05, timeout=120)
                    except TxcdpError as error:
                        print(f"{url}: {error}")
                    self.visited += 1
                    if self.visited % self._every == 0:
                        self.tell(context)

    def tell(self, context: txcdp.BrowserContext) -> None:
        """Print, and keep, how much memory there is."""
        gc.collect()
        ours = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        process = context.browser.process
        browser = resident(process.pid) * 1024 if process is not None and process.pid is not None else 0
        self.rows.append((self.visited, ours))
        print(f"{self.visited:5} pages {self.begun:6} exchanges: {ours / 1e6:.1f} MB, browser {browser / 1e6:.0f} MB")


def waiting(context: txcdp.BrowserContext) -> dict[str, int]:
    """Return how much of each kind waits, or is under way, on our side."""
    connection = context.browser.connection
    paused = sum(len(interception_of(each)._waiting) for each in connection.sessions)
    gc.collect()
    exchanges = [each for each in gc.get_objects() if isinstance(each, txcdp.Exchange)]
    open_ones = [each for each in exchanges if not each.finished]
    return {
        "commands": len(connection._dispatcher.pending),
        "paused": paused,
        "exchanges that have not ended": len(open_ones),
        "exchanges in memory": len(exchanges),
        "sessions": len(connection.sessions) - 1,
    }


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Crawl, and judge."""
    good = True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sites = []
        for number, tree in enumerate(options.trees or trees()):
            url, process = serve(tree, folder / f"{number}.log")
            stack.callback(process.wait)
            stack.callback(process.terminate)
            sites.append((url, tree, folder / f"{number}.log"))
        lists = [[f"{url}/{each.relative_to(tree)}" for each in sorted(tree.rglob("*.html"))] for url, tree, _ in sites]
        urls = [each for turn in zip(*(_endless(each, options.pages) for each in lists), strict=True) for each in turn]
        har = options.har or folder / "crawl.har"
        crawl = Crawl(urls, options.pages)
        async with await txcdp.launch(reactor, timeout=120) as browser, await browser.new_context() as context:
            context.exchanges.subscribe(crawl.follow)
            await context.route("**/*.css", crawl.stop, timeout=None)
            await context.route("**/*.{png,svg,gif}", crawl.stop, stage="response", timeout=None)
            recording = await context.record_har(har, secrets=True)
            await gatherResults(
                [Deferred.fromCoroutine(crawl.run(context, options.cache)) for _ in range(options.tabs)]
            )
            await recording.stop()
            crawl.tell(context)
            left = waiting(context)
        print(
            json.dumps({"visited": crawl.visited, "begun": crawl.begun, "ended": crawl.ended, "failed": crawl.failed})
        )
        print(json.dumps({"entries": recording.entries, "left": left}))
        good &= crawl.begun == crawl.ended and left["paused"] == left["exchanges that have not ended"] == 0
        for url, tree, log in sites:
            said, found = logged(log), recorded(har, url)
            _match_untold(said, found)
            lost = _match_given_up(said, found)
            print(
                json.dumps(
                    {"site": tree.name, "log": said.total(), "HAR": found.total(), "equal": said == found, "lost": lost}
                )
            )
            for each in sorted((said - found).items())[:5]:
                print("  in the log alone:", each)
            for each in sorted((found - said).items())[:5]:
                print("  in the HAR alone:", each)
            good &= said == found and lost <= options.pages // EACH_TAB + options.tabs
        third = next(size for visited, size in crawl.rows if visited >= options.pages // 3)
        grown = crawl.rows[-1][1] - third
        good &= grown < FLAT
        print(json.dumps({"grown_mb": round(grown / 1e6, 1), "har_mb": round(har.stat().st_size / 1e6, 1)}))
    print("as promised" if good else "NOT as promised")
    if not good:
        raise SystemExit(1)


def _match_untold(said: Requests, found: Requests) -> None:
    """Take those away from both of which the browser has dropped the body, and tells no size: scripts that are 404."""
    for entry in [each for each in found if each[-1] < 0]:
        for line in [each for each in said if each[:-1] == entry[:-1]]:
            number = min(said[line], found[entry])
            said[line] -= number
            found[entry] -= number


def _match_given_up(said: Requests, found: Requests) -> int:
    """Take icons away from both that the browser has given up with their page, while the server was sending them.

    :returns: how many of them the log alone has: their page was closed before the browser told of them.
    """
    lost = 0
    for entry in [each for each in found if each[2] == 0]:
        for line in [each for each in said if each[:2] == entry[:2]]:
            more = said[line] - found[line]
            number = min(more, found[entry])
            said[line] -= number
            found[entry] -= number
            lost += more - number
            said[line] -= more - number
    return lost


def _endless(listed: list[str], number: int) -> list[str]:
    """Return a list that is repeated until it has so many."""
    return (listed * (number // len(listed) + 1))[:number]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="*", type=Path, metavar="TREE")
    parser.add_argument("--pages", type=int, default=1000, help="to visit (default: %(default)s)")
    parser.add_argument("--tabs", type=int, default=4, help="at a time (default: %(default)s)")
    parser.add_argument("--cache", action="store_true", help="with the browser's cache")
    parser.add_argument("--har", type=Path, help="where the recording is to stay")
    given = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, given)))
