"""Requests that nobody follows: their messages are kept undecoded, in case that somebody needs them later.

So a request that nobody asks for costs next to nothing, and a late subscriber (such as a wait for an idle network) gets
exact information about the requests in progress.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from txcdp._core.sessions.streams import Inputs
from txcdp.domains import network
from txcdp.model import BrowserModel
from txcdp.protocol._wire import event_prefix

#: The maximum number of requests in progress whose messages are kept; and of those of which only extra info came.
MOST_KEPT: Final = 2000
MOST_EARLY: Final = 200

#: The messages that are kept of requests that nobody follows.
_KEPT: Final = frozenset({
    network.RequestWillBeSent.method, network.RequestWillBeSentExtraInfo.method, network.RequestServedFromCache.method,
    network.ResponseReceived.method, network.ResponseReceivedExtraInfo.method,
})  # fmt: skip

#: The messages that end a request.
_ENDS: Final = frozenset({network.LoadingFinished.method, network.LoadingFailed.method})

_BEGIN: Final = network.RequestWillBeSent.method
_EXTRA: Final = frozenset({
    network.RequestWillBeSentExtraInfo.method, network.ResponseReceivedExtraInfo.method,
})  # fmt: skip

_ID: Final = b'"requestId":"'
_LOADER: Final = b'","loaderId":"'
_PREFIXES: Final = {each.method: event_prefix(each.method.encode()) + _ID for each in BrowserModel().wants("exchanges")}


class Unfollowed:
    """The requests of a page that are in progress, and that nobody follows.

    :param model: the model of the followed requests.
    """

    def __init__(self, model: BrowserModel) -> None:
        self._model = model
        #: The kept messages by request, and those that came before their requests.
        self._kept: dict[str, list[tuple[Inputs, str, bytes]]] = {}
        self._early: dict[str, list[tuple[Inputs, str, bytes]]] = {}
        #: Requests that are followed although they have not been reported yet.
        self.awaited: dict[str, None] = {}

    def wants(self, source: Inputs, method: str, message: bytes) -> bool:
        """Return whether a message is decoded now: it belongs to a followed request, or to a navigation's."""
        prefix = _PREFIXES[method]
        if not message.startswith(prefix):
            return True  # written in another order
        begin = len(prefix)
        end = message.find(b'"', begin)
        request_id = message[begin:end].decode("utf-8", "replace")
        if self._model.exchanges.follows(request_id) or (self.awaited and self._is_awaited(request_id, method)):
            return True
        if method in _ENDS:
            self._kept.pop(request_id, None)
            return request_id in self._model.documents.navigations
        if method not in _KEPT:
            return False
        if message.startswith(_LOADER + message[begin : end + 1], end):
            return True  # a navigation's own
        kept = self._kept.get(request_id)
        if kept is None:
            if method == _BEGIN:
                kept = self._kept[request_id] = self._early.pop(request_id, [])
                if len(self._kept) > MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
            elif method in _EXTRA:
                kept = self._early.setdefault(request_id, [])
                if len(self._early) > MOST_EARLY:
                    del self._early[next(iter(self._early))]
            else:
                return False
        kept.append((source, method, message))
        return False

    def _is_awaited(self, request_id: str, method: str) -> bool:
        if request_id not in self.awaited:
            return False
        if method == _BEGIN:
            del self.awaited[request_id]
        return True

    def deliver(self, request_id: str) -> None:
        """Deliver the kept messages of one request."""
        for source, method, message in self._kept.pop(request_id, ()):
            source.deliver(method, message)

    def deliver_all(self) -> None:
        """Deliver all kept messages."""
        kept = [*self._kept.values(), *self._early.values()]
        self.forget()
        for messages in kept:
            for source, method, message in messages:
                source.deliver(method, message)

    def requests(self) -> Iterable[str]:
        """Return the ids of the reported requests."""
        return self._kept.keys()

    def forget(self) -> None:
        """Discard all kept messages."""
        self._kept.clear()
        self._early.clear()
