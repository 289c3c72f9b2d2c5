"""Signatures: what gives a Deferred says so, and of what, to inspect.signature, help() and the reference."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import pydoc
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

import txcdp

#: A module is public if neither its name nor that of a package around it begins with an underscore.
MODULES = [
    found.name
    for found in pkgutil.walk_packages(txcdp.__path__, "txcdp.")
    if not re.search(r"\._|\.domains|\.codegen", found.name)
]

#: Of which it cannot be said what they fire with.
OF_ANYTHING = {"APIResponse.json", "Fleet.evaluate", "Response.json"} | {
    f"{name}.{method}"
    for name in ("Page", "Frame", "Worker", "JSHandle", "ElementHandle", "Locator")
    for method in ("evaluate", "evaluate_all", "eval_on_selector", "eval_on_selector_all", "extract", "json_value")
}

#: A field of options, in seconds; what is made by ``Stream.expect``; and what is no deadline, but waited for.
APART = {
    "RenderOptions.__init__",
    "FleetOptions.__init__",
    "Expected.__init__",
    "Page.wait_for_timeout",
    "Frame.wait_for_timeout",
}

#: Where everything is that belongs to pages.
OF_PAGES = ("txcdp.assertions", "txcdp.browser", "txcdp.network", "txcdp.page")

#: Methods that Python awaits.
AWAITED = {"__aenter__", "__aexit__", "__anext__"}

#: Those that Scrapy awaits.
SCRAPY_AWAITS = {"DownloadHandler.download_request", "DownloadHandler.close"}


def functions(name: str, thing: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give a function, or the public methods of a class, its bases' too, with their names."""
    if inspect.isfunction(thing):
        yield name, thing
    elif inspect.isclass(thing):
        for key in dir(thing):
            found: Any = inspect.getattr_static(thing, key)
            method: Any = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
            ours = inspect.isfunction(method) and str(method.__module__).startswith("txcdp")
            if ours and (not key.startswith("_") or key in {"__init__", *AWAITED}):
                yield f"{name}.{key}", method


def public() -> dict[str, Callable[..., Any]]:
    """Return all public functions and methods, by their names."""
    found: dict[str, Callable[..., Any]] = {}
    for name in ["txcdp", *MODULES]:
        module = importlib.import_module(name)
        listed = getattr(module, "__all__", None)
        for key in vars(module) if listed is None else listed:
            thing = getattr(module, key)
            home = str(getattr(thing, "__module__", ""))
            if home.startswith("txcdp") and (listed is not None or (home == name and not key.startswith("_"))):
                found.update(functions(key, thing))
    return found


PUBLIC = public()


def returned(function: Callable[..., Any]) -> str:
    """Return what a signature says that a function returns."""
    annotation = inspect.signature(function).return_annotation
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def test_there_are_many() -> None:
    assert len(PUBLIC) > 300
    for name in (
        "Page.title",
        "Browser.attach_pages",
        "BrowserContext.close",
        "Session.execute",
        "WebSocket.when_closed",
    ):
        assert returned(PUBLIC[name]).startswith("Deferred["), name


@pytest.mark.parametrize("name", ["Page.title", "launch", "BrowserContext.new_page"])
def test_help_tells_of_the_deferred(name: str) -> None:
    text = pydoc.plain(pydoc.render_doc(PUBLIC[name]))
    assert "-> 'Deferred[" in text or "-> Deferred[" in text, text


def test_every_public_function_says_what_it_returns() -> None:
    wrong = [
        name
        for name, each in PUBLIC.items()
        if not name.endswith(".__init__") and inspect.signature(each).return_annotation is inspect.Signature.empty
    ]
    assert not wrong, wrong


def test_nothing_public_returns_a_coroutine() -> None:
    wrong = [
        name
        for name, each in PUBLIC.items()
        if inspect.iscoroutinefunction(each) and name.rpartition(".")[2] not in AWAITED and name not in SCRAPY_AWAITS
    ]
    assert not wrong, wrong


def test_what_is_written_as_a_coroutine_says_deferred() -> None:
    made = {
        name: each
        for name, each in PUBLIC.items()
        if inspect.iscoroutinefunction(inspect.unwrap(each)) and not inspect.iscoroutinefunction(each)
    }
    assert len(made) > 20
    wrong = [
        f"{name}: {returned(each)}, {each.__annotations__['return']}"
        for name, each in made.items()
        if not (returned(each).startswith("Deferred[") and each.__annotations__["return"] == returned(each))
    ]
    assert not wrong, wrong


def test_what_a_docstring_says_to_fire_is_a_deferred() -> None:
    says = re.compile(r":returns?: (?:a Deferred|fires)|Return a Deferred")
    told = {name: returned(each) for name, each in PUBLIC.items() if says.search(each.__doc__ or "")}
    assert len(told) > 40
    wrong = [f"{name}: {what}" for name, what in told.items() if "Deferred" not in what]
    assert not wrong, wrong


def test_a_deferred_says_what_it_fires_with() -> None:
    vague = re.compile(r"Deferred(?:\[(?:typing\.)?(?:Any|object)\]|(?![\w\[]))")
    wrong = [
        f"{name}: {returned(each)}"
        for name, each in PUBLIC.items()
        if vague.search(returned(each)) and name not in OF_ANYTHING
    ]
    assert not wrong, wrong


def test_what_belongs_to_pages_raises_nothing_where_it_gives_a_deferred() -> None:
    optional = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    asked = 0
    for name, method in PUBLIC.items():
        if not (method.__module__.startswith(OF_PAGES) and "." in name and returned(method).startswith("Deferred[")):
            continue
        _, *parameters = inspect.signature(method).parameters.values()
        needed = [each.name for each in parameters if each.default is each.empty and each.kind not in optional]
        try:
            given = method(object(), **{each: object() for each in needed})  # where nothing is as it has to be
        except Exception as error:
            raise AssertionError(f"{name} raises {error!r}") from error
        assert isinstance(given, Deferred), name
        given.addErrback(lambda _: None)
        asked += 1
    assert asked > 250


def test_reactors_and_clocks_have_types() -> None:
    taking = {
        f"{name}({parameter})": str(parameter.annotation)
        for name, each in PUBLIC.items()
        for parameter in inspect.signature(each).parameters.values()
        if parameter.name in ("reactor", "clock") and name != "Clock.install"  # a clock of the program's own
    }
    assert len(taking) > 15
    wrong = [name for name, kind in taking.items() if not re.match(r"(?:AnyReactor|Clock)\b", kind)]
    assert not wrong, wrong


def test_deadlines_are_given_by_keyword_and_have_one_type() -> None:
    taking = {
        f"{name}({parameter})": parameter
        for name, each in PUBLIC.items()
        for parameter in inspect.signature(each).parameters.values()
        if parameter.name == "timeout" and ".set_default_" not in name and name not in APART
    }
    assert len(taking) > 12
    wrong = [
        name
        for name, each in taking.items()
        if each.kind is not inspect.Parameter.KEYWORD_ONLY or each.annotation != "Timeout"
    ]
    assert not wrong, wrong


def test_what_reports_an_end_says_which() -> None:
    ends = {name: returned(each) for name, each in PUBLIC.items() if re.search(r"\.when_(?:closed|ended|lost)$", name)}
    assert len(ends) >= 4
    wrong = [
        f"{name}: {what}" for name, what in ends.items() if not re.fullmatch(r"Deferred\[[A-Z]\w+(?: \| None)?\]", what)
    ]
    assert not wrong, wrong
