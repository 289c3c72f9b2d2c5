"""mypy, strict, finds nothing in the documentation's programs: all of them in one run, with the project's own cache.

A program is checked as it stands, with ``Any`` for what it leaves unannotated: ``async def main(reactor)`` is
``async def main(reactor: Any) -> Any``. A part of a program is checked as the body of a function with the stand-ins
that tests/project/test_docs.py knows, after all that its page has imported; what an earlier part has made is ``Any``.
"""

from __future__ import annotations

import ast
import builtins
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from tests.project.test_docs import PYTHON, ROOT, STAND_INS, Block, _stored

FOLDER = ROOT / "build" / "docs_programs"

#: What mypy says of ``port.getHost().port``, as everybody writes it: Twisted's interfaces promise no port.
TWISTEDS = ('"IAddress', "IListeningPort")

#: Errors that are not ours to mend, by what a block has in it.
EXCEPTIONS = {
    "import klein": "untyped-decorator",  # has no types
    "from klein": "untyped-decorator",
    "from buildbot": "misc",  # nor has this: its classes are Any
}

#: What the stand-ins are, for a type checker.
TYPES = {
    "reactor": "Any",
    "chrome": "FakeChrome",
    "browser": "txcdp.Browser",
    "connection": "txcdp.Connection",
    "context": "txcdp.BrowserContext",
    "page": "txcdp.Page",
    "session": "txcdp.Session",
}


def annotated(text: str) -> str:
    """Annotate what is not, changing no line's number."""
    lines = text.splitlines()
    inserts: list[tuple[int, int, str]] = []
    for node in ast.walk(ast.parse(text, mode="exec", type_comments=False)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inserts += [
                (arg.end_lineno or 0, arg.end_col_offset or 0, ": Any")
                for arg in ast.walk(node.args)
                if isinstance(arg, ast.arg) and arg.annotation is None and arg.arg not in ("self", "cls")
            ]
            if node.returns is None:
                head = range(node.lineno, node.body[0].lineno + 1)
                line = next(number for number in head if lines[number - 1].rstrip().endswith(":"))
                returned = "None" if node.name == "__init__" else "Any"
                inserts.append((line, len(lines[line - 1].rstrip()) - 1, f" -> {returned}"))
    for line, column, what in sorted(inserts, reverse=True):
        lines[line - 1] = lines[line - 1][:column] + what + lines[line - 1][column:]
    return "\n".join(lines) + "\n"


def imports_of(blocks: list[Block]) -> list[str]:
    """Name what a page has imported in its blocks."""
    nodes = [node for block in blocks for node in block.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return list(dict.fromkeys(ast.unparse(node) for node in nodes))


def is_whole(block: Block) -> bool:
    """Whether a block can be read without its page."""
    return block.is_program or block.is_service or block.is_test


def fragment(block: Block, before: list[Block]) -> str:
    """Make a module of a part of a program."""
    own = set(_stored(block.tree))
    known = {*dir(builtins), *TYPES, *own}
    made = {name for each in before for name in _stored(each.tree) if name.isidentifier()}
    loaded = {node.id for node in ast.walk(block.tree) if isinstance(node, ast.Name)}
    parameters = [f"{name}: {kind}" for name, kind in TYPES.items() if name not in own]
    parameters += [f"{name}: Any" for name in sorted((loaded & made) - known)]
    head = [
        *imports_of([*before, block]),
        "import txcdp",
        "from typing import Any",
        "from txcdp.testing import FakeChrome",
    ]
    body = textwrap.indent(annotated(block.text), "    ")
    return "\n".join([*head, f"async def part({', '.join(parameters)}) -> Any:", body])


def modules() -> Iterator[tuple[str, str]]:
    """Give the name and the text of a module for each block."""
    for block in PYTHON:
        if is_whole(block):
            text = f"from typing import Any; {annotated(block.text)}"
        else:
            text = fragment(block, [each for each in PYTHON if each.page == block.page and each.line < block.line])
        for part, code in EXCEPTIONS.items():
            if part in block.text:
                text += f'# mypy: disable-error-code="{code}"\n'
        yield "at_" + re.sub(r"\W", "_", block.name), text


def mistaken() -> str:
    """Return the README's program with a mistake in its pipeline."""
    (text,) = (annotated(block.text) for block in PYTHON if block.page.name == "README.rst" and block.is_program)
    assert "response.status >= 400" in text
    return f"from typing import Any; {text.replace('response.status >=', 'response.no_such_field >=')}"


@pytest.fixture(scope="module")
def found() -> list[str]:
    """Run mypy over all programs, and return what it says."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = {f"{name}.py": text for name, text in [*modules(), ("mistaken", mistaken())]}
    for path in FOLDER.glob("*.py"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    paths = [str(path.relative_to(ROOT)) for path in sorted(FOLDER.glob("*.py"))]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", *paths]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()


def test_the_programs_are_typed(found: list[str]) -> None:
    wrong = [line for line in found if "mistaken.py" not in line and not any(each in line for each in TWISTEDS)]
    assert not wrong, "\n".join(wrong)


def test_a_mistake_in_a_lambda_is_found(found: list[str]) -> None:
    (said,) = (line for line in found if "mistaken.py" in line)
    assert '"Response" has no attribute "no_such_field"' in said


def test_all_programs_are_read() -> None:
    names = [name for name, _ in modules()]
    assert len(names) == len(set(names)) == len(PYTHON)
    assert set(TYPES) == STAND_INS
