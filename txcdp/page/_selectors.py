"""Text patterns, and the program's own selector engines and test id attribute."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from txcdp.errors import SelectorError
from txcdp.page._values import regular_expression

#: A text to match: a substring, ignoring case; or a regular expression.
Text = str | re.Pattern[str]

#: Names of built-in engines.
_TAKEN = frozenset(("css", "xpath", "text", "id", "nth", "visible", "role", "data-testid", "data-test-id", "data-test"))


class Selectors:
    """The selector engines and the test id attribute, for all pages of the program: :data:`txcdp.selectors`.

    :ivar test_id_attribute: the attribute that ``get_by_test_id`` looks for.
    """

    def __init__(self) -> None:
        self.test_id_attribute = "data-testid"
        self._engines: dict[str, str] = {}

    def register(self, name: str, script: str | None = None, *, path: str | os.PathLike[str] | None = None) -> None:
        """Register a selector engine, to be used as ``page.locator("name=body")``.

        It runs in an isolated world, which has access to the document, but not to the page's scripts.

        :param name: the engine's name, of letters, digits and underscores.
        :param script: a JavaScript expression for an object with ``queryAll(root, selector)``, which returns all
            elements below the root that match; and optionally with ``query``, which returns the first.
        :param path: a file with the script, instead.
        :raises SelectorError: the name is invalid, or taken.
        :raises TypeError: neither a script nor a path is given, or both are.
        """
        if (script is None) == (path is None):
            raise TypeError("register() needs either a script or path=")
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", name):
            raise SelectorError(f"{name!r} is not a valid name for an engine: use letters, digits, _ and -")
        if name in _TAKEN or name in self._engines:
            raise SelectorError(f"there is already an engine {name!r}")
        self._engines[name] = Path(path).read_text("utf-8") if path is not None else str(script)

    def set_test_id_attribute(self, name: str) -> None:
        """Set the attribute that ``get_by_test_id`` looks for, instead of ``data-testid``.

        :param name: the attribute's name.
        """
        self.test_id_attribute = name

    def __len__(self) -> int:
        return len(self._engines)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._engines.items())


#: The selector engines of the program.
selectors = Selectors()


def pattern(text: Text, exact: bool | None = None) -> dict[str, Any]:
    """Return a text pattern in the form that ``locators.js`` takes.

    :param exact: whether to match the whole text, with the same case.
    :raises TypeError: if it is not text.
    :raises ValueError: if JavaScript has no such regular expression.
    """
    if isinstance(text, re.Pattern):
        source, flags = regular_expression(text)
        return {"re": source, "flags": flags}
    if not isinstance(text, str):
        raise TypeError(f"{text!r}: expected a str or a compiled regular expression")
    return {"s": text, "exact": bool(exact)}


def shown_text(text: Text) -> str:
    """Return a text as a program writes it."""
    return f"re.compile({text.pattern!r})" if isinstance(text, re.Pattern) else repr(text)
