"""Two ways to a browser: start one, or reach one that runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from txcdp.browser.browser import Browser
from txcdp.connection import Connection
from txcdp.deferreds import returns_deferred
from txcdp.transports.websocket import WebSocketOptions, open_websocket

if TYPE_CHECKING:
    from txcdp.transports.interface import Transport


class ConnectionOptions(TypedDict, total=False):
    """What :class:`~txcdp.connection.Connection` takes, and :func:`launch` and :func:`connect` hand on to it."""

    timeout: float | None
    stability: Literal["stable", "warn", "any"]
    linger: float | None
    max_in_flight: int | None
    commands_per_second: int | None


@returns_deferred
async def launch(
    reactor: Any,
    executable: str | os.PathLike[str] | None = None,
    headless: bool = True,
    args: Sequence[str] = (),
    profile: str | os.PathLike[str] | None = None,
    transport: Literal["websocket", "pipe"] = "websocket",
    *,
    env: Mapping[str, str | None] | None = None,
    sandbox: bool | None = None,
    start_timeout: float = 30.0,
    options: WebSocketOptions | None = None,
    **connection: Unpack[ConnectionOptions],
) -> Browser:
    """Start a browser and connect to it.

    :param reactor: the reactor.
    :param executable: a path or a name; by default the first Chromium, Chrome or Edge that is found.
    :param headless: without a window.
    :param args: more of Chromium's flags, such as ``"--window-size=1280,800"``; they win over ours.
    :param profile: a directory that is kept; by default a temporary one, removed at the end.
    :param transport: ``"websocket"``, or ``"pipe"`` (not on Windows), which no other program can reach.
    :param env: variables on top of this process's environment; None removes one.
    :param sandbox: None: with Chromium's sandbox, except for root on Linux, who cannot.
    :param start_timeout: seconds for the browser to come up.
    :param options: how the WebSocket is opened and kept.
    :param connection: ``timeout``, ``stability``, ``linger``, ``max_in_flight``, ``commands_per_second``
        as :class:`~txcdp.connection.Connection` takes them.
    :returns: fires with the :class:`Browser`. Fails with :exc:`LaunchError` or :exc:`ConnectError`, and
        with :exc:`ValueError` for arguments that cannot be; nothing is left behind then. Cancelling it
        ends the browser.
    """
    from txcdp.chrome import start_browser

    process = await start_browser(
        reactor,
        executable=executable,
        headless=headless,
        args=args,
        env=env,
        profile=profile,
        transport=transport,
        sandbox=sandbox,
        start_timeout=start_timeout,
    )
    try:
        line: Transport = process.pipe or await open_websocket(reactor, process.ws_url, options)
        return Browser(_connection(line, reactor, connection), process)
    except BaseException:
        await process.close(0)
        raise


@returns_deferred
async def connect(
    reactor: Any, url: str, *, options: WebSocketOptions | None = None, **connection: Unpack[ConnectionOptions]
) -> Browser:
    """Connect to a browser that runs already.

    Given the WebSocket of a page, or Node's inspector, the ``session`` of what it fires with is that
    page, or that Node process; it opens no pages.

    :param reactor: the reactor.
    :param url: ``http://host:port``, ``host:port`` or a port of this machine, where the browser is asked
        for its WebSocket; or ``ws://`` and ``wss://`` URLs as they are.
    :param options: how the WebSocket is opened and kept.
    :param connection: as for :func:`launch`.
    :returns: fires with the :class:`Browser`. Fails with :exc:`InvalidURL`, :exc:`ConnectError`,
        :exc:`HandshakeFailed` or :exc:`ConnectTimeout`.
    """
    from txcdp.chrome.discovery import resolve

    options = options or WebSocketOptions()
    found = await resolve(reactor, url, timeout=options.open_timeout)
    return Browser(_connection(await open_websocket(reactor, found, options), reactor, connection))


def _connection(line: Transport, reactor: Any, options: ConnectionOptions) -> Connection:
    """Make a connection; where the options are wrong, the line does not stay open."""
    try:
        return Connection(line, reactor, **options)
    except BaseException:
        line.abort()
        raise
