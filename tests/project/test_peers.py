"""Installing the clients that the gateway is tried with: as a whole or not at all, and with a word on what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser import test_gateway_peers as peers
from tests.lab.peers import install


def test_the_programs_are_those_that_are_there() -> None:
    programs = {each.name for pattern in ("*.js", "*_client.py") for each in peers.PEERS.glob(pattern)}
    assert {script for script, _ in peers.CLIENTS} == programs - {"job.js"}
    assert {script for script, _, _ in peers.TOKENS} == programs - {"job.js"}


class Installer:
    """Stands for npm and pip."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.error: Exception | None = None

    def __call__(self, command: list[str], **options: Any) -> None:
        self.commands.append(command)
        folder = next(Path(each) for each in command if each.startswith(str(install.CACHE)))
        folder.mkdir(exist_ok=True)
        (folder / "half of it").write_text("half")
        if self.error is not None:
            raise self.error


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    made = Installer()
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(install, "_system_node", lambda: ("/usr/bin/node", ["/usr/bin/npm"]))
    monkeypatch.setattr(subprocess, "run", made)
    install.python.cache_clear()
    install.node.cache_clear()
    monkeypatch.setattr(install, "python", install.python.__wrapped__)
    monkeypatch.setattr(install, "node", install.node.__wrapped__)
    return made


def test_each_is_installed_once(installer: Installer) -> None:
    places = [install.python(), install.node()[1]]
    assert [install.python(), install.node()[1]] == places
    assert [Path(each[0]).name.startswith(("python", "npm")) for each in installer.commands] == [True, True]
    assert (Path(places[0]) / "half of it").exists()


@pytest.mark.parametrize(
    "error",
    [
        subprocess.CalledProcessError(1, ["npm"], b"npm error code ECONNREFUSED"),
        subprocess.TimeoutExpired(["npm"], 300),
        FileNotFoundError("no npm"),
    ],
    ids=repr,
)
def test_what_to_do_where_there_is_no_network(installer: Installer, error: Exception) -> None:
    installer.error = error
    for asked in (install.python, install.node):
        with pytest.raises(install.CouldNotInstall, match="name a mirror by PIP_INDEX_URL") as caught:
            asked()
        assert "--ignore=tests/browser/test_gateway_peers.py" in str(caught.value)
        assert list(install.CACHE.iterdir()) == []
    installer.error = None
    assert install.python()
