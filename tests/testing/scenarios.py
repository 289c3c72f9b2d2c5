"""What is done to a browser's targets, contexts and pages, alike to the real Chromium and to a FakeChrome.

Run it as ``python -m tests.testing.scenarios [NAME...]`` when Chromium has changed: it records what Chromium says into
``tests/data/testing/``, which ``test_recorded.py`` holds FakeChrome to.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater, react

import txcdp
from tests.model.record_sequences import Recording
from txcdp import Command, Connection
from txcdp._core.sessions import Session
from txcdp.domains import runtime, target
from txcdp.errors import CommandError

DATA = Path(__file__).parent.parent / "data" / "testing"
Settle = Callable[[], Awaitable[None]]


class Scenario:
    """A connection on which commands are executed one after another, and all is recorded that comes of them.

    :param settle: waits until the browser has nothing more to say.
    """

    def __init__(self, connection: Connection, settle: Settle) -> None:
        self.connection = connection
        self.root = connection.session
        self.recording = Recording()
        self._settle = settle
        connection.events_raw().subscribe(self.recording.heard, lambda _: None)

    async def do(self, session: Session, command: Command[Any]) -> Any:
        """Execute a command, note what it is answered with, and wait for what else comes of it."""
        method = type(command).method
        try:
            result = await session.execute(command)
        except CommandError as error:
            self.recording.answered(session, method, {"code": error.code, "message": error.message})
            result = None
        else:
            self.recording.answered(session, method, result)
        await self._settle()
        return result

    async def page(self, **params: Any) -> str:
        made = await self.do(self.root, target.create_target(url="about:blank", **params))
        return str(made.target_id)

    async def attach(self, target_id: str, through: Session | None = None) -> Session:
        made = await self.do(through or self.root, target.attach_to_target(target_id=target_id, flatten=True))
        return self.session(made.session_id)

    async def attach_to_browser(self) -> Session:
        made = await self.do(self.root, target.attach_to_browser_target())
        return self.session(made.session_id)

    def session(self, session_id: str) -> Session:
        return next(each for each in self.connection.sessions if each.id == session_id)

    def latest(self) -> Session:
        return list(self.connection.sessions)[-1]


Act = Callable[[Scenario], Coroutine[Any, Any, None]]
SCENARIOS: dict[str, Act] = {}


def scenario(act: Act) -> Act:
    SCENARIOS[act.__name__] = act
    return act


#: Chromium has a target of its own for the browser on each connection, and for the pipe or port too.
NO_BROWSERS = target.FilterEntry(type="browser", exclude=True)
EVERYTHING = [NO_BROWSERS, target.FilterEntry()]
TABS = [target.FilterEntry(type="tab")]
NO_PAGES = [target.FilterEntry(type="page", exclude=True), NO_BROWSERS, target.FilterEntry()]


@scenario
async def discovery(it: Scenario) -> None:
    await it.do(it.root, target.set_discover_targets(discover=True))
    second = await it.attach_to_browser()
    await it.do(second, target.set_discover_targets(discover=True, filter=EVERYTHING))
    page = await it.page()
    session = await it.attach(page)
    await it.do(session, target.set_discover_targets(discover=True, filter=NO_PAGES))
    await it.do(second, target.set_discover_targets(discover=True, filter=TABS))
    await it.do(it.root, target.get_targets(filter=EVERYTHING))
    await it.do(it.root, target.get_targets())
    other = await it.attach(page, second)
    await it.do(second, target.detach_from_target(session_id=other.id))
    await it.do(it.root, target.detach_from_target(session_id=session.id))
    await it.do(second, target.set_discover_targets(discover=False))
    await it.do(it.root, target.close_target(target_id=page))
    await it.do(second, target.set_discover_targets(discover=False, filter=TABS))
    await it.do(it.root, target.attach_to_target(target_id=page, flatten=True))
    await it.do(second, target.detach_from_target(session_id=session.id))


@scenario
async def attached_when_closed(it: Scenario) -> None:
    second = await it.attach_to_browser()
    assert second.target is not None
    await it.do(it.root, target.close_target(target_id=second.target.target_id))
    await it.do(second, target.set_discover_targets(discover=True, filter=EVERYTHING))
    page = await it.page()
    for through in (it.root, it.root, second):
        await it.attach(page, through)
    await it.do(it.root, target.close_target(target_id=page))


@scenario
async def auto_attach(it: Scenario) -> None:
    waiting: dict[str, Any] = {"auto_attach": True, "wait_for_debugger_on_start": True, "flatten": True}
    await it.page()
    second = await it.attach_to_browser()
    await it.do(it.root, target.set_auto_attach(**waiting))
    await it.do(second, target.set_auto_attach(**waiting, filter=EVERYTHING))
    page = await it.page()
    for each in list(it.connection.sessions):
        if each.id is not None and each.target is not None and each.target.target_id == page:
            await it.do(each, runtime.run_if_waiting_for_debugger())
    await it.do(it.root, target.set_auto_attach(auto_attach=False, wait_for_debugger_on_start=False, flatten=True))
    await it.do(it.root, target.close_target(target_id=page))


@scenario
async def auto_attach_by_tab(it: Scenario) -> None:
    waiting: dict[str, Any] = {"auto_attach": True, "wait_for_debugger_on_start": True, "flatten": True}
    await it.do(it.root, target.set_auto_attach(**waiting, filter=TABS))
    page = await it.page()
    tab = it.latest()
    await it.do(tab, target.set_auto_attach(**waiting))
    session = it.latest()
    await it.do(session, runtime.run_if_waiting_for_debugger())
    await it.do(tab, runtime.run_if_waiting_for_debugger())
    await it.do(it.root, target.close_target(target_id=page))


@scenario
async def contexts(it: Scenario) -> None:
    await it.do(it.root, target.get_browser_contexts())
    made = await it.do(it.root, target.create_browser_context(dispose_on_detach=True))
    context = made.browser_context_id
    await it.do(it.root, target.get_browser_contexts())
    await it.do(it.root, target.set_discover_targets(discover=True))
    page = await it.page(browser_context_id=context)
    await it.attach(page)
    await it.do(it.root, target.dispose_browser_context(browser_context_id=context))
    await it.do(it.root, target.dispose_browser_context(browser_context_id=context))
    await it.do(it.root, target.create_target(url="about:blank", browser_context_id=context))
    found = await it.do(it.root, target.get_browser_contexts())
    await it.do(it.root, target.dispose_browser_context(browser_context_id=found.default_browser_context_id or ""))
    page = await it.page()
    await it.do(it.root, target.get_target_info(target_id=page))
    await it.do(it.root, target.get_target_info())


async def main(clock: Any, *names: str) -> None:
    async def settle() -> None:
        await deferLater(clock, 0.3, lambda: None)

    DATA.mkdir(parents=True, exist_ok=True)
    for name in names or SCENARIOS:
        async with await txcdp.launch(clock) as browser:
            while not (begun := [each for each in await browser.targets() if each.type == "page"]):
                await settle()
            for each in begun:
                await browser.session.execute(target.close_target(target_id=each.target_id))
            while any(each.type == "page" for each in await browser.targets()):
                await settle()
            it = Scenario(browser.connection, settle)
            await SCENARIOS[name](it)
            it.recording.write(DATA / f"{name}.jsonl", {})


if __name__ == "__main__":
    react(main, sys.argv[1:])
