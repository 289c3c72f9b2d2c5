"""How two descriptions of the protocol differ, such as that of these bindings and that of a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from txcdp.codegen.schema import Command, Domain, Event, Property, Protocol, Shape, Type, qualified

__all__ = ["Difference", "protocol_diff", "render"]

Change = Literal["added", "missing", "changed"]
Kind = Literal["domain", "type", "property", "command", "parameter", "result", "event", "value"]


class Difference(msgspec.Struct, frozen=True, order=True):
    """One difference, as seen from our side.

    :ivar change: ``added`` means only theirs has it, ``missing`` that only ours has it.
    :ivar kind: the kind of item; ``value`` is one value of an enumeration.
    :ivar name: the full name, such as ``"Page.navigate.url"``.
    :ivar ours: what our side has, if ``change`` is ``changed``.
    :ivar theirs: what their side has.
    """

    name: str
    kind: Kind
    change: Change
    ours: str = ""
    theirs: str = ""

    def __str__(self) -> str:
        if self.change == "changed":
            return f"{self.kind} {self.name}: {self.ours} -> {self.theirs}"
        return f"{self.kind} {self.name}"


def protocol_diff(ours: Protocol, theirs: Protocol) -> list[Difference]:
    """Return the differences of two descriptions, by name; an item that only one side has is listed without its parts.

    Neither the prose nor the order of items is compared.
    """
    return sorted(_compare(_domains(ours), _domains(theirs)))


def render(differences: list[Difference], ours: str = "ours", theirs: str = "theirs") -> str:
    """Return the differences as text, grouped by kind of change.

    :param ours: the name of our side.
    :param theirs: the name of the other side.
    """
    if not differences:
        return f"{ours} and {theirs} describe the same protocol"
    titles: dict[Change, str] = {
        "added": f"only in {theirs}",
        "missing": f"only in {ours}",
        "changed": f"changed, {ours} -> {theirs}",
    }
    groups = []
    for change, title in titles.items():
        found = [each for each in differences if each.change == change]
        if found:
            groups.append("\n".join([f"{title} ({len(found)}):", *(f"  {each}" for each in found)]))
    return "\n\n".join(groups)


class _Node(msgspec.Struct):
    """A part of a protocol's description: how it reads, and its own parts by their keys."""

    kind: Kind
    name: str
    look: str
    parts: dict[tuple[str, str], _Node]


_Parts = dict[tuple[str, str], _Node]


def _domains(protocol: Protocol) -> _Parts:
    return {("domain", each.name): _domain(each) for each in protocol.domains}


def _compare(ours: _Parts, theirs: _Parts) -> Iterator[Difference]:
    for key in ours.keys() | theirs.keys():
        mine, other = ours.get(key), theirs.get(key)
        if mine is None and other is not None:
            yield Difference(other.name, other.kind, "added")
        elif other is None and mine is not None:
            yield Difference(mine.name, mine.kind, "missing")
        elif mine is not None and other is not None:  # pragma: no branch - one side has the key
            if mine.look != other.look:
                yield Difference(mine.name, mine.kind, "changed", mine.look, other.look)
            yield from _compare(mine.parts, other.parts)


def _domain(domain: Domain) -> _Node:
    node = _Node("domain", domain.name, _status(domain), {})
    for type_ in domain.types:
        inner = _Node("type", f"{domain.name}.{type_.id}", _look(type_, domain.name) + _marks(type_), {})
        inner.parts = _values(type_, inner.name) | _properties("property", type_.properties, domain.name, inner.name)
        node.parts["type", type_.id] = inner
    for kind, members in (("command", domain.commands), ("event", domain.events)):
        for member in members:
            node.parts[kind, member.name] = _member(member, domain.name)
    return node


def _member(member: Command | Event, domain: str) -> _Node:
    kind: Kind = "command" if isinstance(member, Command) else "event"
    node = _Node(kind, f"{domain}.{member.name}", _status(member), {})
    node.parts = _properties("parameter", member.parameters, domain, node.name)
    if isinstance(member, Command):
        node.parts |= _properties("result", member.returns, domain, node.name)
    return node


def _properties(kind: Kind, members: list[Property], domain: str, owner: str) -> _Parts:
    made: _Parts = {}
    for each in members:
        name = f"{owner}.{each.name}"
        look = ("optional " if each.optional else "") + _look(each, domain) + _marks(each)
        made[kind, each.name] = _Node(kind, name, look, _values(each, name))
    return made


def _values(shape: Shape, owner: str) -> _Parts:
    known = shape.enum or (shape.items.enum if shape.items is not None else None) or []
    return {("value", value): _Node("value", f'{owner} "{value}"', "", {}) for value in known}


def _look(shape: Shape, domain: str) -> str:
    if shape.ref is not None:
        return ".".join(qualified(shape.ref, domain))
    if shape.type == "array" and shape.items is not None:
        return f"list of {_look(shape.items, domain)}"
    return shape.type or "any"


def _status(marked: Domain | Event | Property | Type) -> str:
    return ", ".join(mark for mark in ("experimental", "deprecated") if getattr(marked, mark)) or "stable"


def _marks(marked: Property | Type) -> str:
    status = _status(marked)
    return "" if status == "stable" else f" ({status})"
