"""The table of faults fits the code and the tests as they are, which only ``make mutants`` would find out otherwise."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.lab.mutations.faults import FAULTS, Fault
from tests.lab.mutations.run import ROOT

NAMES = [each.name for each in FAULTS]


@cache
def names_in(path: str) -> frozenset[str]:
    """Name a file, and the classes, methods and functions in it, as pytest does."""
    found = {path}
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(f"{path}::{node.name}")
            found |= {f"{path}::{node.name}::{each.name}" for each in node.body if hasattr(each, "name")}
    return frozenset(found)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_its_words_are_found_once(fault: Fault) -> None:
    text = (ROOT / "txcdp" / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"txcdp/{fault.file} has changed: mend the fault in faults.py"
    assert fault.new != fault.old
    ast.parse(text.replace(fault.old, fault.new))  # what cannot be imported is caught by any test


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_its_tests_are_there(fault: Fault) -> None:
    assert fault.tests
    assert [test for test in fault.tests if test not in names_in(test.partition("::")[0])] == []


def test_no_name_is_there_twice() -> None:
    assert len(set(NAMES)) == len(NAMES)
