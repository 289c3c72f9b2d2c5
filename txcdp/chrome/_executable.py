"""Finds the browser's executable: Chromium, Chrome, Edge or chrome-headless-shell on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping

from txcdp.errors import ExecutableNotFound

#: The environment variable with the browser's path; only an argument takes precedence over it.
VARIABLE = "TXCDP_BROWSER"

#: Looked up on PATH, in this order, on every system.
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "chrome-headless-shell",
    "microsoft-edge-stable",
    "microsoft-edge",
    "google-chrome-beta",
    "google-chrome-unstable",
    "msedge",
)

_LINUX = (
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/snap/bin/chromium",
    "/var/lib/flatpak/exports/bin/org.chromium.Chromium",
)
_MACOS = (
    "Chromium.app/Contents/MacOS/Chromium",
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "Google Chrome Canary.app/Contents/MacOS/Google Chrome Canary",
)
_WINDOWS = (
    r"Chromium\Application\chrome.exe",
    r"Google\Chrome\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
    r"Google\Chrome SxS\Application\chrome.exe",
)
_WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find_executable(explicit: str | os.PathLike[str] | None = None) -> str:
    """Find the executable of a browser.

    :param explicit: a path, or a name on PATH; by default ``TXCDP_BROWSER``, then the well-known names on PATH, then
        the well-known places of this system.
    :return: the path of an executable file.
    :raises ExecutableNotFound: there is none, or not at the given place.
    """
    if explicit is not None:
        return _named(os.fspath(explicit), "executable")
    if os.environ.get(VARIABLE):
        return _named(os.environ[VARIABLE], VARIABLE)
    for name in NAMES:
        if found := shutil.which(name):
            return found
    places = list(well_known_places(sys.platform, os.environ))
    for place in places:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    raise ExecutableNotFound(
        "no browser was found: not on PATH as any of "
        f"{', '.join(NAMES)}; not at {', '.join(places)}. "
        f"{_advice(sys.platform)} Or say where it is: the environment variable "
        f"{VARIABLE}=/path/to/chrome, or the argument executable=..."
    )


def well_known_places(platform: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the paths where installers put browsers on a system.

    :param platform: as :data:`sys.platform`.
    :param environ: the environment, for the folders of Windows and the user's home.
    """
    if platform == "darwin":
        home = environ.get("HOME", "")
        for folder in ("/Applications", f"{home}/Applications"):
            yield from (f"{folder}/{app}" for app in _MACOS)
    elif platform == "win32":
        for variable in _WINDOWS_FOLDERS:
            if folder := environ.get(variable, ""):
                yield from (f"{folder}\\{app}" for app in _WINDOWS)
    else:
        yield from _LINUX


def is_headless_shell(executable: str) -> bool:
    """Return whether it is the old headless mode, shipped as a separate program."""
    name = os.path.basename(executable.replace("\\", "/")).lower()
    return "headless-shell" in name or "headless_shell" in name


def _named(name: str, source: str) -> str:
    path = os.path.expanduser(name)
    if found := shutil.which(path):
        return os.path.abspath(found)
    if os.path.isdir(path):
        what = "is a directory; give the program inside it"
    elif os.path.exists(path):
        what = "is not executable (check its permissions: chmod +x)"
    elif os.path.dirname(path):
        what = "does not exist"
    else:
        what = "is not on PATH"
    raise ExecutableNotFound(f"{name} ({source}) {what}. {_advice(sys.platform)}")


def _advice(platform: str) -> str:
    if platform == "darwin":
        return "Install one, for example: brew install --cask chromium."
    if platform == "win32":
        return "Install one, for example: winget install Google.Chrome."
    return (
        "Install one, for example: apt-get install chromium (Debian), dnf install chromium (Fedora), "
        "apk add chromium (Alpine)."
    )
