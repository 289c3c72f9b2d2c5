"""The addresses by which a user may specify a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit, urlunsplit

from txcdp._privacy import shown_url
from txcdp.errors import InvalidURL

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_ACCEPTED = (
    "expected ws://host:port/devtools/... and wss://..., http://host:port and https://..., "
    "host:port, or just the port of a browser on this machine"
)


@dataclass(frozen=True)
class Address:
    """The address of a browser: a URL taken apart.

    :ivar netloc: host and port as the user wrote them, without a user name and password.
    """

    scheme: str
    host: str
    port: int
    netloc: str
    path: str = ""
    query: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Parse ``ws://``, ``wss://``, ``http://`` or ``https://``, ``host:port`` or a port.

        :raises InvalidURL: if it is none of these.
        """
        text = str(url).strip()
        if re.fullmatch(r"\d{1,5}", text):
            text = f"http://127.0.0.1:{text}"
        elif re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}/?", text):
            text = f"http://{text}"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:  # whose text repeats parts of the URL, of a password for example
            raise InvalidURL(f"{shown_url(text)!r} is not the address of a browser; {_ACCEPTED}") from None
        scheme = parts.scheme.lower()
        if scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0 or re.search(r"[^!-~]", text):
            raise InvalidURL(f"{shown_url(text)!r} is not the address of a browser; {_ACCEPTED}")
        if parts.username is not None or parts.password is not None:
            raise InvalidURL(f"a user name and password in a browser's address are not supported; {_ACCEPTED}")
        path = re.sub(r"/json(/(version|list|protocol)?)?/?$", "", parts.path).rstrip("/")
        return cls(scheme, parts.hostname, port or _DEFAULT_PORTS[scheme], parts.netloc, path, parts.query)

    @property
    def is_websocket(self) -> bool:
        """Whether it is the address of a WebSocket."""
        return self.scheme in ("ws", "wss")

    def require_http(self) -> None:
        """Refuse a WebSocket's address where an HTTP server is needed.

        :raises InvalidURL: if it is a WebSocket's.
        """
        if self.is_websocket:
            raise InvalidURL(f"{self.netloc}: this needs an HTTP address; use http://{self.netloc}")

    def endpoint(self, path: str, netloc: str | None = None) -> str:
        """Return the URL of an endpoint below ``/json``; a query in the address, such as a token, is kept.

        :param netloc: instead of our host and port.
        """
        path, _, query = path.partition("?")
        query = "&".join(part for part in (query, self.query) if part)
        return urlunsplit(SplitResult(self.scheme, netloc or self.netloc, f"{self.path}/json/{path}", query, ""))

    def websocket(self, answered: str) -> str:
        """Return the WebSocket URL in a browser's answer, with our host, and our way to reach that.

        :param answered: ``webSocketDebuggerUrl``.
        :raises InvalidURL: if that is not a WebSocket URL.
        """
        parts = urlsplit(answered)
        if parts.scheme not in ("ws", "wss"):
            raise InvalidURL(f"the browser at {self.netloc} returned {shown_url(answered)!r} as its WebSocket")
        path = parts.path
        if self.path and not path.startswith(self.path + "/"):
            path = self.path + path
        scheme = "wss" if self.scheme == "https" else "ws"
        return urlunsplit(SplitResult(scheme, self.netloc, path, parts.query or self.query, ""))
