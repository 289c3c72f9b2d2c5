"""Registers routes, with a function or as a stream."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.network._route import Route
from txcdp.network._routes import RouteEntry, RouteHandler, RouteMatch, RouteTable
from txcdp.streams import Registration, Stream, StreamContext
from txcdp.streams._gathered import OnDemandStream

if TYPE_CHECKING:
    from txcdp.network._har_recording import HarRecording
    from txcdp.network._har_routes import HarNotFound


@returns_deferred
async def register(
    table: RouteTable, pattern: RouteMatch, handler: RouteHandler, base_url: str | None, options: Mapping[str, Any]
) -> Registration:
    """Register a route; see ``Page.route``."""
    entry = RouteEntry(pattern, handler, base_url=base_url, **options)
    try:
        await table.add(entry)
    except BaseException:
        table.drop(entry).addErrback(ignore_failure)
        raise
    return Registration(lambda: table.drop(entry))


def requests_paused(
    context: StreamContext,
    table: RouteTable,
    pattern: RouteMatch,
    base_url: str | None,
    options: Mapping[str, Any],
) -> Stream[Route]:
    """Return the requests that a route would stop; see ``Page.requests_paused``."""
    entries: list[RouteEntry] = []

    def push(route: Route) -> None:
        stream.push(route)

    def begin() -> None:
        entry = RouteEntry(pattern, push, base_url=base_url, **options)
        entries.append(entry)
        table.add(entry).addErrback(ignore_failure)

    def leave() -> None:
        table.drop(entries.pop()).addErrback(ignore_failure)

    RouteEntry(pattern, push, base_url=base_url, **options)  # refuses what cannot be
    stream: OnDemandStream[Route] = OnDemandStream(context, "requests_paused", begin, leave)
    return stream


@returns_deferred
async def route_from_har(
    table: RouteTable,
    path: str | os.PathLike[str],
    url: RouteMatch | None,
    not_found: HarNotFound,
    base_url: str | None,
) -> Registration:
    """Answer from a recording; see ``Page.route_from_har``."""
    from txcdp.network._har_routes import HarReplay

    replay = HarReplay(path, not_found)
    options = {"redirects": True}
    return await register(table, "**/*" if url is None else url, replay.handle, base_url, options)


async def recorded(recording: Deferred[HarRecording]) -> Registration:
    """Return a registration that stops a recording."""
    made = await recording
    return Registration(lambda: made.stop().addCallback(lambda _: None))
