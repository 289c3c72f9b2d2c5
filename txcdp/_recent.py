"""What is remembered of things that are over, or may never be: so many of them at the most."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """A dict that forgets: with one more key than there may be, the one goes that was set the longest ago.

    It is ``recent[key] = value`` alone that sees to that.

    :param most: how many keys are kept.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)  # what is set again is the latest
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]
