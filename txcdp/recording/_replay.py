"""Plays recordings: at the pace at which they were recorded, faster, or at once.

The messages of a recording arrive through a transport like a browser's (:mod:`~txcdp.recording._recorded_line`) at a
connection, and from there at sessions, streams, pages and models, in the same way as live ones. The connection's clock
is the recording's (:mod:`~txcdp.recording._recorded_clock`). This module advances that clock, from one thing that is
due to the next, at a :mod:`~txcdp.recording._pace`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from twisted.internet.defer import Deferred, fail, succeed

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._deferreds import OneShot
from txcdp._reactor import AnyReactor
from txcdp._states import StateMachine
from txcdp.errors import ConnectionLost
from txcdp.protocol import Event
from txcdp.protocol._values import count_of, dict_of, list_of, number_of, text_of
from txcdp.protocol._wire import peek_method
from txcdp.recording._answers import Answers, LaterReply, RecordedReplies
from txcdp.recording._entries import Damage, Entry, NoteEntry
from txcdp.recording._inputs import Input, RecordedInputs, ReplaySource
from txcdp.recording._pace import ReplayPace, Speed
from txcdp.recording._recorded_browser import RecordedBrowser
from txcdp.recording._recorded_clock import ENTRIES, SECOND, RecordedClock, microseconds, since_1970
from txcdp.recording._recorded_frames import RecordedFrames, tree_in
from txcdp.recording._recorded_line import RecordedLine
from txcdp.recording._recorded_outage import RecordedOutage, loss_in
from txcdp.streams import Stream, StreamSubject

#: A time to play to, or to jump to: seconds from the beginning, or since 1970; or the same as a type.
Moment: TypeAlias = float | timedelta | datetime

#: Where to stop: at a time, or at an input.
_Stop: TypeAlias = tuple[int | None, Callable[[Input], bool] | None]

#: The most inputs that are played before the reactor may do something else.
_AT_ONCE: Final = 2000

#: Seconds for which a queue may hold up a replay, which loses nothing by waiting.
_PATIENCE: Final = 1e9

#: Seconds of the recording for which operators may still emit what they hold when everything was played at once.
_AFTERWARDS: Final = 60


class ReplayState(enum.Enum):
    """The state of a replay; the value is what its ``repr`` says."""

    #: It is not playing.
    STANDING = "standing"
    #: It is playing.
    PLAYING = "playing"
    #: Everything has been played, or the program has closed the connection.
    ENDED = "ended"


class ReplayEvent(enum.Enum):
    """An event in the life of a replay."""

    PLAY = "it is played"
    STOP = "it is paused, or has come to where it is to stop"
    END = "there is no more of it"


#: The transitions; any other input is ignored.
REPLAY_TRANSITIONS: Final[Mapping[tuple[ReplayState, ReplayEvent], ReplayState]] = {
    (ReplayState.STANDING, ReplayEvent.PLAY): ReplayState.PLAYING,
    (ReplayState.PLAYING, ReplayEvent.STOP): ReplayState.STANDING,
    (ReplayState.STANDING, ReplayEvent.END): ReplayState.ENDED,
    (ReplayState.PLAYING, ReplayEvent.END): ReplayState.ENDED,
}


def replay(source: ReplaySource, *, clock: AnyReactor | None = None, speed: Speed = 1.0) -> Replay:
    """Play a recording back into the same streams, pages and models that watch a live browser.

    Nothing happens before :meth:`Replay.play`: subscribe first. :doc:`/howto/replay` documents the order of messages
    that are due at the same moment, the replies to commands, and what happens where the recorded connection was lost.

    :param source: a file, a directory of files, several of these, or a list of entries from :func:`read`; JSON lines
        (plain, gzip, zstd), SQLite and HAR are recognized by their contents.
    :param clock: the clock that sets the pace: the reactor, which is the default, or a ``task.Clock``. With
        ``speed="instant"`` a ``task.Clock`` is advanced along with the recording, and all of it is played within
        :meth:`Replay.play`; with a reactor, it is played in parts, so that everything else keeps running.
    :param speed: seconds of the recording for each second of the clock, or ``"instant"``: without waiting.
    :raises OSError: a file cannot be opened, or was written by a later version of txcdp (:exc:`WrongSchema`).
    :raises NoHar: a file that is named as HAR, or begins like HAR, is not valid HAR.
    :raises ValueError: the speed is invalid.
    """
    return Replay(source, clock, speed)


class Replay:
    """A recording that is being played back; made by :func:`replay`.

    :ivar browser: the recorded browser, as a :class:`RecordedBrowser`; the same object until :meth:`seek` is called.
    :ivar clock: the recording's time, as a clock for anything that is to run in it, as all time-based operators of the
        browser's streams do.
    :ivar began: when the recording began, in seconds since 1970; 0 if the recording is empty.
    :ivar damages: the places that could not be read, as far as it has been played.
    """

    def __init__(self, source: ReplaySource, clock: AnyReactor | None, speed: Speed) -> None:
        self._pace = ReplayPace(clock, speed, self._called)
        self._life = StateMachine(REPLAY_TRANSITIONS, ReplayState.STANDING)
        self._reading = reading = RecordedInputs(source)
        self._about: dict[str, Any] = {}
        self._ending: ConnectionLost | None = None
        self.damages: list[Damage] = []
        first = 0 if reading.next is None else reading.next.time
        self.began = first / SECOND
        self.clock = RecordedClock(first)
        self.clock.follow, self.clock.changed = self._follow, self._reschedule
        self._running = True  # what is asked for while it is made is answered at its end
        self._stop_at: _Stop = (None, None)
        self._played: Deferred[Entry | None] | None = None
        self._ended: OneShot[None] = OneShot()
        begin = None if reading.next is None else reading.next.entry
        if isinstance(begin, NoteEntry) and begin.kind == "begin":
            self._about = begin.data
        self._open()
        self._running = False

    def __repr__(self) -> str:
        return f"<Replay {self._life.state.value}: at {self.time - self.began:.6f} s>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def time(self) -> float:
        """The current time in the recording: seconds since 1970."""
        return self.clock.seconds()

    @property
    def entries(self) -> Stream[Entry]:
        """The entries of the recording, as from :func:`read`, each emitted before its message is played."""
        return self._entries

    @property
    def ended(self) -> bool:
        """Whether everything has been played, or the replay was closed."""
        return self._life.state is ReplayState.ENDED

    def play(self, until: Moment | type[Event] | Callable[[Entry], bool] | None = None) -> Deferred[Entry | None]:
        """Start playing, or continue.

        At the end all streams complete; if the recording ends with the loss of its connection, they fail with
        :exc:`ConnectionLost`.

        :param until: where to stop, so that :meth:`play` can continue from there: a time, up to and including which to
            play, even if nothing more happens before it; an event class, whose next event is the last one played; or a
            function that is called with each entry after it was played, and returns whether to stop.
        :returns: fires with the entry that it stopped at; with None at the end, at a given time, and when :meth:`pause`
            is called. Fails with :exc:`OSError` if the recording cannot be read. Cancelling it pauses.
        :raises RuntimeError: it is already playing.
        """
        if self._life.state is ReplayState.PLAYING:
            raise RuntimeError("it is playing: pause() it, or wait for the Deferred of play()")
        error = self._reading.error
        if self.ended:
            return succeed(None) if error is None else fail(error)
        played = self._begin(*self._stop_of(until))
        if self._pace.moves_clock:
            self._run()
        else:
            self._pace.call_later()
        return played

    def pause(self) -> None:
        """Pause; :meth:`play` continues from there."""
        self._follow()
        self._stop(None)

    def step(self) -> Entry | None:
        """Play up to and including the next event, without waiting.

        :returns: the event; None if there are no more, and the recording has ended.
        :raises RuntimeError: it is playing, or this was called while it played an entry.
        """
        if self._running or self._life.state is ReplayState.PLAYING:
            raise RuntimeError("it is playing: pause() it before stepping through it")
        if self.ended:
            return None
        found: list[Entry | None] = []
        self._begin(None, lambda read: read.message is not None and read.is_recorded).addBoth(found.append)
        self._running = True
        try:
            while self._work(None, holds=False):
                pass
        finally:
            self._running = False
        last = found[0] if found else None
        return last if isinstance(last, Entry) else None

    def seek(self, moment: Moment) -> None:
        """Jump to another time, earlier or later, with everything as it was then.

        From then on :attr:`browser` is another object, with the targets, frames and requests of that time, and
        :attr:`entries` begin there: subscribe after the call. Earlier subscriptions complete.

        :param moment: a time, as for :meth:`play`; what happens at that time, and later, is still to be played.
        :raises RuntimeError: it is playing, or has ended.
        """
        if self._running or self._life.state is not ReplayState.STANDING:
            raise RuntimeError("only a paused replay can be moved: pause() it, or make another one")
        now = self._absolute(moment)
        self._running = True
        try:
            self._line.end(_clean())
            self._reading.rewind()
            self._ending = None
            self.damages.clear()
            self.clock.jump(now)
            self._open()
            while self._reading.next is not None and self._reading.next.time < now:
                self._play_next()
        finally:
            self._running = False

    def close(self) -> None:
        """End the replay where it is: streams complete, and pending Deferreds fire."""
        if self._line.closing is None:
            self._line.close()
        if not self._running:
            self._end(self._line.closing or _clean())

    def when_ended(self) -> Deferred[None]:
        """Return a Deferred that fires once everything has been played, or the replay was closed."""
        return self._ended.wait()

    # What answers ask (:class:`~txcdp.recording._answers.KnownBrowser`):

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open at the moment."""
        return self.browser.connection.sessions

    @property
    def version(self) -> Mapping[str, Any]:
        """What the recording says about the browser and about itself."""
        return self._about

    def frame_tree(self, session: str | None) -> dict[str, Any] | None:
        """Return the current frames of a session; see :class:`~txcdp.recording._answers.KnownBrowser`."""
        tree = self._frames.tree(session)
        if tree is None and self._frames.is_expected(session):
            raise LaterReply
        return tree

    def _open(self) -> None:
        """Make a browser of which nothing is known yet."""
        self._answers = Answers(self, self._replies)
        self._line = self._new_line()
        connection = Connection(self._line, self.clock)
        connection._dispatcher._flow.limit = _PATIENCE
        self._outage = RecordedOutage(connection)
        self._entries: StreamSubject[Entry] = StreamSubject(connection.context, "entries")
        self.browser = RecordedBrowser(connection, self._told_so_far)
        self._frames = RecordedFrames(connection)
        connection.session._feed_into((), _nothing, ended=self._entries.end)
        self._line.answer()

    def _new_line(self) -> RecordedLine:
        return RecordedLine(self._answers.answer, self._woken)

    # Moving on:

    def _begin(self, until: int | None, stops_at: Callable[[Input], bool] | None) -> Deferred[Entry | None]:
        self._stop_at = until, stops_at
        played: Deferred[Entry | None] = Deferred(lambda _: self.pause())
        self._played = played
        self._life.happened(ReplayEvent.PLAY)
        self._pace.begin(self.clock.now)
        return played

    def _run(self) -> None:
        """Do what is due now."""
        if self._running:
            return
        self._running = True
        try:
            more = self._work(self._pace.reached())
            while more and self._pace.moves_clock:
                more = self._work(None)
        finally:
            self._running = False
        if self._life.state is ReplayState.PLAYING and more:
            self._pace.call_later()
        else:
            self._reschedule()

    def _work(self, limit: int | None, *, holds: bool = True) -> bool:
        """Do some of what is due, one thing after the other; return whether there is more.

        :param limit: the time up to which things are due; None: everything is.
        :param holds: whether entries wait while the program does not read.
        """
        clock, reading, moves = self.clock, self._reading, self._pace.moves_clock
        until = self._stop_at[0]
        if until is not None and (limit is None or until < limit):
            limit = until
        for _ in range(_AT_ONCE):
            line = self._line  # which may be another one each time
            if line.asked:
                line.answer()
            if line.closing is not None or (reading.next is None and until is None and not (holds and line.paused)):
                self._end(line.closing or self._how_it_ends())
            held = holds and line.paused
            if self._life.state is not ReplayState.PLAYING or (held and self._pace.instant and not moves):
                return False  # of what is held the program's time is another one: it goes on when it reads on
            call = clock.next_due()
            entry = None if held or reading.next is None else (max(reading.next.time, clock.now), ENTRIES)
            due = call if entry is None or (call is not None and call < entry) else entry
            if due is None or (limit is not None and due[0] > limit):
                if limit is not None:
                    clock.now = max(clock.now, limit)
                if limit is not None and limit == until:
                    self._stop(None)
                return False
            before = self._pace.move_along(due[0]) if moves else None
            if before is not None:
                clock.now = max(clock.now, min(before, due[0]))
            elif due is call:
                clock.run_next()
            else:
                clock.now = due[0]
                self._play_next()
        return True

    def _play_next(self) -> None:
        read = self._reading.take()
        if read.is_recorded and self._entries.listened:
            self._entries.push(read.as_entry())
        if read.message is not None:
            self._line.deliver(read.message)
        elif read.entry is not None:
            self._note(read.entry, read.goes_on)
        if self._line.asked:
            self._line.answer()
        stops_at = self._stop_at[1] if self._life.state is ReplayState.PLAYING else None
        if stops_at is not None and read.is_recorded and stops_at(read):
            self._stop(read.as_entry())

    def _note(self, entry: Entry, goes_on: bool = False) -> None:
        """Process an input that is not an event.

        :param goes_on: for a lost connection: whether there was another one.
        """
        if isinstance(entry, Damage):
            self.damages.append(entry)
        if not isinstance(entry, NoteEntry):
            return
        if entry.kind == "begin":
            self._about = entry.data
            self._ending = None
            for each in list_of(entry.data.get("targets")):
                self._expect_frames(dict_of(each))
        elif entry.kind == "attached":
            self._expect_frames(entry.data)
        elif entry.kind == "frames":
            self._take_frames(entry.data)
        elif entry.kind == "line_lost":
            self._ending = loss_in(entry.data)
            if goes_on and self._line.closing is None:
                self._frames.lose()
                self._line = self._outage.begin(self._line, self._ending, self._new_line())
        elif entry.kind == "line_found":
            self._ending = None
            for each in list_of(entry.data.get("frames")):
                self._frames.expect(each)
            self._outage.end(self._line, bool(entry.data.get("restarted")))
        elif entry.kind == "dropped":
            since = number_of(entry.data.get("since")) or self.clock.seconds()
            self._outage.mark(since, count_of(entry.data.get("count")) or 0, text_of(entry.data.get("policy"), 100))

    def _expect_frames(self, session: Mapping[str, Any]) -> None:
        if session.get("frames") is True:
            self._frames.expect(session.get("session"))

    def _take_frames(self, data: Mapping[str, Any]) -> None:
        told, name = tree_in(data), data.get("session")
        session = name if isinstance(name, str) else None
        self._frames.answered(session, told)
        if told is not None:
            self.browser._take_frames(session, told)
        self._line.ask_again()

    def _how_it_ends(self) -> ConnectionLost:
        if self._reading.error is not None:
            return ConnectionLost(f"the recording cannot be read: {self._reading.error}")
        return self._ending or _clean()

    def _stop(self, entry: Entry | None) -> None:
        if self._life.happened(ReplayEvent.STOP):
            self._pace.cancel()
            played, self._played = self._played, None
            if played is not None and not played.called:
                played.callback(entry)

    def _end(self, reason: ConnectionLost) -> None:
        if not self._life.happened(ReplayEvent.END):
            return
        self._pace.cancel()
        self._reading.close()
        self._line.end(reason)
        self._let_out()
        self._ended.fire(None)
        played, self._played = self._played, None
        if played is None or played.called:
            return
        if self._reading.error is None:
            played.callback(None)
        else:
            played.errback(self._reading.error)

    # The time:

    def _follow(self) -> None:
        """Advance the recording's clock to where the other one has got, if nothing is due before."""
        if self._running or self._pace.instant or self._life.state is ReplayState.STANDING:
            return
        due = self._next_due()
        now = self._pace.reached() or 0
        self.clock.now = max(self.clock.now, now if due is None else min(now, due))

    def _next_due(self) -> int | None:
        call, read = self.clock.next_due(), self._reading.next
        times = [] if call is None else [call[0]]
        if read is not None and not self._line.paused and self._life.state is ReplayState.PLAYING:
            times.append(max(read.time, self.clock.now))
        return min(times, default=None)

    def _reschedule(self) -> None:
        """Schedule the call for the next thing that is due."""
        if self._running or self._pace.instant or self._life.state is ReplayState.STANDING:
            return
        due = self._next_due()
        if due is not None:
            self._pace.call_at(due)

    def _woken(self) -> None:
        """Schedule a call soon: there is something to answer, or the program reads again, or has closed the line."""
        if not self._running:
            self._pace.call_later()

    def _called(self) -> None:
        if self._life.state is ReplayState.PLAYING:
            self._run()
            return
        if self._running:
            return
        self._running = True
        try:
            self._line.answer()
            if self._line.closing is not None:
                self._end(self._line.closing)
            elif self.ended:
                self._make_calls(self._pace.reached() or 0)
        finally:
            self._running = False
        self._reschedule()

    def _let_out(self) -> None:
        """Let the operators emit after the end what they still hold, as they would live."""
        if self._pace.instant:
            self._make_calls(self.clock.now + _AFTERWARDS * SECOND)
        else:
            self._reschedule()

    def _make_calls(self, last: int) -> None:
        for _ in range(_AT_ONCE):
            call = self.clock.next_due()
            if call is None or call[0] > last:
                break
            self.clock.run_next()

    # What is read:

    def _stop_of(self, until: Moment | type[Event] | Callable[[Entry], bool] | None) -> _Stop:
        if until is None:
            return None, None
        if isinstance(until, type):
            if not issubclass(until, Event):
                raise TypeError(f"until={until.__name__}: expected an event such as page.LoadEventFired")
            name = until.method.encode()
            return None, lambda read: read.message is not None and peek_method(read.message) == name
        if isinstance(until, int | float | timedelta | datetime):
            return self._absolute(until), None
        wanted: Callable[[Entry], bool] = until
        return None, lambda read: bool(wanted(read.as_entry()))

    def _absolute(self, moment: Moment) -> int:
        if isinstance(moment, datetime):
            return microseconds(moment.timestamp())
        seconds = moment.total_seconds() if isinstance(moment, timedelta) else float(moment)
        return microseconds(since_1970(seconds, self.began))

    def _told_so_far(self) -> Iterator[bytes | NoteEntry]:
        for read in self._reading.taken():
            if read.message is not None:
                yield read.message
            elif isinstance(read.entry, NoteEntry):
                yield read.entry

    def _replies(self) -> RecordedReplies:
        wanted = dict_of(self._about.get("options")).get("commands")
        return RecordedReplies(self._reading.entries() if wanted else (), self._reading.bodies())


def _clean() -> ConnectionLost:
    return ConnectionLost("the recording has ended", 1000, clean=True)


def _nothing(_: object) -> None:
    """Do nothing."""
