"""What readers of HAR files hold them to: npm's har-validator, Chromium's developer tools, and haralyzer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from haralyzer import HarParser  # type: ignore[import-untyped]
from jsonschema import Draft6Validator, FormatChecker  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT6

_SCHEMAS: Final = Path(__file__).parent / "data" / "har_schema.json"

#: The types by which the developer tools file requests; what has another one is filed by its MIME type.
_TYPES: Final = frozenset({
    "xhr", "fetch", "eventsource", "script", "stylesheet", "image", "media", "font", "document", "texttrack",
    "websocket", "webtransport", "manifest", "signed-exchange", "ping", "csp-violation-report", "preflight", "other",
    "prefetch",
})  # fmt: skip
_PRIORITIES: Final = frozenset({"VeryLow", "Low", "Medium", "High", "VeryHigh"})


def check_har(har: Any) -> None:
    """See that all of them can read a file, and nothing in it is left out by one of them.

    :raises AssertionError: one of them cannot.
    :raises jsonschema.ValidationError: one of them cannot.
    """
    check_schema(har)
    check_developer_tools(har)
    check_haralyzer(har)


# npm's har-validator: the schemas are its own.


@cache
def _validator() -> Any:
    schemas = json.loads(_SCHEMAS.read_text())["schemas"]
    # "$ref": "entry.json#" means what has the "$id" without the empty fragment
    resources = [(name.removesuffix("#"), DRAFT6.create_resource(each)) for name, each in schemas.items()]
    formats = FormatChecker(("ipv4", "ipv6", "date-time"))
    formats.checks("date-time", ValueError)(lambda value: bool(datetime.fromisoformat(value)))
    return Draft6Validator(schemas["har.json#"], registry=Registry().with_resources(resources), format_checker=formats)


def check_schema(har: Any) -> None:
    """See that npm's har-validator takes a file."""
    _validator().validate(har)


# Chromium's developer tools: what their importer refuses, or leaves out.


def _number(of: dict[str, Any], name: str, required: bool = True) -> None:
    assert name in of or not required, f"{name} is missing in {of}"
    value = of.get(name, 0)
    assert isinstance(value, int | float), f"{name}={value!r} is no number"
    assert math.isfinite(value), f"{name}={value!r} is no number"


def _text(of: dict[str, Any], *names: str, required: bool = True) -> None:
    for name in names:  # what is missing would be shown as "undefined"
        assert isinstance(of.get(name, None if required else ""), str), f"{name} in {of} is no text"


def _date(of: dict[str, Any], name: str) -> None:
    datetime.fromisoformat(of[name])


def _object(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict), f"{value!r} is no object"
    return value


def _each(of: dict[str, Any], name: str, check: Callable[[dict[str, Any]], None]) -> None:
    value = of.get(name, [])
    assert isinstance(value, list), f"{name}={value!r} would be taken for an empty list"
    for each in value:
        check(_object(each))


def _pair(of: dict[str, Any]) -> None:
    _text(of, "name", "value")


def _cookie(of: dict[str, Any]) -> None:
    _pair(of)
    _text(of, "path", "domain", required=False)
    if of.get("expires"):
        _date(of, "expires")


def _sent_or_received(of: dict[str, Any]) -> None:
    _text(of, "httpVersion")
    _each(of, "cookies", _cookie)
    _each(of, "headers", _pair)
    for name in ("headersSize", "bodySize"):
        _number(of, name)


def _request(of: dict[str, Any]) -> None:
    _sent_or_received(of)
    _text(of, "method", "url")
    _each(of, "queryString", _pair)
    if of.get("postData"):
        data = _object(of["postData"])
        _text(data, "mimeType", "text")
        _each(data, "params", lambda each: _text(each, "name"))


def _response(of: dict[str, Any]) -> None:
    _sent_or_received(of)
    _number(of, "status")
    _text(of, "statusText", "redirectURL")
    content = _object(of["content"])
    _number(content, "size")
    _number(content, "compression", required=False)
    _text(content, "mimeType")
    _text(content, "text", "encoding", required=False)
    assert content.get("encoding", "base64") == "base64"
    _number(of, "_transferSize", required=False)
    _text(of, "_error", required=False)


def _timings(of: dict[str, Any], time: float) -> None:
    for name in ("send", "wait", "receive"):
        _number(of, name)
        assert of[name] >= 0
    for name in ("blocked", "dns", "connect", "ssl"):
        _number(of, name, required=False)
    if of.get("ssl", -1) > 0:  # which is taken off the time that connecting took
        assert of["connect"] >= of["ssl"]
    known = (of.get(name, -1) for name in ("blocked", "dns", "connect", "send", "wait", "receive"))
    assert math.isclose(sum(max(each, 0) for each in known), time, abs_tol=0.01), f"{of} is not {time} in all"


def _initiator(of: Any) -> None:
    said = _object(of)  # null is an object to JavaScript, and refused
    _text(said, "type")
    _text(said, "url", "requestId", required=False)
    _number(said, "lineNumber", required=False)
    stack = said.get("stack")
    while stack:
        _each(_object(stack), "callFrames", _call_frame)
        stack = stack.get("parent")


def _call_frame(of: dict[str, Any]) -> None:
    _text(of, "functionName", "scriptId", "url")
    for name in ("lineNumber", "columnNumber"):
        _number(of, name)


def _message(of: dict[str, Any]) -> None:
    assert of["type"] in ("send", "receive"), "others are left out"
    _number(of, "time")
    _number(of, "opcode")
    _text(of, "data")


def _entry(of: dict[str, Any]) -> None:
    _text(of, "pageref", "serverIPAddress", "connection", "_fromCache", required=False)
    _date(of, "startedDateTime")
    _number(of, "time")
    _request(_object(of["request"]))
    _response(_object(of["response"]))
    _timings(_object(of["timings"]), of["time"])
    if "_initiator" in of:
        _initiator(of["_initiator"])
    assert of["_resourceType"] in _TYPES
    assert of.get("_fromCache", "disk") in ("disk", "memory"), "another cache is not known"
    assert of.get("_priority", "Low") in _PRIORITIES
    _each(of, "_webSocketMessages", _message)


def _page(of: dict[str, Any]) -> None:
    _date(of, "startedDateTime")
    _text(of, "id", "title")
    timings = _object(of["pageTimings"])
    for name in ("onContentLoad", "onLoad"):
        _number(timings, name, required=False)


def check_developer_tools(har: Any) -> None:
    """See that the developer tools of Chromium take a file, and show all of it."""
    log = _object(_object(har)["log"])
    _text(log, "version")
    for name in ("creator", "browser"):
        if name == "creator" or log.get(name):
            _text(_object(log[name]), "name", "version")
    _each(log, "pages", _page)
    assert isinstance(log["entries"], list)
    _each(log, "entries", _entry)
    pages = [each["id"] for each in log["pages"]]
    assert len(set(pages)) == len(pages), "of several pages with one id the last is taken"
    assert {each["pageref"] for each in log["entries"] if "pageref" in each} <= set(pages)


def check_haralyzer(har: Any) -> None:
    """See that haralyzer finds each entry with its page."""
    entries: Iterable[Any] = har["log"]["entries"]
    assert sum(len(each.entries) for each in HarParser(har).pages) == len(list(entries))
