"""Prepares a page for watching: what is enabled in each of its targets, and what is answered for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from txcdp._core.sessions import Session
from txcdp._following import Following, OpenedBy, enabling
from txcdp.cli._selection import BASE
from txcdp.domains import browser, target
from txcdp.page._dialogs import PageDialogs

#: Seconds for which a page's own process may delay the start.
_PATIENCE = 5.0


class Watching:
    """Enables what is watched in a page and in everything that it opens, before that runs.

    Dialogs are dismissed as they open, and a ``beforeunload`` is accepted, so that they block nothing.

    :param dialogs: sends the answers.
    :param domains: the domains to enable in addition to those of every watched page.
    :ivar opened: the sessions of the popups that the page has opened.
    """

    def __init__(self, dialogs: PageDialogs, domains: Sequence[str] = ()) -> None:
        self._dialogs = dialogs
        self._domains = (*BASE, *(each for each in domains if each not in BASE))
        self._page: Session | None = None
        self.opened: list[Session] = []

    async def start(self, browser: Session, page: Session) -> None:
        """Start with the page itself; the Deferred fires when everything is answered, whatever the answers."""
        self._page = page
        there = (await browser.execute(target.get_targets())).target_infos
        following = Following(
            OpenedBy(each.target_id for each in there),
            enabling(self._domains),
            answer_dialogs=self._dialogs.follow,
            begin=self._begins,
            timeout=_PATIENCE,
        )
        await all_of([*following.follow(page), following.start(browser)])

    def _begins(self, session: Session) -> None:
        if session.kind == "page" and session is not self._page:
            self.opened.append(session)


def discover(session: Session) -> Deferred[Any]:
    """Make the browser report all its targets (``Target.setDiscoverTargets``)."""
    return all_of([session.execute(target.set_discover_targets(discover=True))])


def keep_no_downloads(session: Session) -> Deferred[Any]:
    """Make a browser of our own keep no downloads; that one has started is reported all the same."""
    return all_of([session.execute(browser.set_download_behavior(behavior="deny", events_enabled=True))])


def all_of(waiting: Iterable[Deferred[Any]]) -> Deferred[Any]:
    """Return a Deferred that fires with None when all have fired or failed."""
    done: Deferred[Any] = DeferredList(list(waiting), consumeErrors=True)
    return done.addCallback(lambda _: None)
