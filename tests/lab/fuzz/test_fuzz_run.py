"""Where the fuzzer cannot run, that is a failure if it could be had, and told either way."""

from __future__ import annotations

import sys

import pytest

from tests.lab.fuzz import fuzz

LINUX = {
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "python_version": "3.12",
}


@pytest.mark.parametrize(
    ("otherwise", "expected"),
    [
        ({}, True),
        ({"python_version": "3.11"}, True),
        ({"python_version": "3.13"}, True),
        ({"python_version": "3.15"}, False),
        ({"sys_platform": "darwin"}, False),
        ({"platform_machine": "aarch64"}, False),
        ({"platform_python_implementation": "PyPy"}, False),
    ],
)
def test_where_it_can_be_had(otherwise: dict[str, str], expected: bool) -> None:
    assert fuzz.can_be_had(**{**LINUX, **otherwise}) == expected


@pytest.mark.parametrize(("there", "status", "told"), [(True, 1, "pip install -e"), (False, 0, "is skipped")])
def test_without_it(
    there: bool, status: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "can_be_had", lambda: there)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--seconds=1", "pipe"])
    monkeypatch.setitem(sys.modules, "atheris", None)  # importing it fails
    assert fuzz.main() == status
    assert told in capsys.readouterr().out
