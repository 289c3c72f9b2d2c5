"""Sphinx: the pages are written by hand; those of the generated domains are generated too."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

import txcdp.domains

if TYPE_CHECKING:
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
nitpicky = False
exclude_patterns = ["_build"]

AUTOMODULE = re.compile(r"^\.\. automodule:: (\S+)", re.MULTILINE)


def exists(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def leave_out_missing_modules(app: Sphinx, name: str, source: list[str]) -> None:
    """Take out of a page of the reference what this version does not have."""
    if name.startswith("reference/"):
        source[0] = AUTOMODULE.sub(lambda found: found[0] if exists(found[1]) else "Not in this version.", source[0])


def read_reference_again(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """Read the reference in every build: a module that was missing may be there now."""
    return [name for name in env.found_docs if re.fullmatch(r"reference/[^/]+", name)]


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
    """Return the text of a domain's page."""
    title = f"txcdp.domains.{name}"
    return f"{title}\n{'=' * len(title)}\n\n.. automodule:: {title}\n"


def setup(app: Sphinx) -> None:
    """Hook in."""
    app.connect("env-get-outdated", read_reference_again)
    app.connect("source-read", leave_out_missing_modules)
    app.connect("builder-inited", write_domain_pages)
