"""The command-line options for a service's browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.python import usage

from txcdp._reactor import AnyReactor
from txcdp.chrome import find_executable
from txcdp.errors import ExecutableNotFound
from txcdp.service._browser import BrowserService
from txcdp.service._options import CommandOptions


class LaunchOptions(CommandOptions):
    """Options for launching browsers."""

    optParameters = [
        ["executable", "x", None, "The browser to launch, a path or a name. [default: the first one found]"],
    ]
    optFlags = [
        ["headful", None, "Launch the browser with a window."],
        ["no-sandbox", None, "Launch the browser without Chromium's sandbox, as some containers require."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["arguments"] = []

    def opt_argument(self, flag: str) -> None:
        """A flag for Chromium, such as --argument=--window-size=1280,800. May be given several times."""
        self["arguments"].append(flag)

    @property
    def launch(self) -> dict[str, Any]:
        """The arguments of :func:`txcdp.launch`; :exc:`usage.UsageError` if there is no such browser."""
        try:
            executable = find_executable(self["executable"])
        except ExecutableNotFound as error:
            raise usage.UsageError(str(error)) from error
        return {
            "executable": executable,
            "headless": not self["headful"],
            "sandbox": False if self["no-sandbox"] else None,
            "args": list(self["arguments"]),
        }


class BrowserOptions(LaunchOptions):
    """Options for a browser that is launched, or that is already running."""

    optParameters = [
        [
            "browser",
            "b",
            None,
            "A running browser: http://host:port, host:port, a port or a ws:// URL. [default: launch one]",
        ],
        ["profile", None, None, "A directory for the browser's profile, which is kept. [default: a temporary one]"],
    ]
    optFlags = [
        ["pipe", None, "Talk to the browser through a pipe, which no other program can access."],
    ]

    @property
    def launch(self) -> dict[str, Any]:
        """The arguments of :func:`txcdp.launch`; :exc:`usage.UsageError` if there is no such browser."""
        profile = self["profile"]
        return {
            **super().launch,
            "profile": None if profile is None else str(Path(profile).absolute()),  # twistd goes elsewhere
            "transport": "pipe" if self["pipe"] else "websocket",
        }

    def postOptions(self) -> None:
        """Refuse contradictory options, before anything is started."""
        super().postOptions()
        if self["browser"] is None:
            _ = self.launch
            return
        for name in ("executable", "profile", "headful", "pipe", "no-sandbox", "arguments"):
            if self[name]:
                option = f"--{name.removesuffix('s')}"
                raise usage.UsageError(f"{option} is for a browser that is launched, not for a running one (--browser)")

    def make_browsers(self, reactor: AnyReactor) -> BrowserService:
        """Return the service that keeps the browser."""
        if self["browser"] is None:
            return BrowserService(reactor, no_viewport=True, **self.launch)
        return BrowserService(reactor, self["browser"], no_viewport=True)
