"""One attempt to have work done by a node: what arrives of its result, and what its end means."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from autobahn.exception import Disconnected, PayloadExceededError
from autobahn.wamp.exception import ApplicationError, SerializationError, TransportLost
from autobahn.wamp.types import CallOptions
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._deferreds import Timer, Waiters
from txcdp._reactor import Clock
from txcdp.errors import TxcdpError, WorkFailed
from txcdp.fleet._line import NO_LINE
from txcdp.fleet._messages import Control, ResultKind, Uris, plain
from txcdp.fleet._options import FleetOptions

_NO_LINE: Final = (TransportLost, Disconnected)

#: The error that routers report if there is no node, or none has a free place.
_NOBODY: Final = "wamp.error.no_such_procedure"
_FULL: Final = "crossbar.error.max_concurrency_reached"


def too_large(kind: str, why: str) -> str:
    """Return the error text for a request that no router accepts."""
    return f"{kind}: the request is too large, {why}: serve a large html from your own server, and give its url"


class NotTaken(TxcdpError):
    """No node has accepted the work: any work may be tried again."""


class Lost(TxcdpError):
    """The node, the router or the browser went away: work that must not be repeated may have been done.

    :ivar begun: whether the work may have begun.
    """

    def __init__(self, why: str, begun: bool) -> None:
        super().__init__(why)
        self.begun = begun


@dataclass(frozen=True)
class WorkWanted:
    """A piece of work, as its caller describes it.

    :ivar kind: the kind of work.
    :ivar request: the request.
    :ivar repeatable: whether it may be repeated; if not, it begins only when a node has said that it has a place.
    :ivar did: called with the number of each completed action.
    :ivar window: how many chunks or events may be in transit; None: as the options say.
    """

    kind: str
    request: dict[str, Any]
    repeatable: bool
    did: Callable[[int], object] = lambda number: None
    window: int | None = None


class Grants:
    """The credits that a node is given for a call; each is also a sign of life.

    :param seconds: the longest interval between two of them.
    """

    def __init__(self, clock: Clock, session: Any, seconds: float) -> None:
        self._session = session
        self._seconds = seconds
        self._uri = ""
        self._call = ""
        self._again = Timer(clock, self._renew)

    @property
    def begun(self) -> bool:
        """Whether there is a node to give credits to."""
        return bool(self._uri)

    def begin(self, uri: str, call: str) -> None:
        """Set the node that gets them, and the call."""
        self._uri, self._call = uri, call
        self._again.set(self._seconds)

    def give(self, more: int) -> None:
        """Give the node credits."""
        if self._uri:
            with suppress(*NO_LINE):
                giving = self._session.call(self._uri, self._call, more)
                giving.addErrback(lambda failure: failure.trap(ApplicationError, *_NO_LINE, CancelledError))

    def end(self) -> None:
        """Give no more credits."""
        self._again.stop()

    def _renew(self) -> None:
        self.give(0)
        self._again.set(self._seconds)


class WorkAttempt:
    """One call of a node.

    :param session: the session to call over.
    :param uris: the names of procedures, topics and errors.
    :param wanted: the work.
    :param seconds: the time that the node has; None: its default.
    :ivar final: the node's last message; empty before that.
    :ivar dropped: events that the node has dropped so far.
    """

    def __init__(
        self, clock: Clock, session: Any, uris: Uris, options: FleetOptions, wanted: WorkWanted, seconds: float | None
    ) -> None:
        self._session = session
        self._uris = uris
        self._options = options
        self._wanted = wanted
        self._seconds = seconds
        self._confirmed = wanted.repeatable
        self._silence = Timer(clock, self._silent)
        self._grants = Grants(clock, session, options.silence / 3)
        self._pieces: deque[Any] = deque()
        self._moved: Waiters[None] = Waiters()
        self._end: BaseException | None = None
        self._over = False
        self._calling: Deferred[Any] | None = None
        self.final: dict[str, Any] = {}
        self.dropped = 0

    @property
    def _window(self) -> int:
        return self._wanted.window or self._options.window

    async def pieces(self) -> AsyncGenerator[Any, None]:
        """Call, and yield the pieces of the result as they arrive; consuming one makes room for another.

        :raises NotTaken: no node has accepted the work.
        :raises Lost: the node is gone.
        :raises WorkFailed: the work cannot be done.
        """
        window = self._window
        control = Control(credits=window if self._confirmed else 0, begin=self._confirmed)
        taken = 0
        self._silence.set(self._options.silence)
        try:
            self._call(control)
            while True:
                while self._pieces:
                    yield self._pieces.popleft()
                    taken += 1
                    if taken * 2 >= window and not self._over:
                        self._grants.give(taken)
                        taken = 0
                if self._over:
                    break
                await self._moved.wait()
            if self._end is not None:
                raise self._end
        finally:
            self._stop()

    def _call(self, control: Control) -> None:
        uri, options = self._uris.work(self._wanted.kind), CallOptions(on_progress=self._heard)
        request = self._wanted.request if self._seconds is None else {**self._wanted.request, "timeout": self._seconds}
        try:
            calling = self._session.call(uri, request, plain(control), options=options)
        except _NO_LINE:
            raise Lost("the connection to the router was lost", begun=False) from None
        except SerializationError as error:
            raise TypeError(f"the request cannot be sent: {error}") from None
        except PayloadExceededError as error:
            raise ValueError(too_large(self._wanted.kind, str(error))) from None
        self._calling = calling
        calling.addCallbacks(self._succeeded, self._failed)

    def _stop(self) -> None:
        """Cancel the work: the node is told, and nothing waits for its answer."""
        self._over = True
        self._silence.stop()
        self._grants.end()
        calling, self._calling = self._calling, None
        if calling is not None and not calling.called:
            with suppress(*NO_LINE):
                calling.cancel()

    @property
    def accepted(self) -> bool:
        """Whether a node had a place for it."""
        return self._grants.begun

    # What is heard:

    def _heard(self, word: str = "", *rest: Any) -> None:
        if self._over:
            return
        self._silence.restart(self._options.silence)
        if word == ResultKind.ACCEPTED and not self._grants.begun:
            self._grants.begin(self._uris.credit(str(rest[0])), str(rest[1]))
            if not self._confirmed:
                self._confirmed = True
                self._grants.give(self._window)
        elif word == ResultKind.CHUNK:
            self._pieces.append(rest[0])
            self._moved.notify(None)
        elif word == ResultKind.EVENTS:
            self._pieces.extend(rest[0])
            self.dropped = int(rest[1])
            self._moved.notify(None)
        elif word == ResultKind.DID:
            self._wanted.did(int(rest[0]))

    def _succeeded(self, result: Any) -> None:
        if not self._over:
            self.final = result if isinstance(result, dict) else {}
            self._finish(None)

    def _failed(self, failure: Failure) -> None:
        if not self._over:
            self._finish(self._meaning(failure))

    def _meaning(self, failure: Failure) -> BaseException:
        """Return what the end of a call means."""
        error = failure.value
        begun = self._confirmed
        if isinstance(error, _NO_LINE):
            return Lost("the connection to the router was lost", begun)
        if not isinstance(error, ApplicationError):
            return error or CancelledError()
        words = " ".join(str(each) for each in error.args)
        match error.error:
            case uri if uri in (_NOBODY, _FULL, self._uris.busy):
                return NotTaken("no node is available" if uri == _NOBODY else words or "all nodes are full")
            case self._uris.failed:
                more = error.kwargs or {}
                return WorkFailed(
                    self._wanted.kind,
                    words,
                    int(more.get("status") or 502),
                    str(more.get("kind") or "page"),
                    more.get("details"),
                )
            case self._uris.broken:
                return Lost(words, begun)
            case ApplicationError.CANCELED:
                return Lost("the node is gone", begun)
            case uri if uri.startswith(("wamp.close.", "crossbar.close.")):
                return Lost(f"the router ended the session ({uri})", begun)
            case uri:
                return WorkFailed(self._wanted.kind, f"the router says {uri}: {words}", 502, "router")

    def _silent(self) -> None:
        self._finish(Lost(f"the node has sent nothing for {self._options.silence:g} s", self._confirmed))

    def _finish(self, end: BaseException | None) -> None:
        self._over = True
        self._end = end
        self._silence.stop()
        self._grants.end()
        self._moved.notify(None)
