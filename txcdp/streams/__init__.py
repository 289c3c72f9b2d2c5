"""Observables over what a browser says, and the ways between them and Twisted.

- :class:`Stream`: an observable that delivers to each subscriber separately, so that one that raises
  harms only itself; :class:`EventStream` is one that decodes a session's events.
- :class:`Gap`: the mark, in ``stream.with_gaps()``, of a time in which the line was lost.
- :func:`first`: a stream's first item as a Deferred.
- :func:`from_deferred`: a Deferred as an observable.
- :func:`queue`: a stream as an async iterator, with a declared policy for a consumer that is slow.
- :class:`TwistedScheduler`: Rx time on a Twisted reactor or :class:`twisted.internet.task.Clock`.

What is built by ``stream.pipe(...)`` keeps to the stream's own reactor: ``debounce``, ``delay``,
``timeout`` and the like need no scheduler, and no thread is ever started.
"""

from txcdp.streams._deferreds import first, from_deferred
from txcdp.streams._fanout import EventStream, Pipeline, Stream, StreamContext
from txcdp.streams._gaps import Gap
from txcdp.streams._queues import EventQueue, Overflow, queue
from txcdp.streams._scheduler import TwistedScheduler

__all__ = [
    "EventQueue",
    "EventStream",
    "Gap",
    "Overflow",
    "Pipeline",
    "Stream",
    "StreamContext",
    "TwistedScheduler",
    "first",
    "from_deferred",
    "queue",
]
