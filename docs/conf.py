"""Sphinx: the pages are written by hand; those of the generated domains are generated too."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from importlib.metadata import version as version_of
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from docutils.nodes import reference
from sphinx.addnodes import pending_xref
from sphinx.pycode import ModuleAnalyzer

import txcdp.domains
from txcdp import Command, Event

if TYPE_CHECKING:
    from docutils.nodes import Element, TextElement, document
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent

project = "txcdp"
author = "The txcdp developers"
copyright = "2026, The txcdp developers"
version = release = version_of("txcdp")

extensions = ["sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"txcdp {version}"
html_copy_source = False
html_show_sourcelink = False

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "separated"
default_role = "any"
exclude_patterns = ["_build", "news"]

# Every reference leads somewhere, but for those that nobody could follow from here:
nitpicky = True
nitpick_ignore_regex = [
    # other projects': their inventories would have to be fetched when this is built
    (
        "py:.*",
        r"(<InterfaceClass )?(_?asyncio|collections|datetime|http|logging|os|pathlib|re|signal|types|typing)\..*",
    ),
    ("py:.*", r"(<InterfaceClass )?(autobahn|klein|msgspec|reactivex|rx|scrapy|treq|twisted|zope)\..*"),
    ("py:class", r"AnyReactor|Clock|Timeout|ReplaySource|Speed|Moment"),  # aliases, which annotations spell out
    ("py:.*", r"Deferred"),  # as the signatures of coroutine functions have it
    ("py:.*", r"(.*\.|~)?[A-Z][a-z]?(_co)?"),  # type variables
    ("py:.*", r"(.*\.)?_[A-Za-z]\w*"),  # the private base of a public class
]


def write_domain_pages(app: Sphinx) -> None:
    """Write a page for every domain of the protocol, leaving alone those that are as they should be."""
    folder = HERE / "reference" / "domains"
    names = sorted(module.name for module in pkgutil.iter_modules(txcdp.domains.__path__))
    pages = {f"{name}.rst": domain_page(name) for name in names if not name.startswith("_")}
    for page in folder.glob("*.rst"):
        if page.name not in pages:
            page.unlink()
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def domain_page(name: str) -> str:
    """Return the text of a domain's page: tables of its commands and events, then all that it has."""
    title = f"txcdp.domains.{name}"
    module = importlib.import_module(title)
    tables = "".join(table_of(module, kind, heading) for kind, heading in ((Command, "Commands"), (Event, "Events")))
    return f"{title}\n{'=' * len(title)}\n\n{tables}.. automodule:: {title}\n"


def table_of(module: ModuleType, kind: type[Command[Any] | Event], heading: str) -> str:
    """Return a table of a domain's commands or events, nothing where there are none."""
    rows = [
        f"   * - :class:`~{module.__name__}.{found.__name__}`\n     - ``{found.method}``\n     - {summary_of(found)}\n"
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, kind) and found.__module__ == module.__name__
    ]
    head = f".. list-table:: {heading}\n   :widths: 25 30 45\n\n"
    return f"{head}{''.join(rows)}\n" if rows else ""


def summary_of(found: type) -> str:
    """Return the first sentence of what a class says of itself."""
    first = (found.__doc__ or "").strip().partition("\n\n")[0]
    text = " ".join(first.split())
    return "" if text.startswith("https://") else re.split(r"(?<=[.:])\s", text)[0]


def resolve(name: str) -> Any:
    """Return what a dotted name means, None for nothing."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, getattr(found, "__annotations__", {}).get(part))
        return found
    return None


def name_wholly(app: Sphinx, doctree: document) -> None:
    """Have a bare name mean what is public here, or else elsewhere: others may have a class of that name, too."""
    for node in doctree.findall(pending_xref):
        target = node["reftarget"]
        if node.get("refdomain") == "py" and target[:1].isupper() and "." not in target:
            for module in (node.get("py:module"), "txcdp", "txcdp.errors", "txcdp.network", "txcdp.page"):
                if resolve(f"{module}.{target}") is not None:
                    node["reftarget"] = f"{module}.{target}"
                    break


def find_home(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: TextElement) -> Element | None:
    """Lead a reference to where its object is described, whichever of its names it is called by.

    ``txcdp.first``, ``ConnectionLost`` and ``txcdp.chrome._flags.X`` are ways in which docstrings and annotations name
    what is described under the module that it is public in. A class keeps the ``__module__`` that it was written in:
    that is where ``inspect.getsource``, ``typing.get_type_hints`` and msgspec look for its source and its names. It is
    the reference that is told the public name instead.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    domain = env.domains["py"]
    meant = [resolve(f"{prefix}{target}") for prefix in ("", "txcdp.", f"{node.get('py:module')}.")]
    for name in domain.objects:
        if name.rpartition(".")[2] == target.rpartition(".")[2]:
            found = resolve(name)
            if found is not None and any(found is each for each in meant):
                reference: Element | None = domain.resolve_xref(
                    env, node["refdoc"], app.builder, "obj", name, node, content
                )
                return reference
    return content if any(each is not None for each in meant) else None  # it is there, and described nowhere


def take_comment(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Describe a public constant by the comment where it was written; autodoc looks only where it is public."""
    if what != "data":
        return
    module, _, attribute = name.rpartition(".")
    for node in ast.parse(ModuleAnalyzer.for_module(module).code).body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == attribute for alias in node.names):
            comments = ModuleAnalyzer.for_module(str(node.module)).find_attr_docs()
            lines[:] = comments["", attribute]


def name_publicly(app: Sphinx, doctree: document, docname: str) -> None:
    """Have links say where their object is public, not where it was written."""
    objects = app.env.domains["py"].data["objects"]
    for link in doctree.findall(reference):
        found = objects.get(link.get("reftitle"))
        if found is not None and found.aliased:
            link["reftitle"] = found.node_id


def setup(app: Sphinx) -> None:
    """Hook in."""
    app.connect("autodoc-process-docstring", take_comment)
    app.connect("doctree-read", name_wholly)
    app.connect("doctree-resolved", name_publicly)
    app.connect("missing-reference", find_home)
    app.connect("builder-inited", write_domain_pages)
