"""Python's names for the protocol's: ``DOMSnapshot`` -> ``dom_snapshot``, ``documentURL`` -> ``document_url``."""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Iterable

import msgspec

#: Names that a generated module needs for itself.
RESERVED = frozenset(
    {
        "annotations",
        "builtins",
        "domains",
        "msgspec",
        "Any",
        "ClassVar",
        "Command",
        "Event",
        "Literal",
        "Record",
        "Stability",
        "TYPE_CHECKING",
    }
)
#: Builtins that annotations are written with.
ANNOTATING = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str"})
#: Attributes of every command and event, which none of their fields may hide.
CLASS_VARIABLES = frozenset({"method", "stability", "deprecated"})


@functools.cache
def snake(name: str) -> str:
    """Turn ``captureScreenshot`` into ``capture_screenshot``; a run of capitals, and its plural, is one word."""
    name = re.sub(r"[A-Z]{2,}s(?![a-z])", lambda plural: plural[0].capitalize(), name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return identifier(name.lower())


def camel(name: str) -> str:
    """Turn ``frameNavigated`` into ``FrameNavigated``."""
    return identifier(name[:1].upper() + name[1:])


def identifier(name: str) -> str:
    """Make any name one that Python accepts."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not name or name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


@functools.cache
def wire_name(name: str) -> str:
    """Return what msgspec makes of a field's name under ``rename="camel"``; asked of msgspec itself."""
    probe = msgspec.defstruct("Probe", [(name, int)], rename="camel")
    return probe.__struct_encode_fields__[0]


def fields(names: Iterable[str], taken: frozenset[str] = frozenset()) -> dict[str, str]:
    """Choose the fields of one class.

    :param names: the protocol's names.
    :param taken: what the fields may not be called.
    """
    scope = Scope(taken | {"builtins"})
    return {name: scope.claim(snake(name)) for name in names}


class Scope:
    """The names of one module or class: each is given out once.

    :param taken: names that are not to be had.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, name: str, suffix: str = "_") -> str:
        """Take a name; where it is taken already, with the suffix, as often as it needs."""
        while name in self._taken:
            name += suffix
        self._taken.add(name)
        return name


def module_scope() -> Scope:
    """Return the names of a new module: what it imports, and the builtins that it is written with, are taken."""
    return Scope(RESERVED | ANNOTATING)
