"""The proxy of a request, as Scrapy passes it: a URL in ``meta``, and a header with a name and a password."""

from __future__ import annotations

from base64 import b64decode

from scrapy import Request
from scrapy.settings import BaseSettings
from scrapy.utils.url import add_http_if_no_scheme

from txcdp.scrapy._contexts import Proxy


def proxy_of(request: Request, settings: BaseSettings) -> Proxy | None:
    """Return the proxy of a request; None: it has none.

    :raises ValueError: a browser cannot send its credentials.
    """
    url = request.meta.get("proxy")
    if not url:
        return None
    server = add_http_if_no_scheme(url)
    header = request.headers.get(b"Proxy-Authorization")
    if header is None:
        return Proxy(server)
    scheme, _, token = header.decode("latin-1").partition(" ")
    if scheme.lower() != "basic":
        raise ValueError(f"a browser authenticates to a proxy with a name and a password (Basic), not {scheme!r}")
    named = b64decode(token).decode(settings.get("HTTPPROXY_AUTH_ENCODING") or "latin-1")
    username, _, password = named.partition(":")
    return Proxy(server, username, password)
