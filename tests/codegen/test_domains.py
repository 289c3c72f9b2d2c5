"""The generated bindings, held against the protocol that they were made of."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from txcdp import domains
from txcdp.codegen._model import Model
from txcdp.codegen._package import plain_enable
from txcdp.codegen.schema import Property, Protocol, Shape, qualified, vendored
from txcdp.domains import css, debugger, dom, emulation, network, page, runtime, schema
from txcdp.protocol import Command, Event, Record, build, result_type, to_json

PROTOCOL: Protocol = vendored()[0]
MODEL = Model(PROTOCOL)
BY_NAME = {domain.name: domain for domain in PROTOCOL.domains}


def records() -> Iterator[tuple[str, type[Record], list[Property]]]:
    """Yield every generated class with the members that the protocol gives it."""
    for domain in PROTOCOL.domains:
        names = MODEL.names[domain.name]
        module = importlib.import_module(f"txcdp.domains.{names.module}")
        for type_ in domain.types:
            if type_.type == "object" and type_.properties:
                yield domain.name, getattr(module, names.types[type_.id]), type_.properties
        for command in domain.commands:
            yield domain.name, getattr(module, names.commands[command.name]), command.parameters
            if command.returns:
                yield domain.name, getattr(module, names.results[command.name]), command.returns
        for event in domain.events:
            yield domain.name, getattr(module, names.events[event.name]), event.parameters


def sample(shape: Shape, domain: str, within: tuple[str, ...] = ()) -> Any:
    """Return JSON data of a shape, with every optional member unless that would never end."""
    if shape.ref is not None:
        where, name = qualified(shape.ref, domain)
        type_ = next(each for each in BY_NAME[where].types if each.id == name)
        full = f"{where}.{name}"
        if type_.properties:
            return members(type_.properties, where, (*within, full))
        return sample(type_, where, within)
    if shape.type == "array":
        deep = shape.items is not None and shape.items.ref is not None and ends(shape.items, domain, within)
        return [] if deep or shape.items is None else [sample(shape.items, domain, within)]
    if shape.enum:
        return shape.enum[0]
    samples: dict[str | None, Any] = {
        "binary": "aGk=",
        "boolean": True,
        "integer": 7,
        "number": 1.5,
        "object": {"a": 1},
    }
    return samples.get(shape.type, "text")


def ends(shape: Shape, domain: str, within: tuple[str, ...]) -> bool:
    return len(within) > 3 or (shape.ref is not None and ".".join(qualified(shape.ref, domain)) in within)


def members(properties: list[Property], domain: str, within: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        each.name: sample(each, domain, within)
        for each in properties
        if not (each.optional and ends(each, domain, within))
    }


def test_every_class_has_the_protocols_fields() -> None:
    count = 0
    for domain, cls, properties in records():
        fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
        assert set(fields) == {each.name for each in properties}, (domain, cls)
        for each in properties:
            assert fields[each.name].required is not each.optional, (domain, cls, each.name)
        count += 1
    assert count > 1500


def test_every_class_decodes_and_encodes() -> None:
    for domain, cls, properties in records():
        value = members(properties, domain)
        record = msgspec.json.decode(json.dumps(value).encode(), type=cls)
        assert json.loads(to_json(record)) == value, (domain, cls)
        assert build(cls, value) == record, (domain, cls)
        assert typing.get_type_hints(cls), (domain, cls)


def test_every_command_and_event_is_found_and_marked() -> None:
    for domain in PROTOCOL.domains:
        for described in (*domain.commands, *domain.events):
            name = f"{domain.name}.{described.name}"
            cls = domains.lookup(name)
            assert cls.method == name
            experimental = described.experimental or domain.experimental
            assert cls.stability == ("experimental" if experimental else "stable"), name
            assert cls.deprecated is (described.deprecated or domain.deprecated), name
            assert "Experimental" in (cls.__doc__ or "") or not described.experimental
            assert issubclass(cls, Command if described in domain.commands else Event)
        assert not {each.name for each in domain.commands} & {each.name for each in domain.events}


def test_every_result() -> None:
    for domain in PROTOCOL.domains:
        for command in domain.commands:
            cls: Any = domains.lookup(f"{domain.name}.{command.name}")
            result = result_type(cls)
            assert (result is not None) is bool(command.returns)
            if result is not None:
                assert result.__name__ in cls.__doc__


def test_every_alias_and_enumeration_is_tolerant() -> None:
    for domain in PROTOCOL.domains:
        module = importlib.import_module(f"txcdp.domains.{MODEL.names[domain.name].module}")
        for enumeration in MODEL.enumerations(domain):
            assert getattr(module, enumeration.name) is str
        for type_ in domain.types:
            msgspec.json.Decoder(getattr(module, MODEL.names[domain.name].types[type_.id]))


def test_binary_is_bytes() -> None:
    fields = typing.get_type_hints(page.CaptureScreenshotResult)
    assert fields["data"] is bytes
    assert typing.get_type_hints(network.PostDataEntry)["bytes"] == bytes | None
    assert msgspec.json.decode(b'{"bytes":"aGk="}', type=network.PostDataEntry).bytes == b"hi"
    assert typing.get_type_hints(debugger.GetScriptSourceResult)["bytecode"] == bytes | None


def test_across_domains() -> None:
    hints = typing.get_type_hints(page.navigate)
    assert hints["frame_id"] == str | None
    assert typing.get_type_hints(network.Initiator)["stack"] == runtime.StackTrace | None
    assert typing.get_type_hints(schema.GetDomainsResult)["domains"] == list[schema.Domain]
    assert result_type(css.get_layers_for_node) is css.GetLayersForNodeResult


def test_marks_in_the_documentation() -> None:
    assert dom.get_flattened_document.deprecated is True
    assert page.navigate.stability == "stable"
    assert "**Deprecated.**" in (dom.get_flattened_document.__doc__ or "")
    assert ":param url: URL to navigate the page to." in (page.navigate.__doc__ or "")
    assert "tot/Page/#method-navigate\n" in (page.navigate.__doc__ or "")
    assert "tot/Page/#event-frameNavigated\n" in (page.FrameNavigated.__doc__ or "")
    assert "the Emulation domain has it now" in (page.set_touch_emulation_enabled.__doc__ or "")
    assert emulation.__doc__


def test_the_package() -> None:
    assert list(domains.DOMAINS) == [domain.name for domain in PROTOCOL.domains]
    assert domains.DOMAINS["DOMSnapshot"] == "dom_snapshot"
    assert vendored()[1] == domains.PROTOCOL_SOURCE
    assert domains.PROTOCOL_SOURCE.endswith(f" {domains.PROTOCOL_VERSION}")
    assert domains.WIRE_VERSION == "1.3"
    assert {domain.name for domain in PROTOCOL.domains if plain_enable(domain)} == domains.PLAIN_ENABLE
    assert {"Network", "Page", "Runtime"} < domains.PLAIN_ENABLE
    assert not {"BluetoothEmulation", "PerformanceTimeline", "Tracing"} & domains.PLAIN_ENABLE
    assert {"network", "lookup", "DOMAINS"} < set(dir(domains))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Page.navigat", "Page has no command or event 'navigat'; did you mean Page.navigate"),
        ("page.navigate", "there is no domain 'page'; did you mean Page.navigate"),
        ("Netwrk.enable", "did you mean Network.enable"),
        ("Netwrk.zzzzzz", "there is no domain 'Netwrk'; did you mean Network?"),
        ("Page.zzzzzz", "Page has no command or event 'zzzzzz'"),
        ("qqqq", "there is no domain 'qqqq': names are like Page.navigate"),
        ("", "there is no domain ''"),
    ],
)
def test_lookup_says_what_is_near(name: str, says: str) -> None:
    with pytest.raises(LookupError) as caught:
        domains.lookup(name)
    assert says in str(caught.value)


def test_an_unknown_domain_says_what_is_near() -> None:
    package: Any = domains
    with pytest.raises(AttributeError, match="no domain 'netwrk'; did you mean network"):
        _ = package.netwrk
    with pytest.raises(AttributeError, match="did you mean dom_snapshot"):
        _ = package.DOMSnapshot
    assert not hasattr(package, "__nothing__")


def python(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_domain_imports_itself_alone() -> None:
    loaded = python(
        "import json, sys\nfrom txcdp.domains import page\npage.navigate(url='x')\n"
        "print(json.dumps([name for name in sys.modules if name.startswith(('txcdp.', 'twisted', 'reactivex'))]))"
    )
    assert {name.removeprefix("txcdp.") for name in loaded} == {
        "domains",
        "domains.page",
        "errors",
        "_privacy",
        "protocol",
        "protocol._records",
    }


def test_what_a_domain_refers_to_is_imported_when_it_is_decoded() -> None:
    loaded = python(
        "import json, sys, msgspec\nimport txcdp.domains\n"
        "msgspec.json.Decoder(txcdp.domains.network.RequestWillBeSent)\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('txcdp.domains.')]))"
    )
    assert "txcdp.domains.runtime" in loaded
    assert len(loaded) < len(PROTOCOL.domains) / 2


def test_all_domains_import_quickly() -> None:
    python("import txcdp.domains as domains\nfor name in domains.DOMAINS.values(): getattr(domains, name)\nprint(0)")
    seconds = python(
        "import time, txcdp.protocol, txcdp.domains as domains\nfrom importlib import import_module\n"
        "begun = time.process_time()\n"
        "for name in domains.DOMAINS.values(): import_module(f'txcdp.domains.{name}')\n"
        "print(time.process_time() - begun)"
    )
    assert seconds < 2  # of the processor; 0.09 here, with the bytecode that the first one has left


def test_domains_know_their_domain() -> None:
    for domain in PROTOCOL.domains:
        module = importlib.import_module(f"txcdp.domains.{domains.DOMAINS[domain.name]}")
        assert f"tot/{domain.name}/" in (module.__doc__ or "")
