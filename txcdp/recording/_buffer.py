"""Lines that wait to be written: a limited number of bytes, and a policy for when there are more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, get_args

from txcdp._arguments import check_choice
from txcdp.errors import QueueOverflow
from txcdp.recording._entries import NoteLine, note_line

Overflow = Literal["pause", "drop_oldest", "drop_newest", "error"]

#: How many times its size a buffer that pauses may grow to, while a reply has to be read.
_SPILL = 2


class Buffer:
    """Lines in order; events may be dropped, notes may not, and drops become notes in their place.

    :param limit: bytes.
    :param overflow: what happens to an event that arrives when it is full; see :class:`txcdp.recording.Recorder`.
    :param wall: returns the time, in seconds since 1970.
    :param pause: called when it is full, with ``overflow="pause"``.
    :param go_on: called when there is room again, after that.
    :ivar size: bytes that are waiting.
    :ivar dropped: how many events were dropped.
    """

    def __init__(
        self,
        limit: int,
        overflow: Overflow,
        wall: Callable[[], float],
        pause: Callable[[], object] = lambda: None,
        go_on: Callable[[], object] = lambda: None,
    ) -> None:
        check_choice("overflow", overflow, get_args(Overflow))
        if limit < 1:
            raise ValueError(f"a buffer of {limit} bytes holds nothing")
        self.size = 0
        self.dropped = 0
        self._limit = limit
        self._overflow = overflow
        self._wall = wall
        self._pause = pause
        self._go_on = go_on
        self._paused = False
        self._lines: deque[bytes] = deque()
        self._missing = 0
        self._since = self._until = 0.0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def missing(self) -> bool:
        """Whether events were dropped that no note reports yet."""
        return self._missing > 0

    def put(self, line: bytes) -> None:
        """Add a line.

        :raises QueueOverflow: it is full, with ``overflow="error"``.
        """
        size = self.size + len(line)
        if size > self._limit:
            if not self._make_room(line):
                return
            size = self.size + len(line)
        if self._missing and self._overflow != "drop_oldest":
            size += self._append_missing()
        self._lines.append(line)
        self.size = size

    def take(self, most: int) -> list[bytes]:
        """Take lines from the front: one, and more as long as they have at most ``most`` bytes together."""
        taken: list[bytes] = []
        if self._missing and self._overflow == "drop_oldest":
            taken.append(self._missing_note())
        if self.size <= most:
            taken += self._lines
            self._lines.clear()
            self.size = 0
            if self._missing:
                taken.append(self._missing_note())
        else:
            lines, size = self._lines, 0
            while size < most:
                line = lines.popleft()
                size += len(line)
                taken.append(line)
            self.size -= size
        if self._paused and self.size <= self._limit // 2:
            self._paused = False
            self._go_on()
        return taken

    def _make_room(self, line: bytes) -> bool:
        """Return whether to add a line although there is no room for it."""
        if isinstance(line, NoteLine):
            return True
        if self._overflow == "error":
            raise QueueOverflow(f"the recording is too slow: {self.size:,} bytes are waiting to be written")
        if self._overflow == "pause":
            if not self._paused:
                self._paused = True
                self._pause()
            if self.size + len(line) <= self._limit * _SPILL:
                return True
        elif self._overflow == "drop_oldest" and len(line) <= self._limit:
            self._drop_oldest(self._limit - len(line))
            return True
        self._count()
        return False

    def _drop_oldest(self, down_to: int) -> None:
        notes = []
        while self._lines and self.size > down_to:
            line = self._lines.popleft()
            if isinstance(line, NoteLine):
                notes.append(line)
            else:
                self._count()
                self.size -= len(line)
        self._lines.extendleft(reversed(notes))

    def _count(self) -> None:
        now = self._wall()
        self.dropped += 1
        self._since = self._since if self._missing else now
        self._missing += 1
        self._until = now

    def _append_missing(self) -> int:
        note = self._missing_note()
        self._lines.append(note)
        return len(note)

    def _missing_note(self) -> NoteLine:
        count, self._missing = self._missing, 0
        return note_line(
            self._until, "dropped", count=count, since=self._since, until=self._until, policy=self._overflow
        )
