"""Aria snapshots as text: a part of the accessibility tree in Playwright's YAML form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from txcdp.page._roles import check_role

#: The states that an item of a template can have, and their values other than true and false.
_STATES: Final[dict[str, frozenset[str]]] = {
    "checked": frozenset({"mixed"}),
    "disabled": frozenset(),
    "expanded": frozenset(),
    "invalid": frozenset({"grammar", "spelling"}),
    "pressed": frozenset({"mixed"}),
    "selected": frozenset(),
}

_PROPERTIES: Final = ("url", "placeholder")
_MODES: Final = ("contain", "equal", "deep-equal")

#: Texts that need quotes in YAML.
_NOT_PLAIN: Final = re.compile(
    r"""\A\s|\s\Z|\A\Z
    |[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\n\r\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]
    |\A[-&*?,!>|@"'#%\[\]]|[{}`]|:(?:\s|\Z)|\s\#
    |\A[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\Z|\A0[xob][\da-f]+\Z
    |\A(?:y|n|yes|no|true|false|on|off|null|~|[-+]?infinity)\Z""",
    re.VERBOSE | re.IGNORECASE,
)

_KEY: Final = re.compile(
    r"""\s*(?P<role>[a-zA-Z][\w-]*)
    (?:\s*(?:(?P<name>"(?:[^"\\]|\\.)*")|/(?P<regex>(?:[^/\\\[]|\\.|\[(?:[^\]\\]|\\.)*\])+)/))?
    (?P<states>(?:\s*\[[^\]]*\])*)\s*""",
    re.VERBOSE | re.DOTALL,
)

#: Characters that YAML does not allow unescaped.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")

#: Escape sequences in a name, which is written as in JSON.
_ESCAPED: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

#: A part of the tree: texts, and dicts with role, name, states, properties and children.
Items = list[Any]


def snapshot_text(items: Items) -> str:
    """Write a tree as YAML."""
    return "\n".join(_lines(items, ""))


def _lines(items: Items, indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, str):
            yield f"{indent}- text: {_scalar(item)}"
            continue
        key, children, properties = _key(item), item["children"], item["properties"]
        if not properties and len(children) == 1 and isinstance(children[0], str):
            yield f"{indent}- {key}: {_scalar(children[0])}"
            continue
        yield f"{indent}- {key}{':' if properties or children else ''}"
        for name, value in properties.items():
            yield f"{indent}  - /{name}: {_scalar(value)}"
        yield from _lines(children, indent + "  ")


def _key(item: dict[str, Any]) -> str:
    key = str(item["role"])
    if item["name"]:
        key += f" {_quoted(item['name'])}"
    for state, value in item["states"].items():
        key += f" [{state}]" if value is True else f" [{state}={value}]"
    return f"'{key.replace(chr(39), chr(39) * 2)}'" if _NOT_PLAIN.search(key) else key


def _scalar(text: str) -> str:
    return _quoted(text) if _NOT_PLAIN.search(text) else text


def _quoted(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def read_template(text: str) -> dict[str, Any]:
    """Return a template in the form that ``aria_snapshot.js`` compares.

    :raises ValueError: if it is invalid, with the position.
    """
    try:
        read = yaml.load(text, yaml.BaseLoader)  # noqa: S506  (it makes nothing but texts, lists and dicts)
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"the aria snapshot is not valid YAML: {place}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"the aria snapshot is not valid YAML: {error}") from None
    if not isinstance(read, list) or not read:
        raise ValueError('an aria snapshot must be a list, such as \'- heading "Title"\'; each item begins with "- "')
    template: dict[str, Any] = {}
    _read_children(read, template)
    return template


def _read_children(read: list[Any], into: dict[str, Any]) -> None:
    children = into.setdefault("children", [])
    for each in read:
        if isinstance(each, str):
            children.append(_read_key(each))
        elif isinstance(each, dict) and each:
            for key, value in each.items():
                if key.startswith("/"):
                    _read_property(key[1:], value, into)
                else:
                    children.append(_read_item(key, value))
        else:
            raise ValueError(f"an item of an aria snapshot must be a role or a text, not {each!r}")


def _read_property(name: str, value: Any, into: dict[str, Any]) -> None:
    if name == "children":
        if value not in _MODES:
            raise ValueError(f"/children: {value!r}: expected one of {', '.join(_MODES)}")
        into["mode"] = value
    elif name in _PROPERTIES and isinstance(value, str):
        into.setdefault("properties", {})[name] = _read_text(value)
    else:
        raise ValueError(f"/{name}: {value!r}: expected one of /children, /url and /placeholder, each with a text")


def _read_item(key: str, value: Any) -> dict[str, Any]:
    if key == "text":
        if not isinstance(value, str):
            raise ValueError(f"text: {value!r}: expected a text")
        return {"text": _read_text(value)}
    item = _read_key(key)
    if isinstance(value, str) and value:
        item["children"] = [{"text": _read_text(value)}]
    elif isinstance(value, list):
        _read_children(value, item)
    else:
        raise ValueError(f"{key}: {value!r}: expected a text or a list after the colon, or no colon")
    return item


def _read_text(text: str) -> dict[str, str]:
    """Return the expected text, with normalized white space, or a regular expression."""
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return {"re": text[1:-1], "flags": ""}
    return {"s": _plain(text)}


def _plain(text: str) -> str:
    return " ".join(re.sub("[\u200b\u00ad]", "", text).split())


def _unescape(escaped: re.Match[str]) -> str:
    letter = escaped[1]
    return chr(int(letter[1:], 16)) if len(letter) > 1 else _ESCAPES.get(letter, letter)


def _read_key(key: str) -> dict[str, Any]:
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(f'{key!r}: expected a role, then a "name" or a /regular expression/, then [states]')
    check_role(found["role"], besides=("iframe",))
    item: dict[str, Any] = {"role": found["role"]}
    if found["name"]:
        item["name"] = {"s": _plain(_ESCAPED.sub(_unescape, found["name"][1:-1]))}
    elif found["regex"]:
        item["name"] = {"re": found["regex"], "flags": ""}
    for state in re.findall(r"\[([^\]]*)\]", found["states"]):
        name, value = _read_state(key, state)
        item.setdefault("states", {})[name] = value
    return item


def _read_state(key: str, state: str) -> tuple[str, Any]:
    name, equals, value = (part.strip() for part in state.partition("="))
    if name == "level":
        if value.isdigit():
            return name, int(value)
    elif name in _STATES:
        if value in ("true", "false") or not equals:
            return name, value != "false"
        if value in _STATES[name]:
            return name, value
    raise ValueError(f"{key!r}: unknown state [{state}]; use one of {', '.join(_STATES)} and level=NUMBER")
