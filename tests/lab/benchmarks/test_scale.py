"""What benchmarks.scale measures with the clock, without it: the work for an event does not grow with what there is."""

from __future__ import annotations

from tests.lab.benchmarks.scale import BURST, LIGHT, MANY, Population, calls, weight


def test_every_event_arrives() -> None:
    population = Population(7, strangers=3)
    before = population.connection.stats.events
    population.burst()
    assert population.received == BURST
    assert population.connection.stats.events - before == BURST


def test_the_work_for_an_event_does_not_grow_with_the_sessions() -> None:
    assert calls(Population(MANY)) == calls(Population(1))


def test_the_work_for_an_event_does_not_grow_with_listeners_to_others() -> None:
    assert calls(Population(1, strangers=MANY)) == calls(Population(1))


def test_idle_sessions_are_light() -> None:
    assert weight() < LIGHT
