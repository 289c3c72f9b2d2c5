"""The caller's side: work that is done by any node with a free place."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import msgspec
from twisted.internet.defer import Deferred

from txcdp._deferreds import EndedByBlock, returns_deferred, with_deadline
from txcdp._reactor import AnyReactor, whole
from txcdp._timeouts import DEFAULT, Timeout, seconds_of
from txcdp._waiting import WaitQueue
from txcdp.errors import FleetBusy, FleetTimeout, NodeLost
from txcdp.fleet._attempts import Lost, NotTaken, WorkAttempt, WorkWanted, too_large
from txcdp.fleet._chunks import RemoteChunks, StreamedResult, chunks_of, write
from txcdp.fleet._line import RouterLine
from txcdp.fleet._messages import MOST, Uris, checked_label
from txcdp.fleet._options import FleetOptions, RouterOptions
from txcdp.fleet._requests import NodeOverflow
from txcdp.fleet._topics import TopicStream
from txcdp.fleet._watching import E, RemoteStream
from txcdp.page._files import NewFile
from txcdp.protocol import Event, from_json, to_json

#: What a render returns of a page.
Take = Literal["screenshot", "pdf", "content", "evaluate"]

#: What can be returned in chunks.
Streamed = Literal["screenshot", "pdf", "content", "evaluate", "record"]

#: Whether each kind of work may be repeated by default: work that only loads a page and reads it may. The page's own
#: scripts run each time it is loaded.
REPEATABLE: Final[Mapping[str, bool]] = {
    "screenshot": True,
    "pdf": True,
    "content": True,
    "evaluate": False,
    "extract": True,
    "run_actions": False,
    "watch": True,
    "record": True,
}


@dataclass(frozen=True)
class RemoteResult:
    """The result of a render on a node.

    :ivar body: the bytes.
    :ivar kind: their content type, such as ``"image/png"``.
    :ivar status: the HTTP status of the page; None: it has none.
    """

    body: bytes
    kind: str
    status: int | None


@dataclass(frozen=True)
class ActionsResult:
    """The outcome of running actions.

    :ivar url: the page's URL after the actions.
    :ivar extract: the extracted data; None: nothing was to be extracted.
    :ivar screenshot: the screenshot; None: none was requested.
    :ivar status: the HTTP status of the first page; None: it has none.
    """

    url: str
    extract: dict[str, Any] | None
    screenshot: bytes | None
    status: int | None


class Fleet(EndedByBlock):
    """The nodes of a realm, as seen by a caller.

    Each call goes to a node that has a free place. It is tried again if no node has one, or if the node is lost and the
    work may be repeated: within the call's timeout, and no more often than the options say. Work that may not be
    repeated starts only when a node has said that it has a place; if that node is then lost, the call fails with
    :exc:`NodeLost`. Cancelling a Deferred also cancels the work on the node.

    :param session: an Autobahn ``ApplicationSession`` that has joined; or use :func:`connect`.
    :param reactor: the reactor; by default the installed one.
    :param options: see :class:`~txcdp.fleet.FleetOptions`.
    """

    def __init__(self, session: Any, reactor: AnyReactor | None = None, options: FleetOptions | None = None) -> None:
        if reactor is None:
            from twisted.internet import reactor as installed

            reactor = installed
        self._source = session
        self._clock = whole(reactor)
        self._options = options or FleetOptions()
        self._uris = Uris(self._options.prefix)
        self._refused: WaitQueue[None] = WaitQueue()

    @returns_deferred
    async def close(self) -> None:
        """Leave the router if :func:`connect` joined it; calls in progress fail with :exc:`NodeLost`.

        :returns: fires once the connection is closed.
        """
        if isinstance(self._source, RouterLine):
            await self._source.stop()

    # Work:

    @returns_deferred
    async def render(
        self,
        take: Take,
        url: str | None = None,
        *,
        timeout: Timeout = DEFAULT,
        repeat: bool | None = None,
        **more: Any,
    ) -> RemoteResult:
        """Load a page and return a screenshot, a PDF, its HTML or a value.

        :param take: what to return: ``"screenshot"``, ``"pdf"``, ``"content"`` or ``"evaluate"``.
        :param url: the page's URL; alternatively, ``html=...`` is the page.
        :param timeout: for the whole call, including all attempts; None: only the node's own timeout, for each attempt.
        :param repeat: whether the work may be repeated if its node is lost; by default, all but ``"evaluate"`` may.
        :param more: the options of the gateway's renders: ``full_page``, ``wait_until``, ``viewport``, ``cookies`` ...
        :returns: fires with a :class:`RemoteResult`. Fails with :exc:`WorkFailed`, :exc:`FleetBusy`,
            :exc:`FleetTimeout` and :exc:`NodeLost`.
        """
        repeatable = REPEATABLE.get(take, False) if repeat is None else repeat
        return await self._done(_wanted("render", {"take": take, "url": url, **more}, repeatable), timeout)

    @returns_deferred
    async def screenshot(self, url: str | None = None, **more: Any) -> bytes:
        """Take a screenshot of a page; see :meth:`render`.

        :returns: fires with the bytes of a PNG, or of the format that ``format`` names.
        """
        return (await self.render("screenshot", url, **more)).body

    @returns_deferred
    async def pdf(self, url: str | None = None, **more: Any) -> bytes:
        """Print a page to PDF; see :meth:`render`.

        :returns: fires with the bytes.
        """
        return (await self.render("pdf", url, **more)).body

    @returns_deferred
    async def content(self, url: str | None = None, **more: Any) -> str:
        """Return a page's HTML, including what scripts have changed; see :meth:`render`.

        :returns: fires with the text.
        """
        return (await self.render("content", url, **more)).body.decode("utf-8", "replace")

    @returns_deferred
    async def evaluate(self, url: str | None = None, expression: str | None = None, **more: Any) -> Any:
        """Evaluate JavaScript in a page; see :meth:`render`.

        It is not repeated if its node is lost, unless ``repeat=True`` says that it may be.

        :param expression: the expression to evaluate; alternatively, pass ``function`` and ``args``.
        :returns: fires with the value.
        """
        made = await self.render("evaluate", url, expression=expression, **more)
        return from_json(made.body)["result"]

    @returns_deferred
    async def extract(
        self,
        url: str | None,
        shape: Mapping[str, Any],
        *,
        timeout: Timeout = DEFAULT,
        repeat: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        """Extract structured data from a page.

        :param shape: selectors, in the form that ``Page.extract`` takes.
        :param timeout: as for :meth:`render`.
        :param repeat: as for :meth:`render`.
        :param more: as for :meth:`render`.
        :returns: fires with the extracted data; fails like :meth:`render`.
        """
        wanted = _wanted("extract", {"url": url, "shape": dict(shape), **more}, repeat)
        done = await self._done(wanted, timeout)
        found: dict[str, Any] = from_json(done.body)
        return found

    @returns_deferred
    async def run_actions(
        self,
        url: str | None,
        actions: Sequence[Any],
        *,
        extract: Mapping[str, Any] | None = None,
        screenshot: Mapping[str, Any] | bool = False,
        did: Callable[[int], object] = lambda number: None,
        timeout: Timeout = DEFAULT,
        repeat: bool = False,
        **more: Any,
    ) -> ActionsResult:
        """Run actions in a page.

        They are not repeated if the node is lost, unless ``repeat=True`` says that they may be.

        :param actions: lists such as ``["fill", "#name", "ada"]``, as in Scrapy requests.
        :param extract: the data to extract afterwards, in the form that ``Page.extract`` takes.
        :param screenshot: whether to take a screenshot afterwards; or its ``format``, ``quality`` and ``full_page``.
        :param did: called with the number of each action, counted from 1, once it is done. If the work may be repeated,
            the count may start again from 1.
        :param timeout: as for :meth:`render`.
        :param repeat: whether the work may be repeated if its node is lost.
        :param more: as for :meth:`render`.
        :returns: fires with an :class:`ActionsResult`; fails like :meth:`render`.
        """
        picture = None if screenshot is False else dict(screenshot) if isinstance(screenshot, Mapping) else {}
        request = {"url": url, "actions": list(actions), "extract": extract, "screenshot": picture, **more}
        done = await self._done(_wanted("run_actions", request, repeat, did), timeout)
        return ActionsResult(**msgspec.msgpack.decode(done.body), status=done.status)

    @returns_deferred
    async def record(
        self,
        url: str | None,
        path: str | os.PathLike[str],
        *,
        seconds: float = 0.0,
        did: Callable[[int], object] = lambda number: None,
        timeout: Timeout = DEFAULT,
        repeat: bool = True,
        **more: Any,
    ) -> StreamedResult:
        """Record a page's events, from before it loads, into a file that ``txcdp.recording.read`` reads.

        The recording includes the page's frames and workers, but not the windows that it opens. The file appears once
        all of it has arrived; until then, and if the call fails, a file that already had the name stays as it was. If
        the node is lost, the page is loaded and recorded again, and the file contains only that recording.

        :param path: the path of the file: ``NAME.jsonl.gz``, or ``NAME.jsonl`` with ``compression="none"``.
        :param seconds: how long to go on recording once the page is loaded and its actions are done; 3,600 at most.
        :param did: as for :meth:`run_actions`.
        :param timeout: for everything except these seconds; as for :meth:`render`.
        :param repeat: as for :meth:`render`; pass False with ``actions`` that must not be repeated.
        :param more: ``actions`` as for :meth:`run_actions`; ``domains``, ``secrets``, and ``events`` and ``without`` of
            a ``Filter``, as for a ``Recorder``; ``buffer``, the bytes that may wait at the node for a slower caller,
            and ``overflow``, what happens to more: ``"drop_oldest"``, ``"drop_newest"`` or ``"error"``; and the options
            of :meth:`render`.
        :returns: fires with a :class:`StreamedResult`; fails like :meth:`render`, and with :exc:`OSError`.
        """
        wanted = _streamed("record", url, {"seconds": seconds, **more}, repeat)
        return await self._saved(replace(wanted, did=did), path, timeout)

    @returns_deferred
    async def save(
        self,
        path: str | os.PathLike[str],
        take: Take,
        url: str | None = None,
        *,
        timeout: Timeout = DEFAULT,
        repeat: bool | None = None,
        **more: Any,
    ) -> StreamedResult:
        """Render into a file, chunk by chunk: however large the result, little of it is in memory here.

        :param path: the path of the file; it appears once all of the result has arrived, and replaces any file of that
            name.
        :param take: as for :meth:`render`.
        :param timeout: as for :meth:`render`.
        :param repeat: as for :meth:`render`.
        :param more: as for :meth:`render`.
        :returns: fires with a :class:`StreamedResult`; fails like :meth:`render`, and with :exc:`OSError`.
        """
        return await self._saved(_streamed(take, url, more, repeat), path, timeout)

    def chunks(
        self,
        take: Streamed,
        url: str | None = None,
        *,
        window: int | None = None,
        timeout: Timeout = DEFAULT,
        repeat: bool | None = None,
        **more: Any,
    ) -> RemoteChunks:
        """Return a render, or a recording, as a stream of its bytes; the work starts with the first subscription.

        The stream fails like :meth:`render`. Once the first chunk has arrived, the work is not repeated: the stream
        fails with :exc:`NodeLost` if the node is lost.

        :param take: as for :meth:`render`; or ``"record"``, see :meth:`record`.
        :param window: how many chunks of 256 KB may be in transit; by default as the options say.
        :param timeout: for loading the page and, for a render, for making the result.
        :param repeat: as for :meth:`render`, until the first chunk has arrived.
        :param more: as for :meth:`render` or :meth:`record`.
        """
        wanted = replace(_streamed(take, url, more, repeat), window=window)
        return RemoteChunks(self._clock, f"{take} by a node", lambda: self._pieces(wanted, timeout, chunks_of))

    def watch(
        self,
        url: str | None,
        *events: type[E],
        buffer: int = 1000,
        overflow: NodeOverflow = "drop_oldest",
        window: int = 200,
        timeout: Timeout = DEFAULT,
        **more: Any,
    ) -> RemoteStream[E]:
        """Return a stream of a page's events; a node opens the page at the first subscription and closes it after the
        last.

        The stream begins before the page loads. It fails with :exc:`NodeLost` if the node is lost, with
        :exc:`WorkFailed` if the page cannot be loaded, or crashes, and with :exc:`FleetBusy` if no node has a free
        place.

        :param events: event classes, such as ``cdp.network.ResponseReceived``; events of the page's own session.
        :param buffer: how many events the node keeps for a slower subscriber.
        :param overflow: what the node does with more: ``"drop_oldest"``, ``"drop_newest"``, ``"latest"`` or
            ``"error"``.
        :param window: how many events may be in transit.
        :param timeout: for loading the page.
        :param more: as for :meth:`render`.
        :raises TypeError: no event class is given, or something that is not one.
        """
        named = _by_name("watch", events)
        request = {"url": url, "events": list(named), "buffer": buffer, "overflow": overflow, **more}
        wanted = replace(_wanted("watch", request, True), window=window)
        return RemoteStream(self._clock, named, lambda: self._pieces(wanted, timeout, WorkAttempt.pieces))

    def subscribe(self, name: str, *events: type[E]) -> TopicStream[E]:
        """Return a stream of the events of a page that a node watches on its own and publishes to all subscribers.

        The stream begins with the subscription. It fails with :exc:`NodeLost` if nothing is published for
        ``FleetOptions(silence=...)`` seconds (a node publishes something every few seconds), and with :exc:`WorkFailed`
        if the router does not allow this caller to subscribe. A topic has no back-pressure: use :meth:`watch` for a
        stream of one subscriber's own.

        :param name: the page's name in its node's ``NodeOptions(publish=...)``.
        :param events: event classes, out of those that the node publishes.
        :raises TypeError: no event class is given, or something that is not one.
        :raises ValueError: the name is invalid.
        """
        named = _by_name("subscribe", events)
        topic = self._uris.topic(checked_label("name", name))
        return TopicStream(self._clock, name, topic, named, self._options.silence, self._session)

    async def _pieces(
        self,
        wanted: WorkWanted,
        timeout: Timeout,
        pieces_of: Callable[[WorkAttempt], AsyncGenerator[Any, None]],
    ) -> AsyncGenerator[tuple[WorkAttempt, Any], None]:
        """Call a node, and yield the pieces of the result; call another node as long as no piece has arrived."""
        tries = Tries(self._options, wanted)
        seconds = seconds_of(timeout, self._options.timeout)
        begun = wanted.kind == "watch"  # its first event is of the page's beginning, and may be lost as well
        while True:
            attempt = WorkAttempt(self._clock, await self._session(), self._uris, self._options, wanted, seconds)
            pieces = pieces_of(attempt)
            try:
                async for piece in pieces:
                    begun = True
                    yield attempt, piece
                return
            except NotTaken as error:
                pause = tries.failed(error)
            except Lost as error:
                if begun:
                    raise NodeLost(wanted.kind, str(error), _MISSING[wanted.kind == "watch"]) from None
                pause = tries.failed(error)
            finally:
                await pieces.aclose()
            await self._wait(pause)

    # How it is done:

    async def _done(self, wanted: WorkWanted, timeout: Timeout) -> RemoteResult:
        """Have work done that has one result."""

        async def collect(attempt: WorkAttempt) -> RemoteResult:
            parts = [each async for each in attempt.pieces()]
            final = attempt.final
            body = final.get("body")
            return RemoteResult(b"".join(parts) if body is None else body, final.get("kind", ""), final.get("status"))

        done: RemoteResult = await self._tried(collect, wanted, timeout)
        return done

    async def _saved(self, wanted: WorkWanted, path: str | os.PathLike[str], timeout: Timeout) -> StreamedResult:
        """Have work done whose result goes into a file; each attempt starts the file over."""
        made: StreamedResult = await self._tried(
            lambda attempt: write(attempt, NewFile(path)), wanted, timeout, wanted.request.get("seconds", 0.0)
        )
        return made

    async def _tried(
        self, take: Callable[[WorkAttempt], Any], wanted: WorkWanted, timeout: Timeout, lasting: float = 0.0
    ) -> Any:
        """Have work tried until an attempt has a definite outcome, or the time is up.

        :param lasting: additional seconds that an attempt takes by itself.
        """
        seconds = seconds_of(timeout, self._options.timeout)
        tries = Tries(self._options, wanted)
        ends = None if seconds is None else self._clock.seconds() + seconds

        def late() -> FleetTimeout:
            return FleetTimeout(wanted.kind, seconds or 0.0, str(tries.last or "it is still running"))

        while True:
            left = self._left(ends, late)
            session = await with_deadline(self._clock, self._session(), left, late)
            left, began = self._left(ends, late), self._clock.seconds()
            attempt = WorkAttempt(self._clock, session, self._uris, self._options, wanted, left)
            try:
                most = None if left is None else left + lasting
                return await with_deadline(self._clock, Deferred.fromCoroutine(take(attempt)), most, late)
            except (NotTaken, Lost) as error:
                pause = tries.failed(error)
                if ends is not None:
                    ends += min(lasting, self._clock.seconds() - began)
            finally:
                if attempt.accepted and self._refused:  # its place is free now
                    self._refused.serve(None)
            await self._wait(pause if ends is None else min(pause, ends - self._clock.seconds()))

    def _left(self, ends: float | None, late: Callable[[], FleetTimeout]) -> float | None:
        if ends is None:
            return None
        left = ends - self._clock.seconds()
        if left <= 0:
            raise late()
        return left

    async def _wait(self, seconds: float) -> None:
        """Wait for a while; a place that another of our calls has left ends the wait."""
        if seconds > 0:
            waiting = self._refused.join()
            with suppress(_WaitExpired):
                await with_deadline(self._clock, waiting, seconds, _WaitExpired)

    def _session(self) -> Deferred[Any]:
        if isinstance(self._source, RouterLine):
            return self._source.when_joined()
        found: Deferred[Any] = Deferred()
        found.callback(self._source)
        return found


class _WaitExpired(Exception):
    """Nothing happened while waiting."""


class Tries:
    """Decides whether a call is tried again, and when.

    :ivar last: the error of the last attempt.
    """

    def __init__(self, options: FleetOptions, wanted: WorkWanted) -> None:
        self._options = options
        self._kind = wanted.kind
        self._repeatable = wanted.repeatable
        self._refused = 0
        self._lost = 0
        self.last: NotTaken | Lost | None = None

    def failed(self, error: NotTaken | Lost) -> float:
        """Record a failed attempt, and return the seconds until the next one.

        :raises FleetBusy: there is no next one: no node has a place.
        :raises NodeLost: there is no next one, since the work may have been done; or too many nodes were lost.
        """
        self.last = error
        if isinstance(error, Lost):
            self._lost += 1
            if error.begun and not self._repeatable:
                raise NodeLost(
                    self._kind, str(error), "it may have been done wholly or partly, and is not repeated"
                ) from None
            if self._lost > self._options.repeats:
                raise NodeLost(self._kind, str(error), f"it was tried {self._lost} times") from None
        else:
            self._refused += 1
            if self._refused >= self._options.tries:
                raise FleetBusy(self._kind, str(error), self._refused) from None
        number = self._refused + self._lost
        return min(self._options.pause_most, self._options.pause * 1.5 ** (number - 1)) * (0.5 + random.random())


def _wanted(
    kind: str, request: dict[str, Any], repeatable: bool, did: Callable[[int], object] = lambda number: None
) -> WorkWanted:
    """Return a piece of work in the form in which it is sent.

    :raises ValueError: it is larger than a router accepts.
    """
    given = {name: value for name, value in request.items() if value is not None}
    size = len(to_json(given))
    if size > MOST:
        raise ValueError(too_large(kind, f"it has {size:,} bytes, and the router takes {MOST:,} in one message"))
    return WorkWanted(kind, given, repeatable, did)


def _by_name(what: str, events: tuple[type[Event], ...]) -> dict[str, type[Event]]:
    """Return event classes by their protocol names.

    :raises TypeError: there is none, or something that is not one.
    """
    given: tuple[object, ...] = events
    if not given or not all(isinstance(each, type) and issubclass(each, Event) for each in given):
        raise TypeError(f"{what}({events!r:.80}): expected classes of events, such as network.ResponseReceived")
    return {each.method: each for each in events}


def _streamed(take: Streamed, url: str | None, more: dict[str, Any], repeat: bool | None) -> WorkWanted:
    """Return a piece of work whose result is to arrive in pieces."""
    repeatable = REPEATABLE.get(take, False) if repeat is None else repeat
    if take == "record":
        return _wanted("record", {"url": url, **more}, repeatable)
    return _wanted("render", {"take": take, "url": url, **more}, repeatable)


#: What the loss of a node means for a result that had begun to arrive.
_MISSING = {
    True: "events may be missing: subscribe again",
    False: "a part was received: subscribe again to get all of it",
}


@returns_deferred
async def connect(reactor: AnyReactor, router: RouterOptions, options: FleetOptions | None = None) -> Fleet:
    """Join a router's realm, to have its nodes do work.

    If the session is lost, it is joined again; calls that are tried again wait for that.

    :param router: see :class:`~txcdp.fleet.RouterOptions`.
    :param options: see :class:`~txcdp.fleet.FleetOptions`.
    :returns: fires with a :class:`Fleet`, which you have to close; fails with :exc:`ConnectError` if the first attempt
        fails.
    """
    line = RouterLine(reactor, router)
    line.start()
    try:
        await line.when_joined(1)
    except BaseException:
        await line.stop()
        raise
    return Fleet(line, reactor, options)
