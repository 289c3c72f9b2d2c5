"""Answers requests from a HAR file instead of servers."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import check_choice
from txcdp._privacy import printable, shown_url
from txcdp.errors import CommandError
from txcdp.network._api_response import APIResponse
from txcdp.network._har_file import file_beside
from txcdp.network._har_reading import MOST_BYTES, HarEntry, HarLog, open_har
from txcdp.network._requests import Request
from txcdp.network._route import Route
from txcdp.protocol._values import text_of

#: What happens to a request that is not in a recording.
HarNotFound: TypeAlias = Literal["abort", "fallback"]

_BOUNDARY: Final = re.compile(rb"\A--([^\r\n]+)\r\n")

#: The errors of an archive that is broken, encrypted or compressed in a way that Python does not support.
_NO_ARCHIVE: Final = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error)

log = Logger()


class HarReplay:
    """The responses in one file.

    If several entries match a request, those with a response take precedence over those that failed, and those with the
    most similar request headers over others. A repeated request is answered by one after another, and then by the last.
    Invalid entries are skipped; a request whose response cannot be delivered fails.

    :param path: the path of the file, or of a zip file that contains one.
    :param not_found: what happens to a request that is not in it.
    :raises ValueError: if it is not a HAR file, or too large, or ``not_found`` is invalid.
    :raises OSError: if it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], not_found: HarNotFound) -> None:
        check_choice("not_found", not_found, ("abort", "fallback"))
        self._not_found = not_found
        self._read, recorded = _opened(Path(path))
        self._entries: dict[tuple[str, str], list[HarEntry]] = {}
        for entry in map(recorded.entry, range(len(recorded))):
            if entry is not None:
                self._entries.setdefault((entry.method.upper(), _plain(entry.url)), []).append(entry)
        self._given: dict[tuple[int, ...], int] = {}

    def handle(self, route: Route) -> Deferred[None]:
        """Answer a request, or report that it is not in the file."""
        try:
            entry = self._find(route.request)
            if entry is None:
                return route.abort() if self._not_found == "abort" else route.fallback()
            if entry.status < 100:
                return route.abort()
            answer = self._answer(entry, route.request.url)
        except (OSError, ValueError) as error:  # of a body
            return _refuse(route, str(error))
        answered = route.fulfill(response=answer)
        return answered.addErrback(lambda failure: _refuse(route, _why(failure)))

    def _answer(self, entry: HarEntry, url: str) -> APIResponse:
        headers = [(name, value) for name, value in entry.response_headers if not name.startswith(":")]
        return APIResponse(url, entry.status, entry.status_text, headers, self._body(entry))

    def _find(self, request: Request) -> HarEntry | None:
        found = self._entries.get((request.method, _plain(request.url)), [])
        data = request.post_data_buffer
        if data is not None:
            found = [each for each in found if _same_body(self._posted(each), data)]
        if not found:
            return None
        answered = [each for each in found if each.status >= 100] or found
        wanted = set(request.headers.items())
        likeness = [len(wanted & _headers_of(each)) for each in answered]
        alike = [each for each, like in zip(answered, likeness, strict=True) if like == max(likeness)]
        key = tuple(map(id, alike))
        number = self._given.get(key, 0)
        self._given[key] = number + 1
        return alike[min(number, len(alike) - 1)]

    def _posted(self, entry: HarEntry) -> bytes | None:
        if entry.posted_file:
            return self._read(entry.posted_file)
        if entry.posted is None:
            return None
        _, text, encoded = entry.posted
        return b64decode(text) if encoded else text.encode("utf-8", "surrogatepass")

    def _body(self, entry: HarEntry) -> bytes:
        content = entry.content
        name, text = text_of(content.get("_file"), 1000), content.get("text")
        if name:
            return self._read(name)
        if not isinstance(text, str):
            return b""
        return b64decode(text) if content.get("encoding") == "base64" else text.encode("utf-8", "surrogatepass")


def _refuse(route: Route, why: str) -> Deferred[None]:
    """Make a request fail that cannot be answered as recorded, because it must not reach the network."""
    url = shown_url(route.request.url)
    log.warn("The recorded response for {url} cannot be served: {why}", url=url, why=printable(why))
    return route.abort()


def _why(failure: Failure) -> str:
    failure.trap(CommandError, OSError, ValueError, TypeError)
    return failure.getErrorMessage()


def _opened(path: Path) -> tuple[Callable[[str], bytes], HarLog]:
    """Return a function that reads the files belonging to a recording, and the contents of its main file."""
    if not zipfile.is_zipfile(path):
        return partial(file_beside, path), open_har(path)
    try:
        with zipfile.ZipFile(path) as archive:
            files = _unpacked(archive)
    except _NO_ARCHIVE as error:
        raise ValueError(f"{os.fspath(path)} cannot be unpacked: {error}") from error
    name = next((each for each in files if each.endswith(".har")), None)
    if name is None:
        raise ValueError(f"{os.fspath(path)} contains no .har file")

    def read(wanted: str) -> bytes:
        found = files.get(wanted)
        if found is None:
            raise ValueError(f"{wanted!r} is not in {path.name}")
        return found

    return read, HarLog(files[name], f"{name} of {path.name}")


def _unpacked(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Return the files of an archive.

    :raises ValueError: if they are too large.
    """
    parts = archive.infolist()
    if sum(each.file_size for each in parts) > MOST_BYTES:
        raise ValueError(f"{archive.filename} contains more than {MOST_BYTES:,} bytes")
    files = {}
    for each in parts:
        with archive.open(each) as file:
            files[each.filename] = file.read(each.file_size)  # and no more, whatever comes out of it
    return files


def _plain(url: str) -> str:
    return url.partition("#")[0]


def _headers_of(entry: HarEntry) -> set[tuple[str, str]]:
    return {(name.lower(), value) for name, value in entry.request_headers}


def _same_body(recorded: bytes | None, sent: bytes) -> bool:
    """Return whether two bodies are the same, ignoring the boundary of a multipart body, which differs each time."""
    if recorded is None:
        return True  # it was not recorded
    return recorded == sent or _without_boundary(recorded) == _without_boundary(sent)


def _without_boundary(body: bytes) -> bytes:
    found = _BOUNDARY.match(body)
    return body if found is None else body.replace(found[1], b"")
