"""The command line of a browser that is controlled by a program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from txcdp._arguments import refuse_bare_string
from txcdp.chrome._executable import is_headless_shell

#: The flags that browsers are started with by default; ``start_browser(flags=...)`` replaces them.
AUTOMATION_FLAGS: tuple[str, ...] = (
    # No questions and no windows that nobody asked for.
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-search-engine-choice-screen",
    "--disable-prompt-on-repost",
    "--disable-popup-blocking",
    "--disable-infobars",
    "--hide-crash-restore-bubble",
    "--noerrdialogs",
    # No traffic but that of the pages: what is recorded is what the page did.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-component-extensions-with-background-pages",
    "--no-pings",
    "--metrics-recording-only",
    # A page behaves the same whether or not its window is in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # Without it what is sent to a document before its first frame is dropped, and acknowledged nevertheless.
    "--allow-pre-commit-input",
    # A debugged page may stand still for long, and is driven faster than by hand.
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    # Never ask the desktop's key ring for a password.
    "--password-store=basic",
    "--use-mock-keychain",
    # No crash reports: they would leave the machine, and stay in the user's home.
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--mute-audio",
    "--disable-features=Translate,AcceptCHFrame,MediaRouter,OptimizationHints,"
    "InterestFeedContentSuggestions,DestroyProfileOnBrowserClose,DialMediaRouteProvider,"
    "GlobalMediaControls,ImprovedCookieControls,ProcessPerSiteUpToMainFrameThreshold,"
    # Asks a server for the time as soon as the browser runs.
    "NetworkTimeServiceQuerying,"
    # The popups of the address bar: pages with a renderer of their own, a third of what a start costs.
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    # Asks by https first where a URL says http: then a page is elsewhere than it was sent, and past the routes for it.
    "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    # With it a request that another origin allows beforehand fails after a redirect where requests are stopped.
    "AvoidCorsURLLoaderRestartOnRedirect,"
    # Asks for a document beside the service worker that is being started for it, and past all who stop requests.
    "ServiceWorkerAutoPreload",
    # The colours of pictures are the page's, whatever the profile of the screen.
    "--force-color-profile=srgb",
    # Without it a page behind another one of its window does not draw for every picture, which then takes seconds.
    "--enable-features=CDPScreenshotNewSurface",
)

#: Flags of which Chromium uses only the last one, so that ours and the user's are joined.
_LISTS = ("--disable-features", "--enable-features", "--disable-blink-features", "--blink-settings")


def check_args(args: Iterable[str], flags: Iterable[str] = ()) -> None:
    """Refuse flags that would not have the intended effect.

    :param flags: the flags that replace ours.

    :raises ValueError: if one of them has an argument of its own.
    :raises TypeError: if they are a single string, or not all strings.
    """
    refuse_bare_string("args", args)
    refuse_bare_string("flags", flags)
    for arg in args:
        if not isinstance(arg, str):
            raise TypeError(f"args: {arg!r} is not a flag; expected strings such as '--lang=de'")
        name = arg.partition("=")[0]
        if name == "--user-data-dir":
            raise ValueError("use the argument profile= instead of --user-data-dir")
        if name == "--remote-debugging-pipe":
            raise ValueError('use the argument transport="pipe" instead of --remote-debugging-pipe')


def command_line(
    executable: str,
    *,
    profile: str,
    headless: bool,
    sandbox: bool,
    transport: str,
    lifeline: bool,
    flags: Sequence[str],
    args: Sequence[str],
) -> list[str]:
    """Return a browser's command line; the user's ``args`` come last, and so take precedence."""
    line = [*flags]
    if headless:
        line.append("--headless" if is_headless_shell(executable) else "--headless=new")
        line.append("--hide-scrollbars")  # or they show in screenshots
        # Without a screen there is no mouse: to (hover: hover) and (pointer: fine) it is there.
        line.append(
            "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
        )
    if not sandbox:
        line.append("--no-sandbox")
    line.append(f"--user-data-dir={profile}")
    if transport == "pipe" or lifeline:
        line.append("--remote-debugging-pipe")
    if transport == "websocket":
        line.append("--remote-debugging-port=0")
    line = join_lists([*line, *args])
    if all(arg.startswith("-") for arg in args):
        line.append("about:blank")  # or the new tab page is loaded
    return [executable, *line]


def join_lists(args: Iterable[str]) -> list[str]:
    """Join repeated flags with lists into one each, at the position of the last."""
    joined: dict[str, list[str]] = {}
    line: list[str] = []
    for arg in args:
        name, equals, value = arg.partition("=")
        if equals and name in _LISTS:
            features = joined.setdefault(name, [])
            features.extend(v for v in value.split(",") if v and v not in features)
        else:
            line.append(arg)
    return [*line, *(f"{name}={','.join(values)}" for name, values in joined.items())]


def sandbox_works() -> bool:
    """Return whether Chromium would start with its sandbox: it does not as root on Linux."""
    return not (sys.platform == "linux" and os.geteuid() == 0)
