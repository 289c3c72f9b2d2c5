"""Commands and their replies, as lines of a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from txcdp._recent import Recent
from txcdp.protocol._wire import ErrorObject
from txcdp.recording._entries import command_line, reply_line
from txcdp.recording._filters import Filter
from txcdp.recording._secrets import mask_json
from txcdp.recording._sources import Sources

#: Commands without a reply that are remembered; the browser never answers some.
_MOST: Final = 100_000


class _Sent(msgspec.Struct):
    id: int
    method: str
    params: msgspec.Raw
    session: str | None = msgspec.field(name="sessionId", default=None)


class _Answer(msgspec.Struct):
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Any = msgspec.UNSET


_read_sent = msgspec.json.Decoder(_Sent).decode
_read_answer = msgspec.json.Decoder(_Answer).decode


class Commands:
    """Makes lines from the commands that are sent, and from their replies.

    :param wanted: which commands are recorded, by method and target.
    :param masks: whether secrets are masked.
    :param wall: returns the time, in seconds since 1970.
    :param put: called with the lines.
    """

    def __init__(
        self,
        sources: Sources,
        wanted: Filter,
        masks: bool,
        wall: Callable[[], float],
        put: Callable[[bytes], object],
    ) -> None:
        self._sources = sources
        self._filter = wanted
        self._masks = masks
        self._wall = wall
        self._put = put
        self._waiting: Recent[int, tuple[str, float]] = Recent(_MOST)

    def sent(self, message: bytes) -> None:
        """Process the message of a command."""
        now = self._wall()
        sent = _read_sent(message)
        source = self._sources.find((sent.session or "").encode("utf-8", "surrogatepass"))
        if not source.wanted or not self._filter.wants_event(sent.method):
            return
        params = bytes(sent.params)
        if self._masks:
            params = mask_json(sent.method, params)
        self._waiting[sent.id] = sent.method, now
        self._put(command_line(now, source.head, sent.method, sent.id, params))

    def replied(self, number: int, message: bytes) -> None:
        """Process the message of a reply."""
        known = self._waiting.pop(number, None)
        if known is None:
            return
        method, since = known
        now = self._wall()
        answer = _read_answer(message)
        if isinstance(answer.result, msgspec.Raw):
            result = bytes(answer.result)
            self._put(reply_line(now, number, now - since, mask_json(method, result) if self._masks else result))
        else:
            self._put(reply_line(now, number, now - since, error=_told(answer.error)))


def _told(error: object) -> str:
    """Return the browser's error for a command."""
    try:
        read = msgspec.convert(error, ErrorObject)
    except msgspec.ValidationError:
        return str(error)
    more = f": {read.data}" if isinstance(read.data, str) else ""
    return f"{read.message}{more} ({read.code})"
