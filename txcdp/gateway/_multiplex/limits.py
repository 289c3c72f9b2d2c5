"""How much one client may have."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """How much one client of a shared browser may have at a time.

    :ivar commands: commands without an answer.
    :ivar contexts: browser contexts, its default one included.
    :ivar targets: targets, of all kinds; beyond, it may open no more.
    :ivar sessions: sessions; beyond, it may attach to no more.
    """

    commands: int = 10_000
    contexts: int = 100
    targets: int = 500
    sessions: int = 2_000
