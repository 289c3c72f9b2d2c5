"""Renders through an application's own web server, with the browser that the application keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from txcdp.browser import Browser
from txcdp.errors import TxcdpError
from txcdp.gateway import Answer, Principal, Refusal, RenderOptions, RoutedRequest
from txcdp.gateway._counters import Counters
from txcdp.gateway._http.refusals import busy
from txcdp.gateway._http.requests import in_words, write
from txcdp.gateway._http.routes import Route, Routes
from txcdp.gateway.render import Renders
from txcdp.gateway.render._rendering import Rules
from txcdp.service._browser import BrowserService

#: Seconds after which the client should try again.
_SOON = 2.0

#: The sender of all requests: the application authenticates them in front of the resource.
_ANYBODY = Principal("anybody")

log = Logger()


class RenderResource(Resource):
    """Serves ``screenshot``, ``pdf``, ``content``, ``evaluate`` and ``openapi.json`` below its own path.

    It is a :class:`twisted.web.resource.Resource`: put it below another one, return it from a branch of Klein, or
    protect it with Twisted's ``HTTPAuthSessionWrapper``. Requests and responses are those of a gateway's renders. Each
    render has a context of its own, which is closed at its end; if the client disconnects, its render is cancelled.

    It authenticates nobody, and a page may load whatever the browser can reach: restricting either is up to the
    application.

    :param browsers: the service that provides the browser; while there is none, renders wait for it.
    :param options: the limits; where they are about several browsers (``browsers``), all of them are the one browser.
    :param allow: called with the URL of each document that a render is about to load, including redirects, frames and
        scripts; returns whether to load it; if not, it is refused with 403. None: everything is allowed that has one of
        the schemes in the options.
    """

    isLeaf = True

    def __init__(
        self,
        browsers: BrowserService,
        options: RenderOptions | None = None,
        *,
        allow: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__()
        self._browsers = browsers
        self._allow = allow
        self._routes = Routes()
        rules = Rules(None if allow is None else self._objection)
        parts = rules, self._routes, self._lend, _place, Counters()
        self._renders = Renders(browsers.reactor, options or RenderOptions(), *parts, free=True)

    def render(self, request: Any) -> Any:
        """Respond to a request."""
        answering = maybeDeferred(self._answer, request)
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        answering.addErrback(_refused).addCallback(partial(_write, request))
        return NOT_DONE_YET

    def _answer(self, request: Any) -> Any:
        route = self._route(request)
        route.limit.check(request.content.seek(0, 2))
        request.content.seek(0)
        return route.handler(RoutedRequest(request, _ANYBODY, None))

    def _route(self, request: Any) -> Route:
        path = "/" + b"/".join(request.postpath).decode("latin-1")
        route = self._routes.find(path)
        if route is None:
            raise Refusal(
                404, f"Nothing here. Available paths: {', '.join(each.path for each in self._routes)}.", "path"
            )
        route.check_verb(request.method.decode("latin-1"))
        return route

    def _objection(self, url: str) -> str | None:
        assert self._allow is not None
        try:
            allowed = self._allow(url)
        except Exception:
            log.failure("Checking whether a URL may be rendered failed")
            allowed = False
        return None if allowed else "This URL may not be rendered."

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Browser]:
        try:
            browser = await self._browsers.whenConnected(failAfterFailures=1)
        except (TxcdpError, CancelledError) as error:
            # The service's log says why; who asks need not know.
            raise busy(503, "No browser is available.", "browser", _SOON) from error
        yield browser


def _place(principal: Principal) -> AbstractContextManager[None]:
    return nullcontext()


def _refused(failure: Failure) -> Answer | None:
    if failure.check(CancelledError):
        return None  # nobody is there to be told
    refusal = failure.value
    if not isinstance(refusal, Refusal):
        log.failure("Rendering", failure=failure)
        refusal = Refusal(500, "Something went wrong; the log says more.", "error")
    return in_words(refusal)


def _write(request: Any, answer: Answer | None) -> None:
    if answer is not None:
        write(request, answer)
