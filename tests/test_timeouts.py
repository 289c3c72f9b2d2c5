"""What is written for a deadline."""

from __future__ import annotations

import math
import warnings
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred

import txcdp
from txcdp._deferreds import returns_deferred
from txcdp._timeouts import (
    DEFAULT,
    DefaultTimeouts,
    Timeout,
    left_of,
    literal_seconds_of,
    seconds_of,
    warn_of_pause,
)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (DEFAULT, 7.0),
        (None, None),
        (0, None),
        (timedelta(0), None),
        (math.inf, None),
        (2, 2.0),
        (0.5, 0.5),
        (timedelta(minutes=1), 60.0),
        (timedelta(hours=1), 3600.0),
    ],
)
def test_a_deadline_is_read(timeout: Timeout, seconds: float | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert seconds_of(timeout, 7.0) == seconds


@pytest.mark.parametrize("timeout", [-1, -0.5, timedelta(seconds=-1), math.nan, -math.inf])
def test_what_is_none_is_refused(timeout: Timeout) -> None:
    with pytest.raises(ValueError, match="use None for no timeout"):
        seconds_of(timeout, None)


@pytest.mark.parametrize("timeout", ["5", b"5", True, [5], {}, object()])
def test_what_is_no_number_is_no_time(timeout: Any) -> None:
    with pytest.raises(TypeError, match="seconds, or a timedelta"):
        seconds_of(timeout, None)


def test_what_is_left_of_a_deadline_is_not_warned_of_again() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert seconds_of(left_of(5000, 1), None) == 4999
        assert seconds_of(left_of(1, 5), None) == 0.001
        assert left_of(None, 5) is None


def test_a_pause_in_milliseconds_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="delay=100 is in seconds"):
        warn_of_pause("delay", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_pause("delay", 1.5)


@pytest.mark.parametrize(("timeout", "seconds"), [(DEFAULT, 7.0), (None, None), (0, 0), (timedelta(seconds=2), 2.0)])
def test_of_a_command_it_is_meant_literally(timeout: Timeout, seconds: float | None) -> None:
    assert literal_seconds_of(timeout, 7.0) == seconds


@returns_deferred
async def _patient(timeout: Timeout) -> float | None:
    return seconds_of(timeout, None)


def test_what_looks_like_milliseconds_warns_at_the_call_even_of_a_coroutine() -> None:
    for call in (lambda: seconds_of(30_000, None), lambda: _patient(30_000)):
        with pytest.warns(UserWarning, match="30000 is in seconds") as caught:
            call()
        assert [each.filename for each in caught] == [__file__]


def test_what_was_not_set_is_as_for_what_it_is_part_of() -> None:
    browser = DefaultTimeouts()
    context = DefaultTimeouts(browser)
    page = DefaultTimeouts(context)
    assert (page.general(), page.general(5.0), page.navigation()) == (30.0, 5.0, 30.0)
    browser.set(20)
    assert (page.general(5.0), page.navigation(), context.navigation()) == (20.0, 20.0, 20.0)
    browser.set_navigation(10)
    assert (page.general(), page.navigation()) == (20.0, 10.0)
    page.set(3)  # nearer, though it is not for navigations alone
    assert (page.general(), page.navigation(), context.navigation()) == (3.0, 3.0, 10.0)
    context.set_navigation(timedelta(hours=1))
    page.set(DEFAULT)
    assert (page.general(), page.navigation()) == (20.0, 3600.0)
    page.set_navigation(None)
    assert page.navigation() is None
    page.set_navigation(DEFAULT)
    assert page.navigation() == 3600.0


def test_the_names_are_public() -> None:
    assert txcdp.DEFAULT is DEFAULT
    assert txcdp.Timeout is Timeout
    for error in (txcdp.CommandTimeout, txcdp.ConnectTimeout, txcdp.LaunchTimeout, txcdp.NavigationTimeout):
        assert issubclass(error, txcdp.DeadlineError)
    assert issubclass(txcdp.DeadlineError, TimeoutError)
    assert isinstance(_patient(1), Deferred)
