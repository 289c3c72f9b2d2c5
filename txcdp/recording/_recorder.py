"""The recorder: follows every target of a browser, and writes their events."""

from __future__ import annotations

import enum
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, Final, Literal

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from txcdp._arguments import check_choice, refuse_bare_string
from txcdp._core.dispatch.tap import CommandObserver
from txcdp._core.sessions import Session
from txcdp._deferreds import OneShot, returns_deferred, shielded
from txcdp._deferreds import in_thread as in_pool
from txcdp._reactor import whole
from txcdp._states import StateMachine
from txcdp.browser import Browser
from txcdp.domains.target import TargetInfoChanged
from txcdp.errors import CommandError, ConnectionLost, QueueOverflow
from txcdp.health import HealthEvent, LineLost, Reconnected
from txcdp.page._dialogs import DialogAnswer
from txcdp.recording._buffer import Buffer, Overflow
from txcdp.recording._commands import Commands
from txcdp.recording._entries import note_line
from txcdp.recording._events import Events
from txcdp.recording._filters import Filter
from txcdp.recording._following import DOMAINS, Recording
from txcdp.recording._frame_trees import EVENT, FrameTrees
from txcdp.recording._sinks import Host, Pump, Sink
from txcdp.recording._sources import Sources
from txcdp.recording._stats import RecorderStats

log = Logger()

Secrets = Literal["mask", "keep"]


class RecorderState(enum.Enum):
    """The state of a recorder; the value is what its ``repr`` says."""

    #: It has not been started.
    NEW = "new"
    #: It attaches to what it records, and begins the first file.
    STARTING = "starting"
    #: As ``STARTING``, but it has been stopped: the file is finished as soon as it has begun.
    UNWANTED = "starting, to be stopped"
    #: Events are recorded.
    RUNNING = "running"
    #: Nothing more is recorded; what is waiting is written.
    STOPPING = "stopping"

    #: Everything is written and finished, or could not be.
    ENDED = "ended"


class RecorderEvent(enum.Enum):
    """An event in the life of a recorder."""

    START = "it is started"
    STOP = "it is stopped"
    OPEN = "the file is begun"
    FAIL = "nothing can be begun"
    BREAK = "the line is lost, or writing fails for good"
    FINISH = "the file is finished"


_S, _E = RecorderState, RecorderEvent

#: The transitions; any other input is ignored.
RECORDER_TRANSITIONS: Final[Mapping[tuple[RecorderState, RecorderEvent], RecorderState]] = {
    (_S.NEW, _E.START): _S.STARTING,
    (_S.STARTING, _E.STOP): _S.UNWANTED,
    (_S.STARTING, _E.OPEN): _S.RUNNING,
    (_S.STARTING, _E.FAIL): _S.ENDED,
    (_S.UNWANTED, _E.OPEN): _S.STOPPING,
    (_S.UNWANTED, _E.FAIL): _S.ENDED,
    (_S.RUNNING, _E.STOP): _S.STOPPING,
    (_S.RUNNING, _E.BREAK): _S.STOPPING,
    (_S.STOPPING, _E.FINISH): _S.ENDED,
}


class Recorder:
    """Records the events of a browser.

    It attaches to every page, frame, worker and popup before that runs (but not to the pages that make up the
    browser's own window), enables the domains there, and writes each event as the browser sent it. It records
    everything that comes over the browser's connection, including the events that only your program asked for; targets
    that it attached to stay attached when it stops. If that matters, give the recorder a connection of its own.

    :param browser: a launched or connected browser; with ``reconnect=`` or ``restart=`` the recording continues on the
        new connection, with a note about what is missing.
    :param sink: where to write: :class:`JsonLines` or :class:`SQLite`.
    :param domains: the domains to enable in every target. Domains that change what a page does (``Fetch``, ``Debugger``
        and the like) are not allowed; if your program enables one, its events are recorded anyway.
    :param filter: selects the events to record.
    :param commands: whether to record the commands sent over the connection, too, with their replies, which may be
        large (screenshots, bodies). The names in the filter apply to them as well.
    :param secrets: ``"mask"``: the values of cookies and of the headers Authorization, Proxy-Authorization, Cookie and
        Set-Cookie are written as ``***``; ``"keep"``: they are written.
    :param buffer: bytes that may wait in memory until they are written.
    :param overflow: what happens to an event that arrives when the buffer is full:

        - ``"pause"``: stop reading from the browser until there is room, for as long as the browser can surely buffer
          its messages. Beyond that, and while a command waits for its reply, reading continues: the buffer may grow
          to twice its size, then events are dropped and counted.
        - ``"drop_oldest"``, ``"drop_newest"``: an event is dropped and counted.
        - ``"error"``: the recording ends with :exc:`QueueOverflow`.

        If events were dropped, a note says how many.
    :param in_thread: calls a function in a thread and returns a Deferred; by default, the reactor's thread pool.
    :param wall: returns the time, in seconds since 1970.
    :raises ValueError: for invalid domains, policies and sizes.
    """

    def __init__(
        self,
        browser: Browser,
        sink: Sink,
        *,
        domains: Sequence[str] = DOMAINS,
        filter: Filter | None = None,  # noqa: A002
        commands: bool = False,
        secrets: Secrets = "mask",
        buffer: int = 64 * 1024 * 1024,
        overflow: Overflow = "pause",
        in_thread: Callable[..., Deferred[Any]] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        refuse_bare_string("domains", domains)
        given: object = sink
        if isinstance(given, str | PurePath):
            raise TypeError(f"sink={given!r}: expected a sink, such as JsonLines({str(given)!r})")
        check_choice("secrets", secrets, ("mask", "keep"))
        self.browser = browser
        context, masks = browser.connection.context, secrets == "mask"
        self._filter = filter or Filter()
        self._filter._warn_of_mistakes()
        policies = {"secrets": secrets, "overflow": overflow}
        self._options = {"domains": list(domains), "commands": commands, **policies, **self._filter.as_dict()}
        self._about: dict[str, Any] = {}
        self._host = Host(context.clock, in_thread or partial(in_pool, context.clock), wall, self._beginning)
        flow = context.flow
        self._buffer = Buffer(
            buffer, overflow, wall, lambda: flow.hold(self, lambda _: None), lambda: flow.release(self)
        )
        self._pump = Pump(self._buffer, sink, context.clock, hopeless=lambda error: self._end("failed", error))
        self._sources = Sources(browser.connection, self._filter, self._note)
        tells_frames = "Page" in domains and self._filter.wants_event(EVENT)
        trees = FrameTrees(browser.connection, self._sources, self._note) if tells_frames else None
        has_frames = None if trees is None else trees.has_frames
        begin: Callable[[Session], object] = lambda session: self._sources.add(session, has_frames)  # noqa: E731
        self._following = Recording(browser, domains, self._filter.targets, begin, trees)
        self._events = Events(context.clock, self._sources, masks, wall, self._keep)
        self._commands = Commands(self._sources, self._filter, masks, wall, self._keep) if commands else None
        self._kept = 0
        self._subscriptions: list[Callable[[], object]] = []
        self._life = StateMachine(RECORDER_TRANSITIONS, RecorderState.NEW)
        self._ended: OneShot[Exception | None] = OneShot()

    def __repr__(self) -> str:
        return f"<Recorder {self._life.state.value}: {self._kept} events to {self._pump.sink!r}>"

    @property
    def stats(self) -> RecorderStats:
        """The current counters."""
        pump, buffer = self._pump, self._buffer
        return RecorderStats(
            self._kept - buffer.dropped,
            buffer.dropped,
            self._events.unreadable,
            pump.written,
            pump.bytes_written,
            buffer.size,
            pump.failures,
        )

    @returns_deferred
    async def start(self) -> None:
        """Start recording.

        :returns: fires once every existing target is attached to and the first file has begun. Fails with
            :exc:`OSError` if the file cannot be written, and like ``Session.execute``; then nothing is recorded. If
            cancelled, it fails once the file that it had begun is finished.
        """
        life = self._life
        if not life.happened(RecorderEvent.START):
            raise RuntimeError("a recorder can be started only once: make another one")
        try:
            await self._describe()
            await self._pump.open(self._host)
        except BaseException as error:
            life.happened(RecorderEvent.FAIL)
            self._ended.fire(error if isinstance(error, Exception) else None)
            raise
        life.happened(RecorderEvent.OPEN)
        if life.state is RecorderState.STOPPING:
            await self._finish("stopped", None)
            raise CancelledError
        try:
            await self._follow()
        except BaseException as error:
            if life.happened(RecorderEvent.BREAK):
                reason = "lost" if isinstance(error, ConnectionLost) else "failed"
                await self._finish(reason, error if isinstance(error, Exception) else None)
            raise

    @returns_deferred
    async def stop(self) -> None:
        """Write what is still waiting, and finish the file; the browser stays open.

        :returns: fires once that is done, or at once if nothing is being recorded; fails with :exc:`OSError` if the
            file cannot be written. It never stays pending. A :meth:`start` that has not fired yet fails with
            :exc:`~twisted.internet.defer.CancelledError`.
        """
        if self._life.happened(RecorderEvent.STOP) and self._life.state is RecorderState.STOPPING:
            await shielded(Deferred.fromCoroutine(self._stop()))
        elif self._life.state is not RecorderState.NEW:
            await self._ended.wait()

    def when_ended(self) -> Deferred[Exception | None]:
        """Return a Deferred that fires once everything is written and finished.

        :returns: fires with the reason for the end: None after :meth:`stop`, otherwise :exc:`ConnectionLost`,
            :exc:`QueueOverflow`, or the :exc:`OSError` because of which the end, or anything more, cannot be written.
        """
        return self._ended.wait()

    async def _stop(self) -> None:
        if self.browser.connection._dispatcher.delivering:  # the event that has led to this is recorded as well
            await deferLater(whole(self._host.clock), 0)
        await self._finish("stopped", None)

    async def _finish(self, reason: str, error: Exception | None) -> None:
        subscriptions, self._subscriptions = self._subscriptions, []
        for end in subscriptions:
            end()
        self._following.stop()
        self.browser.connection.context.flow.release(self)
        try:
            await self._pump.stop(reason)
        except Exception as failed:
            error = error or failed
            raise
        finally:
            self._sources.forget()
            self._life.happened(RecorderEvent.FINISH)
            self._ended.fire(error)

    def _end(self, reason: str, error: Exception | None) -> None:
        """End without having been stopped."""
        if self._life.happened(RecorderEvent.BREAK):
            ending = Deferred.fromCoroutine(self._finish(reason, error))
            ending.addErrback(lambda failure: log.failure("The end of a recording could not be written", failure))

    async def _describe(self) -> None:
        """Ask what is being recorded."""
        self._about = {"txcdp": version("txcdp"), "python": platform.python_version()}
        try:
            found = await self.browser.version()
            self._about |= {"browser": found.product, "protocol": found.protocol_version}
        except CommandError:  # Node
            self._about |= {"browser": None, "protocol": None}

    def _beginning(self) -> dict[str, Any]:
        return {**self._about, "options": self._options, "targets": self._sources.as_list(self._ask_for_frames())}

    def _ask_for_frames(self) -> list[str | None]:
        """Ask all pages for their current frames; return the ids of the sessions that were asked."""
        trees, running = self._following.trees, self._life.state is RecorderState.RUNNING
        return trees.ask_all() if trees is not None and running else []

    async def _follow(self) -> None:
        root = await self._following.root_kind()
        if self._life.state is RecorderState.RUNNING:
            self._sources.set_root(root)
            connection = self.browser.connection
            tap = connection.tap(bytes, self._filter.wants_event)
            changes = self.browser.session.events(TargetInfoChanged)
            self._subscriptions = [
                connection.health.subscribe(self._felt, _not_here).dispose,
                changes.subscribe(self._sources.changed, _not_here).dispose,
                connection.attached.subscribe(self._following.follow, _not_here).dispose,
                self.browser._dialogs.answered.subscribe(self._dialog_answered, _not_here).dispose,
                tap.subscribe(self._events.received, self._lost, self._closed).dispose,
            ]
            if self._commands is not None:
                observer = CommandObserver(self._commands.sent, self._commands.replied)
                self._subscriptions.append(connection.observe_commands(observer))
            trees = self._following.trees
            if trees is not None:
                self._subscriptions += [
                    connection.attached.subscribe(trees.began, _not_here).dispose,
                    connection.tap(bytes, _is_navigation).subscribe(trees.navigated, _not_here).dispose,
                ]
            await self._following.start(root != "browser")

    # What comes in:

    def _keep(self, line: bytes) -> None:
        try:
            self._pump.put(line)
            self._kept += 1
        except QueueOverflow as error:
            self._end("failed", error)

    def _felt(self, event: HealthEvent) -> None:
        if isinstance(event, LineLost):
            self._note("line_lost", cause=event.error.cause, error=str(event.error))
        elif isinstance(event, Reconnected):
            gap = event.gap
            since = self._host.wall() - (self._host.clock.seconds() - gap.since)
            told = {"since": since, "restarted": gap.restarted, "missing": sorted(gap.missing)}
            asked = self._ask_for_frames()
            self._note("line_found", **told, **({"frames": asked} if asked else {}))

    def _dialog_answered(self, answer: DialogAnswer) -> None:
        session = answer.session
        target = session.target.target_id if session.target is not None else None
        data = {"type": answer.type, "accepted": answer.accepted, "by": answer.by}
        self._note("dialog", session=session.id, target=target, **data)

    def _lost(self, error: Exception) -> None:
        if isinstance(error, ConnectionLost):
            self._note("line_lost", cause=error.cause, error=str(error))
        self._end("lost", error)

    def _closed(self) -> None:
        self._end("closed", self.browser.connection.lost)

    def _note(self, kind: str, **data: Any) -> None:
        if self._life.state is RecorderState.RUNNING:
            self._pump.put(note_line(self._host.wall(), kind, **data))


def _is_navigation(method: str) -> bool:
    return method == EVENT


def _not_here(error: Exception) -> None:
    """Do nothing: the stream of the connection's events reports its end."""
