"""Exchanges as entries of HAR 1.2.

Fields that the format does not define begin with an underscore, as in Chromium's own export: ``_resourceType``,
``_priority``, ``_initiator`` (always an object), ``_fromCache``, ``_transferSize``, ``_error``, ``_webSocketMessages``.
A binary request body is base64, with ``_encoding``, as a response body is with ``encoding``.
"""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urljoin, urlsplit

from txcdp.network import _masking as masking
from txcdp.network._exchange import Exchange
from txcdp.network._har_reading import UNFINISHED
from txcdp.network._headers import version_of
from txcdp.network._responses import Body
from txcdp.protocol import from_json, to_json

#: How bodies are written.
HarBodies = Literal["embed", "attach", "omit"]

#: How much is recorded: everything, or only what is needed to answer requests from the recording.
HarMode = Literal["full", "minimal"]

#: The developer tools' names of resource types that differ from those that programs use.
_TYPES: Final = {"cspviolationreport": "csp-violation-report", "signedexchange": "signed-exchange"}


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 in HAR's format."""
    return datetime.fromtimestamp(max(seconds, 0.0), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class EntryWriter:
    """Makes the entries of one file.

    :ivar bodies: how bodies are written.
    :ivar secrets: whether secrets are written as well.
    :ivar folder: the folder for bodies in files of their own.
    :ivar mode: ``"minimal"``: without times, sizes, cookies, pages and initiators.
    """

    bodies: HarBodies
    secrets: bool
    folder: Path
    mode: HarMode = "full"

    def entry(
        self, exchange: Exchange, page: str, now: float, body: Body | None, comment: str, sent: bytes | None = None
    ) -> dict[str, Any]:
        """Return the entry of an exchange in its current state.

        :param page: the id of its page.
        :param now: seconds since 1970, used if the start time is not known.
        :param body: the response's body; None: there is none, or it is not written.
        :param comment: the reason for that, in words.
        :param sent: the request's body, if it was too large to be reported with the request.
        """
        row = exchange._row
        timings = _timings(exchange)
        spent = (timings[name] for name in ("blocked", "dns", "connect", "send", "wait", "receive"))
        made: dict[str, Any] = {
            "pageref": page,
            "startedDateTime": timestamp(row.wall_time or now),
            "time": round(sum(max(each, 0.0) for each in spent), 3),
            "request": self._request(exchange, sent),
            "response": self._response(exchange, body, comment),
            "cache": {},
            "timings": timings,
            "_resourceType": _TYPES.get(exchange.request.resource_type, exchange.request.resource_type),
        }
        said = row.response
        if said is not None and said.remote_ip_address:
            made["serverIPAddress"] = said.remote_ip_address.strip("[]")
            if said.connection_id:
                made["connection"] = str(int(said.connection_id))
        if row.priority:
            made["_priority"] = row.priority
        if row.initiator is not None:
            made["_initiator"] = self._initiator(from_json(to_json(row.initiator)))
        if row.cached in ("disk", "memory"):
            made["_fromCache"] = row.cached
        if not row.state.is_end:
            made["comment"] = UNFINISHED
        return made if self.mode == "full" else _least(made)

    # The request:

    def _request(self, exchange: Exchange, fetched: bytes | None) -> dict[str, Any]:
        request = exchange.request
        pairs = request._pairs(True)
        sizes = exchange.sizes
        url = request._sent_url or exchange._row.url
        made = {
            "method": request.method,
            "url": self._url(url),
            "httpVersion": version_of(exchange.protocol),
            "cookies": self._cookies_sent(pairs),
            "headers": self._headers(pairs),
            "queryString": self._fields(urlsplit(url).query),
            "headersSize": sizes["requestHeadersSize"] or -1,
            "bodySize": sizes["requestBodySize"],
        }
        told = request._told_body()
        data = fetched if told is None else told
        if data is not None:
            made["postData"] = self._post_data(data, {name.lower(): value for name, value in pairs})
        elif request.has_post_data:
            made["bodySize"] = sizes["requestBodySize"] or -1
        return made

    def _post_data(self, data: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        kind = headers.get("content-type", "")
        made: dict[str, Any] = {"mimeType": kind, "params": []}
        if self.bodies == "omit":
            return {**made, "text": "", "comment": "left out"}
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return {**made, "text": b64encode(data).decode(), "_encoding": "base64"}
        made["text"] = text if self.secrets else masking.masked_text(text, kind)
        if "x-www-form-urlencoded" in kind:
            made["params"] = self._fields(text)
        return made

    # The response:

    def _response(self, exchange: Exchange, body: Body | None, comment: str) -> dict[str, Any]:
        row, response = exchange._row, exchange.response
        if response is None:
            return {
                "status": 0, "statusText": "", "httpVersion": version_of(exchange.protocol),
                "cookies": [], "headers": [],
                "content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": "", "headersSize": -1, "bodySize": -1,
                "_transferSize": 0, "_error": exchange.failure or "there was no response",
            }  # fmt: skip
        pairs = response._pairs(True)
        sizes = exchange.sizes
        location = next((value for name, value in pairs if name.lower() == "location"), None)
        made = {
            "status": row.status,
            "statusText": response.status_text,
            "httpVersion": version_of(exchange.protocol),
            "cookies": [self._cookie(value, row.wall_time) for name, value in pairs if name.lower() == "set-cookie"],
            "headers": self._headers(pairs),
            "content": self._content(exchange, body, comment),
            "redirectURL": ""
            if location is None
            else self._url(urljoin(exchange.request._sent_url or row.url, location)),
            "headersSize": sizes["responseHeadersSize"] or -1,
            # Of a body that the page has dropped, as of a script with an error status, no size is told.
            "bodySize": sizes["responseBodySize"] or (-1 if exchange.failure is not None else 0),
            "_transferSize": sizes["responseHeadersSize"] + sizes["responseBodySize"],
            "_error": exchange.failure,
        }
        if exchange.failure is None:
            del made["_error"]
        return made

    def _content(self, exchange: Exchange, body: Body | None, comment: str) -> dict[str, Any]:
        row = exchange._row
        said = row.response
        content_type = "" if exchange.response is None else exchange.response.headers.get("content-type", "")
        size = row.body_decoded if body is None else len(body.data)
        made: dict[str, Any] = {"size": size, "mimeType": content_type or (said and said.mime_type) or "x-unknown"}
        encoded_size = exchange.sizes["responseBodySize"]
        if not size and exchange._has_come:
            made["size"] = size = encoded_size  # it came past the page
        if size >= encoded_size > 0:
            made["compression"] = size - encoded_size
        if comment:
            made["comment"] = comment
        if body is not None:
            self._put(made, body, content_type)
        return made

    def _put(self, made: dict[str, Any], body: Body, content_type: str) -> None:
        data = body.data
        text: str | None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = None
        if text is not None and not self.secrets:
            masked = masking.masked_text(text, content_type)
            if masked != text:
                text, data = masked, masked.encode()
        if self.bodies == "attach":
            made["_file"] = self._attach(data, content_type)
        elif text is not None and ("\0" not in text or not text):
            made["text"] = text
        else:
            made["text"], made["encoding"] = b64encode(data).decode(), "base64"

    def _attach(self, data: bytes, content_type: str) -> str:
        """Write a body to a file of its own, and return its name."""
        suffix = mimetypes.guess_extension(content_type.partition(";")[0].strip()) or ".dat"
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest() + suffix
        path = self.folder / name
        if not path.exists():
            partial = self.folder / f".{name}.part"
            file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(file, "wb") as written:
                written.write(data)
            os.replace(partial, path)
        return name

    # Parts of both:

    def _url(self, url: str) -> str:
        return url if self.secrets else masking.masked_url(url)

    def _initiator(self, initiator: Any) -> Any:
        """Return the initiator, with the URLs of its scripts masked."""
        if self.secrets:
            return initiator
        if isinstance(initiator, dict):
            return {
                name: masking.masked_url(value) if name == "url" and isinstance(value, str) else self._initiator(value)
                for name, value in initiator.items()
            }
        return [self._initiator(each) for each in initiator] if isinstance(initiator, list) else initiator

    def _headers(self, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
        if self.secrets:
            return [{"name": name, "value": value} for name, value in pairs]
        return [{"name": name, "value": masking.masked_header(name, value)} for name, value in pairs]

    def _fields(self, query: str) -> list[dict[str, str]]:
        return [
            {"name": name, "value": masking.MASK if value and self._hides(name) else value}
            for name, value in parse_qsl(query, keep_blank_values=True)
        ]

    def _hides(self, name: str) -> bool:
        return not self.secrets and masking.is_secret_field(name)

    def _cookies_sent(self, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
        found = []
        for name, value in pairs:
            if name.lower() == "cookie":
                for each in value.split(";"):
                    key, equals, said = each.strip().partition("=")
                    if equals:
                        found.append({"name": key, "value": said if self.secrets else masking.MASK})
        return found

    def _cookie(self, text: str, now: float) -> dict[str, Any]:
        """Return a cookie that was set.

        :param now: when it was set, in seconds since 1970; 0: unknown.
        """
        pair, *attributes = text.split(";")
        name, _, value = pair.strip().partition("=")
        made: dict[str, Any] = {"name": name, "value": value if self.secrets else masking.MASK}
        for each in attributes:
            key, _, said = each.strip().partition("=")
            match key.lower():
                case "path" | "domain":
                    made[key.lower()] = said
                case "httponly":
                    made["httpOnly"] = True
                case "secure":
                    made["secure"] = True
                case "samesite":
                    made["sameSite"] = said
                case "expires" if "expires" not in made:
                    with contextlib.suppress(ValueError, OverflowError):  # no date
                        made["expires"] = timestamp(parsedate_to_datetime(said).timestamp())
                case "max-age" if now:  # which goes before "expires"
                    with contextlib.suppress(ValueError, OverflowError):
                        made["expires"] = timestamp(now + int(said))
        return made


def _least(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry that are needed to replay it, and those that the format requires."""
    request, response = entry["request"], entry["response"]
    for each in (request, response):
        each.update(cookies=[], headersSize=-1, bodySize=-1)
    response.pop("_transferSize", None)
    response["content"].pop("compression", None)
    made = {
        "startedDateTime": entry["startedDateTime"],
        "time": 0,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        "_resourceType": entry["_resourceType"],
    }
    return {**made, "comment": entry["comment"]} if "comment" in entry else made


def _timings(exchange: Exchange) -> dict[str, float]:
    """Return the durations of the phases, in milliseconds; -1: the phase did not occur."""
    row = exchange._row
    said = row.timing
    if said is None:
        spent = 0.0 if row.ended is None or not row.started else (row.ended - row.started) * 1000
        return {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": _ms(spent), "receive": 0}
    queued = max(said.request_time - row.started, 0.0) * 1000 if row.started else 0.0
    first = next((each for each in (said.dns_start, said.connect_start, said.send_start) if each >= 0), 0.0)
    ended = said.receive_headers_end if row.ended is None else (row.ended - said.request_time) * 1000
    return {
        "blocked": _ms(queued + first),
        "dns": _between(said.dns_start, said.dns_end),
        "connect": _between(said.connect_start, said.connect_end),
        "ssl": _between(said.ssl_start, said.ssl_end),
        "send": max(_between(said.send_start, said.send_end), 0.0),
        "wait": max(_between(said.send_end, said.receive_headers_end), 0.0),
        "receive": _ms(ended - max(said.receive_headers_end, 0.0)),
    }


def _between(begin: float, end: float) -> float:
    return _ms(end - begin) if begin >= 0 and end >= begin else -1


def _ms(value: float) -> float:
    return round(max(value, 0.0), 3)
