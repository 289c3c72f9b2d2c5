"""Which pages get which viewport: those that this program opens, and those that they open themselves.

A page that another page opens runs at once, and may read its size in its first script. So it is attached to before
that, through the browser (``Target.setAutoAttach``), and gets its size while it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from txcdp._core.sessions import AutoAttach, Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.domains import page, target
from txcdp.page._viewport import ViewportSize, override

if TYPE_CHECKING:
    from txcdp.browser._context import BrowserContext


class Viewports:
    """Gives the pages of one browser their viewports.

    :param root: the browser's session.
    :param default: of pages in contexts that were not made here; None: they have their windows' sizes.
    :param context: returns the context of an id, where it was made here.
    """

    def __init__(
        self, root: Session, default: ViewportSize | None, context: Callable[[str | None], BrowserContext | None]
    ) -> None:
        self.default = default
        self._root = root
        self._context = context
        self._sizes: WeakKeyDictionary[Session, ViewportSize] = WeakKeyDictionary()
        self._asked: WeakKeyDictionary[Session, list[ViewportSize | None]] = WeakKeyDictionary()
        self._creating = 0
        self._unclaimed: dict[str, Session] = {}
        self._attaching = AutoAttach(
            set_up=self._set_up,
            keep=self._is_wanted,
            recursive=False,
            filter=[target.FilterEntry(type="page")],
        )
        self._started = False

    def of(self, session: Session) -> ViewportSize | None:
        """Return the size that a page was given when it was opened."""
        return self._sizes.get(session)

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Keep what is attached automatically meanwhile: it may be the page that is being created."""
        self._creating += 1
        try:
            yield
        finally:
            self._creating -= 1
            if not self._creating:
                unclaimed, self._unclaimed = self._unclaimed, {}
                for session in unclaimed.values():
                    session.detach().addErrback(ignore_failure)

    def claim(self, session: Session, size: ViewportSize | None) -> None:
        """Give a page that was created its size, and those that it opens theirs.

        :param size: of its context; None: it keeps its window's.
        """
        if session.target is not None:
            self._unclaimed.pop(session.target.target_id, None)
        if size is None or session in self._sizes:
            return
        self._give(session, size)
        if not self._started:
            self._started = True
            self._start().addErrback(ignore_failure)

    @returns_deferred
    async def _start(self) -> None:
        """Attach to what pages open; in a browser session of our own where the user has other targets attached to."""
        session = self._root
        if session._auto_attaching.related:
            opened = (await session.execute(target.attach_to_browser_target())).session_id
            session = next(each for each in session._channel.sessions if each.id == opened)
            session.when_ended().addCallback(self._ended)
        await self._attaching.start(session)

    def _ended(self, _: object) -> None:
        self._started = False

    def _give(self, session: Session, size: ViewportSize) -> None:
        self._sizes[session] = size
        session._insist(override(size)).addErrback(ignore_failure)
        # It tells what it wants for a window before that is attached to.
        asked = self._asked[session] = []
        session._observe(page.WindowOpen).subscribe(lambda event: asked.append(_size_in(event)), ignore_failure)

    def _opener(self, info: target.TargetInfo) -> Session | None:
        """Return the page with a size that has opened another one; not one that was detached from."""
        for each in self._sizes if info.opener_id is not None else ():
            if each.target is not None and each.target.target_id == info.opener_id and not each.ended:
                return each
        return None

    def _size_for(self, info: target.TargetInfo) -> ViewportSize | None:
        """Return what a page that was not created here is to have."""
        context = self._context(info.browser_context_id)
        if context is not None:
            return context.viewport
        return self.default if self._opener(info) is not None else None

    def _is_wanted(self, info: target.TargetInfo) -> bool:
        return (self._creating > 0 and info.opener_id is None) or self._size_for(info) is not None

    def _set_up(self, session: Session) -> None:
        if session.target is None:
            return
        size, opener = self._size_for(session.target), self._opener(session.target)
        asked = self._asked.get(opener) if opener is not None else None
        if size is not None:
            self._give(session, (asked.pop(0) if asked else None) or size)
        else:
            self._unclaimed[session.target.target_id] = session


def _size_in(event: page.WindowOpen) -> ViewportSize | None:
    """Return the size that a page wants for a window, where it says so."""
    said = dict(feature.partition("=")[::2] for feature in event.window_features)
    width, height = said.get("width", ""), said.get("height", "")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        return None
    return ViewportSize(width=int(width), height=int(height))
