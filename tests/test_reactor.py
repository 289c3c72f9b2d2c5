"""What may be given as a reactor: mypy reads this, with the project's other tests, and it runs."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.testing import MemoryReactorClock

import txcdp
from txcdp._deferreds import Timer, with_deadline
from txcdp._reactor import AnyReactor, Clock, whole
from txcdp.chrome import discovery
from txcdp.service import BrowserService
from txcdp.testing import FakeChrome
from txcdp.websocket import connect, listen


def timed(clock: Clock) -> float:
    seconds: float = clock.seconds()
    return seconds


def test_all_that_has_a_time_is_a_clock() -> None:
    of_an_interface: IReactorTime = task.Clock()
    for seconds in (timed(task.Clock()), timed(MemoryReactorClock()), timed(of_an_interface)):
        assert seconds == 0.0
    assert timed(reactor) > 0.0


def test_the_public_functions_take_it() -> None:
    chrome = FakeChrome(task.Clock())
    assert isinstance(txcdp.TwistedScheduler(reactor), txcdp.TwistedScheduler)
    assert isinstance(txcdp.TwistedScheduler(task.Clock()), txcdp.TwistedScheduler)
    got = txcdp.first(chrome.connect().attached, clock=task.Clock(), timeout=1)
    got.addErrback(lambda _: None).cancel()


def test_what_calls_later_is_enough_for_deadlines() -> None:
    class Later:
        def callLater(self, delay: float, function: Any, *args: Any) -> Any:
            return clock.callLater(delay, function, *args)

    clock = task.Clock()
    calls: list[str] = []
    Timer(Later(), lambda: calls.append("timer")).set(1)
    waiting = with_deadline(Later(), Deferred[None](), 2, lambda: TimeoutError("late"))
    waiting.addErrback(lambda failure: calls.append(failure.getErrorMessage()))
    clock.pump([1, 1])
    assert calls == ["timer", "late"]
    assert whole(clock) is clock


def of_a_user(given: AnyReactor, annotated: IReactorTime) -> list[object]:
    """For mypy: nobody runs it."""
    return [
        txcdp.launch(reactor),
        txcdp.launch(annotated),
        txcdp.connect(given, "127.0.0.1:9222"),
        txcdp.start_browser(reactor),
        discovery.version(reactor, "127.0.0.1:9222"),
        connect(reactor, "ws://127.0.0.1/"),
        listen(reactor, "tcp:0", lambda line: None),
        BrowserService(reactor),
        txcdp.launch("reactor"),  # type: ignore[arg-type]
        txcdp.connect("http://127.0.0.1:9222", "reactor"),  # type: ignore[arg-type]
        BrowserService("http://127.0.0.1:9222"),  # type: ignore[arg-type]
    ]
