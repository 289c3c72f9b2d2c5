"""The emulation settings of the pages of a context, which begin with its options and may be changed later."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import emulation, page, target
from txcdp.page._emulation import PageEmulation
from txcdp.page._options import ContextOptions
from txcdp.page._settings import SettingCommands, Settings, in_time
from txcdp.page._viewport import ViewportSize


class ContextEmulation:
    """The settings for the pages of one context.

    :param options: the context's options.
    :param begin: called when there are settings to apply.
    """

    def __init__(self, options: ContextOptions, begin: Callable[[], object]) -> None:
        self._settings = Settings(options)
        self._begin = begin
        self._pages: WeakKeyDictionary[Session, PageEmulation] = WeakKeyDictionary()
        self._asked: WeakKeyDictionary[Session, list[ViewportSize | None]] = WeakKeyDictionary()
        self._sharing: WeakSet[Session] = WeakSet()

    @property
    def options(self) -> ContextOptions:
        """The current settings."""
        return self._settings.options

    def opener(self, info: target.TargetInfo) -> Session | None:
        """Return a page's opener, unless that was detached from."""
        for each in self._pages if info.opener_id is not None else ():
            if each.target is not None and each.target.target_id == info.opener_id and not each.ended:
                return each
        return None

    def give(self, session: Session, own: ContextOptions | None = None) -> PageEmulation:
        """Apply all settings to a page, whatever opened it.

        :param own: settings of the page that take precedence.
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
        """Listen for the sizes of windows that a page opens, which are reported before these are attached to.

        :param opener: the page's emulation.
        :param session: the session that reports them: the page's, or that of a frame in another process.
        """
        asked = self._asked.get(opener)
        if asked is not None:
            session._feed_into((page.WindowOpen,), lambda event: asked.append(_size_in(event)))

    def given(self, session: Session) -> PageEmulation:
        """Return the settings applied to a page; for an existing page all but the size, which others may have set."""
        known = self._pages.get(session)
        if known is None:
            return self.give(session, ContextOptions(viewport=None, screen=None))
        if session in self._sharing:  # it may have gone to another process before anybody heard of that
            known.say_again()
        return known

    def give_opened(self, session: Session, opener: Session | None) -> PageEmulation:
        """Apply all settings to a page that another page opened, perhaps with a size that this one requested.

        If the opener is as large as its window, so is this one: its window has the size that was requested.
        """
        asked = self._asked.get(opener) if opener is not None else None
        size = asked.pop(0) if asked else None
        if opener is not None and (self.options.get("locale") or self.options.get("timezone_id")):
            for each in (opener, session):
                self._share(each)
        of_window = opener is not None and self._pages[opener].viewport is None
        own = ContextOptions(viewport=size, screen=None) if size is not None or of_window else None
        return self.give(session, own)

    def give_worker(self, session: Session) -> None:
        """Apply the settings to a worker of the whole context."""
        given = self._pages[session] = PageEmulation(session, lambda: self.options)
        given.give()

    def change(self, timeout: float | None, options: ContextOptions) -> Deferred[None]:
        """Change settings for all pages, current and later ones.

        If the browser refuses a setting for a page, all pages get the previous one: later pages would be refused it,
        too.

        :param timeout: seconds for the pages to answer.
        :returns: a Deferred that fires with None when all pages have them; it fails like that of
            ``PageEmulation.when_given``.
        """
        return in_time(self._settings.change(options, self._give_all), timeout, self._pages)

    def _give_all(self, asked: ContextOptions) -> list[SettingCommands]:
        """Apply the current settings to all pages, in one write; see ``PageEmulation.give``."""
        if asked:
            self._begin()
        return [given for each in list(self._pages.values()) for given in each.give(asked)]

    def _share(self, session: Session) -> None:
        """Note that a page may share its process with others, and so its time zone and locale."""
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
    """Return the size that a page requests for a window, if any."""
    said = dict(feature.partition("=")[::2] for feature in event.window_features)
    width, height = said.get("width", ""), said.get("height", "")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        return None
    return ViewportSize(width=int(width), height=int(height))
