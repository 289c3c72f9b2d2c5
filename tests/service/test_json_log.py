"""Lines of JSON for the log."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from twisted.application.app import AppLogger
from twisted.logger import Logger, LogPublisher, globalLogBeginner
from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from txcdp.service import json_log


class JsonLinesTests(SynchronousTestCase):
    def setUp(self):
        self.out = io.StringIO()
        self.publish = LogPublisher(json_log.json_lines(self.out))
        self.log = Logger(namespace="txcdp.some.room", observer=self.publish)

    def lines(self) -> list[Any]:
        return [json.loads(each) for each in self.out.getvalue().splitlines()]

    def test_text_and_fields(self):
        self.log.warn("{who} {{not}} took {seconds:.1f} s: {what!r}\n{gone.real}", who="one", seconds=2.25, what=self)
        (line,) = self.lines()
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        self.assertEqual((line["level"], line["logger"], line["who"]), ("warn", "txcdp.some.room", "one"))
        self.assertEqual((line["seconds"], line["what"]), (2.25, str(self)))
        self.assertNotIn("not", line)

    def test_nobody_else_writes_a_line(self):
        self.log.info("{title}", title='x"\n{"level":"critical"} \ud800')
        (line,) = self.lines()
        self.assertEqual((line["level"], line["title"]), ("info", 'x"\n{"level":"critical"} \ud800'))

    def test_a_field_does_not_take_the_place_of_what_each_line_has(self):
        self.log.info("{message} {time}", message="said", time=7)
        (line,) = self.lines()
        self.assertEqual((line["message"], line["level"]), ("said 7", "info"))
        self.assertIsInstance(line["time"], str)

    def test_failures(self):
        try:
            raise OSError("no such thing")
        except OSError:
            self.log.failure("Doing {what}", what="it")
        (line,) = self.lines()
        self.assertEqual((line["level"], line["what"], line["message"]), ("critical", "it", "Doing it"))
        self.assertIn("OSError: no such thing", line["traceback"])

    def test_what_has_no_format(self):
        self.publish({"log_time": 1.0})
        self.publish({"log_time": 1.0, "log_text": "old", "log_format": "{log_text}", "log_system": "-"})
        (line,) = self.lines()
        self.assertEqual((line["message"], line["logger"], line["level"]), ("old", "-", "info"))
        self.assertNotIn("log_text", line)

    def test_as_the_logger_of_twistd(self):
        begun: list[Any] = []
        self.patch(globalLogBeginner, "beginLoggingTo", lambda observers, **_: begun.extend(observers))
        self.patch(sys, "stdout", self.out)
        AppLogger({"logger": namedAny("txcdp.service.json_log.to_stdout")}).start(None)
        (observer,) = begun
        Logger(namespace="x", observer=observer).info("there")
        self.assertEqual([each["message"] for each in self.lines()], ["there"])
