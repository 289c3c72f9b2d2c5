"""Which events are printed: ``--events network,page.loadEventFired``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from txcdp._arguments import did_you_mean, fold_name
from txcdp._core.sessions.enabling import NEEDS, TAKES_DECISIONS
from txcdp.domains import DOMAINS, PLAIN_ENABLE
from txcdp.protocol import Event

#: The domains that are always enabled for a watched page: the lines and the summary need them.
BASE = ("Network", "Page", "Runtime", "Log")


#: The replacements of deprecated domains.
_MEANT = {"Console": ("Runtime", "Log")}


class UnknownEvent(ValueError):
    """A name that is no domain's and no event's; the message says what is near."""


@dataclass(frozen=True)
class Selection:
    """The set of events that were asked for.

    :ivar domains: the domains of which all events are printed, in their special format if there is one.
    :ivar events: the individual events, by the protocol's names.
    """

    domains: frozenset[str]
    events: frozenset[str]

    def wants(self, method: str) -> bool:
        """Return whether an event was asked for, by itself or with its domain."""
        return method in self.events or method.partition(".")[0] in self.domains

    @property
    def enabling(self) -> list[str]:
        """The domains that have to be enabled for it, besides :data:`BASE`, in order."""
        wanted: list[str] = []
        for domain in sorted(self._all_domains):
            if domain in PLAIN_ENABLE and domain not in TAKES_DECISIONS and domain not in BASE:
                wanted += [each for each in (NEEDS.get(domain), domain) if each and each not in wanted]
        return wanted

    @property
    def silent(self) -> list[str]:
        """The domains that are not enabled, because that would change what the page does."""
        return sorted(self._all_domains & TAKES_DECISIONS)

    @property
    def _all_domains(self) -> set[str]:
        return {*self.domains, *(each.partition(".")[0] for each in self.events)}


def parse(text: str) -> Selection:
    """Read a list of names of domains and events, separated by commas, in any case, with or without underscores.

    :raises UnknownEvent: one of them is none.
    """
    domains: set[str] = set()
    events: set[str] = set()
    for name in filter(None, (each.strip() for each in text.split(","))):
        domain, dot, event = name.partition(".")
        found = _find(domain, DOMAINS)
        if found is None:
            raise UnknownEvent(f"unknown domain {domain!r}" + did_you_mean(domain, DOMAINS, 3, "; "))
        if dot and event != "*":
            events.add(f"{found}.{_event(found, event)}")
        elif not names(found):
            raise UnknownEvent(f"the domain {found} has no events")
        else:
            domains.update(_MEANT.get(found, (found,)))
    if not domains and not events:
        raise UnknownEvent("no event is named")
    return Selection(frozenset(domains), frozenset(events))


def names(domain: str) -> list[str]:
    """Return the names of a domain's events, without the domain's."""
    module = import_module(f"txcdp.domains.{DOMAINS[domain]}")
    return [
        each.method.partition(".")[2]
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Event) and each is not Event
    ]


def _event(domain: str, name: str) -> str:
    known = names(domain)
    found = _find(name, known)
    if found is None:
        raise UnknownEvent(f"{domain} has no event {name!r}" + did_you_mean(name, known, 3, "; "))
    return found


def _find(name: str, known: Iterable[str]) -> str | None:
    return next((each for each in known if fold_name(each) == fold_name(name)), None)
