"""Things that are registered somewhere, until they are disposed of."""

from __future__ import annotations

from collections.abc import Callable

from reactivex.abc import DisposableBase
from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import EndedByBlock, ignore_failure, returns_deferred


class Registration(DisposableBase, EndedByBlock):
    """A script, function or the like that is registered until it is disposed of.

    ``async with`` disposes of it at the end of the block.

    :param remove: removes it; called at most once.
    """

    def __init__(self, remove: Callable[[], Deferred[None]]) -> None:
        self._remove = remove

    def dispose(self) -> None:
        """Remove it, without waiting for the browser."""
        self.close().addErrback(ignore_failure)

    @returns_deferred
    async def close(self) -> None:
        """Remove it.

        :returns: fires with None once the browser has removed it; at once if it was already removed.
        """
        remove, self._remove = self._remove, lambda: succeed(None)
        await remove()
