"""Fixtures for pytest: ``page``, ``context`` and ``browser``, for tests that are coroutine functions.

The plugin is installed with txcdp, and pytest finds it without configuration; ``-p no:txcdp`` disables it.

A test that is an ``async def`` and uses one of the fixtures runs with Twisted's reactor, which runs as long as the test
does, as with Twisted's own test runner; other tests run as they do without the plugin.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from txcdp.browser import Browser, BrowserContext
    from txcdp.page import Page

# pytest imports this in each of its runs, also where nothing here is used: txcdp and the reactor are imported later.

_FIXTURES: Final = ("browser", "context", "page")
_EVIDENCE: Final = pytest.StashKey[Any]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command line's option."""
    group = parser.getgroup("txcdp", "browsers (txcdp)")
    group.addoption(
        "--kept-in",
        metavar="FOLDER",
        default="test-results",
        help='where pictures, console and exchanges of failed tests are kept ("" for nowhere; %(default)s)',
    )


@pytest.fixture(scope="session")
def browser_launch_options() -> dict[str, Any]:
    """Return the options of ``txcdp.launch``; a fixture of this name in a conftest.py gives others."""
    return {}


@pytest.fixture
def browser_context_options() -> dict[str, Any]:
    """Return the options of ``Browser.new_context``; a fixture of this name in a conftest.py gives others."""
    return {}


@pytest.fixture(scope="session")
def browser(browser_launch_options: dict[str, Any]) -> Iterator[Browser]:
    """Give the browser of the whole run."""
    from txcdp.testing import _browsers as browsers

    shared = browsers.run.browser(browser_launch_options)
    yield shared.keep()
    shared.close()


@pytest.fixture
def context(
    browser: Browser, browser_context_options: dict[str, Any], request: pytest.FixtureRequest
) -> Iterator[BrowserContext]:
    """Give a context of the test's own, which is closed at its end."""
    from txcdp.testing._evidence import Evidence

    opened = _wait(browser.new_context(**browser_context_options))
    evidence = request.node.stash[_EVIDENCE] = Evidence(opened)
    yield opened
    evidence.stop()
    _wait(opened.close())


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Give a page in the test's context."""
    opened: Page = _wait(context.new_page())
    return opened


def _wait(waiting: Any, seconds: float | None = None) -> Any:
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from txcdp.testing._browsers import run_until

    deferred = waiting if isinstance(waiting, Deferred) else Deferred.fromCoroutine(waiting)
    return run_until(reactor, deferred, seconds)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function that uses one of the fixtures, and warn of any other function that has one."""
    if not _uses_ours(pyfuncitem):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        # Carried over from a synchronous library, it would pass, whatever the page shows.
        if given := next((name for name in _FIXTURES if name in names), None):
            said = f"{pyfuncitem.name} has {given} and is not a coroutine function: nothing in it is awaited"
            pyfuncitem.warn(pytest.PytestWarning(f"{said}; write async def"))
        return None
    from txcdp.assertions import expect

    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    with expect._of_a_test():
        _wait(pyfuncitem.obj(**arguments))
    return True


def _uses_ours(function: pytest.Function) -> bool:
    """Whether a test stands on a fixture of ours: others may have some of these names, and know how to run theirs."""
    known = function._fixtureinfo.name2fixturedefs
    return any(known[name][-1].func.__module__ == __name__ for name in _FIXTURES if known.get(name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the pages of a test that has failed show and have said, and say where."""
    report = yield
    parent, evidence = item.config.getoption("--kept-in"), item.stash.get(_EVIDENCE, None)
    if report.when == "call" and report.failed and parent and evidence is not None:
        from txcdp.testing._evidence import folder_of

        folder = folder_of(item.nodeid, Path(parent))
        _wait(evidence.save(folder))
        report.sections.append(("browser", f"What the pages showed and said is in {folder.absolute()}"))
    return report


def pytest_unconfigure() -> None:
    """End the browsers, and the threads of the reactor."""
    browsers = sys.modules.get("txcdp.testing._browsers")
    if browsers is not None:
        browsers.run.end()
