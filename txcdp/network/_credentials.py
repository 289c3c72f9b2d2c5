"""The credentials of a context, for servers and for its proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from txcdp.domains import fetch
from txcdp.network._interception import CREDENTIALS, Credentials, PausedRequest, Pausing, escaped


@dataclass(frozen=True)
class ServerCredentials:
    """A username and a password for servers that ask for them.

    :ivar origin: the only origin that they are for; None: any.
    :ivar always: whether ``context.request`` sends them without being asked.
    """

    credentials: Credentials
    origin: str | None = None
    always: bool = False

    def is_for(self, url: str) -> bool:
        """Return whether they are for the server of a URL."""
        return self.origin is None or self.origin == origin_of(url)


class ContextCredentials:
    """Answers the authentication challenges to the requests of one context, as an interceptor of each of its sessions.

    Chromium only reports a challenge if the request was paused before it was sent. So credentials for an origin pause
    the requests to that origin; those for any origin, and those for a proxy, pause all requests.

    :ivar http: the credentials for servers.
    :ivar proxy: the credentials for the proxy.
    """

    rank = CREDENTIALS

    def __init__(self) -> None:
        self.http: ServerCredentials | None = None
        self.proxy: Credentials | None = None

    def give(self, http: Mapping[str, Any] | None, proxy: Mapping[str, Any] | None) -> None:
        """Replace them, given the options of a context."""
        self.http = self.proxy = None
        if http is not None:
            given = Credentials(http["username"], http["password"])
            self.http = ServerCredentials(given, http.get("origin"), http.get("send") == "always")
        if proxy is not None and "username" in proxy:
            self.proxy = Credentials(proxy["username"], proxy["password"])

    def wants(self) -> Pausing | None:
        """Return which requests have to be paused so that their challenges are reported."""
        http = self.http
        if http is None and self.proxy is None:
            return None
        if http is not None and http.origin is not None and self.proxy is None:
            url = f"{escaped(http.origin)}/*"
        else:
            url = "*"
        return Pausing((fetch.RequestPattern(url_pattern=url),), auth=True, network=True)

    def takes(self, paused: PausedRequest) -> bool:
        """Return False: requests continue."""
        return False

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return the answer to a challenge."""
        asked = challenge.auth_challenge
        if asked.source == "Proxy":
            return self.proxy
        http = self.http
        return http.credentials if http is not None and http.is_for(asked.origin) else None

    def lost(self) -> None:
        """Do nothing: no request waits for this interceptor."""


def origin_of(url: str) -> str:
    """Return the origin of a URL, as browsers write it: in lower case, without the default port.

    :raises ValueError: if it has none.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r}: expected an origin such as 'https://example.com'")
    host = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
    usual = {"http": 80, "https": 443}[parts.scheme.lower()]
    port = f":{parts.port}" if parts.port not in (None, usual) else ""
    return f"{parts.scheme.lower()}://{host}{port}"
