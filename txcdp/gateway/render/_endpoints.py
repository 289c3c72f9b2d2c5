"""The rendering endpoints: each turns a request into its result, or into a problem, within its timeout."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import Any, NamedTuple

import msgspec

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp._reactor import AnyReactor
from txcdp.browser import Browser
from txcdp.errors import DeadlineError, TxcdpError
from txcdp.gateway._counters import Counters
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Answer, RoutedRequest
from txcdp.gateway._http.routes import READ, Operation, Route, Routes, limit_of
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._options import RenderOptions
from txcdp.gateway._urls import Unreadable, host_of, split_url
from txcdp.gateway.render import _rendering as rendering
from txcdp.gateway.render._openapi import document
from txcdp.gateway.render._problems import Problem, problem_of
from txcdp.gateway.render._rendering import Progress, Rendered, Rules
from txcdp.gateway.render._requests import Content, Evaluate, Evaluated, Pdf, Render, Screenshot
from txcdp.gateway.render._sharing import Sharing
from txcdp.page import Page

#: Content from a page must not act with the gateway's origin in anybody's browser.
_HARMLESS = {"Content-Security-Policy": "sandbox"}


#: Extracts the result from the page.
Take = Callable[[Page, Any], Coroutine[Any, Any, Rendered]]


class Endpoint(NamedTuple):
    """The handler and the description of a path."""

    take: Take
    request: type[Any]
    operation: Operation


def _endpoint(
    take: Take,
    request: type[Any],
    summary: str,
    answers: Mapping[str, Any],
) -> Endpoint:
    return Endpoint(take, request, Operation(request.__name__.lower(), summary, answers, request=request))


_IMAGES: dict[str, Any] = {"image/png": {}, "image/jpeg": {}, "image/webp": {}}
_HTML = {"text/html": {"type": "string"}}

ENDPOINTS: Mapping[str, Endpoint] = {
    "/screenshot": _endpoint(rendering.screenshot, Screenshot, "Take a picture of a page.", _IMAGES),
    "/pdf": _endpoint(rendering.pdf, Pdf, "Print a page.", {"application/pdf": {}}),
    "/content": _endpoint(rendering.content, Content, "Return a page's HTML, as scripts have left it.", _HTML),
    "/evaluate": _endpoint(
        rendering.evaluate, Evaluate, "Evaluate JavaScript in a page.", {"application/json": Evaluated}
    ),
}

_DOCUMENT_PATH = "/openapi.json"
_DOCUMENT = Operation("openapi", "Return this document.", {"application/json": {"type": "object"}})


class Late(DeadlineError):
    """The timeout has expired."""


class Renders:
    """Serves ``/screenshot``, ``/pdf``, ``/content``, ``/evaluate`` and ``/openapi.json``.

    :param options: see :class:`~txcdp.gateway.RenderOptions`.
    :param rules: what pages may open.
    :param routes: the table that the routes are added to.
    :param lend: lends a whole browser for a while.
    :param place: counts the sender as a client meanwhile; raises :exc:`~txcdp.gateway.Refusal` if there is no place.
    :param counters: the counters to use.
    :param free: whether no token is needed.
    :ivar sharing: the browsers that the renders share.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        options: RenderOptions,
        rules: Rules,
        routes: Routes,
        lend: Callable[[], AbstractAsyncContextManager[Browser]],
        place: Callable[[Principal], AbstractContextManager[None]],
        counters: Counters,
        *,
        free: bool = False,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._routes = routes
        self._place = place
        self._counted = counters.renders
        self._rules = rules
        self._schemes = frozenset(each.lower().rstrip(":") for each in options.schemes)
        self._decoders = {path: msgspec.json.Decoder(each.request) for path, each in ENDPOINTS.items()}
        self.sharing = Sharing(reactor, lend, options)
        for path, each in ENDPOINTS.items():
            limit = limit_of(("POST",), options.max_body, partial(self._too_long, path))
            render = partial(self.render, path)
            routes.add(Route(path, ("POST",), render, free=free, limit=limit, operation=each.operation))
        routes.add(Route(_DOCUMENT_PATH, READ, self.describe, free=free, operation=_DOCUMENT))

    @property
    def _places(self) -> int:
        """The maximum number of renders at once, if the pool has browsers for them."""
        options = self._options
        return options.browsers * min(options.pages, options.renders)

    def drain(self) -> None:
        """Give each browser back as soon as it has nothing to render."""
        self.sharing.drain()

    def describe(self, request: RoutedRequest) -> Answer:
        """Respond with the OpenAPI document."""
        base = request.path.removesuffix("/").removesuffix(_DOCUMENT_PATH)
        return Answer(msgspec.json.encode(document(self._routes, base)), "application/json")

    @returns_deferred
    async def render(self, path: str, request: RoutedRequest) -> Answer:
        """Render what the request asks for at a path; this is cancelled if the client disconnects."""
        try:
            answer = await self._answer(request, path)
        except Refusal as refusal:
            self._counted[path, refusal.status] += 1
            raise
        self._counted[path, answer.status] += 1
        return answer

    async def _answer(self, request: RoutedRequest, path: str) -> Answer:
        rendered, status = await self._make(self._read(request, path), ENDPOINTS[path].take, request.principal)
        told = {} if status is None else {"X-Page-Status": str(status)}
        return Answer(rendered.body, rendered.kind, 200, _HARMLESS | told)

    @returns_deferred
    async def _make(self, wanted: Render, take: Take, principal: Principal) -> tuple[Rendered, int | None]:
        """Load a page under all rules, and extract the result, within the timeout.

        :param wanted: the request.
        :param take: extracts the result from the page.
        :param principal: the requester.
        :returns: a Deferred that fires with the result, and the HTTP status of the page, if any; it fails only with
            :exc:`Problem`, except for programming errors.
        """
        progress = Progress()
        with self._told(wanted, progress), self._place(principal):
            rendering = self._render(wanted, take, progress)
            return await with_deadline(self._reactor, rendering, self._seconds(wanted), Late)

    @asynccontextmanager
    async def _page(
        self, wanted: Render, principal: Principal, prepare: Callable[[Page], object]
    ) -> AsyncIterator[tuple[Page, int | None]]:
        """Load a page under all rules, within the timeout, and provide it for the duration of the block.

        :param prepare: called with the page before it is loaded.
        :raises Problem: if it cannot be loaded; later errors are raised unchanged.
        """
        progress = Progress()
        async with AsyncExitStack() as stack:
            with self._told(wanted, progress):
                stack.enter_context(self._place(principal))
                loading = self._load(stack, wanted, progress, prepare)
                loaded = await with_deadline(self._reactor, loading, self._seconds(wanted), Late)
            yield loaded

    @contextmanager
    def _told(self, wanted: Render, progress: Progress) -> Iterator[None]:
        """Raise errors of a render as :exc:`Problem`."""
        try:
            seconds = self._seconds(wanted)
            self._check_url(wanted.url)
            yield
        except Late:
            raise Problem(
                504,
                f"Not done within {seconds:g} s: still {progress.doing}. Give it longer with timeout, "
                f"{self._options.max_timeout:g} at the most, or wait for less with wait_until.",
                "deadline",
            ) from None
        except TxcdpError as error:
            problem = problem_of(error)
            if problem is None:
                raise
            raise problem from None

    @returns_deferred
    async def _load(
        self, stack: AsyncExitStack, wanted: Render, progress: Progress, prepare: Callable[[Page], object]
    ) -> tuple[Page, int | None]:
        context = await stack.enter_async_context(self.sharing.context())
        return await rendering.load(context, wanted, self._rules, progress, prepare)

    @returns_deferred
    async def _render(self, wanted: Render, take: Take, progress: Progress) -> tuple[Rendered, int | None]:
        async with self.sharing.context() as context:
            page, status = await rendering.load(context, wanted, self._rules, progress)
            progress.doing = "rendering it"
            rendered = await take(page, wanted)
        self._check_size(len(rendered.body))
        return rendered, status

    def _check_size(self, size: int) -> None:
        """Refuse a result that is too large.

        :raises Problem: it is too large.
        """
        if size > self._options.max_output:
            raise Problem(
                502,
                f"What was rendered has {size:,} bytes; {self._options.max_output:,} are allowed here: ask for a part "
                "of it, or raise max_output.",
                "output",
            )

    def _too_long(self, path: str, most: int) -> Problem:
        self._counted[path, 413] += 1
        return Problem(413, f"A request may have at most {most:,} bytes.", "body")

    def _read(self, request: RoutedRequest, path: str) -> Any:
        """Return the decoded request."""
        kind = request.http.getHeader(b"content-type") or b""
        if kind.partition(b";")[0].strip().lower() != b"application/json":
            raise Problem(415, "A request must be JSON: Content-Type: application/json is required.", "type")
        try:
            return self._decoders[path].decode(request.http.content.read())
        except msgspec.ValidationError as error:
            raise Problem(400, f"{error}; see /openapi.json.", "request") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, f"Not valid JSON: {error}", "json") from None

    def _seconds(self, wanted: Render) -> float:
        most = self._options.max_timeout
        if wanted.timeout is None:
            return self._options.timeout
        if wanted.timeout > most:
            raise Problem(400, f"timeout must be at most {most:g} seconds - at `$.timeout`", "request")
        return wanted.timeout

    def _check_url(self, url: str | None) -> None:
        """Refuse a URL that may not be opened.

        :raises Problem: it may not be opened.
        """
        if url is None:
            return
        try:
            scheme, rest, wrapper = split_url(url)
        except Unreadable as error:
            raise Problem(400, f"{error} - at `$.url`", "request") from None
        if scheme in ("http", "https") and not host_of(rest):
            raise Problem(400, "This URL has no host - at `$.url`", "request")
        if scheme not in self._schemes or wrapper:
            known = ", ".join(sorted(self._schemes))
            raise Problem(403, f"URLs of other schemes than {known} are not rendered here.", "policy")
        objection = None if self._rules.objection is None else self._rules.objection(url)
        if objection is not None:
            raise Problem(403, objection, "policy")
