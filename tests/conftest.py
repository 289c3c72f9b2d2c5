"""What all tests share: how Hypothesis behaves, where temporary files go, which tests drive a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from twisted.trial.unittest import SynchronousTestCase

from tests.older_twisted import teach

BROWSER = Path(__file__).parent / "browser"

# How long an example takes says nothing on a busy machine, nor under coverage.
settings.register_profile("txcdp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("txcdp")

teach()


@pytest.fixture(autouse=True)
def _temporary_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``TestCase.mktemp`` use pytest's directory: trial's own is beside the current one, the checkout."""

    def mktemp(case: SynchronousTestCase) -> str:
        return str(tmp_path_factory.mktemp("trial") / "temp")

    monkeypatch.setattr(SynchronousTestCase, "mktemp", mktemp)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in tests/browser: ``pytest -m "not browser"`` needs no browser and takes seconds."""
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker("browser")
