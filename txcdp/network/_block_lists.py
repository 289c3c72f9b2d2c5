"""Lists of URL patterns to block, matched as Chromium matches them: a long list costs as much as one pattern.

A pattern consists of texts with ``*`` between them; it matches a URL that contains all of them, in order. Most patterns
contain a whole word, one that a matching URL must contain as a word of its own, too: they are indexed by their rarest
word. Patterns without one are tried one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

_WORD: Final = re.compile(r"[A-Za-z0-9%]+")
_INNER_WORD: Final = re.compile(r"(?<=[^A-Za-z0-9%*])[A-Za-z0-9%]+(?=[^A-Za-z0-9%*])")


class BlockList:
    """A list of URL patterns.

    :param patterns: the patterns, in which ``*`` stands for anything; one is implied at both ends.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        words = [set(_INNER_WORD.findall(each)) for each in patterns]
        count = Counter(word for each in words for word in each)
        self._by_word: dict[str, list[tuple[str, ...]]] = {}
        self._others: list[tuple[str, ...]] = []
        for pattern, found in zip(patterns, words, strict=True):
            texts = tuple(each for each in pattern.split("*") if each)
            if found:
                rarest = min(found, key=lambda word: (count[word], -len(word), word))
                self._by_word.setdefault(rarest, []).append(texts)
            else:
                self._others.append(texts)

    def matches(self, url: str) -> bool:
        """Return whether one of the patterns matches a URL."""
        by_word = self._by_word
        for word in set(_WORD.findall(url)):
            for texts in by_word.get(word, ()):
                if _has(url, texts):
                    return True
        return any(_has(url, texts) for texts in self._others)


def _has(url: str, texts: tuple[str, ...]) -> bool:
    """Return whether a URL contains some texts, one after another."""
    at = 0
    for each in texts:
        at = url.find(each, at)
        if at < 0:
            return False
        at += len(each)
    return True
