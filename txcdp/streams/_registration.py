"""Things that are registered somewhere, until they are disposed of."""

from __future__ import annotations

from collections.abc import Callable

from reactivex.abc import DisposableBase
from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import EndedByBlock, ignore_failure, returns_deferred


class Registration(DisposableBase, EndedByBlock):
    """A script, function or the like that is registered until it is disposed of.

    ``async with`` disposes of it at the block's end.

    :param remove: removes it; called once at most.
    """

    def __init__(self, remove: Callable[[], Deferred[None]]) -> None:
        self._remove = remove

    def dispose(self) -> None:
        """Remove it, without waiting until the browser has."""
        self.close().addErrback(ignore_failure)

    @returns_deferred
    async def close(self) -> None:
        """Remove it.

        :returns: fires with None when the browser has removed it; at once where it was removed before.
        """
        remove, self._remove = self._remove, lambda: succeed(None)
        await remove()
