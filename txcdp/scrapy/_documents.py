"""The documents of a page on their way: what the first one is asked for with, and what each is answered with.

Chromium shows a document, and does not tell afterwards what its bytes were: of JSON it has made a document of its own,
of a PDF its viewer, of an attachment a file. So the documents of a page are paused where their answer's head is here,
and what is no page is read right there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from scrapy.exceptions import IgnoreRequest
from twisted.internet.defer import Deferred

from txcdp._deferreds import OneShot, ignore_failure, returns_deferred
from txcdp.domains import fetch, io
from txcdp.errors import CommandError, Gone
from txcdp.network._interception import ROUTES, Holding, PausedRequest, Pausing, Remembered
from txcdp.network._requests import decoded
from txcdp.page import Page

Pairs = tuple[tuple[str, str], ...]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

#: What a page is made of; an answer that does not say what it is, Chromium looks into.
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml", ""})

#: Answers that have no body.
_EMPTY: Final = frozenset({204, 205, 304})

#: What belongs to a body that a redirect takes away.
_OF_BODIES: Final = frozenset(
    {"content-type", "content-length", "content-encoding", "content-language", "content-location"}
)

#: What is not for another host than the one that it was set for.
_PRIVATE: Final = frozenset({"authorization", "cookie", "proxy-authorization"})

_CHUNK: Final = 256 * 1024


@dataclass(frozen=True)
class FirstRequest:
    """The request that a page is opened by.

    :ivar method: such as ``"POST"``.
    :ivar headers: those that are to be sent.
    :ivar body: of it.
    """

    method: str
    headers: Pairs
    body: bytes

    def after(self, status: int, before: str, to: str) -> FirstRequest:
        """Return the request that a redirect leads to, by the rules that browsers follow."""
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
    """The answer to a request for a document.

    :ivar url: where it is from.
    :ivar status: the HTTP status.
    :ivar headers: as they came, one by one.
    :ivar body: of what is no page; None: it became the page's document.
    """

    url: str
    status: int
    headers: Pairs
    body: bytes | None = None

    def header(self, name: str) -> str | None:
        """Return a header by its name in small letters; of several the first."""
        return next((value for each, value in self.headers if each.lower() == name), None)

    @property
    def kind(self) -> str:
        """The type that it says it has, in small letters; ``""``: none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """Where it leads to; None: nowhere."""
        return self.header("location") if self.status in _REDIRECTS else None

    @property
    def is_page(self) -> bool:
        """Whether Chromium shows it as a page whose document is what the server has sent."""
        attached = (self.header("content-disposition") or "").partition(";")[0].strip().lower()
        return self.kind in _PAGES and attached != "attachment" and self.status not in _EMPTY


@dataclass(frozen=True)
class DocumentRules:
    """Rules for the documents of a page.

    :ivar stops: says of a redirect's status whether it is not to be followed.
    :ivar judge: is told of each answer before its body comes, and returns how many bytes that may have, None for any
        number; what it raises is the outcome.
    :ivar shows: whether what is no page is shown as well, where the browser can.
    :ivar most_redirects: how many are followed.
    """

    stops: Callable[[int], bool]
    judge: Callable[[Answer], int | None]
    shows: bool
    most_redirects: int


class PausedDocuments(Holding):
    """Pauses a page's documents: has the first one asked for as it is to be, and reads what is no page.

    :param page: whose.
    :param first: the request that it is opened by.
    :param rules: for them.
    :ivar redirects: the answers that have led to the first document.
    :ivar began: seconds, when the first document's request was let go.
    :ivar answered: seconds, when the head of its answer was here; None: not yet.
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
        self._read: OneShot[None] = OneShot()
        self._over = False
        self.failure: Exception | None = None
        self.redirects: list[Answer] = []
        self.began = self._clock.seconds()
        self.answered: float | None = None
        #: Fires when there is an outcome that is no page: bytes, or a failure.
        self.decided: OneShot[None] = OneShot()

    def begin(self) -> Deferred[None]:
        """Pause documents from now on; a navigation that is sent after this waits for it."""
        return self._page._interception.add_interceptor(self)

    def end(self) -> None:
        """Read no more, and let everything pass."""
        self._over = True
        # What they belong to has the request, which is not to live as long as the page.
        self._rules = _NONE
        for each in tuple(self._reading):
            each.cancel()
        if not self._page.session.ended:
            self._page._interception.update().addErrback(ignore_failure)

    @returns_deferred
    async def settle(self) -> None:
        """Wait until what is being read is here.

        :returns: fails with what has made an answer unfit.
        """
        while self._reading and self.failure is None:
            await self._read.wait()
        if self.failure is not None:
            raise self.failure

    @property
    def other(self) -> Answer | None:
        """The last answer, where that is no page."""
        last = self._last
        return last if last is not None and last.body is not None else None

    def of(self, loader_id: str | None) -> Answer | None:
        """Return the answer that a document came with."""
        return None if loader_id is None else self._answers.get(loader_id)

    def wants(self) -> Pausing | None:
        """Return that all requests for documents are to be paused."""
        return None if self._over else Pausing((fetch.RequestPattern(url_pattern="*", resource_type="Document"),))

    def takes(self, paused: PausedRequest) -> bool:
        """Take those of the page itself; those of its frames go on."""
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
        )
        if self.answered is None:
            self.answered = self._clock.seconds()
        return self._got(paused, answer)

    def _ask(self, paused: PausedRequest) -> bool:
        """Let a request go, the first one as it is to be."""
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

    def _send(self, paused: PausedRequest, command: fetch.continue_request | fetch.fail_request) -> None:
        paused.answer(command, Remembered(command)).addErrback(self._refused)

    def _refused(self, failure: object) -> None:
        """Take note that the browser has refused what the first request is to be."""
        error = getattr(failure, "value", None)
        if isinstance(error, CommandError):
            self._decide(error)
        elif not isinstance(error, Gone):
            ignore_failure(failure)  # type: ignore[arg-type]

    def _got(self, paused: PausedRequest, answer: Answer) -> bool:
        """Look at the head of an answer."""
        first, location = self._first, answer.location
        if location is not None and not (first is not None and self._rules.stops(answer.status)):
            if first is not None:
                self.redirects.append(answer)
                if len(self.redirects) > self._rules.most_redirects:
                    self._decide(IgnoreRequest("max redirections reached"))
                    self._send(paused, fetch.fail_request(request_id=paused.event.request_id, error_reason="Aborted"))
                    return True
                self._first = first.after(answer.status, answer.url, urljoin(answer.url, location))
            return False
        bodiless = first is not None and first.method == "HEAD"
        self._first = None
        try:
            most = self._rules.judge(answer)
        except Exception as error:
            self._decide(error)
            self._send(paused, fetch.fail_request(request_id=paused.event.request_id, error_reason="Aborted"))
            return True
        if answer.is_page and location is None and not bodiless:
            self._answers[paused.event.network_id or ""] = self._last = answer
            return False
        has_body = location is None and answer.status not in _EMPTY and not bodiless
        reading = self._take(paused, answer, most, has_body)
        self._reading.add(reading)
        reading.addBoth(self._taken, reading)
        return True

    def _taken(self, _: object, reading: Deferred[None]) -> None:
        self._reading.discard(reading)
        read, self._read = self._read, OneShot()
        read.fire(None)

    @returns_deferred
    async def _take(self, paused: PausedRequest, answer: Answer, most: int | None, has_body: bool) -> None:
        """Read the bytes of what is no page."""
        event = paused.event
        try:
            answer.body = await _read(paused, most) if has_body else b""
        except Gone as error:
            self._decide(error)
            return
        except Exception as error:
            self._decide(error)
            self._send(paused, fetch.fail_request(request_id=event.request_id, error_reason="Aborted"))
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
        self._send(paused, fetch.fail_request(request_id=event.request_id, error_reason="Aborted"))
        self.decided.fire(None)

    def _decide(self, error: Exception) -> None:
        self.failure = self.failure or error
        self.decided.fire(None)


#: Rules of those that are over.
_NONE: Final = DocumentRules(lambda status: False, lambda answer: None, shows=False, most_redirects=0)


class TooLarge(Exception):
    """A body has more bytes than it may have.

    :ivar received: how many there were so far.
    """

    def __init__(self, received: int) -> None:
        super().__init__(received)
        self.received = received


async def _read(paused: PausedRequest, most: int | None) -> bytes:
    session = paused.session
    taking = fetch.take_response_body_as_stream(request_id=paused.event.request_id)
    handle = (await session.execute(taking, timeout=None)).stream
    chunks: list[bytes] = []
    size = 0
    try:
        while True:
            got = await session.execute(io.read(handle=handle, size=_CHUNK), timeout=None)
            data = decoded(got.data, got.base64_encoded)
            chunks.append(data)
            size += len(data)
            if most is not None and size > most:
                raise TooLarge(size)
            if got.eof:
                return b"".join(chunks)
    finally:
        session.execute(io.close(handle=handle)).addErrback(ignore_failure)


def _entries(pairs: Iterable[tuple[str, str]]) -> list[fetch.HeaderEntry]:
    return [fetch.HeaderEntry(name=name, value=value) for name, value in pairs]
