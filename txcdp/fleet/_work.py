"""The work of a node, done by the browsers of a gateway, by its rules and within its limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from txcdp.errors import ActionTimeout, DeadlineError, LocatorError, TxcdpError
from txcdp.fleet._calls import NodeCall
from txcdp.fleet._messages import Done, Word
from txcdp.fleet._requests import RENDERS, Extract, RunActions
from txcdp.gateway import Gateway, Principal
from txcdp.gateway.render import Renders
from txcdp.gateway.render._endpoints import ENDPOINTS
from txcdp.gateway.render._problems import Problem, problem_of
from txcdp.gateway.render._rendering import Rendered
from txcdp.gateway.render._requests import Render
from txcdp.page import Page
from txcdp.page._action_lists import PageAction, actions
from txcdp.protocol import to_json

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"


@dataclass(frozen=True)
class Asked:
    """A piece of work.

    :ivar request: what is wanted, as it came.
    :ivar principal: who wants it.
    :ivar call: tells him how it goes.
    """

    request: Mapping[str, Any]
    principal: Principal
    call: NodeCall


class Work:
    """Does what callers want.

    :param gateway: whose browsers do it; it has to render.
    :ivar places: how many pages it renders at once.
    :ivar kinds: what does each kind of work.
    """

    def __init__(self, gateway: Gateway) -> None:
        if gateway.renders is None:
            raise ValueError("the gateway does not render: give it GatewayOptions(render=RenderOptions())")
        self._gateway = gateway
        self._renders: Renders = gateway.renders
        self.places = gateway.renders._places
        self.kinds: Mapping[str, Callable[[Asked], Awaitable[Done]]] = {
            "render": self._render,
            "extract": self._extract,
            "run_actions": self._run_actions,
        }

    async def _render(self, asked: Asked) -> Done:
        request = dict(asked.request)
        what = request.pop("take", None)
        if what not in RENDERS:
            raise Problem(400, f"take is one of {', '.join(RENDERS)}, not {what!r:.40}", "request")
        wanted = _read(request, RENDERS[what])
        return _done(await self._renders._make(wanted, ENDPOINTS[f"/{what}"].take, asked.principal))

    async def _extract(self, asked: Asked) -> Done:
        async def take(page: Page, wanted: Extract) -> Rendered:
            return Rendered(to_json(await _told(page.extract(wanted.shape))), JSON)

        return _done(await self._renders._make(_read(asked.request, Extract), take, asked.principal))

    async def _run_actions(self, asked: Asked) -> Done:
        wanted = _read(asked.request, RunActions)
        steps = actions(wanted.actions, "actions")
        for step in steps:
            if step.name == "goto":
                self._renders._check_url(str(step.values[0]))

        async def take(page: Page, wanted: RunActions) -> Rendered:
            for number, step in enumerate(steps, 1):
                await _told(step.perform(page), step)
                asked.call.tell(Word.DID, number)
            extracted = None if wanted.extract is None else await _told(page.extract(wanted.extract))
            picture = None
            if wanted.screenshot is not None:
                options = msgspec.structs.asdict(wanted.screenshot)
                picture = await page.screenshot(**options)
            found = {"url": page.url, "extract": extracted, "screenshot": picture}
            return Rendered(msgspec.msgpack.encode(found), MSGPACK)

        return _done(await self._renders._make(wanted, take, asked.principal))


def _read(request: Mapping[str, Any], of: type[Render]) -> Any:
    """Return what is asked for.

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
    """Wait for something that is done in a page; what a caller can do something about is told as a :exc:`Problem`."""
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
