"""The advice for a command that was refused because it belongs to another session, or to none."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
from typing import Final

from txcdp.protocol._error_codes import METHOD_NOT_FOUND, SERVER_ERROR
from txcdp.protocol._records import Command

#: Domains that have commands on the browser's own session.
_OF_THE_BROWSER: Final = frozenset(
    {"Browser", "Extensions", "IO", "PWA", "Security", "Storage", "SystemInfo", "Target", "Tethering", "Tracing"}
)

#: How Chromium refuses what is only allowed on the browser's own session.
_BROWSER_ALONE: Final = re.compile(r"Not allowed\.?|.*only supported on the browser target.*")


def advise(method: str, code: int, message: str, kind: str | None) -> str:
    """Return advice about a refusal, in words; ``""`` if there is none.

    :param kind: the type of the session's target; None for the root session.
    """
    domain = method.partition(".")[0]
    if code == SERVER_ERROR and domain in _OF_THE_BROWSER and _BROWSER_ALONE.fullmatch(message):
        return _for_the_browser(kind)
    if code != METHOD_NOT_FOUND:
        return ""
    known = _methods(domain)
    if known and method not in known:
        near = difflib.get_close_matches(method, known, 3, 0.7)
        return f"did you mean {' or '.join(near)}?" if near else ""
    if kind is None:
        if not known or domain in _OF_THE_BROWSER:
            return ""
        return "this is the browser's own session: send page commands on the page's session, page.session.execute(...)"
    if domain in _OF_THE_BROWSER:
        return _for_the_browser(kind)
    return "" if kind == "page" or not known else f"this is a session of a {kind}, which has no such command"


def _for_the_browser(kind: str | None) -> str:
    if kind is None:
        return "the connection leads to a single target: connect to the browser, as http://host:port"
    return (
        f"this is a session of a {kind}: send browser commands on the browser's session, browser.session.execute(...)"
    )


def _methods(domain: str) -> frozenset[str]:
    """Return the commands of a domain that the bindings know."""
    name = f"txcdp.domains.{_snake(domain)}"
    if not domain.isalnum() or not domain.isascii() or importlib.util.find_spec(name) is None:
        return frozenset()
    found = vars(importlib.import_module(name)).values()
    return frozenset(
        each.method for each in found if inspect.isclass(each) and issubclass(each, Command) and each is not Command
    )


def _snake(name: str) -> str:
    """Return the name of a domain's module."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
