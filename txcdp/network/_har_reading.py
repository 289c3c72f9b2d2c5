"""Reads HAR files, from any program, into plain values.

Nothing in a file is trusted: each value is converted to its expected type, or left out. A file that is not HAR is
refused; an invalid entry is to be skipped by the caller. Extensions that browsers and programs write
(``_resourceType``, ``_error``, ``_webSocketMessages`` and the like) are read if present.

A file is kept as bytes: its entries are decoded one by one, on demand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import msgspec

from txcdp.errors import MalformedMessage
from txcdp.network._har_file import without_cut_entry
from txcdp.protocol import from_json
from txcdp.protocol._records import REJECTED
from txcdp.protocol._values import dict_of, header_pairs, list_of, number_of, text_of

#: The maximum size of a file in bytes.
MOST_BYTES: Final = 1_000_000_000

#: The maximum length in characters of a text, and of a name.
_MOST: Final = 100_000_000
_NAME: Final = 1_000

#: The protocol's types of resources, by the names that HAR files have for them.
_TYPES: Final = {
    each.lower(): each
    for each in (
        "Document Stylesheet Image Media Font Script TextTrack XHR Fetch Prefetch EventSource WebSocket Manifest"
        " SignedExchange Ping CSPViolationReport Preflight FedCM Other"
    ).split()
}

#: Resource types by the value of ``Sec-Fetch-Dest``.
_DESTINATIONS: Final = {
    "document": "Document", "iframe": "Document", "frame": "Document", "style": "Stylesheet", "script": "Script",
    "image": "Image", "font": "Font", "audio": "Media", "video": "Media", "track": "TextTrack", "empty": "Fetch",
    "manifest": "Manifest", "worker": "Script", "sharedworker": "Script", "serviceworker": "Script",
}  # fmt: skip

#: The caches that Chromium reports.
_CACHES: Final = frozenset({"disk", "memory", "prefetch", "worker"})

#: The comment that this library writes for an exchange in progress.
UNFINISHED: Final = "it had not completed when the recording ended"

#: The consecutive phases of an exchange, by HAR's names.
PHASES: Final = ("blocked", "dns", "connect", "send", "wait", "receive")


class NoHar(ValueError):
    """A file is not a HAR file; the message says why."""


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw] | None = None
    pages: msgspec.Raw = msgspec.Raw(b"[]")
    browser: msgspec.Raw = msgspec.Raw(b"{}")
    creator: msgspec.Raw = msgspec.Raw(b"{}")


class _File(msgspec.Struct):
    log: _Log


_read_file = msgspec.json.Decoder(_File).decode


@dataclass(slots=True)
class HarPage:
    """One page of a file: a browser's page, or each of its navigations, depending on the program that wrote it.

    :ivar started: seconds since 1970, as are ``content_loaded`` and ``loaded``; 0: unknown.
    """

    id: str
    started: float = 0.0
    title: str = ""
    url: str = ""
    content_loaded: float | None = None
    loaded: float | None = None


@dataclass(slots=True)
class HarEntry:
    """One entry of a file.

    :ivar page: the id of its page.
    :ivar type: the protocol's resource type; derived from the response if the file does not contain it.
    :ivar status: the response's status; 0: there was none.
    :ivar failure: the error.
    :ivar unfinished: whether it was still in progress at the end of the recording.
    :ivar connection: the number of the connection, if it is a number.
    :ivar initiator: the initiator, as far as the file tells, in the protocol's terms.
    :ivar cached: the cache that answered: ``"disk"``, ``"memory"``, ``"prefetch"`` or ``"worker"``.
    :ivar started: seconds since 1970; 0: unknown.
    :ivar phases: the durations of its phases in seconds, by HAR's names; None: it did not occur, or is unknown.
    :ivar total: seconds until everything had arrived.
    :ivar head_size: bytes of the response's head on the wire; likewise ``body_size``, ``transferred`` (the whole
        response) and ``sent`` (the whole request); ``size``: bytes of the decoded body.
    :ivar posted: the request's body: its type, its text, and whether that is base64.
    :ivar posted_file: the name of the file that contains the request's body instead.
    :ivar messages: the messages of a WebSocket.
    :ivar content: the response's body, as the file has it.
    """

    url: str
    method: str = "GET"
    page: str = ""
    type: str = "Other"
    status: int = 0
    status_text: str = ""
    protocol: str = ""
    failure: str = ""
    unfinished: bool = False
    initiator: dict[str, Any] = field(default_factory=dict)
    priority: str = ""
    mime_type: str = ""
    remote: str = ""
    port: int | None = None
    connection: int = 0
    cached: str = ""
    redirects_to: str = ""
    request_headers: list[tuple[str, str]] = field(default_factory=list)
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    started: float = 0.0
    phases: dict[str, float | None] = field(default_factory=dict)
    total: float = 0.0
    head_size: int | None = None
    body_size: int | None = None
    transferred: int | None = None
    size: int | None = None
    sent: int | None = None
    posted: tuple[str, str, bool] | None = None
    posted_file: str = ""
    messages: list[dict[str, Any]] | None = None
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def spent(self) -> float:
        """The sum of the durations of its phases in seconds."""
        return sum(self.phases.get(name) or 0.0 for name in PHASES)

    @property
    def waited(self) -> float:
        """Seconds until its response began."""
        return self.spent - (self.phases.get("receive") or 0.0)

    def header(self, name: str) -> str:
        """Return the first value of a request header; ``""`` if there is none."""
        return next((value for each, value in self.request_headers if each.lower() == name), "")


class HarLog:
    """The contents of a HAR file.

    :param data: the contents of the file.
    :param name: the file's name for errors.
    :raises NoHar: if it is not HAR.
    :ivar browser: the browser that it was made with, for display; ``product``: the same in the protocol's form.
    :ivar pages: the pages, as in the file.
    :ivar is_cut: whether its program was killed in the middle of an entry, which is left out.
    """

    def __init__(self, data: bytes, name: str) -> None:
        data = data.removeprefix(b"\xef\xbb\xbf")
        self.is_cut = False
        self._entries: Sequence[Any]
        try:
            log = _read_file(data).log
            entries, parts = log.entries, (log.pages, log.browser, log.creator)
            self._entries = entries if entries is not None else _refuse(name)
            pages, browser, creator = (from_json(bytes(each)) for each in parts)
        except (*REJECTED, MalformedMessage):
            loose = dict_of(dict_of(self._read_loosely(data, name)).get("log"))
            found = loose.get("entries")
            self._entries = found if isinstance(found, list) else _refuse(name)
            pages, browser, creator = loose.get("pages"), loose.get("browser"), loose.get("creator")
        about = dict_of(browser) or dict_of(creator)
        name, version = text_of(about.get("name"), 100), text_of(about.get("version"), 100)
        self.browser, self.product = f"{name} {version}".strip(), f"{name}/{version}".strip("/")
        self.pages = [_page(dict_of(each)) for each in list_of(pages)]

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def entry(self, number: int) -> HarEntry | None:
        """Return the entry with an index; None if it is invalid."""
        given = self._entries[number]
        if isinstance(given, msgspec.Raw):
            try:
                given = from_json(bytes(given))
            except MalformedMessage:
                return None
        return _entry(dict_of(given))

    def _read_loosely(self, data: bytes, name: str) -> Any:
        try:
            return from_json(data)
        except MalformedMessage as error:
            whole = without_cut_entry(data)
            if whole is None:
                raise NoHar(f"{name} is not a HAR file: it is not valid JSON: {error}") from error
            self.is_cut = True
        try:
            return from_json(whole)
        except MalformedMessage as error:
            raise NoHar(f"{name} is not a HAR file: it is not valid JSON: {error}") from error


def open_har(path: Path) -> HarLog:
    """Return the contents of a HAR file.

    :raises NoHar: if it is not HAR, or too large.
    :raises OSError: if it cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        raise NoHar(f"{path} is larger than {MOST_BYTES:,} bytes")
    return HarLog(path.read_bytes(), path.name)


def _refuse(name: str) -> Any:
    raise NoHar(f"{name} is not a HAR file: it has no log with entries")


def _page(page: dict[str, Any]) -> HarPage:
    made = HarPage(text_of(page.get("id"), _NAME), time_of(page.get("startedDateTime")))
    title = text_of(page.get("title"), _MOST)
    made.title, made.url = ("", title) if _is_url(title) else (title, "")
    timings = dict_of(page.get("pageTimings"))
    content, load = number_of(timings.get("onContentLoad")), number_of(timings.get("onLoad"))
    if made.started:
        made.content_loaded = None if content is None else made.started + content / 1000
        made.loaded = None if load is None else made.started + load / 1000
    return made


def _entry(entry: dict[str, Any]) -> HarEntry | None:
    request, response = dict_of(entry.get("request")), dict_of(entry.get("response"))
    url = text_of(request.get("url"), _MOST)
    if not url:
        return None
    content = dict_of(response.get("content"))
    status = number_of(response.get("status")) or 0
    failure = text_of(response.get("_error"), _MOST) or text_of(response.get("_failureText"), _MOST)
    made = HarEntry(
        url=url,
        method=text_of(request.get("method"), 100) or "GET",
        page=text_of(entry.get("pageref"), _NAME),
        status=int(status) if status < 1000 else 0,
        status_text=text_of(response.get("statusText"), _MOST),
        protocol=text_of(response.get("httpVersion"), 100) or text_of(request.get("httpVersion"), 100),
        failure=failure,
        unfinished=entry.get("comment") == UNFINISHED or (response.get("status") == -1 and not failure),
        priority=text_of(entry.get("_priority"), 100),
        mime_type=text_of(content.get("mimeType"), 200),
        remote=text_of(entry.get("serverIPAddress"), 200),
        started=time_of(entry.get("startedDateTime")),
        request_headers=_headers(request.get("headers")),
        response_headers=_headers(response.get("headers")),
        content=content,
    )
    port = number_of(entry.get("_serverPort"))
    made.port = int(port) if port is not None and port < 65536 else None
    connection = text_of(entry.get("connection"), 15)
    made.connection = int(connection) if connection.isascii() and connection.isdigit() else 0
    cached = "worker" if entry.get("_fetchedViaServiceWorker") is True else text_of(entry.get("_fromCache"), 20)
    made.cached = cached if cached in _CACHES else ""
    made.initiator = _initiator(entry.get("_initiator"))
    where = text_of(response.get("redirectURL"), _MOST)
    if where and 300 <= made.status < 400:
        try:
            made.redirects_to = urljoin(url, where)
        except ValueError:  # no URL at all
            made.redirects_to = where
    messages = entry.get("_webSocketMessages")
    made.messages = [dict_of(each) for each in messages] if isinstance(messages, list) else None
    made.type = _type(entry, made)
    _times(made, entry)
    _sizes(made, request, response)
    posted = dict_of(request.get("postData"))
    made.posted_file = text_of(posted.get("_file"), _NAME)
    text = posted.get("text")
    if isinstance(text, str) and text:
        encoded = "base64" in (posted.get("_encoding"), posted.get("encoding"))
        made.posted = text_of(posted.get("mimeType"), 200), text, encoded
    return made


def _initiator(value: Any) -> dict[str, Any]:
    """Return the initiator, which some programs write as a text."""
    by = dict_of(value)
    found: dict[str, Any] = {"type": text_of(by.get("type"), 100) or text_of(value, 100)}
    if url := text_of(by.get("url"), _MOST):
        found["url"] = url
    for name in ("lineNumber", "columnNumber"):
        number = number_of(by.get(name))
        if number is not None:
            found[name] = int(number)
    if isinstance(by.get("stack"), dict):
        found["stack"] = by["stack"]
    return found


def _times(made: HarEntry, entry: dict[str, Any]) -> None:
    timings = dict_of(entry.get("timings"))
    told = {name: number_of(timings.get(name)) for name in (*PHASES, "ssl")}
    made.phases = {name: None if value is None else value / 1000 for name, value in told.items()}
    total = number_of(entry.get("time"))
    made.total = max(0.0 if total is None else total / 1000, made.spent)


def _sizes(made: HarEntry, request: dict[str, Any], response: dict[str, Any]) -> None:
    def whole(value: Any) -> int | None:
        number = number_of(value)
        return None if number is None else int(number)

    made.head_size, made.body_size = whole(response.get("headersSize")), whole(response.get("bodySize"))
    made.transferred = whole(response.get("_transferSize"))
    if made.transferred is None and (made.head_size is not None or made.body_size is not None):
        made.transferred = (made.head_size or 0) + (made.body_size or 0)
    made.size = whole(made.content.get("size"))
    sent = [whole(request.get(name)) for name in ("headersSize", "bodySize")]
    made.sent = sum(each or 0 for each in sent) if any(each is not None for each in sent) else None


def time_of(value: Any) -> float:
    """Return a date and time in seconds since 1970; 0 if it is invalid."""
    if not isinstance(value, str) or len(value) > 100:
        return 0.0
    try:
        when = datetime.fromisoformat(value)
        return max((when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp(), 0.0)
    except (ValueError, OverflowError, OSError):
        return 0.0


def _headers(value: Any) -> list[tuple[str, str]]:
    return header_pairs((dict_of(each).get("name"), dict_of(each).get("value")) for each in list_of(value))


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://", "file://", "about:", "data:"))


def _type(entry: dict[str, Any], made: HarEntry) -> str:
    """Return the type of an entry: from the file, or from what the browser told the server, or from the response."""
    said = text_of(entry.get("_resourceType"), 100)
    if said:
        return _TYPES.get(said.lower().replace("-", ""), said[:1].upper() + said[1:])
    if made.messages is not None or made.url.startswith(("ws:", "wss:")):
        return "WebSocket"
    if (told := _DESTINATIONS.get(made.header("sec-fetch-dest").lower())) is not None:
        return told
    kind = made.mime_type.partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return "Document"
    if kind == "text/css":
        return "Stylesheet"
    if "javascript" in kind or "ecmascript" in kind:
        return "Script"
    family = kind.partition("/")[0]
    if family in ("image", "font"):
        return family.capitalize()
    if family in ("audio", "video"):
        return "Media"
    if "font" in kind:
        return "Font"
    return "Fetch" if "json" in kind or "xml" in kind else "Other"
