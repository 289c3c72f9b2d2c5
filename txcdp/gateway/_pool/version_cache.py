"""Answers that are the same from all browsers of a pool, asked of any of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp.chrome import discovery
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import PooledBrowser

T = TypeVar("T")

#: Where Chromium publishes the DevTools front ends of all its revisions.
_FRONTEND = "https://chrome-devtools-frontend.appspot.com"


class VersionCache:
    """Caches the version and the protocol description of a pool's browsers.

    :param reactor: the reactor.
    :param pool: the pool.
    """

    def __init__(self, reactor: AnyReactor, pool: Pool) -> None:
        self._reactor = reactor
        self._pool = pool
        self._version: dict[str, str] = {}
        self._protocol = b""

    @returns_deferred
    async def version(self) -> dict[str, str]:
        """Return the contents of ``/json/version``, except for the address."""
        if not self._version:
            self._version = dict(await self._ask(lambda pooled: succeed(pooled.running.version)))
        return self._version

    def frontend(self) -> str | None:
        """Return the URL of these browsers' front end, as they report it; None if none has been up yet."""
        pooled = self._pool.any()
        version = self._version or (pooled.running.version if pooled is not None else {})
        revision = re.search(r"\((@[0-9a-f]+)\)", version.get("WebKit-Version", ""))
        return None if revision is None else f"{_FRONTEND}/serve_rev/{revision[1]}/inspector.html"

    @returns_deferred
    async def protocol(self) -> bytes:
        """Return the contents of ``/json/protocol``."""
        if not self._protocol:
            said = await self._ask(lambda pooled: discovery.protocol(self._reactor, pooled.netloc))
            self._protocol = msgspec.json.encode(said)
        return self._protocol

    async def _ask(self, question: Callable[[PooledBrowser], Deferred[T]]) -> T:
        """Ask any browser; if there is none, one is started for it."""
        pooled = self._pool.any()
        if pooled is not None:
            return await question(pooled)
        pooled = await self._pool.lease()
        try:
            return await question(pooled)
        finally:
            self._pool.release(pooled, used=False)
