"""The reference lists what is public: each name of each public module, by its public path, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import io
import pickle
import re
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sphinx.application import Sphinx

import txcdp
from tests.project.test_structure import MODULES, tree_of

if TYPE_CHECKING:
    from sphinx.domains.python import ObjectEntry

DOCS = Path(__file__).parents[2] / "docs"

#: What is run, not imported.
PROGRAMS = ("cli", "codegen.__main__", "__main__")

#: Public modules: no part of their path begins with an underscore. The pages of the domains are written by a generator.
PUBLIC = [
    name
    for name in MODULES
    if not any(part.startswith("_") for part in name.split("."))
    and name.removeprefix("txcdp.").partition(".")[0] not in ("cli", "domains")
    and name.removeprefix("txcdp.") not in PROGRAMS
]

_PRIVATE = re.compile(r"\btxcdp\.(?:\w+\.)*_[a-z][\w.]*")


def public_names(module: str) -> dict[str, Any]:
    """Return what a public module offers."""
    found = importlib.import_module(module)
    return {name: getattr(found, name) for name in getattr(found, "__all__", ()) if not name.startswith("__")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Sphinx:
    """Have Sphinx read the reference, without the domains."""
    out = tmp_path_factory.mktemp("reference")
    only = {"root_doc": "reference/index", "include_patterns": ["reference/*.rst"], "nitpicky": False}
    app = Sphinx(
        DOCS, DOCS, out / "html", out / "doctrees", "dummy", confoverrides=only, status=None, warning=io.StringIO()
    )
    app.build()
    return app


def described(app: Sphinx) -> dict[str, str]:
    """Return the page of each name that the reference describes; what belongs to a class is part of it."""
    objects: dict[str, ObjectEntry] = app.env.domains["py"].data["objects"]
    return {
        name: entry.docname
        for name, entry in objects.items()
        if not entry.aliased and entry.objtype in ("class", "data", "exception", "function", "module")
    }


def resolve(name: str) -> Any:
    """Return what a dotted name means; None for nothing."""
    if name in MODULES:
        return importlib.import_module(name)
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute, None) if module in MODULES else None


def test_a_public_module_lists_its_names() -> None:
    has_names = [name for name in PUBLIC if tree_of(name).body[1:]]  # more than a docstring
    wrong = [name for name in has_names if not hasattr(importlib.import_module(name), "__all__")]
    assert not wrong, "These have no __all__: " + ", ".join(wrong)


def test_what_is_public_is_described(built: Sphinx) -> None:
    pages = described(built)
    missing = []
    for module in PUBLIC:
        for name, value in public_names(module).items():
            same = [each for each in pages if each.rpartition(".")[2] == name and resolve(each) is value]
            if f"{module}.{name}" not in pages and not same and not isinstance(value, types.ModuleType):
                missing.append(f"{module}.{name}")
    assert not missing, "The reference describes none of these:\n" + "\n".join(sorted(missing))


def test_what_is_described_is_public(built: Sphinx) -> None:
    public = {f"{module}.{name}" for module in PUBLIC for name in public_names(module)} | set(PUBLIC)
    wrong = [f"{name} ({page})" for name, page in described(built).items() if name not in public]
    assert not wrong, "These are described, and not public:\n" + "\n".join(sorted(wrong))


def test_nothing_private_is_named(built: Sphinx) -> None:
    wrong = set()
    for page in sorted(built.env.found_docs):
        tree = built.env.get_doctree(page)
        built.env.apply_post_transforms(tree, page)  # which resolves references
        links = [getattr(node, "attributes", {}).get("reftitle", "") for node in tree.findall()]
        shown = [tree.astext(), *links]
        wrong |= {f"{page}: {found[0]}" for text in shown for found in _PRIVATE.finditer(text)}
    assert not wrong, "The reference names private modules:\n" + "\n".join(sorted(wrong))


def test_what_is_public_can_be_inspected_and_pickled() -> None:
    """A class says in which module it was written: there its source is found, and the names in its annotations."""
    for module in PUBLIC:
        for name, value in public_names(module).items():
            if isinstance(value, type) and value.__module__.startswith("txcdp"):
                assert f"class {value.__name__}" in inspect.getsource(value), name
                assert pickle.loads(pickle.dumps(value)) is value, name
    assert typing.get_type_hints(txcdp.Command)["method"] == typing.ClassVar[str]
