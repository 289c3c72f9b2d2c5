"""Start a browser: find it, give it a profile, wait until it listens, or say why it does not.

That it listens, and where, is taken from its own standard error, or from its first answer
through its own pipe. The file ``DevToolsActivePort`` is not looked at: it is never removed, and
in a profile that two browsers are started in it is the other one's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp.chrome.executable import find_executable
from txcdp.chrome.flags import AUTOMATION_FLAGS, command_line, sandbox_works
from txcdp.chrome.process import BrowserProcess, in_thread
from txcdp.chrome.profile import Workspace, sweep
from txcdp.chrome.spawn import ExitStatus
from txcdp.deferreds import returns_deferred, with_deadline
from txcdp.errors import ConnectionLost, LaunchError

_PROBE = b'{"id":0,"method":"Browser.getVersion"}'

log = Logger()


@returns_deferred
async def start_browser(
    reactor: Any,
    *,
    executable: str | os.PathLike[str] | None = None,
    headless: bool = True,
    args: Sequence[str] = (),
    env: Mapping[str, str | None] | None = None,
    profile: str | os.PathLike[str] | None = None,
    transport: Literal["websocket", "pipe"] = "websocket",
    sandbox: bool | None = None,
    start_timeout: float = 30.0,
    flags: Sequence[str] = AUTOMATION_FLAGS,
) -> BrowserProcess:
    """Start a browser and wait until it can be talked to.

    :param reactor: the reactor.
    :param executable: a path or a name; see :func:`~txcdp.chrome.executable.find_executable`.
    :param headless: without a window.
    :param args: more of Chromium's flags; they win over ours. Lists of features are joined.
    :param env: variables on top of this process's environment; ``None`` removes one.
    :param profile: a directory that is kept; by default a temporary one, removed at the end.
    :param transport: ``"websocket"``, or ``"pipe"`` (not on Windows).
    :param sandbox: ``None``: with Chromium's sandbox, except for root on Linux, who cannot.
    :param start_timeout: seconds.
    :param flags: instead of :data:`~txcdp.chrome.flags.AUTOMATION_FLAGS`.
    :return: fires with a :class:`BrowserProcess` whose ``ws_url`` or ``pipe`` can be used.
        Cancelling it kills the browser and cleans up first.
    :raises LaunchError: it cannot be executed, ended early, or said nothing in time; nothing
        of it is left then.
    :raises ExecutableNotFound: there is no browser.
    :raises ValueError: ``args`` contain what has an argument of its own, or another transport.
    """
    if transport not in ("websocket", "pipe"):
        raise ValueError(f'transport is "websocket" or "pipe", not {transport!r}')
    windows = sys.platform == "win32"
    if transport == "pipe" and windows:
        raise LaunchError(
            'transport="pipe" does not work on Windows, where Twisted passes only the three '
            'standard descriptors to a process; use transport="websocket"'
        )
    path = find_executable(executable)
    if sandbox is None:
        sandbox = sandbox_works()
        if not sandbox:
            log.info("Chromium has no sandbox for root: starting it with --no-sandbox")
    swept = in_thread(reactor, sweep)
    swept.addErrback(lambda failure: log.failure("Sweeping old profiles", failure=failure))
    try:
        workspace = Workspace.create(profile)
    except OSError as error:
        raise LaunchError(f"no directory for the browser's profile: {error}") from error
    try:
        line = command_line(
            path,
            profile=workspace.profile,
            headless=headless,
            sandbox=sandbox,
            transport=transport,
            lifeline=not windows,
            flags=flags,
            args=args,
        )
    except BaseException:
        await in_thread(reactor, workspace.remove)
        raise
    process = BrowserProcess(reactor, workspace, line)
    try:
        environment = make_environment(env, workspace)
        try:
            process.spawn(environment, transport)
        except OSError as error:
            raise LaunchError(f"{path} cannot be executed: {error}") from error
        started = _answers(process) if transport == "pipe" else process.listening.wait()
        _end_with(process, started, headless)
        process.ws_url = await with_deadline(
            reactor,
            started,
            start_timeout,
            lambda: LaunchError(
                f"{path} did not come up within {start_timeout:g} s; its standard error so far "
                "(which a wrapper script has to pass on) is:",
                process.stderr_tail or "(empty)",
            ),
        )
    except BaseException:
        await process.close(0)
        raise
    finally:
        await swept
    return process


def make_environment(env: Mapping[str, str | None] | None, workspace: Workspace) -> dict[str, str]:
    """Put the browser's environment together: ours, its places to write to, the user's changes."""
    environment = dict(os.environ)
    environment["BREAKPAD_DUMP_LOCATION"] = workspace.crashes  # otherwise in the user's home
    if workspace.tmpdir is not None:
        environment["TMPDIR"] = workspace.tmpdir
    for name, value in (env or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def explain(line: Sequence[str], status: ExitStatus, stderr: str, profile: str, headless: bool) -> LaunchError:
    """Say why a browser ended before it came up, from its last words."""
    advice = ""
    if status.code == 21 or "ProcessSingleton" in stderr:
        advice = (
            f": another browser uses the profile {profile}. Give each browser one of its own, "
            "or none (profile=None) for a temporary one"
        )
    elif "without --no-sandbox" in stderr or "No usable sandbox" in stderr:
        advice = (
            ": it cannot use its sandbox here (as root, or where the system forbids user "
            "namespaces). If you trust the pages, start it with sandbox=False"
        )
    elif "error while loading shared libraries" in stderr:
        advice = ": a library is missing; install it, or install Chromium from your distribution"
    elif not headless and ("$DISPLAY" in stderr or "ozone" in stderr.lower()):
        advice = ": there is no display for its window. Start it with headless=True, or with xvfb-run"
    elif status.code == 0:
        advice = (
            ": it may have handed over to one that runs already in the same profile "
            f"({profile}), or it is not a browser"
        )
    return LaunchError(f"{line[0]} ended before it came up ({status}){advice}", stderr)


def _end_with(process: BrowserProcess, started: Deferred[str], headless: bool) -> None:
    """Let ``started`` fail when the process ends first."""

    def ended(status: ExitStatus) -> None:
        if not started.called:
            error = explain(process.command_line, status, process.stderr_tail, process.profile, headless)
            started.errback(error)

    waiting = process.when_ended().addCallback(ended)

    def stop(result: str | Failure) -> str | Failure:
        if not waiting.called:
            waiting.addErrback(lambda _: None)
            waiting.cancel()
        return result

    started.addBoth(stop)


class _Probe:
    """Receives the one reply that shows that the browser reads its pipe."""

    def __init__(self, answered: Deferred[str]) -> None:
        self._answered = answered

    def message_received(self, message: bytes) -> None:
        if not self._answered.called:
            self._answered.callback("")

    def transport_closed(self, reason: ConnectionLost) -> None:
        """The process's end says more."""


def _answers(process: BrowserProcess) -> Deferred[str]:
    """Wait for the first reply through the pipe; the pipe is then free for its real receiver."""
    pipe = process.pipe
    assert pipe is not None
    answered: Deferred[str] = Deferred()
    pipe.receiver = _Probe(answered)
    pipe.send(_PROBE)

    def release(result: str | Failure) -> str | Failure:
        pipe.receiver = None
        return result

    return answered.addBoth(release)
