"""What all tests share: how Hypothesis behaves, where temporary files go, which tests drive a real browser."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.older_twisted import teach

BROWSER = Path(__file__).parent / "browser"

# How long an example takes says nothing on a busy machine, nor under coverage.
# What "make test" says of a commit is the same each time: "make stress" looks for what is new (HYPOTHESIS_PROFILE).
settings.register_profile("txcdp", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("search", settings.get_profile("txcdp"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "txcdp"))

teach()

# Python waits at its end for all threads but these: tests that were interrupted would never end, since those of the
# reactor wait for work.
_pools: Any = ThreadPool
_pools.threadFactory = staticmethod(partial(Thread, daemon=True))


def _waiting_in(name: str) -> Iterator[str]:
    """Yield the places at which the coroutines of a name stand, and those that they await."""
    for each in gc.get_objects():
        inner: Any = each
        while (
            inspect.iscoroutine(inner) and inner.cr_frame is not None and (inner is not each or each.__name__ == name)
        ):
            yield f"{inner.cr_code.co_filename}:{inner.cr_frame.f_lineno} in {inner.cr_code.co_name}"
            inner = inner.cr_await


_trial: Any = TestCase
_run = _trial._run


def _run_and_tell(case: TestCase, *args: Any) -> Deferred[Any]:
    """Run a part of a test; where trial ends it for its time, its error says where it stood, which trial does not."""

    def told(failure: Failure) -> Failure:
        error = failure.value
        if isinstance(error, TookTooLong):
            places = _waiting_in(case._testMethodName)
            error.args = ("\n".join([*map(str, error.args), "it waited at", *places]),)
        return failure

    running: Deferred[Any] = _run(case, *args)
    return running.addErrback(told)


_trial._run = _run_and_tell


@pytest.fixture(autouse=True)
def _temporary_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``TestCase.mktemp`` use pytest's directory: trial's own is beside the current one, the checkout."""

    def mktemp(case: SynchronousTestCase) -> str:
        return str(tmp_path_factory.mktemp("trial") / "temp")

    monkeypatch.setattr(SynchronousTestCase, "mktemp", mktemp)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in tests/browser: ``pytest -m "not browser"`` needs no browser and takes seconds.

    Trial ends a test whose Deferred does not fire. One that keeps the reactor from running is ended by pytest, later.
    """
    for item in items:
        limit = getattr(getattr(item, "cls", None), "timeout", None) or 240
        item.add_marker(pytest.mark.timeout(limit + 60))
        if BROWSER in item.path.parents:
            item.add_marker("browser")
