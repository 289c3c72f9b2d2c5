"""Recordings and large renders over a router in memory: piece by piece, into files and as streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fleet.support import URL, FakeNode, FleetCase
from tests.fleet.test_fleet_watching import SCRIPT, numbered, session_of
from txcdp.domains import network, page
from txcdp.errors import NodeLost, WorkFailed
from txcdp.fleet._messages import CHUNK
from txcdp.recording import EventEntry, NoteEntry, read
from txcdp.streams import queue
from txcdp.testing import NEVER

LARGE = 20 * CHUNK + 17


class RecordingCase(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.path = self.folder / "page.jsonl.gz"

    def emit(self, node: FakeNode, *numbers: int, session: str | None = None, **more: Any) -> None:
        for number in numbers:
            node.chrome.emit_raw(SCRIPT.method, numbered(number, **more), session or session_of(node))
        self.settle()

    def entries(self) -> tuple[list[int], list[str]]:
        """Return the numbers of the events that were recorded, and the notes."""
        found = list(read(self.path))
        numbers = [
            each.params["executionContextId"]
            for each in found
            if isinstance(each, EventEntry) and each.method == SCRIPT.method
        ]
        return numbers, [each.kind for each in found if isinstance(each, NoteEntry)]

    def chunks(self, messages: list[Any]) -> list[Any]:
        """Return those of the messages that the caller was sent that have a piece of a result in them."""
        return [each for each in messages if "chunk" in (getattr(each, "args", None) or ())]

    def left_behind(self) -> list[str]:
        return [each.name for each in self.folder.iterdir()] if self.folder.exists() else []


class Recording(RecordingCase):
    def test_a_page_from_before_it_is_loaded_for_some_seconds(self):
        node = self.add_node()
        recording = self.fleet().record(URL, self.path, seconds=2)
        self.settle()
        self.assertEqual(node.begun, [URL])
        self.emit(node, *range(100))
        self.pass_time(1)
        self.emit(node, *range(100, 200))
        self.assertNoResult(recording)
        done = self.result(recording, 2)
        self.assertEqual((done.kind, done.dropped, done.size), ("application/gzip", 0, self.path.stat().st_size))
        numbers, notes = self.entries()
        self.assertEqual((numbers, notes), (list(range(200)), ["begin", "attached", "end"]))
        methods = [each.method for each in read(self.path) if isinstance(each, EventEntry)]
        self.assertIn("Page.frameNavigated", methods)
        self.assertEqual(node.open_pages, 0)
        self.assertEqual(self.left_behind(), [self.path.name])

    def test_what_is_enabled_and_what_is_written_is_the_callers_choice(self):
        node = self.add_node()
        fleet = self.fleet()
        plain = self.folder / "plain.jsonl"
        calling = fleet.record(URL, plain, seconds=1, domains=["Network"], events=["Runtime"], compression="none")
        self.settle()
        self.emit(node, 1)
        self.assertEqual(self.result(calling, 2).kind, "application/x-ndjson")
        self.assertEqual({each.method for each in read(plain) if isinstance(each, EventEntry)}, {SCRIPT.method})
        self.assertTrue(plain.read_bytes().startswith(b'{"time":'))
        sent = [each.method for each in node.chrome.commands if each.method.endswith(".enable")]
        self.assertNotIn("Log.enable", sent)

    def test_of_others_in_the_same_browser_nothing_is_recorded(self):
        node = self.add_node()
        fleet = self.fleet()
        other = fleet.watch("http://other.example/", SCRIPT)
        theirs: list[Any] = []
        self.addCleanup(other.subscribe(theirs.append).dispose)
        self.settle()
        session = session_of(node)
        calling = fleet.record(URL, self.path, seconds=1)
        self.settle()
        self.emit(node, *range(50), session=session)
        self.emit(node, 99)
        self.result(calling, 2)
        numbers, notes = self.entries()
        self.assertEqual((numbers, notes), ([99], ["begin", "attached", "end"]))
        self.assertEqual(len(theirs), 50)
        self.assertNotIn(b"other.example", b"".join(each.line for each in read(self.path)))

    def test_secrets_are_masked_unless_they_are_wanted(self):
        node = self.add_node()
        fleet = self.fleet()
        extra = {"requestId": "1", "associatedCookies": [], "headers": {"Cookie": "hush"}, "connectTiming": {}}
        for secrets, there in (("mask", False), ("keep", True)):
            calling = fleet.record(URL, self.path, seconds=1, secrets=secrets)
            self.settle()
            node.chrome.emit_raw(network.RequestWillBeSentExtraInfo.method, extra, session_of(node))
            self.result(calling, 2)
            self.assertIs(b"hush" in b"".join(each.line for each in read(self.path)), there)

    def test_a_flood_for_a_slow_caller_is_bounded_and_what_is_dropped_is_counted(self):
        node = self.add_node(patience=30.0)
        calling = self.fleet(window=1).record(
            URL, self.path, seconds=5, compression="none", buffer=2 * CHUNK, overflow="drop_oldest"
        )
        self.settle()
        self.router.freeze(self.caller)
        for number in range(40):
            self.emit(node, number, blob="x" * (CHUNK // 4))
            self.pass_time(0.1)
        self.assertLessEqual(len(self.chunks(self.router.line(self.caller).unread)), 1)
        self.router.thaw(self.caller)
        done = self.result(calling, 10)
        numbers, notes = self.entries()
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual(numbers[-1], 39)
        (last,) = [each for each in read(self.path) if isinstance(each, NoteEntry) and each.kind == "end"]
        events = [each for each in read(self.path) if isinstance(each, EventEntry)]
        self.assertEqual((last.data["entries"], last.data["dropped"]), (len(events), done.dropped))
        self.assertGreaterEqual(done.dropped, 40 - len(numbers))
        self.assertGreater(40 - len(numbers), 10)
        self.assertIn("dropped", notes)

    def test_an_overflow_that_is_an_error(self):
        node = self.add_node()
        calling = self.fleet(window=1).record(URL, self.path, seconds=50, buffer=CHUNK, overflow="error")
        self.settle()
        self.router.freeze(self.caller)
        for number in range(9):
            if node.open_pages:
                self.emit(node, number, blob="x" * (CHUNK // 2))
        self.assertEqual(node.open_pages, 0)
        self.router.thaw(self.caller)
        error = self.failure(calling, WorkFailed, 2)
        self.assertIn("too slow", str(error))
        self.assertEqual((node.open_pages, self.left_behind()), (0, []))

    def test_one_event_that_is_larger_than_any_message(self):
        node = self.add_node()
        calling = self.fleet().record(URL, self.path, seconds=1, compression="none")
        self.settle()
        self.emit(node, 1, blob="x" * (3 * CHUNK))
        self.emit(node, 2)
        self.result(calling, 2)
        self.assertEqual(self.entries()[0], [1, 2])
        self.assertLess(self.router.largest, 1024 * 1024)

    def test_actions_are_done_and_told(self):
        node = self.add_node()
        did: list[int] = []
        steps = [["evaluate", "1"], ["wait_for_timeout", 0.01]]
        self.result(self.fleet().record(URL, self.path, actions=steps, did=did.append), 1)
        self.assertEqual(did, [1, 2])
        self.assertNotEqual(node.begun, [])

    def test_what_may_not_be_recorded(self):
        node = self.add_node()
        fleet = self.fleet()
        for url, more, status in (
            ("file:///etc/passwd", {}, 403),
            (URL, {"seconds": 3601}, 400),
            (URL, {"domains": ["Fetch"]}, 400),
            (URL, {"domains": ["Nonsense"]}, 400),
            (URL, {"overflow": "pause"}, 400),
            (URL, {"actions": [["goto", "file:///etc/passwd"]]}, 403),
            (URL, {"actions": [["dance"]]}, 400),
            (URL, {"compression": "rar"}, 400),
        ):
            self.assertEqual(self.failure(fleet.record(url, self.path, **more), WorkFailed).status, status, more)
        self.assertEqual((node.begun, self.left_behind()), ([], []))
        session = self.router.join()
        calling = session.call("txcdp.work.record", {"url": URL})
        self.settle()
        self.assertIn("receive_progress", str(self.failureResultOf(calling).value.args))

    def test_a_page_that_is_gone_ends_its_recording_with_what_there_is(self):
        node = self.add_node()
        calling = self.fleet().record(URL, self.path, seconds=3000)
        self.settle()
        self.emit(node, 7)
        node.chrome.emit_raw("Target.detachedFromTarget", {"sessionId": session_of(node)}, None)
        self.result(calling, 1)
        numbers, notes = self.entries()
        self.assertEqual((numbers, notes[-1]), ([7], "end"))
        (last,) = [each for each in read(self.path) if isinstance(each, NoteEntry) and each.kind == "end"]
        self.assertNotEqual(last.data["reason"], "stopped")
        self.assertEqual(last.data["entries"], len([1 for each in read(self.path) if isinstance(each, EventEntry)]))

    def test_a_page_that_does_not_load(self):
        node = self.add_node()
        node.chrome.on(page.navigate, NEVER)
        self.failure(self.fleet().record(URL, self.path, seconds=100, timeout=3), WorkFailed, 4)
        self.settle()
        self.assertEqual((node.node.state()["calls"], self.left_behind()), ([], []))

    def test_a_caller_that_goes_costs_a_node_nothing(self):
        node = self.add_node()
        fleet = self.fleet()
        for end in ("cancel", "vanish"):
            calling = fleet.record(URL, self.path, seconds=1000)
            calling.addErrback(lambda failure: None)
            self.pass_time(1)
            self.assertEqual(node.open_pages, 1)
            if end == "vanish":
                self.router.lose(self.caller)
            calling.cancel()
            self.settle()
            self.assertEqual((node.open_pages, self.left_behind()), (0, []), end)

    def test_a_frozen_caller_is_given_up(self):
        node = self.add_node(patience=30.0)
        calling = self.fleet().record(URL, self.path, seconds=3000)
        calling.addErrback(lambda failure: None)
        self.settle()
        self.router.freeze(self.caller)
        self.pass_time(40, 0.5)
        self.assertEqual(node.open_pages, 0)
        calling.cancel()

    def test_a_node_that_is_lost_and_a_recording_that_may_be_made_again(self):
        first = self.add_node()
        fleet = self.fleet()
        calling = fleet.record(URL, self.path, seconds=60)
        self.settle()
        self.emit(first, 1, 2, 3)
        self.pass_time(50, 0.5)
        first.die()
        second = self.add_node()
        self.pass_time(3)
        self.assertEqual(second.begun, [URL])
        self.emit(second, 9)
        self.pass_time(50, 0.5)
        self.assertNoResult(calling)
        self.result(calling, 15)
        self.assertEqual(self.entries()[0], [9])

    def test_a_node_that_is_lost_and_one_that_may_not(self):
        node = self.add_node()
        calling = self.fleet().record(URL, self.path, seconds=60, repeat=False)
        self.pass_time(1)
        node.die()
        self.failure(calling, NodeLost, 3)
        self.assertEqual(self.left_behind(), [])

    def test_a_file_that_cannot_be_written(self):
        node = self.add_node()
        self.folder.mkdir()
        self.path.mkdir()
        self.failure(self.fleet().record(URL, self.path, seconds=1), OSError, 3)
        self.assertEqual(node.open_pages, 0)


class Saving(RecordingCase):
    def test_a_pdf_that_no_message_holds_goes_into_a_file(self):
        node = self.add_node(size=LARGE)
        done = self.result(self.fleet().save(self.path, "pdf", URL))
        self.assertEqual((done.kind, done.size, done.dropped), ("application/pdf", LARGE, 0))
        self.assertEqual(self.path.read_bytes(), b"%" * LARGE)
        self.assertLess(self.router.largest, 1024 * 1024)
        self.assertEqual((node.open_pages, self.left_behind()), (0, [self.path.name]))

    def test_a_small_one_too_and_it_replaces_what_was_there(self):
        self.add_node(size=10)
        self.folder.mkdir()
        self.path.write_text("before")
        self.assertEqual(self.result(self.fleet().save(self.path, "pdf", URL)).size, 10)
        self.assertEqual(self.path.read_bytes(), b"%" * 10)

    def test_what_fails_leaves_what_was_there(self):
        self.add_node(size=LARGE)
        self.folder.mkdir()
        self.path.write_text("before")
        self.failure(self.fleet().save(self.path, "pdf", "file:///etc/passwd"), WorkFailed)
        self.assertEqual((self.path.read_text(), self.left_behind()), ("before", [self.path.name]))

    def test_a_node_that_is_lost_in_the_middle(self):
        first = self.add_node(size=LARGE)
        fleet = self.fleet(window=2)
        calling = fleet.save(self.path, "pdf", URL)
        line = self.router.line(self.caller)
        while not self.chunks(line.received):
            if not self.router.flush_one():
                first.chrome.flush()
                self.clock.advance(0)
        self.assertNoResult(calling)
        first.die()
        second = self.add_node(size=LARGE)
        self.assertEqual(self.result(calling, 3).size, LARGE)
        self.assertEqual(self.path.read_bytes(), b"%" * LARGE)
        self.assertEqual(second.begun, [URL])


class Chunks(RecordingCase):
    def test_a_slow_reader_holds_the_node(self):
        node = self.add_node(size=LARGE)
        stream = self.fleet().chunks("pdf", URL, window=2)
        self.assertEqual(node.begun, [])
        slow = queue(stream, 2, "pause")
        self.settle()
        self.assertLessEqual(len(self.chunks(self.router.line(self.caller).received)), 6)
        got = b""
        while len(got) < LARGE:
            got += slow.get_nowait()
            self.settle()
        self.assertEqual(got, b"%" * LARGE)
        self.settle()
        self.assertIsNotNone(stream.outcome)
        assert stream.outcome is not None
        self.assertEqual((stream.outcome.size, stream.outcome.kind), (LARGE, "application/pdf"))

    def test_a_reader_that_leaves(self):
        node = self.add_node(size=LARGE, patience=30.0)
        slow = queue(self.fleet().chunks("pdf", URL, window=2), 2, "pause")
        self.settle()
        slow.close()
        self.settle()
        self.assertEqual((node.open_pages, node.node.state()["calls"]), (0, []))

    def test_a_node_that_is_lost_when_a_part_has_come(self):
        node = self.add_node(size=LARGE)
        slow = queue(self.fleet().chunks("pdf", URL, window=2), 2, "pause")
        self.settle()
        node.die()
        self.add_node(size=LARGE)
        with self.assertRaises(NodeLost) as caught:
            for _ in range(30):
                slow.get_nowait()
                self.settle()
        self.assertIn("subscribe again", str(caught.exception))

    def test_a_node_that_is_lost_before(self):
        node = self.add_node(seconds=5.0, size=LARGE)
        got: list[bytes] = []
        self.fleet().chunks("pdf", URL).subscribe(got.append)
        self.pass_time(1)
        node.die()
        self.add_node(size=LARGE)
        self.pass_time(3)
        self.assertEqual(b"".join(got), b"%" * LARGE)

    def test_a_recording_as_a_stream(self):
        node = self.add_node()
        got: list[bytes] = []
        ends: list[Any] = []
        stream = self.fleet().chunks("record", URL, seconds=1, compression="none")
        stream.subscribe(got.append, ends.append, lambda: ends.append(None))
        self.settle()
        self.emit(node, 1, 2, 3)
        self.pass_time(2)
        self.assertEqual(ends, [None])
        self.folder.mkdir()
        self.path.write_bytes(b"".join(got))
        self.assertEqual(self.entries()[0], [1, 2, 3])
