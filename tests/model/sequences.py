"""What was recorded of Chromium by :mod:`tests.model.record_sequences`, as inputs of a model."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

from txcdp.domains import lookup
from txcdp.model import BrowserModel, Change
from txcdp.protocol import Event, Record, build, result_type

DATA = Path(__file__).parent.parent / "data" / "model"

#: All of them, by name.
NAMES = sorted(path.stem for path in DATA.glob("*.jsonl"))


class Input(NamedTuple):
    """One line."""

    session: str
    record: Record

    @property
    def name(self) -> str:
        return self.record.method if isinstance(self.record, Event) else type(self.record).__name__


@functools.cache
def sequence(name: str) -> tuple[Input, ...]:
    """Read a recording; what the bindings do not know is left out."""
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as file:
        return tuple(each for each in map(_input, file) if each is not None)


def _input(line: str) -> Input | None:
    said = json.loads(line)
    known = lookup(said.get("method") or said["command"])
    if known is None:
        return None
    if "method" in said:
        return Input(said["session"], build(known, said["params"]))
    return Input(said["session"], build(result_type(known), said["result"]))  # type: ignore[arg-type]


def feed(inputs: tuple[Input, ...] | list[Input], model: BrowserModel | None = None) -> list[Change]:
    """Feed a model with all of it, and return what it has told."""
    model = model or BrowserModel()
    changes = [change for each in inputs for change in model.feed(each.session, each.record)]
    if model.fault is not None:
        raise model.fault
    return changes
