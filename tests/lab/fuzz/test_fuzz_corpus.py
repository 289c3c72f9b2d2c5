"""What the fuzzer has found worth keeping is played again, without the fuzzer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.lab.fuzz.fuzz import CORPUS, SHARES
from tests.lab.fuzz.mutator import mutate
from tests.lab.fuzz.targets import TARGETS

INPUTS = {name: sorted((CORPUS / name).iterdir()) for name in TARGETS}


def test_each_target_has_a_corpus_and_a_share_of_the_time():
    assert set(SHARES) == set(TARGETS) == {each.name for each in CORPUS.iterdir()}
    assert all(len(inputs) >= 10 for inputs in INPUTS.values())


def test_the_corpus_is_small():
    files = [path for inputs in INPUTS.values() for path in inputs]
    assert len(files) < 300
    assert sum(path.stat().st_size for path in files) < 500_000


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str):
    for path in INPUTS[name]:
        try:
            TARGETS[name](path.read_bytes())
        except Exception as error:
            error.add_note(f"by {path}")
            raise


@pytest.mark.parametrize("name", ["wire", "connection"])
def test_changed_at_random(name: str):
    """Some of what the fuzzer does, where there is none."""

    def drop_a_byte(data: bytes, longest: int) -> bytes:
        at = len(data) // 2
        return data[:at] + data[at + 1 :]

    inputs: list[Path] = INPUTS[name]
    for seed in range(200):
        data = random.Random(seed).choice(inputs).read_bytes()
        changed = mutate(data, 4096, seed, drop_a_byte)
        assert changed == mutate(data, 4096, seed, drop_a_byte), "the same again"
        try:
            TARGETS[name](changed)
        except Exception as error:
            error.add_note(repr(changed))
            raise
