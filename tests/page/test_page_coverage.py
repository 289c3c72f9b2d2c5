"""What of a text counts, of parts within each other; and how a video begins."""

from __future__ import annotations

import itertools
import random

import pytest

from txcdp.errors import VideoError
from txcdp.page._coverage import CoveredRange, disjoint, united
from txcdp.page._videos import block, head, size_of


def plainly(parts: list[tuple[int, int, int]]) -> list[int]:
    """Return each character that counts: by the innermost part that it is in."""
    covered = []
    for at in range(100):
        within = [each for each in parts if each[0] <= at < each[1]]
        if within and min(within, key=lambda each: each[1] - each[0])[2]:
            covered.append(at)
    return covered


def nested(random_: random.Random, start: int, end: int, depth: int) -> list[tuple[int, int, int]]:
    """Return parts as V8 gives them: each of one that it is in, and no two of one place."""
    parts = []
    at = start
    while depth and at < end - 2:
        first = random_.randint(at, end - 2)
        last = random_.randint(first + 1, end - 1)
        parts += [(first, last, random_.randint(0, 1)), *nested(random_, first, last, depth - 1)]
        at = last
    return parts


@pytest.mark.parametrize("seed", range(50))
def test_the_innermost_part_decides(seed: int) -> None:
    random_ = random.Random(seed)
    parts = [(0, 100, 1), *nested(random_, 0, 100, 3)]
    ranges = disjoint(parts)
    assert [at for each in ranges for at in range(each["start"], each["end"])] == plainly(parts)
    for each, after in itertools.pairwise(ranges):
        assert each["end"] < after["start"]


def test_nothing_and_all_of_it() -> None:
    assert disjoint([]) == []
    assert disjoint([(0, 5, 0)]) == []
    assert disjoint([(0, 5, 3)]) == [{"start": 0, "end": 5}]
    assert disjoint([(0, 5, 1), (5, 9, 2)]) == [{"start": 0, "end": 9}]
    assert disjoint([(0, 0, 1)]) == []


def test_what_is_covered_at_different_times() -> None:
    def ranges(*pairs: tuple[int, int]) -> list[CoveredRange]:
        return [CoveredRange(start=start, end=end) for start, end in pairs]

    assert united([]) == []
    first, second = ranges((0, 5), (20, 30)), ranges((3, 8), (8, 10), (22, 25), (40, 41))
    assert united([first, second]) == ranges((0, 10), (20, 30), (40, 41))
    assert first == ranges((0, 5), (20, 30))


def test_the_size_of_a_picture() -> None:
    application = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    frame = b"\xff\xc0\x00\x11\x08\x02\xd0\x05\x00\x03\x01\x22\x00"
    assert size_of(b"\xff\xd8" + application + frame) == (1280, 720)
    with pytest.raises(VideoError):
        size_of(b"\x89PNG\r\n\x1a\n and more of it")


def test_a_video_is_matroska() -> None:
    assert head(1280, 720).startswith(bytes.fromhex("1A45DFA3"))
    assert b"V_MJPEG" in head(1280, 720)
    assert block(2**40, b"picture").endswith(b"\x81\x00\x00\x80picture")
