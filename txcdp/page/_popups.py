"""Popups: the pages that a page opens, and its opener."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING
from weakref import ref

from txcdp._core.sessions import Session
from txcdp.domains import page

if TYPE_CHECKING:
    from txcdp.page._page import Page


class Popups:
    """The pages that one page opens, and its opener.

    :param session: the page's session.
    :param opener: the page that opened it.
    """

    def __init__(self, session: Session, opener: Page | None) -> None:
        self._opener = None if opener is None else ref(opener)
        self._urls: deque[str] = deque(maxlen=100)
        self.hear(session)

    def hear(self, session: Session) -> None:
        """Listen for popups opened by the frames of a session."""
        session._feed_into((page.WindowOpen,), self._window_opens)

    @property
    def opener(self) -> Page | None:
        """The page that has opened this one, while it is open."""
        opener = None if self._opener is None else self._opener()
        return None if opener is None or opener.session.ended else opener

    def is_going_somewhere(self) -> bool:
        """Consume the record of the next popup, and return whether it will load another document than the empty one."""
        url = self._urls.popleft() if self._urls else ""
        return url not in ("", "about:blank") and not url.startswith("javascript:")

    def _window_opens(self, event: page.WindowOpen) -> None:
        self._urls.append(event.url)
