"""What a request asks of the browser: ``meta["txcdp"]``, checked and completed with the settings' defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from txcdp._arguments import refuse_other_options, unknown_name
from txcdp.page import Page
from txcdp.page._action_lists import PageAction, actions
from txcdp.page._extraction import Extraction
from txcdp.page._frames import WaitUntil
from txcdp.scrapy._checks import context_options, mapping, texts, truth

#: The key in a request's ``meta``.
META: Final = "txcdp"

_WAITS: Final = get_args(WaitUntil)
_BODIES: Final = ("embed", "omit")


@dataclass(frozen=True)
class RenderOptions:
    """The options of one render.

    :ivar wait_until: the state of the page to wait for.
    :ivar actions: the actions to run then.
    :ivar extract: the shape of the data to extract; None: none.
    :ivar screenshot: the options of a screenshot; None: no screenshot.
    :ivar har: the options of a HAR recording; None: no recording.
    :ivar context: options of the context.
    :ivar block: patterns of requests to block.
    :ivar include_page: whether the callback gets the page.
    """

    wait_until: WaitUntil = "load"
    actions: tuple[PageAction, ...] = ()
    extract: Mapping[str, Any] | None = None
    screenshot: dict[str, Any] | None = None
    har: dict[str, Any] | None = None
    context: dict[str, Any] = field(default_factory=dict)
    block: tuple[str, ...] = ()
    include_page: bool = False

    @property
    def needs_document(self) -> bool:
        """Whether something is to be done with the page that needs a document."""
        return bool(self.actions or self.include_page) or self.extract is not None or self.screenshot is not None


def is_wanted(meta: Mapping[str, Any]) -> bool:
    """Return whether a request is for the browser."""
    return bool(meta.get(META)) or meta.get(META) == {}


def options_of(given: object, defaults: RenderOptions) -> RenderOptions:
    """Return the options in a request's ``meta``.

    :param given: True, or a mapping.
    :param defaults: the settings' defaults.
    :raises TypeError: an option has the wrong type.
    :raises ValueError: an option is invalid.
    """
    if given is True:
        return defaults
    if not isinstance(given, Mapping):
        raise TypeError(f'meta["txcdp"] must be True or a dict, not {given!r:.80}')
    found: dict[str, Any] = {}
    for name, value in given.items():
        check = _CHECKS.get(name)
        if check is None:
            raise ValueError(unknown_name('meta["txcdp"]: unknown key', name, _CHECKS))
        if value is not None:
            found[name] = check(f'meta["txcdp"][{name!r}]', value)
    context = {**defaults.context, **found.pop("context", {})}
    block = tuple(dict.fromkeys((*defaults.block, *found.pop("block", ()))))
    return RenderOptions(**{"wait_until": defaults.wait_until, **found}, context=context, block=block)


def canonical(given: object) -> str:
    """Return the options of a request that affect its response, as a text that is equal for equal options."""
    if not isinstance(given, Mapping):
        return "{}"
    kept = {str(name): value for name, value in given.items() if name != "include_page" and value is not None}
    return json.dumps(kept, sort_keys=True, default=repr)


def wait_until(what: str, value: object) -> Any:
    """Return the state of the page to wait for."""
    if value not in _WAITS:
        raise ValueError(f"{what} must be {', '.join(map(repr, _WAITS[:-1]))} or {_WAITS[-1]!r}, not {value!r:.80}")
    return value


def _extract(what: str, value: object) -> dict[str, Any]:
    shape = mapping(what, value)
    try:
        Extraction(shape, None)  # type: ignore[arg-type]  # without locators it needs no frame
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from None
    return shape


def _screenshot(what: str, value: object) -> dict[str, Any] | None:
    if isinstance(value, bool):
        return {} if value else None
    options = mapping(what, value)
    refuse_other_options(what, Page.screenshot, options, ("timeout",))
    return options


def _har(what: str, value: object) -> dict[str, Any] | None:
    if isinstance(value, bool):
        return {} if value else None
    options = mapping(what, value)
    for name in options:
        if name not in ("bodies", "secrets"):
            raise ValueError(unknown_name(f"{what}: unknown option", name, ("bodies", "secrets")))
    if options.get("bodies", "omit") not in _BODIES:
        raise ValueError(f"{what}: bodies={options['bodies']!r:.80}: expected 'embed' or 'omit'")
    return options


_CHECKS: Final[dict[str, Any]] = {
    "actions": lambda what, value: actions(value, 'meta["txcdp"]["actions"]'),
    "block": texts,
    "context": context_options,
    "extract": _extract,
    "har": _har,
    "include_page": truth,
    "screenshot": _screenshot,
    "wait_until": wait_until,
}
