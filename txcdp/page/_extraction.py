"""Extraction: reads a whole structure from a document in one round trip."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp.errors import LocatorError, NavigationError
from txcdp.page._locating import LocatorBase, Path
from txcdp.page._locators import Locator, steps_in

if TYPE_CHECKING:
    from txcdp.page._frames import Frame

S = TypeVar("S")

#: A selector, a locator, a list with one of these, or a mapping of names to shapes.
Shape: TypeAlias = "str | Locator | list[str | Locator] | Mapping[str, Shape]"

#: The attribute to read, at the end of a selector.
_ATTRIBUTE: Final = re.compile(r"\s*@([A-Za-z_][\w:.-]*)\s*\Z")


@dataclass(frozen=True)
class css:  # noqa: N801  (it is written like a function: Annotated[str, css("h1")])
    """The selector of a field of a Struct for ``Page.extract``: ``title: Annotated[str, css("h1")]``.

    :ivar selector: a selector as for ``Page.extract``, with ``@name`` at its end for an attribute; or a locator.
    """

    selector: str | Locator


class Extraction:
    """The structure to read from documents.

    :param shape: a mapping, or a msgspec Struct.
    :param frame: the frame of the locators in it.
    :raises TypeError: if it contains anything else.
    :raises ValueError: if a locator in it belongs to another frame.
    """

    def __init__(self, shape: Any, frame: Frame) -> None:
        self._frame = frame
        self._struct = shape if isinstance(shape, type) else None
        if isinstance(shape, type):
            if not issubclass(shape, msgspec.Struct):
                raise TypeError(f"extract({shape.__name__}): expected a mapping, or a msgspec.Struct")
            self._node = self._of_struct(shape)
        else:
            if not isinstance(shape, Mapping):
                raise TypeError(f"extract({shape!r}): expected a mapping of names to selectors, or a msgspec.Struct")
            self._node = self._of(shape)

    async def of(self, frame: Frame) -> Any:
        """Read it from the document in a frame."""
        reader = LocatorBase(frame, Path((), "page"))
        found = await reader._perform("extract", lambda attempt: attempt.call("extract", self._node))
        if self._struct is None:
            return found
        try:
            return msgspec.convert(found, self._struct, strict=False)
        except msgspec.ValidationError as error:
            raise LocatorError(f"extract({self._struct.__name__}): the document does not fit: {error}") from error

    def _of(self, shape: Any) -> dict[str, Any]:
        """Return a shape in the form that ``locators.js`` takes."""
        if isinstance(shape, str | Locator):
            return {"one": self._steps(shape), **_attribute(shape)}
        if isinstance(shape, list | tuple):
            if len(shape) != 1 or not isinstance(shape[0], str | Locator):
                raise TypeError(f"{shape!r}: a list must contain exactly one selector, for all its elements")
            return {"all": self._steps(shape[0]), **_attribute(shape[0])}
        if isinstance(shape, Mapping):
            each = shape.get("each")
            fields = [(name, self._of(inner)) for name, inner in shape.items() if name != "each" or each is None]
            return {"fields": fields} if each is None else {"each": self._steps(each), "fields": fields}
        raise TypeError(f"{shape!r}: expected a selector, a list with one in it, or a mapping")

    def _steps(self, selector: str | Locator) -> list[Any]:
        if isinstance(selector, Locator):
            return list(steps_in(selector, self._frame))
        if not isinstance(selector, str):
            raise TypeError(f"{selector!r}: expected a selector or a Locator")
        text = _ATTRIBUTE.sub("", selector).strip()
        return [["selector", text]] if text else []

    def _of_struct(self, struct: type[msgspec.Struct]) -> dict[str, Any]:
        hints = get_type_hints(struct, include_extras=True)
        fields: list[tuple[str, Any]] = []
        for field in msgspec.structs.fields(struct):
            hint, selector = _unwrapped(hints[field.name])
            hint, optional = _not_none(hint)
            node = self._of_field(hint, selector)
            if node is not None:
                missing = not (optional or field.required)
                fields.append((field.encode_name, {**node, "optional": True} if missing else node))
            elif field.required:
                raise TypeError(
                    f"extract({struct.__name__}): write {field.name}: Annotated[..., css(...)], to say where it is"
                )
        return {"fields": fields}

    def _of_field(self, hint: Any, selector: css | None) -> dict[str, Any] | None:
        inner = get_args(hint)[0] if get_origin(hint) in (list, tuple) and get_args(hint) else None
        if selector is None:
            return self._of_struct(hint) if _is_struct(hint) else None
        steps = self._steps(selector.selector)
        if _is_struct(hint):
            return {"each": steps, "first": True, **self._of_struct(hint)}
        if inner is not None and _is_struct(inner):
            return {"each": steps, **self._of_struct(inner)}
        return {"one" if inner is None else "all": steps, **_attribute(selector.selector)}


def extract(frame: Frame, shape: Any, frames: bool) -> Deferred[Any]:
    """Read a shape from a document, or from those of all frames of its page."""
    extraction = Extraction(shape, frame)
    return Deferred.fromCoroutine(extraction.of(frame)) if not frames else _of_all(extraction, frame.page.frames)


@returns_deferred
async def _of_all(extraction: Extraction, frames: list[Frame]) -> list[tuple[Frame, Any]]:
    reading = [(frame, Deferred.fromCoroutine(extraction.of(frame))) for frame in frames]
    found = []
    try:
        for frame, each in reading:
            try:
                found.append((frame, await each))
            except NavigationError:
                if not frame.is_detached():
                    raise
    finally:
        for _, each in reading:
            each.addErrback(lambda _: None)
            each.cancel()
    return found


def _attribute(selector: str | Locator) -> dict[str, str]:
    found = _ATTRIBUTE.search(selector) if isinstance(selector, str) else None
    return {} if found is None else {"attribute": found[1]}


def _unwrapped(hint: Any) -> tuple[Any, css | None]:
    """Return the type of a field, and its selector."""
    if get_origin(hint) is not Annotated:
        return hint, None
    kind, *notes = get_args(hint)
    return kind, next((each for each in notes if isinstance(each, css)), None)


def _not_none(hint: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether it included None."""
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [each for each in get_args(hint) if each is not type(None)]
        if len(kinds) < len(get_args(hint)):
            return (kinds[0] if len(kinds) == 1 else hint), True
    return hint, False


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)
