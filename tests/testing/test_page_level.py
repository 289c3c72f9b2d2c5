"""What programs of the page level are tested with: a FakeChrome whose pages evaluate, have frames and download."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.model.sequences import sequence
from txcdp import Event
from txcdp.domains import browser as browser_domain
from txcdp.domains import page as page_domain
from txcdp.domains import runtime
from txcdp.errors import ActionTimeout, CommandError, CommandTimeout, DownloadFailed, EvaluationError, NavigationError
from txcdp.page import JSError, Page
from txcdp.streams import first
from txcdp.testing import NEVER, FakeChrome, FakeHandle

URL = "https://example.com/"


def got(received: Any) -> Any:
    """Return what is surely there."""
    assert received is not None
    return received


class PageCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser()
        self.page: Page = self.chrome.run(self.browser.new_page(URL))
        self.addCleanup(lambda: self.chrome.run(self.browser.close(), seconds=60))

    def run_(self, waiting: Any, seconds: float = 0.0) -> Any:
        return self.chrome.run(waiting, seconds=seconds)


class EvaluationTests(PageCase):
    def test_a_function_of_expression_and_argument(self):
        asked: list[Any] = []

        def evaluate(expression: str, arg: Any) -> Any:
            asked.append((expression, arg))
            return [expression, arg]

        self.chrome.on_evaluate(evaluate)
        self.assertEqual(self.run_(self.page.evaluate("1 + 1")), ["1 + 1", None])
        when = datetime(2024, 1, 2, tzinfo=UTC)
        for arg in (5, -(2**70), 1.5, "text", "\x7fmark", None, True, {"a": [1, {"b": when}]}, b"\x00\xff", {"x": ()}):
            self.run_(self.page.evaluate("(a) => a", arg))
            self.assertEqual(asked[-1], ("(a) => a", {"x": []} if arg == {"x": ()} else arg))
        self.run_(self.page.evaluate("(a) => a", math.inf))
        self.assertEqual(asked[-1][1], math.inf)
        self.run_(self.page.evaluate("(a) => a", math.nan))
        self.assertTrue(math.isnan(asked[-1][1]))

    def test_values_both_ways(self):
        value: Any
        for value in (0, -1, 2**53 - 1, 2**80, -(2**80), 0.5, "", "\x7f", "t", [], {"a": {"b": [None, True]}}, b"x"):
            self.chrome.on_evaluate({"x": value})
            self.assertEqual(self.run_(self.page.evaluate("x")), value)
        self.chrome.on_evaluate({"x": -0.0})
        self.assertEqual(math.copysign(1, self.run_(self.page.evaluate("x"))), -1)
        self.chrome.on_evaluate({"x": JSError("no", "RangeError", "stack")})
        self.assertEqual(self.run_(self.page.evaluate("x")).name, "RangeError")

    def test_a_mapping(self):
        self.chrome.on_evaluate({"document.title": "Example", "(a) => a + 1": lambda arg: arg + 1, "f": lambda _: None})
        self.assertEqual(self.run_(self.page.title()), "Example")
        self.assertEqual(self.run_(self.page.evaluate("(a) => a + 1", 4)), 5)
        self.assertIsNone(self.run_(self.page.evaluate("f")))
        error = self.failureResultOf(self.sent(self.page.evaluate("unknown")), EvaluationError).value
        self.assertIn("on_evaluate", str(error))
        self.chrome.on_evaluate({"document.documentElement.outerHTML": "<html></html>"})
        self.assertEqual(self.run_(self.page.content()), "<html></html>")

    def sent(self, waiting: Deferred[Any]) -> Deferred[Any]:
        self.chrome.flush()
        return waiting

    def test_what_it_throws(self):
        def throw(error: Exception) -> Any:
            raise error

        for thrown, name, message in (
            (ValueError("bad"), "ValueError", "bad"),
            (JSError("worse", "TypeError"), "TypeError", "worse"),
            (EvaluationError("Error: x", None, "Error", "x"), "Error", "x"),
        ):
            self.chrome.on_evaluate(lambda *_, error=thrown: throw(error))
            error: Any = self.failureResultOf(self.sent(self.page.evaluate("x")), EvaluationError).value
            self.assertEqual((error.name, error.message), (name, message))

    def test_it_takes_its_time(self):
        later: Deferred[str] = Deferred()
        self.chrome.on_evaluate(lambda *_: later)
        waiting = self.sent(self.page.evaluate("x"))
        self.assertNoResult(waiting)
        later.callback("late")
        self.assertEqual(self.run_(waiting), "late")
        self.chrome.on_evaluate(lambda *_: NEVER)
        with self.assertRaises(CommandTimeout):
            self.run_(self.page.evaluate("x", timeout=3), seconds=3)

    def test_handles(self):
        asked: list[Any] = []

        def evaluate(expression: str, arg: Any) -> Any:
            asked.append(arg)
            return {"kept": 1} if expression == "made" else "done"

        self.chrome.on_evaluate(evaluate)
        handle = self.run_(self.page.evaluate_handle("made"))
        self.assertEqual(self.run_(handle.json_value()), {"kept": 1})
        self.assertEqual(self.run_(handle.evaluate("(it, arg) => 1", 5)), "done")
        given, arg = asked[-1]
        self.assertIsInstance(given, FakeHandle)
        self.assertEqual((given.value, arg), ({"kept": 1}, 5))
        self.run_(self.page.evaluate("(a) => a", {"in": [handle]}))
        self.assertEqual(asked[-1]["in"][0].value, {"kept": 1})
        self.run_(handle.dispose())

    def test_what_is_waited_for(self):
        self.chrome.on_evaluate({"globalThis.ready": 7, "never": False})
        self.assertEqual(self.run_(self.run_(self.page.wait_for_function("globalThis.ready")).json_value()), 7)
        with self.assertRaises(ActionTimeout):
            self.run_(self.page.wait_for_function("never", timeout=2), seconds=2)
        later: Deferred[int] = Deferred()
        self.chrome.on_evaluate(lambda *_: later)
        waiting = self.sent(self.page.wait_for_function("later"))
        self.assertNoResult(waiting)
        later.callback(5)
        self.assertEqual(self.run_(self.run_(waiting).json_value()), 5)

    def test_elements_are_not_there(self):
        self.chrome.on_evaluate(lambda *_: None)
        error = self.failureResultOf(self.sent(self.page.query_selector("p"))).value
        self.assertIn("no documents", str(error))

    def test_workers(self):
        started: list[Any] = []
        self.page.worker_started.subscribe(started.append)
        self.chrome.open_target("worker", URL + "w.js", opener=self.page.session)
        self.chrome.flush()
        (worker,) = started
        self.chrome.on_evaluate({"x": 3})
        self.assertEqual(self.run_(worker.evaluate("x")), 3)


class FrameTests(PageCase):
    def test_they_come_navigate_and_go(self):
        seen: list[Any] = []
        for name in ("frame_attached", "frame_navigated", "frame_detached"):
            getattr(self.page, name).subscribe(lambda frame, name=name: seen.append((name, frame.url)))
        frame_id = self.chrome.attach_frame(self.page.session, URL + "inner", "inner")
        below = self.chrome.attach_frame(self.page.session, parent_id=frame_id)
        self.chrome.flush()
        frame = self.page.frame("inner")
        assert frame is not None
        self.assertEqual((frame.url, frame.parent_frame), (URL + "inner", self.page.main_frame))
        self.assertEqual([each.url for each in frame.child_frames], ["about:blank"])
        self.run_(frame.wait_for_load_state("networkidle"))
        self.assertEqual(seen[0][0], "frame_attached")
        self.chrome.go(self.page.session, URL + "other", frame_id)
        self.chrome.flush()
        self.assertEqual((frame.url, frame.child_frames), (URL + "other", []))
        with self.assertRaises(AssertionError):
            self.chrome.detach_frame(below)
        self.run_(frame.goto(URL + "third"))
        self.assertEqual(frame.url, URL + "third")
        waiting = frame.wait_for_url("**/never")
        self.chrome.detach_frame(frame_id)
        self.chrome.flush()
        self.failureResultOf(waiting, NavigationError)
        self.assertEqual((frame.is_detached(), self.page.frames), (True, [self.page.main_frame]))
        self.assertEqual(seen[-1], ("frame_detached", URL + "third"))

    def test_who_comes_later_finds_them(self):
        self.chrome.attach_frame(self.page.session, URL + "inner", "inner")
        self.chrome.flush()
        other = self.chrome.browser()
        (found,) = self.run_(other.attach_pages())
        self.chrome.flush()
        self.assertEqual([each.name for each in found.frames], ["", "inner"])
        self.run_(other.close(), seconds=60)

    def test_a_page_goes_by_itself(self):
        self.chrome.attach_frame(self.page.session, URL + "inner")
        self.chrome.flush()
        waiting = self.page.wait_for_url("**/elsewhere")
        self.chrome.go(self.page.session, URL + "elsewhere")
        self.run_(waiting)
        self.assertEqual((self.page.url, len(self.page.frames)), (URL + "elsewhere", 1))

    def test_evaluation_in_a_frame(self):
        self.chrome.on_evaluate(lambda *_: got(self.chrome.current).command.context_id)
        frame_id = self.chrome.attach_frame(self.page.session, URL + "inner")
        self.chrome.flush()
        frame = self.page.frames[1]
        number = self.run_(frame.evaluate("x"))
        self.chrome.go(self.page.session, URL + "other", frame_id)
        self.chrome.flush()
        self.assertGreater(self.run_(frame.evaluate("x")), number)

    def test_as_chromium_was_recorded_to_tell_it(self):
        """The frame of the recording that a script has added and sent somewhere, and what a removed one has."""
        said: list[str] = []

        def note(record: Event) -> None:
            name = getattr(record, "name", "")
            if not isinstance(record, page_domain.LifecycleEvent):
                said.append(record.method)
            elif name not in QUIET:
                said.append(f"{record.method} {name}")

        session = self.page.session
        self.run_(session.execute(runtime.enable()))
        for kind in (*vars(page_domain).values(), *vars(runtime).values()):
            if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event:
                session.events(kind).subscribe(note)
        self.chrome.flush()
        said.clear()
        frame_id = self.chrome.attach_frame(session)
        self.chrome.flush()
        self.chrome.go(session, URL + "a", frame_id)
        self.chrome.flush()
        self.assertEqual(said, recorded_of_a_frame("empty_frames", -1))


#: They come when the network is quiet, and when something is drawn, be it before or behind what happens next.
QUIET = {"networkAlmostIdle", "networkIdle", "firstMeaningfulPaintCandidate", "firstContentfulPaint", "firstPaint"}
QUIET |= {"firstMeaningfulPaint"}


def recorded_of_a_frame(name: str, which: int) -> list[str]:
    """Return what was recorded of one of a page's frames."""
    inputs = [each.record for each in sequence(name)]
    attached = [each for each in inputs if isinstance(each, page_domain.FrameAttached)]
    frame_id = attached[which].frame_id
    found: list[str] = []
    contexts: set[int] = set()
    for each in inputs:
        if isinstance(each, runtime.ExecutionContextCreated):
            if (each.context.aux_data or {}).get("frameId") != frame_id:
                continue
            contexts.add(each.context.id)
        elif isinstance(each, runtime.ExecutionContextDestroyed):
            if each.execution_context_id not in contexts:
                continue
        elif isinstance(each, page_domain.FrameNavigated):
            if each.frame.id != frame_id:
                continue
        elif getattr(each, "frame_id", "") != frame_id or not isinstance(each, Event):
            continue
        if isinstance(each, page_domain.LifecycleEvent):
            if each.name not in QUIET:
                found.append(f"{each.method} {each.name}")
        elif each.method.startswith(("Page.", "Runtime.")):
            found.append(each.method)
    return found


class SayingTests(PageCase):
    def test_the_console(self):
        seen: list[Any] = []
        self.page.console.subscribe(seen.append)
        self.chrome.flush()
        self.chrome.on_evaluate(lambda *_: None)
        self.chrome.log(self.page.session, "four is", 4, None, {"a": 1}, type="warning")
        self.chrome.flush()
        (message,) = seen
        self.assertEqual((message.type, message.text.split(" ")[:3]), ("warning", ["four", "is", "4"]))
        self.assertEqual(self.run_(message.args[3].json_value()), {"a": 1})

    def test_errors(self):
        seen: list[Any] = []
        self.page.page_errors.subscribe(seen.append)
        self.chrome.flush()
        self.chrome.throw(self.page.session, "no", "RangeError")
        self.chrome.flush()
        self.assertEqual([(each.name, each.message) for each in seen], [("RangeError", "no")])

    def test_file_choosers(self):
        self.chrome.open_file_chooser(self.page.session)  # nobody intercepts it
        self.chrome.on_evaluate(lambda *_: None)
        async_answer: Deferred[Any] = first(self.page.file_choosers)
        self.chrome.flush()
        self.chrome.open_file_chooser(self.page.session, multiple=True)
        chooser = self.run_(async_answer)
        self.assertTrue(chooser.is_multiple())
        files = [{"name": name, "mimeType": "text/plain", "buffer": b"content"} for name in ("a", "b")]
        self.run_(chooser.set_files(files))
        self.assertEqual(self.chrome.files_chosen, [files])

    def test_file_choosers_need_no_script(self):
        waiting = first(self.page.file_choosers)
        self.chrome.flush()
        self.chrome.open_file_chooser(self.page.session)
        files = [{"name": "a", "mimeType": "text/plain", "buffer": b"content"}]
        self.run_(self.run_(waiting).set_files(files))
        self.assertEqual(self.chrome.files_chosen, [files])
        # Nor does what a test has set decide what the input accepts.
        waiting = first(self.page.file_choosers)
        self.chrome.on_evaluate(lambda *_: True)
        self.chrome.flush()
        self.chrome.open_file_chooser(self.page.session)
        self.run_(self.run_(waiting).set_files(files))
        self.assertEqual(self.chrome.files_chosen, [files, files])

    def test_what_there_is_not(self):
        session = self.page.session
        for wrong in (
            lambda: self.chrome.go(session, URL, "F"),
            lambda: self.chrome.attach_frame(session, URL, parent_id="F"),
            lambda: self.chrome.detach_frame("F"),
            lambda: self.chrome.download(session, URL, "f", frame_id="F"),
        ):
            self.assertIn("no frame F", str(self.assertRaises(AssertionError, wrong)))
        self.assertIn("no download D", str(self.assertRaises(AssertionError, self.chrome.end_download, "D")))
        cancelling = self.browser.session.execute(browser_domain.cancel_download(guid="D"))
        with self.assertRaisesRegex(CommandError, "No download item"):
            self.run_(cancelling)
        evaluation: Any = 5
        self.assertRaises(TypeError, self.chrome.on_evaluate, evaluation)
        self.chrome.go(session, URL + "main", self.page.main_frame_id)
        self.chrome.flush()
        self.assertEqual(self.page.url, URL + "main")


class DownloadTests(PageCase):
    def started(self, **options: Any) -> Any:
        waiting = first(self.page.downloads)
        self.chrome.flush()
        self.guid = self.chrome.download(self.page.session, URL + "f", "f.txt", b"content", **options)
        return self.run_(waiting)

    def test_one_to_its_end(self):
        download = self.started()
        self.assertEqual((download.url, download.suggested_filename, download.page), (URL + "f", "f.txt", self.page))
        path = self.run_(download.path())
        self.assertEqual(path.read_bytes(), b"content")
        target = Path(self.mktemp()) / "saved"
        self.run_(download.save_as(target))
        self.assertEqual(target.read_bytes(), b"content")
        self.run_(self.browser.close(), seconds=60)
        self.assertFalse(path.parent.exists())

    def test_one_that_goes_on(self):
        download = self.started(end=False)
        seen: list[Any] = []
        download.progress.subscribe(lambda progress: seen.append(progress.received_bytes), seen.append)
        waiting = download.failure()
        self.chrome.flush()
        self.assertNoResult(waiting)
        self.chrome.end_download(self.guid)
        self.assertIsNone(self.run_(waiting))
        self.assertEqual(seen[-1], 7)
        self.chrome.end_download(self.guid)  # it has

    def test_one_that_is_cancelled_or_breaks_off(self):
        download = self.started(end=False)
        self.run_(download.cancel())
        self.failureResultOf(download.path(), DownloadFailed)
        download = self.started(end=False)
        self.chrome.end_download(self.guid, whole=False)
        self.assertEqual(self.run_(download.failure()), "canceled")

    def test_nobody_listens(self):
        done = self.started()
        path = self.run_(done.path())
        before = set(path.parent.iterdir())
        self.chrome.download(self.page.session, URL + "g", "g.txt", b"content", end=False)
        self.chrome.flush()
        self.assertEqual(len(self.chrome.received(browser_domain.cancel_download)), 1)
        # One that is whole before it can be cancelled leaves nothing, either.
        self.chrome.download(self.page.session, URL + "g", "g.txt", b"content")
        self.chrome.flush()
        self.assertEqual(set(path.parent.iterdir()), before)

    def test_nobody_has_asked_for_any(self):
        self.chrome.download(self.page.session, URL + "f", "f.txt", b"content")
        self.chrome.flush()
        self.assertEqual(self.chrome.received(browser_domain.set_download_behavior), [])

    def test_a_context_that_wants_none(self):
        context = self.run_(self.browser.new_context(accept_downloads=False))
        self.page = self.run_(context.new_page(URL))
        self.assertIn("accept_downloads", self.run_(self.started().failure()))

    def test_the_line_is_lost(self):
        from txcdp import ReconnectPolicy

        self.browser = self.chrome.browser(ReconnectPolicy(initial_delay=0.1, jitter=lambda: 0.0))
        self.page = self.run_(self.browser.new_page(URL))
        download = self.started(end=False)
        self.chrome.lose("the network is down", code=None)
        self.chrome.advance(1)
        self.assertIn("lost", self.run_(download.failure()))
        download = self.started()
        self.assertEqual(self.run_(download.path()).read_bytes(), b"content")

    def test_as_chromium_was_recorded_to_tell_it(self):
        kinds = (
            *(page_domain.DownloadWillBegin, page_domain.DownloadProgress),
            *(browser_domain.DownloadWillBegin, browser_domain.DownloadProgress),
        )
        recorded = [each.record for each in sequence("download") if isinstance(each.record, kinds)]
        said: list[Any] = []
        root = self.browser.session
        kind: Any
        for kind, session in zip(kinds, (self.page.session, self.page.session, root, root), strict=True):
            session.events(kind).subscribe(said.append)
        self.run_(root.execute(browser_domain.set_download_behavior(behavior="deny", events_enabled=True)))
        self.chrome.download(self.page.session, URL + "f", "file.bin", b"x" * 3000)
        self.chrome.flush()
        shown = lambda record: (record.method, getattr(record, "state", ""), getattr(record, "total_bytes", 0))  # noqa: E731
        self.assertEqual(sorted(map(shown, said)), sorted(map(shown, recorded)))
        self.assertEqual(
            [shown(each) for each in said if isinstance(each, kinds[:2])],
            [shown(each) for each in recorded if isinstance(each, kinds[:2])],
        )
