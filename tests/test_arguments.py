"""What arguments have in common: numbers that can be meant."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

import txcdp
from txcdp import report as txcdp_report
from txcdp._arguments import check_numbers
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
    with pytest.raises(ValueError, match=r"^seconds=.*: a number above 0$"):
        check_numbers(Options(seconds=value), from_zero=("queue",))


@pytest.mark.parametrize("value", [-1, math.nan])
def test_what_may_be_nothing_may_not_be_less(value: float) -> None:
    with pytest.raises(ValueError, match=r"^queue=.*: a number from 0$"):
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


def test_what_is_no_reactor_url_option_or_run() -> None:
    clock: Any = Clock()
    launch: Any = txcdp.launch
    connect: Any = txcdp.connect
    report: Any = txcdp_report
    recorder: Any = Recorder
    for call, words in (
        (lambda: launch(None), "the reactor comes first"),
        (lambda: connect("reactor", "9222"), "the reactor comes first"),
        (lambda: connect(clock, 9222), "url=9222: a str is wanted"),
        (lambda: launch(clock, env=["TZ=UTC"]), "a mapping of names to values"),
        (lambda: launch(clock, locale="de-DE"), "new_context(locale=...)"),
        (lambda: recorder(None, "recordings"), "JsonLines('recordings')"),
        (lambda: report.render(iter([])), "txcdp.report.read() gives"),
    ):
        try:
            failed: list[Failure] = []
            call().addErrback(failed.append)
            error = failed[0].value
        except TypeError as raised:
            error = raised
        assert isinstance(error, TypeError)
        assert words in str(error)
