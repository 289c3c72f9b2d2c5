"""Following targets: which of them, what is enabled in each, and what becomes of what they say.

Pages, the recorder, ``txcdp watch`` and the gateway's live page each do it, in these steps:

=========== ====================================================================================================
which       a :class:`Choice`, a policy without I/O, is asked about each target before that is attached to
what        a :data:`SetUp`, another one, says by the type of target what is sent to it, before it runs
following   :class:`Following` attaches and sends, all that a target needs in one write
feeding     a :class:`ModelFeed` reads what sessions say as typed events, feeds a model with them, and tells the
            changes that come out
=========== ====================================================================================================

Who has the events of all sessions from a tap, because they are printed or kept as well, hands them to the feed one by
one (:meth:`ModelFeed.read`, :meth:`ModelFeed.give`); who follows a few sessions of many has them fed by themselves
(:meth:`ModelFeed.listen`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias
from weakref import WeakSet

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._core.connection import Connection
from txcdp._core.dispatch.tap import RawEvent
from txcdp._core.sessions import AutoAttach, Session
from txcdp._core.sessions.enabling import parameters_of
from txcdp._deferreds import ignore_failure
from txcdp._timeouts import DEFAULT, Default
from txcdp.domains import target
from txcdp.model import BrowserModel, Change, kind_of
from txcdp.protocol._auto_attach import ASSUMED as _ASSUMED
from txcdp.protocol._records import REJECTED, Event, Record, build

#: The kinds of targets that Chromium attaches where nothing else is asked for.
ASSUMED: Final = tuple(target.FilterEntry(type=kind, exclude=excluded or None) for kind, excluded in _ASSUMED)

log = Logger()


class Choice:
    """Which targets are followed: a policy, which does no I/O. This one follows all that Chromium attaches.

    A page's frames and workers are attached through its own session, *below* it; pages, shared and service workers
    through the browser's, *above* them, which tells of everybody's.

    :cvar below: which kinds are attached through the session of a target that is followed, as
        ``Target.setAutoAttach`` takes them; none: nothing is.
    :cvar above: the same, through the browser's session.
    """

    below: ClassVar[Sequence[target.FilterEntry]] = ASSUMED
    above: ClassVar[Sequence[target.FilterEntry]] = ASSUMED

    def wants_below(self, info: target.TargetInfo) -> bool:
        """Return whether a target is wanted that was opened below one that is followed."""
        return True

    def wants_above(self, info: target.TargetInfo) -> bool:
        """Return whether a target is wanted that the browser itself tells of."""
        return True

    def took(self, info: target.TargetInfo) -> None:
        """Note that a target is followed from now on."""

    def left(self, info: target.TargetInfo) -> None:
        """Note that a target is followed no more."""


class OpenedBy(Choice):
    """A page, with all that is in it and all that it opens.

    A page's popups and shared workers are told of by the browser, which tells of everybody's. Kept are pages that were
    opened by ours, and shared workers that begin from now on: who began them is not told.

    :param others: the ids of the targets that are there already.
    """

    above = (target.FilterEntry(type="page"), target.FilterEntry(type="shared_worker"))

    def __init__(self, others: Iterable[str]) -> None:
        self._others = frozenset(others)
        self._ours: set[str | None] = set()

    def wants_above(self, info: target.TargetInfo) -> bool:
        """Return whether one of ours has opened it, or it may be that one of ours has."""
        if info.target_id in self._others:
            return False
        return info.opener_id in self._ours or info.type == "shared_worker"

    def took(self, info: target.TargetInfo) -> None:
        """Note that a target is one of ours."""
        self._ours.add(info.target_id)


#: By the type of a target, what is sent to it: methods of commands, with their parameters as they go over the wire.
SetUp: TypeAlias = Callable[[str], Iterable[tuple[str, Mapping[str, Any]]]]


def enabling(domains: Iterable[str]) -> SetUp:
    """Return a set-up that enables domains, those that a kind of target does not have left out."""
    wanted = tuple(domains)

    def commands(target_type: str) -> list[tuple[str, Mapping[str, Any]]]:
        kind = kind_of(target_type)
        return [(f"{each}.enable", parameters_of(each)) for each in wanted if kind.has_domain(each)]

    return commands


class Following:
    """Follows targets over one connection.

    :param choice: which ones.
    :param set_up: what each is sent.
    :param answer_dialogs: called with each session that has its Page domain enabled: its dialogs wait for an answer
        from then on.
    :param begin: called with each session before anything is sent to it.
    :param timeout: seconds for each answer; None: no deadline; the connection's when not given.
    """

    def __init__(
        self,
        choice: Choice,
        set_up: SetUp,
        *,
        answer_dialogs: Callable[[Session], object] | None = None,
        begin: Callable[[Session], object] | None = None,
        timeout: float | None | Default = DEFAULT,
    ) -> None:
        self._choice = choice
        self._set_up = set_up
        self._answer_dialogs = answer_dialogs
        self._begin = begin
        self._timeout = timeout
        self._followed: WeakSet[Session] = WeakSet()
        self._stopped = False
        self._below = AutoAttach(
            set_up=self._attached,
            keep=choice.wants_below,
            recursive=False,
            filter=choice.below,
        )
        self._above = AutoAttach(
            set_up=self._attached,
            keep=choice.wants_above,
            recursive=False,
            filter=choice.above,
        )

    def start(self, root: Session) -> Deferred[None]:
        """Follow, from now on, what the browser itself tells of.

        :param root: the browser's session.
        :returns: fires with None once the browser has agreed; fails like ``Session.execute``.
        """
        return self._above.start(root)

    def follow(self, session: Session, *, set_up: bool = True) -> list[Deferred[Any]]:
        """Follow a session's target, and what is opened below it; all of that leaves in one write.

        :param set_up: whether it is to be set up, which whoever has it may have done.
        :returns: a Deferred for each answer; none where it is followed already.
        """
        if self._stopped or session in self._followed:
            return []
        self._followed.add(session)
        info = session.target
        if info is not None:
            self._choice.took(info)
            session._feed_into(ended=lambda _: self._choice.left(info))
        if self._begin is not None:
            self._begin(session)
        sent = self.set_up(session) if set_up else []
        return [*sent, self._below.start(session)] if self._choice.below else sent

    def set_up(self, session: Session) -> list[Deferred[Any]]:
        """Send a session what its target is to be sent; once more where the target has another process.

        :returns: a Deferred for each answer.
        """
        # A root session whose target is not known may be a page's own.
        commands = list(self._set_up(session.kind or "page"))
        if self._answer_dialogs is not None and any(method == "Page.enable" for method, _ in commands):
            self._answer_dialogs(session)
        return [session.execute_raw(method, params, timeout=self._timeout) for method, params in commands]

    def set_up_quietly(self, session: Session) -> None:
        """Do the same, whatever the answers are."""
        for sent in self.set_up(session):
            sent.addErrback(ignore_failure)

    def attach(self, connection: Connection, info: target.TargetInfo) -> Deferred[Session] | None:
        """Attach to a target that the browser has told of, and follow it.

        :returns: fires with the session, and fails like ``Session.execute``; None where the target is not wanted.
        """
        if self._stopped or not self._choice.wants_above(info):
            return None
        self._choice.took(info)  # before others are chosen, which may be too many with this one

        def failed(failure: Failure) -> Failure:
            self._choice.left(info)
            return failure

        return connection.attach(info.target_id).addCallbacks(self._attached, failed)

    def stop(self) -> None:
        """Set up and feed no more; what is attached stays so, and so does what comes."""
        self._stopped = True

    def _attached(self, session: Session) -> Session:
        for sent in self.follow(session):
            sent.addErrback(ignore_failure)
        return session


class FeedResult(NamedTuple):
    """The outcome of feeding one event.

    :ivar changes: what it has changed in the model.
    :ivar fault: the error where it was not what the protocol says; what could be read of it is in the model.
    """

    changes: Sequence[Change]
    fault: Exception | None


class ModelFeed:
    """Feeds a model with what sessions say.

    :param model: is fed.
    :param events: with which events.
    :param tell: is given the changes that come out of :meth:`take`: of one event all at once, and never from inside of
        itself.
    :ivar kinds: these, by name.
    """

    def __init__(
        self,
        model: BrowserModel,
        events: Iterable[type[Event]],
        tell: Callable[[Sequence[Change]], object] | None = None,
    ) -> None:
        self.model = model
        self.kinds: dict[str, type[Event]] = {each.method: each for each in events}
        self._tell = tell
        self._listening: dict[Session, Callable[[Any], None]] = {}
        self._untold: list[Sequence[Change]] = []
        self._telling = False

    def listen(self, session: Session, key: str | None = None) -> None:
        """Feed the model with what a session says, until it ends.

        :param key: what the session is called in the model; None: by its id, which may change with its line.
        """

        def take(event: Event) -> None:
            self.take(session.id or "" if key is None else key, event)

        if not session.ended:
            self._listening[session] = take
            session._feed_into(self.kinds.values(), take, ended=lambda _: self._listening.pop(session, None))

    def add(self, events: Iterable[type[Event]]) -> None:
        """Feed the model with more kinds of events from now on."""
        fresh = {each.method: each for each in events if each.method not in self.kinds}
        self.kinds |= fresh
        if fresh:
            for session, take in list(self._listening.items()):
                session._feed_into(fresh.values(), take)

    def take(self, key: str, record: Record) -> None:
        """Feed the model, and tell what has changed.

        :param key: what the session is called in the model.
        :param record: an event, or the result of a command that a table takes.
        """
        self._tell_of(self.model.feed(key, record))

    def lose(self, key: str) -> None:
        """Let the model know that the line to a session was lost."""
        self._tell_of(self.model.lose(key))

    def _tell_of(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        self._untold.append(changes)
        if self._telling or self._tell is None:
            return
        self._telling = True
        try:
            while self._untold:
                changes = self._untold.pop(0)
                try:
                    self._tell(changes)
                except Exception:
                    log.failure("Reporting a change failed; later changes are still reported")
        finally:
            self._telling = False

    def read(self, message: RawEvent) -> Event:
        """Return a message of a tap as a typed event, tolerantly where it is none that the protocol knows.

        :raises KeyError: the model is not fed with it.
        """
        kind = self.kinds[message.method]
        try:
            return msgspec.convert(message.params, kind)
        except REJECTED:
            event: Event = build(kind, message.params)
            return event

    def give(self, session_id: str | None, record: Record) -> FeedResult:
        """Feed the model with an event, or with the result of a command.

        :param session_id: of the session that it came through; None: the root.
        """
        model = self.model
        misread = model.misread
        changes = model.feed(session_id or "", record)
        return FeedResult(changes, model.fault if model.misread > misread else None)
