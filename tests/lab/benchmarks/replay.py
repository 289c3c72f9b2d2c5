"""Measures a replay: an hour of a busy site, a million events, in virtual time, every one of them typed.

``python -m tests.lab.benchmarks.replay [EVENTS]`` prints the processor time in seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from txcdp.domains import network
from txcdp.recording import replay
from txcdp.recording._entries import event_line, head_of, note_line

BEGAN, HOUR, PAGES = 1_800_000_000.0, 3600.0, 20
KINDS: tuple[Any, ...] = (
    network.RequestWillBeSent,
    network.ResponseReceived,
    network.DataReceived,
    network.LoadingFinished,
)


def request(number: int, at: float, page: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make the five events of a request."""
    of = {"requestId": str(number), "timestamp": at - BEGAN}
    url = f"https://example.com/assets/{number}.png?v=1"
    sent = {"url": url, "method": "GET", "headers": {"User-Agent": "Mozilla/5.0", "Accept": "image/png"}}
    asked = {**sent, "initialPriority": "Low", "referrerPolicy": "strict-origin-when-cross-origin", "isSameSite": True}
    where = {"loaderId": "L", "documentURL": "https://example.com/", "type": "Image", "frameId": f"T{page}"}
    more = {"wallTime": at, "initiator": {"type": "parser"}, "redirectHasExtraInfo": False, "hasUserGesture": False}
    yield "Network.requestWillBeSent", {**of, **where, **more, "request": asked}
    said = {"url": url, "status": 200, "statusText": "", "headers": {"content-type": "image/png"}, "charset": ""}
    line = {"mimeType": "image/png", "connectionReused": True, "connectionId": 5, "encodedDataLength": 100}
    answer = {**said, **line, "protocol": "h2", "securityState": "secure", "remoteIPAddress": "192.0.2.4"}
    yield "Network.responseReceived", {**of, **where, "response": answer, "hasExtraInfo": False}
    for _ in range(2):
        yield "Network.dataReceived", {**of, "dataLength": 1000, "encodedDataLength": 900}
    yield "Network.loadingFinished", {**of, "encodedDataLength": 1000}


def write(path: Path, events: int) -> None:
    """Write the recording."""
    with path.open("wb") as file:
        about = {"format": "txcdp-recording", "version": 1, "recording": "r", "file": 1, "targets": []}
        file.write(note_line(BEGAN, "begin", **about))
        for page in range(PAGES):
            told = {"session": f"S{page}", "target": f"T{page}", "type": "page", "url": "https://example.com/"}
            file.write(note_line(BEGAN, "attached", **told))
        for number in range(events // 5):
            at, page = BEGAN + number * HOUR / (events // 5), number % PAGES
            for each, (method, params) in enumerate(request(number, at, page)):
                body = json.dumps({"method": method, "params": params}, separators=(",", ":"))[1:-1]
                file.write(event_line(at + each * 1e-4, head_of(f"S{page}", f"T{page}"), body.encode()))


def measure(path: Path) -> tuple[int, int, float]:
    """Play it to subscribers of all events of all pages, and to windows of a minute.

    :returns: how many events and windows came, and the seconds of processor time.
    """
    began = time.process_time()
    played = replay(path, clock=Clock(), speed="instant")
    events, windows = [0], list[int]()

    def take(_: object) -> None:
        events[0] += 1

    def hear(session: Any) -> None:
        for kind in KINDS:
            session.events(kind).subscribe(take)
        session.events(network.DataReceived).buffer_with_time(60.0).map(len).subscribe(windows.append)

    played.browser.connection.attached.subscribe(hear)
    played.play()
    return events[0], len(windows), time.process_time() - began


def main() -> None:
    """Write a recording, and play it."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.jsonl"
        write(path, events)
        size = path.stat().st_size / 1e6
        came, windows, seconds = measure(path)
    sys.stdout.write(f"{came:,} events of {size:,.0f} MB, {windows} windows: {seconds:.1f} s\n")


if __name__ == "__main__":
    main()
