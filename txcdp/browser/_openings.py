"""Sets up targets before they run: pages that this program opens, their popups, and the workers of contexts.

A page that another page opens runs at once, and may read its size, its language or the time in its first script. So it
is attached to before that, through the browser (``Target.setAutoAttach``), and set up while it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from txcdp._core.sessions import AutoAttach, Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.browser._emulation import ContextEmulation
from txcdp.domains import target

#: The types of workers that belong to a context rather than to a page.
WORKERS: Final = ("service_worker", "shared_worker")


class Openings:
    """Sets up the pages of one browser before they run.

    :param root: the browser's session.
    :param made: returns the settings of the context with an id, if it was made here.
    :param of_opener: returns the settings of the context of a target's opener, if that is one of our pages.
    :param opened: called with each of these pages once it is set up, before it runs.
    :param wants_worker: returns whether a worker of a whole context is one of ours.
    :param worker_began: called with each of these workers, before it runs.
    """

    def __init__(
        self,
        root: Session,
        made: Callable[[str | None], ContextEmulation | None],
        of_opener: Callable[[target.TargetInfo], ContextEmulation | None],
        opened: Callable[[Session, target.TargetInfo], object],
        wants_worker: Callable[[target.TargetInfo], bool],
        worker_began: Callable[[Session, target.TargetInfo], object],
    ) -> None:
        self._root = root
        self._made = made
        self._of_opener = of_opener
        self._opened = opened
        self._wants_worker = wants_worker
        self._worker_began = worker_began
        self._creating = self._reopening = 0
        self._unclaimed: set[Session] = set()
        self._attaching = AutoAttach(
            set_up=self._set_up,
            keep=self._is_wanted,
            recursive=False,
            filter=[target.FilterEntry(type=each) for each in ("page", *WORKERS)],
        )
        self._started = False

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Keep targets that are attached automatically during the block: one may be the page that is being created."""
        self._creating += 1
        try:
            yield
        finally:
            self._creating -= 1
            if not self._creating:
                unclaimed, self._unclaimed = self._unclaimed, set()
                for session in unclaimed:
                    session.detach().addErrback(ignore_failure)

    @contextmanager
    def reopening(self) -> Iterator[None]:
        """Keep no target that is attached automatically during the block, because it replaces that of an existing
        session.
        """
        self._reopening += 1
        try:
            yield
        finally:
            self._reopening -= 1

    def claim(self, session: Session) -> None:
        """Note that a page was created here."""
        self._unclaimed.discard(session)

    def start(self) -> None:
        """Attach to popups from now on."""
        if not self._started:
            self._started = True
            self._start().addErrback(ignore_failure)

    @returns_deferred
    async def _start(self) -> None:
        """Attach to popups; in a separate browser session if the user's own commands attach to other targets."""
        session = self._root
        if session._auto_attaching.related:
            opened = (await session.execute(target.attach_to_browser_target())).session_id
            session = next(each for each in session._channel.sessions if each.id == opened)
            session.when_ended().addCallback(self._ended)
        await self._attaching.start(session)

    def _ended(self, _: object) -> None:
        self._started = False

    def _of(self, info: target.TargetInfo) -> ContextEmulation | None:
        """Return the owner of a page that was not created here."""
        made = self._made(info.browser_context_id)
        return made if made is not None else self._of_opener(info)

    def _is_wanted(self, info: target.TargetInfo) -> bool:
        if info.type in WORKERS:
            return self._wants_worker(info)
        if self._reopening and not self._creating and info.opener_id is None:
            return False
        return (self._creating > 0 and info.opener_id is None) or self._of(info) is not None

    def _set_up(self, session: Session) -> None:
        if session.target is None:
            return
        if session.kind in WORKERS:
            self._worker_began(session, session.target)
            return
        context = self._of(session.target)
        if context is not None:
            context.give_opened(session, context.opener(session.target))
            self._opened(session, session.target)
        else:
            self._unclaimed.add(session)
