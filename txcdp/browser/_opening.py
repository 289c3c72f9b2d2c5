"""Two ways to get a browser: launch one, or connect to a running one."""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack

from twisted.internet.defer import Deferred

from txcdp._arguments import check_reactor, unknown_name
from txcdp._core.connection import Connection
from txcdp._core.probing import ProbeOptions, Prober
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp._timeouts import Timeout, seconds_of, warn_of_pause
from txcdp._transports.websocket import WebSocketOptions
from txcdp.browser._browser import Browser
from txcdp.browser._download_files import BrowserFiles
from txcdp.page._options import ContextOptions, ProxySettings, checked_proxy, proxy_bypass_list
from txcdp.page._viewport import DEFAULT_VIEWPORT, ViewportSize, chosen

if TYPE_CHECKING:
    from txcdp._transports.interface import Transport
    from txcdp.chrome import BrowserProcess


#: The browser is probed, its pages are not.
_PROBES: Final = ProbeOptions()


#: What other libraries call an option.
_CALLED_HERE: Final = {
    "executable_path": "executable",
    "channel": 'executable, such as "google-chrome"',
    "user_data_dir": "profile",
    "chromium_sandbox": "sandbox",
    "pipe": 'transport="pipe"',
    "default_viewport": "viewport",
    "headers": "options=WebSocketOptions(headers=...)",
}


class ConnectionOptions(TypedDict, total=False):
    """Options of a :class:`~txcdp.Connection` that :func:`launch` and :func:`connect` also accept."""

    timeout: Timeout
    stability: Literal["stable", "warn", "any"]
    linger: float | None
    max_in_flight: int | None
    commands_per_second: int | None
    max_pending: int | None
    max_unsent: int | None


@returns_deferred
async def launch(
    reactor: AnyReactor,
    executable: str | os.PathLike[str] | None = None,
    headless: bool = True,
    args: Sequence[str] = (),
    profile: str | os.PathLike[str] | None = None,
    transport: Literal["websocket", "pipe"] = "websocket",
    *,
    viewport: ViewportSize | None = None,
    no_viewport: bool = False,
    proxy: ProxySettings | None = None,
    downloads_path: str | os.PathLike[str] | None = None,
    env: Mapping[str, str | None] | None = None,
    sandbox: bool | None = None,
    start_timeout: float | timedelta | None = 30.0,
    options: WebSocketOptions | None = None,
    restart: ReconnectPolicy | None = None,
    probes: ProbeOptions | None = _PROBES,
    slow_mo: float | timedelta = 0.0,
    end_with_reactor: bool = True,
    **connection: Unpack[ConnectionOptions],
) -> Browser:
    """Start a browser and connect to it.

    :param reactor: the reactor.
    :param executable: a path or a name; by default the first Chromium, Chrome or Edge that is found.
    :param headless: run without a window.
    :param args: additional Chromium flags, such as ``"--lang=de"``; they take precedence over txcdp's own.
    :param profile: a profile directory to keep; by default a temporary one, removed at the end.
    :param transport: ``"websocket"``, or ``"pipe"`` (not on Windows), which no other program can reach.
    :param viewport: the viewport size of pages that are opened, and of popups that request no size, such as ``{"width":
        800, "height": 600}``; 1280 by 720 by default.
    :param no_viewport: leave pages as large as their windows: with ``args`` such as ``--window-size=1280,800``, or if a
        person resizes them.
    :param proxy: the proxy of all contexts without one of their own, such as ``{"server":
        "http://proxy.example:3128"}``: see :class:`ProxySettings`.
    :param downloads_path: a folder for downloads while they exist; by default a temporary one. Files there are deleted
        with the context of their page: see :meth:`~txcdp.page.Download.save_as`.
    :param env: variables to set in addition to this process's environment; None removes one.
    :param sandbox: whether to use Chromium's sandbox; None means yes, except for root on Linux, for whom it does not
        work.
    :param start_timeout: seconds, or a timedelta, for the browser to be ready, counted from when it may start: at most
        eight browsers per processor start at the same time (:func:`txcdp.chrome.limit_starts`). None or 0 means no
        timeout.
    :param options: how the WebSocket is opened and maintained.
    :param restart: a policy with which the browser is restarted whenever it ends or hangs, with everything that was set
        up in it; see :class:`~txcdp.ReconnectPolicy`. None: everything ends with the browser.
    :param probes: how often the browser and its pages are asked whether they still answer; see
        :class:`~txcdp.ProbeOptions`. None means never.
    :param slow_mo: seconds, or a timedelta, to delay each input, navigation and evaluation by, so that a person can
        watch.
    :param end_with_reactor: end the browser as soon as the reactor begins to stop. If False, something else should
        close it then, such as a service when it stops; otherwise it is ended at the end of the shutdown.
    :param connection: ``timeout``, ``stability``, ``linger``, ``max_in_flight``, ``commands_per_second``,
        ``max_pending``, ``max_unsent`` as :class:`~txcdp.Connection` takes them.
    :returns: fires with the :class:`Browser`. Fails with :exc:`LaunchError` or :exc:`ConnectError`, and with
        :exc:`ValueError` or :exc:`TypeError` for invalid arguments; in that case nothing is left behind. Cancelling it
        ends the browser.
    """
    from txcdp.browser._lines import Launched
    from txcdp.chrome import start_browser

    check_reactor(reactor)
    _refuse_others(launch, connection)
    if env is not None and not isinstance(env, Mapping):
        raise TypeError(f"env={env!r}: expected a mapping of names to values, such as {{'TZ': 'UTC'}}")
    _check_policy("restart", restart)
    slowness = checked_slowness(slow_mo)
    seconds = seconds_of(start_timeout, None)
    size = chosen(viewport, no_viewport, DEFAULT_VIEWPORT)
    by = None if proxy is None else checked_proxy("proxy", proxy)
    if by is not None:
        args = [f"--proxy-server={by['server']}", f"--proxy-bypass-list={proxy_bypass_list(by)}", *args]

    def start() -> Deferred[BrowserProcess]:
        return start_browser(
            reactor,
            executable=executable,
            headless=headless,
            args=args,
            env=env,
            profile=profile,
            transport=transport,
            sandbox=sandbox,
            start_timeout=seconds,
            end_with_reactor=end_with_reactor,
        )

    launched = Launched(reactor, start, options, seconds or 0.0)
    opened = await launched.open()
    process = launched.process
    assert process is not None
    try:
        files = BrowserFiles(reactor, downloads_path)
        line = _connection(opened.transport, reactor, connection, probes, slowness)
        browser = Browser(line, process, size, files, by)
    except BaseException:
        await process.close(kill_after=0)
        raise
    if headless or profile is None:  # a person at a profile of his own goes on to download
        browser._deny_downloads()
    if restart is not None:
        launched.on_start = browser._restarted
        browser._keep(restart, opened.identity, launched.open, f"the browser {process.command_line[0]}")
    return browser


@returns_deferred
async def connect(
    reactor: AnyReactor,
    url: str,
    *,
    viewport: ViewportSize | None = None,
    no_viewport: bool = False,
    options: WebSocketOptions | None = None,
    reconnect: ReconnectPolicy | None = None,
    probes: ProbeOptions | None = _PROBES,
    slow_mo: float | timedelta = 0.0,
    **connection: Unpack[ConnectionOptions],
) -> Browser:
    """Connect to a running browser.

    With the WebSocket of a page, or of Node's inspector, the ``session`` of the result belongs to that page or Node
    process; no pages can be opened.

    :param reactor: the reactor.
    :param url: ``http://host:port``, ``host:port`` or a local port, where the browser is asked for its WebSocket; a
        ``ws://`` or ``wss://`` URL, used as it is; or a description of any Twisted client endpoint, such as
        ``unix:/run/browser.sock``, to ask there.
    :param viewport: as for :func:`launch`; pages that are already open keep theirs, and so do their popups.
    :param no_viewport: as for :func:`launch`.
    :param options: how the WebSocket is opened and maintained.
    :param reconnect: a policy with which a lost connection is replaced by another one, to the same browser or to one
        restarted at the same address, with everything that was set up; see :class:`~txcdp.ReconnectPolicy`. None:
        everything ends with the connection.
    :param probes: as for :func:`launch`.
    :param slow_mo: as for :func:`launch`.
    :param connection: as for :func:`launch`.
    :returns: fires with the :class:`Browser`. Fails with :exc:`InvalidURL`, :exc:`ConnectError`, :exc:`HandshakeFailed`
        or :exc:`ConnectTimeout`, and with :exc:`ValueError` or :exc:`TypeError` for invalid arguments.
    """
    from txcdp.browser._lines import Remote

    check_reactor(reactor)
    _refuse_others(connect, connection)
    _check_policy("reconnect", reconnect)
    slowness = checked_slowness(slow_mo)
    size = chosen(viewport, no_viewport, DEFAULT_VIEWPORT)
    remote = Remote(reactor, url, options or WebSocketOptions())
    opened = await remote.open()
    files = BrowserFiles(reactor, remote=remote)
    line = _connection(opened.transport, reactor, connection, probes, slowness)
    browser = Browser(line, viewport=size, files=files)
    if reconnect is not None:
        browser._keep(reconnect, opened.identity, remote.open_again, "the browser")
    return browser


def _refuse_others(function: Callable[..., object], given: Mapping[str, Any]) -> None:
    """Refuse unknown options before anything is opened."""
    known = inspect.signature(function).parameters.keys() - {"reactor", "url", "connection"}
    known |= ConnectionOptions.__annotations__.keys()
    for name in given.keys() - known:
        what = f"{function.__name__}(): unknown option"
        if name in ContextOptions.__annotations__:
            raise TypeError(f"{what} {name!r}: it is an option of a context: new_context({name}=...)")
        called = _CALLED_HERE.get(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        raise TypeError(f"{what} {name!r}; here it is {called}" if called else unknown_name(what, name, known))


def _check_policy(name: str, policy: object) -> None:
    """Refuse an invalid policy before anything is opened."""
    if policy is not None and not isinstance(policy, ReconnectPolicy):
        raise TypeError(f"{name}={policy!r}: expected a ReconnectPolicy, such as {name}=ReconnectPolicy()")


def checked_slowness(slow_mo: float | timedelta) -> float:
    """Return by how many seconds each visible action is delayed.

    :raises ValueError: it is negative, or not a number.
    """
    seconds = slow_mo.total_seconds() if isinstance(slow_mo, timedelta) else float(slow_mo)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"slow_mo={slow_mo!r}: expected a number of seconds, 0 or more")
    if not isinstance(slow_mo, timedelta):
        warn_of_pause("slow_mo", seconds)
    return seconds


def _connection(
    line: Transport, reactor: AnyReactor, options: ConnectionOptions, probes: ProbeOptions | None, slow_mo: float
) -> Connection:
    """Make a connection; if the options are invalid, the transport is closed."""
    try:
        connection = Connection(line, reactor, slow_mo=slow_mo, **options)
    except BaseException:
        line.abort()
        raise
    if probes is not None:
        Prober(connection, probes).start()
    return connection
