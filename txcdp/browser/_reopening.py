"""Reopens the pages of a browser that was restarted, at their URLs and in equivalent contexts."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred

from txcdp._core.outage import Replacement
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.domains import page, target
from txcdp.page import Page


class Reopening:
    """Follows a browser's pages, to reopen them.

    :param root: the browser's session.
    :param page_of: returns the page of a session, if the program has it as one.
    :param open_blank: opens an empty page in the context with an id, or in an equivalent one; fires with its target's
        id.
    """

    def __init__(
        self,
        root: Session,
        page_of: Callable[[Session], Page | None],
        open_blank: Callable[[str | None], Deferred[str]],
    ) -> None:
        self._root = root
        self._page_of = page_of
        self._open_blank = open_blank
        self._urls: WeakKeyDictionary[Session, str] = WeakKeyDictionary()

    def follow(self, followed: Page) -> None:
        """Keep track of a page's URL from now on."""
        session, urls = followed.session, self._urls
        if session not in urls:
            urls[session] = str(session.target.url) if session.target is not None else ""

        def went(event: page.FrameNavigated) -> None:
            if event.frame.parent_id is None and event.frame.unreachable_url is None:
                urls[session] = event.frame.url + (event.frame.url_fragment or "")

        def moved(event: page.NavigatedWithinDocument) -> None:
            if event.frame_id == followed.main_frame_id:
                urls[session] = event.url

        def failed(_: Exception) -> None:
            if session.crashed:
                self.follow(followed)

        session.events(page.NavigatedWithinDocument).subscribe(moved, ignore_failure)
        session.events(page.FrameNavigated).subscribe(went, failed)

    @returns_deferred
    async def replace(self, session: Session) -> Replacement | None:
        """Open a page in place of one that is gone, if the program has that as a ``Page``."""
        found = self._page_of(session)
        if found is None or session.target is None or found.context._closing:
            return None
        target_id = await self._open_blank(session.target.browser_context_id)
        info = (await self._root.execute(target.get_target_info(target_id=target_id))).target_info

        def settle() -> None:
            url = self._urls.get(session, "")
            if url not in ("", "about:blank"):
                session.execute(page.navigate(url=url), timeout=None).addErrback(ignore_failure)

        return Replacement(info, settle)
