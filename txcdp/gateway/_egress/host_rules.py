"""The rules by which a browser finds hosts: of several ``--host-resolver-rules`` Chromium takes the last one alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_RULES: Final = "--host-resolver-rules="


def with_host_rules(args: Sequence[str], first: Iterable[str], last: Iterable[str] = ()) -> list[str]:
    """Return a browser's arguments with a single one for all rules: the given ones, and those that it had."""
    own = [each.removeprefix(_RULES) for each in args if each.startswith(_RULES)][-1:]
    return [_RULES + ",".join([*first, *own, *last]), *(each for each in args if not each.startswith(_RULES))]
