"""``python -m txcdp.codegen.devices FILE``: update the table of devices from Playwright's.

FILE is Playwright's table as JSON, which ``make devices`` has Node print from the package ``playwright-core``; ``-``
stands for standard input. The command writes ``txcdp/devices.json``: context options, by device name.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from txcdp.errors import TxcdpError

__all__ = ["BadTable", "main", "table", "written"]

_TARGET: Final = Path(__file__).resolve().parents[1] / "devices.json"

#: The supported families of devices; hardly any other is in use, or its browsers are not based on Chromium or WebKit.
_FAMILIES: Final = ("iPhone", "iPad", "Pixel", "Galaxy", "Desktop Chrome", "Desktop Edge")

#: What is taken from each device, and its name here.
_NAMES: Final = {
    "userAgent": "user_agent",
    "viewport": "viewport",
    "screen": "screen",
    "deviceScaleFactor": "device_scale_factor",
    "isMobile": "is_mobile",
    "hasTouch": "has_touch",
}


class BadTable(TxcdpError):
    """The table does not have the expected structure."""


def table(devices: object) -> dict[str, dict[str, Any]]:
    """Return the devices of the supported families as context options, by device name.

    :raises BadTable: the table does not have the expected structure.
    """
    if not isinstance(devices, Mapping):
        raise BadTable("expected a mapping of names to devices")
    found = {}
    for name, device in devices.items():
        if not str(name).startswith(_FAMILIES):
            continue
        try:
            found[str(name)] = {ours: device[theirs] for theirs, ours in _NAMES.items() if theirs in device}
            found[str(name)]["user_agent"], found[str(name)]["viewport"]
        except (TypeError, KeyError) as error:
            raise BadTable(f"{name}: {error!r}") from error
    if not found:
        raise BadTable("none of the devices are known here")
    return found


def written(devices: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of the file, one device to a line."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(device)}" for name, device in devices.items())
    return f"{{\n{lines}\n}}\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 for success, 1 if there is no valid table, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m txcdp.codegen.devices", description="Write the table of devices.")
    parser.add_argument("file", metavar="FILE", help="Playwright's table of devices, as JSON; -: the standard input")
    parser.add_argument("--output", metavar="FILE", type=Path, default=_TARGET, help="where to (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
        devices = table(json.loads(text))
        options.output.write_text(written(devices), "utf-8")
    except (TxcdpError, OSError, ValueError) as error:
        print(f"devices: {error}", file=sys.stderr)
        return 1
    print(f"{len(devices)} devices: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
