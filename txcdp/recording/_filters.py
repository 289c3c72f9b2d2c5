"""What of everything is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from txcdp._arguments import refuse_bare_string


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which events are recorded, of which targets; what is empty excludes nothing.

    Notes (which targets came and went, gaps, drops) are written in any case.

    :ivar events: domains (``"Network"``), events (``"Page.frameNavigated"``) and patterns (``"Network.webSocket*"``).
    :ivar without: the same, of events that are not wanted.
    :ivar targets: types (``"page"``, ``"iframe"``, ``"worker"``, ...; the browser's own session is ``"browser"``) and
        ids of targets. The pages that the browser's window is made of, ``"browser_ui"``, are recorded only where they
        are named here.
    :ivar urls: patterns for the URL of the target, as it is when the event comes: ``"https://*.example.com/*"``. The
        browser's own session has none, so that its events are left out then.
    """

    events: Sequence[str] = ()
    without: Sequence[str] = ()
    targets: Sequence[str] = ()
    urls: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            refuse_bare_string(name, value)

    def wants_event(self, method: str) -> bool:
        """Return whether an event is recorded, by its name."""
        return (not self.events or _named(method, self.events)) and not _named(method, self.without)

    def wants_target(self, kind: str, target_id: str | None, url: str) -> bool:
        """Return whether events of a target are recorded."""
        if self.targets and kind not in self.targets and target_id not in self.targets:
            return False
        return not self.urls or any(fnmatchcase(url, each) for each in self.urls)

    def as_dict(self) -> dict[str, list[str]]:
        """Return the settings as a dict, for the record."""
        parts = {"events": self.events, "without": self.without, "targets": self.targets, "urls": self.urls}
        return {name: list(part) for name, part in parts.items() if part}


def _named(method: str, names: Sequence[str]) -> bool:
    domain = method.partition(".")[0]
    return any(each in (domain, method) or fnmatchcase(method, each) for each in names)
