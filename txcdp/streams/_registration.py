"""Things that are registered somewhere, until they are disposed of."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from reactivex.abc import DisposableBase
from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import ignore_failure, returns_deferred


class Registration(DisposableBase):
    """A script, function or the like that is registered until it is disposed of.

    ``async with`` disposes of it at the block's end.

    :param remove: removes it; called once at most.
    """

    def __init__(self, remove: Callable[[], Deferred[None]]) -> None:
        self._remove = remove

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

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
