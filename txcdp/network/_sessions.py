"""The sessions that report network activity, and how much of it is decoded.

Nothing costs anything until it is asked for. While nobody subscribes to network activity, messages are not decoded: the
messages of each request in progress are kept unread until it ends, so that a late subscriber still gets exact
information about these requests. Only the requests of navigations are followed from the start, because ``goto`` returns
their responses. From the first subscriber on, all requests are followed; once the last has left, those that have begun
are followed to their ends.
"""

from __future__ import annotations

from typing import Final

from txcdp._core.sessions import Session
from txcdp._core.sessions.streams import Inputs
from txcdp._following import ModelFeed
from txcdp.model import BrowserModel
from txcdp.network._unfollowed import Unfollowed


class NetworkSessions:
    """The sessions of a page or a worker, from which a model is fed with network activity.

    :param feed: feeds the model.
    :ivar unfollowed: the requests that are not followed.
    :ivar heard: whether the network's events are enabled, whether or not they are decoded.
    :ivar listening: whether all requests are followed.
    :ivar catching_up: whether the kept messages of earlier requests are being decoded.
    """

    #: The events that the model is fed with.
    EVENTS: Final = BrowserModel().wants("exchanges")

    def __init__(self, feed: ModelFeed) -> None:
        self.unfollowed = Unfollowed(feed.model)
        self.listening = False
        self.catching_up = False
        self._feed = feed
        self._sessions: list[Session] = []
        self.heard = False
        self._users = 0

    def listen(self, session: Session, key: str | None = None) -> None:
        """Follow a session.

        :param key: its key in the model; None: its id, which may change after a reconnect.
        """
        take = lambda event: self._feed.take(session.id or "" if key is None else key, event)  # noqa: E731
        self._sessions.append(session)
        session._feed_into(self.EVENTS, take, ended=lambda _: self._sessions.remove(session), wants=self._wants)
        if self.heard:
            session._keep_enabled("Network")

    def hear(self) -> None:
        """Enable the network's events in all sessions."""
        if not self.heard:
            self.heard = True
            for session in self._sessions:
                session._keep_enabled("Network")

    def prepare(self) -> None:
        """Enable the network's events that a first navigation is going to need."""
        for session in self._sessions:
            session._prepare("Network")

    def _wants(self, source: Inputs, method: str, message: bytes) -> bool:
        """Return whether a message is decoded now; messages that may be needed later are kept."""
        return self.listening or self.unfollowed.wants(source, method, message)

    def use(self) -> None:
        """Follow all requests, including those in progress, until :meth:`leave`."""
        self._users += 1
        if self.listening:
            return
        self.listening = True
        self.hear()
        self.catching_up = True
        try:
            self.unfollowed.deliver_all()
        finally:
            self.catching_up = False

    def leave(self) -> None:
        """Follow no further requests, unless somebody else does; those that have begun are followed to their ends."""
        self._users -= 1
        self.listening = self._users > 0

    def lost(self, key: str) -> None:
        """Note that the transport of a session was lost."""
        self.unfollowed.forget()
        self._feed.lose(key)
