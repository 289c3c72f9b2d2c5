"""Every whole program in the documentation runs, in a process of its own, against the demo site and a real browser.

``https://example.com/`` becomes the demo site, ``127.0.0.1:9222`` a browser that listens, and port 8080 a free one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from tests.browser.support_programs import python, unmeasured
from tests.project.test_docs import PYTHON, ROOT, Block, by_name
from tests.support import PATIENCE

PROGRAMS = [block for block in PYTHON if block.is_program and not (block.guests or block.needs_router)]
SERVICES = [block for block in PYTHON if block.is_service and not (block.guests or block.needs_router)]

#: Seconds for one program, on a busy machine.
DEADLINE = PATIENCE
#: How many programs run at a time.
AT_ONCE = 4
#: Where a browser listens that a program has not launched, in what the documentation says.
LISTENING = "127.0.0.1:9222"
#: Is held by the one program that is in that browser: another one's pages would come and go in its lists.
IN_TURN = threading.Lock()
#: A program that serves the demo site, keeps a browser with a page, and ends when its standard input does.
STAGE = """
import txcdp
from examples.site.server import address, serve, stop
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react

class Input(Protocol):
    def __init__(self):
        self.ended = Deferred()

    def connectionLost(self, reason):
        self.ended.callback(None)

async def main(reactor):
    site = serve(reactor)
    async with await txcdp.launch(reactor) as browser:
        await browser.new_page(address(site))
        line = Input()
        StandardIO(line)
        print(address(site), browser.process.ws_url, flush=True)
        await line.ended
    await stop(site)

react(main)
"""


class Ended(NamedTuple):
    """How a program has ended, and what it has said."""

    code: int
    said: str


TWISTD = "from twisted.scripts.twistd import run; run()"


@pytest.fixture(scope="module")
def stage() -> Iterator[dict[str, str]]:
    """Have the site and the browser; what is to be replaced by what."""
    process = subprocess.Popen(
        [sys.executable, "-c", STAGE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        site, ws_url = process.stdout.readline().split()
        yield {
            "https://example.com/": site,
            LISTENING: ws_url.split("/")[2],
        }
        process.stdin.close()
        assert process.wait(DEADLINE) == 0


def on_stage(text: str, stage: dict[str, str]) -> str:
    """Let a program meet the stage in place of the world."""
    for there, here in stage.items():
        text = text.replace(there, here)
    return text


def run(program: Path, environment: dict[str, str]) -> Ended:
    """Run a program in its folder, without input."""
    done = subprocess.run(
        [*python(), program.name],
        cwd=program.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(errors="replace"))


def run_in_turn(program: Path, environment: dict[str, str]) -> Ended:
    """Run a program that is in the listening browser."""
    with IN_TURN:
        return run(program, environment)


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, stage: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Ended]]]:
    """Begin to run those programs that are asked for, a few at a time."""
    functions = [each for each in request.session.items if isinstance(each, pytest.Function)]
    runs_one = [each for each in functions if each.originalname == test_a_program_runs.__name__]
    started: dict[str, Future[Ended]] = {}
    # Not by several threads, and not while pytest notes there which test runs.
    python()
    environment = unmeasured(os.environ)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for block in [cast(Block, each.callspec.params["block"]) for each in runs_one]:
            program = tmp_path_factory.mktemp("docs") / "program.py"
            program.write_text(on_stage(block.text, stage), encoding="utf-8")
            started[block.name] = pool.submit(run_in_turn if LISTENING in block.text else run, program, environment)
        yield started
        pool.shutdown(cancel_futures=True)


@by_name(PROGRAMS)
def test_a_program_runs(block: Block, runs: dict[str, Future[Ended]]) -> None:
    ended = runs[block.name].result()
    assert ended.code == 0, ended.said
    assert not re.search("Traceback|Unhandled", ended.said), ended.said


def test_the_program_of_the_animated_picture_runs(stage: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "harbour.py"
    text = (ROOT / "docs" / "pictures" / program.name).read_text(encoding="utf-8")
    program.write_text(text.replace("http://localhost:8000/", stage["https://example.com/"]), encoding="utf-8")
    ended = run(program, unmeasured(os.environ))
    assert ended.code == 0, ended.said
    # What else it prints depends on how soon the page's scripts come to it.
    sure = [line.split()[0] for line in ended.said.splitlines() if line.startswith(("booked", "cheapest"))]
    assert sure == ["booked", *["cheapest"] * 4], ended.said


def _picture(block: Block, port: str) -> urllib.request.Request:
    """Return what asks a service of the documentation for a picture."""
    here = f"http://127.0.0.1:{port}/"
    if "RenderResource" not in block.text:
        return urllib.request.Request(here)
    kind = {"Content-Type": "application/json"}
    return urllib.request.Request(f"{here}render/screenshot", b'{"html": "<h1>17</h1>"}', kind)


@by_name(SERVICES)
def test_a_service_starts_answers_and_stops(block: Block, stage: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "service.tac").write_text(on_stage(block.text, stage).replace("8080", "0"), encoding="utf-8")
    with subprocess.Popen(
        [*python(), "-c", TWISTD, "--nodaemon", "--pidfile=", "--python=service.tac"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        # One that never says that it listens ends all the same, and then the request fails.
        watchdog = threading.Timer(DEADLINE, process.kill)
        watchdog.start()
        said, port = [], ""
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"starting on (\d+)", line):
                port = found[1]
                break
        try:
            with urllib.request.urlopen(_picture(block, port), timeout=DEADLINE) as answer:
                assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
        finally:
            process.send_signal(signal.SIGTERM)
            said += process.stdout
            watchdog.cancel()
        assert process.wait(DEADLINE) == -signal.SIGTERM, "".join(said)
        assert not re.search("Traceback|Unhandled", "".join(said)), "".join(said)
