"""What the pages of a context are given, as its options say, which may be changed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import emulation, page, target
from txcdp.page._emulation import PageEmulation
from txcdp.page._options import ContextOptions
from txcdp.page._settings import Given, Settings, in_time
from txcdp.page._viewport import ViewportSize


class ContextEmulation:
    """The settings that the pages of one context are given.

    :param options: of the context.
    :param begin: called when there is something that pages are to be given.
    """

    def __init__(self, options: ContextOptions, begin: Callable[[], object]) -> None:
        self._settings = Settings(options)
        self._begin = begin
        self._pages: WeakKeyDictionary[Session, PageEmulation] = WeakKeyDictionary()
        self._asked: WeakKeyDictionary[Session, list[ViewportSize | None]] = WeakKeyDictionary()
        self._sharing: WeakSet[Session] = WeakSet()

    @property
    def options(self) -> ContextOptions:
        """What holds now."""
        return self._settings.options

    def opener(self, info: target.TargetInfo) -> Session | None:
        """Return the page that has opened another one; not one that was detached from."""
        for each in self._pages if info.opener_id is not None else ():
            if each.target is not None and each.target.target_id == info.opener_id and not each.ended:
                return each
        return None

    def give(self, session: Session, own: ContextOptions | None = None) -> PageEmulation:
        """Give a page all that it is to have, whatever opened it.

        :param own: what it has instead.
        """
        known = self._pages.get(session)
        if known is not None:
            return known
        given = self._pages[session] = PageEmulation(session, lambda: self.options, own)
        # It counts as visible and focused, whichever is in front: its timers and animations run.
        session._insist(emulation.set_focus_emulation_enabled(enabled=True)).addErrback(ignore_failure)
        given.give()
        if any(value is not None for value in given.options.values()):
            self._begin()
        if given.viewport is not None:
            self._asked[session] = []
            self.hear_windows(session, session)
        return given

    def hear_windows(self, opener: Session, session: Session) -> None:
        """Listen to what a page wants for windows that it opens, which it tells before they are attached to.

        :param opener: the page's.
        :param session: in which it tells: this one, or that of a frame of it in another process.
        """
        asked = self._asked.get(opener)
        if asked is not None:
            session._feed_into((page.WindowOpen,), lambda event: asked.append(_size_in(event)))

    def given(self, session: Session) -> PageEmulation:
        """Return what a page has been given; one that was found gets all but the size, which others may have set."""
        known = self._pages.get(session)
        if known is None:
            return self.give(session, ContextOptions(viewport=None, screen=None))
        if session in self._sharing:  # it may have gone to another process before anybody heard of that
            known.say_again()
        return known

    def give_opened(self, session: Session, opener: Session | None) -> PageEmulation:
        """Give a page all that it is to have that another page has opened, perhaps in a size that this one wants."""
        asked = self._asked.get(opener) if opener is not None else None
        size = asked.pop(0) if asked else None
        if opener is not None and (self.options.get("locale") or self.options.get("timezone_id")):
            for each in (opener, session):
                self._share(each)
        return self.give(session, None if size is None else ContextOptions(viewport=size, screen=None))

    def give_worker(self, session: Session) -> None:
        """Give a worker that is of the whole context what it is to have."""
        given = self._pages[session] = PageEmulation(session, lambda: self.options)
        given.give()

    def change(self, timeout: float | None, options: ContextOptions) -> Deferred[None]:
        """Give other things to all pages, those that are open and those that come.

        Where the browser refuses something for a page, all have again what they had: pages that come would be refused
        it, too.

        :param timeout: seconds for the pages to answer.
        :returns: fires with None when all pages have it; fails as ``PageEmulation.when_given``.
        """
        return in_time(self._settings.change(options, self._give_all), timeout, self._pages)

    def _give_all(self, asked: ContextOptions) -> list[Given]:
        """Give all pages what holds now, in one write; see ``PageEmulation.give``."""
        if asked:
            self._begin()
        return [given for each in list(self._pages.values()) for given in each.give(asked)]

    def _share(self, session: Session) -> None:
        """Take note that a page may share its process with others: what this one has of time and language is theirs."""
        if session in self._sharing:
            return
        self._sharing.add(session)

        def say_again(_: object) -> None:
            for each in list(self._sharing):
                given = self._pages.get(each)
                if given is not None:
                    given.say_again()

        session.when_ended().addCallback(say_again)
        session._observe(page.FrameNavigated).subscribe(say_again, ignore_failure)


def _size_in(event: page.WindowOpen) -> ViewportSize | None:
    """Return the size that a page wants for a window, where it says so."""
    said = dict(feature.partition("=")[::2] for feature in event.window_features)
    width, height = said.get("width", ""), said.get("height", "")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        return None
    return ViewportSize(width=int(width), height=int(height))
