"""Workers: scripts that run beside a page's documents, or for a whole site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from txcdp._core.sessions import Session
from txcdp._deferreds import failing_deferreds, returns_deferred, with_deadline
from txcdp._other_names import NamedElsewhere
from txcdp._privacy import shown_url
from txcdp._timeouts import DEFAULT, Timeout, literal_seconds_of
from txcdp.domains import runtime
from txcdp.errors import CommandTimeout
from txcdp.network import Exchange
from txcdp.network._following import Network, worker_network
from txcdp.page._console import ConsoleMessage, PageError, SessionConsole
from txcdp.page._evaluation import Evaluator
from txcdp.page._handles import JSHandle, handle_of
from txcdp.page._injected import Injected
from txcdp.streams import Stream
from txcdp.streams._gathered import OnDemandStream

if TYPE_CHECKING:
    from txcdp.page._page import Page


@failing_deferreds
class Worker(NamedElsewhere):
    """A dedicated worker of a page; an item of ``page.worker_started``.

    :ivar url: the URL of its script.
    :ivar session: the session, for the rest of the protocol: ``worker.session.execute(...)``.
    """

    def __init__(self, session: Session, page: Page | None = None) -> None:
        self.session = session
        self.url: str = "" if session.target is None else session.target.url
        self._page = page
        self._injected = WorkerInjected(session)
        self._evaluator = Evaluator(self._injected, lambda frame_id: None)
        self._console: OnDemandStream[ConsoleMessage] | None = None
        self._exchanges: OnDemandStream[Exchange] | None = None
        self._own_network: Network | None = None
        self._spoken_for: SessionConsole | None = None
        self._end: tuple[Exception | None] | None = None
        session._feed_into(ended=self._ended)

    def __repr__(self) -> str:
        return f"<Worker {shown_url(self.url)}{' (closed)' if self.session.ended else ''}>"

    @returns_deferred
    async def evaluate(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> Any:
        """Evaluate JavaScript in the worker, and return the value as a Python object (``Runtime.evaluate``).

        :param expression: as for ``Page.evaluate``.
        :param arg: as for ``Page.evaluate``.
        :param timeout: as for ``Page.evaluate``.
        :returns: fires and fails like ``Page.evaluate``.
        """
        await self._injected.ensure(timeout)
        return await self._evaluator.evaluate(expression, (arg,), timeout=timeout)

    @returns_deferred
    async def evaluate_handle(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> JSHandle:
        """Evaluate JavaScript in the worker, and return a handle to the value, which stays there
        (``Runtime.evaluate``).

        :param expression: as for ``Page.evaluate``.
        :param arg: as for ``Page.evaluate``.
        :param timeout: as for ``Page.evaluate``.
        :returns: fires with a :class:`JSHandle`; fails like ``Page.evaluate``.
        """
        await self._injected.ensure(timeout)
        return handle_of(await self._evaluator.keep(expression, (arg,), timeout=timeout))

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """The worker's console messages, a stream of :class:`ConsoleMessage`; it completes with the worker."""
        if self._console is None:
            self._console = OnDemandStream(self.session.context, "worker.console", self._hear)
            if self._end is not None:
                self._console.end(self._end[0])
        return self._console

    @property
    def exchanges(self) -> Stream[Exchange]:
        """The worker's network traffic, a stream of :class:`Exchange`; it completes with the worker."""
        if self._exchanges is None:
            of = self._network().sessions
            self._exchanges = OnDemandStream(self.session.context, "worker.exchanges", of.use, of.leave)
            if self._end is not None:
                self._exchanges.end(self._end[0])
        return self._exchanges

    def _network(self) -> Network:
        """Return the object that follows its exchanges: its page's, if it has one."""
        if self._page is not None:
            return self._page._tree.network
        if self._own_network is None:
            self._own_network = worker_network(self.session, self)
        return self._own_network

    def _push_exchange(self, exchange: Exchange) -> None:
        if self._exchanges is not None:
            self._exchanges.push(exchange)

    def is_closed(self) -> bool:
        """Return whether the worker, its page or the browser has ended."""
        return self.session.ended

    def when_closed(self) -> Deferred[None]:
        """Return a Deferred that fires with None when the worker, its page or the browser has ended."""
        return self.session.when_ended().addCallback(lambda _: None)

    def _hear(self) -> None:
        """Start listening to its console."""
        if self._spoken_for is None and not self.session.ended:
            self._spoken_for = SessionConsole(
                self.session, self._evaluator, ("Runtime",), self._is_heard, self._tell, self._page, self
            )

    def _is_heard(self) -> bool:
        page = self._page
        if self._console is not None and self._console.listened:
            return True
        return page is not None and page._said.listened

    def _tell(self, item: ConsoleMessage | PageError) -> None:
        if self._console is not None and isinstance(item, ConsoleMessage):
            self._console.push(item)
        if self._page is not None:
            self._page._said.tell(item)

    def _ended(self, error: Exception | None) -> None:
        self._end = (error,)
        for stream in (self._console, self._exchanges):
            if stream is not None:
                stream.end(error)


#: Whether a worker has its script. Before that its global scope is incomplete: timers, ``fetch`` and ``location`` crash
#: the process. Whether it is complete shows in a property that depends on where the script is from.
HAS_SCRIPT: Final = "typeof isSecureContext==='boolean'"

#: A promise that is resolved when a worker's script has run.
HAS_RUN: Final = "new Promise(done=>setTimeout(done))"

#: Seconds before a worker without its script is asked again, at first; doubled each time, up to the limit.
_SOON, _LIMIT = 0.005, 0.2


class WorkerInjected(Injected):
    """The script that evaluates in a worker: a worker has a single global scope, to which it is given when needed."""

    _has_run = False

    @returns_deferred
    async def ensure(self, timeout: Timeout) -> None:
        """Add it to the worker, unless that has it, and wait until it is there.

        A command to a worker that was just reported is handled before the worker's script runs, but programs expect
        that the script has run.

        :param timeout: the timeout, as for ``Session.execute``.
        """
        if self._has_run:
            return
        if not self.name:
            self.register()
        session = self.session
        seconds = literal_seconds_of(timeout, session._channel._dispatcher.timeout)
        late = lambda: CommandTimeout("Runtime.evaluate", seconds or 0, "the worker's script did not load")  # noqa: E731
        await with_deadline(session.context.clock, Deferred.fromCoroutine(self._when_whole()), seconds, late)
        await session.execute(runtime.evaluate(expression=HAS_RUN, await_promise=True), timeout=timeout)
        self._has_run = True

    async def _when_whole(self) -> None:
        looking = runtime.evaluate(expression=HAS_SCRIPT)
        pause = _SOON
        while (await self.session.execute(looking, timeout=None)).result.value is False:
            await deferLater(self.session.context.clock, pause, lambda: None)  # type: ignore[arg-type]  # a clock is enough
            pause = min(2 * pause, _LIMIT)
