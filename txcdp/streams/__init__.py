"""Observables of what a browser reports, and conversions between them and Twisted.

- :class:`Stream`: an observable with reactivex's operators as typed methods, which use the clock of the connection's
  reactor and start no threads; :class:`EventStream` is a stream of a session's events.
- :func:`merge`, :func:`combine_latest`, :func:`zip`: several streams as one.
- :func:`first`: a stream's first item as a Deferred; :meth:`Stream.expect`: an item that arrives during a block.
- :func:`from_deferred`: a Deferred as an observable.
- :func:`queue`: a stream as an async iterator, with an explicit policy for a slow consumer.
- :class:`Gap`: the mark, in ``stream.with_gaps()``, of a time in which the connection was lost.
- :class:`TwistedScheduler`: Rx time on a Twisted reactor or :class:`twisted.internet.task.Clock`, for observables that
  reactivex's own functions make.
"""

from txcdp.streams._combining import combine_latest, merge, zip
from txcdp.streams._context import StreamContext
from txcdp.streams._deferreds import from_deferred
from txcdp.streams._expected import Expected, first
from txcdp.streams._fanout import EventStream, StreamSubject
from txcdp.streams._gaps import Gap
from txcdp.streams._queues import EventQueue, Overflow, queue
from txcdp.streams._registration import Registration
from txcdp.streams._scheduler import TwistedScheduler
from txcdp.streams._stream import ConnectableStream, GroupedStream, Pipeline, Stream

__all__ = [
    "ConnectableStream",
    "EventQueue",
    "EventStream",
    "Expected",
    "Gap",
    "GroupedStream",
    "Overflow",
    "Pipeline",
    "Registration",
    "Stream",
    "StreamContext",
    "StreamSubject",
    "TwistedScheduler",
    "combine_latest",
    "first",
    "from_deferred",
    "merge",
    "queue",
    "zip",
]
