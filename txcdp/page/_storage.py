"""A page's local and session storage."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Literal, TypedDict

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp.errors import EvaluationError

#: The error of a document without an origin when its storage is accessed.
_DENIED: Final = "SecurityError"


class StorageItem(TypedDict):
    """An item of a storage: ``name`` and ``value``."""

    name: str
    value: str


class WebStorage:
    """A storage of the origin of a page's document: ``localStorage`` or ``sessionStorage`` in scripts.

    It is always the real storage, even if the page's scripts have replaced these names. The Deferred of each method
    fails with :exc:`EvaluationError` if the document has no storage, as for ``about:blank`` and ``data:`` URLs;
    otherwise like ``Page.title``.

    :param kind: ``"local"`` or ``"session"``.
    :param read: evaluates an expression for the named method, in an isolated world of the document.
    :param url: returns the document's URL.
    """

    def __init__(
        self,
        kind: Literal["local", "session"],
        read: Callable[[str, str], Deferred[str]],
        url: Callable[[], str],
    ) -> None:
        self._kind = kind
        self._read = read
        self._url = url

    def __repr__(self) -> str:
        return f"<WebStorage {self._kind} of {self._url()[:200]}>"

    @returns_deferred
    async def items(self) -> list[StorageItem]:
        """Return all items.

        :returns: fires with a list of dicts with ``name`` and ``value``, in the storage's own order.
        """
        found = await self._run("items", "Array.from(it,(_,n)=>({name:it.key(n),value:it.getItem(it.key(n))}))")
        return [StorageItem(name=each["name"], value=each["value"]) for each in found]

    @returns_deferred
    async def get_item(self, name: str) -> str | None:
        """Return the value of an item.

        :param name: the item's name.
        :returns: fires with the text, or None if there is no such item.
        """
        value = await self._run("get_item", f"it.getItem({_literal('name', name)})")
        return None if value is None else str(value)

    @returns_deferred
    async def set_item(self, name: str, value: str) -> None:
        """Set an item.

        :param name: the item's name.
        :param value: the text.
        :returns: fires with None; fails with :exc:`EvaluationError` with the name ``QuotaExceededError`` if there is
            not enough space.
        """
        await self._run("set_item", f"it.setItem({_literal('name', name)},{_literal('value', value)})")

    @returns_deferred
    async def remove_item(self, name: str) -> None:
        """Remove an item, if it exists.

        :param name: the item's name.
        :returns: fires with None.
        """
        await self._run("remove_item", f"it.removeItem({_literal('name', name)})")

    @returns_deferred
    async def clear(self) -> None:
        """Remove all items.

        :returns: fires with None.
        """
        await self._run("clear", "it.clear()")

    async def _run(self, method: str, source: str) -> Any:
        attribute = f"{self._kind}Storage"
        # Written as JSON by the page, a text may have half of a surrogate pair in it.
        expression = f"(it=>JSON.stringify({{done:{source}}}))({attribute})"
        try:
            said = await self._read(f"{self._kind}_storage.{method}", expression)
        except EvaluationError as error:
            if error.name != _DENIED:
                raise
            raise EvaluationError(
                f"the document {self._url()[:200]!r} has no {self._kind} storage because it has no origin of its own: "
                f"go to an http or https page first ({error.message})",
                error.details,
                error.name,
                error.message,
                error.stack,
            ) from error
        return json.loads(said).get("done")


def _literal(what: str, text: str) -> str:
    """Return a text as a JavaScript literal."""
    if not isinstance(text, str):
        raise TypeError(f"{what}={text!r}: expected a str; serialize other values, such as with json.dumps()")
    return json.dumps(text)
