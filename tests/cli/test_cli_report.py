"""``txcdp report``: what is meant by its arguments, and what it says of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.report.test_report_files import HAR, RECORDING, lines
from tests.report.test_report_page import data_of
from txcdp.cli._arguments import parser
from txcdp.cli._output import Output
from txcdp.cli._report import ReportOptions, _source_of, report
from txcdp.cli._running import Misuse


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.har = self.folder / "page.har"
        self.har.write_text(json.dumps(HAR, indent=2))
        self.recording = self.folder / "recording.jsonl"
        self.recording.write_bytes(lines(RECORDING))
        self.path = self.folder / "report.html"
        self.printed = io.StringIO()

    def started(self, *sources: Path | str, **options: Any) -> Deferred[int]:
        wanted = ReportOptions([str(each) for each in sources], self.path, **options)
        return Deferred.fromCoroutine(report(Clock(), wanted, _Printed(self.printed)))

    def report(self, *sources: Path | str, **options: Any) -> int:
        return self.successResultOf(self.started(*sources, **options))

    def test_files_are_told_apart_by_what_is_in_them(self) -> None:
        for path, source in ((self.har, "HAR"), (self.recording, "recording"), (self.folder, "recording")):
            self.assertEqual(self.report(path), 0)
            self.assertEqual(data_of(self.path.read_text("utf-8"))["runs"][0]["source"], source)
            self.path.unlink()
        self.assertIn("report.html: 1 request, ", self.printed.getvalue())

    def test_two_are_side_by_side(self) -> None:
        self.assertEqual(self.report(self.har, self.recording), 0)
        self.assertEqual(len(data_of(self.path.read_text("utf-8"))["runs"]), 2)

    def test_secrets_and_bodies_are_there_as_asked_for(self) -> None:
        self.report(self.har)
        self.assertNotIn("s3cr3t", self.path.read_text("utf-8"))
        self.report(self.har, secrets=True, bodies=False)
        page = self.path.read_text("utf-8")
        self.assertIn("s3cr3t", page)
        self.assertNotIn("Hello", page)

    def test_what_cannot_be_meant_is_misuse(self) -> None:
        broken = self.folder / "broken.har"
        broken.write_text('{"log": 5}')
        for sources, words in (
            ((self.har, self.har, self.har), "one, or two"),
            ((broken,), "no log with entries"),
            (("./nothing.har",), "no such file"),
        ):
            failed = self.failureResultOf(self.started(*sources), Misuse)
            self.assertIn(words, str(failed.value))
            self.assertFalse(self.path.exists())

    def test_a_page_on_the_disk_is_a_page(self) -> None:
        page = self.folder / "index.html"
        page.write_text("<!doctype html>hello")
        self.assertEqual(_source_of(str(page)), page.resolve().as_uri())
        self.assertEqual(_source_of("example.com"), "https://example.com")
        self.assertEqual(_source_of(str(self.har)), self.har)


class _Printed(Output):
    """An output that keeps what is printed.

    :param text: where.
    """

    def __init__(self, text: io.StringIO) -> None:
        super().__init__(None)
        self._text = text

    def print(self, text: str = "") -> None:
        self._text.write(text + "\n")


def test_the_arguments_are_those_of_the_other_commands() -> None:
    options = parser().parse_args(["report", "a.har", "b.har", "-o", "report.html", "--secrets", "--until", "5"])
    assert options.sources == ["a.har", "b.har"]
    assert (options.bodies, options.secrets, options.until) == ("embed", True, 5.0)
    with pytest.raises(SystemExit):
        parser().parse_args(["report", "a.har"])
