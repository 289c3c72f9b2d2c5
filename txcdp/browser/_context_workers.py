"""The workers that belong to a context rather than to a page: service workers and shared workers."""

from __future__ import annotations

from functools import partial
from typing import Any

from txcdp._core.sessions import Session
from txcdp.network._following import Network, worker_network
from txcdp.page import Worker
from txcdp.streams import Stream
from txcdp.streams._gathered import OwnersStreams


class ContextWorkers:
    """The service and shared workers of one context.

    :param streams: the context's streams.
    :param wanted: whether to attach to them without a subscriber.
    :ivar wanted: whether they are attached to.
    """

    def __init__(self, streams: OwnersStreams, wanted: bool) -> None:
        self.wanted = wanted
        self._streams = streams
        self._running: dict[Session, Worker] = {}
        #: The network activity of workers for which programs have no :class:`Worker`.
        self._unlisted: dict[Session, Network] = {}

    def running(self, kind: str) -> list[Worker]:
        """Return the running workers of a kind.

        :param kind: their target type.
        """
        return [each for session, each in self._running.items() if session.kind == kind]

    @staticmethod
    def _stream_of(worker: Worker, name: str) -> Stream[Any]:
        return worker._network().stream(name)

    def networks(self) -> list[Network]:
        """Return the objects that follow the exchanges of running workers."""
        return [each._network() for each in self._running.values()]

    def network_of(self, session: Session) -> Network:
        """Return the object that follows a worker's exchanges, even if it was attached to only for its requests."""
        worker = self._running.get(session)
        if worker is not None:
            return worker._network()
        if session not in self._unlisted:
            self._unlisted[session] = worker_network(session)
            session._feed_into(ended=lambda _: self._unlisted.pop(session, None))
        return self._unlisted[session]

    def add(self, session: Session) -> None:
        """Add a worker that was attached to and waits."""
        if session in self._running:
            return
        worker = self._running[session] = Worker(session)
        session._feed_into(ended=lambda _: self._running.pop(session, None))
        for name in Network.STREAMS:
            self._streams.add_source(name, partial(self._stream_of, worker, name))
        self._streams.push(f"{session.kind}_started", worker)
