"""Tables of results, in reStructuredText."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def written(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write a table, of which the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    for index, row in enumerate(rows):
        if index < 2:
            yield rule
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    yield rule
