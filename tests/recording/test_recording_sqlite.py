"""A recording in a database: written by adbapi in a thread of its own, and read back as from files."""

from __future__ import annotations

import errno
import functools
import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor as _reactor
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from txcdp.domains import network
from txcdp.recording import Damage, EventEntry, Filter, NoteEntry, Recorder, SQLite, read, replay
from txcdp.recording._entries import event_line, head_of, note_line
from txcdp.recording._failures import WrongSchema, is_lasting
from txcdp.recording._sinks import Host
from txcdp.recording._sqlite import SQLiteReader
from txcdp.testing import FakeChrome

reactor: Any = _reactor


class SQLiteTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "recordings" / "recording.sqlite"
        self.host = Host(reactor, deferToThread, lambda: 1e9, lambda: {"browser": "X"})

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()

    async def write(self, *lines: bytes, durable: bool = True) -> SQLite:
        sink = SQLite(self.path, durable=durable)
        await sink.open(self.host)
        await sink.write([])
        await sink.write(list(lines))
        self.assertIsNone(sink.due())
        await sink.close("stopped", 3)
        return sink

    async def open_one(self) -> SQLite:
        sink = SQLite(self.path)
        await sink.open(self.host)
        self.addCleanup(lambda: sink._pool.close() if sink._pool.running else None)
        return sink

    async def fails(self, deferred: Any, kind: type[OSError] = OSError) -> Any:
        return await self.assertFailure(deferred, kind)

    async def test_a_database_that_is_removed_while_it_is_written(self) -> None:
        logged: list[Any] = []
        observer: Any = logged.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        sink = await self.open_one()
        await sink.write([event_line(1.0, head_of(None, None), b'"method":"A.a","params":{}')])
        for way in (self.path.unlink, lambda: os.rename(self.path, self.path.with_suffix(".moved"))):
            way()
            for other in self.path.parent.glob("*-*"):  # SQLite's own, beside it
                other.unlink()
            await sink.write([event_line(2.0, head_of(None, None), b'"method":"A.b","params":{}')])
            await sink.write([event_line(3.0, head_of(None, None), b'"method":"A.c","params":{}')])
            entries = [each for each in read(self.path) if isinstance(each, EventEntry | NoteEntry)]
            names = [each.kind if isinstance(each, NoteEntry) else each.method for each in entries]
            self.assertEqual(names, ["begin", "removed", "A.b", "A.c"])
        await sink.close("stopped", 0)
        self.assertEqual(self.rows("SELECT json_extract(data, '$.entries') FROM entries WHERE name = 'end'"), [(2,)])
        self.assertEqual([each["path"].name for each in logged if "path" in each], ["recording.sqlite"] * 2)

    async def test_a_browser_is_recorded(self) -> None:
        chrome = FakeChrome(clock=reactor)
        browser = chrome.browser()
        recorder = Recorder(browser, SQLite(self.path), filter=Filter(events=["Network"]))
        await recorder.start()
        page = await browser.new_page()
        for number in range(5):
            event = network.DataReceived(request_id=str(number), timestamp=1.5, data_length=1, encoded_data_length=0)
            chrome.emit(event, page.session)
        await browser.version()
        await recorder.stop()
        await browser.close()
        self.assertEqual([each.name for each in os.scandir(self.path.parent)], ["recording.sqlite"])
        self.assertEqual(self.rows("SELECT count(*) FROM recordings"), [(1,)])
        query = "SELECT json_extract(data, '$.requestId'), session, target FROM entries WHERE kind = 'event'"
        self.assertEqual(self.rows(query), [(str(n), page.session.id, page.target_id) for n in range(5)])
        entries = list(read(self.path.parent))
        self.assertEqual([each.params["requestId"] for each in entries if isinstance(each, EventEntry)], list("01234"))
        kinds = [each.kind for each in entries if isinstance(each, NoteEntry)]
        self.assertEqual((kinds[0], kinds[-1]), ("begin", "end"))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertIn("recording.sqlite", repr(recorder))

    async def test_every_kind_of_line_comes_back_as_it_was(self) -> None:
        lines = [
            event_line(1.25, head_of("S", "T"), b'"method":"X.y","params":{"a":1.50,"b":"\\u00fc"}'),
            event_line(1.25, head_of(None, None), b'"method":"X.y","params":{}'),
            b'{"time":2.000000,"session":"S","target":"T","command":"Page.navigate","id":3,"params":{"url":"x"}}\n',
            b'{"time":3.000000,"reply":3,"duration":0.25,"result":{"frameId":"F"}}\n',
            b'{"time":3.000000,"reply":4,"duration":0.25,"error":"no"}\n',
            note_line(4.0, "detached", session="S"),
        ]
        await self.write(*lines)
        _, *found, end = list(read(self.path))
        self.assertEqual([each.line.strip() for each in found], [each.strip() for each in lines])
        assert isinstance(end, NoteEntry)
        self.assertEqual((end.data["entries"], end.data["dropped"]), (5, 3))

    async def test_what_json_does_not_allow_is_kept_as_far_as_it_goes(self) -> None:
        await self.write(
            event_line(1.0, head_of("S", "T"), b'"method":"X.y","params":{"a":"\\ud800"}'),
            event_line(2.0, head_of("S", "T"), b'"method":"X.y","params":{"a":"\xff"}'),
            durable=False,
        )
        _, first, second, _ = list(read(self.path))
        assert isinstance(first, EventEntry)
        assert isinstance(second, EventEntry)
        self.assertEqual(first.params, {"a": "\ud800"})
        self.assertEqual(second.time, 2.0)

    async def test_the_guides_queries_are_answered(self) -> None:
        head = head_of("S", "T")

        def event(at: float, method: str, params: dict[str, Any]) -> bytes:
            return event_line(at, head, json.dumps({"method": f"Network.{method}", "params": params})[1:-1].encode())

        lines = []
        hour = 3600.0 * 500_000
        for number, (host, took, status, error) in enumerate(
            [("slow.example", 3.0, 200, ""), ("quick.example:8080", 0.5, 404, ""), ("slow.example", 1.0, 0, "net::ERR")]
        ):
            at, request = hour + number * 3600, {"requestId": str(number)}
            sent = {"url": f"https://{host}/a?b=://c/d", "method": "GET"}
            lines.append(event(at, "requestWillBeSent", {**request, "request": {**sent, "url": "http://old/"}}))
            lines.append(event(at + 0.25, "requestWillBeSent", {**request, "request": sent, "type": "Fetch"}))
            if status:
                lines.append(event(at + 0.3, "responseReceived", {**request, "response": {"status": status}}))
                lines.append(event(at + took, "loadingFinished", {**request, "encodedDataLength": 5}))
            else:
                lines.append(event(at + took, "loadingFailed", {**request, "errorText": error}))
        await self.write(*lines)
        text = (Path(__file__).parents[2] / "docs" / "howto" / "record.rst").read_text(encoding="utf-8")
        block = re.search(r"slowest hosts.*?code-block:: sql\n\n(.*?)\n\nIt has indexes", text, re.DOTALL)
        assert block is not None
        slowest, rates = block[1].split(";")[:2]
        self.assertEqual(self.rows(slowest), [("slow.example", 2, 2.0, 3.0), ("quick.example:8080", 1, 0.5, 0.5)])
        self.assertEqual([each[1:] for each in self.rows(rates)], [(1, 0.0), (1, 100.0), (1, 100.0)])
        whole = self.rows("SELECT url, method, type, status, bytes, error FROM requests ORDER BY time LIMIT 1")
        self.assertEqual(whole, [("https://slow.example/a?b=://c/d", "GET", "Fetch", 200, 5, None)])

    async def test_several_recordings_in_one_database(self) -> None:
        for _ in range(2):
            await self.write(event_line(1.0, head_of("S", "T"), b'"method":"X.y","params":{}'))
        self.assertEqual(len([each for each in read(self.path) if isinstance(each, EventEntry)]), 2)
        self.assertEqual(self.rows("SELECT recording, count(*) FROM entries GROUP BY 1"), [(1, 3), (2, 3)])

    async def test_it_can_be_read_while_it_is_written(self) -> None:
        sink = SQLite(self.path)
        await sink.open(self.host)
        reader = SQLiteReader(self.path)
        self.assertEqual(len(list(reader.poll())), 1)
        await sink.write([event_line(1.0, head_of("S", "T"), b'"method":"X.y","params":{}')])
        self.assertEqual(len(list(reader.poll())), 1)
        self.assertEqual(list(reader.finish()), [])
        reader.close()
        await sink.close("stopped", 0)

    async def test_a_database_of_somebody_else(self) -> None:
        self.path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE mine(a)")
        await self.assertFailure(SQLite(self.path).open(self.host), WrongSchema)
        with self.assertRaises(WrongSchema):
            list(read(self.path))

    async def test_what_cannot_be_opened(self) -> None:
        self.path.mkdir(parents=True)
        await self.assertFailure(SQLite(self.path).open(self.host), OSError)

    async def test_what_cannot_be_begun_is_closed(self) -> None:
        def fail() -> dict[str, Any]:
            raise ValueError("a mistake")

        host = Host(reactor, deferToThread, lambda: 1e9, fail)
        await self.assertFailure(SQLite(self.path).open(host), ValueError)
        self.flushLoggedErrors(ValueError)

    async def test_what_is_no_json_at_all(self) -> None:
        await self.write(event_line(2.0, head_of("S", "T"), b'"method":"X.y","params":{nonsense}'))
        _, found, _ = list(read(self.path))
        assert isinstance(found, EventEntry)
        self.assertEqual(found.time, 2.0)
        self.assertIn("nonsense", found.params["unreadable"])

    async def test_a_file_that_is_no_database(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.write_bytes(b"SQLite format 3\0" + bytes(200))
        error = await self.fails(SQLite(self.path).open(self.host), WrongSchema)
        self.assertIn(str(self.path), str(error))
        self.assertTrue(is_lasting(error))
        with self.assertRaises(WrongSchema):
            list(read(self.path))

    async def test_a_database_that_is_broken(self) -> None:
        await self.write()
        with self.path.open("r+b") as file:
            file.seek(4096)
            file.write(bytes(8192))
        error = await self.fails(SQLite(self.path).open(self.host))
        self.assertEqual(error.errno, errno.EBADMSG)
        self.assertTrue(is_lasting(error))

    async def test_a_database_that_is_locked(self) -> None:
        sink = await self.open_one()
        quick = mock.patch("sqlite3.connect", functools.partial(sqlite3.connect, timeout=0.01))
        with quick, closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = await self.fails(SQLite(self.path).open(self.host))
            self.assertEqual((error.errno, error.filename), (errno.EBUSY, str(self.path)))
            self.assertFalse(is_lasting(error))
            other.execute("ROLLBACK")
        await sink.close("stopped", 0)

    async def test_a_disk_that_is_full(self) -> None:
        sink = await self.open_one()
        pages = "PRAGMA max_page_count"
        ((most,),) = await sink._pool.runQuery(f"{pages} = 1")
        large = event_line(1.0, head_of("S", "T"), b'"method":"X.y","params":{"a":"%b"}' % (b"x" * 100_000))
        error = await self.fails(sink.write([large]))
        self.assertEqual(error.errno, errno.ENOSPC)
        self.assertFalse(is_lasting(error))
        await sink._pool.runQuery(f"{pages} = {most + 1000}")
        await sink.write([large])
        await sink.close("stopped", 0)
        (event,) = [each for each in read(self.path) if isinstance(each, EventEntry)]
        self.assertEqual(len(event.params["a"]), 100_000)
        (*_, end) = read(self.path)
        assert isinstance(end, NoteEntry)
        self.assertEqual(end.data["entries"], 1)

    async def test_a_database_that_is_not_to_be_written_to_any_more(self) -> None:
        sink = await self.open_one()
        await sink._pool.runOperation("PRAGMA query_only = 1")
        lines = [event_line(1.0, head_of("S", "T"), b'"method":"X.y","params":{}')]
        error = await self.fails(sink.write(lines))
        self.assertEqual(error.errno, errno.EROFS)
        self.assertTrue(is_lasting(error))
        await self.fails(sink.close("failed", 0))

    async def test_an_end_that_cannot_be_written(self) -> None:
        sink = await self.open_one()
        await sink._pool.runOperation("DROP TABLE entries")
        await self.assertFailure(sink.close("stopped", 0), OSError)

    async def test_a_database_that_breaks_while_it_is_read(self) -> None:
        await self.write()
        reader = SQLiteReader(self.path)
        self.addCleanup(reader.close)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("DROP TABLE entries")
        with self.assertRaises(OSError):
            list(reader.poll())

    async def test_a_row_that_nobody_can_read(self) -> None:
        await self.write()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(
                "INSERT INTO entries(recording, time, kind, name, data) VALUES (1, 5, 'event', 'X.y', '{')"
            )
            connection.commit()
        self.assertIsInstance(list(read(self.path))[-1], Damage)

    async def test_values_of_any_type_cost_their_row_alone(self) -> None:
        await self.write()
        rows: list[tuple[Any, ...]] = [
            ("x", "event", "X.y", 1, "{}"),
            (5, "command", "X.y", "x", "{}"),
            (float("inf"), "note", None, 1, '{"time":1e999,"note":"end"}'),
            (5, "event", b"\xff", 1, b"\xff"),
            (5, "?", None, None, ""),
        ]
        before = list(read(self.path))
        with closing(sqlite3.connect(self.path)) as connection:
            for row in rows:
                connection.execute(
                    "INSERT INTO entries(recording, time, kind, name, number, data) VALUES (1, ?, ?, ?, ?, ?)", row
                )
            connection.execute(
                "INSERT INTO entries(recording, time, kind, name, data) VALUES (1, 5, 'event', 'X.y', CAST(? AS TEXT))",
                (b'{"a":"\xff"}',),
            )
            connection.commit()
        *damages, last = list(read(self.path))[len(before) :]
        self.assertEqual([type(each) for each in damages], [Damage] * len(rows))
        assert isinstance(last, EventEntry)
        self.assertEqual(last.params, {"a": "\ufffd"})
        played = replay(self.path, clock=Clock(), speed="instant")
        self.successResultOf(played.play())
        self.assertEqual(len(played.damages), len(rows))

    async def test_entries_that_never_end_are_none(self) -> None:
        columns = (
            "1 AS time, 'event' AS kind, '' AS session, '' AS target, 'X' AS name, 1 AS number, 0, '', '{}' AS data"
        )
        for schema in (
            "CREATE VIEW entries AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
            f" SELECT id, {columns} FROM n",
            "CREATE TABLE entries(id INTEGER PRIMARY KEY, time, kind, session, target, name, number, duration, error,"
            " data AS (hex(zeroblob(100000000))))",
        ):
            self.path = Path(self.mktemp())
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute(schema)
                connection.execute("PRAGMA user_version = 1")
            with self.assertRaises(WrongSchema):
                list(read(self.path))
