"""Combines several streams into one."""

# ruff: noqa: A001  (zip is called as everywhere in Rx)

from __future__ import annotations

from typing import Any, TypeVar, overload

import reactivex
from reactivex import Observable

from txcdp.streams._stream import Stream, carry, together

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


@overload
def merge(a: Observable[A], /) -> Stream[A]: ...
@overload
def merge(a: Observable[A], b: Observable[B], /) -> Stream[A | B]: ...
@overload
def merge(a: Observable[A], b: Observable[B], c: Observable[C], /) -> Stream[A | B | C]: ...
@overload
def merge(a: Observable[A], b: Observable[B], c: Observable[C], d: Observable[D], /) -> Stream[A | B | C | D]: ...
@overload
def merge(
    a: Observable[A], b: Observable[B], c: Observable[C], d: Observable[D], e: Observable[E], /
) -> Stream[A | B | C | D | E]: ...
@overload
def merge(*sources: Observable[Any]) -> Stream[Any]: ...
def merge(*sources: Observable[Any]) -> Stream[Any]:
    """Merge streams: emit their items as they arrive, until all have completed or one fails.

    :param sources: streams of txcdp; also other observables, if at least one is such a stream: they use its clock.
    :returns: a stream with the clock of the first one; a queue pauses all of their connections together.
    :raises TypeError: none of them is a stream of txcdp.
    """
    return _all_of("merge", sources, reactivex.merge)


@overload
def combine_latest(a: Observable[A], /) -> Stream[tuple[A]]: ...
@overload
def combine_latest(a: Observable[A], b: Observable[B], /) -> Stream[tuple[A, B]]: ...
@overload
def combine_latest(a: Observable[A], b: Observable[B], c: Observable[C], /) -> Stream[tuple[A, B, C]]: ...
@overload
def combine_latest(
    a: Observable[A], b: Observable[B], c: Observable[C], d: Observable[D], /
) -> Stream[tuple[A, B, C, D]]: ...
@overload
def combine_latest(*sources: Observable[Any]) -> Stream[tuple[Any, ...]]: ...
def combine_latest(*sources: Observable[Any]) -> Stream[Any]:
    """Emit the latest items of all streams as a tuple, whenever one emits an item and all have emitted one.

    The parameters and the result are those of :func:`merge`.
    """
    return _all_of("combine_latest", sources, reactivex.combine_latest)


@overload
def zip(a: Observable[A], /) -> Stream[tuple[A]]: ...
@overload
def zip(a: Observable[A], b: Observable[B], /) -> Stream[tuple[A, B]]: ...
@overload
def zip(a: Observable[A], b: Observable[B], c: Observable[C], /) -> Stream[tuple[A, B, C]]: ...
@overload
def zip(a: Observable[A], b: Observable[B], c: Observable[C], d: Observable[D], /) -> Stream[tuple[A, B, C, D]]: ...
@overload
def zip(*sources: Observable[Any]) -> Stream[tuple[Any, ...]]: ...
def zip(*sources: Observable[Any]) -> Stream[Any]:
    """Emit the first items of all streams as a tuple, then the second ones, and so on.

    The parameters and the result are those of :func:`merge`.
    """
    return _all_of("zip", sources, reactivex.zip)


def _all_of(how: str, sources: tuple[Observable[Any], ...], function: Any) -> Stream[Any]:
    every, context = together(sources)
    made: Stream[Any] = carry(function(*every), context, f"{how}({', '.join(each.name for each in every)})")
    return made
