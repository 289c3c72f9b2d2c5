"""One viewer: an endless HTTP response of Server-Sent Events, sent at the pace at which the viewer reads."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from txcdp._reactor import Clock
from txcdp.gateway._http.requests import set_headers
from txcdp.gateway.live._feed import Feed

#: Seconds after which a viewer without news is sent a message anyway, with the number of waiting clients.
QUIET = 1.0

#: Seconds for which a viewer may leave data unread; then its connection is closed.
SLOW = 30.0

#: Seconds after which a response ends and the page has to reconnect, so that a revoked token stops working.
LONGEST = 900.0


@implementer(IPushProducer)
class Viewer:
    """Sends one viewer what is new; while it does not read, nothing is written, and nothing is stored for it.

    :param request: Twisted's request.
    :param feed: provides what is new.
    :param clock: the reactor.
    :ivar revision: the revision that it was last sent.
    """

    def __init__(self, request: Any, feed: Feed, clock: Clock) -> None:
        self._request = request
        self._feed = feed
        self._clock = clock
        self._ended = False
        self._began = self._sent = clock.seconds()
        self._paused: float | None = None
        self.revision = 0

    def start(self) -> None:
        """Begin the response.

        :raises Refusal: there are too many viewers.
        """
        request = self._request
        buffering = {"X-Accel-Buffering": "no"}  # or a proxy keeps it until it is long enough
        set_headers(request, {"Content-Type": "text/event-stream; charset=UTF-8", **buffering})
        request.notifyFinish().addBoth(self._gone)
        request.registerProducer(self, True)
        try:
            self._feed.add(self)
        except BaseException:
            request.unregisterProducer()
            raise

    def offer(self) -> None:
        """Send what is new, if the viewer reads and its time is not up."""
        now = self._clock.seconds()
        if self._paused is not None:
            if now - self._paused >= SLOW:
                self._request.channel.forceAbortClient()
            return
        if now - self._began >= LONGEST:
            self.end()
            return
        news, self.revision = self._feed.news(self.revision)
        if news is None and now - self._sent >= QUIET:
            news = self._feed.message({})
        if news is not None:
            self._sent = now
            self._request.write(b"data: " + news + b"\n\n")

    def end(self) -> None:
        """End the response."""
        if not self._ended:
            self._request.unregisterProducer()
            self._request.finish()

    def _gone(self, _: object) -> None:
        self._ended = True
        self._feed.remove(self)

    def pauseProducing(self) -> None:
        """Stop writing, because the viewer reads too slowly."""
        if self._paused is None:
            self._paused = self._clock.seconds()

    def resumeProducing(self) -> None:
        """Allow writing again; what is new meanwhile is sent with the next message."""
        self._paused = None

    def stopProducing(self) -> None:
        """Do nothing: ``notifyFinish`` reports the end, too."""
