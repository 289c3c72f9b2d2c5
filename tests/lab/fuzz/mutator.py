"""Changes messages as trees, not as bytes: a fuzzer alone seldom finds the next valid JSON."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

#: Values that readers disagree about, or that CDP has a use for.
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 7, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 0.5, -0.0, 1e300, float("inf"),
    float("nan"), "", "A" * 32, "B" * 32, "x", "\ud800", "\U0001f600", "\0", '"', "\\", "QUI=", "not base64!", [], {},
    [[]], {"": {}}, {"code": -32001, "message": "Session with given id not found."}, {"sessionId": "A" * 32},
]  # fmt: skip
KEYS = ["id", "method", "params", "sessionId", "result", "error", "code", "message", "data", "targetInfo", "", "x"]
METHODS = [
    "Network.dataReceived",
    "Network.requestWillBeSent",
    "Runtime.consoleAPICalled",
    "Page.frameNavigated",
    "Target.attachedToTarget",
    "Target.detachedFromTarget",
    "Inspector.targetCrashed",
    "Inspector.targetReloadedAfterCrash",
    "A.b",
]

#: Takes bytes and the longest that may come out, and gives changed bytes: the fuzzer's own way.
ByBytes = Callable[[bytes, int], bytes]


def mutate(data: bytes, longest: int, seed: int, by_bytes: ByBytes) -> bytes:
    """Change one message, or one line of many; by bytes where it is no JSON, and otherwise now and then."""
    dice = random.Random(seed)
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except (ValueError, RecursionError):
        return by_bytes(data, longest)
    chance = dice.random()
    if chance < 0.4:
        return by_bytes(data, longest)
    if chance < 0.5 and len(lines) > 1:
        _shuffle(lines, at, dice)
    else:
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            value = _change(value, dice)
        lines[at] = _write(value, dice)
    made = b"\n".join(lines)
    return made if len(made) <= longest else by_bytes(data, longest)


def _shuffle(lines: list[bytes], at: int, dice: random.Random) -> None:
    other = dice.randrange(len(lines))
    choice = dice.randrange(3)
    if choice == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif choice == 1:
        lines.insert(other, lines[at])
    else:
        del lines[at]


def _change(value: Any, dice: random.Random) -> Any:
    """Change one node, any of them."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(list(value))
        choice = dice.randrange(8)
        if choice == 0:
            del value[key]
        elif choice == 1:
            value[dice.choice(KEYS)] = copy.deepcopy(value[key])
        elif choice == 2:
            pairs = list(value.items())
            dice.shuffle(pairs)
            value = dict(pairs)
        elif key == "method" and choice < 6:
            value[key] = dice.choice(METHODS)
        else:
            value[key] = _change(value[key], dice)
        return value
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        value[at] = _change(value[at], dice)
        return value
    choice = dice.randrange(6)
    if choice == 0:
        return [value]
    if choice == 1:
        return {dice.choice(KEYS): value}
    if choice == 2 and isinstance(value, int | float) and abs(value) < 1e15:
        return value + dice.choice((-1, 1, 0.5, 256))
    return copy.deepcopy(dice.choice(VALUES))


def _write(value: Any, dice: random.Random) -> bytes:
    separators = (",", ":") if dice.random() < 0.8 else dice.choice([(", ", ": "), (",", ": "), (" ,", ":")])
    text = json.dumps(value, separators=separators, ensure_ascii=dice.random() < 0.7)
    return text.encode("utf-8", "surrogatepass")
