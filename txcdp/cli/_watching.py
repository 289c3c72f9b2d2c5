"""A page made ready to be watched: what each of its targets has enabled, and what is answered for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from txcdp._core.sessions import AutoAttach, Session
from txcdp._deferreds import ignore_failure
from txcdp._following import enable
from txcdp.cli._selection import BASE
from txcdp.domains import browser, target
from txcdp.page._dialogs import Dialogs

#: Seconds for which a page's own process may keep the watching from starting.
_PATIENCE = 5.0


class Watching:
    """Enables what is watched in a page and in everything that it opens, before that runs.

    Dialogs are dismissed as they come, and a ``beforeunload`` accepted, so that they stop nothing.

    :param dialogs: sees to the answers.
    :param domains: what is enabled besides what every watched page has.
    :ivar opened: the sessions of the pop-ups that the page has opened.
    """

    def __init__(self, dialogs: Dialogs, domains: Sequence[str] = ()) -> None:
        self._dialogs = dialogs
        self._domains = (*BASE, *(each for each in domains if each not in BASE))
        self._below = AutoAttach(set_up=self._admit)
        self._ours: set[str] = set()
        self._others: set[str] = set()
        self.opened: list[Session] = []

    async def start(self, browser: Session, page: Session, target_id: str) -> None:
        """Begin with the page itself; returns when all of it is answered, whatever the answers are.

        A page's frames and workers are attached through its own session, but its pop-ups and shared workers through
        the browser's, which tells of everybody's. Kept are pages that were opened by ours, and shared workers that
        begin from now on: who began them is not told.
        """
        self._ours.add(target_id)
        self._others.update(each.target_id for each in (await browser.execute(target.get_targets())).target_infos)
        kinds = [target.FilterEntry(type=each) for each in ("page", "shared_worker")]
        above = AutoAttach(set_up=self._admit_above, keep=self._is_ours, recursive=False, filter=kinds)
        await all_of([*self._enable(page), self._below.start(page), above.start(browser)])

    def _is_ours(self, info: target.TargetInfo) -> bool:
        if info.target_id in self._others:
            return False
        return info.opener_id in self._ours or info.type == "shared_worker"

    def _admit_above(self, session: Session) -> None:
        if session.target is not None and session.target.type == "page":
            self._ours.add(session.target.target_id)
            self.opened.append(session)
        self._below.start(session).addErrback(ignore_failure)
        self._admit(session)

    def _admit(self, session: Session) -> None:
        for sent in self._enable(session):
            sent.addErrback(ignore_failure)

    def _enable(self, session: Session) -> list[Deferred[Any]]:
        return enable(session, self._domains, self._dialogs, timeout=_PATIENCE)


def discover(session: Session) -> Deferred[Any]:
    """Have the browser tell of all its targets (``Target.setDiscoverTargets``)."""
    return all_of([session.execute(target.set_discover_targets(discover=True))])


def keep_no_downloads(session: Session) -> Deferred[Any]:
    """Have a browser of our own keep no file that a page makes it download; that it began is told all the same."""
    return all_of([session.execute(browser.set_download_behavior(behavior="deny", events_enabled=True))])


def all_of(waiting: Iterable[Deferred[Any]]) -> Deferred[Any]:
    """Return a Deferred that fires with None when all have fired or failed."""
    done: Deferred[Any] = DeferredList(list(waiting), consumeErrors=True)
    return done.addCallback(lambda _: None)
