"""The command lines in examples/deploy are ones that twistd and the real options take."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from twisted.python.usage import UsageError
from twisted.scripts import twistd

from txcdp.service._gateway_options import GatewayCommandOptions
from txcdp.service._record_options import RecordOptions

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"


def units() -> dict[str, list[str]]:
    """Return what each systemd unit starts, without the program's path."""
    lines = {path.name: path.read_text().replace("\\\n", " ").splitlines() for path in DEPLOY.glob("*.service")}
    starts = {name: [line for line in each if line.startswith("ExecStart=")] for name, each in lines.items()}
    return {name: shlex.split(line)[1:] for name, (line,) in starts.items()}


def containers() -> dict[str, list[str]]:
    """Return what the Dockerfile's comments start, after its entry point."""
    text = (DEPLOY / "Dockerfile").read_text()
    (entry,) = [json.loads(line.partition(" ")[2]) for line in text.splitlines() if line.startswith("ENTRYPOINT ")]
    comment = text.partition("\nFROM ")[0].replace("\\\n#", " ")
    runs = [line.partition(" txcdp ")[2] for line in comment.splitlines() if "docker run " in line]
    return {f"Dockerfile: {words.split()[0]}": [*entry[1:], *shlex.split(words)] for words in runs}


COMMANDS = {**units(), **containers()}


def parsed(words: list[str], folder: Path) -> GatewayCommandOptions | RecordOptions:
    """Let twistd read a command line; the files that it names are in a folder here, and so is a browser."""
    tokens = folder / "tokens.toml"
    tokens.write_text('[one]\ntoken = "0123456789abcdef"\n')
    place = words.index("txcdp") + 2
    here = [f"--tokens={tokens}" if each.startswith("--tokens=") else each for each in words]
    options: Any = twistd.ServerOptions()  # type: ignore[attr-defined]  # which it has by another name
    options.parseOptions([*here[:place], "--executable=/bin/sh", *here[place:]])
    assert (options["nodaemon"], options["pidfile"]) == (True, "")
    made: GatewayCommandOptions | RecordOptions = options.subOptions.subOptions
    return made


def test_all_are_found() -> None:
    assert sorted(COMMANDS) == [
        "Dockerfile: gateway", "Dockerfile: record", "txcdp-gateway.service", "txcdp-record.service",
    ]  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_taken(name: str, tmp_path: Path) -> None:
    made = parsed(COMMANDS[name], tmp_path)
    if isinstance(made, RecordOptions):
        assert made["pages"] == ["https://example.com/"]
    else:
        assert made.make_options().access.tokens == str(tmp_path / "tokens.toml")
        assert ":9222" in made["listen"]


def test_what_is_no_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such-thing"):
        parsed([*COMMANDS["txcdp-gateway.service"], "--no-such-thing"], tmp_path)
