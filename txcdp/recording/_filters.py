"""Which events are recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from txcdp._arguments import check_text, refuse_bare_string, warn_caller
from txcdp._url_patterns import warn_of_beginning
from txcdp.domains import DOMAINS, lookup
from txcdp.protocol import Event

#: Characters with a special meaning in a pattern.
_SIGNS: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Selects the events to record, and their targets; an empty setting excludes nothing.

    A recorder warns about settings that exclude everything by mistake: an event name that is not in the protocol as
    txcdp knows it, and a pattern that no URL matches.

    Notes (targets that came and went, gaps, dropped events) are always written.

    :ivar events: domains (``"Network"``), events (``"Page.frameNavigated"``) and patterns (``"Network.webSocket*"``).
    :ivar without: the same, for events to leave out.
    :ivar targets: types (``"page"``, ``"iframe"``, ``"worker"``, ...; the browser's own session is ``"browser"``) and
        ids of targets. ``"browser_ui"``, the pages that make up the browser's window, are recorded only if they are
        named here.
    :ivar urls: patterns for the URL of the target at the time of the event: ``"https://*.example.com/*"``. The
        browser's own session has no URL, so this leaves its events out.
    """

    events: Sequence[str] = ()
    without: Sequence[str] = ()
    targets: Sequence[str] = ()
    urls: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            refuse_bare_string(name, value)
            for each in value:
                check_text(name, each)

    def _warn_of_mistakes(self) -> None:
        """Warn of settings, written by the program itself, that exclude everything by mistake."""
        for each in (*self.events, *self.without):
            _warn_of_events(each)
        for each in self.urls:
            warn_of_beginning(each)

    def wants_event(self, method: str) -> bool:
        """Return whether an event of this name is recorded."""
        return (not self.events or _named(method, self.events)) and not _named(method, self.without)

    def wants_target(self, kind: str, target_id: str | None, url: str) -> bool:
        """Return whether events of a target are recorded."""
        if self.targets and kind not in self.targets and target_id not in self.targets:
            return False
        return not self.urls or any(fnmatchcase(url, each) for each in self.urls)

    def as_dict(self) -> dict[str, list[str]]:
        """Return the settings as a dict, for the recording."""
        parts = {"events": self.events, "without": self.without, "targets": self.targets, "urls": self.urls}
        return {name: list(part) for name, part in parts.items() if part}


def _named(method: str, names: Sequence[str]) -> bool:
    domain = method.partition(".")[0]
    return any(each in (domain, method) or fnmatchcase(method, each) for each in names)


def _warn_of_events(name: str) -> None:
    """Warn of names of events that do not exist; of a pattern only if its domain does not exist."""
    domain, dot, event = name.partition(".")
    if _SIGNS.search(domain) or (domain in DOMAINS and (not dot or _SIGNS.search(event))):
        return
    try:
        if issubclass(lookup(name), Event):
            return
        wrong = "is a command, not an event"
    except LookupError as error:
        wrong = f"matches no events: {error}"
    warn_caller(f"{name!r} {wrong}")
