"""Intercepts the documents of a page: what the first one is requested with, and the response to each.

Chromium shows a document, and cannot report its bytes afterwards: from JSON it has made a document of its own, from a
PDF its viewer, from an attachment a file. So each document of the page is paused when its response's headers have
arrived, and if it is not a page, it is read right there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from scrapy.exceptions import IgnoreRequest, StopDownload
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._deferreds import OneShot, Waiters, ignore_failure, returns_deferred
from txcdp.domains import fetch
from txcdp.errors import CommandError, DocumentBroken, Gone
from txcdp.network import Exchange
from txcdp.network._interception import ROUTES, Holding, PausedRequest, Pausing, Remembered
from txcdp.network._pieces import decoded, pieces_of
from txcdp.page import Page

Pairs = tuple[tuple[str, str], ...]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

#: The content types of pages; if a response has none, Chromium sniffs the content.
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", ""})

#: Statuses of responses that have no body.
_EMPTY: Final = frozenset({204, 205, 304})

#: Headers that describe a body, which a redirect removes.
_OF_BODIES: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "content-language", "content-location"}
)

#: Headers that must not go to a host other than the one that they were set for.
_PRIVATE: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

#: How many bytes are read at a time: Chromium delivers when there are that many, or no more to come. Fewer if somebody
#: is notified of them meanwhile.
_CHUNK, _TOLD_CHUNK = 256 * 1024, 16 * 1024


#: How many bytes are kept of a response without a content type: they come in one message.
_KEPT: Final = 4 * 2**20


@dataclass(frozen=True)
class FirstRequest:
    """The request that opens a page.

    :ivar method: the method, such as ``"POST"``.
    :ivar headers: the headers to send.
    :ivar body: the body.
    """

    method: str
    headers: Pairs
    body: bytes

    def after(self, status: int, before: str, to: str) -> FirstRequest:
        """Return the request that follows a redirect, by the rules that browsers use."""
        host, there = urlsplit(before), urlsplit(to)
        headers, method, body = self.headers, self.method, self.body
        if (host.scheme, host.netloc) != (there.scheme, there.netloc):
            headers = tuple(each for each in headers if each[0].lower() not in _PRIVATE)
        if (status in (301, 302) and method == "POST") or (status == 303 and method != "HEAD"):
            method, body = "GET", b""
            headers = tuple(each for each in headers if each[0].lower() not in _OF_BODIES)
        return FirstRequest(method, headers, body)


@dataclass
class Answer:
    """The response to a request for a document.

    :ivar url: the URL of the response.
    :ivar status: the HTTP status.
    :ivar headers: the headers as received, one by one.
    :ivar exchange: what else is known about it; None: nothing.
    :ivar body: the body, if it is not a page; None: it became the page's document.
    :ivar unnamed: the bytes of a response without a content type, which may or may not become a page.
    :ivar broken: whether the body was truncated.
    """

    url: str
    status: int
    headers: Pairs
    exchange: Exchange | None = None
    body: bytes | None = None
    unnamed: bytes | None = None
    broken: bool = False

    @property
    def all_headers(self) -> Pairs:
        """The headers including those that set cookies, which Chromium reports elsewhere."""
        extra = None if self.exchange is None else self.exchange._row.response_extra
        set_cookie = () if extra is None else extra.headers.items()
        return (*self.headers, *((name, value) for name, value in set_cookie if name.lower() == "set-cookie"))

    @property
    def protocol(self) -> str:
        """The protocol of the response, by Chromium's name; ``""``: unknown.

        For a body that is taken out of the browser, Chromium reports only the header lines as sent, which HTTP/2 does
        not have.
        """
        if self.exchange is None:
            return ""
        row = self.exchange._row
        if row.response is not None and self.body is None:
            return row.response.protocol or ""
        text = None if row.response_extra is None else row.response_extra.headers_text
        return (text or "").partition(" ")[0]

    @property
    def length(self) -> int | None:
        """The number of bytes according to its headers."""
        text = self.header("content-length")
        return int(text) if text is not None and text.isdecimal() else None

    def header(self, name: str) -> str | None:
        """Return a header by its lower-case name; if there are several, the first."""
        return next((value for each, value in self.headers if each.lower() == name), None)

    @property
    def kind(self) -> str:
        """The declared content type in lower case; ``""``: none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """The URL that it redirects to; None: it is not a redirect."""
        return self.header("location") if self.status in _REDIRECTS else None

    @property
    def is_page(self) -> bool:
        """Whether Chromium shows it as a page whose document is what the server sent."""
        attached = (self.header("content-disposition") or "").partition(";")[0].strip().lower()
        return self.kind in _PAGES and attached != "attachment" and self.status not in _EMPTY


@dataclass(frozen=True)
class DocumentRules:
    """Rules for the documents of a page.

    :ivar stops: returns whether a redirect with this status is not to be followed.
    :ivar judge: called with each response before its body arrives; an error that it raises is the outcome.
    :ivar received: called with the bytes of a response that is not a page as they arrive, and their number so far; an
        error that it raises is the outcome.
    :ivar tells: whether anybody is interested in these bytes.
    :ivar fails_on_loss: whether a truncated body is a failure.
    :ivar shows: whether a response that is not a page is displayed as well, if the browser can do that.
    :ivar most_redirects: the most redirects to follow.
    """

    stops: Callable[[int], bool]
    judge: Callable[[Answer], None]
    received: Callable[[bytes, int], None]
    tells: bool
    fails_on_loss: bool
    shows: bool
    most_redirects: int


class PausedDocuments(Holding):
    """Pauses a page's documents, to change the first request and to read responses that are not pages.

    :param page: the page.
    :param first: the request that opens it.
    :param rules: the rules for its documents.
    :ivar redirects: the responses that led to the first document.
    :ivar began: seconds, when the first document's request was continued.
    :ivar answered: seconds, when the headers of its response had arrived; None: not yet.
    """

    rank = ROUTES

    def __init__(
        self,
        page: Page,
        first: FirstRequest,
        rules: DocumentRules,
    ) -> None:
        self._page = page
        self._clock = page.session.context.clock
        self._first: FirstRequest | None = first
        self._rules = rules
        self._answers: dict[str, Answer] = {}
        self._last: Answer | None = None
        self._reading: set[Deferred[None]] = set()
        self._read: Waiters[None] = Waiters()
        self._over = False
        self.failure: Exception | None = None
        self.redirects: list[Answer] = []
        self.began = self._clock.seconds()
        self.answered: float | None = None
        #: Fires when there is an outcome that is not a page: bytes, or a failure.
        self.decided: OneShot[None] = OneShot()

    def begin(self) -> Deferred[None]:
        """Pause documents from now on; a navigation that is sent after this call waits for it."""
        return self._page._interception.add_interceptor(self)

    def end(self, stays: bool) -> None:
        """Stop reading, and let everything pass.

        :param stays: whether the page stays open; if it is closed next, the browser need not be told.
        """
        self._over = True
        # What they belong to has the request, which is not to live as long as the page.
        self._rules = _NONE
        for each in tuple(self._reading):
            each.cancel()
        if stays and not self._page.session.ended:
            self._page._interception.update().addErrback(ignore_failure)

    @returns_deferred
    async def settle(self) -> None:
        """Wait until what is being read has arrived.

        :returns: fails with the reason why a response is not acceptable.
        """
        while self._reading and self.failure is None:
            await self._read.wait()
        if self.failure is not None:
            raise self.failure

    @property
    def other(self) -> Answer | None:
        """The last response, if it is not a page."""
        last = self._last
        return last if last is not None and last.body is not None else None

    def of(self, loader_id: str | None) -> Answer | None:
        """Return the response that a document came with."""
        return None if loader_id is None else self._answers.get(loader_id)

    def wants(self) -> Pausing | None:
        """Return the pattern that pauses all requests for documents."""
        return None if self._over else Pausing((fetch.RequestPattern(url_pattern="*", resource_type="Document"),))

    def takes(self, paused: PausedRequest) -> bool:
        """Handle the documents of the page itself; those of its frames continue."""
        event = paused.event
        if self._over or event.frame_id != self._page.main_frame_id:
            return False
        if not paused.response:
            return self._ask(paused)
        if event.response_status_code is None:
            return False
        answer = Answer(
            event.request.url,
            event.response_status_code,
            tuple((each.name, each.value) for each in event.response_headers or ()),
            self._page._tree.network.request_paused(event, paused.hop).exchange,
        )
        if self.answered is None:
            self.answered = self._clock.seconds()
        return self._got(paused, answer)

    def _ask(self, paused: PausedRequest) -> bool:
        """Continue a request; the first one is changed to what it should be."""
        first = self._first
        event = paused.event
        if first is None:
            command = fetch.continue_request(request_id=event.request_id, intercept_response=True)
        else:
            own = {name.lower(): (name, str(value)) for name, value in (event.request.headers or {}).items()}
            headers = {**own, **{name.lower(): (name, value) for name, value in first.headers}}
            command = fetch.continue_request(
                request_id=event.request_id,
                method_=first.method,
                headers=_entries(headers.values()),
                post_data=first.body or None,
                intercept_response=True,
            )
        self._send(paused, command)
        return True

    def _abort(self, paused: PausedRequest) -> None:
        self._send(paused, fetch.fail_request(request_id=paused.event.request_id, error_reason="Aborted"))

    def _send(self, paused: PausedRequest, command: fetch.continue_request | fetch.fail_request) -> None:
        paused.answer(command, Remembered(command)).addErrback(self._refused)

    def _refused(self, failure: Failure) -> None:
        """Handle the browser's refusal of the changed first request."""
        if isinstance(failure.value, CommandError):
            self._decide(failure.value)
        else:
            ignore_failure(failure)

    def _got(self, paused: PausedRequest, answer: Answer) -> bool:
        """Examine the headers of a response."""
        first, location = self._first, answer.location
        if location is not None and not (first is not None and self._rules.stops(answer.status)):
            if first is not None:
                self.redirects.append(answer)
                if len(self.redirects) > self._rules.most_redirects:
                    self._decide(IgnoreRequest("max redirections reached"))
                    self._abort(paused)
                    return True
                self._first = first.after(answer.status, answer.url, urljoin(answer.url, location))
            return False
        bodiless = first is not None and first.method == "HEAD"
        self._first = None
        try:
            self._rules.judge(answer)
        except Exception as error:
            self._decide(Stopped(error, answer) if isinstance(error, StopDownload) else error)
            self._abort(paused)
            return True
        if answer.is_page and location is None and not bodiless:
            self._answers[paused.event.network_id or ""] = self._last = answer
            if answer.kind or answer.header("content-encoding") or not 0 < (answer.length or 0) <= _KEPT:
                return False
            reading = self._keep(paused, answer)
        else:
            has_body = location is None and answer.status not in _EMPTY and not bodiless
            reading = self._take(paused, answer, has_body)
        self._reading.add(reading)
        reading.addBoth(self._taken, reading)
        return True

    def _taken(self, _: object, reading: Deferred[None]) -> None:
        self._reading.discard(reading)
        self._read.notify(None)

    @returns_deferred
    async def _keep(self, paused: PausedRequest, answer: Answer) -> None:
        """Keep the bytes of a response without a content type, and let Chromium sniff it."""
        try:
            getting = fetch.get_response_body(request_id=paused.event.request_id)
            got = await paused.session.execute(getting, timeout=None)
            answer.unnamed = decoded(got.body, got.base64_encoded)
        except Gone as error:
            self._decide(error)
        except CommandError:
            pass  # it has none, or came to nothing: so says what follows
        paused.go_on().addErrback(ignore_failure)

    def is_saved(self) -> bool:
        """Note that Chromium would save the last response as a file, and return whether its bytes have been read."""
        last = self._last
        if last is None or last.unnamed is None:
            return last is not None and last.body is not None
        last.body = last.unnamed
        return True

    @returns_deferred
    async def _take(self, paused: PausedRequest, answer: Answer, has_body: bool) -> None:
        """Read the bytes of a response that is not a page."""
        event, rules = paused.event, self._rules
        try:
            answer.body = await _read(paused, answer, rules) if has_body else b""
            length = None if answer.header("content-encoding") else answer.length
            answer.broken = has_body and length is not None and len(answer.body) < length
            if answer.broken and rules.fails_on_loss:
                raise DocumentBroken(answer.url, "net::ERR_CONTENT_LENGTH_MISMATCH", answer.status)
        except Gone as error:
            self._decide(error)
            return
        except Exception as error:
            self._decide(error)
            self._abort(paused)
            return
        self._answers[event.network_id or ""] = self._last = answer
        if self._rules.shows and answer.body and answer.kind.startswith(("text/", "image/", "application/json")):
            headers = [each for each in answer.headers if each[0].lower() not in ("content-encoding", "content-length")]
            paused.answer(
                fetch.fulfill_request(
                    request_id=event.request_id,
                    response_code=answer.status,
                    response_headers=_entries(headers),
                    body=answer.body,
                )
            ).addErrback(ignore_failure)
            return
        self._abort(paused)
        self.decided.fire(None)

    def _decide(self, error: Exception) -> None:
        self.failure = self.failure or error
        self.decided.fire(None)


#: The rules of documents that have ended.
_NONE: Final = DocumentRules(
    stops=lambda status: False,
    judge=lambda answer: None,
    received=lambda data, size: None,
    tells=False,
    fails_on_loss=False,
    shows=False,
    most_redirects=0,
)


class Stopped(Exception):
    """A handler of a Scrapy signal has stopped the download of a response.

    :ivar stop: the exception that it raised.
    :ivar answer: the response with the bytes so far.
    """

    def __init__(self, stop: StopDownload, answer: Answer) -> None:
        super().__init__(stop, answer)
        self.stop, self.answer = stop, answer


async def _read(paused: PausedRequest, answer: Answer, rules: DocumentRules) -> bytes:
    session = paused.session
    most = _TOLD_CHUNK if rules.tells else _CHUNK
    taking = fetch.take_response_body_as_stream(request_id=paused.event.request_id)
    handle = (await session.execute(taking, timeout=None)).stream
    chunks: list[bytes] = []
    size = 0
    try:
        async with aclosing(pieces_of(session, handle, most, None)) as pieces:
            async for data in pieces:
                chunks.append(data)
                size += len(data)
                rules.received(data, size)
        return b"".join(chunks)
    except StopDownload as stop:
        answer.body = b"".join(chunks)
        raise Stopped(stop, answer) from None


def _entries(pairs: Iterable[tuple[str, str]]) -> list[fetch.HeaderEntry]:
    return [fetch.HeaderEntry(name=name, value=value) for name, value in pairs]
