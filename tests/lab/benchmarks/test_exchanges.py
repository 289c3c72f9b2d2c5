"""What benchmarks.exchanges measures, without the clock: neither work nor memory grow with what there is or was."""

from __future__ import annotations

from tests.call_counts import calls_of
from tests.lab.benchmarks.exchanges import LIGHT, held, life, model


def calls(already: int) -> int:
    """Count the calls that one request makes among so many that are open."""
    filled = model(already)
    events = life(0)

    def feed() -> None:
        for event in events:
            filled.feed("S", event)

    count = calls_of(feed)
    assert len(filled.exchanges.exchanges) == already
    return count


def test_the_work_for_an_event_does_not_grow_with_what_is_open() -> None:
    calls(1)  # the first one looks up what all models have
    assert calls(5_000) == calls(1)


def test_what_has_ended_is_forgotten() -> None:
    *_, middle, last = held(10_000, parts=4)
    assert last - middle < LIGHT / 10
