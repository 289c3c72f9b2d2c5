"""The settings whose names begin with ``TXCDP_``, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from scrapy.settings import BaseSettings

from txcdp._arguments import refuse_other_options, unknown_name
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp.browser import ConnectionOptions, connect, launch
from txcdp.scrapy._checks import context_options, count, mapping, texts
from txcdp.scrapy._options import RenderOptions, wait_until

#: Options that other settings decide.
_DECIDED: Final = ("restart", "reconnect", "end_with_reactor")
#: The arguments of :func:`txcdp.launch` that can also be positional.
_LAUNCHED: Final = ("executable", "headless", "args", "profile", "transport")

_POLICY: Final = tuple(each.name for each in fields(ReconnectPolicy) if each.name not in ("reopen_pages", "wait"))


@dataclass(frozen=True)
class RenderSettings:
    """The settings of a crawler, checked.

    :ivar browsers: the number of browsers.
    :ivar contexts: the most contexts.
    :ivar pages: the most open pages.
    :ivar endpoint: the URL of a running browser, or of a gateway; None: browsers are launched.
    :ivar options: for :func:`txcdp.launch`, or :func:`txcdp.connect`.
    :ivar restart: when a browser that is gone is replaced.
    :ivar defaults: the defaults for requests' options.
    :ivar own_headers: lower-case names of headers that the browser sets itself.
    :ivar fallbacks: by scheme, the handlers that download the requests that are not for the browser.
    """

    browsers: int
    contexts: int
    pages: int
    endpoint: str | None
    options: dict[str, Any]
    restart: ReconnectPolicy
    defaults: RenderOptions
    own_headers: frozenset[str]
    fallbacks: dict[str, Any]


def settings_of(settings: BaseSettings) -> RenderSettings:
    """Return the checked settings.

    :raises TypeError: a setting has the wrong type.
    :raises ValueError: a setting is invalid.
    """
    for name in settings:
        if str(name).startswith("TXCDP_") and name not in DEFAULTS:
            raise ValueError(unknown_name("unknown setting", name, DEFAULTS))

    def get(name: str) -> Any:
        found = settings.get(name)
        if isinstance(found, str) and found.lstrip().startswith(("{", "[")):  # as a command line has it
            try:
                return json.loads(found)
            except ValueError as error:
                raise ValueError(f"{name} must be JSON if it is a str: {error}") from None
        return DEFAULTS[name] if found is None else found

    endpoint = get("TXCDP_ENDPOINT")
    if endpoint is not None and not isinstance(endpoint, str):
        raise TypeError(f"TXCDP_ENDPOINT must be a URL, such as 'http://127.0.0.1:9222', not {endpoint!r:.80}")
    options = mapping("TXCDP_LAUNCH", get("TXCDP_LAUNCH"))
    opening, besides = (launch, _LAUNCHED) if endpoint is None else (connect, ())
    refuse_other_options("TXCDP_LAUNCH", opening, options, _DECIDED, (*besides, *ConnectionOptions.__annotations__))
    verify = settings.getbool("DOWNLOAD_VERIFY_CERTIFICATES")
    given = {
        "ignore_https_errors": not verify,
        "service_workers": "block",
        **mapping("TXCDP_CONTEXT", get("TXCDP_CONTEXT")),
    }
    return RenderSettings(
        browsers=count("TXCDP_BROWSERS", get("TXCDP_BROWSERS")),
        contexts=count("TXCDP_CONTEXTS", get("TXCDP_CONTEXTS")),
        pages=count("TXCDP_PAGES", get("TXCDP_PAGES")),
        endpoint=endpoint,
        options=options,
        restart=_restart(get("TXCDP_RESTART")),
        defaults=RenderOptions(
            wait_until=wait_until("TXCDP_WAIT_UNTIL", get("TXCDP_WAIT_UNTIL")),
            context=context_options("TXCDP_CONTEXT", given),
            block=texts("TXCDP_BLOCK", get("TXCDP_BLOCK")),
        ),
        own_headers=frozenset(each.lower() for each in texts("TXCDP_BROWSER_HEADERS", get("TXCDP_BROWSER_HEADERS"))),
        fallbacks=mapping("TXCDP_FALLBACK_HANDLERS", get("TXCDP_FALLBACK_HANDLERS")),
    )


#: The settings and their defaults.
DEFAULTS: Final[Mapping[str, Any]] = {
    "TXCDP_BLOCK": (),
    "TXCDP_BROWSERS": 1,
    "TXCDP_BROWSER_HEADERS": (),
    "TXCDP_CONTEXT": {},
    "TXCDP_CONTEXTS": 8,
    "TXCDP_ENDPOINT": None,
    "TXCDP_FALLBACK_HANDLERS": {},
    "TXCDP_LAUNCH": {},
    "TXCDP_PAGES": 16,
    "TXCDP_RESTART": {},
    "TXCDP_WAIT_UNTIL": "load",
}


def _restart(value: object) -> ReconnectPolicy:
    given = mapping("TXCDP_RESTART", value)
    for name in given:
        if name not in _POLICY:
            raise ValueError(unknown_name("TXCDP_RESTART: unknown option", name, _POLICY))
        if isinstance(given[name], str | bytes):
            raise TypeError(f"TXCDP_RESTART: {name} must be a number, not {given[name]!r:.80}")
    try:
        return ReconnectPolicy(**{"initial_delay": 0.1, "max_delay": 30.0, "jitter": lambda: 0.0, **given})
    except (TypeError, ValueError) as error:
        raise type(error)(f"TXCDP_RESTART: {error}") from None
