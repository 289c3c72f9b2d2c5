"""Programs that run from a recording: the guide's, from a real browser's; and the rules, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred

from tests.browser.recorded_run import STORED, URL, errors_of
from txcdp.domains import network, page, runtime, target
from txcdp.errors import CommandError, NavigationError
from txcdp.recording import Filter, JsonLines, Recorder
from txcdp.recording._pace import Speed
from txcdp.testing import FakeChrome, UnexpectedCommand

FOUND = ["Failed to load resource: the server responded with a status of 404 (Not Found)", "no price", "stock is low"]


@pytest.mark.parametrize("speed", [1.0, 20.0, "instant"])
def test_the_guides_program_finds_what_it_found_in_the_real_browser(speed: Speed) -> None:
    chrome = FakeChrome.from_recording(STORED, speed=speed)
    browser = chrome.browser()
    assert chrome.run(errors_of()(browser, URL), seconds=30) == FOUND
    took = chrome.clock.seconds()
    assert took == 0 if speed == "instant" else 0.5 / float(speed) < took
    chrome.run(browser.close(), seconds=10)
    assert chrome.clock.getDelayedCalls() == []


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Record a program of some steps with a FakeChrome, of which the time is known."""
    chrome = FakeChrome()
    chrome.on(page.get_layout_metrics, CommandError("Page.getLayoutMetrics", -32000, "no layout"))
    chrome.on_evaluate({"1 + 1": 2})
    browser = chrome.browser()
    recorder = Recorder(
        browser,
        JsonLines(tmp_path, sync="never"),
        commands=True,
        filter=Filter(without=["Target.targetCreated"]),
        wall=lambda: 1_800_000_000.0 + chrome.clock.seconds(),
        in_thread=maybeDeferred,
    )
    chrome.run(recorder.start())

    opened = chrome.run(opened_page(browser))
    chrome.run(opened.session.execute(page.get_layout_metrics()).addErrback(lambda _: None))
    chrome.advance(2.0)
    chrome.log(opened.session, "two seconds later")
    chrome.flush()
    chrome.run(opened.evaluate("1 + 1"))
    chrome.run(recorder.stop(), seconds=10)
    (made,) = tmp_path.iterdir()
    return made


async def opened_page(browser: Any) -> Any:
    opened = await browser.new_page()
    await opened.goto("https://example.com/")
    return opened


class TestRules:
    """Each rule of the guide."""

    def test_it_stands_still_before_what_acts_until_that_is_sent(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded)
        browser = chrome.browser()
        opened = chrome.run(browser.new_page(), seconds=1)
        navigated: list[str] = []
        opened.frame_navigated.subscribe(lambda frame: navigated.append(frame.url))
        chrome.advance(100)
        assert (navigated, opened.url) == ([], "about:blank")
        chrome.run(opened.goto("https://example.com/"), seconds=1)
        assert navigated == ["https://example.com/"]

    def test_events_come_as_long_after_as_they_did(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded)
        opened = chrome.run(opened_page(chrome.browser()), seconds=1)
        said: list[tuple[str, float]] = []
        opened.console.subscribe(lambda message: said.append((message.text, chrome.clock.seconds())))
        began = chrome.clock.seconds()
        chrome.advance(1.9)
        assert said == []
        chrome.advance(0.2)
        assert [(text, round(at - began, 6)) for text, at in said] == [("two seconds later", 2.0)]

    def test_at_twice_the_speed_in_half_the_time(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed=2.0)
        opened = chrome.run(opened_page(chrome.browser()), seconds=1)
        said: list[str] = []
        opened.console.subscribe(lambda message: said.append(message.text))
        chrome.advance(1.0)
        assert said == ["two seconds later"]

    def test_replies_are_the_recorded_ones_errors_too(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed="instant")
        opened = chrome.run(opened_page(chrome.browser()))
        with pytest.raises(CommandError, match="no layout") as raised:
            chrome.run(opened.session.execute(page.get_layout_metrics()))
        assert raised.value.code == -32000
        assert [chrome.run(opened.evaluate("1 + 1")) for _ in range(3)] == [2, 2, 2]

    def test_what_acts_and_was_not_recorded_is_refused(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed="instant")
        opened = chrome.run(chrome.browser().new_page())
        with pytest.raises(NavigationError, match=r"not recorded with these.*waits for Page\.navigate"):
            chrome.run(opened.goto("https://other.example/"))

    def test_strictly_it_fails_the_test(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed="instant", strict=True)
        opened = chrome.run(chrome.browser().new_page())
        with pytest.raises(UnexpectedCommand, match=r"Page\.navigate was not recorded with these parameters"):
            chrome.run(opened.goto("https://other.example/"))

    def test_what_only_listens_is_agreed_to(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed="instant", strict=True)
        opened = chrome.run(chrome.browser().new_page())
        assert chrome.run(opened.session.execute(network.set_cache_disabled(cache_disabled=True))) is None

    def test_targets_are_told_of(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed="instant")
        browser = chrome.browser()
        opened = chrome.run(browser.new_page())
        assert [each.target_id for each in chrome.run(browser.targets())] == [opened.target_id]

    def test_a_script_goes_before_the_recording(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded, speed="instant")
        metrics: Any = {"data": "scripted"}
        chrome.on("Page.getLayoutMetrics", metrics)
        opened = chrome.run(opened_page(chrome.browser()))
        assert chrome.run(opened.session.execute_raw("Page.getLayoutMetrics")) == metrics

    def test_a_program_that_waits_is_told_where_the_recording_stands(self, recorded: Path) -> None:
        chrome = FakeChrome.from_recording(recorded)
        opened = chrome.run(chrome.browser().new_page(), seconds=1)
        waiting = opened.wait_for_url("https://example.com/", timeout=None)
        with pytest.raises(AssertionError, match=r"the recording waits for Page\.navigate.*example\.com"):
            chrome.run(waiting, seconds=5)
        chrome.run(opened.goto("https://example.com/"), seconds=1)

    def test_a_recording_without_commands_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "r.jsonl").write_bytes(b'{"time":1.0,"note":"begin","options":{"commands":false}}\n')
        with pytest.raises(ValueError, match=r"Recorder\(commands=True\)"):
            FakeChrome.from_recording(tmp_path / "r.jsonl")


def test_the_vocabulary_of_what_acts_is_the_protocols() -> None:
    from txcdp.domains import lookup
    from txcdp.testing._recorded import _ACTS, _ENDS

    for name in _ACTS | _ENDS:
        lookup(name)
    assert {runtime.evaluate.method, target.create_target.method} <= _ACTS
