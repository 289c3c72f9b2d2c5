"""The generated package as a whole: every file's name and source."""

from __future__ import annotations

import re

from txcdp.codegen import _render as render
from txcdp.codegen._model import Model
from txcdp.codegen._text import docstring
from txcdp.codegen.schema import Domain, Protocol

_IMPORTS = """
from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
{imports}
    from txcdp.protocol import Command, Event

#: Where the description is from.
PROTOCOL_SOURCE: Final = "{source}"
#: The version of that source.
PROTOCOL_VERSION: Final = "{revision}"
#: What a browser's ``/json/version`` calls ``Protocol-Version``.
WIRE_VERSION: Final = "{version}"
"""

_FUNCTIONS = '''

def lookup(name: str) -> type[Command[Any]] | type[Event]:
    """Return the command or the event of a protocol name such as ``"Page.navigate"``; imports just that domain.

    :raises LookupError: where there is none; the message says what is near.
    """
    domain, _, member = name.partition(".")
    found = _members(domain).get(name) if domain in DOMAINS else None
    if found is None:
        raise LookupError(_unknown(name, domain, member))
    return found


@functools.cache
def _members(domain: str) -> dict[str, type[Command[Any]] | type[Event]]:
    module = import_module(f"{__name__}.{DOMAINS[domain]}")
    classes: list[Any] = [each for each in vars(module).values() if isinstance(each, type)]
    return {each.method: each for each in classes if isinstance(vars(each).get("method"), str)}


def _unknown(name: str, domain: str, member: str) -> str:
    if domain in DOMAINS:
        near = _near(member, {each.partition(".")[2]: each for each in _members(domain)})
        return f"{domain} has no command or event {member!r}" + near
    where = _close(domain, DOMAINS)
    if not where:
        return f"there is no domain {domain!r}: names are like Page.navigate"
    near = _near(member, {each.partition(".")[2]: each for each in _members(where[0])})
    return f"there is no domain {domain!r}" + (near or f"; did you mean {' or '.join(where)}?")


def _near(name: str, known: dict[str, str]) -> str:
    near = [known[each] for each in _close(name, known)]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _close(name: str, known: Any) -> list[str]:
    import difflib  # rarely needed, and not for free

    folded = {each.lower().replace("_", ""): each for each in known}
    return [folded[each] for each in difflib.get_close_matches(name.lower().replace("_", ""), folded)]


if not TYPE_CHECKING:  # a type checker would take any name at all for granted

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        near = [] if name.startswith("__") else _close(name, _MODULES)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise AttributeError(f"the protocol has no domain {name!r}{hint}")


def __dir__() -> list[str]:
    constants = (name for name in globals() if name[0].isalpha() and name.isupper() and name != "TYPE_CHECKING")
    return sorted({*_MODULES, "lookup", *constants, *(name for name in globals() if name.startswith("__"))})
'''


def files(protocol: Protocol, package: str, source: str) -> dict[str, str]:
    """Return the source of every file, by name.

    :param package: the import path of the package that they make up, such as ``"txcdp.domains"``.
    :param source: where the description is from, such as ``"devtools-protocol 0.0.1"``.
    """
    model = Model(protocol)
    source = re.sub(r"[^\w .,:/+()-]", "_", source)
    made = {
        f"{model.names[domain.name].module}.py": render.module(model, domain, package, source)
        for domain in protocol.domains
    }
    made["__init__.py"] = _init(model, package, source)
    return made


def plain_enable(domain: Domain) -> bool:
    """Say whether a domain has an ``enable`` that needs no arguments, and a ``disable``."""
    commands = {each.name: each for each in domain.commands}
    enable = commands.get("enable")
    return enable is not None and all(each.optional for each in enable.parameters) and "disable" in commands


def _init(model: Model, package: str, source: str) -> str:
    version = f"{model.protocol.version.major}.{model.protocol.version.minor}"
    modules = sorted(names.module for names in model.names.values())
    doc = docstring(
        [
            "The protocol's domains: one module each, imported on first use.",
            (
                f"``from {package} import page`` and the attribute ``page`` import that one alone; :func:`lookup` "
                "finds a command or an event by the protocol's name."
            ),
        ],
        indent=0,
    )
    imports = "\n".join(f"    from {package} import {name} as {name}" for name in modules)
    parts = [
        render.header(source, version),
        doc,
        _IMPORTS.format(imports=imports, source=source, revision=source.rsplit(maxsplit=1)[-1], version=version),
    ]
    table = "\n".join(f'    "{name}": "{names.module}",' for name, names in model.names.items())
    plain = "\n".join(f'        "{each.name}",' for each in model.protocol.domains if plain_enable(each))
    parts.append(f"#: The protocol's name of each domain, and its module's.\nDOMAINS: Final = {{\n{table}\n}}\n")
    parts.append(
        "#: Domains whose ``enable`` needs no arguments, and which have a ``disable``. Not all of them are harmless:\n"
        "#: ``Fetch.enable`` stops every request, ``Debugger.enable`` stops at ``debugger`` statements.\n"
        f"PLAIN_ENABLE: Final = frozenset(\n    {{\n{plain}\n    }}\n)\n"
    )
    parts.append("_MODULES: Final = frozenset(DOMAINS.values())")
    return "\n".join(parts) + "\n" + _FUNCTIONS
