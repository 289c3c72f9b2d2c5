"""Sphinx: the pages are written by hand; those of the generated domains are generated too."""

from __future__ import annotations

import pkgutil
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

import txcdp.domains

if TYPE_CHECKING:
    from sphinx.application import Sphinx

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
    app.connect("builder-inited", write_domain_pages)
