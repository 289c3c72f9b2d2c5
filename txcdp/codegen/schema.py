"""The protocol's description as typed values: the contents of ``/json/protocol`` and of the npm package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from txcdp.errors import TxcdpError

__all__ = [
    "VENDORED",
    "BadProtocol",
    "Command",
    "Domain",
    "Event",
    "Property",
    "Protocol",
    "Shape",
    "Type",
    "Version",
    "load",
    "parse",
    "properties",
    "qualified",
    "vendored",
]

#: The directory of the vendored description.
VENDORED = Path(__file__).parent / "protocol"

_NAME = re.compile(r"[a-z]+ [\w$][\w$.-]*", re.ASCII)

_BINARY_MARK = "Encoded as a base64 string when passed over JSON"

#: Binary in the protocol's sources and in a browser's ``/json/protocol``; the npm package's JSON marks
#: binary in the description alone, and these have none (or are lists).
_UNMARKED_BINARY = frozenset(
    {
        "BluetoothEmulation.characteristicOperationReceived.data",
        "BluetoothEmulation.descriptorOperationReceived.data",
        "BluetoothEmulation.simulateCharacteristicOperationResponse.data",
        "BluetoothEmulation.simulateDescriptorOperationResponse.data",
        "Network.DirectUDPMessage.data",
        "Network.PostDataEntry.bytes",
        "Network.directTCPSocketChunkReceived.data",
        "Network.directTCPSocketChunkSent.data",
        "Page.getManifestIcons.primaryIcon",
        "SmartCardEmulation.ReaderStateOut.atr",
        "SmartCardEmulation.controlRequested.data",
        "SmartCardEmulation.reportDataResult.data",
        "SmartCardEmulation.reportStatusResult.atr",
        "SmartCardEmulation.setAttribRequested.data",
        "SmartCardEmulation.transmitRequested.data",
        "WebAuthn.Credential.cmtgKeys",
        "WebAuthn.Credential.credentialId",
        "WebAuthn.credentialDeleted.credentialId",
        "WebAuthn.getCredential.credentialId",
        "WebAuthn.removeCredential.credentialId",
        "WebAuthn.setCredentialProperties.credentialId",
    }
)


class BadProtocol(TxcdpError):
    """Something is not a valid description of the protocol, or is inconsistent."""


class Shape(msgspec.Struct, kw_only=True):
    """The type of a value: either ``type`` or ``ref`` is set."""

    type: str | None = None
    ref: str | None = msgspec.field(name="$ref", default=None)
    items: Shape | None = None
    enum: list[str] | None = None
    description: str = ""


class Property(Shape, kw_only=True):
    """A property of an object type, a parameter of a command or an event, or a field of a result."""

    name: str
    optional: bool = False
    experimental: bool = False
    deprecated: bool = False


class Type(Shape, kw_only=True):
    """A named type."""

    id: str
    properties: list[Property] = []
    experimental: bool = False
    deprecated: bool = False


class Event(msgspec.Struct, kw_only=True):
    """An event."""

    name: str
    description: str = ""
    parameters: list[Property] = []
    experimental: bool = False
    deprecated: bool = False


class Command(Event, kw_only=True):
    """A command; ``redirect`` names the domain that it has moved to."""

    returns: list[Property] = []
    redirect: str | None = None


class Domain(msgspec.Struct, kw_only=True):
    """A domain."""

    name: str = msgspec.field(name="domain")
    description: str = ""
    types: list[Type] = []
    commands: list[Command] = []
    events: list[Event] = []
    experimental: bool = False
    deprecated: bool = False


class Version(msgspec.Struct):
    """The version of the protocol."""

    major: str
    minor: str


class Protocol(msgspec.Struct):
    """A whole description: domains in alphabetical order."""

    version: Version
    domains: list[Domain]


def parse(texts: Sequence[tuple[str, bytes]]) -> Protocol:
    """Merge descriptions into one.

    :param texts: pairs of a name, for error messages, and JSON.
    :raises BadProtocol: a text is not a description, contains a domain twice, or refers to something that does not
        exist.
    """
    parts = [_decode(name, text) for name, text in texts]
    if not parts:
        raise BadProtocol("no protocol description was given")
    domains: dict[str, Domain] = {}
    for (name, _), part in zip(texts, parts):
        for domain in part.domains:
            if domain.name in domains:
                raise BadProtocol(f"{name}: the domain {domain.name} is described twice")
            domains[domain.name] = domain
    protocol = Protocol(parts[0].version, [domains[name] for name in sorted(domains)])
    _check_names(protocol)
    _check_references(protocol)
    _mark_binary(protocol)
    return protocol


def load(paths: Iterable[Path]) -> Protocol:
    """Read and merge description files; raises :exc:`BadProtocol` also if one cannot be read."""
    texts = []
    for path in paths:
        try:
            texts.append((str(path), path.read_bytes()))
        except OSError as error:
            raise BadProtocol(f"{path}: cannot be read: {error.strerror}") from error
    return parse(texts)


def vendored() -> tuple[Protocol, str]:
    """Return the vendored description and its origin, such as ``"devtools-protocol 0.0.1"``."""
    source = (VENDORED / "VERSION").read_text("ascii").strip()
    return load(sorted(VENDORED.glob("*.json"))), source


def qualified(ref: str, domain: str) -> tuple[str, str]:
    """Split a ``$ref`` found in a domain into the domain and the type that it refers to."""
    where, _, name = ref.rpartition(".")
    return where or domain, name


def properties(domain: Domain) -> Iterator[tuple[str, Property]]:
    """Yield every property of a domain with its full name, such as ``"Page.navigate.url"``."""
    owned: list[tuple[str, list[Property]]] = [(each.id, each.properties) for each in domain.types]
    owned += [(each.name, each.parameters + each.returns) for each in domain.commands]
    owned += [(each.name, each.parameters) for each in domain.events]
    for owner, members in owned:
        for member in members:
            yield f"{domain.name}.{owner}.{member.name}", member


def _decode(name: str, text: bytes) -> Protocol:
    try:
        return msgspec.json.decode(text, type=Protocol)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadProtocol(f"{name}: not a description of the protocol: {error}") from error


def _check_names(protocol: Protocol) -> None:
    # They end up in source code.
    named = [f"version {protocol.version.major}.{protocol.version.minor}"]
    for domain in protocol.domains:
        named += [f"domain {domain.name}", *(f"type {each.id}" for each in domain.types)]
        named += [f"redirect {each.redirect}" for each in domain.commands if each.redirect is not None]
        named += [f"event {each.name}" for each in domain.events]
        named += [f"command {each.name}" for each in domain.commands]
        named += [f"property {member.name}" for _, member in properties(domain)]
    for each in named:
        if not _NAME.fullmatch(each):
            raise BadProtocol(f"not a name: {each!r}")


def _check_references(protocol: Protocol) -> None:
    known = {(domain.name, each.id) for domain in protocol.domains for each in domain.types}
    for domain in protocol.domains:
        shapes: list[tuple[str, Shape]] = [(f"{domain.name}.{each.id}", each) for each in domain.types]
        for name, shape in shapes + list(properties(domain)):
            inner: Shape | None = shape
            while inner is not None:
                if inner.ref is not None and qualified(inner.ref, domain.name) not in known:
                    raise BadProtocol(f"{name} refers to {inner.ref}, which is not described")
                if inner.ref is None and inner.type is None:
                    raise BadProtocol(f"{name} has neither a type nor a $ref")
                inner = inner.items


def _mark_binary(protocol: Protocol) -> None:
    for domain in protocol.domains:
        named: list[tuple[str, Any]] = [(f"{domain.name}.{each.id}", each) for each in domain.types]
        for name, shape in named + list(properties(domain)):
            marked = name in _UNMARKED_BINARY or _BINARY_MARK in shape.description
            innermost: Shape = shape
            while innermost.items is not None:
                innermost = innermost.items
            if marked and innermost.type == "string":
                innermost.type = "binary"
