"""Dicts that forget."""

from __future__ import annotations

from txcdp._recent import Recent


def test_the_one_that_was_set_the_longest_ago_goes() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    recent["a"] = 3
    recent["c"] = 4
    assert list(recent.items()) == [("a", 3), ("c", 4)]
