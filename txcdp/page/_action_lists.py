"""Actions as data: what to do in a page before it is read, in a form that can be stored, compared and sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred

from txcdp._arguments import refuse_other_options, unknown_name
from txcdp.page._locators import Locator
from txcdp.page._page import Page


@dataclass(frozen=True)
class PageAction:
    """One action.

    :ivar name: the name of the method.
    :ivar selector: the element's selector; None: it is a method of the page.
    :ivar values: the positional arguments.
    :ivar options: the keyword arguments.
    """

    name: str
    selector: str | None
    values: tuple[Any, ...]
    options: dict[str, Any]

    def perform(self, page: Page) -> Deferred[Any]:
        """Perform it."""
        owner = page if self.selector is None else page.locator(self.selector)
        done: Deferred[Any] = getattr(owner, self.name)(*self.values, **self.options)
        return done

    def __str__(self) -> str:
        shown = [self.name, *([] if self.selector is None else [self.selector]), *self.values]
        return f"{shown}"


#: The actions on elements, with the names of the arguments after the selector.
_OF_ELEMENTS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("check", "clear", "click", "dblclick", "focus", "hover", "tap", "uncheck", "wait_for"), ()),
    "dispatch_event": ("type",),
    "fill": ("value",),
    "press": ("key",),
    "press_sequentially": ("text",),
    "scroll_into_view_if_needed": (),
    "select_option": ("value",),
    "set_checked": ("checked",),
}

#: The actions on the page.
_OF_PAGES: Final[dict[str, tuple[str, ...]]] = {
    "evaluate": ("expression",),
    "goto": ("url",),
    "wait_for_function": ("expression",),
    "wait_for_load_state": ("state",),
    "wait_for_timeout": ("seconds",),
    "wait_for_url": ("url",),
}

#: Arguments that a caller may not give: they are not data, or given in another way.
_NOT_SAID: Final = ("arg", "signal")


def action(given: object, what: str) -> PageAction:
    """Return an action from a list, such as ``["click", "#more", {"timeout": 5}]``, or from a dict.

    :param what: its name, for errors.
    :raises TypeError: if it is neither.
    :raises ValueError: if there is no such action, or it has missing or unknown arguments.
    """
    if isinstance(given, Mapping):
        parts, options = _of_mapping(given, what)
    elif isinstance(given, Sequence) and not isinstance(given, str | bytes):
        parts = list(given)
        options = dict(parts.pop()) if parts and isinstance(parts[-1], Mapping) else {}
    else:
        raise TypeError(f'{what} must be a list, such as ["click", "#more"], not {given!r:.80}')
    if not parts:
        raise ValueError(f'{what} is empty: expected a list such as ["click", "#more"]')
    name, values = str(parts[0]), parts[1:]
    of_element = name in _OF_ELEMENTS
    if not of_element and name not in _OF_PAGES:
        raise ValueError(unknown_name(f"{what}: unknown action", name, (*_OF_ELEMENTS, *_OF_PAGES)))
    names = ("selector", *_OF_ELEMENTS[name]) if of_element else _OF_PAGES[name]
    if len(values) != len(names):
        wanted = ", ".join([repr(name), *names])
        raise ValueError(f"{what}: {list(map(_shown, parts))} must be [{wanted}]")
    method: Callable[..., Any] = getattr(Locator if of_element else Page, name)
    refuse_other_options(f"{what}: {name}", method, options, _NOT_SAID)
    times = [
        *(values if names == ("seconds",) else ()),
        *([] if options.get("timeout") is None else [options["timeout"]]),
    ]
    for each in times:
        if isinstance(each, bool) or not isinstance(each, int | float):
            raise TypeError(f"{what}: {name} takes a number of seconds, such as 0.5, not {each!r:.80}")
    if not of_element:
        return PageAction(name, None, tuple(values), options)
    selector = values[0]
    if not isinstance(selector, str) or not selector:
        raise TypeError(f"{what}: {name} needs a selector, such as '#more', not {selector!r:.80}")
    return PageAction(name, selector, tuple(values[1:]), options)


def _of_mapping(given: Mapping[Any, Any], what: str) -> tuple[list[Any], dict[str, Any]]:
    """Convert a dict such as ``{"action": "fill", "selector": "#q", "value": "x"}`` to the list form."""
    options = {str(name): value for name, value in given.items()}
    if "action" not in options:
        raise ValueError(f'{what} has no "action": write something like {{"action": "click", "selector": "#more"}}')
    name = str(options.pop("action"))
    names = ("selector", *_OF_ELEMENTS[name]) if name in _OF_ELEMENTS else _OF_PAGES.get(name, ())
    missing = [each for each in names if each not in options]
    if missing:
        raise ValueError(f"{what}: {name} needs {' and '.join(missing)}")
    return [name, *(options.pop(each) for each in names)], options


def _shown(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) or value is None else f"{value!r:.40}"


def actions(given: object, what: str) -> tuple[PageAction, ...]:
    """Return the actions of a list.

    :param what: the name of the list, for errors.
    :raises TypeError: as for :func:`action`.
    :raises ValueError: as for :func:`action`.
    """
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise TypeError(f"{what} must be a list of actions, not {given!r:.80}")
    return tuple(action(each, f"{what}[{number}]") for number, each in enumerate(given))
