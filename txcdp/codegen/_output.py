"""Writes generated files to disk, or compares them with the existing ones."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Drift(msgspec.Struct, frozen=True):
    """The differences of a directory from what would be written; false where there are none.

    :ivar missing: files that are not there.
    :ivar different: files with other contents.
    :ivar stale: files that would be deleted.
    """

    missing: list[str]
    different: list[str]
    stale: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.different or self.stale)

    def lines(self) -> list[str]:
        """Return one line a file."""
        return [
            f"{what}: {name}"
            for what, names in (("missing", self.missing), ("differs", self.different), ("stale", self.stale))
            for name in names
        ]


def compare(directory: Path, files: dict[str, str]) -> Drift:
    """Compare a directory's Python files with what should be there."""
    present = {path.name for path in directory.glob("*.py")}
    different = [
        name for name in sorted(present & files.keys()) if (directory / name).read_bytes() != files[name].encode()
    ]
    return Drift(sorted(files.keys() - present), different, sorted(present - files.keys()))


def write(directory: Path, files: dict[str, str]) -> Drift:
    """Make a directory hold just these Python files, and return what had to change."""
    directory.mkdir(parents=True, exist_ok=True)
    drift = compare(directory, files)
    for name in drift.missing + drift.different:
        (directory / name).write_bytes(files[name].encode())
    for name in drift.stale:
        (directory / name).unlink()
    return drift
