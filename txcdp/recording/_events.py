"""Events as lines of a recording."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from txcdp._logs import LogThrottle
from txcdp._reactor import Clock
from txcdp.errors import MalformedMessage
from txcdp.protocol._wire import split_event
from txcdp.recording._entries import as_chromium_writes, event_line
from txcdp.recording._secrets import CARRIERS, mask
from txcdp.recording._sources import Sources

log = Logger()


class Events:
    """The writer of event lines.

    :param sources: the sessions that the events come from.
    :param masks: whether secrets are masked.
    :param wall: returns the time, in seconds since 1970.
    :param put: called with the lines.
    :ivar unreadable: how many messages could not be read.
    """

    def __init__(
        self,
        clock: Clock,
        sources: Sources,
        masks: bool,
        wall: Callable[[], float],
        put: Callable[[bytes], object],
    ) -> None:
        self._find = sources.find
        self._masks = masks
        self._wall = wall
        self._put = put
        self._may_log = LogThrottle(clock)
        self.unreadable = 0

    def received(self, message: bytes) -> None:
        """Write the line of an event, if its session is recorded."""
        now = self._wall()
        try:
            parts = split_event(message)
            if parts is not None:
                method, key, end = parts
                body = message[1:end]
            else:
                method, key, body = as_chromium_writes(message)
            source = self._find(key)
            if not source.wanted:
                return
            if self._masks and method in CARRIERS:
                body = mask(body)
            line = event_line(now, source.head, body)
        except (MalformedMessage, RecursionError) as error:
            self.unreadable += 1
            if self._may_log():
                log.warn("An event could not be recorded: {error}", error=error)
            return
        self._put(line)
