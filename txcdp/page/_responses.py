"""The server's answer that has brought a document."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import returns_deferred
from txcdp._privacy import printable, shown_url
from txcdp.domains import network

if TYPE_CHECKING:
    from txcdp.page._frames import Frame


class Response:
    """The answer of a server to a navigation, by its headers; the body may still be coming.

    :ivar frame: the frame that has navigated.
    :ivar url: where the answer is from, after all redirects.
    :ivar status: the HTTP status, such as 200.
    :ivar status_text: what the server says of it, such as ``"OK"``.
    :ivar headers: by name in small letters; what came more than once is joined by commas, a ``set-cookie`` by line
        breaks.
    """

    def __init__(
        self, frame: Frame, loader_id: str, said: network.Response, loaded: Callable[[str], Deferred[None]]
    ) -> None:
        self.frame = frame
        self.url: str = said.url
        self.status: int = said.status
        self.status_text: str = said.status_text or ""
        self.headers: dict[str, str] = {}
        for name, value in _each(said):
            key = name.lower()
            between = "\n" if key == "set-cookie" else ", "
            self.headers[key] = f"{self.headers[key]}{between}{value}" if key in self.headers else value
        self._loader_id = loader_id
        self._said = said
        self._loaded = loaded
        self._body: bytes | None = None

    def __repr__(self) -> str:
        return printable(f"<Response {self.status} {shown_url(self.url)}>")

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299; also 0, as of files."""
        return self.status == 0 or 200 <= self.status <= 299

    @property
    def from_service_worker(self) -> bool:
        """Whether a service worker has answered."""
        return bool(self._said.from_service_worker)

    @property
    def from_cache(self) -> bool:
        """Whether it came from the browser's cache."""
        return bool(self._said.from_disk_cache or self._said.from_prefetch_cache)

    def http_version(self) -> Deferred[str]:
        """Return the protocol that was spoken.

        :returns: fires with it as the browser names it, such as ``"http/1.1"``; with ``""`` where it does not.
        """
        return succeed(self._said.protocol or "")

    def headers_array(self) -> Deferred[list[dict[str, str]]]:
        """Return the headers as they came.

        :returns: fires with a list of a ``name`` and a ``value`` each; a header that came twice is there twice.
        """
        return succeed([{"name": name, "value": value} for name, value in _each(self._said)])

    def all_headers(self) -> Deferred[dict[str, str]]:
        """Return the headers by name; see ``headers``.

        :returns: fires with them.
        """
        return succeed(dict(self.headers))

    def header_value(self, name: str) -> Deferred[str | None]:
        """Return the value of a header.

        :param name: in any letters.
        :returns: fires with it; with None where there is none.
        """
        return succeed(self.headers.get(name.lower()))

    def header_values(self, name: str) -> Deferred[list[str]]:
        """Return the values of a header that may have come more than once.

        :param name: in any letters.
        :returns: fires with a list of them.
        """
        return succeed([value for key, value in _each(self._said) if key.lower() == name.lower()])

    def server_addr(self) -> Deferred[dict[str, Any] | None]:
        """Return where the server is.

        :returns: fires with its ``ipAddress`` and ``port``; with None where the browser does not tell.
        """
        address = self._said.remote_ip_address
        return succeed({"ipAddress": address, "port": self._said.remote_port or 0} if address else None)

    def security_details(self) -> Deferred[dict[str, Any] | None]:
        """Return what is known of the TLS connection.

        :returns: fires with ``issuer``, ``protocol``, ``subjectName``, ``validFrom`` and ``validTo`` (seconds since
            1970); with None where there was none.
        """
        said = self._said.security_details
        if said is None:
            return succeed(None)
        return succeed(
            {
                "issuer": said.issuer,
                "protocol": said.protocol,
                "subjectName": said.subject_name,
                "validFrom": said.valid_from,
                "validTo": said.valid_to,
            }
        )

    def finished(self) -> Deferred[None]:
        """Wait until the body is here.

        :returns: fires with None. Fails with :exc:`DocumentBroken` where it has broken off, with
            :exc:`NavigationError` where another document has taken its place before, and with
            :exc:`SessionDetached`, :exc:`TargetCrashed` or :exc:`ConnectionLost`.
        """
        return self._loaded(self._loader_id)

    @returns_deferred
    async def body(self) -> bytes:
        """Return the body (``Network.getResponseBody``), decoded from what it was compressed by.

        The browser keeps it as long as the document is in its frame, unless it is very large.

        :returns: fires with it when all of it is here. Fails like :meth:`finished`, and like ``Session.execute``
            where the browser has it no more.
        """
        if self._body is None:
            await self.finished()
            session = await self.frame._when_session()
            got = await session.execute(network.get_response_body(request_id=self._loader_id))
            self._body = base64.b64decode(got.body) if got.base64_encoded else got.body.encode("utf-8", "surrogatepass")
        return self._body

    @returns_deferred
    async def text(self) -> str:
        """Return the body as text.

        :returns: fires with it; fails like :meth:`body`.
        """
        return (await self.body()).decode("utf-8", "replace")

    @returns_deferred
    async def json(self) -> Any:
        """Return what the body says in JSON.

        :returns: fires with it; fails like :meth:`body`, and with :exc:`ValueError` where it is none.
        """
        return json.loads(await self.body())


def _each(said: network.Response) -> Iterator[tuple[str, str]]:
    """Return each header that came; the browser joins those of one name by line breaks."""
    for name, values in (said.headers or {}).items():
        for value in str(values).split("\n"):
            yield name, value
