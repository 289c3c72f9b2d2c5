"""The browser's clocks become one: by anchors, from the last one before a moment."""

from __future__ import annotations

import math

from txcdp.report._clock import Anchors


def test_without_an_anchor_nothing_is_known() -> None:
    assert Anchors().wall(5.0) is None


def test_a_moment_is_reckoned_from_an_anchor() -> None:
    anchors = Anchors()
    anchors.add(100.0, 1_700_000_000.0)
    assert anchors.wall(101.5) == 1_700_000_001.5


def test_what_came_before_all_anchors_is_reckoned_from_the_first() -> None:
    anchors = Anchors()
    anchors.add(200.0, 1_700_000_100.0)
    anchors.add(100.0, 1_700_000_050.0)  # told later
    assert anchors.wall(99.0) == 1_700_000_049.0


def test_a_machine_that_has_slept_moves_what_follows_and_nothing_that_was() -> None:
    anchors = Anchors()
    anchors.add(100.0, 1_700_000_000.0)
    anchors.add(110.0, 1_700_003_610.0)  # an hour of sleep between them
    assert anchors.wall(105.0) == 1_700_000_005.0
    assert anchors.wall(111.0) == 1_700_003_611.0


def test_a_clock_that_is_steered_by_less_than_what_can_be_told_is_the_same() -> None:
    anchors = Anchors()
    anchors.add(100.0, 1_700_000_000.0)
    anchors.add(110.0, 1_700_000_010.001)
    assert anchors.wall(110.0) == 1_700_000_010.0


def test_what_is_no_time_is_no_anchor_and_no_moment() -> None:
    anchors = Anchors()
    for monotonic, wall in ((0.0, 5.0), (None, 5.0), (math.nan, 5.0), (5.0, math.inf), (5.0, -1.0)):
        anchors.add(monotonic, wall)
    assert anchors.wall(5.0) is None
    anchors.add(100.0, 1_700_000_000.0)
    assert anchors.wall(math.nan) is None
    assert anchors.wall(None) is None
    assert anchors.wall(0.0) is None
