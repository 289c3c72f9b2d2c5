"""Pages that ``/json/list`` offers before anybody has opened them: which token is offered which one, and how long.

An offered page stays the same until somebody opens it, so that a client that lists twice sees the same page twice.
Clients that were offered the same page cannot be told apart, only counted: as many as were offered it while it was
reserved get a browser each, and only further ones reach the page that somebody has open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from txcdp._deferreds import Timer
from txcdp._reactor import Clock
from txcdp._recent import Recent
from txcdp.chrome._descriptions import TargetDescription

B = TypeVar("B")

#: The maximum number of offered pages remembered.
_MOST = 10_000


class Offer(Generic[B]):
    """An offered page, and the token that it was offered to.

    :param who: the token's name.
    :param page: the page's description, as clients see it.
    :param browser: the browser that is kept for it; None: one is found when somebody opens the page.
    :ivar handed: the times at which it was handed out, for each time that nobody has come for yet.
    """

    def __init__(self, who: str, page: TargetDescription, browser: B | None) -> None:
        self.who = who
        self.page = page
        self.id = page.id or ""
        self.browser = browser
        self.handed: deque[float] = deque(maxlen=_MOST)


class Offers(Generic[B]):
    """All offers that were made.

    :param clock: the reactor.
    :param seconds: how long an offered page is kept after it was last handed out.
    :param let_go: called with a browser that need not be kept any more, because nobody has come.
    """

    def __init__(self, clock: Clock, seconds: float, let_go: Callable[[B], object]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._let_go = let_go
        self._current: dict[str, tuple[Offer[B], Timer]] = {}
        self._known: Recent[tuple[str, str], Offer[B]] = Recent(_MOST)

    def current(self, who: str) -> Offer[B] | None:
        """Return the current offer for a token."""
        found = self._current.get(who)
        return None if found is None else found[0]

    def add(self, who: str, page: TargetDescription, browser: B | None) -> Offer[B]:
        """Offer a page to a token, in place of its previous offer."""
        self.withdraw(who)
        offer = Offer(who, page, browser)
        self._current[who] = (offer, Timer(self._clock, lambda: self.withdraw(who)))
        self._known[who, offer.id] = offer
        return offer

    def hand_out(self, who: str) -> None:
        """Note that a token was sent its offer."""
        offer, kept = self._current[who]
        offer.handed.append(self._clock.seconds())
        kept.restart(self._seconds)

    def find(self, who: str, page_id: str) -> Offer[B] | None:
        """Return the offer with this id for a token; None if there is none."""
        return self._known.get((who, page_id))

    def is_awaited(self, offer: Offer[B]) -> bool:
        """Return whether somebody who was sent an offer is still to come."""
        while offer.handed and self._clock.seconds() - offer.handed[0] > self._seconds:
            offer.handed.popleft()
        return bool(offer.handed)

    def open(self, offer: Offer[B]) -> B | None:
        """Accept an offer; return the browser that was kept for it, if it still is."""
        if offer.handed:
            offer.handed.popleft()
        browser, offer.browser = offer.browser, None
        if self.current(offer.who) is offer:
            self._current.pop(offer.who)[1].stop()
        return browser

    def withdraw(self, who: str) -> None:
        """Stop keeping anything for a token; the ids that it was offered stay valid."""
        found = self._current.pop(who, None)
        if found is not None:
            offer, kept = found
            kept.stop()
            browser, offer.browser = offer.browser, None
            if browser is not None:
                self._let_go(browser)

    def forget(self, who: str, page_id: str) -> None:
        """Forget an id, because its browser is gone."""
        self._known.pop((who, page_id), None)

    def longest_kept(self) -> str | None:
        """Return the token for which a browser has been kept for the longest time."""
        return next((who for who, (offer, _) in self._current.items() if offer.browser is not None), None)

    def stop(self) -> None:
        """Stop keeping anything."""
        for who in list(self._current):
            self.withdraw(who)
