"""Ten thousand requests by Scrapy, 16 pages at a time: what is left of them, and what becomes of the memory.

    python -m tests.lab.crawl_soak [--requests N] [--seconds N] [--at-once N] [--kill]

Requests are of all kinds, in turns: pages with scripts, JSON, files, redirects, errors, jars of their own (more than
there may be contexts), pages that callbacks get, callbacks that raise, actions that cannot be done, answers that do not
come. There is a line at each twentieth of them; at the end nothing may be left, and nothing have grown: ``make crawl``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.lab.benchmarks import scrapy_crawl
from tests.lab.benchmarks.scrapy_crawl import PAGE, SCRIPT, SELECTOR, left_behind

ROOT = Path(__file__).resolve().parents[2]

#: Which kind a request is of, by its number: of a hundred, how many.
KINDS = (
    *["page"] * 50,
    *["json"] * 10,
    *["file"] * 5,
    *["redirect"] * 5,
    *["missing"] * 5,
    *["jar"] * 10,
    *["callback"] * 8,
    *["raises"] * 4,
    *["stuck"] * 2,
    *["never"] * 1,
)

#: How many jars there are, which is more than contexts.
JARS = 12

#: By how much the memory may be larger at the end than at the third sample: in MB and as a share.
GROWTH_MB, GROWTH = 15.0, 1.15


def site() -> Any:
    """Return what the server serves."""
    from twisted.web.resource import Resource
    from twisted.web.server import NOT_DONE_YET

    rows = json.dumps([f"row {number} " + "x" * 40 for number in range(50)]).encode()

    class Pages(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            kind, _, number = request.path.decode()[1:].partition("/")
            request.setHeader("cache-control", "max-age=600" if kind in ("style.css", "script.js") else "no-store")
            request.setHeader("content-type", "text/html; charset=utf-8")
            match kind:
                case "never":
                    return NOT_DONE_YET
                case "redirect":
                    request.setResponseCode(302)
                    request.setHeader("location", f"/page/{number}")
                    return b""
                case "missing":
                    request.setResponseCode(404)
                    return b"<p>missing"
                case "style.css" | "script.js" | "json" | "data" | "file":
                    types = {"style.css": "text/css", "script.js": "text/javascript", "file": "application/pdf"}
                    request.setHeader("content-type", types.get(kind, "application/json"))
                    texts = {"style.css": b"li { color: navy }", "script.js": SCRIPT.encode()}
                    return texts.get(kind, rows)
                case _:
                    request.addCookie(b"seen", number.encode())
                    return PAGE.format(number=number).encode()

    return Pages()


class Browsers:
    """Those of this process: their memory and how many processes they are.

    :ivar main: MB of the processes that start the others.
    :ivar all: MB of all, what they share counted once.
    :ivar processes: how many there are.
    """

    def __init__(self) -> None:
        children: dict[int, list[int]] = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(stat[1]), []).append(int(entry))
        found: list[float] = []
        self.main = 0.0
        waiting = list(children.get(os.getpid(), ()))
        first = set(waiting)
        while waiting:
            pid = waiting.pop()
            waiting += children.get(pid, [])
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            sizes = {name: int(rest.split()[0]) / 1024 for name, _, rest in (each.partition(":") for each in lines[1:])}
            found.append(sizes.get("Pss", 0.0))
            if pid in first:
                self.main += sizes.get("Rss", 0.0)
        self.all, self.processes = sum(found), len(found)


def sample() -> dict[str, Any]:
    """Return what there is now."""
    from twisted.internet import reactor

    left = left_behind()
    fields = Path("/proc/self/statm").read_text().split()
    browsers = Browsers()
    return {
        "python MB": round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
        "objects": len(gc.get_objects()),
        **left,
        "delayed calls": len(reactor.getDelayedCalls()),
        "browser MB": round(browsers.main, 1),
        "its processes": browsers.processes,
        "all their MB": round(browsers.all, 1),
    }


def asked(number: int, kind: str) -> tuple[str, dict[str, Any]]:
    """Return the path and the meta of a request."""
    wait = {"actions": [["wait_for", SELECTOR]]}
    meta: dict[str, Any] = {"kind": kind, "txcdp": True}
    match kind:
        case "page" | "redirect":
            meta["txcdp"] = {**wait, "extract": {"title": "title"}}
        case "jar":
            meta |= {"txcdp": wait, "cookiejar": number % JARS}
        case "callback" | "raises":
            meta["txcdp"] = {**wait, "include_page": True}
        case "stuck":
            meta["txcdp"] = {"actions": [["click", "#nothing", {"timeout": 0.5}]]}
        case "never":
            meta["download_timeout"] = 3
    path = kind if kind in ("json", "file", "redirect", "missing", "never") else "page"
    return f"{path}/{number}", meta


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return Scrapy's settings."""
    limit = [f"--renderer-process-limit={options.renderers}"] if options.renderers else []
    return {
        "ADDONS": {"txcdp.scrapy.Addon": 500},
        "LOG_LEVEL": "CRITICAL",
        "TELNETCONSOLE_ENABLED": False,
        "CONCURRENT_REQUESTS": options.at_once,
        "CONCURRENT_REQUESTS_PER_DOMAIN": options.at_once,
        "DOWNLOAD_DELAY": 0,
        "RETRY_ENABLED": options.kill,
        "TXCDP_LAUNCH": {"args": limit},
        "TXCDP_PAGES": options.at_once,
    }


def kill_browsers() -> None:
    """Kill what runs."""
    from txcdp.scrapy import _browsers

    for running in _browsers._running.values():
        browser = running._services[0].browser
        if browser is not None and browser.process is not None:
            os.kill(browser.process.pid, signal.SIGKILL)


def crawl(options: argparse.Namespace) -> None:
    """Crawl, with a line at each twentieth, and say what is left."""
    import scrapy
    from scrapy.crawler import CrawlerProcess
    from scrapy.utils.defer import maybe_deferred_to_future

    from txcdp.scrapy import _browsers, _handler, _pages, closing_page

    many, begun = options.requests, time.monotonic()
    ended: Counter[str] = Counter()
    samples: list[dict[str, Any]] = []

    def count(kind: str) -> None:
        ended[kind] += 1
        done = ended.total() - ended["asked"]
        if done % (many // 20) == 0:
            samples.append({"ended": done, **sample()})
            print(json.dumps(samples[-1]), flush=True)
        if options.kill and done == many // 2:
            kill_browsers()

    class Crawling(scrapy.Spider):
        name = "crawling"
        handle_httpstatus_list = (404,)

        async def start(self) -> Any:
            for number in range(many):
                if time.monotonic() - begun > options.seconds:
                    return
                ended["asked"] += 1
                path, meta = asked(number, KINDS[number * 37 % len(KINDS)])
                url = f"http://127.0.0.1:{options.port}/{path}"
                yield scrapy.Request(url, self.parse, meta=meta, errback=self.failed)

        async def parse(self, response: Any) -> Any:
            kind = response.meta["kind"]
            count(kind)
            if kind == "callback":
                with closing_page(response) as page:
                    title = await maybe_deferred_to_future(page.title())
                    assert title.startswith("page "), title
            elif kind == "raises":
                raise ZeroDivisionError
            elif kind in ("page", "redirect", "jar"):
                assert len(response.css("li")) == 50, response.text[:500]
            else:
                assert response.body, response
            yield {"url": response.url}

        def failed(self, failure: Any) -> None:
            kind = failure.request.meta["kind"]
            expected = {"stuck": "DownloadTimeoutError", "never": "DownloadTimeoutError"}.get(kind)
            count(kind if failure.type.__name__ == expected else f"{kind}: {failure.value!r}")

    process = CrawlerProcess(settings_of(options))
    crawler = process.create_crawler(Crawling)
    process.crawl(crawler)
    process.start()
    assert crawler.stats is not None
    stats = {name: value for name, value in crawler.stats.get_stats().items() if name.startswith("txcdp/")}
    end = {
        **sample(),
        "given pages": len(_pages._given),
        "renderers": len(_handler._renderers),
        "browsers": len(_browsers._running),
    }
    print(json.dumps({"ended": dict(ended), "stats": stats, "at the end": end}), flush=True)
    verdict(ended, samples, end)


def verdict(ended: Counter[str], samples: list[dict[str, Any]], end: dict[str, Any]) -> None:
    """Say what is wrong, and fail where something is."""
    many = ended.pop("asked")
    wrong = [each for each in ended if each not in KINDS]
    if ended.total() != many:
        wrong.append(f"{ended.total()} of {many} requests have ended")
    left = ("pages", "contexts", "deferreds", "delayed calls", "its processes", "given pages", "renderers", "browsers")
    wrong += [f"{name} left: {end[name]}" for name in left if end[name]]
    first, last = samples[min(2, len(samples) - 1)], samples[-1]
    wrong += [
        f"{name}: {first[name]} after {first['ended']} requests, {last[name]} at the end"
        for name in ("python MB", "browser MB")
        if last[name] > max(first[name] * GROWTH, first[name] + GROWTH_MB)
    ]
    print("\n".join(wrong) or "nothing is left, and nothing has grown", flush=True)
    sys.exit(bool(wrong))


def main() -> None:
    """Serve the site, and crawl it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no more are asked for")
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--renderers", type=int, default=4, help="how many processes the browser has for pages; 0: any")
    parser.add_argument("--kill", action="store_true", help="kill the browser in the middle")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        scrapy_crawl.serve(site())
        return
    if options.port:
        crawl(options)
        return
    again = [sys.executable, "-m", "tests.lab.crawl_soak"]
    served = subprocess.Popen([*again, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with served:
        assert served.stdout is not None
        assert served.stdin is not None
        port = served.stdout.readline().strip()
        done = subprocess.run([*again, *sys.argv[1:], "--port", port], check=False, cwd=ROOT)
        served.stdin.close()
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
