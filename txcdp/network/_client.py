"""HTTP requests on behalf of a context rather than a page: a treq client with the settings of the context's pages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from http.cookiejar import Cookie, CookieJar
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urljoin, urlsplit

from treq.client import HTTPClient
from treq.response import _Response
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseFailed,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from txcdp._arguments import check_header
from txcdp._deferreds import failing_deferreds, returns_deferred, with_deadline
from txcdp._reactor import AnyReactor
from txcdp._timeouts import DEFAULT, Timeout, seconds_of
from txcdp.errors import ActionTimeout, NetworkError
from txcdp.network._api_response import APIResponse, read_response
from txcdp.network._client_cookies import ClientJar, CookieAgent
from txcdp.network._credentials import ServerCredentials, origin_of
from txcdp.network._digest import challenges, digest_answer
from txcdp.network._proxy_agent import ProxyAgent, TrustingPolicy
from txcdp.network._requests import Overrides, Request

#: Headers that the client sets by itself: the browser's belong to another connection.
_OF_CONNECTION = frozenset({"host", "connection", "content-length", "accept-encoding", "transfer-encoding", "cookie"})

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


#: What there is in place of options of Playwright's requests, which treq has not.
_INSTEAD: Mapping[str, str] = {
    "form": "data=, which sends a dict as a form",
    "multipart": "files=",
    "max_redirects": "allow_redirects=",
    "fail_on_status_code": "the response's code",
    "ignore_https_errors": "an option of browser.new_context()",
}

#: The error for a redirect that cannot be followed.
_NOWHERE = "it redirects to a URL that is not http or https: {}"

#: The errors of a connection that ended before the whole response had arrived.
_LOST = (ResponseFailed, RequestTransmissionFailed, ConnectionClosed)


class ClientSettings(NamedTuple):
    """The settings for the requests of a context.

    :ivar user_agent: the user agent.
    :ivar headers: extra headers.
    :ivar base_url: what URLs without a scheme are relative to.
    :ivar credentials: the credentials for servers that ask for them.
    :ivar proxy: the proxy, as ``ProxySettings``.
    :ivar trusting: whether invalid certificates are accepted.
    """

    user_agent: str
    headers: Mapping[str, str]
    base_url: str | None
    credentials: ServerCredentials | None
    proxy: Mapping[str, Any] | None
    trusting: bool


@failing_deferreds
class ContextClient(HTTPClient):
    """A treq client with the cookies, proxy, user agent and extra headers of a context: ``context.request``.

    It has treq's methods with their arguments: ``get(url)``, ``post(url, json=...)`` and so on, each of which fires
    with treq's response. By then, the context has the cookies that the response sets or deletes. The browser is not
    involved: its cache, routes and network conditions do not apply.

    :param reactor: the reactor.
    :param settings: returns the present settings for requests.
    :param jar: returns the context's cookies.
    :param add_cookies: adds cookies to the context.
    :param remove_cookies: deletes cookies from the context.
    :param cookies: ``BrowserContext.cookies``.
    :param storage_state: ``BrowserContext.storage_state``.
    :ivar cookies: a function that returns the context's cookies; see ``BrowserContext.cookies``.
    :ivar storage_state: a function that returns the context's storage state; see ``BrowserContext.storage_state``.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        settings: Callable[[], Deferred[ClientSettings]],
        jar: Callable[[], Deferred[CookieJar]],
        add_cookies: Callable[[Iterable[Cookie]], Deferred[None]],
        remove_cookies: Callable[[Iterable[Cookie]], Deferred[None]],
        cookies: Callable[..., Deferred[Any]],
        storage_state: Callable[..., Deferred[Any]],
    ) -> None:
        super().__init__(Agent(reactor))
        self._reactor = reactor
        self._settings = settings
        self._jar = jar
        self._add_cookies = add_cookies
        self._remove_cookies = remove_cookies
        self.cookies = cookies
        self.storage_state = storage_state

    @returns_deferred
    async def request(self, method: str, url: Any, **kwargs: Any) -> _Response:
        """Send a request; see :func:`treq.request`.

        :param method: the method, such as ``"GET"``.
        :param url: the URL, absolute or relative to the context's ``base_url``.
        :param kwargs: as for treq: ``params``, ``headers``, ``data``, ``json``, ``files``, ``auth``, ``cookies``,
            ``allow_redirects``, ``timeout`` in seconds and others.
        :returns: fires with treq's response; fails like :func:`treq.request`, and like ``Session.execute``.
        """
        _check_options(kwargs)
        settings = await self._settings()
        address = url.decode("ascii") if isinstance(url, bytes) else url.to_text() if hasattr(url, "to_text") else url
        if settings.base_url is not None:
            address = urljoin(settings.base_url, address)
        headers = _merged(settings, kwargs.pop("headers", None))
        kwargs.pop("_stacklevel", None)
        kwargs.setdefault("reactor", self._reactor)
        kwargs.setdefault("browser_like_redirects", True)
        known = settings.credentials if "auth" not in kwargs else None
        unasked = known is not None and known.always and known.is_for(address)
        if known is not None and unasked:
            kwargs["auth"] = tuple(known.credentials)
        response = await self._send(settings, method, address, headers, kwargs)
        if known is None or response.code != 401:
            return response
        asked = response.request  # it may have been led elsewhere
        asked_at, asked_by = asked.absoluteURI.decode("ascii"), asked.method.decode("ascii")
        answer = _answer(response.headers, known, asked_by, asked_at, basic=not unasked)
        if answer is None:
            return response
        _let_go(response)
        kwargs.pop("auth", None)
        if asked_at != address:
            kwargs.pop("params", None)
        if asked_by != method.upper():
            for name in ("data", "json", "files"):
                kwargs.pop(name, None)
        headers.setRawHeaders("authorization", [answer])
        return await self._send(settings, asked_by, asked_at, headers, kwargs)

    def fetch(self, url: Any, *, method: str | None = None, **kwargs: Any) -> Deferred[_Response]:
        """Send a request, or repeat a page's request, from this program.

        :param url: as for :meth:`request`; or a :class:`Request`, whose method, headers and body are used unless others
            are given.
        :param method: the method, such as ``"POST"``; ``"GET"`` by default.
        :param kwargs: as for :meth:`request`; ``headers`` take precedence over the request's.
        :returns: fires and fails like :meth:`request`.
        """
        if not isinstance(url, Request):
            return self.request("GET" if method is None else method, url, **kwargs)
        return self._fetch_again(url, method, kwargs)

    @returns_deferred
    async def _fetch_again(self, request: Request, method: str | None, kwargs: dict[str, Any]) -> _Response:
        headers = _own_headers(await request.all_headers())
        given = kwargs.pop("headers", None)
        for name, values in Headers(_listed(given)).getAllRawHeaders():
            headers.setRawHeaders(name, values)
        if request.has_post_data and not {"data", "json", "files"} & kwargs.keys():
            kwargs["data"] = await request.fetch_post_data()
        return await self.request(request.method if method is None else method, request.url, headers=headers, **kwargs)

    async def _send(
        self, settings: ClientSettings, method: str, url: str, headers: Headers, kwargs: dict[str, Any]
    ) -> _Response:
        jar = ClientJar(await self._jar())
        before = {_key(each): each for each in jar}
        agent: Any = CookieAgent(_agent(self._reactor, settings), jar)
        client = HTTPClient(agent, cookiejar=jar)  # type: ignore[arg-type]
        asked = [url]
        try:
            response = await client.request(method, url, headers=headers, **kwargs)
            asked += [each.request.absoluteURI.decode("ascii") for each in (*response.history(), response)]
            return response
        finally:
            hosts = {urlsplit(each).hostname or "" for each in asked}
            after = {_key(each): each for each in jar}
            # One that is set again has a new object, also where nothing but its expiry is another one.
            fresh = [each for key, each in after.items() if before.get(key) is not each]
            gone = [each for key, each in before.items() if key not in after]
            if fresh:
                await self._add_cookies(_of_hosts(fresh, hosts))
            if gone:
                await self._remove_cookies(_of_hosts(gone, hosts))

    @returns_deferred
    async def _fetch(
        self, request: Request, overrides: Overrides, max_redirects: int, max_retries: int, timeout: Timeout = DEFAULT
    ) -> APIResponse:
        """Send a request of a page from this program; see ``Route.fetch``."""
        url = overrides.url or request.url
        headers = _own_headers(request.headers if overrides.headers is None else overrides.headers)
        body = overrides.post_data
        if body is None and request.has_post_data:
            body = await request.fetch_post_data()
        seconds = seconds_of(timeout, 30.0)
        sending = Deferred.fromCoroutine(
            self._followed(overrides.method or request.method, url, headers, body, max_redirects, max_retries)
        )
        sending.addErrback(_unanswered, url)
        late = lambda: ActionTimeout("route.fetch()", seconds or 0, f"the response of {url}")  # noqa: E731
        return await with_deadline(self._reactor, sending, seconds, late)

    async def _followed(
        self, method: str, url: str, headers: Headers, body: bytes | None, max_redirects: int, max_retries: int
    ) -> APIResponse:
        left = max_redirects
        asked = ""
        while True:
            try:
                response = await self._retried(method, url, headers, body, max_retries)
            except ValueError as error:  # of treq, which finds no host in it that can be
                if not asked:
                    raise
                raise NetworkError(asked, _NOWHERE.format(error)) from error
            location = response.headers.getRawHeaders("location")
            if response.code not in _REDIRECTS or not location or max_redirects == 0:
                break
            if left <= 0:
                raise NetworkError(url, f"more than {max_redirects} redirects")
            left -= 1
            there = _led_to(url, location[0])
            if response.code == 303 or (response.code in (301, 302) and method.upper() == "POST"):
                method, body = "GET", None
                for name in ("content-type", "content-length"):
                    headers.removeHeader(name)
            if origin_of(there) != origin_of(url):
                headers.removeHeader("authorization")
            asked, url = url, there
        return await read_response(response, url)

    async def _retried(self, method: str, url: str, headers: Headers, body: bytes | None, retries: int) -> Any:
        while True:
            try:
                return await self.request(method, url, headers=headers, data=body, allow_redirects=False)
            except _LOST as error:
                if retries <= 0 or _is_cancelled(error):
                    raise
                retries -= 1


def _led_to(url: str, location: str) -> str:
    """Return the URL that a response redirects to.

    :raises NetworkError: if that cannot be requested.
    """
    try:
        there = urljoin(url, location)
        origin_of(there)
    except ValueError as error:
        raise NetworkError(url, _NOWHERE.format(error)) from error
    return there


def _let_go(response: Any) -> None:
    """Close the connection of a response whose body nobody needs, and which may never end."""
    while hasattr(response, "original"):  # what treq and others have wrapped around it
        response = response.original
    response.deliverBody(_NoBody())


class _NoBody(Protocol):
    """Ignores a body."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def _agent(reactor: Any, settings: ClientSettings) -> IAgent:
    pool = HTTPConnectionPool(reactor, persistent=False)  # nothing stays open behind it
    policy = TrustingPolicy() if settings.trusting else BrowserLikePolicyForHTTPS()
    if settings.proxy is None:
        return Agent(reactor, policy, pool=pool)
    return ProxyAgent(reactor, settings.proxy, policy, pool)


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse what treq would refuse in words that do not help.

    :raises TypeError: an option is not treq's, or the body is a str.
    """
    for name in options.keys() & _INSTEAD.keys():
        raise TypeError(f"unknown option {name!r} of a request; use {_INSTEAD[name]}")
    if isinstance(options.get("data"), str):
        raise TypeError("data=: a body is bytes, or a dict, which is sent as a form; json= sends a value as JSON")


def _merged(settings: ClientSettings, given: Any) -> Headers:
    """Return the headers of a request: those given take precedence over the context's."""
    merged = Headers({"user-agent": [settings.user_agent], "accept": ["*/*"]})
    for name, value in settings.headers.items():
        merged.setRawHeaders(name, [value])
    for name, values in _listed(given).items():
        merged.setRawHeaders(name, values)
    return merged


def _listed(given: Any) -> dict[Any, list[Any]]:
    """Return the given headers, each with a list of values.

    :raises TypeError: if one is not a header.
    :raises ValueError: if one cannot be sent.
    """
    if isinstance(given, Headers):
        given = dict(given.getAllRawHeaders())
    listed = {name: value if isinstance(value, list) else [value] for name, value in (given or {}).items()}
    for name, values in listed.items():
        for value in values:
            check_header("headers", _text(name), _text(value))
    return listed


def _text(given: Any) -> Any:
    return given.decode("latin-1") if isinstance(given, bytes) else given


def _own_headers(headers: Mapping[str, str]) -> Headers:
    """Return the headers of a browser's request that do not belong to its connection."""
    own = Headers()
    for name, value in headers.items():
        if name.lower() not in _OF_CONNECTION and not name.startswith(":"):
            own.addRawHeader(name, value.encode("utf-8", "surrogatepass"))
    return own


def _is_cancelled(error: Exception) -> bool:
    """Return whether we aborted the request ourselves, as at a timeout: then it is not tried again."""
    return any(each.check(CancelledError) for each in getattr(error, "reasons", ()))


def _unanswered(failure: Failure, url: str) -> NoReturn:
    """Return the error for a missing response, in the browser's words."""
    failure.trap(*_LOST, ConnectError, DNSLookupError)
    reasons = getattr(failure.value, "reasons", [failure])
    raise NetworkError(url, "; ".join(each.getErrorMessage() for each in reasons)) from failure.value


def _answer(headers: Headers, known: ServerCredentials, method: str, url: str, basic: bool) -> str | None:
    """Return the answer to a server's challenge, preferring a digest to a basic one; None: there is none.

    :param headers: the headers of the response with the challenge.
    :param method: the method of the request that was sent.
    :param url: the URL of that request.
    :param basic: whether basic credentials may be sent, because they were not sent before.
    """
    if not known.is_for(url):
        return None
    asked = challenges(headers.getRawHeaders("www-authenticate", []))
    for each in asked:
        answer = digest_answer(each, known.credentials, method, url)
        if answer is not None:
            return answer
    if not basic or all(each.scheme != "basic" for each in asked):
        return None
    return "Basic " + b64encode(":".join(known.credentials).encode()).decode()


def _of_hosts(cookies: Iterable[Cookie], hosts: Iterable[str]) -> list[Cookie]:
    """Return the cookies of a jar with the real names of hosts: a jar renames hosts without a dot."""
    names = {f"{host}.local": host for host in hosts if "." not in host and ":" not in host}
    found = []
    for each in cookies:
        named = copy(each)
        named.domain = names.get(each.domain, each.domain)
        found.append(named)
    return found


def _key(cookie: Cookie) -> tuple[str, str, str]:
    return cookie.name, cookie.domain, cookie.path
