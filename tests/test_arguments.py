"""What arguments have in common: numbers that can be meant, and names that there are."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, fields
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

import txcdp
from txcdp import _arguments as arguments
from txcdp import report as txcdp_report
from txcdp._arguments import check_choice, check_numbers, near_names, unknown_name, warn_caller
from txcdp.fleet import FleetOptions, NodeOptions
from txcdp.gateway import (
    BrowserLimits,
    ClientLimits,
    EgressLimits,
    GatewayOptions,
    PoolOptions,
    RenderOptions,
)
from txcdp.recording import Recorder

OPTIONS = (
    BrowserLimits,
    FleetOptions,
    ClientLimits,
    EgressLimits,
    GatewayOptions,
    NodeOptions,
    PoolOptions,
    RenderOptions,
)


@dataclass
class Options:
    seconds: float | None = 1.0
    queue: int = 0
    on: bool = False
    name: str = ""


@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan])
def test_what_cannot_be_meant_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^seconds=.*: must be more than 0$"):
        check_numbers(Options(seconds=value), from_zero=("queue",))


@pytest.mark.parametrize("value", [-1, math.nan])
def test_what_may_be_nothing_may_not_be_less(value: float) -> None:
    with pytest.raises(ValueError, match=r"^queue=.*: must be at least 0$"):
        check_numbers(Options(queue=value), from_zero=("queue",))  # type: ignore[arg-type]


def test_the_others_are_let_through() -> None:
    for options in (Options(), Options(seconds=None), Options(seconds=0.1, queue=7), Options(seconds=math.inf)):
        check_numbers(options, from_zero=("queue",))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("value", [-1, math.nan])
def test_all_numbers_of_options_are_looked_at(options: type[Any], value: float) -> None:
    there = options()
    for each in fields(options):
        default = getattr(there, each.name)
        if isinstance(default, int | float) and not isinstance(default, bool):
            with pytest.raises(ValueError, match=rf"^{each.name}="):
                options(**{each.name: value})


NAMES = ("load", "network_idle", "geolocation", "commit")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("laod", ["load"]),
        ("LOAD", ["load"]),
        ("networkIdle", ["network_idle"]),
        ("geo", ["geolocation"]),
        ("location", ["geolocation"]),
        ("xyz", []),
        ("", []),
        (None, []),
        ("x" * 100_000, []),
    ],
)
def test_names_that_are_like_another(name: Any, near: list[str]) -> None:
    assert near_names(name, NAMES) == near


def test_what_is_none_of_some_values() -> None:
    check_choice("state", "load", NAMES)
    for wrong, words in {
        "laod": "^state='laod': use one of 'load', .*, 'commit'; did you mean 'load'\\?$",
        "xyz": "^state='xyz': use one of 'load', .*, 'commit'$",
        None: "^state=None: use one of",
    }.items():
        with pytest.raises(ValueError, match=words):
            check_choice("state", wrong, NAMES)
    with pytest.raises(ValueError, match=r"^state=\['load'\]: use one of"):
        check_choice("state", ["load"], dict.fromkeys(NAMES))


def test_of_many_values_only_the_nearest_is_named() -> None:
    many = [f"value{number}" for number in range(100)]
    with pytest.raises(ValueError, match=r"^state='valeu7': did you mean 'value7'\?$"):
        check_choice("state", "valeu7", many)
    with pytest.raises(ValueError, match=r"^state='xyz': use one of 'value0', "):
        check_choice("state", "xyz", many)
    assert unknown_name("unknown option", "Value_7", many) == "unknown option 'Value_7'; did you mean 'value7'?"


def test_it_is_warned_once_and_not_remembered_for_ever() -> None:
    said = [f"it is {number}" for number in range(3 * arguments._REMEMBERED)]
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("default")
        for words in said:
            for _ in range(2):
                warn_caller(words)
    heard = [str(each.message) for each in given]
    assert heard[:100] == said[:100]
    assert list(dict.fromkeys(heard)) == said
    assert {each.filename for each in given} == {__file__}
    assert len(arguments._warned) <= arguments._REMEMBERED


def test_what_is_no_reactor_url_option_or_run() -> None:
    clock: Any = Clock()
    launch: Any = txcdp.launch
    connect: Any = txcdp.connect
    report: Any = txcdp_report
    recorder: Any = Recorder
    for call, words in (
        (lambda: launch(None), "the reactor comes first"),
        (lambda: connect("reactor", "9222"), "the reactor comes first"),
        (lambda: connect(clock, 9222), "url=9222: expected a str"),
        (lambda: launch(clock, env=["TZ=UTC"]), "a mapping of names to values"),
        (lambda: launch(clock, locale="de-DE"), "new_context(locale=...)"),
        (lambda: recorder(None, "recordings"), "JsonLines('recordings')"),
        (lambda: report.render(iter([])), "txcdp.report.read() returns"),
    ):
        try:
            failed: list[Failure] = []
            call().addErrback(failed.append)
            error = failed[0].value
        except TypeError as raised:
            error = raised
        assert isinstance(error, TypeError)
        assert words in str(error)
