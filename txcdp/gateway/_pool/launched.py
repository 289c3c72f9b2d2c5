"""The browsers of a pool: launched here, each with a connection of the gateway's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from twisted.internet.defer import Deferred

from txcdp._arguments import refuse_bare_string
from txcdp._deferreds import in_thread, returns_deferred
from txcdp._reactor import AnyReactor
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.browser import Browser, launch
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import VersionInfo
from txcdp.domains import browser as browser_domain
from txcdp.domains import network, storage, target
from txcdp.gateway._egress import EgressProxy, check_args
from txcdp.gateway._pool.pooled_browser import Running
from txcdp.gateway._pool.ports import Ports

#: Local browsers need no pings: the pool checks whether they respond. A machine is busy when many clients arrive at
#: once, so connections get as much time as starting a browser.
_LOCAL = WebSocketOptions(open_timeout=30.0, ping_interval=None)


def open_locally(reactor: AnyReactor, url: str) -> Deferred[Any]:
    """Open a WebSocket to a browser on this machine."""
    return open_websocket(reactor, url, _LOCAL)


def remove_folder(reactor: AnyReactor, folder: str) -> Deferred[None]:
    """Remove a folder of downloads, if it exists."""
    return in_thread(reactor, shutil.rmtree, folder, True)


class LaunchedBrowser:
    """A browser with a connection of the gateway's own; see :class:`~txcdp.gateway._pool.pooled_browser.Running`.

    :ivar browser: the browser over that connection.
    :ivar version: its response to ``/json/version``, except for its address.
    """

    def __init__(self, browser: Browser, version: Mapping[str, str]) -> None:
        process = browser.process
        if process is None:
            raise ValueError("expected a browser that was launched here")
        self.browser = browser
        self.version = version
        self._process = process
        self.pid = process.pid
        self.ws_url = process.ws_url

    @property
    def downloads(self) -> str:
        """A folder in its profile, which is removed with it."""
        return os.path.join(self._process.profile, "downloads")

    def when_ended(self) -> Deferred[Any]:
        """Fire when its process has ended."""
        return self._process.when_ended()

    def check(self) -> Deferred[Any]:
        """Fire once it has responded; the caller sets the timeout."""
        return self.browser.session.execute(browser_domain.get_version(), timeout=None)

    @returns_deferred
    async def tidy(self) -> None:
        """Close all pages but a new one, dispose of all contexts, and forget cookies, cache and permissions.

        It asks until the others are gone; the pool limits how long this takes.
        """
        root = self.browser.session
        old = await self.browser.targets()
        page = await self.browser.new_page()
        for each in old:
            if each.type == "page":
                await root.execute(target.close_target(target_id=each.target_id))
        for context in (await root.execute(target.get_browser_contexts())).browser_context_ids:
            await root.execute(target.dispose_browser_context(browser_context_id=context))
        await root.execute(storage.clear_cookies())
        await root.execute(browser_domain.reset_permissions())
        await self.keep_downloads()
        await page.session.execute(network.clear_browser_cache())
        await root.execute(target.detach_from_target(session_id=page.session.id))
        while any(each.type == "page" and each.target_id != page.target_id for each in await self.browser.targets()):
            continue

    @returns_deferred
    async def keep_downloads(self) -> None:
        """Save downloads in an empty folder, which is removed with the browser, if the client does not say where."""
        await remove_folder(self.browser.connection.context.clock, self.downloads)
        command = browser_domain.set_download_behavior(behavior="allow", download_path=self.downloads)
        await self.browser.session.execute(command)

    @returns_deferred
    async def close(self) -> None:
        """Kill it by SIGKILL: nobody needs its profile."""
        await self._process.close(kill_after=0)
        await self.browser.close()


class Launcher:
    """Starts browsers for a pool; the arguments are those of :func:`txcdp.launch`, except one.

    :param most: how many there are at once. None of them lets its pages reach the port of any of them; see
        :mod:`txcdp.gateway._pool.ports`.
    :ivar egress: the proxy through which they make all connections; None: they connect directly.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        executable: str | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        headless: bool = True,
        sandbox: bool | None = None,
        most: int = 50,
    ) -> None:
        refuse_bare_string("args", args)
        self._reactor = reactor
        self._args = args
        self._options: dict[str, Any] = {
            "executable": executable,
            "env": env,
            "headless": headless,
            "sandbox": sandbox,
        }
        self._ports = Ports(most)
        self.egress: EgressProxy | None = None

    def go_through(self, egress: EgressProxy) -> None:
        """Make all browsers connect only through a proxy.

        :raises ValueError: their arguments contradict that.
        """
        check_args(self._args)
        self.egress = egress

    @returns_deferred
    async def __call__(self) -> Running:
        """Start one."""
        port = self._ports.take()
        try:
            args = self._args if self.egress is None else self.egress.arguments(self._args)
            browser = await launch(
                self._reactor,
                args=self._ports.arguments(port, args),
                probes=None,
                no_viewport=True,
                end_with_reactor=False,  # clients may finish
                **self._options,
            )
        except BaseException:
            self._ports.give_back(port)
            raise
        process = browser.process
        assert process is not None  # it was launched
        process.when_ended().addBoth(lambda _: self._ports.give_back(port))
        try:
            said = await discovery.version(self._reactor, urlsplit(process.ws_url).netloc)
            launched = LaunchedBrowser(browser, _version(said))
            await launched.keep_downloads()
        except BaseException:
            await browser.close()
            raise
        return launched


def _version(said: VersionInfo) -> dict[str, str]:
    found: dict[str, str | None] = msgspec.to_builtins(said)
    return {name: text for name, text in found.items() if text is not None and name != "webSocketDebuggerUrl"}
