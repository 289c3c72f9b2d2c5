"""Reading on after having written: when, how often, and when not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from twisted.internet.main import CONNECTION_DONE

from txcdp._transports.eager import READS_PER_TURN, EagerReader


class Line:
    """A line whose peer answers what was written as ``answers`` says: at once, or not."""

    def __init__(self, answers: Iterable[bool], *, writes: bool = True) -> None:
        self.bytes_received = self.bytes_sent = 0
        self.paused = False
        self.disconnecting = False
        self.connected = True
        self.reads = 0
        self.outcome: object = None
        self.on_read: Callable[[], None] = lambda: None
        self._answers = iter(answers)
        self._writes = writes

    def doRead(self) -> object:
        self.reads += 1
        if next(self._answers, False):
            self.bytes_received += 10
            if self._writes:
                self.bytes_sent += 10
        self.on_read()
        return self.outcome


def turn(reader: EagerReader, line: Line) -> int:
    """Let the reactor call the reader once, and count the reads."""
    before = line.reads
    assert reader() is line.outcome
    return line.reads - before


def test_what_was_written_is_answered_in_the_same_turn() -> None:
    line = Line([True, True, True, False])
    assert turn(EagerReader(line, line), line) == 4


def test_a_turn_that_has_written_nothing_reads_once() -> None:
    line = Line([True] * 5, writes=False)
    assert turn(EagerReader(line, line), line) == 1


def test_others_get_their_turn() -> None:
    line = Line([True] * 100)
    assert turn(EagerReader(line, line), line) == 1 + READS_PER_TURN


def test_looking_in_vain_is_done_ever_less_often_until_it_helps() -> None:
    slow = [True, False]  # each answer comes in a turn of its own; the look for the next one finds none
    line = Line(slow + [True] + slow + [True] * 3 + slow)
    reader = EagerReader(line, line)
    assert [turn(reader, line) for _ in range(7)] == [2, 1, 2, 1, 1, 1, 2]

    line = Line([True, False, True, True, True, False, True, True, False])
    reader = EagerReader(line, line)
    # In vain, pause 1; then it helps twice, so that the next look in vain is the first one again.
    assert [turn(reader, line) for _ in range(4)] == [2, 1, 3, 1]


def test_the_pause_has_a_longest() -> None:
    answers = []
    for pause in (1, 3, 7, 15, 31, 63, 63):
        answers += [True, False] + [True] * pause
    line = Line([*answers, True, False])
    reader = EagerReader(line, line)
    counts = [turn(reader, line) for _ in range(7 + 1 + 3 + 7 + 15 + 31 + 63 + 63 + 1)]
    assert [index for index, count in enumerate(counts) if count == 2] == [0, 2, 6, 14, 30, 62, 126, 190]


@pytest.mark.parametrize("state", ["paused", "disconnecting", "connected"])
def test_a_line_that_is_paused_or_ends_meanwhile_is_read_no_further(state: str) -> None:
    line = Line([True] * 5)
    line.on_read = lambda: setattr(line, state, state != "connected")
    assert turn(EagerReader(line, line), line) == 1


def test_the_end_of_the_line_is_the_reactors_to_hear() -> None:
    line = Line([True] * 5)
    line.outcome = CONNECTION_DONE
    assert turn(EagerReader(line, line), line) == 1

    line = Line([True] * 5)
    reader = EagerReader(line, line)

    def ends() -> None:
        if line.reads == 3:
            line.outcome = CONNECTION_DONE

    line.on_read = ends
    assert turn(reader, line) == 3
