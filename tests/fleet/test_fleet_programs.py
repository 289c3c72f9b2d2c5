"""The guide's programs, and ``twistd txcdp node``, with a real router and a real browser: make fleet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.test_docs_browser import STAGE, TWISTD
from tests.browser.test_gateway_browser import descendants
from tests.fleet.router import PATIENCE, REALM, ROOT, Crossbar, Program, until
from tests.project.test_docs import PYTHON, Block, by_name

pytestmark = pytest.mark.fleet

PROGRAMS = [block for block in PYTHON if block.needs_router and block.is_program]
SERVICES = [block for block in PYTHON if block.needs_router and block.is_service]

#: What the programs say, each one of these.
SAID = (
    "'heading': '",
    "first response: 200 dropped: 0",
    "missed: 0 restarts: 0",
    "dropped: 0\n{'NoteEntry', 'EventEntry'}",
    "dropped: 0\n{'EventEntry', 'NoteEntry'}",
)


class Service:
    """A process under twistd, and its log."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.path = folder / f"log-{len(list(folder.iterdir()))}"
        self.log = self.path.open("wb")
        command = [sys.executable, "-c", TWISTD, "--nodaemon", "--pidfile=", *arguments]
        variables = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=folder, env=variables, stdout=self.log, stderr=subprocess.STDOUT)

    def says(self, words: str) -> bool:
        assert self.process.poll() is None, self.path.read_text()
        return words in self.path.read_text()

    def stop(self) -> str:
        """Stop it in good order, and return what it has said."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) in (0, -signal.SIGTERM)
        self.log.close()
        return self.path.read_text()


@pytest.fixture(scope="module")
def router() -> Iterator[Crossbar]:
    with tempfile.TemporaryDirectory(prefix="txcdp-fleet-") as folder:
        made = Crossbar(Path(folder))
        yield made
        made.kill()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", STAGE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stage:
        assert stage.stdin is not None
        assert stage.stdout is not None
        yield stage.stdout.readline().split()[0]
        stage.stdin.close()
        stage.wait(PATIENCE)


class Ticking(BaseHTTPRequestHandler):
    """A page that says something all the time."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<script>setInterval(() => { console.log('tick') }, 100)</script>")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def ticking() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Ticking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def text_of(block: Block, router: Crossbar, site: str) -> str:
    return block.text.replace("ws://router.example:8080/ws", router.url).replace("https://example.com/", site)


def test_there_are_programs() -> None:
    assert (len(PROGRAMS), len(SERVICES)) == (4, 1)


@by_name(PROGRAMS)
def test_a_program_runs_over_a_node_of_twistds(
    block: Block, router: Crossbar, site: str, ticking: str, tmp_path: Path
) -> None:
    ticket = router.principals["node-1"]["ticket"]
    words = ["txcdp", "node", "--router", router.url, "--realm", REALM, "--authid", "node-1"]
    node = Service(tmp_path, *words, "--ticket-file", str(router.folder / "node-1"), "--publish", f"prices={ticking}")
    until(lambda: node.says("joined the router"), "a node")
    (tmp_path / "program.py").write_text(text_of(block, router, site))
    environment = {**os.environ, "ROUTER_TICKET": router.principals["shop"]["ticket"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = node.stop()
    assert done.returncode == 0, done.stdout + said
    assert any(each in done.stdout for each in SAID)
    assert "Traceback" not in done.stdout + said
    assert ticket not in said


def browser_of(node: Service) -> int:
    """Return the process of a node's browser that all its others end with."""
    for pid in descendants([node.process.pid]):
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        if (
            b"--remote-debugging" in arguments
            and b"--type=" not in arguments
            and b"/chrom" in arguments.split(b"\0")[0]
        ):
            return pid
    raise AssertionError("there is no browser")


def test_a_published_page_whose_browser_is_killed(router: Crossbar, ticking: str, tmp_path: Path) -> None:
    """Its subscribers hear of it by ``restarts``, and the events go on."""
    words = ["txcdp", "node", "--router", router.url, "--realm", REALM, "--authid", "node-1"]
    node = Service(tmp_path, *words, "--ticket-file", str(router.folder / "node-1"), "--publish", f"prices={ticking}")
    listener = Program("listener", router, "shop", "subscribe", "prices", 1)
    try:
        until(lambda: listener.count("event"), "an event")
        for restarts in (1, 2):
            os.kill(browser_of(node), signal.SIGKILL)
            until(
                lambda: any(each.startswith("event") and each.endswith(f" {restarts}") for each in [*listener.said]),  # noqa: B023
                "an event of the page that was opened again",
            )
        assert {each.split()[0] for each in listener.said} <= {"listening", "event"}, listener.said[-1]
    finally:
        listener.end()
        said = node.stop()
    assert "Traceback" not in said
    assert said.count("reopening in") >= 2


@by_name(SERVICES)
def test_a_service_joins_and_stops(block: Block, router: Crossbar, site: str, tmp_path: Path) -> None:
    (tmp_path / "node.tac").write_text(text_of(block, router, site))
    ticket = router.principals["node-1"]["ticket"]
    node = Service(tmp_path, "--python=node.tac", ROUTER_TICKET=ticket)
    until(lambda: node.says("joined the router"), "a node")
    said = node.stop()
    assert "Traceback" not in said
    assert ticket not in said
