"""The order of the house: who may import whom, and that each room has its sign on the door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "txcdp"

#: From the ground up. A room may import those on the lines above its own, and those it shares a line with
#: only where the line is in PEERS. A room is a module, or a package with all that is in it, unless a
#: module of it has a line of its own.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("_privacy",),
    ("errors", "health", "_timeouts", "_arguments", "_limits"),
    ("protocol._records", "stats", "_deferreds", "_logs", "protocol._stateful"),
    ("domains", "codegen", "_transports.interface"),
    ("protocol", "model"),
    ("streams",),
    ("_core.dispatch",),
    ("_core.sessions",),
    ("_core.outage",),
    ("_core.connection",),
    ("_transports", "_core.probing", "_core.reconnecting", "_core"),
    ("chrome",),
    ("browser", "page", "network"),
    ("_following",),
    ("recording", "gateway", "rx3", "aio", "websocket"),
    ("testing",),
    ("service", "cli"),
    ("__init__", "__main__"),
)
PEERS = ({"browser", "page", "network"}, {"service", "cli"}, {"__init__", "__main__"})
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

#: Which rooms may import a library; every other room may not.
LIBRARIES = {
    "reactivex": ("streams", "rx3", "cli"),
    "rx": ("rx3",),
    "treq": ("chrome._fetching",),
    "autobahn": ("_transports", "gateway", "testing", "websocket"),
    "prometheus_client": ("gateway._metrics",),
    "idna": ("gateway._urls",),
}
#: Of Autobahn's importers, those that may have its client.
AUTOBAHN_CLIENT = ("_transports",)
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


def tree_of(module: str) -> ast.Module:
    """Parse a module."""
    return ast.parse(path_of(module).read_text(encoding="utf-8"), str(path_of(module)))


def room_of(module: str) -> str:
    """Name the room that a module is in; one that the table does not know comes back as it is."""
    inner = module.removeprefix(PACKAGE).removeprefix(".") or "__init__"
    parts = inner.split(".")
    for length in range(len(parts), 0, -1):
        room = ".".join(parts[:length])
        if room in LEVEL:
            return room
    return inner


def within(module: str, rooms: tuple[str, ...]) -> bool:
    """Tell whether a module is one of the rooms, or in one of them."""
    inner = module.removeprefix(f"{PACKAGE}.")
    return any(inner == room or inner.startswith(f"{room}.") for room in rooms)


def imports(module: str) -> Iterator[Import]:
    """Find all imports, also those in functions; not those for the type checker alone, which couple nothing."""
    waiting: list[ast.AST] = [tree_of(module)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
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
    """Tell whether one room may import another."""
    if importer == imported or LEVEL[imported] < LEVEL[importer]:
        return True
    return any(importer in peers and imported in peers for peers in PEERS)


def test_every_room_has_its_place() -> None:
    strangers = [f"{path_of(name).relative_to(ROOT)}: room {room_of(name)!r}" for name in MODULES]
    strangers = [line for line, name in zip(strangers, MODULES, strict=True) if room_of(name) not in LEVEL]
    complain(strangers, "These modules have no place in the table LAYERS of tests/project/test_structure.py:")


def test_imports_run_downwards_only() -> None:
    upwards = [
        f"{found}: {room_of(module)} is not above {room_of(target(found))}"
        for module in MODULES
        for found in ours(module)
        if {room_of(module), room_of(target(found))} <= LEVEL.keys()
        and not may_import(room_of(module), room_of(target(found)))
    ]
    complain(upwards, "Imports run downwards only, see LAYERS in tests/project/test_structure.py:")


def test_the_protocol_is_of_use_without_twisted_and_rx() -> None:
    wrong = [str(found) for name in MODULES if within(name, SANS_IO) for found in imports(name) if library(found) in IO]
    complain(wrong, f"{', '.join(SANS_IO)} import none of {', '.join(IO)}:")


def test_the_model_stands_on_the_protocols_records_alone() -> None:
    rooms = {"protocol._records", "domains", "model"}
    inside = [name for name in MODULES if within(name, ("model",))]
    wrong = [str(found) for name in inside for found in ours(name) if room_of(target(found)) not in rooms]
    clocks = {"time", "datetime", "asyncio", "threading"}
    wrong += [str(found) for name in inside for found in imports(name) if library(found) in clocks]
    complain(wrong, "txcdp.model imports records and domains only, and its time is that of the events:")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_is_imported_in_its_own_room_only(name: str) -> None:
    rooms = LIBRARIES[name]
    wrong = [
        str(found)
        for module in MODULES
        if not within(module, rooms)
        for found in imports(module)
        if library(found) == name
    ]
    complain(wrong, f"{name} is imported by {', '.join(rooms)} only:")


def test_autobahns_client_is_imported_by_the_transports_only() -> None:
    wrong = [
        str(found)
        for module in MODULES
        if not within(module, AUTOBAHN_CLIENT)
        for found in imports(module)
        if library(found) == "autobahn" and ("Client" in found.name or not found.name)
    ]
    complain(wrong, "Outside txcdp/transports, import names of Autobahn's server only:")


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
