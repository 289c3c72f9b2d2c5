"""A crawl by Scrapy whose pages have scripts: txcdp.scrapy beside scrapy-playwright, in one run.

    python -m tests.lab.benchmarks.scrapy_crawl [--pages N] [--at-once N] [--renderers N] [--kill] [--peer PYTHON]

``--peer`` is the Python of an environment of its own with scrapy-playwright. ``--kill`` ends txcdp's browser by SIGKILL
in the middle. Each crawl is a process of its own against one site; its line has pages a second, CPU of Python and of a
driver beside it (not the browser's), of the browser, and the memory of Python and driver after a third and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]

PAGE = """<!doctype html><title>page {number}</title><link rel=stylesheet href=/style.css><h1>Page {number}</h1>
<ul id=list></ul><script src=/script.js></script>"""

SCRIPT = """fetch('/data?' + location.pathname).then(answer => answer.json()).then(rows => {
    for (const row of rows) {
        const item = document.createElement('li');
        item.textContent = row;
        document.getElementById('list').append(item);
    }
    document.body.dataset.done = 'yes';
});"""


def serve(site: Any = None) -> None:
    """Serve a site, and say at which port; it ends with its standard input.

    :param site: a resource; None: that of this crawl.
    """
    from twisted.internet import reactor as running
    from twisted.internet import stdio
    from twisted.internet.protocol import Protocol
    from twisted.web.resource import Resource
    from twisted.web.server import Site

    reactor: Any = running

    class Pages(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            path = request.path.decode()
            kind, text = {
                "/style.css": ("text/css", "li { color: navy }"),
                "/script.js": ("text/javascript", SCRIPT),
                "/data": ("application/json", json.dumps([f"row {number} " + "x" * 40 for number in range(50)])),
                "/favicon.ico": ("image/x-icon", ""),
            }.get(path, ("text/html; charset=utf-8", PAGE.format(number=path.rpartition("/")[2])))
            request.setHeader("content-type", kind)
            request.setHeader("cache-control", "max-age=600" if path in ("/style.css", "/script.js") else "no-store")
            return text.encode()

    class Input(Protocol):
        def connectionLost(self, reason: Any = None) -> None:
            reactor.stop()

    port = reactor.listenTCP(0, Site(site or Pages()), interface="127.0.0.1")
    stdio.StandardIO(Input())
    print(port.getHost().port, flush=True)
    reactor.run()


# A crawl:

SELECTOR = "body[data-done]"

#: By the peer: settings, and the meta of a request.
PEERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "txcdp": (
        {"ADDONS": {"txcdp.scrapy.Addon": 500}},
        {"txcdp": {"actions": [["wait_for", SELECTOR]]}},
    ),
    "playwright": (
        {
            "DOWNLOAD_HANDLERS": {"http": "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"},
            "PLAYWRIGHT_LAUNCH_OPTIONS": {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox"]},
        },
        {"playwright": True},
    ),
}


class Usage:
    """What the processes of this crawl have used: Python and a driver, and the browser."""

    def __init__(self) -> None:
        self.ours, self.browsers, self.memory = 0.0, 0.0, 0.0
        children: dict[int, list[int]] = {}
        told: dict[int, tuple[float, float, bool]] = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                command = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry))
            is_browser = b"chrom" in command.split(b"\0")[0]
            # A browser's with what those have used that have ended: it ends the processes of its pages.
            seconds = sum(map(int, fields[11 : 15 if is_browser else 13])) / os.sysconf("SC_CLK_TCK")
            pages = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            told[int(entry)] = (seconds, pages, is_browser)
        waiting = [os.getpid()]
        while waiting:
            pid = waiting.pop()
            seconds, pages, is_browser = told.get(pid, (0.0, 0.0, True))
            if is_browser:
                self.browsers += seconds
            else:
                self.ours += seconds
                self.memory += pages
            waiting += children.get(pid, [])


def wanted(peer: str, options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of a crawl, and what its requests have in their meta."""
    settings, meta = PEERS[peer]
    if peer == "txcdp" and options.renderers:
        settings = {**settings, "TXCDP_LAUNCH": {"args": [f"--renderer-process-limit={options.renderers}"]}}
    if peer == "playwright":
        from scrapy_playwright.page import PageMethod

        meta = {**meta, "playwright_page_methods": [PageMethod("wait_for_selector", SELECTOR)]}
    return settings, meta


def crawl(peer: str, options: argparse.Namespace) -> None:
    """Crawl, and print a line."""
    import scrapy
    from scrapy.crawler import CrawlerProcess

    settings, meta = wanted(peer, options)
    pages, at_once, port = options.pages, options.at_once, options.port
    items: list[str] = []
    marks: dict[str, Any] = {}

    class Crawling(scrapy.Spider):
        name = "crawling"

        async def start(self) -> Any:
            for number in range(pages):
                yield scrapy.Request(f"http://127.0.0.1:{port}/{number}", meta=dict(meta))

        def parse(self, response: Any) -> Any:
            if not items:
                marks["begin"] = (time.perf_counter(), Usage())
            items.append(response.url)
            assert len(response.css("li")) == 50, response.text[:500]
            if len(items) == pages // 3:
                marks["third"] = Usage()
                if options.kill:
                    self.end_browser()
            if len(items) == pages:
                marks["end"] = (time.perf_counter(), Usage())
            yield {"url": response.url}

        def end_browser(self) -> None:
            from txcdp.scrapy import _browsers

            for running in _browsers._running.values():
                browser = running._services[0].browser
                if browser is not None and browser.process is not None:
                    os.kill(browser.process.pid, signal.SIGKILL)

    process = CrawlerProcess(
        {
            "LOG_LEVEL": "ERROR",
            "TELNETCONSOLE_ENABLED": False,
            "CONCURRENT_REQUESTS": at_once,
            "CONCURRENT_REQUESTS_PER_DOMAIN": at_once,
            "DOWNLOAD_DELAY": 0,
            **settings,
        }
    )
    crawler = process.create_crawler(Crawling)
    process.crawl(crawler)
    process.start()
    (begun, before), (ended, after) = marks["begin"], marks["end"]
    assert crawler.stats is not None
    print(
        json.dumps(
            {
                "peer": peer,
                "items": len(set(items)),
                "pages/s": round((pages - 1) / (ended - begun), 2),
                "cpu ms/page": round((after.ours - before.ours) / (pages - 1) * 1000, 1),
                "browser's cpu ms/page": round((after.browsers - before.browsers) / (pages - 1) * 1000, 1),
                "MB after a third": round(marks["third"].memory, 1),
                "MB at the end": round(after.memory, 1),
                "retries": crawler.stats.get_value("retry/count", 0),
                "left": left_behind() if peer == "txcdp" else None,
            }
        )
    )


def left_behind() -> dict[str, int]:
    """Count what is left of a crawl: pages, contexts, Deferreds that have not fired."""
    import gc

    from twisted.internet.defer import Deferred

    from txcdp.browser import BrowserContext
    from txcdp.page import Page

    for _ in range(3):  # what a finalizer has to do, or a coroutine's end, keeps some alive until the next time
        gc.collect()
    living = gc.get_objects()
    waiting = [each for each in living if type(each) is Deferred and not each.called]
    kinds = {"pages": Page, "contexts": BrowserContext}
    return {
        "deferreds": len(waiting),
        **{name: sum(type(each) is kind for each in living) for name, kind in kinds.items()},
    }


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--renderers", type=int, help="how many processes txcdp's browser has for its pages")
    parser.add_argument("--peer", help="the Python of an environment with scrapy-playwright")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--crawl", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if options.crawl:
        crawl(options.crawl, options)
        return
    command = [__file__, "--pages", str(options.pages), "--at-once", str(options.at_once)]
    site = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with site:
        assert site.stdout is not None
        assert site.stdin is not None
        there = ["--port", site.stdout.readline().strip()]
        more = [*(["--kill"] if options.kill else []), *(["--renderers", str(options.renderers or 0)])]
        ours = [sys.executable, *command, *there, "--crawl", "txcdp", *more]
        subprocess.run(ours, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        if options.peer:
            subprocess.run([options.peer, *command, *there, "--crawl", "playwright"], check=True)
        site.stdin.close()


if __name__ == "__main__":
    main()
