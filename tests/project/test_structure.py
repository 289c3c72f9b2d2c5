"""The structure of the package: which modules may import which, and that each one says what it is."""

from __future__ import annotations

import ast
import functools
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "txcdp"

#: From the ground up. A package may import those on the lines above its own, and those it shares a line with
#: only where the line is in PEERS. A package stands for all that is in it, except modules that have a line of
#: their own; a module outside a package counts as one.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("_privacy",),
    ("_arguments",),
    ("errors", "health", "_timeouts", "_url_patterns", "_limits", "_other_names", "_reactor"),
    ("protocol", "stats", "_deferreds", "_logs", "_recent", "_states", "_waiting"),
    ("domains", "codegen", "_transports.interface"),
    ("model",),
    ("streams",),
    ("_core.dispatch",),
    ("_core.sessions",),
    ("_core.outage",),
    ("_core.connection",),
    ("_transports", "_core.probing", "_core.reconnecting", "_core"),
    ("chrome", "transports", "_following"),
    ("browser", "page", "network", "_devices"),
    ("assertions", "recording", "gateway", "rx3", "aio", "websocket"),
    ("testing", "report", "fleet"),
    ("service", "cli", "_pytest_plugin"),
    ("scrapy",),
    ("__init__", "__main__"),
)
PEERS = ({"browser", "page", "network", "_devices"}, {"service", "cli"}, {"__init__", "__main__"})
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}

#: Which packages may import a library; every other package may not.
LIBRARIES = {
    "reactivex": ("streams", "rx3"),
    "rx": ("rx3",),
    "scrapy": ("scrapy",),
    "treq": ("chrome._fetching", "network._client"),
    "autobahn": ("_transports", "gateway", "websocket", "fleet"),
    "prometheus_client": ("gateway._metrics",),
    "idna": ("gateway._urls", "_url_patterns"),
}
#: Of Autobahn's importers, those that may have its client.
AUTOBAHN_CLIENT = ("_transports", "fleet._line")
#: What has to be of use without Twisted and Rx.
SANS_IO = (
    "_privacy",
    "errors",
    "protocol",
    "domains",
    "codegen",
    "model",
    "gateway._multiplex",
    "gateway._client_messages",
)
IO = ("twisted", "reactivex", "rx", "autobahn", "treq")


#: How code for the type checker alone begins.
CHECKING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")

#: Circles of files that are known, each with its reason. None is to be added.
CIRCLES: tuple[frozenset[str], ...] = (
    # A page has its context, that has its browser, and this has its contexts and pages: public types of each other. So
    # are a frame and the element that shows it, and a frame and the locators that find elements in it.
    frozenset(
        {
            "browser",
            *(
                f"browser.{name}"
                for name in ("_browser", "_context", "_context_workers", "_downloads", "_opening", "_reopening")
            ),
            "browser._storage_state",
            *(
                "page",
                "page._console",
                "page._accessibility",
                "page._dialogs",
                "page._downloads",
                "page._file_choosers",
                "page._frames",
                "page._handles",
                *(
                    f"page.{name}"
                    for name in (
                        "_acting",
                        "_locator_handlers",
                        "_pointing",
                        "_changes",
                        "_coordinates",
                        "_extraction",
                        "_locating",
                        "_locators",
                    )
                ),
                *("page._navigation", "page._reading", "page._shortcuts", "page._uploads"),
            ),
            *("page._page", "page._storage", "page._workers"),
            "page._popups",
            # What goes over the network has the frame and the page that have asked, and these have what goes over it.
            *("network", "network._bodies", "network._calls", "network._exchange", "network._following"),
            *("network._har", "network._har_recording", "network._requests", "network._responses"),
            *("network._paused", "network._waits", "network._web_sockets"),
            *(
                "network._client",
                "network._har_routes",
                "network._page_interception",
                "network._route",
                "network._routes",
            ),
            *("network._routing", "network._web_socket_routes"),
        }
    ),
    # A stream has `expect`, which gives what waits for a stream.
    frozenset({"streams._expected", "streams._stream"}),
)

#: Classes with over 15 attributes: how many they may have, and why.
MANY: dict[str, tuple[int, str]] = {
    "browser._browser.Browser": (18, "one part for each thing that is of a browser: contexts, pages, openings, ..."),
    "browser._context.BrowserContext": (18, "one part for each thing that is of a context: settings, scripts, ..."),
    "_core.sessions.session.Session": (17, "what is known of the target, and one of each part"),
    "_transports.pipe.PipeTransport": (20, "both ends, their buffers, and what the interface asks for"),
    "chrome._process.BrowserProcess": (19, "what is told of a process, and how far its end has got"),
    "cli._recorded.Recorded": (17, "a total for each kind of entry"),
    "cli._tally.Tally": (21, "a total for each line of the summary"),
    "gateway._multiplex.client_state.ClientSession": (21, "what a client has set up in one session, to answer from"),
    "network._page_interception.ContextInterception": (17, "what is paused, where, and who shares it"),
    "network._har_reading.HarEntry": (31, "what a file of HAR says of one exchange"),
    "page._frames.FrameTree": (21, "the tables of a page, and one part for each way that they are fed and read"),
    "page._page.Page": (26, "one part for each thing that a page does: frames, scripts, pictures, console, ..."),
    "streams._flow.Flow": (16, "the budget of pauses, and who holds"),
    "report._collector.Collector": (25, "what is kept of each kind of thing that a run is made of"),
    "testing._line.FakeTransport": (18, "all that a test may look at of a line"),
}


#: Class names that are there twice outside the gateway, and why: a word means one thing otherwise.
TWICE: dict[str, str] = {
    "Command": "the protocol's description has commands, of which it makes those that are sent",
    "ContextDestroyed": "what an evaluation fails with, and what a model tells: one happening, by the protocol's word",
    "Dialog": "one that a model knows of, and one that a page lets a program answer",
    "Download": "one that a model knows of, and one that a program does something with",
    "Event": "the protocol's description has events, of which it makes those that are received",
    "Exchange": "one that a model knows of, and one that a program waits for",
    "Frame": "one that a model knows of, and one that a program does something with",
    "WebSocket": "one that a page has, which is watched, and one of the program's own",
    "Session": "one that a model knows of, and one that speaks",
    "TwistedScheduler": "the same thing for the other Rx",
}


class Import(NamedTuple):
    """One imported name: ``from module import name`` or, with an empty name, ``import module``."""

    importer: str
    line: int
    module: str
    name: str

    def __str__(self) -> str:
        what = f"from {self.module} import {self.name}" if self.name else f"import {self.module}"
        return f"{path_of(self.importer).relative_to(ROOT)}:{self.line}: {what}"


def path_of(module: str) -> Path:
    """Return the file of a module such as ``txcdp.chrome``."""
    stem = ROOT.joinpath(*module.split("."))
    package = stem / "__init__.py"
    return package if package.is_file() else stem.with_suffix(".py")


def modules() -> list[str]:
    """Name every module of the package, ``txcdp`` first."""
    names = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(names)


MODULES = modules()
HANDWRITTEN = [name for name in MODULES if not name.startswith(f"{PACKAGE}.domains")]


@functools.cache
def tree_of(module: str) -> ast.Module:
    """Parse a module."""
    return ast.parse(path_of(module).read_text(encoding="utf-8"), str(path_of(module)))


def package_of(module: str) -> str:
    """Name the package that a module is in; one that the table does not know comes back as it is."""
    inner = module.removeprefix(PACKAGE).removeprefix(".") or "__init__"
    parts = inner.split(".")
    for length in range(len(parts), 0, -1):
        package = ".".join(parts[:length])
        if package in LEVEL:
            return package
    return inner


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Return whether a module is one of the packages, or in one of them."""
    inner = module.removeprefix(f"{PACKAGE}.")
    return any(inner == package or inner.startswith(f"{package}.") for package in packages)


@functools.cache
def imports(module: str, for_types: bool = False) -> tuple[Import, ...]:
    """Find all imports, also those in functions; those for the type checker alone where they are asked for."""
    return tuple(_imports(module, for_types))


def _imports(module: str, for_types: bool) -> Iterator[Import]:
    waiting: list[ast.AST] = [tree_of(module)]
    while waiting:
        node = waiting.pop()
        if (
            not for_types
            and isinstance(node, ast.If)
            and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        ):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(module, node.lineno, absolute(module, node), alias.name)
        waiting.extend(ast.iter_child_nodes(node))


def absolute(module: str, node: ast.ImportFrom) -> str:
    """Resolve ``from ..records import``."""
    if not node.level:
        return node.module or ""
    is_package = path_of(module).name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join(base + ([node.module] if node.module else []))


def target(found: Import) -> str:
    """Name the module that an import of our own reaches: ``from txcdp import wire`` is ``txcdp.protocol._wire``."""
    inner = f"{found.module}.{found.name}"
    return inner if found.name and path_of(inner).is_file() else found.module


def library(found: Import) -> str:
    """Name the top-level package that an import is of."""
    return found.module.partition(".")[0]


def ours(module: str) -> Iterator[Import]:
    """Find the imports of our own modules."""
    return (found for found in imports(module) if library(found) == PACKAGE)


def complain(violations: list[str], rule: str) -> None:
    """Fail with every violation of a rule."""
    assert not violations, "\n".join([rule, *sorted(violations)])


def may_import(importer: str, imported: str) -> bool:
    """Return whether one package may import another."""
    if importer == imported or LEVEL[imported] < LEVEL[importer]:
        return True
    return any(importer in peers and imported in peers for peers in PEERS)


def test_every_package_has_its_place() -> None:
    strangers = [f"{path_of(name).relative_to(ROOT)}: package {package_of(name)!r}" for name in MODULES]
    strangers = [line for line, name in zip(strangers, MODULES, strict=True) if package_of(name) not in LEVEL]
    complain(strangers, "These modules have no place in the table LAYERS of tests/project/test_structure.py:")


def test_the_documentation_has_the_picture_of_the_layers() -> None:
    """``python docs/layers.py`` draws it again."""
    script = runpy.run_path(str(ROOT / "docs" / "layers.py"))
    drawn = script["drawing"](LAYERS, PEERS)
    assert script["PICTURE"].read_text(encoding="utf-8") == drawn
    assert set(re.findall(r"[\w.]+", drawn.partition("text\n")[2])) == LEVEL.keys()
    assert drawn.index("cli") < drawn.index("_core.sessions") < drawn.index("_privacy")


def test_the_documentation_describes_each_package_from_the_bottom_to_the_top() -> None:
    text = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
    table = text.partition(".. include:: layers.inc")[2].partition("\n\n``errors``")[0]
    rows = re.findall(r"^   \* - (.*)$", table, re.MULTILINE)
    packages = [name for row in rows for name in re.findall(r"``(.*?)``", row)]
    assert sorted(packages) == sorted(LEVEL)
    assert [LEVEL[name] for name in packages] == sorted(LEVEL[name] for name in packages)


def test_imports_run_downwards_only() -> None:
    upwards = [
        f"{found}: {package_of(module)} is not above {package_of(target(found))}"
        for module in MODULES
        for found in ours(module)
        if {package_of(module), package_of(target(found))} <= LEVEL.keys()
        and not may_import(package_of(module), package_of(target(found)))
    ]
    complain(upwards, "Imports run downwards only, see LAYERS in tests/project/test_structure.py:")


def test_the_protocol_is_of_use_without_twisted_and_rx() -> None:
    wrong = [str(found) for name in MODULES if within(name, SANS_IO) for found in imports(name) if library(found) in IO]
    complain(wrong, f"{', '.join(SANS_IO)} import none of {', '.join(IO)}:")


def test_the_model_stands_on_the_protocols_records_alone() -> None:
    allowed = ("protocol._records", "protocol._values", "domains", "model", "_recent")
    inside = [name for name in MODULES if within(name, ("model",))]
    wrong = [
        str(found)
        for name in inside
        for found in ours(name)
        if target(found) != "txcdp.protocol" and not within(target(found), allowed)
    ]
    clocks = {"time", "datetime", "asyncio", "threading"}
    wrong += [str(found) for name in inside for found in imports(name) if library(found) in clocks]
    complain(wrong, "txcdp.model imports records, values, domains and a dict only, and its time is that of the events:")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_is_imported_in_its_own_packages_only(name: str) -> None:
    packages = LIBRARIES[name]
    wrong = [
        str(found)
        for module in MODULES
        if not within(module, packages)
        for found in imports(module)
        if library(found) == name
    ]
    complain(wrong, f"{name} is imported by {', '.join(packages)} only:")


def test_autobahns_client_is_imported_by_the_transports_only() -> None:
    wrong = [
        str(found)
        for module in MODULES
        if not within(module, AUTOBAHN_CLIENT)
        for found in imports(module)
        if library(found) == "autobahn" and ("Client" in found.name or not found.name)
    ]
    complain(wrong, "Outside txcdp/transports, import names of Autobahn's server only:")


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Find what reaches itself: the strongly connected components of more than one node (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for following in graph[node]:
            if following not in number:
                visit(following)
                lowest[node] = min(lowest[node], lowest[following])
            elif following in stack:
                lowest[node] = min(lowest[node], number[following])
        if lowest[node] == number[node]:
            cut = stack.index(node)
            component = set(stack[cut:])
            del stack[cut:]
            if len(component) > 1:
                found.append(component)

    for node in graph:
        if node not in number:
            visit(node)
    return found


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a", "f"}, "f": {"e"}}
    assert sorted(map(sorted, circles(graph))) == [["b", "c"], ["e", "f"]]


def _is_known(circle: frozenset[str]) -> bool:
    return any(circle <= known for known in CIRCLES)


def test_there_is_no_circle_of_files() -> None:
    ours_alone = set(HANDWRITTEN) - {PACKAGE}
    graph = {
        module: {target(found) for found in imports(module, for_types=True)} & ours_alone - {module}
        for module in HANDWRITTEN
    }
    found = {frozenset(each.removeprefix(f"{PACKAGE}.") for each in circle) for circle in circles(graph)}
    unknown = [", ".join(sorted(each)) for each in found if not _is_known(each)]
    complain(unknown, "These files import each other, if only for types; pass what is needed rather than who has it:")
    stale = [", ".join(sorted(known)) for known in CIRCLES if not any(each & known for each in found)]
    complain(stale, "These circles are no more, and can go from CIRCLES:")


def attributes(node: ast.ClassDef) -> set[str]:
    """Name what a class gives itself in ``__init__``, or has as the fields of a dataclass."""
    fields = {
        each.target.id
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        if not ast.unparse(each.annotation).startswith(("InitVar", "ClassVar"))
    }
    is_dataclass = any("dataclass" in ast.unparse(each) for each in node.decorator_list)
    return (fields if is_dataclass else set()) | {
        each.attr
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        for each in ast.walk(method)
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self"
    }


def test_a_class_has_few_attributes_or_a_reason() -> None:
    large = {
        f"{name.removeprefix(PACKAGE + '.')}.{node.name}": len(attributes(node))
        for name in HANDWRITTEN
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.ClassDef) and len(attributes(node)) > 15
    }
    wrong = [f"{name}: {count}" for name, count in large.items() if count > MANY.get(name, (15, ""))[0]]
    complain(wrong, "These classes have over 15 attributes; split them, or give a reason in MANY:")
    stale = [name for name in MANY if name not in large]
    complain(stale, "These have few enough, and can go from MANY:")


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for module in HANDWRITTEN:
        if not within(module, ("gateway",)):
            for node in ast.walk(tree_of(module)):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(module)
    twice = {name: where for name, where in places.items() if len(where) > 1}
    wrong = [f"{name}: {', '.join(where)}" for name, where in twice.items() if name not in TWICE]
    complain(wrong, "These names are there more than once; rename all but one, or give a reason in TWICE:")
    complain([name for name in TWICE if name not in twice], "These are there once, and can go from TWICE:")


def undocumented(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[int, str]]:
    """Find the public classes, functions and methods that say nothing about themselves."""
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        decorators = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
        if decorators & {"overload", "override", "setter", "deleter"}:
            continue
        if ast.get_docstring(node) is None:
            yield node.lineno, prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{node.name}.")


def test_everything_public_has_a_docstring() -> None:
    wrong = []
    for name in HANDWRITTEN:
        tree, place = tree_of(name), path_of(name).relative_to(ROOT)
        if tree.body and ast.get_docstring(tree) is None:
            wrong.append(f"{place}:1: the module")
        wrong += [f"{place}:{line}: {what}" for line, what in undocumented(tree.body)]
    complain(wrong, "These have no docstring:")
