"""Installs the clients that the gateway is tried with, at the versions written below, into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "txcdp-peers"

PYTHON = ["playwright==1.65.2"]
NODE = ["puppeteer-core@24.43.1", "playwright-core@1.65.1", "chrome-remote-interface@0.34.0"]

#: None of them is to fetch a browser.
NO_BROWSERS = {"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1", "PUPPETEER_SKIP_DOWNLOAD": "1"}


def python() -> str:
    """Return a Python that has them."""
    program = CACHE / "python" / "bin" / "python"
    if _is_stale("python", PYTHON):
        CACHE.mkdir(parents=True, exist_ok=True)
        venv.create(CACHE / "python", clear=True, with_pip=True)
        _run([str(program), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *PYTHON])
        _stamp("python").write_text(" ".join(PYTHON))
    return str(program)


def node() -> str | None:
    """Return a Node.js that finds them where ``NODE_PATH`` is :func:`modules`; None where there is none."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if not program or not npm:
        return None
    if _is_stale("node", NODE):
        CACHE.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--silent", "--ignore-scripts", "--prefix", str(CACHE / "node"), *NODE])
        _stamp("node").write_text(" ".join(NODE))
    return program


def modules() -> str:
    """Return where the modules for Node.js are."""
    return str(CACHE / "node" / "node_modules")


def _stamp(name: str) -> Path:
    return CACHE / f"{name}.installed"


def _is_stale(name: str, versions: list[str]) -> bool:
    return not _stamp(name).exists() or _stamp(name).read_text() != " ".join(versions)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, env={**os.environ, **NO_BROWSERS})
