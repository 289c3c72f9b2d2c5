"""Starts a browser: finds it, creates a profile, and waits until it listens, or explains why it does not.

Whether and where it listens is read from its own standard error, or from its first answer through its own pipe. The
file ``DevToolsActivePort`` is not used: it is never removed, and if two browsers are started with the same profile, it
belongs to the other one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import check_choice
from txcdp._deferreds import ignore_failure, returns_deferred, with_deadline
from txcdp._limits import about_open_files, too_few_for_a_browser
from txcdp._reactor import AnyReactor
from txcdp._timeouts import seconds_of
from txcdp.chrome._executable import find_executable
from txcdp.chrome._flags import AUTOMATION_FLAGS, check_args, command_line, sandbox_works
from txcdp.chrome._process import BrowserProcess
from txcdp.chrome._profile import Workspace, is_in_use
from txcdp.chrome._spawn import ExitStatus
from txcdp.chrome._starting import is_stopping, starts_of, wait_for_sweep
from txcdp.errors import ConnectionLost, LaunchError, LaunchTimeout

_PROBE = b'{"id":0,"method":"Browser.getVersion"}'

log = Logger()


@returns_deferred
async def start_browser(
    reactor: AnyReactor,
    *,
    executable: str | os.PathLike[str] | None = None,
    headless: bool = True,
    args: Sequence[str] = (),
    env: Mapping[str, str | None] | None = None,
    profile: str | os.PathLike[str] | None = None,
    transport: Literal["websocket", "pipe"] = "websocket",
    sandbox: bool | None = None,
    start_timeout: float | timedelta | None = 30.0,
    flags: Sequence[str] = AUTOMATION_FLAGS,
    end_with_reactor: bool = True,
) -> BrowserProcess:
    """Start a browser and wait until it accepts connections.

    :param reactor: the reactor.
    :param executable: a path or a name; see :func:`~txcdp.chrome.find_executable`.
    :param headless: run without a window.
    :param args: additional Chromium flags; they take precedence over txcdp's own. Lists of features are merged.
    :param env: variables to set in addition to this process's environment; ``None`` removes one.
    :param profile: a profile directory to keep; by default a temporary one, removed at the end.
    :param transport: ``"websocket"``, or ``"pipe"`` (not on Windows).
    :param sandbox: whether to use Chromium's sandbox; ``None`` means yes, except for root on Linux, for whom it does
        not work.
    :param start_timeout: seconds, or a timedelta, counted from when the browser may start: at most eight browsers per
        processor start at the same time (:func:`~txcdp.chrome.limit_starts`). None or 0 means no timeout.
    :param flags: flags to use instead of :data:`~txcdp.chrome.AUTOMATION_FLAGS`.
    :param end_with_reactor: end the browser as soon as the reactor begins to stop. If False, something else should
        close it then, such as a service when it stops; otherwise it is ended at the end of the shutdown.
    :return: fires with a :class:`BrowserProcess` whose ``ws_url`` or ``pipe`` is ready. Cancelling it first kills the
        browser and cleans up.
    :raises LaunchError: it cannot be executed, ended early, or was not ready in time; in that case nothing of it is
        left.
    :raises ExecutableNotFound: there is no browser.
    :raises ValueError: ``args`` include something that has its own argument, or another transport; or a timeout is
        invalid.
    """
    seconds = seconds_of(start_timeout, None)
    _check_transport(transport)
    check_args(args, flags)
    if profile is not None and not os.fspath(profile):
        raise ValueError("profile='': expected a directory, or profile=None for a temporary one")
    path = find_executable(executable)
    if sandbox is None:
        sandbox = _sandbox_as_can_be()
    if too_few := too_few_for_a_browser():
        log.warn("Starting a browser may fail: {why}", why=too_few)
    starts = starts_of(reactor)
    await starts.turn()
    try:
        if is_stopping(reactor):
            raise _stopping(path)
        sweeping = starts.begin_sweep(reactor)
        workspace = _make_workspace(profile)
        line = command_line(
            path,
            profile=workspace.profile,
            headless=headless,
            sandbox=sandbox,
            transport=transport,
            lifeline=sys.platform != "win32",
            flags=flags,
            args=args,
        )
        process = BrowserProcess(reactor, workspace, line, end_with_reactor)
        try:
            _execute(process, make_environment(env, workspace), transport)
            process.ws_url = await _come_up(reactor, process, transport, seconds, headless)
            process._up = True
            await wait_for_sweep(reactor, sweeping)
        except BaseException:
            await process.close(kill_after=0)
            raise
        return process
    finally:
        starts.done()


def _stopping(path: str) -> LaunchError:
    return LaunchError(f"{path} was not started: the reactor is stopping")


def _check_transport(transport: str) -> None:
    check_choice("transport", transport, ("websocket", "pipe"))
    if transport == "pipe" and sys.platform == "win32":
        raise LaunchError(
            'transport="pipe" does not work on Windows, where Twisted passes only the three '
            'standard descriptors to a process; use transport="websocket"'
        )


def _sandbox_as_can_be() -> bool:
    works = sandbox_works()
    if not works:
        log.info("Chromium has no sandbox for root: starting it with --no-sandbox")
    return works


def _make_workspace(profile: str | os.PathLike[str] | None) -> Workspace:
    if profile is not None and is_in_use(profile):
        raise LaunchError(f"no browser was started: {_used(profile)}")
    try:
        return Workspace.create(profile)
    except OSError as error:
        raise LaunchError(f"no directory for the browser's profile: {error}{about_open_files(error)}") from error


def _execute(process: BrowserProcess, environment: dict[str, str], transport: str) -> None:
    try:
        process._spawn(environment, transport)
    except OSError as error:
        what = f"{process.command_line[0]} cannot be executed: {error}{about_open_files(error)}"
        raise LaunchError(what) from error


def _come_up(
    reactor: AnyReactor, process: BrowserProcess, transport: str, seconds: float | None, headless: bool
) -> Deferred[str]:
    """Wait until a process is ready, and return its WebSocket's address; stop if it ends, or at the timeout."""
    started = _answers(process) if transport == "pipe" else process.listening.wait()
    _end_with(process, started, headless)
    return with_deadline(
        reactor,
        started,
        seconds,
        lambda: LaunchTimeout(
            f"{process.command_line[0]} did not start within {seconds or 0:g} s; its standard error so far "
            "(which a wrapper script has to pass on) is:",
            process.stderr_tail or "(empty)",
        ),
    )


def make_environment(env: Mapping[str, str | None] | None, workspace: Workspace) -> dict[str, str]:
    """Return the browser's environment: ours, its own folders to write to, and the user's changes."""
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
    """Explain why a browser ended during its start, from its last output."""
    advice = ""
    if status.code == 21 or "ProcessSingleton" in stderr:
        advice = f": {_used(profile)}"
    elif "without --no-sandbox" in stderr or "No usable sandbox" in stderr:
        advice = (
            ": it cannot use its sandbox here (running as root, or user namespaces are "
            "forbidden). If you trust the pages, start it with sandbox=False"
        )
    elif "error while loading shared libraries" in stderr:
        advice = ": a library is missing; install it, or install Chromium from your distribution"
    elif not headless and ("$DISPLAY" in stderr or "ozone" in stderr.lower()):
        advice = ": there is no display for its window. Start it with headless=True, or with xvfb-run"
    elif "pipe file descriptors are not open" in stderr:
        advice = ': a wrapper script must pass on the descriptors 3 and 4; end it with: exec chromium "$@"'
    elif "No space left on device" in stderr:
        advice = f": there is no disk space for its profile, {profile}"
    elif "Resource temporarily unavailable" in stderr or "Cannot fork" in stderr:
        advice = (
            ": it may start no more processes or threads here; raise the limit (ulimit -u, TasksMax= in a systemd "
            "unit, or a container's --pids-limit)"
        )
    elif too_few := too_few_for_a_browser():
        advice = f": {too_few}"
    elif status.code == 0:
        advice = (
            ": it may have handed over to one that runs already in the same profile "
            f"({profile}), it is a script that leaves the browser in the background in place of "
            "ending with exec, or it is not a browser"
        )
    return LaunchError(f"{line[0]} ended during startup ({status}){advice}", stderr)


def _used(profile: str | os.PathLike[str]) -> str:
    return (
        f"another browser uses the profile {os.fspath(profile)}. Give each browser one of its own, "
        "or none (profile=None) for a temporary one"
    )


def _end_with(process: BrowserProcess, started: Deferred[str], headless: bool) -> None:
    """Let ``started`` fail when the process ends first."""

    def ended(status: ExitStatus) -> None:
        if started.called:
            return
        if is_stopping(process._reactor):  # which has ended it: its status and its output explain nothing
            started.errback(_stopping(process.command_line[0]))
        else:
            started.errback(explain(process.command_line, status, process.stderr_tail, process.profile, headless))

    waiting = process.when_ended().addCallback(ended)

    def stop(result: str | Failure) -> str | Failure:
        if not waiting.called:
            waiting.addErrback(ignore_failure)
            waiting.cancel()
        return result

    started.addBoth(stop)


class _Probe:
    """Receives the single reply that shows that the browser reads its pipe.

    If the reply comes after the program has ended, it is from a browser that the program left in the background.
    """

    def __init__(self, answered: Deferred[str], process: BrowserProcess) -> None:
        self._answered = answered
        self._process = process

    def message_received(self, message: bytes) -> None:
        if self._process.running and not self._answered.called:
            self._answered.callback("")

    def transport_closed(self, reason: ConnectionLost) -> None:
        """The process's end says more."""


def _answers(process: BrowserProcess) -> Deferred[str]:
    """Wait for the first reply through the pipe; the pipe is then free for its real receiver."""
    pipe = process.pipe
    assert pipe is not None
    answered: Deferred[str] = Deferred()
    pipe.receiver = _Probe(answered, process)
    pipe.send(_PROBE)

    def release(result: str | Failure) -> str | Failure:
        pipe.receiver = None
        return result

    return answered.addBoth(release)
