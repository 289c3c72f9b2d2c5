"""The console's entries, in words: as Chromium was recorded, and as it may say besides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.sequences import feed, sequence
from tests.model.test_model_exchanges import tell
from txcdp.domains import inspector, log, runtime
from txcdp.model import (
    BrowserModel,
    Change,
    ConsoleCleared,
    ConsoleEntry,
    ConsoleGroupEnded,
    ConsoleRepeated,
    ConsoleWritten,
    ExceptionRevoked,
)
from txcdp.protocol import build


def written(changes: list[Change]) -> list[ConsoleEntry]:
    return [each.entry for each in changes if isinstance(each, ConsoleWritten)]


def called(kind: str, *texts: Any) -> runtime.ConsoleAPICalled:
    args = [{"type": "string", "value": each} for each in texts]
    said = {"type": kind, "args": args, "executionContextId": 1, "timestamp": 1_700_000_000_500}
    event: runtime.ConsoleAPICalled = build(runtime.ConsoleAPICalled, said)
    return event


class TestCalls:
    """``console_calls``: all of the methods, and all kinds of values."""

    def test_values_and_formats(self) -> None:
        texts = [each.text for each in written(feed(sequence("console_calls")))]
        assert texts[:5] == [
            "plain 1 1.5 -0 NaN Infinity 10n true null undefined Symbol(s)",
            "text is 42 and 42, 1.5, {a: 1}, [1, 2],  styled % %x left over 7",
            "%s",
            "NaN 7 1.25",
            "{a: 1, b: 'two', c: Array(3), d: null, e: undefined, …} [1, 'two', Object] "
            "Map(2) {'a' => 1, Object => 2} Set(1) {1} Uint8Array(3) [0, 0, 0]",
        ]
        functions, *classes = texts[5].split(" () => 1 ")
        assert functions == "function named(a, b) {…}"
        assert classes[0].startswith("class Named {…} /re/g Thu Jan 01 1970 00:00:00 GMT")
        assert "Thing {a: 1, nested: Object} Promise Error: an error" in classes[0]
        assert texts[6].startswith("{key0: 0, key1: 1, key2: 2, key3: 3, key4: 4, …} [0, 1, 2")
        assert "two\nlines" in texts

    def test_counts_timers_and_assertions(self) -> None:
        found = [(each.type, each.text) for each in written(feed(sequence("console_calls")))]
        counts = [text for kind, text in found if kind == "count"]
        assert counts == ["default: 1", "named: 1", "named: 2", "named: 1"]
        assert [text.partition(" ")[0] for kind, text in found if kind == "timeEnd"] == ["timer:"]
        assert ("warning", "Timer 'never' does not exist") in found
        asserted = [text for kind, text in found if kind == "assert"]
        assert asserted == ["Assertion failed: said so", "Assertion failed"]

    def test_levels_and_places(self) -> None:
        entries = written(feed(sequence("console_calls")))
        levels = {each.type: each.level for each in entries}
        assert {
            key: levels[key] for key in ("debug", "info", "log", "warning", "error", "assert", "table", "trace")
        } == {
            "debug": "debug",
            "info": "info",
            "log": "info",
            "warning": "warning",
            "error": "error",
            "assert": "error",
            "table": "info",
            "trace": "info",
        }
        (traced,) = [each for each in entries if each.type == "trace"]
        assert traced.stack is not None
        assert [each.function_name for each in traced.stack.call_frames] == ["inner", ""]
        assert (traced.url, traced.line_number) == ("http://127.0.0.1:8000/logs.js", 1)
        assert {each.source for each in entries if each.args} == {"console-api"}
        assert None not in {each.frame_id for each in entries if each.source == "console-api"}

    def test_groups_and_clear(self) -> None:
        changes = feed(sequence("console_calls"))
        depths = {each.text: each.group_depth for each in written(changes)}
        assert [depths[each] for each in ("group", "inside", "collapsed", "deeper", "outside")] == [0, 1, 1, 2, 0]
        assert [type(each) for each in changes if isinstance(each, ConsoleCleared)] == [ConsoleCleared]
        assert not any(each.type in ("clear", "endGroup") for each in written(changes))

    def test_groups_end_with_the_page_and_a_clear(self) -> None:
        model = BrowserModel()
        for end in (runtime.ExecutionContextsCleared(), inspector.TargetCrashed(), called("clear", "console.clear")):
            tell(model, called("startGroup", "a"), called("startGroup", "b"))
            assert model.snapshot()["console"] == [{"session_id": "S", "group_depth": 2}]
            tell(model, end)
            assert model.snapshot()["console"] == []

    def test_more_groups_end_than_began(self) -> None:
        model = BrowserModel()
        ended = tell(model, called("endGroup"), called("endGroup"))
        assert [type(each) for each in ended] == [ConsoleGroupEnded, ConsoleGroupEnded]
        (entry,) = written(tell(model, called("log", "x")))
        assert entry.group_depth == 0

    def test_seconds(self) -> None:
        (entry,) = written(tell(BrowserModel(), called("log", "x")))
        assert entry.timestamp == 1_700_000_000.5

    def test_numbers_are_as_javascript_writes_them(self) -> None:
        event = called("log", "%d", "and")
        number = runtime.RemoteObject(type="number", value=1e21, description="1e+21")
        event.args[1:1] = [number]
        (entry,) = written(tell(BrowserModel(), event))
        assert entry.text == "1e+21 and"

    @pytest.mark.parametrize("kind", ["assert", "log"])
    def test_no_arguments(self, kind: str) -> None:
        (entry,) = written(tell(BrowserModel(), called(kind)))
        assert entry.text == ("Assertion failed" if kind == "assert" else "")

    def test_what_is_said_is_no_placeholder(self) -> None:
        (entry,) = written(tell(BrowserModel(), called("log", "console.assert")))
        assert entry.text == "console.assert"


class TestRepeated:
    """A document comes back from the back/forward cache: V8 reports again what it wrote."""

    @staticmethod
    def at(moment: float, context: int = 1, kind: Any = "log") -> runtime.ConsoleAPICalled:
        return runtime.ConsoleAPICalled(type=kind, args=[], execution_context_id=context, timestamp=moment)

    @staticmethod
    def kinds(changes: list[Change]) -> list[type[Change]]:
        return [type(each) for each in changes]

    def test_of_a_document_that_comes_back(self) -> None:
        model = BrowserModel()
        thrown = runtime.ExceptionDetails(
            exception_id=1, text="Uncaught", line_number=0, column_number=0, execution_context_id=1
        )
        refused = log.LogEntry(source="network", level="error", text="no", timestamp=3)
        first = [
            *(self.at(1), self.at(2), runtime.ExceptionThrown(timestamp=2, exception_details=thrown)),
            log.EntryAdded(entry=refused),
        ]
        cleared = runtime.ExecutionContextsCleared()
        assert self.kinds(tell(model, *first)) == [ConsoleWritten] * 4
        for others in ([], [self.at(5, 2)], [self.at(6, 3)] * 2000):
            assert self.kinds(tell(model, cleared, *others)) == [ConsoleWritten] * len(others)
            assert self.kinds(tell(model, cleared, *first)) == [ConsoleRepeated] * 4
        assert self.kinds(tell(model, self.at(9))) == [ConsoleWritten]

    def test_what_it_wrote_while_it_left_is_new(self) -> None:
        model = BrowserModel()
        said = [self.at(1), self.at(2)]
        tell(model, *said, runtime.ExecutionContextsCleared())
        changes = tell(model, *said, self.at(3), self.at(2), self.at(4))
        assert self.kinds(changes) == [*[ConsoleRepeated] * 2, ConsoleWritten, ConsoleRepeated, ConsoleWritten]

    def test_entries_of_one_moment_are_all_new(self) -> None:
        model = BrowserModel()
        for context in (1, 2, 3):
            changes = tell(model, runtime.ExecutionContextsCleared(), *[self.at(0, context)] * 3)
            assert self.kinds(changes) == [ConsoleWritten] * 3

    def test_a_clock_that_was_set_back(self) -> None:
        assert self.kinds(tell(BrowserModel(), self.at(5), self.at(1), self.at(2))) == [ConsoleWritten] * 3

    def test_calls_that_change_the_groups(self) -> None:
        model = BrowserModel()
        said = [self.at(1, kind="clear"), self.at(2, kind="startGroup"), self.at(3, kind="startGroup")]
        said.append(self.at(4, kind="endGroup"))
        tell(model, *said)
        changes = tell(model, runtime.ExecutionContextsCleared(), *said)
        assert self.kinds(changes) == [ConsoleRepeated] * 4
        assert model.snapshot()["console"] == [{"session_id": "S", "group_depth": 1}]

    def test_the_memory_is_bounded(self) -> None:
        model = BrowserModel()
        for context in range(300):
            tell(model, self.at(context, context))
        for moment in range(3000):
            tell(model, self.at(moment, 299))
        reported = model.console._reported["S"]
        assert [len(each) for each in reported._times.values()] == [1] * 99 + [1000]
        tell(model, inspector.TargetCrashed())
        assert not model.console._reported


class TestExceptions:
    """``console_thrown``: thrown, rejected, and caught late."""

    def test_in_words(self) -> None:
        entries = [each for each in written(feed(sequence("console_thrown"))) if each.source == "exception"]
        assert [each.text.partition("\n")[0] for each in entries] == [
            "TypeError: thrown",
            "'a text'",
            "{code: 7}",
            "null",
            "TypeError: Cannot read properties of null (reading 'x')",
            "in a promise: RangeError: rejected",
            "in a promise: 'a rejected text'",
            "in a promise: undefined",
            "in a promise: Error: caught late",
            "SyntaxError: Unexpected identifier 'is'",
        ]
        assert {(each.type, each.level) for each in entries} == {("exception", "error")}
        assert entries[0].text.split("\n")[1] == "in two lines"
        assert (entries[1].line_number, entries[1].column_number) == (2, 19)

    def test_what_is_caught_late_is_revoked(self) -> None:
        changes = feed(sequence("console_thrown"))
        (late,) = [each for each in written(changes) if "caught late" in each.text]
        (revoked,) = [each for each in changes if isinstance(each, ExceptionRevoked)]
        assert late.details is not None
        assert (revoked.session_id, revoked.exception_id) == (late.session_id, late.details.exception_id)


class TestLog:
    """``console_entries``: what the browser says itself."""

    def test_in_words(self) -> None:
        entries = [each for each in written(feed(sequence("console_entries"))) if not each.args]
        found = {each.source: each for each in entries}
        assert found["security"].text.startswith("Loading the image 'http://127.0.0.1:8000/style.css' violates")
        assert found["network"].network_request_id is not None
        assert {each.level for each in entries} == {"error", "info"}
        (worker,) = [each for each in entries if each.source == "worker"]
        assert (worker.text, worker.url, worker.line_number) == ("script", "http://127.0.0.1:8000/script.js", 0)

    def test_verbose_is_debug(self) -> None:
        said = log.LogEntry(source="violation", level="verbose", text="slow", timestamp=2000.0)
        (entry,) = written(tell(BrowserModel(), log.EntryAdded(entry=said)))
        assert (entry.type, entry.level, entry.timestamp, entry.url) == ("verbose", "debug", 2.0, "")
