"""The browser of a replay: sessions, pages and streams like a live one's, on a connection that plays a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._following import ModelFeed
from txcdp.browser import Browser, BrowserContext
from txcdp.domains import target
from txcdp.domains.page import GetFrameTreeResult
from txcdp.health import HealthEvent, LineLost, Reconnected
from txcdp.model import BrowserModel, Change
from txcdp.page import Page
from txcdp.protocol import Event
from txcdp.protocol._wire import EventDecoder, peek_method, split_event
from txcdp.recording._entries import NoteEntry
from txcdp.recording._recorded_frames import tree_in
from txcdp.streams import Stream, StreamSubject

#: Whatever is attached stays attached, whoever asked for it: the recording decides what ends.
_EVERYTHING: Final = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True, "filter": [{}]}


class RecordedBrowser(Browser):
    """A recorded browser; made by :func:`replay`.

    It is a :class:`~txcdp.browser.Browser` on a connection that carries the recorded messages: its sessions, pages and
    streams begin, emit and end as they did in the recording. Commands are answered by the rules of :func:`replay`.

    :param connection: the connection.
    :param played: returns the messages and notes that were played so far.
    """

    def __init__(self, connection: Connection, played: Callable[[], Iterable[bytes | NoteEntry]]) -> None:
        super().__init__(connection)
        self._played = played
        self._model: BrowserModel | None = None
        self._feed: ModelFeed | None = None
        self._changes: StreamSubject[Change] = StreamSubject(connection.context, "changes")
        self._all_pages: dict[Session, Page] = {}
        self._before_loss: list[str] = []
        self.session._feed_into(ended=self._changes.end)
        connection.attached.subscribe(self._attached, ignore_failure)
        connection.health.subscribe(self._felt, ignore_failure)
        self._keep_all(self.session)

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open at the moment, the browser's own first."""
        return self.connection.sessions

    @property
    def pages(self) -> list[Page]:
        """The pages that are open at the moment, in the order in which they were attached to."""
        return list(self._all_pages.values())

    @property
    def model(self) -> BrowserModel:
        """Everything played so far, of all sessions, as tables: see :mod:`txcdp.model`.

        Sessions are identified by their ids there, the browser's own by ``""``. The model is built when it is first
        asked for, kept up to date from then on, and remains available after the end.
        """
        if self._model is None:
            self._model = BrowserModel()
            feed = self._feed = ModelFeed(self._model, self._model.wants(), self._tell)
            _catch_up(feed, self._played())
            for each in self.sessions:
                feed.listen(each)
        return self._model

    @property
    def changes(self) -> Stream[Change]:
        """The changes of :attr:`model`, in order: a stream of :class:`txcdp.model.Change`."""
        _ = self.model
        return self._changes

    def _tell(self, changes: Sequence[Change]) -> None:
        for each in changes:
            self._changes.push(each)

    def _take_frames(self, session_id: str | None, told: GetFrameTreeResult) -> None:
        """Tell the model, and the page of a session, which frames there are in it."""
        if self._feed is not None:
            self._feed.take(session_id or "", told)
        for each in self.pages:
            for session in [session for session, _ in each._tree.evaluators() if session.id == session_id]:
                each._tree.take("" if session is each.session else session_id or "", told)

    def _felt(self, event: HealthEvent) -> None:
        """Tell the model of a lost connection, and of the sessions that have new ids, or are gone, after it."""
        feed = self._feed
        if feed is None:
            return
        if isinstance(event, LineLost):
            self._before_loss = [each.id or "" for each in self.sessions]
            for key in self._before_loss:
                feed.lose(key)
        elif isinstance(event, Reconnected):
            there = {each.id or "" for each in self.sessions}
            for key in self._before_loss:
                if key not in there:
                    feed.take("", target.DetachedFromTarget(session_id=key))

    def _keep_all(self, session: Session) -> None:
        session.execute_raw("Target.setAutoAttach", _EVERYTHING).addErrback(ignore_failure)

    def _attached(self, session: Session) -> None:
        self._keep_all(session)
        if self._feed is not None:
            self._feed.listen(session)
        info = session.target
        if info is None or info.type != "page" or info.subtype:
            return
        if any(each.session.target is not None and each.target_id == info.target_id for each in self.pages):
            return  # another session of the same page: a program had one of its own
        found = info.url not in ("", "about:blank")
        page = self._pages.get(session)
        if page is None:
            page = self._page_of(
                session, info.target_id, self._context_of(info.browser_context_id), found, self._opener_of(info)
            )
            if found:
                page.context._streams.push("page_opened", page)
        self._all_pages[session] = page
        session._feed_into(ended=lambda _: self._all_pages.pop(session, None))

    def _context_of(self, context_id: str | None) -> BrowserContext:
        """Return the context of an id: the first one that is mentioned counts as the default one."""
        if context_id is None:
            return self.default_context
        if not self._contexts:
            self._contexts[context_id] = self.default_context
        found = self._contexts.get(context_id)
        return self._add_context(context_id, None) if found is None else found


def _catch_up(feed: ModelFeed, told: Iterable[bytes | NoteEntry]) -> None:
    """Feed a model with what was played before it was asked for."""
    decoders: dict[bytes, EventDecoder[Event]] = {
        name.encode(): EventDecoder(kind, lambda: None) for name, kind in feed.kinds.items()
    }
    for message in told:
        if isinstance(message, NoteEntry):
            tree = tree_in(message.data) if message.kind == "frames" else None
            if tree is not None:
                feed.model.feed(str(message.data.get("session") or ""), tree)
            continue
        decode = decoders.get(peek_method(message))
        parts = split_event(message) if decode is not None else None
        if decode is not None and parts is not None:
            feed.model.feed(parts[1].decode(), decode(message))
