"""What does folding one event of a request into its exchange cost, and what do a million of them leave? Judges it.

::

    python -m tests.lab.benchmarks.exchanges [--seen N]

In one process, on decoded events, in CPU time: the least of many rounds, with 10 exchanges open and with 100,000,
in turn. Then N requests (a million) begin, are answered and end, and what is held is measured in between.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from collections.abc import Iterator

from txcdp.domains import network
from txcdp.model import BrowserModel
from txcdp.protocol._records import Event, TolerantDecoder

#: Exchanges that are open meanwhile; requests in one round; rounds.
OPEN = (10, 100_000)
BURST = 400
ROUNDS = 60

#: What is allowed: microseconds for an event, how much dearer one may be among many, and bytes that a million leave.
DEAREST = 3.0
FLAT = 1.25
LIGHT = 1_000_000

_EVENTS: tuple[tuple[type[Event], bytes], ...] = (
    (
        network.RequestWillBeSent,
        b"""{"requestId":"%b","loaderId":"L","documentURL":"http://h/","request":{"url":"http://h/script.js",
        "method":"GET","headers":{"Referer":"http://h/","User-Agent":"x"},"mixedContentType":"none",
        "initialPriority":"High","referrerPolicy":"strict-origin-when-cross-origin","isSameSite":true},
        "timestamp":1.5,"wallTime":1795926927.7,"initiator":{"type":"parser","url":"http://h/","lineNumber":1},
        "redirectHasExtraInfo":false,"type":"Script","frameId":"F","hasUserGesture":false}""",
    ),
    (
        network.RequestWillBeSentExtraInfo,
        b"""{"requestId":"%b","associatedCookies":[],"headers":{"Host":"h","Accept":"*/*"},
        "connectTiming":{"requestTime":1.5},"siteHasCookieInOtherPartition":false}""",
    ),
    (
        network.ResponseReceivedExtraInfo,
        b"""{"requestId":"%b","blockedCookies":[],"headers":{"Content-Type":"text/javascript"},
        "resourceIPAddressSpace":"Loopback","statusCode":200}""",
    ),
    (
        network.ResponseReceived,
        b"""{"requestId":"%b","loaderId":"L","timestamp":1.6,"type":"Script","response":{"url":"http://h/script.js",
        "status":200,"statusText":"OK","headers":{"Content-Type":"text/javascript"},"mimeType":"text/javascript",
        "charset":"utf-8","connectionReused":true,"connectionId":7,"remoteIPAddress":"127.0.0.1","remotePort":80,
        "fromDiskCache":false,"encodedDataLength":115,"securityState":"insecure"},"hasExtraInfo":true,"frameId":"F"}""",
    ),
    (network.DataReceived, b"""{"requestId":"%b","timestamp":1.7,"dataLength":1000,"encodedDataLength":500}"""),
    (network.LoadingFinished, b"""{"requestId":"%b","timestamp":1.8,"encodedDataLength":615}"""),
)
_DECODERS = tuple((TolerantDecoder[Event](kind), text) for kind, text in _EVENTS)

#: Of a request's events, those that leave it open.
BEGUN = 2


def life(number: int) -> list[Event]:
    """Return the events of one request, decoded."""
    request_id = b"1234.%d" % number
    return [decode(text.replace(b"%b", request_id)) for decode, text in _DECODERS]


def model(already: int) -> BrowserModel:
    """Return a model with so many exchanges open."""
    made = BrowserModel()
    for number in range(already):
        for event in life(-1 - number)[:BEGUN]:
            made.feed("S", event)
    assert len(made.exchanges.exchanges) == already
    return made


def cost(filled: BrowserModel, lives: list[list[Event]]) -> float:
    """Return the CPU time of one event in microseconds, with all requests of a burst under way at once."""
    feed = filled.feed
    steps = [[each[step] for each in lives] for step in range(len(_EVENTS))]
    told = 0
    began = time.process_time()
    for step in steps:
        for event in step:
            told += len(feed("S", event))
    took = time.process_time() - began
    assert told == len(lives) * len(_EVENTS), told
    return took / told * 1e6


def costs(rounds: int = ROUNDS) -> dict[int, float]:
    """Return the least cost by the number of exchanges that are open, measured in turn."""
    models = {already: model(already) for already in OPEN}
    least = dict.fromkeys(OPEN, float("inf"))
    numbers = iter(range(10**9))
    gc.disable()
    try:
        for _ in range(rounds):
            lives = [life(next(numbers)) for _ in range(BURST)]
            for already, filled in models.items():
                least[already] = min(least[already], cost(filled, lives))
    finally:
        gc.enable()
    return least


def held(seen: int, parts: int = 10) -> Iterator[int]:
    """Let so many requests pass, and return the bytes that the model holds after each part of them."""
    passing = BrowserModel()
    tracemalloc.start()
    try:
        for part in range(parts):
            for number in range(seen // parts):
                for event in life(part * (seen // parts) + number):
                    passing.feed("S", event)
            gc.collect()
            yield tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert not passing.exchanges.exchanges


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seen", type=int, default=1_000_000, help="requests that pass (default: %(default)s)")
    options = parser.parse_args()
    found = costs()
    few, many = (found[each] for each in OPEN)
    for already, each in found.items():
        print(f"{already:>9,} open: {each:.2f} us an event")
    kept = list(held(options.seen))
    print(f"{options.seen:,} requests passed: {kept[0]:,} bytes held after a tenth of them, {kept[-1]:,} after all")
    good = max(few, many) <= DEAREST and many <= few * FLAT and kept[-1] - kept[0] < LIGHT
    print("good" if good else "BAD")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
