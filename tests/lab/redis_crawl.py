"""A crawl over two processes by ``examples/deploy/redis_crawl.py``, with Redis and a site of its own: ``make redis``.

Each page is rendered once, by whichever process; then one of two processes is killed by SIGKILL in the middle: what is
lost is what it had begun, and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.lab.redis_worker import IDLE

reactor: Any = _reactor
ROOT = Path(__file__).resolve().parents[2]

#: How many pages the site has, how many of them each links to, and seconds until it counts as over.
PAGES, LINKS, PATIENCE = 120, 3, 600.0

#: How many requests a process has under way at most; see the program's settings.
AT_ONCE = 8


class Pages(Resource):
    """Pages of which the rows are made by a script: page n links to pages 3n+1, 3n+2 and 3n+3, and to page 0.

    :ivar asked: how often each was asked for.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def render_GET(self, request: Any) -> bytes:
        path = request.path.decode()
        if not path[1:].isdigit():
            request.setResponseCode(404)
            return b""
        self.asked[path] += 1
        number = int(path[1:])
        there = [0, *(each for each in range(LINKS * number + 1, LINKS * number + LINKS + 1) if each < PAGES)]
        links = "".join(f"<a href=/{each}>{each}</a>" for each in there)
        script = "for (const each of [1, 2, 3]) document.body.append(document.createElement('li'))"
        request.setHeader("content-type", "text/html; charset=utf-8")
        return f"<title>page {number}</title>{links}<script>{script}</script>".encode()


@contextmanager
def redis_server() -> Iterator[redis.Redis]:
    """Run Redis on a socket of its own, without a file."""
    program = shutil.which("redis-server")
    assert program is not None, "there is no redis-server"
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        path = f"{folder}/socket"
        arguments = [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        server = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        try:
            client = redis.Redis(unix_socket_path=path)
            wait(lambda: answers(client))
            yield client
            client.close()
        finally:
            server.terminate()
            server.wait()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def wait(condition: Any) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE, "it never comes"
        time.sleep(0.1)  # a pause between two looks: Redis tells nobody of what is in a list


class Worker:
    """A process of the crawl."""

    def __init__(self, client: redis.Redis, folder: str) -> None:
        path = client.connection_pool.connection_kwargs["path"]
        self.log = Path(tempfile.mkstemp(dir=folder, suffix=".log")[1])
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "tests.lab.redis_worker", f"unix://{path}"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=ROOT)

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @property
    def responses(self) -> int:
        """How many it has had, by what it says at its end."""
        found = self.said.partition("'txcdp/responses': ")[2].partition(",")[0]
        return int(found or 0)


def items(client: redis.Redis) -> Counter[str]:
    found: Any = client.lrange("pages:items", 0, -1)
    rows = [json.loads(each) for each in found]
    assert all(each["rows"] == 3 and each["title"].startswith("page ") for each in rows), rows
    return Counter(each["url"] for each in rows)


def begin(client: redis.Redis, site: str, folder: str) -> list[Worker]:
    """Start two processes, and the crawl when both of them wait for it."""
    client.flushall()
    workers = [Worker(client, folder) for _ in range(2)]
    wait(lambda: all("Spider opened" in each.said for each in workers))
    client.lpush("pages:start_urls", json.dumps({"url": f"{site}/0", "meta": {"txcdp": True}}))
    return workers


def each_page_once(client: redis.Redis, site: str, folder: str, pages: Pages) -> None:
    workers = begin(client, site, folder)
    wait(lambda: len(items(client)) == PAGES or any(each.process.poll() is not None for each in workers))
    codes = [each.end() for each in workers]
    assert codes == [0, 0], "\n".join(each.said for each in workers)
    done = items(client)
    # The first request, of the list of URLs, is filtered by nobody; all others are.
    assert sum(pages.asked.values()) <= PAGES + 1, pages.asked.most_common(3)
    assert len(done) == PAGES, len(done)
    shares = [each.responses for each in workers]
    assert min(shares) > 0, shares
    print(f"{PAGES} pages by two processes: {shares[0]} and {shares[1]}")


def one_is_killed(client: redis.Redis, site: str, folder: str) -> None:
    workers = begin(client, site, folder)
    wait(lambda: len(items(client)) >= PAGES // 4)
    workers[0].end(signal.SIGKILL)
    before = workers[1].said.count(IDLE)
    wait(lambda: workers[1].said.count(IDLE) > before or workers[1].process.poll() is not None)
    assert workers[1].end() == 0, workers[1].said
    done = items(client)
    # With a page that was never rendered, those that only it leads to are not found either.
    lost = {number for number in range(PAGES) if f"{site}/{number}" not in done}
    begun = [number for number in lost if number == 0 or (number - 1) // LINKS not in lost]
    assert len(begun) <= AT_ONCE, (len(begun), sorted(lost))
    print(f"one of two killed: {len(done)} of {PAGES} pages; {len(begun)} of them were under way there")


def run(site: str, pages: Pages) -> None:
    with redis_server() as client, tempfile.TemporaryDirectory(prefix="crawl-") as folder:
        each_page_once(client, site, folder, pages)
        one_is_killed(client, site, folder)


def main() -> None:
    """Run both."""
    pages = Pages()
    port = reactor.listenTCP(0, Site(pages), interface="127.0.0.1")
    failed: list[Any] = []
    running = deferToThread(run, f"http://127.0.0.1:{port.getHost().port}", pages)
    running.addErrback(failed.append).addBoth(lambda _: reactor.stop())
    reactor.run()
    if failed:
        failed[0].printTraceback(sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
