"""Common devices, as options of contexts that pass for them; brought up to date by ``make devices``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from txcdp._arguments import did_you_mean
from txcdp._privacy import shortened

if TYPE_CHECKING:
    from txcdp.page._options import DeviceOptions


class Devices(Mapping[str, "DeviceOptions"]):
    """A table of devices by their names, such as ``"iPhone 15"`` and ``"iPhone 15 landscape"``.

    What is read is a copy, which may be changed.
    """

    @cached_property
    def _table(self) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(files("txcdp").joinpath("devices.json").read_text("utf-8"))
        return table

    def __getitem__(self, name: str) -> DeviceOptions:
        try:
            options: DeviceOptions = deepcopy(self._table[name])
        except KeyError:
            todo = f"{did_you_mean(name, self._table)} list(txcdp.devices) has all names"
            raise KeyError(shortened(f"{name!r}; {todo.lstrip()}")) from None
        return options

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"<Devices: {len(self)}>"


#: The devices.
devices = Devices()
