"""Credentials of a context, for servers and for its proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from txcdp.domains import fetch
from txcdp.network._interception import CREDENTIALS, Credentials, PausedRequest, Pausing, escaped


@dataclass(frozen=True)
class ServerCredentials:
    """A name and a password for servers that ask for them.

    :ivar origin: for which origin alone; None: for any.
    :ivar always: whether ``context.request`` sends them without being asked.
    """

    credentials: Credentials
    origin: str | None = None
    always: bool = False

    def is_for(self, url: str) -> bool:
        """Return whether a URL is of a server for which they are."""
        return self.origin is None or self.origin == origin_of(url)


class ContextCredentials:
    """Answers the challenges to the requests of one context: an interceptor of each of its sessions.

    Chromium tells of a challenge only where the request was paused before it was sent: so credentials for an origin
    pause the requests to that origin, those for any origin and those for a proxy all of them.

    :ivar http: for servers.
    :ivar proxy: for the proxy.
    """

    rank = CREDENTIALS

    def __init__(self) -> None:
        self.http: ServerCredentials | None = None
        self.proxy: Credentials | None = None

    def give(self, http: Mapping[str, Any] | None, proxy: Mapping[str, Any] | None) -> None:
        """Give it others, as options of a context have them."""
        self.http = self.proxy = None
        if http is not None:
            given = Credentials(http["username"], http["password"])
            self.http = ServerCredentials(given, http.get("origin"), http.get("send") == "always")
        if proxy is not None and "username" in proxy:
            self.proxy = Credentials(proxy["username"], proxy["password"])

    def wants(self) -> Pausing | None:
        """Return which requests are to be paused so that their challenges are told of."""
        http = self.http
        if http is None and self.proxy is None:
            return None
        if http is not None and http.origin is not None and self.proxy is None:
            url = f"{escaped(http.origin)}/*"
        else:
            url = "*"
        return Pausing((fetch.RequestPattern(url_pattern=url),), auth=True, network=True)

    def takes(self, paused: PausedRequest) -> bool:
        """Return False: requests go on."""
        return False

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return the answer to a challenge."""
        asked = challenge.auth_challenge
        if asked.source == "Proxy":
            return self.proxy
        http = self.http
        return http.credentials if http is not None and http.is_for(asked.origin) else None

    def lost(self) -> None:
        """Do nothing: nothing waits for this."""


def origin_of(url: str) -> str:
    """Return the origin of a URL, as browsers write it: in small letters, without the port that is usual.

    :raises ValueError: it has none.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r}: expected an origin such as 'https://example.com'")
    host = parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]"
    usual = {"http": 80, "https": 443}[parts.scheme.lower()]
    port = f":{parts.port}" if parts.port not in (None, usual) else ""
    return f"{parts.scheme.lower()}://{host}{port}"
