"""Public arguments that take several strings refuse a single one, whose letters would be taken for them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
from twisted.internet.defer import Deferred

from tests.project.test_reference import PUBLIC
from txcdp.gateway._pool.launched import Launcher
from txcdp.websocket import WebSocketOptions

#: The generator's records are made by it, out of the protocol's description.
MODULES = [each for each in PUBLIC if not each.startswith("txcdp.codegen")]

SEVERAL = re.compile(r"\b(Sequence|Iterable|Collection|Container|Set|list|tuple|set|frozenset)\[str\b(?!,\s*[^.\s])")


#: Of these the library makes all that there are.
MADE_BY_THE_LIBRARY = {"BrowserProcess", "Gap", "Mutation", "Run"}


class Argument(NamedTuple):
    name: str
    parameter: str
    function: Callable[..., Any]


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what users may call, by its name."""
    yield "Launcher", Launcher
    for found_in in ("txcdp", *MODULES):
        module = importlib.import_module(found_in)
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name)
            if not callable(found) or not str(getattr(found, "__module__", "")).startswith("txcdp"):
                continue
            yield name, found
            if isinstance(found, type):
                for each, method in inspect.getmembers(found, inspect.isfunction):
                    if not each.startswith("_"):
                        yield f"{name}.{each}", method


def arguments() -> dict[str, Argument]:
    """Return the arguments that take several strings, and not one as well, by their names."""
    found = {}
    for name, function in public():
        if name in MADE_BY_THE_LIBRARY:
            continue
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            continue
        for each in parameters:
            annotation = str(each.annotation)
            alternatives = {part.strip() for part in annotation.split("|")}
            if SEVERAL.search(annotation) and "str" not in alternatives and "Callable" not in annotation:
                found[f"{name}({each.name})"] = Argument(name, each.name, function)
    return found


ARGUMENTS = arguments()


def call(function: Callable[..., Any], parameter: str, value: object) -> None:
    """Call a function with one argument, and whatever else it must have; raise what it fails with."""
    given = {
        each.name: MagicMock()
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }
    result = inspect.unwrap(function)(**{**given, parameter: value})  # a mock would be told that it is closed
    if inspect.iscoroutine(result):
        result = Deferred.fromCoroutine(result)
    if isinstance(result, Deferred):
        failures: list[Any] = []
        result.addErrback(failures.append)
        assert failures, "it does not fail at once"
        failures[0].raiseException()


def test_they_are_found():
    assert ARGUMENTS.keys() >= {
        "launch(args)", "start_browser(args)", "start_browser(flags)", "Launcher(args)", "Filter(events)",
        "Filter(urls)", "Gateway.add(verbs)", "Recorder(domains)", "RecorderService(urls)",
        "Policy(methods)", "Policy(allowed_addresses)",
        "AccessOptions(hosts)", "RenderOptions(schemes)", "WebSocketOptions(subprotocols)", "ServerOptions(origins)",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
@pytest.mark.parametrize("text", ["one", b"one"])
def test_one_string_is_refused_with_what_to_write(name: str, text: str | bytes):
    argument = ARGUMENTS[name]
    with pytest.raises(TypeError) as caught:
        call(argument.function, argument.parameter, text)
    said = str(caught.value)
    assert said.startswith(f"{argument.parameter}={text!r}: expected a "), said
    assert said.endswith((f"write {argument.parameter}=[{text!r}]", f"write {argument.parameter}=({text!r},)")), said


def test_a_proxy_as_one_string():
    proxy: Any = "localhost:3128"
    with pytest.raises(TypeError, match="expected a host and a port"):
        WebSocketOptions(proxy=proxy)
