"""The names and Python types of every domain, chosen before anything is written."""

from __future__ import annotations

import re

import msgspec

from txcdp.codegen._names import ANNOTATING, CLASS_VARIABLES, camel, fields, module_scope, snake
from txcdp.codegen.schema import Domain, Property, Protocol, Shape, Type, qualified

_PRIMITIVES = {
    "any": "Any",
    "binary": "bytes",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "object": "dict[str, Any]",
    "string": "str",
}


class Field(msgspec.Struct, frozen=True):
    """One field of a class to be written: the protocol's property, Python's name and type."""

    property: Property
    name: str
    annotation: str


class Enumeration(msgspec.Struct, frozen=True):
    """A string with known values, named by the protocol or written inline where it is used."""

    name: str
    values: list[str]
    description: str


class Names:
    """The Python names of everything in one domain, in the order in which they are given out.

    The types come first and keep the protocol's names. A result is ``NavigateResult``; an event that would
    hide a type gets ``Event`` appended, a result or an inline enumeration that would hide something ``Value``.
    """

    def __init__(self, domain: Domain) -> None:
        scope = module_scope()
        self.module = snake(domain.name)
        self.types = {each.id: scope.claim(camel(each.id)) for each in domain.types}
        self.events = {each.name: scope.claim(camel(each.name), "Event") for each in domain.events}
        self.results = {
            each.name: scope.claim(f"{camel(each.name)}Result", "Value") for each in domain.commands if each.returns
        }
        self.commands = {each.name: scope.claim(snake(each.name)) for each in domain.commands}
        #: class name, prefix of its inline enumerations' names, members; in the order of writing
        self.owners: list[tuple[str, str, list[Property]]] = []
        for type_ in domain.types:
            self.owners.append((self.types[type_.id], self.types[type_.id], type_.properties))
        for command in domain.commands:
            self.owners.append((self.commands[command.name], camel(command.name), command.parameters))
            if command.returns:
                self.owners.append((self.results[command.name], self.results[command.name], command.returns))
        for event in domain.events:
            self.owners.append((self.events[event.name], self.events[event.name], event.parameters))
        #: (class name, property) -> alias
        self.inline: dict[tuple[str, str], str] = {}
        for owner, prefix, members in self.owners:
            for member in members:
                if _values(member) is not None:
                    self.inline[owner, member.name] = scope.claim(f"{prefix}{camel(member.name)}", "Value")


class Model:
    """A protocol with Python's names: returns what to write for a type, a field or an enumeration."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.names = {domain.name: Names(domain) for domain in protocol.domains}

    def annotation(self, shape: Shape, domain: str) -> str:
        """Return the Python type of a shape, as written in a domain's module."""
        if shape.ref is not None:
            where, name = qualified(shape.ref, domain)
            local = self.names[where].types[name]
            return local if where == domain else f"domains.{self.names[where].module}.{local}"
        if shape.type == "array":
            return f"list[{self.annotation(shape.items, domain)}]" if shape.items else "list[Any]"
        return _PRIMITIVES.get(shape.type or "any", "Any")

    def fields(self, members: list[Property], domain: str, owner: str, *, plain: bool = False) -> list[Field]:
        """Return a class's fields, the required ones first.

        :param owner: the class's name.
        :param plain: whether the class is an object type: those have no class variables to keep clear of.
        """
        chosen = fields((each.name for each in members), frozenset() if plain else CLASS_VARIABLES)
        made = []
        for each in sorted(members, key=lambda member: member.optional):
            alias = self.names[domain].inline.get((owner, each.name))
            annotation = self.annotation(each, domain)
            if alias is not None:
                annotation = annotation.replace("str", alias)
            if each.optional and annotation != "Any":
                annotation += " | None"
            made.append(Field(each, chosen[each.name], _unshadowed(annotation, set(chosen.values()))))
        return made

    def enumerations(self, domain: Domain) -> list[Enumeration]:
        """Return a domain's enumerations, the named ones first."""
        names = self.names[domain.name]
        made = [
            Enumeration(names.types[each.id], each.enum, each.description)
            for each in domain.types
            if each.enum is not None
        ]
        for owner, _, members in names.owners:
            for member in members:
                alias = names.inline.get((owner, member.name))
                if alias is not None:
                    made.append(Enumeration(alias, _values(member) or [], f"Values of {owner}'s {member.name}."))
        return made

    def is_foreign(self, type_: Type, domain: str) -> bool:
        """Say whether an alias needs another domain's types."""
        return "domains." in self.annotation(type_, domain)


def _values(member: Property) -> list[str] | None:
    return member.enum or (member.items.enum if member.items is not None else None)


def _unshadowed(annotation: str, names: set[str]) -> str:
    """Spell out the globals that fields of the same class hide: type checkers resolve in the class's scope."""
    for hidden in sorted(names & ANNOTATING):
        annotation = re.sub(rf"(?<![\w.]){hidden}\b", f"builtins.{hidden}", annotation)
    if "domains" in names:
        annotation = re.sub(r"(?<![\w.])domains\.", "_domains.", annotation)
    return annotation
