"""A HAR file as a run, as far as possible: whatever program wrote it, and whatever it contains.

``network._har_reading`` reads the file; this module converts the result to a run, and limits its size.
"""

from __future__ import annotations

from pathlib import Path

from txcdp.network._har_reading import HarEntry, HarLog, HarPage, NoHar, open_har
from txcdp.report._bodies import BodyBudget, body_of, text_body
from txcdp.report._collector import MOST_EXCHANGES, MOST_TEXT, MOST_URL, span
from txcdp.report._run import Phases, Run, RunDocument, RunExchange, RunFrame

__all__ = ["NoHar", "read_har", "run_of_har"]


def run_of_har(data: bytes, name: str) -> Run:
    """Return the contents of a HAR file as a run.

    :param data: the contents of the file.
    :param name: the name of the run.
    :raises NoHar: it is not valid HAR.
    """
    return _HarReader(HarLog(data, name), name).run()


def read_har(path: Path) -> Run:
    """Return a HAR file as a run.

    :raises NoHar: it is not valid HAR, or too large.
    :raises OSError: it cannot be read.
    """
    return _HarReader(open_har(path), path.name).run()


class _HarReader:
    """Makes a run from one file.

    :param log: the contents of the file.
    """

    def __init__(self, log: HarLog, name: str) -> None:
        self._log = log
        self._name = name
        self._budget = BodyBudget()
        self._passed_over = 0
        self._without_time = 0

    def run(self) -> Run:
        """Return the run of the file's entries."""
        log = self._log
        run = Run(name=self._name, source="HAR")
        run.browser = log.browser
        run.documents = [_document(each) for each in log.pages[:1000]]
        run.frames = [
            RunFrame(id=each.id, kind="page", url=each.url, started=each.started) for each in run.documents if each.id
        ]
        for number in range(min(len(log), MOST_EXCHANGES)):
            entry = log.entry(number)
            if entry is None:
                self._passed_over += 1
            else:
                run.exchanges.append(self._exchange(entry, number))
        self._name_documents(run)
        run.documents = [each for each in run.documents if each.started]
        run.exchanges.sort(key=lambda each: each.started)
        run.started, run.ended = span(run, 0.0, 0.0)
        run.missing = self._missing(len(log))
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

    def _name_documents(self, run: Run) -> None:
        """Give pages the URL of their first document, if their titles do not contain it."""
        first: dict[str, str] = {}
        for each in run.exchanges:
            if each.type.lower() == "document" or "html" in each.mime_type:
                first.setdefault(each.document_id, each.url)
        for document in run.documents:
            document.url = document.url or first.get(document.id, "")
        for frame in run.frames:
            frame.url = next((each.url for each in run.documents if each.id == frame.id), "")

    def _exchange(self, entry: HarEntry, number: int) -> RunExchange:
        if not entry.started:
            self._without_time += 1
        by, line = entry.initiator, entry.initiator.get("lineNumber")
        phases = {name: value for name, value in entry.phases.items() if name != "ssl"}
        made = RunExchange(
            id=str(number),
            url=entry.url[:MOST_URL],
            method=entry.method,
            type=entry.type,
            status=entry.status,
            status_text=entry.status_text[:MOST_TEXT],
            protocol=entry.protocol,
            failure=entry.failure[:MOST_TEXT],
            frame_id=entry.page,
            document_id=entry.page,
            initiator=by["type"],
            initiator_url=by.get("url", "")[:MOST_URL],
            initiator_line=None if line is None else line + 1,
            priority=entry.priority,
            cached=entry.cached,
            remote=entry.remote,
            mime_type=entry.mime_type,
            started=entry.started,
            responded=entry.started + entry.waited if entry.status else None,
            ended=entry.started + entry.total,
            phases=Phases(tls=entry.phases.get("ssl"), **phases),
            sent=entry.sent,
            transferred=entry.transferred,
            size=entry.size,
            request_headers=entry.request_headers,
            response_headers=entry.response_headers,
        )
        redirected = bool(entry.redirects_to)
        failed = entry.failure or not entry.status
        made.outcome = "failed" if failed else "redirected" if redirected else "finished"
        self._bodies(made, entry)
        if entry.messages is not None:
            sent = sum(each.get("type") == "send" for each in entry.messages)
            made.messages = sent, len(entry.messages) - sent
        return made

    def _bodies(self, made: RunExchange, entry: HarEntry) -> None:
        if entry.posted is not None and self._budget.take(len(entry.posted[1])):
            kind, text, encoded = entry.posted
            made.request_body = body_of(kind, text, True, len(text) * 3 // 4) if encoded else text_body(text, kind)
        body = entry.content.get("text")
        if isinstance(body, str) and body and self._budget.take(len(body)):
            encoded = entry.content.get("encoding") == "base64"
            made.body = body_of(made.mime_type, body, encoded, made.size or len(body))


def _document(page: HarPage) -> RunDocument:
    made = RunDocument(id=page.id, frame_id=page.id, url=page.url[:MOST_URL], started=page.started)
    made.title = page.title[:MOST_TEXT]
    made.content_loaded, made.loaded = page.content_loaded, page.loaded
    return made
