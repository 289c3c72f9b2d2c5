"""A recorder that is killed in the middle of a flood: what it leaves is readable, and ends where it was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from txcdp.recording import Damage, EventEntry, NoteEntry, read
from txcdp.recording.compression import Compression
from txcdp.recording.files import recover

ROOT = Path(__file__).parent.parent

#: A process that records as many events as it can, each with its number, and says how many there were, and when.
PROGRAM = """
import sys, time
from twisted.internet import reactor, task
from txcdp.recording import JsonLines, Recorder
from txcdp.recording.filters import Filter
from txcdp.testing import FakeChrome

folder, compression = sys.argv[1:]
chrome = FakeChrome(clock=reactor)
browser = chrome.browser()
recorder = Recorder(
    browser,
    JsonLines(folder, compression=compression, rotate_size=300_000 if compression == "none" else 15_000),
    filter=Filter(events=["X.y"]),
)
number = 0

def burst():
    global number
    for _ in range(200):
        chrome.lines[-1].put(b'{"method":"X.y","params":{"number":%d}}' % number)
        number += 1

def say():
    print(recorder.stats.events, time.time(), flush=True)

def started(_):
    task.LoopingCall(burst).start(0.01)
    task.LoopingCall(say).start(0.05)

recorder.start().addCallbacks(started, lambda failure: failure.printTraceback())
reactor.run()
"""


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_killed_in_the_middle(tmp_path: Path, compression: Compression) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), compression],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        deadline = time.monotonic() + 30
        last = process.stdout.readline()
        while len(list(tmp_path.iterdir())) < 3 and time.monotonic() < deadline:
            last = process.stdout.readline()
        time.sleep(random.uniform(0.0, 0.5))
    finally:
        process.send_signal(signal.SIGKILL)
        killed = time.time()
        rest, _ = process.communicate(timeout=30)
    said, at = (last + rest).splitlines()[-1].split()
    assert int(said) > 0

    def check() -> list[int]:
        found = list(read(tmp_path))
        events = [each for each in found if isinstance(each, EventEntry)]
        numbers = [each.params["number"] for each in events]
        assert numbers == list(range(len(numbers)))
        assert events[-1].time > min(killed, float(at)) - 1.0, "more than a second is lost"
        notes = [each.data for each in found if isinstance(each, NoteEntry) and each.kind == "begin"]
        assert len(notes) > 1, "it was killed before the first rotation"
        return numbers

    before = check()
    assert len(list(tmp_path.glob("*.partial"))) <= 1
    for path in recover(tmp_path, "recording", time.time()):
        assert not path.name.endswith(".partial")
    assert check() == before
    assert not list(tmp_path.glob("*.partial"))
    assert not any(isinstance(each, Damage) for each in read(tmp_path))
