"""Rx time on a Twisted clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from reactivex import abc
from reactivex.scheduler import CurrentThreadScheduler
from reactivex.scheduler.eventloop import TwistedScheduler as _ReactivexScheduler

from txcdp._reactor import AnyReactor

S = TypeVar("S")


class TwistedScheduler(_ReactivexScheduler):
    """An Rx scheduler on a reactor, which also takes the present time from it.

    reactivex's own scheduler takes the time from the wall clock, so operators such as ``delay`` would never fire under
    :class:`twisted.internet.task.Clock`.

    :param reactor: a reactor or a ``task.Clock``.
    """

    def __init__(self, reactor: AnyReactor) -> None:
        super().__init__(reactor)
        self._clock = reactor

    @property
    def now(self) -> datetime:
        """The clock's present time."""
        return datetime.fromtimestamp(self._clock.seconds(), UTC)


class PipelineScheduler(TwistedScheduler):
    """The default scheduler of pipelines: due work runs immediately, later work on the reactor.

    With a plain :class:`TwistedScheduler` as the default, ``start_with`` and other synchronous operators would wait for
    the reactor's next iteration, and whatever is subscribed after them would miss events.
    """

    def schedule(self, action: abc.ScheduledAction[S], state: S | None = None) -> abc.DisposableBase:
        """Run ``action`` on the current thread's trampoline."""

        def run(_: abc.SchedulerBase, state: S | None) -> abc.DisposableBase | None:
            return action(self, state)  # what it schedules in its turn is not the trampoline's, which would sleep

        return CurrentThreadScheduler.singleton().schedule(run, state)
