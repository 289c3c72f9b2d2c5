"""What callers can ask of a node in addition to a gateway's renders: by the same rules, and with the same base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from txcdp.domains import lookup
from txcdp.gateway.render._requests import Content, Evaluate, Pdf, Render, Screenshot
from txcdp.page._action_lists import actions
from txcdp.page._extraction import Extraction
from txcdp.protocol import Event
from txcdp.recording._following import DOMAINS, check_domains

#: What a node does with events for which there is no room. It does not offer ``pause``: others use the same browser.
NodeOverflow = Literal["drop_oldest", "drop_newest", "latest", "error"]

#: The kinds of renders, with the class of their requests.
RENDERS: Mapping[str, type[Render]] = {"screenshot": Screenshot, "pdf": Pdf, "content": Content, "evaluate": Evaluate}


class Extract(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data to extract from a page, in the form that ``Page.extract`` takes."""

    shape: dict[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shape(self.shape)


class FinalPicture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A screenshot after the actions. quality: for jpeg and webp. full_page: the whole document."""

    format: Literal["png", "jpeg", "webp"] = "png"
    quality: Annotated[int, Meta(ge=0, le=100)] | None = None
    full_page: bool = False

    def __post_init__(self) -> None:
        if self.quality is not None and self.format == "png":
            raise ValueError("a png has no quality; use jpeg or webp")


class RunActions(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Actions, one after the other, and what to return of the page afterwards."""

    actions: list[Any]
    extract: dict[str, Any] | None = None
    screenshot: FinalPicture | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_actions(self.actions)
        if self.extract is not None:
            _check_shape(self.extract)


class Watch(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events of a page, from before it loads until nobody wants them any more.

    events: their protocol names. buffer: how many are kept for a caller who has not asked for them yet. overflow: what
    happens to more.
    """

    events: Annotated[list[str], Meta(min_length=1, max_length=50)]
    buffer: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    overflow: NodeOverflow = "drop_oldest"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_events(self.events)


class RecordPage(Render, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recording of a page, from before it loads, in the format of ``txcdp.recording``.

    seconds: how long to go on once the page is loaded, and the actions are done. actions: the actions. domains: the
    domains to enable. events, without: which events, as for a ``Filter``. buffer: bytes that may wait for the caller.
    overflow: what happens to an event for which there is no room.
    """

    seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    actions: list[Any] = []
    domains: tuple[str, ...] = DOMAINS
    events: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    compression: Literal["none", "gzip"] = "gzip"
    secrets: Literal["mask", "keep"] = "mask"
    buffer: Annotated[int, Meta(ge=64 * 1024, le=256 * 1024 * 1024)] = 16 * 1024 * 1024
    overflow: Literal["drop_oldest", "drop_newest", "error"] = "drop_oldest"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_actions(self.actions)
        check_domains(self.domains)


def check_events(given: Iterable[str]) -> None:
    """Refuse names that are not those of events.

    :raises ValueError: a name is not that of an event.
    """
    for each in given:
        try:
            found = lookup(each)
        except LookupError as error:
            raise ValueError(str(error)) from None
        if not issubclass(found, Event):
            raise ValueError(f"{each} is not an event")


def _check_actions(given: list[Any]) -> None:
    try:
        actions(given, "actions")
    except TypeError as error:
        raise ValueError(str(error)) from None


def _check_shape(shape: dict[str, Any]) -> None:
    try:
        Extraction(shape, None)  # type: ignore[arg-type]  # without locators it needs no frame
    except TypeError as error:
        raise ValueError(str(error)) from None
