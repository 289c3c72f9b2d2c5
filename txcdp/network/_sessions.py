"""The sessions that tell what goes over the network, and how much of that is read.

Nobody pays for what nobody has asked for. As long as nobody listens to the network, messages are not decoded: of each
request that is under way its messages are kept as they came, until it ends, so that whoever comes late learns of what
is under way exactly. Only the requests of navigations are followed from their beginning, as ``goto`` returns their
responses. From the first subscriber on all of them are; once the last has left, those that have begun are followed to
their ends.
"""

from __future__ import annotations

from typing import Final

from txcdp._core.sessions import Session
from txcdp._core.sessions.streams import Inputs
from txcdp._following import ModelFeed
from txcdp.model import BrowserModel
from txcdp.network._unfollowed import Unfollowed


class NetworkSessions:
    """The sessions of a page or a worker, from which a model is fed with what goes over the network.

    :param feed: feeds the model.
    :ivar unfollowed: the requests that nobody follows.
    :ivar heard: whether the network's events are told, be they read or not.
    :ivar listening: whether all requests are followed.
    :ivar catching_up: whether what was kept of earlier ones is being read.
    """

    #: What the model is fed with.
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
        """Follow what a session says.

        :param key: what it is called in the model; None: by its id, which may change with its line.
        """
        take = lambda event: self._feed.take(session.id or "" if key is None else key, event)  # noqa: E731
        self._sessions.append(session)
        session._feed_into(self.EVENTS, take, ended=lambda _: self._sessions.remove(session), wants=self._wants)
        if self.heard:
            session._keep_enabled("Network")

    def hear(self) -> None:
        """Have the network's events told from now on, in all sessions."""
        if not self.heard:
            self.heard = True
            for session in self._sessions:
                session._keep_enabled("Network")

    def prepare(self) -> None:
        """Have the network's events told that a first navigation is going to ask for."""
        for session in self._sessions:
            session._prepare("Network")

    def _wants(self, source: Inputs, method: str, message: bytes) -> bool:
        """Return whether a message is taken now; those of what somebody may follow later are kept."""
        return self.listening or self.unfollowed.wants(source, method, message)

    def use(self) -> None:
        """Follow all requests from now on, and those that are under way; until :meth:`leave`."""
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
        """Follow no more requests, where nobody else does; those that have begun are followed to their ends."""
        self._users -= 1
        self.listening = self._users > 0

    def lost(self, key: str) -> None:
        """Take note that the line to a session was lost."""
        self.unfollowed.forget()
        self._feed.lose(key)
