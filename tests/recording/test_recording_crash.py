"""A recorder that is killed in the middle of a flood: what it leaves is readable, and has all that was written."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from txcdp.recording import Damage, Entry, EventEntry, NoteEntry, read
from txcdp.recording._compression import Compression
from txcdp.recording._files import recover

ROOT = Path(__file__).parents[2]

#: A process that records as many events as it can, each with its number, and says how many lines were written.
PROGRAM = """
import sys
from twisted.internet import reactor, task
from txcdp.recording import JsonLines, Recorder, SQLite
from txcdp.recording._filters import Filter
from txcdp.testing import FakeChrome

folder, kind = sys.argv[1:]
if kind == "sqlite":
    sink = SQLite(folder + "/recording.sqlite")
else:
    sink = JsonLines(folder, compression=kind, rotate_size=300_000 if kind == "none" else 15_000)
chrome = FakeChrome(clock=reactor)
browser = chrome.browser()
recorder = Recorder(browser, sink, filter=Filter(events=["X.y"]))
number = 0

def burst():
    global number
    for _ in range(200):
        chrome.lines[-1].put(b'{"method":"X.y","params":{"number":%d}}' % number)
        number += 1

def say():
    print(recorder.stats.written, flush=True)

def started(_):
    task.LoopingCall(burst).start(0.01)
    task.LoopingCall(say).start(0.05)

recorder.start().addCallbacks(started, lambda failure: failure.printTraceback())
reactor.run()
"""


def kill_one(folder: Path, kind: str, ready: Callable[[], bool]) -> int:
    """Let a recorder run until it is ready, and then some, and kill it.

    :returns: how many lines the recorder has told to be written.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), kind],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        last = process.stdout.readline()
        while last and not (int(last) and ready()):
            last = process.stdout.readline()
        time.sleep(random.uniform(0.0, 0.5))
    finally:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
    written = int((last + rest).splitlines()[-1])
    assert written > 0
    return written


def check_events(entries: list[Entry], written: int) -> list[int]:
    """See that no event is missing in between, and none that was written at the end; return their numbers."""
    events = [each for each in entries if isinstance(each, EventEntry)]
    numbers = [each.params["number"] for each in events]
    assert numbers == list(range(len(numbers)))
    of_files = [each for each in entries if isinstance(each, NoteEntry) and each.kind in ("begin", "end")]
    assert len(entries) - len(of_files) >= written, "what was written is lost"
    return numbers


def notes(entries: list[Entry]) -> list[str]:
    return [each.kind for each in entries if isinstance(each, NoteEntry) and each.kind in ("begin", "end")]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_killed_in_the_middle(tmp_path: Path, compression: Compression) -> None:
    written = kill_one(tmp_path, compression, lambda: len(list(tmp_path.iterdir())) >= 3)

    def check() -> list[int]:
        found = list(read(tmp_path))
        assert notes(found).count("begin") > 1, "it was killed before the first rotation"
        return check_events(found, written)

    before = check()
    assert len(list(tmp_path.glob("*.partial"))) <= 1
    for path in recover(tmp_path, "recording", time.time()):
        assert not path.name.endswith(".partial")
    assert check() == before
    assert not list(tmp_path.glob("*.partial"))
    assert not any(isinstance(each, Damage) for each in read(tmp_path))


def test_a_database_killed_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"

    def events(recording: int) -> int:
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT count(*) FROM entries WHERE kind = 'event' AND recording = ?"
            ((number,),) = connection.execute(query, (recording,))
            return int(number)

    written = kill_one(tmp_path, "sqlite", lambda: events(1) > 5_000)
    found = list(read(tmp_path))
    before = check_events(found, written)
    assert notes(found) == ["begin"]
    assert not any(isinstance(each, Damage) for each in found)
    assert events(1) == len(before)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    written = kill_one(tmp_path, "sqlite", lambda: events(2) > 0)
    again = list(read(path))
    assert notes(again) == ["begin", "begin"]
    assert [each.line for each in again[: len(found)]] == [each.line for each in found]
    check_events(again[len(found) :], written)
