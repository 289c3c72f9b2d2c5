"""What a FakeChrome does by itself is what Chromium was recorded to do: the same events in the same order."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.model.sequences import Input, sequence
from tests.testing.scenarios import DATA, SCENARIOS, Scenario
from txcdp import Event
from txcdp.domains import page, runtime, target
from txcdp.testing import FakeChrome

SITE = "http://127.0.0.1:8000"
#: Of these something is compared; the recordings have more of what their pages do.
DOMAINS = ("Page", "Runtime", "Target")
#: What belongs to a page with content, and is nothing that a FakeChrome has.
CONTENT = {"firstMeaningfulPaintCandidate", "firstContentfulPaint", "firstPaint", "firstImagePaint"}
CONTENT |= {"firstMeaningfulPaint", "InteractiveTime"}
#: They come when the network is quiet, be it before or behind what happens next.
QUIET = {"networkAlmostIdle", "networkIdle"}


def told(record: Any, numbers: dict[str, int]) -> str | None:
    """Return what matters of a reply or an event; loaders are numbered as they come."""
    if isinstance(record, page.NavigateResult):
        return f"NavigateResult {bool(record.loader_id)} {record.is_download}"
    if not isinstance(record, Event) or record.method.partition(".")[0] not in DOMAINS:
        return None
    if isinstance(record, page.LifecycleEvent):
        if record.name in CONTENT | QUIET:
            return None
        number = numbers.setdefault(record.loader_id, len(numbers))
        return f"{record.method} {record.name} {number}"
    if isinstance(record, page.FrameStartedNavigating):
        number = numbers.setdefault(record.loader_id, len(numbers))
        return f"{record.method} {record.navigation_type} {record.url} {number}"
    if isinstance(record, page.FrameNavigated):
        frame = record.frame
        number = numbers.setdefault(frame.loader_id, len(numbers))
        return f"{record.method} {record.type} {frame.url} {frame.url_fragment} {frame.security_origin} {number}"
    if isinstance(record, page.NavigatedWithinDocument):
        return f"{record.method} {record.url} {record.navigation_type}"
    if isinstance(record, runtime.ExecutionContextCreated):
        return f"{record.method} {record.context.origin} {(record.context.aux_data or {}).get('type')}"
    if isinstance(record, target.TargetInfoChanged):
        return f"{record.method} {record.target_info.url}"
    return None if isinstance(record, runtime.ConsoleAPICalled) else record.method


def recorded(name: str) -> list[str]:
    """Return what was recorded of the page, from its first navigation on."""
    inputs = sequence(name)
    begin = next(i for i, each in enumerate(inputs) if isinstance(each.record, page.FrameStartedNavigating))
    wanted = [each for each in inputs[begin:] if is_of_the_page(each, inputs[begin].session)]
    numbers: dict[str, int] = {}
    return [text for each in wanted if (text := told(each.record, numbers)) is not None]


def is_of_the_page(each: Input, session: str) -> bool:
    """Whether it was said to the page's session, or is the browser's news of its address."""
    return each.session == session or (isinstance(each.record, target.TargetInfoChanged) and SITE in str(each.record))


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("load", [page.navigate(url=f"{SITE}/rich")]),
        ("reloaded", [page.navigate(url=f"{SITE}/rich"), page.reload(), page.reload(ignore_cache=True)]),
        ("fragment", [page.navigate(url=f"{SITE}/a"), page.navigate(url=f"{SITE}/a#below")]),
    ],
)
def test_a_navigation_is_told_as_chromium_tells_it(name: str, commands: list[Any]) -> None:
    chrome = FakeChrome()
    connection = chrome.connect()
    session = chrome.attach(connection)
    for each in (page.enable(), page.set_lifecycle_events_enabled(enabled=True), runtime.enable()):
        chrome.run(session.execute(each))
    chrome.run(connection.session.execute(target.set_discover_targets(discover=True)))
    said: list[str] = []
    numbers: dict[str, int] = {}

    def note(record: Any) -> None:
        text = told(record, numbers)
        if text is not None:
            said.append(text)

    for kind in (*vars(page).values(), *vars(runtime).values()):
        if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event:
            session.events(kind).subscribe(note)
    connection.session.events(target.TargetInfoChanged).subscribe(note)
    chrome.flush()
    said.clear()
    numbers.clear()
    for command in commands:
        replied = session.execute(command)
        replied.addCallback(note)
        chrome.run(replied)
        chrome.flush()
    wanted = recorded(name)
    assert said == wanted[: len(said)]
    assert said[-1] == "Page.frameStoppedLoading"
    assert len(said) > 10


#: What a FakeChrome's targets do not have, or have at once: their titles, and where their tabs are.
UNTOLD = ("title", "embedderData")


def without(value: Any, names: tuple[str, ...]) -> Any:
    """Return a value without some fields, at any depth."""
    if isinstance(value, dict):
        return {name: without(each, names) for name, each in value.items() if name not in names}
    return [without(each, names) for each in value] if isinstance(value, list) else value


def plain(lines: list[dict[str, Any]]) -> list[str]:
    """Return lines with ids numbered as they come, and without changes of what a FakeChrome does not have."""
    known: dict[tuple[str, str], Any] = {}
    numbers: dict[str, str] = {}
    found = []
    for each in without(lines, UNTOLD):
        listed = (each.get("result") or {}).get("targetInfos", [])
        listed.sort(key=lambda info: info["type"])  # Chromium's order is that of a hash
        info = each.get("params", {}).get("targetInfo")
        if info is not None and each["method"] in ("Target.targetCreated", "Target.targetInfoChanged"):
            about = each["session"], info["targetId"]
            if known.get(about) == info:
                continue
            known[about] = info
        text = json.dumps(each)
        found.append(re.sub(r"\bid[0-9]+\b", lambda id_: numbers.setdefault(id_[0], f"id{len(numbers) + 1}"), text))
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_becomes_of_commands_is_what_chromium_was_recorded_to_do(name: str) -> None:
    chrome = FakeChrome()

    async def settle() -> None:
        settled: Deferred[None] = Deferred()
        chrome.clock.callLater(1, settled.callback, None)
        await settled

    it = Scenario(chrome.connect(), settle)
    chrome.run(SCENARIOS[name](it), seconds=1000)
    recorded = [json.loads(each) for each in (DATA / f"{name}.jsonl").read_text().splitlines()]
    assert plain(it.recording.named({})) == plain(recorded)
