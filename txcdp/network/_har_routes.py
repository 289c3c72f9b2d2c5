"""Answers from a recording: a HAR file in the place of servers."""

from __future__ import annotations

import codecs
import json
import os
import re
import zipfile
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from twisted.internet.defer import Deferred

from txcdp.network._api_response import APIResponse
from txcdp.network._har_file import file_beside, without_cut_entry
from txcdp.network._requests import Request
from txcdp.network._route import Route

#: What becomes of a request that is not in a recording.
HarNotFound: TypeAlias = Literal["abort", "fallback"]

_BOUNDARY: Final = re.compile(rb"\A--([^\r\n]+)\r\n")


class HarReplay:
    """The answers of one file.

    Of several entries for a request those that have an answer go before those that failed, and those whose request's
    headers are most like it before others; the same request again and again is answered by one after the other, and
    then by the last.

    :param path: of the file, or of a zip file with one in it.
    :param not_found: what becomes of a request that is not there.
    :raises ValueError: it is no HAR file, or ``not_found`` is neither.
    :raises OSError: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], not_found: HarNotFound) -> None:
        if not_found not in ("abort", "fallback"):
            raise ValueError(f"not_found={not_found!r}: 'abort' or 'fallback' is wanted")
        self._not_found = not_found
        self._read, data = _opened(Path(path))
        try:
            entries = _decoded(data)["log"].get("entries") or ()
            self._entries: dict[tuple[str, str], list[dict[str, Any]]] = {}
            for each in entries:
                request = each["request"]
                self._entries.setdefault((request["method"].upper(), _plain(request["url"])), []).append(each)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{os.fspath(path)} is no HAR file: {error!r}") from error
        self._given: dict[tuple[int, ...], int] = {}

    def handle(self, route: Route) -> Deferred[None]:
        """Answer a request, or say that it is not there."""
        entry = self._find(route.request)
        if entry is None:
            return route.abort() if self._not_found == "abort" else route.fallback()
        response = entry["response"]
        status = int(response.get("status") or 0)
        if not 100 <= status <= 999:
            return route.abort()
        headers = [
            (str(each["name"]), str(each["value"]))
            for each in response.get("headers") or ()
            if not str(each["name"]).startswith(":")
        ]
        body = self._body(response.get("content") or {})
        phrase = str(response.get("statusText") or "")
        return route.fulfill(response=APIResponse(route.request.url, status, phrase, headers, body))

    def _find(self, request: Request) -> dict[str, Any] | None:
        found = self._entries.get((request.method, _plain(request.url)), [])
        data = request.post_data_buffer
        if data is not None:
            found = [each for each in found if _same_body(self._posted(each), data)]
        if not found:
            return None
        answered = [each for each in found if 100 <= int(each["response"].get("status") or 0) <= 999] or found
        wanted = set(request.headers.items())
        likeness = [len(wanted & _headers_of(each)) for each in answered]
        alike = [each for each, like in zip(answered, likeness, strict=True) if like == max(likeness)]
        key = tuple(map(id, alike))
        number = self._given.get(key, 0)
        self._given[key] = number + 1
        return alike[min(number, len(alike) - 1)]

    def _posted(self, entry: Mapping[str, Any]) -> bytes | None:
        data = entry["request"].get("postData")
        if not data:
            return None
        if data.get("_file"):
            return self._read(str(data["_file"]))
        text = str(data.get("text") or "")
        encoded = data.get("_encoding") == "base64" or data.get("encoding") == "base64"
        return b64decode(text) if encoded else text.encode("utf-8", "surrogatepass")

    def _body(self, content: Mapping[str, Any]) -> bytes:
        if content.get("_file"):
            return self._read(str(content["_file"]))
        text = str(content.get("text") or "")
        return b64decode(text) if content.get("encoding") == "base64" else text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        whole = without_cut_entry(data)
        if whole is None:
            raise
        return json.loads(whole)


def _opened(path: Path) -> tuple[Callable[[str], bytes], bytes]:
    """Return what reads the files that belong to a recording, and what is in its own."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [each for each in archive.namelist() if each.endswith(".har")]
            if not names:
                raise ValueError(f"{os.fspath(path)} has no .har file in it")
            files = {each: archive.read(each) for each in archive.namelist()}
        return files.__getitem__, files[names[0]].removeprefix(codecs.BOM_UTF8)
    read = partial(file_beside, path)
    return read, path.read_bytes().removeprefix(codecs.BOM_UTF8)


def _plain(url: str) -> str:
    return url.partition("#")[0]


def _headers_of(entry: Mapping[str, Any]) -> set[tuple[str, str]]:
    headers = entry["request"].get("headers") or ()
    return {(str(each["name"]).lower(), str(each["value"])) for each in headers}


def _same_body(recorded: bytes | None, sent: bytes) -> bool:
    """Return whether two bodies are the same; the boundary of a multipart body is another one each time."""
    if recorded is None:
        return True  # it was not recorded
    return recorded == sent or _without_boundary(recorded) == _without_boundary(sent)


def _without_boundary(body: bytes) -> bytes:
    found = _BOUNDARY.match(body)
    return body if found is None else body.replace(found[1], b"")
