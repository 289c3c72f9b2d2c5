"""Draws what operators and overflow policies do, by doing it: ``python docs/marbles.py`` writes what the pages include.

Each diagram is a run of the real thing on a ``task.Clock``: half a second is one column of two characters, an item is
drawn where it comes, ``|`` is the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import reactivex
from reactivex import Observable
from reactivex import operators as ops
from twisted.internet.task import Clock

from txcdp.stats import Stats
from txcdp.streams import EventQueue, Overflow, Stream, merge, queue
from txcdp.streams._context import StreamContext
from txcdp.streams._fanout import StreamSubject

MARBLES: Final = Path(__file__).parent / "marbles"

TICK: Final = 0.5  # seconds
_COLUMN: Final = 2
_LABEL: Final = 40

_ENDS: Final = ("|", "QueueOverflow")

#: What makes a stream of one source, or of two.
Operator = Callable[..., Stream[Any]]


@dataclass(frozen=True)
class Diagram:
    """A diagram.

    :ivar sources: a row for each: one character for each tick; ``-`` is nothing, ``|`` the end.
    :ivar rows: what is written, and what makes the stream that is drawn beside it.
    """

    sources: Sequence[str]
    rows: Sequence[tuple[str, Operator]]


class _Flow:
    """The flow of a line that is not read from while a queue is full."""

    def __init__(self) -> None:
        self.stats = Stats()
        self.held = False

    @property
    def paused(self) -> bool:
        return self.held

    def hold(self, holder: object, give_up: Callable[[float], None]) -> None:
        self.held = True

    def release(self, holder: object) -> None:
        self.held = False


def _twice(item: str) -> Observable[str]:
    """Return what comes of an item: it, and one and a half seconds later it as a capital."""
    return reactivex.concat(reactivex.of(item), reactivex.timer(3 * TICK).pipe(ops.map(lambda _: item.upper())))


def _with_inner(name: str) -> Operator:
    return lambda source: getattr(source, name)(_twice)


def _joined(items: Sequence[str]) -> str:
    return "[" + "".join(items) + "]"


#: By the name of the file that each is drawn into.
DIAGRAMS: Final[dict[str, Diagram]] = {
    "items": Diagram(
        ("a-b-b-c---a-d-|",),
        (
            (".filter(lambda item: item != 'b')", lambda s: s.filter(lambda item: item != "b")),
            (".map(str.upper)", lambda s: s.map(str.upper)),
            (".scan(lambda n, item: n + 1, 0)", lambda s: s.scan(lambda n, item: n + 1, 0)),
            (".pairwise().map(''.join)", lambda s: s.pairwise().map("".join)),
            (".distinct_until_changed()", lambda s: s.distinct_until_changed()),
            (".distinct()", lambda s: s.distinct()),
            (".take(3)", lambda s: s.take(3)),
            (".skip(3)", lambda s: s.skip(3)),
        ),
    ),
    "time": Diagram(
        ("ab--c-----d-e-f--------|",),
        (
            (".debounce(1.0)", lambda s: s.debounce(1.0)),
            (".throttle_first(2.0)", lambda s: s.throttle_first(2.0)),
            (".sample(2.0)", lambda s: s.sample(2.0)),
            (".delay(1.5)", lambda s: s.delay(1.5)),
            (".buffer_with_time(2.5).map(joined)", lambda s: s.buffer_with_time(2.5).map(_joined)),
            (".buffer_with_count(3).map(joined)", lambda s: s.buffer_with_count(3).map(_joined)),
            (".take_with_time(4.0)", lambda s: s.take_with_time(4.0)),
        ),
    ),
    "several": Diagram(
        ("a---b-----c---|", "--1---2-3-----|"),
        (
            ("merge(a, b)", merge),
            ("a.combine_latest(b).map(''.join)", lambda a, b: a.combine_latest(b).map("".join)),
            ("a.with_latest_from(b).map(''.join)", lambda a, b: a.with_latest_from(b).map("".join)),
            ("a.zip(b).map(''.join)", lambda a, b: a.zip(b).map("".join)),
            ("a.take_until(b.skip(1))", lambda a, b: a.take_until(b.skip(1))),
        ),
    ),
    "each": Diagram(
        ("a-b-------c-----|",),
        (
            (".flat_map(twice)", _with_inner("flat_map")),
            (".concat_map(twice)", _with_inner("concat_map")),
            (".switch_map(twice)", _with_inner("switch_map")),
        ),
    ),
}

#: What a slow consumer is offered: it takes an item every one and a half seconds, from a queue with room for two.
_OFFERED: Final = "abcdefg----------------|"
_EVERY: Final = 3
_SIZE: Final = 2


def _columns(told: dict[int, str], length: int) -> str:
    """Draw what came at which tick, up to the end where there was one."""
    over = any(each.endswith(_ENDS) for each in told.values())
    drawn = ""
    for tick in range(max(told) + 1 if over else length):
        position = tick * _COLUMN
        if tick in told:
            if len(drawn) > position:
                raise ValueError(f"{told!r}: what comes at {tick} stands over what came before")
            drawn = drawn.ljust(position, "-") + told[tick]
        drawn = drawn.ljust(position + _COLUMN, "-") if not drawn.endswith(_ENDS) else drawn
    return drawn


def _line(label: str, drawn: str) -> str:
    return f"    {label:{_LABEL}} {drawn}"


def _shown(pattern: str) -> str:
    return _columns({tick: item for tick, item in enumerate(pattern) if item != "-"}, len(pattern))


def _run(sources: Sequence[str], operator: Operator) -> str:
    """Do it, and draw what comes."""
    clock = Clock()
    context = StreamContext(clock, _Flow())
    made: list[StreamSubject[str]] = [StreamSubject(context, "source") for _ in sources]
    told: dict[int, str] = {}

    def tell(item: object) -> None:
        now = round(clock.seconds() / TICK)
        told[now] = told.get(now, "") + str(item)

    operator(*made).subscribe(tell, on_completed=lambda: tell("|"))
    length = max(map(len, sources)) + 8
    for tick in range(length):
        for pattern, source in zip(sources, made, strict=True):
            item = pattern[tick : tick + 1]
            if item == "|":
                source.end()
            elif item.strip("-"):
                source.push(item)
        clock.advance(0)
        clock.advance(TICK)
    return _columns(told, length)


def drawing(diagram: Diagram) -> str:
    """Draw what operators make of their sources."""
    names = ("source",) if len(diagram.sources) == 1 else ("a", "b")
    lines = [_line(name, _shown(pattern)) for name, pattern in zip(names, diagram.sources, strict=True)]
    lines += ["", *(_line(label, _run(diagram.sources, operator)) for label, operator in diagram.rows)]
    return _block(lines)


def drawing_of_policies() -> str:
    """Draw what a slow consumer gets, by the queue's policy."""
    policies = [_line(f'overflow="{each}"', _consumed(each)) for each in get_args(Overflow)]
    return _block([_line("source", _shown(_OFFERED)), "", *policies])


def _consumed(overflow: Any) -> str:
    clock = Clock()
    flow = _Flow()
    source: StreamSubject[str] = StreamSubject(StreamContext(clock, flow), "source")
    held: EventQueue[str] = queue(source, _SIZE, overflow)
    unread = deque[str]()
    told: dict[int, str] = {}
    for tick in range(40):
        item = _OFFERED[tick : tick + 1].strip("-")
        if item:
            unread.append(item)
        while unread and not flow.held:
            item = unread.popleft()
            source.end() if item == "|" else source.push(item)
        if tick % _EVERY == _EVERY - 1 and not _take(held, tick, told):
            break
        clock.advance(TICK)
    drawn = _columns(told, len(_OFFERED))
    return f"{drawn}  {held.dropped} dropped" if held.dropped else drawn


def _take(held: EventQueue[str], tick: int, told: dict[int, str]) -> bool:
    """Take an item that is there; return whether there may be more."""
    taken: list[Any] = []
    asked = held.get().addBoth(taken.append)
    if not taken:
        asked.cancel()
        return True
    if isinstance(taken[0], str):
        told[tick] = taken[0]
        return True
    told[tick] = "|" if taken[0].type.__name__ == "StreamEnded" else taken[0].type.__name__
    return False


def _block(lines: Sequence[str]) -> str:
    return "\n".join([".. code-block:: text", "", *(line.rstrip() for line in lines), ""])


def drawings() -> dict[str, str]:
    """Return all diagrams, by the names of their files."""
    return {**{name: drawing(each) for name, each in DIAGRAMS.items()}, "queues": drawing_of_policies()}


if __name__ == "__main__":
    MARBLES.mkdir(exist_ok=True)
    for file, text in drawings().items():
        (MARBLES / f"{file}.inc").write_text(text, encoding="utf-8")
