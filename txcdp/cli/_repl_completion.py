"""What can follow what is typed at the prompt: names, attributes and arguments."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: A path of attributes at the end of what is typed.
_PATH: Final = re.compile(r"((?:[^\W\d]\w*\.)*)([^\W\d]\w*)?$")
#: A call whose arguments are being typed.
_CALL: Final = re.compile(r"((?:[^\W\d]\w*\.)*[^\W\d]\w*)\((?:[^()]|\([^()]*\))*$")


class Completer:
    """Completes names of a namespace.

    Nothing but the path that is typed is read: methods and streams of what it leads to are known from its class, so
    that looking does nothing to a page.

    :param namespace: what there is at the prompt.
    """

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def complete(self, line: str) -> list[str]:
        """Return what the last word of a line may become, sorted; with private names where one is begun.

        :param line: what is typed, up to the cursor.
        """
        found = _PATH.search(line)
        assert found is not None  # it matches nothing, too
        path, begun = found[1], found[2] or ""
        if path:
            owner = self._at(path[:-1].split("."))
            names = [] if owner is None else [path + each for each in _attributes(owner, begun)]
        else:
            names = [*self._arguments(line[: found.start()], begun), *self._names(begun)]
        return sorted(dict.fromkeys(names))

    def _names(self, begun: str) -> Iterator[str]:
        for name in (*self._namespace, *dir(builtins)):
            if name.startswith(begun) and (begun.startswith("_") or not name.startswith("_")):
                yield name
        if begun:
            yield from (f"{each} " for each in keyword.kwlist if each.startswith(begun))

    def _arguments(self, before: str, begun: str) -> Iterator[str]:
        """Yield the arguments by name of the call that is being typed."""
        call = _CALL.search(before)
        function = None if call is None else self._at(call[1].split("."))
        if function is None:
            return
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return
        for each in parameters:
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) and each.name.startswith(begun):
                yield f"{each.name}="

    def _at(self, path: list[str]) -> Any:
        """Return what a path leads to, None where that is nothing."""
        value = self._namespace.get(path[0], getattr(builtins, path[0], None))
        for name in path[1:]:
            try:
                value = getattr(value, name)
            except Exception:  # whatever a property may raise
                return None
        return value


def _attributes(owner: Any, begun: str) -> Iterator[str]:
    kind = type(owner)
    for name in dir(owner):
        if name.startswith(begun) and (begun.startswith("_") or not name.startswith("_")):
            found = inspect.getattr_static(kind, name, None)
            if found is None:
                found = inspect.getattr_static(owner, name, None)
            yield name + "(" * callable(found)
