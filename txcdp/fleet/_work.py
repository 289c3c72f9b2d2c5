"""The work of a node, done with the browsers of a gateway, by its rules and within its limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from autobahn.exception import PayloadExceededError

from txcdp._reactor import Clock
from txcdp.errors import ActionTimeout, DeadlineError, LocatorError, StreamEnded, TxcdpError
from txcdp.fleet._calls import NodeCall
from txcdp.fleet._messages import CHUNK, LARGEST_EVENT, Done, ResultKind, measured, well_formed
from txcdp.fleet._options import NodeOptions
from txcdp.fleet._publishing import PagePublisher
from txcdp.fleet._recording import TYPES, PageRecording
from txcdp.fleet._requests import RENDERS, Extract, RecordPage, RunActions, Watch
from txcdp.gateway import Gateway, Principal
from txcdp.gateway.render import Renders
from txcdp.gateway.render._endpoints import ENDPOINTS
from txcdp.gateway.render._problems import Problem, problem_of
from txcdp.gateway.render._rendering import Rendered
from txcdp.gateway.render._requests import Render
from txcdp.page import Page
from txcdp.page._action_lists import PageAction, actions
from txcdp.protocol import to_json
from txcdp.streams import EventQueue, merge, queue

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"


@dataclass(frozen=True)
class WorkRequest:
    """A piece of work that was requested.

    :ivar request: the request, as received.
    :ivar principal: the sender.
    :ivar call: the call, for messages to its caller.
    """

    request: Mapping[str, Any]
    principal: Principal
    call: NodeCall


class Work:
    """Does the work of callers.

    :param gateway: the gateway whose browsers do the work; it has to render.
    :param clock: the reactor.
    :ivar places: how many pages it renders at once.
    :ivar kinds: the functions for each kind of work.
    """

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        if gateway.renders is None:
            raise ValueError("the gateway does not render: give it GatewayOptions(render=RenderOptions())")
        self._clock = clock
        self._renders: Renders = gateway.renders
        self.places = gateway.renders._places
        self.kinds: Mapping[str, Callable[[WorkRequest], Awaitable[Done]]] = {
            "render": self._render,
            "extract": self._extract,
            "run_actions": self._run_actions,
            "watch": self._watch,
            "record": self._record,
        }

    def check_urls(self, pages: Mapping[str, str]) -> None:
        """Refuse pages to be published that may not be opened here.

        :raises ValueError: one of them may not be opened.
        """
        for name, url in pages.items():
            try:
                self._renders._check_url(url)
            except Problem as error:
                raise ValueError(f"publish={name!r}: {error}") from None

    def publisher(self, options: NodeOptions, name: str, session: Any) -> PagePublisher:
        """Return an object that publishes the events of a page over a session."""
        return PagePublisher(self._clock, self._renders, options, name, session)

    async def _render(self, asked: WorkRequest) -> Done:
        request = dict(asked.request)
        what = request.pop("take", None)
        if what not in RENDERS:
            raise Problem(400, f"take must be one of {', '.join(RENDERS)}, not {what!r:.40}", "request")
        wanted = _read(request, RENDERS[what])
        return _done(await self._renders._make(wanted, ENDPOINTS[f"/{what}"].take, asked.principal))

    async def _extract(self, asked: WorkRequest) -> Done:
        async def take(page: Page, wanted: Extract) -> Rendered:
            return Rendered(to_json(await _told(page.extract(wanted.shape))), JSON)

        return _done(await self._renders._make(_read(asked.request, Extract), take, asked.principal))

    async def _run_actions(self, asked: WorkRequest) -> Done:
        wanted = _read(asked.request, RunActions)
        steps = self._steps(wanted.actions)

        async def take(page: Page, wanted: RunActions) -> Rendered:
            await _perform(steps, page, asked.call)
            extracted = None if wanted.extract is None else await _told(page.extract(wanted.extract))
            picture = None
            if wanted.screenshot is not None:
                options = msgspec.structs.asdict(wanted.screenshot)
                picture = await page.screenshot(**options)
            found = {"url": page.url, "extract": well_formed(extracted), "screenshot": picture}
            return Rendered(msgspec.msgpack.encode(found), MSGPACK)

        return _done(await self._renders._make(wanted, take, asked.principal))

    def _steps(self, given: list[Any]) -> Sequence[PageAction]:
        """Return the requested actions.

        :raises Problem: one of them leads to a URL that is not allowed.
        """
        steps = actions(given, "actions")
        for step in steps:
            if step.name == "goto":
                self._renders._check_url(str(step.values[0]))
        return steps

    async def _record(self, asked: WorkRequest) -> Done:
        wanted = _read(asked.request, RecordPage)
        if not asked.call.hears:
            raise Problem(400, "A recording requires progressive results: call it with receive_progress.", "request")
        steps = self._steps(wanted.actions)
        recordings: list[PageRecording] = []

        def prepare(page: Page) -> None:
            recordings.append(PageRecording(self._clock, page, wanted, asked.call))

        try:
            async with self._renders._page(wanted, asked.principal, prepare) as (page, status):
                (recording,) = recordings
                await _perform(steps, page, asked.call)
                await recording.go_on(wanted.seconds)
                await recording.finish()
        finally:
            for each in recordings:
                each.close()
        return Done(kind=TYPES[wanted.compression], status=status, size=recording.size, dropped=recording.dropped)

    async def _watch(self, asked: WorkRequest) -> Done:
        wanted = _read(asked.request, Watch)
        queues: list[EventQueue[Any]] = []

        def prepare(page: Page) -> None:
            named = [page.session.events_raw(each).map(partial(_named, each)) for each in wanted.events]
            queues.append(queue(merge(*named), wanted.buffer, wanted.overflow))

        try:
            async with self._renders._page(wanted, asked.principal, prepare) as (_, status):
                dropped = await _send_events(queues[0], asked.call)
        finally:
            for each in queues:
                each.close()
        return Done(status=status, dropped=dropped)


async def _perform(steps: Sequence[PageAction], page: Page, call: NodeCall) -> None:
    """Run actions, and tell the caller about each."""
    for number, step in enumerate(steps, 1):
        await _told(step.perform(page), step)
        call.tell(ResultKind.DID, number)


def _named(method: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return method, parameters


async def _send_events(events: EventQueue[Any], call: NodeCall) -> int:
    """Send events, in batches, as long as there are any; return how many were dropped.

    :raises QueueOverflow: the caller has consumed too few, with ``overflow="error"``.
    """
    dropped = 0  # of those that are too large for any router
    while True:
        try:
            event = await events.get()
        except StreamEnded:
            return dropped + events.dropped
        credit = await call.credit()
        batch, size = [], 0
        while True:
            event, length = measured(event)
            if length > LARGEST_EVENT:
                dropped += 1
            else:
                batch.append(event)
                size += length
            if size >= CHUNK or len(batch) >= credit or not len(events):  # the end, and its error, come by themselves
                break
            event = events.get_nowait()
        try:
            call.tell(ResultKind.EVENTS, batch, dropped + events.dropped)
        except PayloadExceededError:
            dropped += len(batch)
        else:
            call.spend(len(batch))


def _read(request: Mapping[str, Any], of: type[Render]) -> Any:
    """Return the request.

    :raises Problem: it cannot be read.
    """
    try:
        return msgspec.convert(dict(request), of)
    except msgspec.ValidationError as error:
        raise Problem(400, str(error), "request") from None


def _done(made: tuple[Rendered, int | None]) -> Done:
    rendered, status = made
    return Done(kind=rendered.kind, status=status, body=rendered.body, size=len(rendered.body))


async def _told(doing: Awaitable[Any], step: PageAction | None = None) -> Any:
    """Wait for something that is done in a page; an error that the caller can avoid becomes a :exc:`Problem`."""
    where = "" if step is None else f"{step}: "
    try:
        return await doing
    except (ActionTimeout, DeadlineError) as error:
        raise Problem(504, f"{where}{error}", "action") from None
    except LocatorError as error:
        raise Problem(422, f"{where}{error}", "locator") from None
    except (TypeError, ValueError) as error:  # of values that no check here knows
        raise Problem(400, f"{where}{error}", "request") from None
    except TxcdpError as error:
        if problem_of(error) is not None:
            raise
        raise Problem(502, f"{where}{error}", "page") from None
