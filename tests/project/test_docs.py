"""The documentation is true: its examples compile, the names in them exist, and what needs no browser is run.

What a block of code is can be seen from the block itself:

- ``react(...)``, ``aio.run(...)``, ``asyncio.run(...)`` or ``process.start()`` at its top level: a whole program;
  tests/browser/test_docs_browser.py runs it;
- an ``application`` at its top level: a file for twistd; it is run there, too;
- a ``TestCase``: it is run here;
- ``>>>``: it is run here, with what the page has said before;
- anything else is a part of a program, in which names such as ``page`` stand for what they mean.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import importlib.util
import inspect
import re
import textwrap
import types
import unittest
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import txcdp
from txcdp.testing import FakeChrome

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs" / "reference" / "domains"
PAGES = [
    ROOT / "README.rst",
    *(page for page in sorted((ROOT / "docs").rglob("*.rst")) if GENERATED not in page.parents),
]

#: Libraries that examples show txcdp together with, and that its tests do not need.
GUESTS = ("buildbot", "klein")

#: Blocks of these languages are Python.
_BLOCK = re.compile(r"^(?P<indent> *)\.\. code-block:: (?P<language>python|pycon)\n(?: +:.*\n)*", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it is, as the tests are called."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def tree(self) -> ast.Module:
        """Its statements."""
        return ast.parse(self.text, self.name)

    @property
    def is_program(self) -> bool:
        """Whether it can be run as it is."""
        return any(
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) in ("react", "task.react", "aio.run", "asyncio.run", "process.start")
            for node in self.tree.body
        )

    @property
    def is_service(self) -> bool:
        """Whether twistd can run it."""
        return any(
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "application" for node in self.tree.body
        )

    @property
    def needs_router(self) -> bool:
        """Whether it talks to a WAMP router; tests/fleet runs those, where there is one."""
        return "txcdp.fleet" in self.text

    @property
    def is_test(self) -> bool:
        """Whether it is a test case; one that has a browser runs elsewhere."""
        return any(
            isinstance(node, ast.ClassDef)
            and any(ast.unparse(base) in ("TestCase", "SynchronousTestCase") for base in node.bases)
            for node in self.tree.body
        )

    @property
    def guests(self) -> list[str]:
        """The libraries that it needs beyond ours."""
        return [name for name in GUESTS if re.search(rf"^\s*(from|import) {name}\b", self.text, re.MULTILINE)]


def blocks(page: Path) -> Iterator[Block]:
    """Find the blocks of code on a page."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        body = []
        for line in text[found.end() :].splitlines():
            if line.strip() and not line.startswith(found["indent"] + " "):
                break
            body.append(line)
        yield Block(
            page,
            text.count("\n", 0, found.end()) + 2,
            found["language"],
            textwrap.dedent("\n".join(body)).strip("\n") + "\n",
        )


BLOCKS = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]


def by_name(some: list[Block]) -> pytest.MarkDecorator:
    """Run a test for each block."""
    return pytest.mark.parametrize("block", some, ids=[block.name for block in some])


# Names:


def stand_ins() -> dict[str, Any]:
    """Make what the parts of programs take for granted."""
    chrome = FakeChrome()
    browser = chrome.browser()
    page = chrome.run(browser.new_page())
    context = chrome.run(browser.new_context())
    return {
        "reactor": None,
        "chrome": chrome,
        "browser": browser,
        "connection": browser.connection,
        "context": context,
        "page": page,
        "session": page.session,
    }


class Names:
    """What the names of a page mean, block after block."""

    def __init__(self) -> None:
        self.meant: dict[str, Any] = stand_ins()
        self.made: set[str] = set()
        self.imported: set[str] = set()

    def check(self, block: Block) -> list[str]:
        """Return what is wrong with a block."""
        tree = block.tree
        compile(block.text, block.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        own = set(_stored(tree))
        self.made |= own
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        wrong = []
        for node in ast.walk(tree):
            line = block.line + getattr(node, "lineno", 1) - 1
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not self._known(node.id):
                wrong.append(f"{block.page}:{line}: {node.id} is not defined on this page")
            elif isinstance(node, ast.Attribute):
                wrong += [f"{block.page}:{line}: {text}" for text in self._attribute(node, own)]
            elif isinstance(node, ast.Call):
                wrong += [f"{block.page}:{line}: {text}" for text in self._call(node, own)]
        return wrong

    def _known(self, name: str) -> bool:
        return name in self.meant or name in self.made or name in self.imported or hasattr(builtins, name)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        self.imported.update(names)
        module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        root = str(module).partition(".")[0]
        if root in GUESTS and importlib.util.find_spec(root) is None:
            for name in names:
                self.meant.pop(name, None)
            return
        exec(compile(ast.Module([node], []), "<import>", "exec"), self.meant)

    def _meaning(self, node: ast.expr, own: set[str]) -> Any:
        """Return what an expression means, None where that cannot be told."""
        if isinstance(node, ast.Name):
            if node.id in own and (node.id in self.imported or node.id not in STAND_INS):
                return None
            return self.meant.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self._meaning(node.value, own), node.attr, None)
        return None

    def _attribute(self, node: ast.Attribute, own: set[str]) -> Iterator[str]:
        owner = self._meaning(node.value, own)
        if owner is not None and not isinstance(owner, str | int | list) and not hasattr(owner, node.attr):
            yield f"{ast.unparse(node)} does not exist"

    def _call(self, node: ast.Call, own: set[str]) -> Iterator[str]:
        called = self._meaning(node.func, own)
        if called is None or not str(getattr(called, "__module__", "")).startswith("txcdp"):
            return
        if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
            return
        try:
            inspect.signature(called).bind(*node.args, **{str(each.arg): each.value for each in node.keywords})
        except TypeError as error:
            yield f"{ast.unparse(node)}: {error}"


STAND_INS = set(stand_ins())


def _stored(tree: ast.AST) -> Iterator[str]:
    """Name what a block gives a meaning to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
            yield node.name or ""


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_the_names_on_a_page_exist(path: Path) -> None:
    names = Names()
    wrong = [text for block in blocks(path) if block.language == "python" for text in names.check(block)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_what_a_page_shows_is_what_comes(path: Path) -> None:
    text = "\n".join(block.text for block in blocks(path) if block.language == "pycon")
    case = doctest.DocTestParser().get_doctest(text, {}, str(path), str(path), 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(case, out=said.append)
    assert not runner.failures, "".join(said)


@by_name([block for block in PYTHON if block.is_test])
def test_a_test_on_a_page_passes(block: Block) -> None:
    module = types.ModuleType("page")
    exec(compile(block.text, block.name, "exec"), module.__dict__)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun
    assert not result.errors + result.failures, "\n".join(text for _, text in result.errors + result.failures)


def test_the_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    links = [each for each in re.findall(r"<([^>\s]+)>`_", text) if "://" not in each]
    assert links
    assert [each for each in links if not (ROOT / each).is_file()] == []


def resolve(name: str) -> Any:
    """Return what a dotted name means."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_what_a_page_refers_to_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    names = re.findall(r":(?:py:)?(?:mod|class|exc|func|meth|attr|data):`(?:[^`<]*<|~)?([\w.]+)>?`", text)
    names += re.findall(r"^\.\. automodule:: (\S+)", text, re.MULTILINE)
    for name in names:
        if name.startswith(("txcdp", "twisted")):
            resolve(name)


def test_every_public_name_is_on_the_reference_page() -> None:
    text = (ROOT / "docs" / "reference" / "txcdp.rst").read_text(encoding="utf-8")
    named = {name.rpartition(".")[2] for name in re.findall(r":\w+:`~?(txcdp\.[\w.]+)`", text)}
    assert named == set(txcdp.__all__) - {"__version__"}


def test_a_page_is_called_page_and_the_domains_cdp() -> None:
    texts = [(block.name, block.text) for block in BLOCKS]
    texts += [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in (ROOT / "examples").glob("*.py")]
    assert any("from txcdp import domains as cdp" in text for _, text in texts)
    others = re.compile(r"\btabs?\b|from txcdp\.domains import|import txcdp\.domains")
    wrong = [f"{name}: {found[0]}" for name, text in texts for found in others.finditer(text)]
    assert not wrong, "\n".join(wrong)


def test_the_pages_have_programs() -> None:
    assert len([block for block in PYTHON if block.is_program]) > 20
    assert [block for block in PYTHON if block.is_service]
    assert [block for block in PYTHON if block.is_test]
