"""A file of HAR as a run, as far as it goes: whoever has written it, and whatever is in it.

Nothing of the file is trusted: each value is taken for what it is to be, or left out. A file that is none of HAR is
refused; an entry that is none is passed over, and counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from txcdp.errors import MalformedMessage
from txcdp.network._har_file import without_cut_entry
from txcdp.protocol import from_json
from txcdp.report._bodies import BodyBudget, body_of, text_body
from txcdp.report._collector import MOST_EXCHANGES, MOST_TEXT, MOST_URL, span
from txcdp.report._run import Phases, Run, RunBody, RunDocument, RunExchange, RunFrame
from txcdp.report._values import dict_of, header_pairs, list_of, number_of, text_of

#: Bytes of a file that is read.
MOST_BYTES: Final = 1_000_000_000

_TYPES: Final = {"csp-violation-report": "CSPViolationReport", "xhr": "XHR", "websocket": "WebSocket"}
_SIZES: Final = {"disk", "memory", "prefetch", "worker"}


class NoHar(ValueError):
    """A file is none of HAR; the message says why."""


def run_of_har(data: bytes, name: str) -> Run:
    """Return a file of HAR as a run.

    :param data: what is in the file.
    :param name: what the run is called where the file does not say.
    :raises NoHar: it is none.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        given = from_json(data)
    except MalformedMessage as error:
        whole = without_cut_entry(data)
        if whole is None:
            raise NoHar(f"{name} is no JSON: {error}") from error
        given = from_json(whole)
    log = dict_of(dict_of(given).get("log"))
    entries = log.get("entries")
    if not isinstance(entries, list):
        raise NoHar(f"{name} is no HAR file: it has no log with entries")
    return _HarReader(log, name).run(entries)


class _HarReader:
    """Reads one file.

    :param log: its log.
    """

    def __init__(self, log: dict[str, Any], name: str) -> None:
        self._log = log
        self._name = name
        self._budget = BodyBudget()
        self._passed_over = 0
        self._without_time = 0

    def run(self, entries: list[Any]) -> Run:
        """Return the run of the file's entries."""
        browser = dict_of(self._log.get("browser")) or dict_of(self._log.get("creator"))
        run = Run(name=self._name, source="HAR")
        run.browser = f"{text_of(browser.get('name'), 100)} {text_of(browser.get('version'), 100)}".strip()
        pages = [dict_of(each) for each in list_of(self._log.get("pages"))[:1000]]
        run.documents = [self._document(each) for each in pages]
        run.frames = [
            RunFrame(id=each.id, kind="page", url=each.url, started=each.started) for each in run.documents if each.id
        ]
        for number, entry in enumerate(entries[:MOST_EXCHANGES]):
            made = self._exchange(dict_of(entry), number)
            if made is None:
                self._passed_over += 1
            else:
                run.exchanges.append(made)
        self._name_documents(run)
        run.documents = [each for each in run.documents if each.started]
        run.exchanges.sort(key=lambda each: each.started)
        run.started, run.ended = span(run, 0.0, 0.0)
        run.missing = self._missing(len(entries))
        return run

    def _missing(self, entries: int) -> list[str]:
        words = ["the console, pictures, web vitals, long tasks and workers: a HAR file has none"]
        if entries > MOST_EXCHANGES:
            words.append(f"{entries - MOST_EXCHANGES:,} more entries than a report takes")
        if self._passed_over:
            words.append(f"{self._passed_over:,} entries that are none")
        if self._without_time:
            words.append(f"when {self._without_time:,} entries began: they are shown at the beginning")
        return words

    def _document(self, page: dict[str, Any]) -> RunDocument:
        started = _time(page.get("startedDateTime"))
        timings = dict_of(page.get("pageTimings"))
        title = text_of(page.get("title"), MOST_TEXT)
        made = RunDocument(id=text_of(page.get("id"), 1000), frame_id=text_of(page.get("id"), 1000), started=started)
        made.title = "" if _is_url(title) else title
        made.url = title[:MOST_URL] if _is_url(title) else ""
        content, load = number_of(timings.get("onContentLoad")), number_of(timings.get("onLoad"))
        made.content_loaded = None if content is None or not started else started + content / 1000
        made.loaded = None if load is None or not started else started + load / 1000
        return made

    def _name_documents(self, run: Run) -> None:
        """Give pages the URL of the first document in them, where their titles do not say it."""
        first: dict[str, str] = {}
        for each in run.exchanges:
            if each.type.lower() == "document" or "html" in each.mime_type:
                first.setdefault(each.document_id, each.url)
        for document in run.documents:
            document.url = document.url or first.get(document.id, "")
        for frame in run.frames:
            frame.url = next((each.url for each in run.documents if each.id == frame.id), "")

    def _exchange(self, entry: dict[str, Any], number: int) -> RunExchange | None:
        request, response = dict_of(entry.get("request")), dict_of(entry.get("response"))
        url = text_of(request.get("url"), MOST_URL)
        if not url:
            return None
        started = _time(entry.get("startedDateTime"))
        if not started:
            self._without_time += 1
        content = dict_of(response.get("content"))
        page = text_of(entry.get("pageref"), 1000)
        initiator = entry.get("_initiator")  # which some write as a text
        by = dict_of(initiator)
        status = number_of(response.get("status")) or 0
        failure = text_of(response.get("_error"), MOST_TEXT)
        made = RunExchange(
            id=str(number),
            url=url,
            method=text_of(request.get("method"), 100) or "GET",
            type=_type(entry, text_of(content.get("mimeType"), 200)),
            status=int(status) if status < 1000 else 0,
            status_text=text_of(response.get("statusText"), MOST_TEXT),
            protocol=text_of(response.get("httpVersion"), 100) or text_of(request.get("httpVersion"), 100),
            failure=failure,
            frame_id=page,
            document_id=page,
            initiator=text_of(by.get("type"), 100) or text_of(initiator, 100),
            initiator_url=text_of(by.get("url"), MOST_URL),
            priority=text_of(entry.get("_priority"), 100),
            mime_type=text_of(content.get("mimeType"), 200),
            remote=text_of(entry.get("serverIPAddress"), 200),
            started=started,
            request_headers=_headers(request.get("headers")),
            response_headers=_headers(response.get("headers")),
        )
        line = number_of(by.get("lineNumber"))
        made.initiator_line = None if line is None else int(line) + 1
        cached = text_of(entry.get("_fromCache"), 20)
        made.cached = cached if cached in _SIZES else ""
        self._times(made, entry)
        self._sizes(made, request, response)
        self._bodies(made, request, content)
        redirected = bool(text_of(response.get("redirectURL"), 100)) and 300 <= made.status < 400
        made.outcome = "failed" if failure or not made.status else "redirected" if redirected else "finished"
        messages = entry.get("_webSocketMessages")
        if isinstance(messages, list):
            sent = sum(dict_of(each).get("type") == "send" for each in messages)
            made.messages = sent, len(messages) - sent
        return made

    def _times(self, made: RunExchange, entry: dict[str, Any]) -> None:
        timings = dict_of(entry.get("timings"))
        names = ("blocked", "dns", "connect", "send", "wait", "receive")
        told = {name: number_of(timings.get(name)) for name in (*names, "ssl")}
        seconds = {name: None if value is None else value / 1000 for name, value in told.items()}
        tls = seconds.pop("ssl")
        made.phases = Phases(tls=tls, **seconds)
        spent = sum(value or 0.0 for value in seconds.values())
        total = number_of(entry.get("time"))
        whole = spent if total is None else total / 1000
        made.ended = made.started + max(whole, spent)
        if made.status:
            made.responded = made.started + spent - (seconds["receive"] or 0.0)

    def _sizes(self, made: RunExchange, request: dict[str, Any], response: dict[str, Any]) -> None:
        content = dict_of(response.get("content"))
        head, body = number_of(response.get("headersSize")), number_of(response.get("bodySize"))
        transferred = number_of(response.get("_transferSize"))
        if transferred is None and (head is not None or body is not None):
            transferred = (head or 0) + (body or 0)
        made.transferred = None if transferred is None else int(transferred)
        size = number_of(content.get("size"))
        made.size = None if size is None else int(size)
        sent = [number_of(request.get(name)) for name in ("headersSize", "bodySize")]
        made.sent = int(sum(each or 0 for each in sent)) if any(each is not None for each in sent) else None

    def _bodies(self, made: RunExchange, request: dict[str, Any], content: dict[str, Any]) -> None:
        posted = dict_of(request.get("postData"))
        text = posted.get("text")
        if isinstance(text, str) and text and self._budget.take(len(text)):
            kind = text_of(posted.get("mimeType"), 200)
            encoded = posted.get("_encoding") == "base64"
            made.request_body = RunBody(mime_type=kind, size=len(text)) if encoded else text_body(text, kind)
            if encoded:
                made.request_body = body_of(kind, text, True, len(text) * 3 // 4)
        body = content.get("text")
        if isinstance(body, str) and body and self._budget.take(len(body)):
            encoded = content.get("encoding") == "base64"
            made.body = body_of(made.mime_type, body, encoded, made.size or len(body))


def read_har(path: Path) -> Run:
    """Return a file of HAR as a run.

    :raises NoHar: it is none, or too large.
    :raises OSError: it cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        raise NoHar(f"{path} has over {MOST_BYTES:,} bytes")
    return run_of_har(path.read_bytes(), path.name)


def _time(value: Any) -> float:
    """Return a date and time in seconds since 1970; 0 for what is none."""
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


def _type(entry: dict[str, Any], mime_type: str) -> str:
    """Return what an entry was for: by what Chromium adds, or by what came."""
    said = text_of(entry.get("_resourceType"), 100)
    if said:
        return _TYPES.get(said.lower(), said[:1].upper() + said[1:])
    kind = mime_type.partition(";")[0].strip().lower()
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
