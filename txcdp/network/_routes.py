"""Routes: which requests are paused for which handler of a program, and the order of the handlers.

A page and a context each have a :class:`RouteTable`. A paused request is offered to the page's routes, the last
registered one first, then to its context's (:class:`_Course`). Each matching route has its turn (:class:`_Turn`), in
which its handler decides, or passes the request to the next one. A handler that raises an exception, or has not decided
when its timeout expires, passes the request on as well; after the last one the request continues.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias
from urllib.parse import urljoin

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import check_choice, instead_of, refuse_bare_string
from txcdp._deferreds import Timer, Waiters, ignore_failure, returns_deferred
from txcdp._privacy import shown_url
from txcdp._timeouts import Timeout, seconds_of
from txcdp._url_patterns import url_matcher, wildcards
from txcdp.domains import fetch
from txcdp.errors import AlreadyHandled, Gone
from txcdp.network._fulfilment import entries, preflight_answer
from txcdp.network._interception import ROUTES, Credentials, PausedRequest, Pausing, Remembered
from txcdp.network._requests import Overrides, Request
from txcdp.network._route import Route, Stage, over


class URLPattern(Protocol):
    """A URL pattern of the web's URLPattern standard, as implemented by several libraries."""

    def test(self, url: str, /) -> object:
        """Return whether a URL matches."""


#: Which requests: a glob for the whole URL, a regular expression to search for in it, a URLPattern, or a function of
#: the URL.
RouteMatch: TypeAlias = str | re.Pattern[str] | URLPattern | Callable[[str], object]

#: A route handler: called with the route, or the route and the request; may return a Deferred or a coroutine.
RouteHandler: TypeAlias = Callable[..., object]

#: How :meth:`RouteTable.remove_all` treats running handlers.
Behavior: TypeAlias = Literal["default", "wait", "ignoreErrors"]

#: The types of ``Fetch`` by those that programs name; the exact type is checked later.
_TYPES: Final = {
    "document": "Document",
    "stylesheet": "Stylesheet",
    "image": "Image",
    "media": "Media",
    "font": "Font",
    "script": "Script",
    "texttrack": "TextTrack",
    "xhr": "XHR",
    "fetch": "XHR",
    "eventsource": "XHR",
    "manifest": "Manifest",
    "ping": "Ping",
    "prefetch": "Prefetch",
    "cspviolationreport": "CSPViolationReport",
    "signedexchange": "SignedExchange",
    "other": "Other",
}

#: A worker's script is ``Other`` to ``Fetch``, and a script to everything else.
_ALSO: Final = {"Script": ("Script", "Other")}

#: Types that ``Fetch`` does not distinguish; only these have preflight requests.
_SCRIPTED: Final = frozenset({"xhr", "fetch", "eventsource"})

#: Headers that must not be sent to another origin than the one that they were set for.
_PRIVATE: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

#: The maximum number of redirects awaited at once.
_MOST_EXPECTED: Final = 100

log = Logger()


class RouteEntry:
    """A registered route.

    :param pattern: which requests it matches.
    :param handler: the handler.
    :param base_url: the URL that a glob is relative to.
    :param times: how often it is used; None: no limit.
    :param stage: the stage at which requests are paused.
    :param resource_types: the resource types; None: all.
    :param timeout: seconds for the handler to decide; None: no timeout.
    :param redirects: whether it also gets redirected requests.
    :raises TypeError: if an argument has a wrong type.
    :raises ValueError: if an argument is invalid.
    """

    def __init__(
        self,
        pattern: RouteMatch,
        handler: RouteHandler,
        *,
        base_url: str | None,
        times: int | None = None,
        stage: Stage = "request",
        resource_types: Sequence[str] | None = None,
        timeout: Timeout = 30.0,
        redirects: bool = False,
    ) -> None:
        self.pattern = pattern
        self.handler = handler
        if isinstance(pattern, str):
            self._matches = url_matcher(pattern, base_url)
            urls = wildcards(pattern, base_url)
        else:
            test = getattr(pattern, "test", None)
            judge = test if test is not None and not isinstance(pattern, re.Pattern) else pattern
            self._matches = url_matcher(judge)  # type: ignore[arg-type]
            urls = ["*"]
        if not callable(handler):
            raise TypeError(f"handler={handler!r}: expected a function that takes the route")
        check_choice("stage", stage, ("request", "response"))
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            raise TypeError(f"times={times!r}: expected an int")
        if times is not None and times < 1:
            raise ValueError(f"times={times!r}: must be at least 1")
        self.stage: Stage = stage
        self.redirects = redirects
        self.timeout = seconds_of(timeout, None)
        self.types = _checked_types(resource_types)
        self._left = times
        self._takes_request = _takes_two(handler)
        self.running: set[_Turn] = set()
        self.active = True
        self.table: RouteTable | None = None
        self.patterns = tuple(_patterns(urls, self.types, stage))

    def matches(self, url: str) -> bool:
        """Return whether a URL matches; exceptions of the program's function are raised."""
        return self._matches(url)

    def begin(self) -> bool:
        """Count a call of its handler, and return whether it was the last one."""
        if self._left is None:
            return False
        self._left -= 1
        return self._left <= 0

    def call(self, route: Route) -> object:
        """Call the handler."""
        return self.handler(route, route.request) if self._takes_request else self.handler(route)


class RouteTable:
    """The routes of a page, or of a context.

    :param changed: called when the requests to be paused change; returns a Deferred that fires when the browser pauses
        them.
    :ivar entries: the routes; the last registered first.
    """

    def __init__(self, changed: Callable[[], Deferred[None]]) -> None:
        self.entries: tuple[RouteEntry, ...] = ()
        self._changed = changed

    def add(self, entry: RouteEntry) -> Deferred[None]:
        """Add a route before the others."""
        entry.table = self
        self.entries = (entry, *self.entries)
        return self._changed()

    def drop(self, entry: RouteEntry) -> Deferred[None]:
        """Remove a route."""
        return self._drop([entry])

    def remove(self, pattern: RouteMatch, handler: RouteHandler | None) -> Deferred[None]:
        """Remove the routes with a pattern and, if one is given, a handler."""
        return self._drop(
            [each for each in self.entries if each.pattern == pattern and (handler is None or each.handler == handler)]
        )

    @returns_deferred
    async def remove_all(self, behavior: Behavior | None) -> None:
        """Remove all routes.

        :param behavior: ``"wait"``: wait until running handlers have finished; ``"ignoreErrors"``: ignore their
            exceptions.
        """
        if behavior is not None:
            check_choice("behavior", behavior, ("default", "wait", "ignoreErrors"))
        gone = list(self.entries)
        running = [turn for entry in gone for turn in entry.running]
        if behavior == "ignoreErrors":
            for turn in running:
                turn.errors_count = False
        await self._drop(gone)
        if behavior == "wait" and running:
            await gatherResults([turn.when_ended() for turn in running], consumeErrors=True)

    def _drop(self, gone: Sequence[RouteEntry]) -> Deferred[None]:
        dropped = [each for each in gone if each.active]
        for each in dropped:
            each.active = False
        if not dropped:
            return succeed(None)
        self.entries = tuple(each for each in self.entries if each.active)
        return self._changed()


class Requests(Protocol):
    """Finds the requests of a session, and sends some from this program."""

    def request_of(self, paused: PausedRequest, /) -> Request:
        """Return the request that is paused."""

    def when_told(self, request: Request) -> Deferred[None]:
        """Wait until all details of it have been reported."""

    def fetch(
        self, request: Request, overrides: Overrides, max_redirects: int, max_retries: int, timeout: Timeout
    ) -> Deferred[Any]:
        """Send a request from this program, and return the response."""


class Routes:
    """The routes that apply in one session: an interceptor of it.

    :param tables: the page's routes, then the context's.
    :param requests: finds paused requests.
    """

    rank = ROUTES

    def __init__(self, tables: Sequence[RouteTable], requests: Requests) -> None:
        self._tables = tables
        self._requests = requests
        self._under_way: set[_Course] = set()
        #: Requests whose redirects get a handler's headers; and the URLs to which they are redirected.
        self._leading: set[str] = set()
        self._expected: dict[str, str] = {}

    def wants(self) -> Pausing | None:
        """Return which requests are to be paused for routes."""
        patterns = [each for table in self._tables for entry in table.entries for each in entry.patterns]
        return Pausing(tuple(patterns), network=True) if patterns else None

    def takes(self, paused: PausedRequest) -> bool:
        """Handle a request that a route matches."""
        if paused.response:
            return self._takes_response(paused)
        if paused.is_preflight:
            return self._takes_preflight(paused)
        if paused.redirected_from is not None:
            return self._takes_redirect(paused)
        return self._takes(paused)

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return None: routes have none."""
        return None

    def lost(self) -> None:
        """Stop all that is in progress: the requests continue without it."""
        under_way, self._under_way = self._under_way, set()
        for each in under_way:
            each.lost()
        self._leading.clear()
        self._expected.clear()

    def ended(self, course: _Course) -> None:
        """Note that a request continues."""
        self._under_way.discard(course)

    def lead(self, paused: PausedRequest) -> bool:
        """Make a request's redirects get the headers that it was given.

        :returns: whether its response has to be seen for that, because the redirected request would not be paused
            otherwise.
        """
        if paused.interception.pauses_all():
            return False
        self._leading.add(paused.event.request_id)
        return True

    def _takes(self, paused: PausedRequest, redirected: bool = False) -> bool:
        stage: Stage = "response" if paused.response else "request"
        entries = [
            each
            for table in self._tables
            for each in table.entries
            if each.stage == stage and (each.redirects or not redirected)
        ]
        course = _Course(self, paused, entries)
        if not course.may_match():
            return False
        self._under_way.add(course)
        course.begin(self._requests)
        return True

    def _takes_preflight(self, paused: PausedRequest) -> bool:
        """Answer the preflight request for a request that a handler is going to get."""
        for table in self._tables:
            for entry in table.entries:
                asked = entry.types is None or not entry.types.isdisjoint(_SCRIPTED)
                if entry.stage == "request" and asked and _matches(entry, paused.url):
                    answer = fetch.fulfill_request(
                        request_id=paused.event.request_id,
                        response_code=204,
                        response_headers=entries(preflight_answer(paused.event.request.headers or {})),
                        body=b"",
                    )
                    paused.answer(answer).addErrback(ignore_failure)
                    return True
        return False

    def _takes_redirect(self, paused: PausedRequest) -> bool:
        """Give a redirected request the headers that the previous one was given; no handler is called again."""
        interception, event = paused.interception, paused.event
        expected = self._expected.pop(event.redirected_request_id or "", None)
        if expected is not None:
            interception.pause_once(expected, False)
        before = interception.before(paused)
        if not before.headers and not before.removed:
            return self._takes(paused, redirected=True)
        origin = _origin(paused.url)
        kept = {
            name: value
            for name, value in before.headers.items()
            if name != "cookie" and (origin == before.origin or name not in _PRIVATE)
        }
        own = {name.lower(): str(value) for name, value in (event.request.headers or {}).items()}
        headers = {**{name: value for name, value in own.items() if name not in before.removed}, **kept}
        self._requests.request_of(paused)._overrides = Overrides(headers=headers)
        command = fetch.continue_request(
            request_id=event.request_id,
            headers=entries(headers.items()),
            intercept_response=self.lead(paused) or None,
        )
        paused.answer(command, Remembered(command, kept, before.removed, origin)).addErrback(ignore_failure)
        return True

    def _takes_response(self, paused: PausedRequest) -> bool:
        event = paused.event
        if event.request_id in self._leading:
            self._leading.discard(event.request_id)
            location = _location(event)
            if location is not None:
                self._expect(paused, location)
        if event.response_status_code is None or paused.is_preflight:
            return False
        return self._takes(paused)

    def _expect(self, paused: PausedRequest, location: str) -> None:
        """Pause the request that follows a redirect."""
        paused.interception.pause_once(location, True)
        self._expected[paused.event.request_id] = location
        if len(self._expected) > _MOST_EXPECTED:  # they never came
            paused.interception.pause_once(self._expected.pop(next(iter(self._expected))), False)


class _Course:
    """The progress of one paused request through the routes.

    :param routes: the routes of its session.
    :param paused: the request.
    :param entries: these routes, in order.
    """

    def __init__(self, routes: Routes, paused: PausedRequest, entries: Sequence[RouteEntry]) -> None:
        self.routes = routes
        self.paused = paused
        self.overrides = Overrides()
        self.body: bytes | None = None
        self.request: Request
        self._entries = iter(entries)
        self._listed = entries
        self._turn: _Turn | None = None

    def may_match(self) -> bool:
        """Return whether a route matches the URL."""
        return any(_matches(each, self.paused.url) for each in self._listed)

    def begin(self, requests: Requests) -> None:
        """Call the first handler."""
        self.requests = requests
        self.request = requests.request_of(self.paused)
        if self._is_untold():  # what it is for, a handler may ask
            requests.when_told(self.request).addBoth(lambda _: self.next())
        else:
            self.next()

    def next(self) -> None:
        """Call the next handler."""
        if self.paused.answered:
            self.routes.ended(self)
            return
        url = self.overrides.url or self.paused.url
        for entry in self._entries:
            if entry.active and _matches(entry, url) and self._is_of(entry.types):
                turn = self._turn = _Turn(self, entry)
                turn.begin()
                return
        self._turn = None
        if self.body is not None:
            route = Route(self.paused, self.request, _Turn(self, None))
            route._body = self.body
            route.fulfill().addErrback(ignore_failure)
            return
        self.go_on(self.overrides).addErrback(self._refused)

    def go_on(self, overrides: Overrides) -> Deferred[None]:
        """Continue the request, changed."""
        paused = self.paused
        if paused.response:
            return paused.go_on()
        if not overrides.any():
            return paused.go_on()
        self.request._overrides = overrides._replace(url=self.overrides.url)
        self.request._sent_url = overrides.url
        event = paused.event
        changed: dict[str, str] = {}
        removed: frozenset[str] = frozenset()
        if overrides.headers is not None:
            own = {name.lower(): str(value) for name, value in (event.request.headers or {}).items()}
            changed = {name: value for name, value in overrides.headers.items() if own.get(name) != value}
            removed = frozenset(own.keys() - overrides.headers.keys())
        command = fetch.continue_request(
            request_id=event.request_id,
            url=overrides.url,
            method_=overrides.method,
            headers=None if overrides.headers is None else entries(overrides.headers.items()),
            post_data=overrides.post_data,
            intercept_response=(self.routes.lead(paused) or None) if changed or removed else None,
        )
        known = Remembered(command, changed, removed, _origin(overrides.url or paused.url))
        return paused.answer(command, known)

    def lost(self) -> None:
        """Stop: the transport is lost, and the request has continued."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end()

    def _is_of(self, types_: frozenset[str] | None) -> bool:
        """Return whether the request has one of some types, as far as is known."""
        if types_ is None or self.request.resource_type in types_:
            return True
        return self._is_untold() and not types_.isdisjoint(_SCRIPTED)

    def _is_untold(self) -> bool:
        """Return whether only ``Fetch`` has reported it so far, which does not distinguish some types."""
        return self.paused.event.resource_type == "XHR" and not self.request.exchange._row.started

    def _refused(self, failure: Failure) -> None:
        """Continue it unchanged, because the browser has refused the changes."""
        log.failure("A request cannot be continued with the changes of its route handlers", failure=failure)
        self.paused.go_on().addErrback(ignore_failure)


class _Turn:
    """The turn of one handler; see :class:`~txcdp.network._route.Turn`.

    :param course: the request's progress.
    :param entry: the handler's route.
    :ivar errors_count: whether its exceptions are reported.
    """

    def __init__(self, course: _Course, entry: RouteEntry | None) -> None:
        self.decided = False
        self.overrides = course.overrides
        self.errors_count = True
        self._course = course
        self._entry = entry
        self._timer = Timer(course.paused.session.context.clock, self._undecided)
        self._running = True
        self._lost = False
        self._ended: Waiters[None] = Waiters()

    def begin(self) -> None:
        """Call the handler."""
        entry, course = self._entry, self._course
        assert entry is not None
        if entry.begin() and entry.table is not None:
            entry.table.drop(entry).addErrback(ignore_failure)
        route = Route(course.paused, course.request, self)
        route._body = course.body
        entry.running.add(self)
        self._start_clock()
        maybeDeferred(entry.call, route).addErrback(self._failed).addBoth(self._returned)

    def decide(self, decision: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Carry out a decision, unless there was one before, or the request is gone."""
        if self._lost:
            return succeed(None)
        if self.decided:
            return fail(AlreadyHandled("the request was already handled, or its time is up: the first decision counts"))
        self.decided = True
        self._timer.stop()

        def outcome(result: Any) -> Any:
            if isinstance(result, Failure):  # it waits for another decision
                self.decided = self._course.paused.answered
                if not self.decided and self._running:
                    self._start_clock()
                else:
                    self._leave()
            elif self._course.paused.answered:
                self._course.routes.ended(self._course)
            self._see_whether_ended()
            return result

        return maybeDeferred(decision).addBoth(outcome)

    def continue_request(self, overrides: Overrides) -> Deferred[None]:
        """Continue the request."""
        return self._course.go_on(over(overrides, self.overrides))

    def fall_back(self, overrides: Overrides, body: bytes | None) -> Deferred[None]:
        """Pass the request to the next handler."""
        course = self._course
        course.overrides = over(overrides, course.overrides)
        course.body = body
        course.request._overrides = course.overrides if course.overrides.any() else None
        course.next()
        return succeed(None)

    def fetch(
        self, request: Request, overrides: Overrides, max_redirects: int, max_retries: int, timeout: Timeout
    ) -> Deferred[Any]:
        """Send the request from this program."""
        return self._course.requests.fetch(request, overrides, max_redirects, max_retries, timeout)

    def when_ended(self) -> Deferred[None]:
        """Return a Deferred that fires when the handler has returned, and decided."""
        if not self._running and self.decided:
            return succeed(None)
        return self._ended.wait()

    def end(self) -> None:
        """End without a decision, which is no longer needed."""
        self.decided = self._lost = True
        self._timer.stop()
        self._see_whether_ended()

    def _start_clock(self) -> None:
        if self._entry is not None and self._entry.timeout is not None:
            self._timer.set(self._entry.timeout)

    def _undecided(self) -> None:
        entry = self._entry
        assert entry is not None
        log.warn(
            "A route handler did not decide about {url} within {seconds} s: the request continues",
            url=shown_url(self._course.paused.url),
            seconds=entry.timeout,
        )
        self._leave()

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            pass
        elif self.errors_count and not (failure.check(Gone) and self._course.paused.session.ended):
            log.failure(
                "A route handler failed for {url}: the request continues",
                failure=failure,
                url=shown_url(self._course.paused.url),
            )
        self._leave()

    def _leave(self) -> None:
        """Pass the request to the next handler, if this one has not decided."""
        if not self.decided:
            self.decided = True
            self._timer.stop()
            self._course.next()
            self._see_whether_ended()

    def _returned(self, _: object) -> None:
        self._running = False
        self._see_whether_ended()

    def _see_whether_ended(self) -> None:
        if self._running or not self.decided:
            return
        if self._entry is not None:
            self._entry.running.discard(self)
        self._ended.notify(None)


def _checked_types(given: Sequence[str] | None) -> frozenset[str] | None:
    if given is None:
        return None
    refuse_bare_string("resource_types", given if isinstance(given, str | bytes) else None)
    for each in given:
        if each not in _TYPES:
            raise ValueError(f"resource_types: unknown type {each!r}; {instead_of(each, _TYPES)}")
    return frozenset(given)


def _patterns(urls: Sequence[str], types_: frozenset[str] | None, stage: Stage) -> Iterator[fetch.RequestPattern]:
    """Return patterns for Chromium that cover a route."""
    at: fetch.RequestStage | None = "Response" if stage == "response" else None
    kinds: list[Any] = [None]
    if types_ is not None:
        kinds = list(
            dict.fromkeys(each for name in sorted(types_) for each in _ALSO.get(_TYPES[name], (_TYPES[name],)))
        )
    for url in urls:
        for kind in kinds:
            yield fetch.RequestPattern(url_pattern=url, resource_type=kind, request_stage=at)


def _matches(entry: RouteEntry, url: str) -> bool:
    """Return whether a route matches a URL; if the program's function raises an exception, it does not."""
    try:
        return entry.matches(url)
    except Exception:
        log.failure("A route's pattern failed for {url}", url=shown_url(url))
        return False


def _takes_two(handler: RouteHandler) -> bool:
    """Return whether a handler accepts the request as a second argument."""
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [each for each in parameters if each.kind in kinds]
    needed = [each for each in positional if each.default is inspect.Parameter.empty]
    several = any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters)
    return several or len(needed) >= 2 or (len(positional) >= 2 and positional[1].name == "request")


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _location(event: fetch.RequestPaused) -> str | None:
    """Return the URL that a response redirects to; None: it does not."""
    if event.response_status_code not in (301, 302, 303, 307, 308):
        return None
    found = next((each.value for each in event.response_headers or () if each.name.lower() == "location"), None)
    return None if found is None else urljoin(event.request.url, found)
