"""What benchmarks.exchanges measures, without the clock: neither work nor memory grow with what there is or was."""

from __future__ import annotations

import sys

from tests.lab.benchmarks.exchanges import LIGHT, held, life, model


def calls(already: int) -> int:
    """Count the calls, of Python functions and of C's, that one request makes among so many that are open."""
    filled = model(already)
    events = life(0)
    count = 0

    def profile(frame: object, kind: str, argument: object) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        for event in events:
            filled.feed("S", event)
    finally:
        sys.setprofile(before)
    assert len(filled.exchanges.exchanges) == already
    return count


def test_the_work_for_an_event_does_not_grow_with_what_is_open() -> None:
    assert calls(5_000) == calls(1)


def test_what_has_ended_is_forgotten() -> None:
    *_, middle, last = held(10_000, parts=4)
    assert last - middle < LIGHT / 10
