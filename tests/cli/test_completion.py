"""The shells' completion of the command, made from its argument parsers; tried in the shells that are installed."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from txcdp.cli import main
from txcdp.cli._arguments import parser
from txcdp.cli._completion import command_of, script

SHELLS = ("bash", "zsh", "fish")


def everything(found: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield each command, and each option of it, as argparse has them."""
    for action in found._actions:
        yield from ((*path, name) for name in action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for name, beneath in action.choices.items():
                yield (*path, name)
                yield from everything(beneath, (*path, name))


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("completion")
    found = {}
    for shell in SHELLS:
        found[shell] = folder / f"_txcdp.{shell}"
        found[shell].write_text(script(parser(), shell))
    return found


def in_bash(script: Path, *words: str, folder: str = ".") -> list[str]:
    """Complete the last of some words in a real bash."""
    program = (
        f'source "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); '
        'complete -p txcdp >/dev/null || exit 9; _txcdp; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", "txcdp", *words],
        capture_output=True, text=True, timeout=60, check=True, cwd=folder,
    )  # fmt: skip
    assert "syntax" not in done.stderr
    return [each for each in done.stdout.split("\n") if each]


def test_bash_completes_commands_options_and_values(scripts: dict[str, Path], tmp_path: Path) -> None:
    bash = scripts["bash"]
    top = in_bash(bash, "")
    assert {"watch", "screenshot", "repl", "completion", "report"} <= set(top)
    assert in_bash(bash, "scr") == ["screenshot"]
    assert in_bash(bash, "protocol", "") == ["diff"]
    assert in_bash(bash, "screenshot", "x", "--full") == ["--full-page"]
    assert in_bash(bash, "screenshot", "--type", "") == ["png", "jpeg", "webp"]
    assert in_bash(bash, "screenshot", "--type", "=", "j") == ["jpeg"]
    assert in_bash(bash, "screenshot", "--timeout", "") == []
    assert {"Pixel\\ 7", "Pixel\\ 7\\ landscape"} <= set(in_bash(bash, "screenshot", "--device", "Pixel 7"))
    assert in_bash(bash, "call", "Page.captureScr") == ["Page.captureScreenshot"]
    (tmp_path / "a page.html").touch()
    assert in_bash(bash, "watch", "a", folder=str(tmp_path)) == ["a page.html"]
    assert in_bash(bash, "pdf", "x", "-o", "a", folder=str(tmp_path)) == ["a page.html"]
    # An option's value that is called as a command is no command.
    assert "--full-page" in in_bash(bash, "screenshot", "watch", "--")


def test_bash_completes_all_that_there_is(scripts: dict[str, Path]) -> None:
    known: dict[tuple[str, ...], set[str]] = {}
    for *path, name in everything(parser()):
        known.setdefault((*path, "-" if name.startswith("-") else ""), set()).add(name)
    for (*path, begun), names in known.items():
        assert set(in_bash(scripts["bash"], *path, begun)) >= names


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_has_all_commands_and_options(shell: str, scripts: dict[str, Path]) -> None:
    text = scripts[shell].read_text()
    for *path, name in everything(parser()):
        if shell == "fish":
            where = [line for line in text.splitlines() if all(f"from {each}" in line for each in path)]
            wanted = f"-l {name[2:]} " if name[:2] == "--" else f"-s {name[1:]} " if name[0] == "-" else f"-a {name} "
            assert any(wanted in line for line in where), (path, name)
        else:
            assert name in text, (path, name)


@pytest.mark.parametrize("shell", [each for each in SHELLS if shutil.which(each)])
def test_each_shell_reads_its_script(shell: str, scripts: dict[str, Path]) -> None:
    check = "--no-execute" if shell == "fish" else "-n"
    done = subprocess.run([shell, check, str(scripts[shell])], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_helps_with_quotes_and_brackets_are_quoted() -> None:
    odd = argparse.ArgumentParser(prog="txcdp")
    odd.add_argument("--odd", metavar="A:B", help='it\'s [50%%]: "$HOME" `ls` \\ \n two lines', choices=["a b", "c'd"])
    for shell, wanted in (("bash", "c\\'d"), ("zsh", "it'\\''s \\[50%\\]\\:"), ("fish", "it\\'s [50%]")):
        text = script(odd, shell)
        assert wanted in text
        if shutil.which(shell):
            check = "--no-execute" if shell == "fish" else "-n"
            subprocess.run([shell, check, "/dev/stdin"], input=text, text=True, check=True, timeout=60)


def test_what_a_command_takes_is_read_from_its_parser() -> None:
    top = command_of(parser())
    (watch,) = [each for each in top.beneath if each.path[-1] == "watch"]
    assert watch.says == "open a page and print what happens in it"
    assert watch.positionals[0].files
    (timeout,) = [each for each in watch.options if each.names == ("--timeout",)]
    assert timeout.metavar == "SECONDS"
    assert not timeout.files


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == script(parser(), "bash")
