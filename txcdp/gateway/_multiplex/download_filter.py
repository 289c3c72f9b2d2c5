"""Finds the owner of each download: Chromium reports all downloads to every browser session that wants to hear of any.

Its first event names the frame, the later ones only the download. A frame that is a target has an owner; for any other
frame, the client's own sessions are asked, without the client noticing, whether it is in one of their pages. Until they
have answered, the events of that download wait. The client is not told of downloads that are not from its pages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from txcdp.protocol import from_json

_BEGINS: Final = "Browser.downloadWillBegin"
_PROGRESS: Final = "Browser.downloadProgress"

#: The most messages that wait for each question, and the most downloads that are remembered: Chromium does not say when
#: it has reported one to every session.
_MOST: Final = 1000

#: The most questions that are open at a time: what others download while a page hangs must not use up its client's
#: commands.
_QUESTIONS: Final = 100


class _OwnerQuery:
    """A download of which it is being asked whose it is.

    :ivar open: how many answers are to come.
    :ivar waiting: what was told of it meanwhile.
    """

    def __init__(self) -> None:
        self.open = 0
        self.waiting: list[tuple[Callable[[bytes], None], bytes]] = []


class DownloadFilter:
    """The downloads of one client, told from those of others.

    :param owns_frame: tells whether a frame that is a target is the client's; None where it is no target.
    :param ask_for_frames: asks the client's pages for their frames, takes what is to be called with each reply, and
        returns how many there will be.
    """

    def __init__(
        self,
        owns_frame: Callable[[str], bool | None],
        ask_for_frames: Callable[[Callable[[dict[str, Any]], None]], int],
    ) -> None:
        self._owns_frame = owns_frame
        self._ask_for_frames = ask_for_frames
        self._own: dict[str, None] = {}
        self._questions: dict[str, _OwnerQuery] = {}

    def told(self, deliver: Callable[[bytes], None], message: bytes, seen: bytes) -> None:
        """Forward an event of the domain ``Browser`` on one of the client's browser sessions, if it is the client's.

        :param deliver: sends the client a message of that session.
        :param message: as the browser has said it.
        :param seen: as the client is to see it, if it is its own.
        """
        event = from_json(message)
        params = event.get("params", {})
        guid, method = params.get("guid"), event.get("method")
        if not isinstance(guid, str) or method not in (_BEGINS, _PROGRESS):
            return
        question = self._questions.get(guid)
        if question is None and guid not in self._own and method == _BEGINS:
            question = self._ask(guid, str(params.get("frameId")))
        if question is not None:
            if len(question.waiting) < _MOST:
                question.waiting.append((deliver, seen))
        elif guid in self._own:
            deliver(seen)

    def _owns(self, guid: str) -> None:
        self._own[guid] = None
        if len(self._own) > _MOST:
            del self._own[next(iter(self._own))]

    def _ask(self, guid: str, frame: str) -> _OwnerQuery | None:
        """Find out whose a download is; the question, where that takes a while."""
        owned = self._owns_frame(frame)
        if owned:
            self._owns(guid)
        if owned is not None or len(self._questions) >= _QUESTIONS:
            return None
        question = self._questions[guid] = _OwnerQuery()
        question.open = self._ask_for_frames(partial(self._answered, guid, frame))
        if not question.open:
            del self._questions[guid]
            return None
        return question

    def _answered(self, guid: str, frame: str, reply: dict[str, Any]) -> None:
        question = self._questions.get(guid)
        if question is None:
            return
        question.open -= 1
        if frame in _frames(reply.get("result", {}).get("frameTree", {})):
            del self._questions[guid]
            self._owns(guid)
            for deliver, seen in question.waiting:
                deliver(seen)
        elif not question.open:
            del self._questions[guid]


def _frames(tree: dict[str, Any]) -> set[str]:
    """Return the ids of the frames of a tree."""
    found, trees = set(), [tree]
    while trees:
        tree = trees.pop()
        found.add(tree.get("frame", {}).get("id", ""))
        trees += tree.get("childFrames", ())
    return found
