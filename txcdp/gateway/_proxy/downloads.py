"""Serves the files that clients have downloaded.

A file is fetched from the folder where :mod:`txcdp.gateway._saving` has it saved. That takes the token with which the
browser was leased, and the id of the download, which the browser tells only its client.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable
from typing import Final

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import TAKEN_OVER, Answer, RoutedRequest, set_headers
from txcdp.gateway._http.tokens import Principal

#: The id of a download, in Chromium's format.
_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Downloads:
    """Serves the files that clients have downloaded.

    :param find: returns the download folders of a principal's leases.
    """

    def __init__(self, find: Callable[[Principal], list[str]]) -> None:
        self._find = find

    def answer(self, request: RoutedRequest) -> Answer:
        """Send or delete the file of the download whose id is at the end of the path."""
        path = self._path(request)
        if request.http.method == b"DELETE":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return Answer(b"")
        http = request.http
        set_headers(http, {"Content-Disposition": "attachment"})  # it is a page's, which is to do nothing here
        body = _file_resource(path).render(http)
        if body is not NOT_DONE_YET:
            http.write(body)
            http.finish()
        return TAKEN_OVER

    def _path(self, request: RoutedRequest) -> str:
        guid = request.local_id
        if _GUID.fullmatch(guid):
            for folder in self._find(request.principal):
                path = os.path.join(folder, guid)
                if os.path.isfile(path):
                    return path
        raise Refusal(404, "No such download, or it is not complete yet.", "unknown")


def _file_resource(path: str) -> Resource:
    """Return the resource that serves a file; importing its module triggers a DeprecationWarning of Twisted's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from twisted.web.static import File
    return File(path, defaultType="application/octet-stream")
