"""A recording as an SQLite database, written through ``twisted.enterprise.adbapi`` by one thread.

The columns are documented for users, in docs/howto/record.rst.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from twisted.enterprise.adbapi import ConnectionPool
from twisted.logger import Logger

from txcdp._deferreds import returns_deferred
from txcdp.errors import MalformedMessage
from txcdp.protocol import from_json, to_json
from txcdp.recording._database import os_errors, wrong_schema
from txcdp.recording._entries import FORMAT, VERSION, Damage, Entry, NoteEntry, NoteLine, note_line, parse
from txcdp.recording._sinks import Host

log = Logger()

#: The version of the schema; 0 is an empty database.
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE recordings(id INTEGER PRIMARY KEY, began REAL NOT NULL);
CREATE TABLE entries(
    id INTEGER PRIMARY KEY, recording INTEGER NOT NULL REFERENCES recordings(id), time REAL NOT NULL,
    kind TEXT NOT NULL, session TEXT, target TEXT, name TEXT, number INTEGER, duration REAL, error TEXT,
    data TEXT NOT NULL);
CREATE INDEX entries_by_time ON entries(time);
CREATE INDEX entries_by_name ON entries(name, time);
CREATE INDEX entries_by_session ON entries(session, time);
PRAGMA user_version = 1;
"""

#: For people who query the database. They are not part of the version: nothing here reads them.
_VIEWS: Final = """
CREATE VIEW IF NOT EXISTS requests AS
WITH told AS (
    SELECT recording, session, target, name, time, data, json_extract(data, '$.requestId') AS request FROM entries
    WHERE kind = 'event' AND name IN ('Network.requestWillBeSent', 'Network.responseReceived',
                                      'Network.loadingFinished', 'Network.loadingFailed')
), grouped AS (
    SELECT recording, session, request,
        min(CASE name WHEN 'Network.requestWillBeSent' THEN time END) AS time,
        max(CASE name WHEN 'Network.requestWillBeSent' THEN json_extract(data, '$.request.method') END) AS method,
        max(CASE name WHEN 'Network.requestWillBeSent' THEN
            printf('%020.6f', time) || json_extract(data, '$.request.url') END) AS last_url,
        max(CASE name WHEN 'Network.requestWillBeSent' THEN json_extract(data, '$.type') END) AS type,
        max(CASE name WHEN 'Network.responseReceived' THEN json_extract(data, '$.response.status') END) AS status,
        max(CASE name WHEN 'Network.responseReceived' THEN json_extract(data, '$.response.mimeType') END) AS mime_type,
        max(CASE name WHEN 'Network.loadingFinished' THEN json_extract(data, '$.encodedDataLength') END) AS bytes,
        max(CASE WHEN name IN ('Network.loadingFinished', 'Network.loadingFailed') THEN time END) AS ended,
        max(CASE name WHEN 'Network.loadingFailed' THEN json_extract(data, '$.errorText') END) AS error
    FROM told GROUP BY recording, session, request
), named AS (
    SELECT *, substr(last_url, 21) AS url,
        substr(last_url, 21 + CASE instr(last_url, '://') WHEN 0 THEN 0 ELSE instr(last_url, '://') - 18 END) AS rest
    FROM grouped WHERE time IS NOT NULL
)
SELECT recording, session, request, time, method, url,
    CASE instr(rest, '/') WHEN 0 THEN rest ELSE substr(rest, 1, instr(rest, '/') - 1) END AS host,
    type, status, mime_type, bytes, ended - time AS seconds, error
FROM named;
"""
_INSERT: Final = (
    "INSERT INTO entries(recording, time, kind, session, target, name, number, duration, error, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT: Final = (
    "SELECT id, time, kind, session, target, name, number, duration, error, data FROM entries WHERE id > ? ORDER BY id"
)

#: How a virtual table is created, whose rows come from a module of SQLite.
_VIRTUAL: Final = re.compile(r"\s*CREATE\s+VIRTUAL", re.IGNORECASE)

_Row = tuple[Any, ...]


class _Line(msgspec.Struct):
    time: float
    session: str | None = None
    target: str | None = None
    method: str | None = None
    command: str | None = None
    note: str | None = None
    id: int | None = None
    reply: int | None = None
    duration: float | None = None
    error: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"null")


class SQLite:
    """Stores a recording in an SQLite database, which can be queried even while it is being written (WAL).

    A database may contain several recordings; it grows until you delete rows.

    :param path: the database; created if it is missing; only its owner can read it.
    :param durable: whether each transaction (up to five a second) is on the disk before the next one begins; if not, a
        power failure may lose the latest transactions, but leaves the database intact.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True) -> None:
        self.path = Path(path)
        self._durable = durable
        self._pool: Any = None
        self._file: tuple[int, int] | None = None  # device and inode of the database that is open
        self._recording = 0
        self._entries = 0

    def __repr__(self) -> str:
        return f"<SQLite {self.path}>"

    @returns_deferred
    async def open(self, host: Host) -> None:
        """Open the database and begin a recording in it; fails with :exc:`WrongSchema`, or another :exc:`OSError`."""
        self._host = host
        await self._open()

    async def _open(self) -> None:
        with os_errors(self.path):
            self._file = await self._host.in_thread(self._create)
        self._pool = ConnectionPool(
            "sqlite3",
            str(self.path),
            cp_reactor=self._host.clock,
            cp_min=1,
            cp_max=1,
            cp_openfun=self._opened,
            cp_noisy=False,
            check_same_thread=False,  # adbapi closes it in another thread
        )
        self._pool.start()
        now = self._host.wall()
        try:
            with os_errors(self.path):
                await self._pool.runInteraction(self._begin, now)
        except BaseException:
            self._pool.close()
            raise

    @returns_deferred
    async def write(self, lines: list[bytes]) -> None:
        """Write lines in a transaction; fails with :exc:`OSError`.

        SQLite keeps writing to a database that somebody has deleted, where nobody can ever read it. So if the path
        leads to another file, or to none, the recording continues in a new database there, with a note.
        """
        if lines:
            if await self._host.in_thread(_identity, self.path) != self._file:
                log.error(
                    "{path} was removed while it was being written; the recording continues in a new one",
                    path=self.path,
                )
                self._pool.close()
                self._entries = 0
                await self._open()
                lines = [note_line(self._host.wall(), "removed", path=str(self.path)), *lines]
            with os_errors(self.path):
                await self._pool.runInteraction(self._write, lines)
            self._entries += sum(not isinstance(line, NoteLine) for line in lines)

    def due(self) -> float | None:
        """Return None: everything that was written is committed."""
        return None

    @returns_deferred
    async def close(self, reason: str, dropped: int) -> None:
        """End the recording, and merge everything into the one file; fails with :exc:`OSError`."""
        end = note_line(self._host.wall(), "end", reason=reason, entries=self._entries, dropped=dropped)
        try:
            with os_errors(self.path):
                await self._pool.runInteraction(self._write, [end])
                await self._pool.runWithConnection(_gather)
        finally:
            self._pool.close()

    # In a thread:

    def _create(self) -> tuple[int, int] | None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            version = _version(connection)
            if version == 0 and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}{_VIEWS}COMMIT;")
            elif version != SCHEMA_VERSION:
                raise wrong_schema(self.path, f"version {version}")
        return _identity(self.path)

    def _opened(self, connection: Any) -> None:
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")

    def _begin(self, cursor: Any, now: float) -> None:
        cursor.execute("INSERT INTO recordings(began) VALUES (?)", (now,))
        self._recording = cursor.lastrowid
        about = {"format": FORMAT, "version": VERSION, "recording": str(self._recording), "file": 1}
        self._write(cursor, [note_line(now, "begin", **about, **self._host.describe())])

    def _write(self, cursor: Any, lines: list[bytes]) -> None:
        cursor.executemany(_INSERT, [(self._recording, *_columns(line)) for line in lines])


class SQLiteReader:
    """A recording in a database, even while it is being written.

    :ivar ended: whether the last recording in it has ended, as far as it has been read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = False
        self._last = 0
        self._time = 0.0
        with os_errors(path):
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            with os_errors(path):
                if (version := _version(self._connection)) != SCHEMA_VERSION:
                    raise wrong_schema(path, f"version {version}")
                if not _has_table(self._connection):
                    raise wrong_schema(path, "its entries are not a table")
                self._connection.text_factory = lambda text: text.decode("utf-8", "replace")
        except BaseException:
            self._connection.close()
            raise

    def poll(self) -> Iterator[Entry]:
        """Return the entries that have been added since the last call."""
        return map(self._parse, self.lines())

    def lines(self) -> Iterator[bytes]:
        """Return the same as lines that are not decoded yet; a line is empty if its row is invalid."""
        for number, *columns in self._rows():
            self._last = number
            try:
                line = _line(*columns)
            except (TypeError, ValueError, AttributeError, OverflowError):
                # A database keeps values of any type in any column: somebody else may have written them.
                line = b""
            yield line

    def _parse(self, line: bytes) -> Entry:
        try:
            entry = parse(line)
        except MalformedMessage as error:
            return Damage(self._time, line, str(self.path), str(error))
        self._time = entry.time
        if isinstance(entry, NoteEntry):
            self.ended = entry.kind == "end"
        return entry

    def _rows(self) -> Iterator[_Row]:
        with os_errors(self.path):
            yield from self._connection.execute(_SELECT, (self._last,))

    def finish(self) -> Iterator[Entry]:
        """Report nothing: a database is never truncated."""
        return iter(())

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another one of the same name; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _gather(connection: Any) -> None:
    """Merge everything into the one file."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _has_table(connection: sqlite3.Connection) -> bool:
    """Whether the entries are in a table of stored values: a view, or a computed column, may run forever."""
    found = connection.execute("SELECT type, sql FROM sqlite_schema WHERE name = 'entries'").fetchall()
    hidden = connection.execute("SELECT hidden FROM pragma_table_xinfo('entries')").fetchall()
    is_plain = [kind == "table" and not _VIRTUAL.match(str(sql)) for kind, sql in found]
    return is_plain == [True] and not any(each for (each,) in hidden)


def _columns(line: bytes) -> _Row:
    """Return a line as the columns of a row, with its JSON unchanged."""
    try:
        read = _read(line)
    except (msgspec.MsgspecError, UnicodeError):  # it was not read until now
        read = _leniently(line)
    if read.note is not None:
        return read.time, "note", read.session, read.target, read.note, None, None, None, _text(line.strip())
    if read.reply is not None:
        return read.time, "reply", None, None, None, read.reply, read.duration, read.error, _text(read.result)
    kind, name = ("command", read.command) if read.method is None else ("event", read.method)
    return read.time, kind, read.session, read.target, name, read.id, None, None, _text(read.params)


_read = msgspec.json.Decoder(_Line).decode


def _leniently(line: bytes) -> _Line:
    try:
        value = from_json(line)
        value["params"] = msgspec.Raw(to_json(value.get("params") or {}))
        value["result"] = msgspec.Raw(to_json(value.get("result")))
        return _Line(**{name: value[name] for name in _Line.__struct_fields__ if name in value})
    except (MalformedMessage, TypeError):
        time = float(line[len(b'{"time":') : line.find(b",")])
        return _Line(time=time, method="", params=msgspec.Raw(to_json({"unreadable": line.decode("utf-8", "replace")})))


def _text(json: bytes | msgspec.Raw) -> str:
    return bytes(json).decode("utf-8", "replace")


def _line(
    time: float, kind: str, session: Any, target: Any, name: Any, number: Any, duration: Any, error: Any, data: str
) -> bytes:
    """Return the line from which a row was made."""
    if kind == "note":
        return data.encode()
    start = b'{"time":%.6f,' % time
    if kind == "reply":
        outcome = b'"error":%b' % to_json(error) if error is not None else b'"result":%b' % data.encode()
        return start + b'"reply":%d,"duration":%b,%b}' % (number, to_json(duration), outcome)
    what = b'"method":%b' % to_json(name) if kind == "event" else b'"command":%b,"id":%d' % (to_json(name), number)
    return start + b'"session":%b,"target":%b,%b,"params":%b}' % (
        to_json(session),
        to_json(target),
        what,
        data.encode(),
    )
