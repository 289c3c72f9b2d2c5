"""The checks of HAR files themselves: each finds what it is for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import ValidationError  # type: ignore[import-untyped]

from tests.har_checks import check_developer_tools, check_har, check_schema

_DATE = "2026-01-02T03:04:05.678Z"
_MADE_BY = {"name": "a", "version": "1"}
_MESSAGE = {"httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "headersSize": 1, "bodySize": -1}
GOOD: dict[str, Any] = {
    "log": {
        "version": "1.2",
        "creator": _MADE_BY,
        "browser": _MADE_BY,
        "pages": [{"startedDateTime": _DATE, "id": "page_1", "title": "here", "pageTimings": {"onLoad": 1.5}}],
        "entries": [
            {
                "pageref": "page_1",
                "startedDateTime": _DATE,
                "time": 6,
                "request": {**_MESSAGE, "method": "GET", "url": "http://127.0.0.1/", "queryString": []},
                "response": {
                    **_MESSAGE,
                    "status": 200,
                    "statusText": "OK",
                    "redirectURL": "",
                    "content": {"size": 2, "mimeType": "text/html", "text": "hi"},
                },
                "cache": {},
                "timings": {"blocked": 1, "dns": -1, "connect": 2, "ssl": 1, "send": 1, "wait": 1, "receive": 1},
                "serverIPAddress": "::1",
                "_initiator": {"type": "script", "stack": {"callFrames": []}},
                "_resourceType": "document",
                "_priority": "High",
            }
        ],
    }
}


def _spoilt(*path: Any, value: Any) -> Any:
    """Return a file in which one value is another one, or is missing where that is None."""
    har = copy.deepcopy(GOOD)
    of: Any = har["log"]
    for each in path[:-1]:
        of = of[each]
    if value is None:
        del of[path[-1]]
    else:
        of[path[-1]] = value
    return har


def test_one_that_is_good() -> None:
    check_har(GOOD)


@pytest.mark.parametrize(
    ("check", "path", "value"),
    [
        (check_schema, ("version",), None),
        (check_schema, ("pages", 0, "pageTimings"), None),
        (check_schema, ("entries", 0, "startedDateTime"), "yesterday"),
        (check_schema, ("entries", 0, "startedDateTime"), "2026-13-02T03:04:05Z"),
        (check_schema, ("entries", 0, "serverIPAddress"), "[::1]"),
        (check_schema, ("entries", 0, "cache"), None),
        (check_schema, ("entries", 0, "request", "headers"), [{"name": "a"}]),
        (check_schema, ("entries", 0, "response", "content"), {"size": 1}),
        (check_developer_tools, ("entries", 0, "_initiator"), "script"),
        (check_developer_tools, ("entries", 0, "_initiator", "stack"), {"callFrames": [{"url": "x"}]}),
        (check_developer_tools, ("entries", 0, "time"), float("nan")),
        (check_developer_tools, ("entries", 0, "time"), 7),
        (check_developer_tools, ("entries", 0, "request", "bodySize"), "1"),
        (check_developer_tools, ("entries", 0, "response", "headersSize"), None),
        (check_developer_tools, ("entries", 0, "timings", "ssl"), 3),
        (check_developer_tools, ("entries", 0, "_resourceType"), "cspviolationreport"),
        (check_developer_tools, ("entries", 0, "pageref"), "page_2"),
        (check_developer_tools, ("entries", 0, "_webSocketMessages"), [{"type": "sent", "time": 1}]),
        (check_developer_tools, ("pages", 0, "startedDateTime"), ""),
    ],
)
def test_one_that_is_not(check: Callable[[Any], None], path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises((AssertionError, ValidationError, ValueError, KeyError)):
        check(_spoilt(*path, value=value))
