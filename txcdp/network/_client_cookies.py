"""The cookies of requests that no page makes: read and sent as browsers do, whatever they contain.

Twisted's own cookie agent only supports ASCII: a single other cookie, set by a page or a server, would make every
request fail.
"""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import Request

from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer


class ClientJar(CookieJar):
    """The cookies of a context during a request; treq is given it, but :class:`CookieAgent` does the work."""

    def __init__(self, cookies: CookieJar) -> None:
        # By itself a jar sends to subdomains what was set without a domain.
        super().__init__(DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain))
        for each in cookies:
            self.set_cookie(each)

    def add_cookie_header(self, request: Any) -> None:
        """Do nothing: the agent adds the header."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Do nothing: the agent extracts the cookies."""

    def send_with(self, asked: Request) -> bytes | None:
        """Return the ``Cookie`` header for a request; None: there are no cookies."""
        super().add_cookie_header(asked)
        value = asked.get_header("Cookie")
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def take(self, headers: Headers, asked: Request) -> None:
        """Add the cookies that a response sets."""
        super().extract_cookies(_Received(headers), asked)  # type: ignore[arg-type]


@implementer(IAgent)
class CookieAgent:
    """Sends a context's cookies with requests that have none of their own, and stores those of responses.

    :param agent: sends the requests.
    :param jar: contains the cookies.
    """

    def __init__(self, agent: IAgent, jar: ClientJar) -> None:
        self._agent = agent
        self._jar = jar

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Send a request; see :class:`twisted.web.iweb.IAgent`."""
        asked = Request(uri.decode("ascii"))  # noqa: S310  (nothing is opened)
        sent = Headers() if headers is None else headers.copy()
        cookies = None if sent.hasHeader(b"cookie") else self._jar.send_with(asked)
        if cookies is not None:
            sent.addRawHeader(b"cookie", cookies)
        answered: Deferred[IResponse] = self._agent.request(method, uri, sent, bodyProducer)
        return answered.addCallback(self._answered, asked)

    def _answered(self, response: IResponse, asked: Request) -> IResponse:
        self._jar.take(response.headers, asked)
        return response


class _Received:
    """A response, as :mod:`http.cookiejar` expects it."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def info(self) -> _Received:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        found = self._headers.getRawHeaders(name.encode("ascii"))
        return default if found is None else [each.decode("utf-8", "replace") for each in found]
