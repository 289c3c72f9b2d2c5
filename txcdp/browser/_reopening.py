"""The pages of a browser that was started anew: opened again, in contexts like theirs, where they had been."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from txcdp._core.outage import Replacement
from txcdp._core.sessions import Session
from txcdp._deferreds import returns_deferred
from txcdp.domains import page, target
from txcdp.errors import CommandError

if TYPE_CHECKING:
    from txcdp.browser._browser import Browser
    from txcdp.browser._context import BrowserContext
    from txcdp.page import Page


class Reopening:
    """Follows a browser's pages, to open them again.

    :param browser: whose they are.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: dict[str, BrowserContext] = {}  # by each id that they have had
        self._urls: WeakKeyDictionary[Session, str] = WeakKeyDictionary()

    def follow(self, tab: Page) -> None:
        """Note where a page goes from now on."""
        session, urls = tab.session, self._urls
        if session not in urls:
            urls[session] = str(session.target.url) if session.target is not None else ""

        def went(event: page.FrameNavigated) -> None:
            if event.frame.parent_id is None and event.frame.unreachable_url is None:
                urls[session] = event.frame.url + (event.frame.url_fragment or "")

        def moved(event: page.NavigatedWithinDocument) -> None:
            if event.frame_id == tab.main_frame_id:
                urls[session] = event.url

        def failed(_: Exception) -> None:
            if session.crashed:
                self.follow(tab)

        session.events(page.NavigatedWithinDocument).subscribe(moved, lambda _: None)
        session.events(page.FrameNavigated).subscribe(went, failed)

    def add_context(self, context: BrowserContext) -> None:
        """Keep a context in mind: pages of it are opened in one like it."""
        self._contexts = {key: each for key, each in self._contexts.items() if not each.closed}
        self._contexts[context.id] = context

    @property
    def contexts(self) -> list[BrowserContext]:
        """The contexts that were made and have not been closed."""
        return [each for each in set(self._contexts.values()) if not each.closed]

    @returns_deferred
    async def replace(self, session: Session) -> Replacement | None:
        """Open a page in the place of one that is gone; only of those that this program has as a ``Page``."""
        tab = self._browser.page_of(session)
        if tab is None or session.target is None:
            return None
        context = self._contexts.get(session.target.browser_context_id or "")
        root = self._browser.session
        if context is None:
            created = await root.execute(target.create_target(url="about:blank"))
        else:
            try:
                created = await root.execute(target.create_target(url="about:blank", browser_context_id=context.id))
            except CommandError:  # it is gone, too
                context.id = (await root.execute(context.made_by)).browser_context_id
                self._contexts[context.id] = context
                created = await root.execute(target.create_target(url="about:blank", browser_context_id=context.id))
        info = (await root.execute(target.get_target_info(target_id=created.target_id))).target_info

        def settle() -> None:
            url = self._urls.get(session, "")
            if url not in ("", "about:blank"):
                session.execute(page.navigate(url=url), timeout=None).addErrback(_needless)

        return Replacement(info, settle)


def _needless(failure: object) -> None:
    """Whoever needs what has failed here is told by what it does itself."""
