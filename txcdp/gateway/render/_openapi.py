"""The gateway's HTTP interface as an OpenAPI 3.1 document, made from the table of routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from txcdp.gateway._http.routes import Operation, Route
from txcdp.gateway.render._problems import KIND, Details

_TEXT = {"type": "string"}
_REF = "#/components/schemas/{name}"

#: The possible outcomes of a render besides its result: see :mod:`txcdp.gateway.render._problems`.
_PROBLEMS = {
    400: "The request cannot be read, or is invalid.",
    413: "The request is too long.",
    415: "The request is not JSON.",
    429: "This token has too many clients at once; Retry-After says when to retry.",
    502: "The page could not be loaded, has crashed or closed itself, or gives more than is allowed.",
    503: "No browser is available; Retry-After says when to retry.",
    504: "It was not done in time.",
}
_THROWN = "JavaScript threw an exception."
_POLICY = "This URL may not be opened; or, in plain text, this host or web page may not use the gateway."

_PLAIN = {"text/plain": _TEXT}

#: The ways to send a token.
_TOKENS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "token"},
}


def document(routes: Iterable[Route], base: str = "") -> dict[str, Any]:
    """Return the OpenAPI document for a table of routes.

    :param base: the path prefix of all routes.
    """
    routes = list(routes)
    kinds: list[Any] = [Details]
    paths: dict[str, Any] = {}
    for route in routes:
        operation = route.operation
        if operation is not None:
            kinds += [each for each in (operation.request, *operation.answers.values()) if isinstance(each, type)]
            path = f"{route.path}{{id}}" if route.path.endswith("/") else route.path
            described = _other(route, operation) if operation.request is None else _render(route, operation)
            paths[path] = {route.verbs[0].lower(): described}
    _, schemas = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "txcdp gateway",
            "version": version("txcdp"),
            "description": "Browsers by HTTP: pictures, PDF, HTML and values of pages, and the endpoints of Chromium.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if base:
        made["servers"] = [{"url": base}]
    if not all(each.free for each in routes):
        made["security"] = [{name: []} for name in _TOKENS]
        made["components"]["securitySchemes"] = _TOKENS
    return made


def _render(route: Route, operation: Operation) -> dict[str, Any]:
    problem = _content({KIND: Details})
    # The authorizer's answers are plain text.
    refused = {**problem, **_content(_PLAIN)}
    responses: dict[str, Any] = {
        "200": {
            "description": "What was asked for.",
            "content": _content(operation.answers),
            "headers": {
                "X-Page-Status": {
                    "description": "The HTTP status of the page itself, if there was one.",
                    "schema": {"type": "integer"},
                }
            },
        },
        "403": {"description": _POLICY, "content": refused},
        "405": {"description": "Method not allowed; see Allow.", "content": _content(_PLAIN)},
        "422": {"description": _THROWN, "content": problem},
    }
    if not route.free:
        responses["401"] = _UNKNOWN
    responses |= {str(status): {"description": text, "content": problem} for status, text in _PROBLEMS.items()}
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "requestBody": {"required": True, "content": _content({"application/json": operation.request})},
        "responses": dict(sorted(responses.items())),
    }


def _other(route: Route, operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "What was asked for.", "content": _content(operation.answers)}}
    made: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary, "responses": responses}
    if route.free:
        made["security"] = []
    else:
        responses["401"] = _UNKNOWN
    for status, text in operation.problems.items():
        responses[str(status)] = {"description": text, "content": _content(_PLAIN)}
    if route.path.endswith("/"):
        made["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _TEXT}]
    return made


def _content(kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of bodies by media type, from a schema or a record class."""
    return {name: {"schema": kind if isinstance(kind, dict) else _schema(kind)} for name, kind in kinds.items()}


def _schema(kind: Any) -> dict[str, Any]:
    (found,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return found


_UNKNOWN = {"description": "A token is required.", "content": _content(_PLAIN)}
