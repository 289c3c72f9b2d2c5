"""What the gateway answers over HTTP, as a document of OpenAPI 3.1: made of the records that requests are read with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from txcdp.chrome._descriptions import TargetDescription, VersionInfo
from txcdp.gateway.render._problems import KIND, Details
from txcdp.gateway.render._requests import Content, Evaluate, Evaluated, Pdf, Screenshot

_BINARY: dict[str, Any] = {}
_TEXT = {"type": "string"}
_REF = "#/components/schemas/{name}"

#: What a render can end with besides its result: see :mod:`txcdp.gateway.render._problems`.
_PROBLEMS = {
    400: "The request cannot be read, or asks for what there is not.",
    413: "The request is too long.",
    415: "The request is no JSON.",
    429: "This token has too many clients at once; Retry-After says when to come again.",
    502: "The page could not be loaded, has crashed or closed itself, or gives more than is allowed.",
    503: "There is no browser to be had; Retry-After says when to come again.",
    504: "It was not done in time.",
}
_THROWN = "JavaScript threw an exception."
_POLICY = "This URL may not be opened; or, in plain text, this host or web page may not use the gateway."

_RENDERS: Mapping[str, tuple[str, str, type[Any], Mapping[str, Any]]] = {
    "/screenshot": (
        "screenshot",
        "Take a picture of a page.",
        Screenshot,
        {"image/png": _BINARY, "image/jpeg": _BINARY, "image/webp": _BINARY},
    ),
    "/pdf": ("pdf", "Print a page.", Pdf, {"application/pdf": _BINARY}),
    "/content": ("content", "Return a page's HTML, as scripts have left it.", Content, {"text/html": _TEXT}),
    "/evaluate": ("evaluate", "Evaluate JavaScript in a page.", Evaluate, {"application/json": Evaluated}),
}

_VERSION = {"application/json": VersionInfo}
_TARGET = {"application/json": TargetDescription}
_TARGETS = {"application/json": list[TargetDescription]}
_PLAIN = {"text/plain": _TEXT}
_OBJECT = {"application/json": {"type": "object"}}
_BUSY = {503: "There is no browser to be had; Retry-After says when to come again."}
_UNKNOWN = {404: "There is no such page."}

#: Path, verb, name, what it does, what it answers, what else it may answer.
_OTHERS: tuple[tuple[str, str, str, str, Mapping[str, Any], Mapping[int, str]], ...] = (
    ("/json", "get", "json", "List the pages, as Chromium does.", _TARGETS, {}),
    ("/json/list", "get", "list", "List the pages, as Chromium does.", _TARGETS, {}),
    ("/json/version", "get", "version", "Tell which browser it is, and where its WebSocket is.", _VERSION, _BUSY),
    ("/json/protocol", "get", "protocol", "Return the protocol's description.", _OBJECT, _BUSY),
    ("/json/new", "put", "new", "Open a page; the whole query is its URL.", _TARGET, {403: _POLICY, **_BUSY}),
    ("/json/activate/{id}", "put", "activate", "Bring a page to the front.", _PLAIN, _UNKNOWN),
    ("/json/close/{id}", "put", "close", "Close a page.", _PLAIN, _UNKNOWN),
    ("/metrics", "get", "metrics", "Return numbers for Prometheus.", _PLAIN, {}),
    ("/healthz", "get", "healthz", "Tell whether the gateway lives.", _PLAIN, {}),
    ("/readyz", "get", "readyz", "Tell whether a client that comes now can expect a browser.", _PLAIN, _BUSY),
    ("/openapi.json", "get", "openapi", "Return this document.", _OBJECT, {}),
)
_FREE = ("/healthz", "/readyz")


def document() -> dict[str, Any]:
    """Return the document."""
    kinds = [each[2] for each in _RENDERS.values()]
    _, schemas = msgspec.json.schema_components(
        [*kinds, Evaluated, Details, VersionInfo, TargetDescription], ref_template=_REF
    )
    paths: dict[str, Any] = {path: {"post": _render(*each)} for path, each in _RENDERS.items()}
    for path, verb, name, summary, answers, others in _OTHERS:
        paths[path] = {verb: _other(path, name, summary, answers, others)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "txcdp gateway",
            "version": version("txcdp"),
            "description": "Browsers by HTTP: pictures, PDF, HTML and values of pages, and the endpoints of Chromium.",
        },
        "security": [{"bearer": []}, {"query": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def _render(name: str, summary: str, request: type[Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    problem = _content({KIND: Details})
    # The authorizer's answers are plain text.
    refused = {**problem, **_content(_PLAIN)}
    responses: dict[str, Any] = {
        "200": {
            "description": "What was asked for.",
            "content": _content(answers),
            "headers": {
                "X-Page-Status": {
                    "description": "The HTTP status that the page itself came with, where there was one.",
                    "schema": {"type": "integer"},
                }
            },
        },
        "401": {"description": "A token is wanted.", "content": _content(_PLAIN)},
        "403": {"description": _POLICY, "content": refused},
        "405": {"description": "Another verb is wanted; see Allow.", "content": _content(_PLAIN)},
        "422": {"description": _THROWN, "content": problem},
    }
    responses |= {str(status): {"description": text, "content": problem} for status, text in _PROBLEMS.items()}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {"required": True, "content": _content({"application/json": request})},
        "responses": dict(sorted(responses.items())),
    }


def _other(path: str, name: str, summary: str, answers: Mapping[str, Any], others: Mapping[int, str]) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "What was asked for.", "content": _content(answers)}}
    made: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
    if path in _FREE:
        made["security"] = []
    else:
        responses["401"] = {"description": "A token is wanted.", "content": _content(_PLAIN)}
    for status, text in others.items():
        responses[str(status)] = {"description": text, "content": _content(_PLAIN)}
    if "{id}" in path:
        made["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _TEXT}]
    return made


def _content(kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return what describes bodies, by their type: of a schema, or of a record."""
    return {name: {"schema": kind if isinstance(kind, dict) else _schema(kind)} for name, kind in kinds.items()}


def _schema(kind: Any) -> dict[str, Any]:
    (found,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return found
