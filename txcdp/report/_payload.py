"""The data of a report's page: runs as compact JSON, in milliseconds since each began, with secrets masked.

Rows are lists, whose columns are named once; what is repeated often (headers, types, protocols) is in one table of
texts, and referred to by its index. Every value is converted to a text, a finite number or nothing here, whatever the
source contained: the page's script does not have to check.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from txcdp.network import _masking as masking
from txcdp.report._parties import is_third_party, site_of
from txcdp.report._pictures import kind_of_picture
from txcdp.report._run import THRESHOLDS, Phases, Run, RunBody, RunDocument, RunExchange, Vitals

#: Increased when the page's script has to know about a change.
VERSION: Final = 1

#: The columns of exchanges. ``@`` marks those that are indices into the table of texts.
COLUMNS: Final = (
    *("url", "@method", "@type", "status", "@statusText", "@protocol", "@outcome", "@failure", "frame", "document"),
    *("@initiator", "@initiatorUrl", "initiatorLine", "@priority", "@cached", "@remote", "@mime"),
    *("start", "responded", "end", "phases", "sent", "transferred", "size", "third"),
    *("requestHeaders", "responseHeaders", "requestBody", "body", "messages"),
)

_PHASES: Final = ("blocked", "dns", "connect", "tls", "send", "wait", "receive")

#: Characters of a header's value, and of a URL that contains its own content.
_MOST_HEADER: Final = 4_000
_MOST_DATA_URL: Final = 200

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class Texts:
    """A table of texts, each contained once."""

    def __init__(self) -> None:
        self.all: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: object) -> int:
        """Return the index of a text."""
        said = plain(text)
        number = self._numbers.get(said)
        if number is None:
            number = self._numbers[said] = len(self.all)
            self.all.append(said)
        return number


def plain(value: object) -> str:
    """Return a text that can be written as UTF-8; "" if the value is not a text."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    return value if value.isascii() else _SURROGATES.sub("\ufffd", value)


def number(value: object) -> float | int | None:
    """Return a finite number, rounded to a hundredth; None if the value is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def payload(runs: Sequence[Run], *, secrets: bool, bodies: bool = True) -> dict[str, Any]:
    """Return the data of the page.

    :param secrets: whether to include secrets; otherwise they are masked.
    :param bodies: whether to include bodies.
    """
    texts = Texts()
    return {
        "version": VERSION,
        "masked": not secrets,
        "thresholds": {name: [good, fair] for name, (good, fair) in THRESHOLDS.items()},
        "columns": list(COLUMNS),
        "runs": [_RunWriter(each, texts, secrets, bodies).write() for each in runs],
        "texts": texts.all,
    }


class _RunWriter:
    """Writes one run.

    :param texts: the table of texts, shared by all runs.
    """

    def __init__(self, run: Run, texts: Texts, secrets: bool, bodies: bool) -> None:
        self._run = run
        self._texts = texts
        self._secrets = secrets
        self._bodies = bodies
        self._frames = {each.id: place for place, each in enumerate(run.frames)}
        self._documents = {each.id: place for place, each in enumerate(run.documents)}
        self._site = site_of(next((each.url for each in run.documents), "") or run.name)

    def write(self) -> dict[str, Any]:
        """Return the run as plain data."""
        run = self._run
        return {
            "name": self._url(run.name),
            "source": plain(run.source),
            "browser": plain(run.browser),
            "started": number(run.started * 1000),
            "duration": number(max(run.ended - run.started, 0.0) * 1000),
            "site": plain(self._site),
            "missing": [plain(each) for each in run.missing],
            "documents": [self._document(each) for each in run.documents],
            "frames": [
                {
                    "kind": plain(each.kind),
                    "parent": self._frames.get(each.parent_id),
                    "url": self._url(each.url),
                    "name": plain(each.name),
                    "start": self._at(each.started),
                    "end": self._at(each.ended),
                    "crashed": bool(each.crashed),
                }
                for each in run.frames
            ],
            "exchanges": [_trimmed(self._exchange(each)) for each in run.exchanges],
            "messages": [
                _trimmed(
                    [
                        self._at(each.time),
                        self._text(each.level),
                        self._text(each.source),
                        plain(each.text),
                        self._text(self._url(each.url)),
                        number(each.line),
                        self._frames.get(each.frame_id),
                    ]
                )
                for each in run.messages
            ],
            "tasks": [
                [
                    self._at(each.started),
                    number(each.duration * 1000),
                    self._frames.get(each.frame_id),
                    plain(each.where),
                ]
                for each in run.long_tasks
            ],
            "pictures": [
                [self._at(each.time), f"data:{kind};base64,{b64encode(each.data).decode()}"]
                for each in run.pictures
                if (kind := kind_of_picture(each.data))
            ],
        }

    def _document(self, document: RunDocument) -> dict[str, Any]:
        return {
            "url": self._url(document.url),
            "title": plain(document.title),
            "frame": self._frames.get(document.frame_id),
            "start": self._at(document.started),
            "contentLoaded": self._at(document.content_loaded),
            "loaded": self._at(document.loaded),
            "error": plain(document.error),
            "vitals": None if document.vitals is None else self._vitals(document.vitals),
        }

    def _vitals(self, vitals: Vitals) -> dict[str, Any]:
        scale: dict[str, Callable[[float], float]] = {"cls": lambda value: value}
        made: dict[str, Any] = {}
        for name in THRESHOLDS:
            value = getattr(vitals, name)
            scaled = None if value is None else scale.get(name, lambda value: value * 1000)(value)
            made[name] = round(scaled, 4) if name == "cls" and scaled is not None else number(scaled)
            made[f"{name}Rating"] = vitals.rating(name)
        made["lcpElement"], made["lcpUrl"] = plain(vitals.lcp_element), self._url(vitals.lcp_url)
        made["inpEvent"], made["interactions"] = plain(vitals.inp_event), vitals.interactions
        return made

    def _exchange(self, each: RunExchange) -> list[Any]:
        return [
            self._url(each.url),
            self._text(each.method),
            self._text(each.type),
            number(each.status) or 0,
            self._text(each.status_text),
            self._text(each.protocol),
            self._text(each.outcome),
            self._text(each.failure),
            self._frames.get(each.frame_id),
            self._documents.get(each.document_id),
            self._text(each.initiator),
            self._text(self._url(each.initiator_url)),
            number(each.initiator_line),
            self._text(each.priority),
            self._text(each.cached),
            self._text(each.remote),
            self._text(each.mime_type),
            self._at(each.started),
            self._at(each.responded),
            self._at(each.ended),
            self._phases(each.phases),
            number(each.sent),
            number(each.transferred),
            number(each.size),
            int(is_third_party(each.url, self._site)),
            self._headers(each.request_headers),
            self._headers(each.response_headers),
            self._body(each.request_body),
            self._body(each.body),
            None if each.messages is None else [number(value) for value in each.messages],
        ]

    def _phases(self, phases: Phases) -> list[float | int | None] | None:
        told = [getattr(phases, name) for name in _PHASES]
        if all(each is None for each in told):
            return None
        return [None if each is None else number(each * 1000) for each in told]

    def _at(self, seconds: float | None) -> float | int | None:
        return None if seconds is None else number((seconds - self._run.started) * 1000)

    def _text(self, text: object) -> int:
        return self._texts.number(text)

    def _url(self, url: str) -> str:
        said = plain(url)
        if said[:5].lower() == "data:" and len(said) > _MOST_DATA_URL:
            return said[:_MOST_DATA_URL] + "…"
        return said if self._secrets else masking.masked_url(said)

    def _headers(self, headers: Iterable[tuple[str, str]]) -> list[int]:
        made = []
        for name, value in headers:
            shown = value[:_MOST_HEADER]
            if not self._secrets:
                shown = masking.masked_header(name, shown)
            made.append(self._text(f"{name}: {shown}"))
        return made

    def _body(self, body: RunBody | None) -> list[Any] | None:
        """Return the kind (``"text"`` or ``"picture"``), the content, the size of the whole body, and whether there is
        more.
        """
        if body is None or not self._bodies:
            return None
        if body.text is not None:
            text = plain(body.text)
            if not self._secrets:
                text = masking.masked_text(text, body.mime_type)
            return ["text", text, number(body.size), int(bool(body.truncated))]
        kind = kind_of_picture(body.data)
        if not kind:
            return None
        return ["picture", f"data:{kind};base64,{b64encode(body.data).decode()}", number(body.size), 0]


def _trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] is None:
        row.pop()
    return row
