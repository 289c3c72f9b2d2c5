"""A recording on a disk: rotation, synchronising, torn files, and the reading of all of it."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock, skipIf

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from txcdp import recording
from txcdp.errors import MalformedMessage, QueueOverflow
from txcdp.recording import (
    CommandEntry,
    Damage,
    Entry,
    EventEntry,
    JsonLines,
    MissingLibrary,
    NoteEntry,
    ReplyEntry,
    read,
)
from txcdp.recording import _compression as compression
from txcdp.recording import _files as files
from txcdp.recording import _reading as reading
from txcdp.recording._buffer import Buffer
from txcdp.recording._compression import Compression, Decoder, codec, codec_of
from txcdp.recording._entries import event_line, head_of, note_line, parse
from txcdp.recording._reading import LinesReader, in_order, is_har
from txcdp.recording._secrets import masked
from txcdp.recording._sinks import PACE, Host

ALL: tuple[Compression, ...] = ("none", "gzip", "zstd")
HEAD = head_of("S", "T")


def line(number: int, size: int = 0) -> bytes:
    body = b'"method":"X.y","params":{"number":%d,"text":"%b"}' % (
        number,
        random.Random(number).randbytes(size).hex().encode(),
    )
    return event_line(1e9 + number, HEAD, body)


def numbers(entries: Iterator[Entry] | list[Entry]) -> list[int]:
    return [each.params["number"] for each in entries if isinstance(each, EventEntry)]


def times_open(path: Path) -> int:
    """Return how often this process has a file open."""
    found = 0
    for fd in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # the one by which they were listed has gone
            found += os.path.samestat(os.fstat(int(fd)), path.stat())
    return found


def kinds(entries: list[Entry]) -> list[str]:
    return [each.kind if isinstance(each, NoteEntry) else type(each).__name__ for each in entries]


class EntryTests(SynchronousTestCase):
    def test_each_kind_is_read(self) -> None:
        event = parse(line(7))
        assert isinstance(event, EventEntry)
        self.assertEqual((event.time, event.session, event.target, event.method), (1e9 + 7, "S", "T", "X.y"))
        self.assertEqual(event.params["number"], 7)
        command = parse(
            b'{"time":1.5,"session":null,"target":null,"command":"Page.navigate","id":3,"params":{"url":"x"}}'
        )
        assert isinstance(command, CommandEntry)
        self.assertEqual(
            (command.method, command.id, command.params, command.session), ("Page.navigate", 3, {"url": "x"}, None)
        )
        reply = parse(b'{"time":1.5,"reply":3,"duration":0.25,"error":"no"}')
        assert isinstance(reply, ReplyEntry)
        self.assertEqual((reply.id, reply.duration, reply.result, reply.error), (3, 0.25, None, "no"))
        note = parse(note_line(2.0, "detached", session="S"))
        assert isinstance(note, NoteEntry)
        self.assertEqual((note.kind, note.data["session"]), ("detached", "S"))

    def test_what_is_none_is_refused(self) -> None:
        for each in (
            b"",
            b"[]",
            b"7",
            b"{}",
            b'{"time":"x","method":"X.y"}',
            b'{"time":1}',
            b'{"time":1,"command":"x"}',
        ):
            with self.assertRaises(MalformedMessage):
                parse(each)

    def test_an_event_without_parameters(self) -> None:
        event = parse(b'{"time":1,"method":"X.y","params":7}')
        assert isinstance(event, EventEntry)
        self.assertEqual(event.params, {})

    def test_a_line_is_one_line(self) -> None:
        made = event_line(1.0, HEAD, b'"method":"X.y",\n"params":{\n"a": "b\\nc"}')
        self.assertEqual(made.count(b"\n"), 1)
        entry = parse(made)
        assert isinstance(entry, EventEntry)
        self.assertEqual(entry.params, {"a": "b\nc"})

    @given(st.floats(0, 4e9), st.text(), st.dictionaries(st.text(), st.text()))
    def test_notes_survive(self, time: float, text: str, data: dict[str, str]) -> None:
        entry = parse(note_line(time, "attached", url=text, more=data))
        assert isinstance(entry, NoteEntry)
        self.assertEqual((entry.data["url"], entry.data["more"]), (text, data))
        self.assertAlmostEqual(entry.time, time, places=5)


class PackageTests(SynchronousTestCase):
    def test_its_names(self) -> None:
        for name in recording.__all__:
            self.assertTrue(hasattr(recording, name), name)
        with self.assertRaises(AttributeError):
            _ = recording.Nonsense


class SecretTests(SynchronousTestCase):
    def test_cookies_and_headers_anywhere(self) -> None:
        value = {
            "headers": {"Set-Cookie": "s3cret", "proxy-authorization": "s3cret", "accept": "x"},
            "headersText": "GET / s3cret",
            "associatedCookies": [{"cookie": {"name": "sid", "value": "s3cret"}, "blockedReasons": ["x"]}],
            "blockedCookies": [{"cookieLine": "sid=s3cret"}],
            "cookies": [{"name": "sid", "value": "s3cret"}],
            "list": [{"name": "authorization", "value": "s3cret"}, {"name": "plain", "value": "seen"}],
            "cookiePartition": 7,
        }
        told = repr(masked(value))
        self.assertNotIn("s3cret", told)
        for each in ("seen", "accept", "sid", "blockedReasons"):
            self.assertIn(each, told)


class BufferTests(SynchronousTestCase):
    def test_one_batch_after_the_other(self) -> None:
        buffer = Buffer(10_000, "drop_newest", lambda: 0.0)
        for number in range(10):
            buffer.put(line(number))
        size = len(line(1))
        self.assertEqual(len(buffer.take(3 * size)), 3)
        self.assertEqual(buffer.size, 7 * size)
        self.assertEqual(len(buffer), 7)
        self.assertEqual(len(buffer.take(1)), 1)
        self.assertEqual(len(buffer.take(1_000_000)), 6)
        self.assertEqual(buffer.take(100), [])
        self.assertEqual(buffer.size, 0)

    def test_a_line_that_never_fits(self) -> None:
        for policy in ("drop_newest", "drop_oldest", "pause"):
            buffer = Buffer(50, policy, lambda: 5.0)
            buffer.put(line(1))
            self.assertTrue(buffer.missing or policy == "pause")
            taken = buffer.take(1000)
            self.assertFalse(buffer.missing)
            self.assertEqual(len(taken), 1)
        with self.assertRaises(ValueError):
            Buffer(0, "pause", lambda: 0.0)
        buffer = Buffer(50, "error", lambda: 0.0)
        with self.assertRaises(QueueOverflow):
            buffer.put(line(1))

    @given(
        st.sampled_from(["drop_newest", "drop_oldest", "pause"]),
        st.lists(st.one_of(st.just("note"), st.just("take"), st.just("event")), max_size=200),
    )
    def test_every_event_is_there_or_counted(self, policy: Any, steps: list[str]) -> None:
        held: list[bool] = []
        buffer = Buffer(600, policy, lambda: 1.0, lambda: held.append(True), held.clear)
        taken: list[bytes] = []
        events = notes = 0
        for step in [*steps, "take", "all"]:
            if step == "event":
                buffer.put(line(events))
                events += 1
            elif step == "note":
                buffer.put(note_line(1.0, "attached"))
                notes += 1
            else:
                taken += buffer.take(200 if step == "take" else 1_000_000)
        entries = [parse(each) for each in taken]
        told = sum(each.data["count"] for each in entries if isinstance(each, NoteEntry) and each.kind == "dropped")
        there = numbers(entries)
        self.assertEqual(len(there) + told, events)
        self.assertEqual(told, buffer.dropped)
        self.assertEqual(there, sorted(there))
        self.assertEqual(kinds(entries).count("attached"), notes)
        self.assertEqual((buffer.size, len(buffer), held), (0, 0, []))


class CompressionTests(SynchronousTestCase):
    def test_a_file_is_told_by_its_beginning(self) -> None:
        for each in ALL:
            made = codec(each)
            self.assertEqual(codec_of(made.encode(b'{"a":1}\n')[:4]).suffix, made.suffix)

    def test_wrong_name(self) -> None:
        with self.assertRaises(ValueError):
            codec("lzma")  # type: ignore[arg-type]

    def test_a_library_that_is_missing_is_named(self) -> None:
        absent = {"backports": None, "compression": None, "backports.zstd": None}
        with mock.patch.dict(sys.modules, absent), self.assertRaises(MissingLibrary) as caught:
            codec("zstd")
        self.assertIn("txcdp[zstd]", str(caught.exception))

    def test_other_programs_read_it(self) -> None:
        made = codec("gzip")
        data = made.encode(b"one\n") + made.encode(b"two\n")
        self.assertEqual(gzip.decompress(data), b"one\ntwo\n")

    @settings(max_examples=50, deadline=None)
    @given(st.sampled_from(ALL), st.integers(1, 40), st.randoms(use_true_random=False))
    def test_any_parts_decode_to_the_same(self, kind: Compression, pieces: int, chance: random.Random) -> None:
        lines = [b"{%d}\n" % number for number in range(pieces)]
        data = b"".join(codec(kind).encode(each) for each in lines)
        decoder, out = Decoder(), b""
        while data:
            size = chance.randint(1, 30)
            out += decoder.feed(data[:size])
            data = data[size:]
        self.assertEqual(out, b"".join(lines))
        self.assertFalse(decoder.torn)

    def test_what_is_small_and_becomes_large_comes_in_pieces(self) -> None:
        for kind in ("gzip", "zstd"):
            lines = bytes(5 << 20) + b"\n"
            data = codec(kind).encode(lines) + codec(kind).encode(b"end\n")
            self.assertLess(len(data), 10_000)
            decoder = Decoder()
            pieces = list(decoder.pieces(data))
            self.assertEqual(b"".join(pieces), lines + b"end\n")
            self.assertLessEqual(max(map(len, pieces)), 1 << 20)
            self.assertFalse(decoder.torn)

    def test_a_broken_piece_keeps_those_before(self) -> None:
        for kind in ("gzip", "zstd"):
            encode = codec(kind).encode
            good = encode(b"one\n")
            decoder = Decoder()
            self.assertEqual(decoder.feed(good + bytes(100)), b"one\n")
            self.assertTrue(decoder.torn)
            self.assertIsNotNone(decoder.error)
            self.assertEqual(decoder.whole, len(good))
            self.assertEqual(decoder.feed(good), b"")


class FilesCase(SynchronousTestCase):
    compression: Compression = "none"

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.clock = Clock()
        self.host = Host(self.clock, maybeDeferred, lambda: 1e9 + self.clock.seconds(), lambda: {"browser": "X"})
        self.synced: list[int] = []
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            if os.fstat(descriptor).st_mode & 0o100000:
                self.synced.append(os.fstat(descriptor).st_size)

        patching = mock.patch.object(os, "fsync", fsync)
        patching.start()
        self.addCleanup(patching.stop)

    def sink(self, **options: Any) -> JsonLines:
        options.setdefault("compression", self.compression)
        sink = JsonLines(self.folder, **options)
        self.successResultOf(sink.open(self.host))
        return sink

    def write(self, sink: JsonLines, *lines: bytes) -> None:
        self.successResultOf(sink.write(list(lines)))

    def close(self, sink: JsonLines) -> None:
        self.successResultOf(sink.close("stopped", 0))

    def abandon(self, sink: JsonLines) -> Path:
        """Let a writer die, and return what it leaves behind."""
        assert sink._file is not None
        sink._file.abandon()
        (path,) = self.folder.glob("*.partial")
        return path

    def names(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())


class RemovedTests(FilesCase):
    @skipIf(sys.platform == "win32", "a file that is open cannot be removed there")
    def test_it_goes_on_in_a_new_file(self) -> None:
        sink = self.sink()
        self.write(sink, line(1))
        with capturedLogs() as logged:
            for path in self.folder.iterdir():
                path.unlink()
            self.write(sink, line(2))
            self.write(sink, line(3))
        self.close(sink)
        entries = list(read(self.folder))
        self.assertEqual(kinds(entries), ["begin", "removed", "EventEntry", "EventEntry", "end"])
        self.assertEqual(numbers(entries), [2, 3])
        note = entries[1]
        assert isinstance(note, NoteEntry)
        self.assertEqual([each["path"].name for each in logged], [Path(note.data["path"]).name])

    def test_one_that_has_another_name_is_gone_on_with(self) -> None:
        """As a program that rotates logs does."""
        sink = self.sink()
        (partial,) = self.folder.iterdir()
        os.rename(partial, self.folder / "moved.jsonl")
        self.write(sink, line(1))
        self.close(sink)
        self.assertEqual(numbers(list(read(self.folder / "moved.jsonl"))), [1])


class RotationTests(FilesCase):
    def test_by_size(self) -> None:
        sink = self.sink(rotate_size=1000)
        for number in range(20):
            self.write(sink, line(number, 50))
        self.close(sink)
        self.assertGreater(len(self.names()), 2)
        self.assertTrue(all(each.endswith(".jsonl") for each in self.names()), self.names())
        entries = list(read(self.folder))
        self.assertEqual(numbers(entries), list(range(20)))
        notes = [each for each in entries if isinstance(each, NoteEntry)]
        begins = [each.data for each in notes if each.kind == "begin"]
        self.assertEqual([each["file"] for each in begins], list(range(1, sink.files + 1)))
        self.assertEqual(len({each["recording"] for each in begins}), 1)
        self.assertEqual(begins[0]["browser"], "X")
        ends = [each.data for each in notes if each.kind == "end"]
        self.assertEqual([each["reason"] for each in ends], ["rotated"] * (sink.files - 1) + ["stopped"])
        self.assertEqual(sum(each["entries"] for each in ends), 20)

    def test_by_age_but_not_where_nothing_happens(self) -> None:
        sink = self.sink(rotate_age=60, sync="never")
        self.assertIsNone(sink.due())
        self.clock.advance(100)
        self.write(sink)
        self.assertEqual(sink.files, 1)
        self.write(sink, line(1))
        self.assertEqual(sink.files, 1)
        self.assertEqual(sink.due(), 0.0)
        self.write(sink)
        self.assertEqual(sink.files, 2)
        self.write(sink, line(2))
        self.assertEqual(sink.due(), 60.0)
        self.close(sink)
        self.assertEqual(numbers(read(self.folder)), [1, 2])

    def test_wrong_options(self) -> None:
        for options in (
            {"name": "a/b"},
            {"name": ""},
            {"sync": "sometimes"},
            {"sync": 0},
            {"rotate_size": -1},
            {"rotate_age": 0.0},
            {"compression": "rar"},
        ):
            with self.assertRaises(ValueError):
                JsonLines(self.folder, **options)

    def test_a_rotation_that_fails_is_done_later(self) -> None:
        sink = self.sink(rotate_size=100)
        self.write(sink, line(1))
        with mock.patch.object(os, "open", side_effect=OSError(errno.ENOSPC, "full")):
            self.failureResultOf(sink.write([line(2)]), OSError)
        self.write(sink, line(2))
        self.close(sink)
        self.assertEqual(numbers(read(self.folder)), [1, 2])
        self.assertNotIn("Damage", kinds(list(read(self.folder))))

    def test_a_renaming_that_fails_is_done_later(self) -> None:
        sink = self.sink(rotate_size=100)
        self.write(sink, line(1))
        with mock.patch.object(os, "rename", side_effect=OSError(errno.EIO, "no")):
            self.failureResultOf(sink.write([line(2)]), OSError)
        self.write(sink, line(2))
        self.close(sink)
        entries = list(read(self.folder))
        self.assertEqual(numbers(entries), [1, 2])
        self.assertEqual(kinds(entries).count("end"), 2)

    def test_a_file_that_cannot_be_begun_leaves_nothing(self) -> None:
        sink = JsonLines(self.folder)
        with mock.patch.object(os, "write", side_effect=OSError(errno.ENOSPC, "full")):
            self.failureResultOf(sink.open(self.host), OSError)
        self.assertEqual(self.names(), [])
        with mock.patch.object(os, "rename", side_effect=OSError(errno.EIO, "no")):
            self.failureResultOf(JsonLines(self.folder).open(self.host), OSError)
        self.assertEqual(self.names(), [])

    def test_a_next_file_that_cannot_be_begun_is_begun_later(self) -> None:
        sink = self.sink(rotate_size=100)
        self.write(sink, line(1))
        real = os.rename

        def rename(old: Path, new: Path) -> None:
            if old.name.endswith(".newborn"):
                raise OSError(errno.ENOSPC, "full")
            real(old, new)

        with mock.patch.object(os, "rename", rename):
            self.failureResultOf(sink.write([line(2)]), OSError)
        self.write(sink, line(2))
        self.close(sink)
        self.assertEqual(numbers(read(self.folder)), [1, 2])
        self.assertEqual(len(self.names()), 2)

    def test_an_end_that_cannot_be_written_is_left_to_the_next_one(self) -> None:
        sink = self.sink()
        self.write(sink, line(1))
        with mock.patch.object(os, "write", side_effect=OSError(errno.ENOSPC, "full")):
            self.failureResultOf(sink.close("stopped", 0), OSError)
        other = self.sink()
        self.assertEqual(len(other.recovered), 1)
        self.assertEqual(numbers(read(*other.recovered)), [1])
        self.close(other)

    def test_a_clock_that_is_set_back_stops_nothing(self) -> None:
        self.clock.advance(1000)
        sink = self.sink(sync=1.0)
        self.clock.rightNow -= 500
        self.write(sink, line(1))
        self.assertEqual(len(self.synced), 1)
        self.close(sink)


class SyncTests(FilesCase):
    def test_every_second(self) -> None:
        sink = self.sink(sync=1.0)
        for number in range(50):
            self.clock.advance(PACE)
            self.write(sink, line(number))
        self.assertIn(len(self.synced), range(10, 14))
        self.close(sink)

    def test_what_was_written_last_is_due(self) -> None:
        sink = self.sink(sync=1.0)
        self.assertIsNone(sink.due())
        self.write(sink, line(1))
        due = sink.due()
        assert due is not None
        self.assertLessEqual(due, 1.0)
        self.clock.advance(due)
        self.write(sink)
        self.assertEqual(len(self.synced), 1)
        self.assertIsNone(sink.due())
        self.write(sink)
        self.assertEqual(len(self.synced), 1)
        self.close(sink)

    def test_always(self) -> None:
        sink = self.sink(sync="always")
        for number in range(5):
            self.write(sink, line(number))
        self.assertEqual(len(self.synced), 5)
        self.assertIsNone(sink.due())
        self.close(sink)

    def test_never(self) -> None:
        sink = self.sink(sync="never")
        self.clock.advance(100)
        self.write(sink, line(1))
        self.assertIsNone(sink.due())
        self.close(sink)
        self.assertEqual(self.synced, [])

    def test_what_was_written_is_not_written_again_when_synchronising_fails(self) -> None:
        sink = self.sink(sync="always")
        with mock.patch.object(os, "fsync", side_effect=OSError(errno.EIO, "no")):
            self.write(sink, line(1))
        self.assertEqual(sink.due(), None)
        self.write(sink, line(2))
        self.close(sink)
        self.assertEqual(numbers(read(self.folder)), [1, 2])

    def test_a_full_disk_tears_no_line(self) -> None:
        sink = self.sink()
        self.write(sink, line(1))
        real, calls = os.write, 0

        def full(descriptor: int, data: bytes) -> int:
            nonlocal calls
            calls += 1
            if calls == 1:
                return real(descriptor, bytes(data)[:7])
            raise OSError(errno.ENOSPC, "full")

        with mock.patch.object(os, "write", full):
            self.failureResultOf(sink.write([line(2)]), OSError)
        self.write(sink, line(2))
        self.close(sink)
        entries = list(read(self.folder))
        self.assertEqual(numbers(entries), [1, 2])
        self.assertEqual(kinds(entries), ["begin", "EventEntry", "EventEntry", "end"])


class RecoveryTests(FilesCase):
    def torn(self, cut: int = 0, more: bytes = b"") -> Path:
        """Leave a file behind, with three pieces in it and the end cut off."""
        sink = self.sink()
        for number in range(3):
            self.write(sink, line(number))
        path = self.abandon(sink)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - cut] + more)
        return path

    def test_a_torn_file_is_readable_up_to_there(self) -> None:
        path = self.torn(cut=20)
        entries = list(read(path))
        self.assertEqual(numbers(entries), [0, 1])
        damage = entries[-1]
        assert isinstance(damage, Damage)
        self.assertEqual(damage.path, str(path))
        self.assertIn("it ends in the middle", damage.reason)

    def test_the_next_writer_finishes_it(self) -> None:
        for cut, more, left in ((0, b"", 3), (20, b"", 2), (0, bytes(5000), 3)):
            path = self.torn(cut, more)
            sink = self.sink()
            self.assertEqual([each.name for each in sink.recovered], [path.name.removesuffix(".partial")])
            entries = list(read(sink.recovered[0]))
            self.assertEqual(numbers(entries), list(range(left)))
            last = entries[-1]
            assert isinstance(last, NoteEntry)
            self.assertEqual((last.kind, last.data["reason"]), ("end", "recovered"))
            self.assertNotIn("Damage", kinds(entries))
            self.close(sink)
            self.assertEqual(sink.recovered[0].stat().st_mode & 0o777, 0o600)

    def test_nothing_to_read_is_nothing_to_keep(self) -> None:
        path = self.torn()
        path.write_bytes(path.read_bytes()[:5])
        sink = self.sink()
        self.assertEqual(sink.recovered, [])
        self.close(sink)
        self.assertEqual(len(self.names()), 1)

    def test_what_is_being_written_is_let_be(self) -> None:
        living = self.sink()
        self.write(living, line(1))
        other = self.sink()
        self.assertEqual(other.recovered, [])
        self.write(living, line(2))
        self.close(living)
        self.close(other)
        self.assertEqual(numbers(read(self.folder)), [1, 2])

    def test_another_name_is_not_ours(self) -> None:
        path = self.torn(cut=3)
        other = self.sink(name="record")
        self.assertEqual(other.recovered, [])
        self.close(other)
        self.assertTrue(path.exists())

    def test_what_was_killed_before_its_first_byte_is_removed_after_a_while(self) -> None:
        self.folder.mkdir()
        old, young = self.folder / "recording-a.jsonl.newborn", self.folder / "recording-b.jsonl.newborn"
        for each in (old, young):
            each.touch()
        os.utime(old, (1e9 - 100, 1e9 - 100))
        os.utime(young, (1e9, 1e9))
        sink = self.sink()
        self.close(sink)
        self.assertFalse(old.exists())
        self.assertTrue(young.exists())
        self.assertEqual(list(map(type, read(self.folder))), [NoteEntry, NoteEntry])

    def test_one_that_was_finished_meanwhile(self) -> None:
        path = self.torn(cut=3)
        real = files._lock

        def late(descriptor: int) -> None:
            real(descriptor)
            if path.exists():
                path.rename(path.with_suffix(""))
                path.touch()  # another one of the same name

        with mock.patch.object(files, "_lock", late):
            self.assertEqual(files.recover(self.folder, "recording", 1e9), [])


class GzipRecoveryTests(RecoveryTests):
    compression = "gzip"


class ZstdRecoveryTests(RecoveryTests):
    compression = "zstd"


def made(kind: Compression, folder: Path) -> tuple[bytes, list[int]]:
    """Write a file; return its bytes, and how long it was at each synchronising."""
    clock, ends = Clock(), []
    sink = JsonLines(folder, compression=kind, sync="always")
    sink.open(Host(clock, maybeDeferred, lambda: 1e9, dict))
    for number in range(12):
        sink.write([line(number * 3 + each, 20) for each in range(3)])
        assert sink._file is not None
        ends.append(sink._file.size)
    assert sink._file is not None
    sink._file.abandon()
    (path,) = folder.glob("*.partial")
    return path.read_bytes(), ends


@pytest.fixture(scope="module")
def written() -> Iterator[dict[Compression, tuple[bytes, list[int]]]]:
    with tempfile.TemporaryDirectory() as folder:
        yield {kind: made(kind, Path(folder) / kind) for kind in ALL}


@pytest.mark.no_cover
@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(ALL), share=st.floats(0, 1), junk=st.binary(max_size=40))
def test_cut_anywhere_everything_before_is_readable(
    written: dict[Compression, tuple[bytes, list[int]]], kind: Compression, share: float, junk: bytes
) -> None:
    data, ends = written[kind]
    cut = int(share * len(data))
    assume(cut or not junk.startswith((b"SQLite", b"{")))  # that is no torn file, but another kind
    sure = 3 * sum(end <= cut for end in ends)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording-x.jsonl.partial"
        path.write_bytes(data[:cut])
        before = numbers(read(path))
        assert before == list(range(len(before)))
        assert len(before) >= sure
        path.write_bytes(data[:cut] + junk)
        assume(not is_har(path))  # nor is that one
        assert numbers(read(path))[:sure] == list(range(sure))
        path.write_bytes(data[:cut])
        found = files.recover(Path(folder), "recording", 1e9)
        if not found:
            assert not path.exists()
            assert sure == 0
            return
        entries = list(read(found[0]))
        assert numbers(entries) == before
        assert "Damage" not in kinds(entries)
        assert kinds(entries)[-1] == "end"


class ReadingTests(FilesCase):
    def test_files_of_one_recording_come_in_their_order(self) -> None:
        first = self.sink(rotate_size=100)
        for number in range(4):
            self.write(first, line(number))
        self.close(first)
        self.clock.advance(10)
        second = self.sink(name="a-later-one")
        self.write(second, line(4))
        self.close(second)
        paths = sorted(self.folder.iterdir(), reverse=True)
        self.assertEqual(numbers(read(*paths)), [0, 1, 2, 3, 4])
        self.assertEqual(in_order(self.folder), in_order(*paths))

    def test_bad_lines_are_reported_in_their_place(self) -> None:
        self.folder.mkdir()
        path = self.folder / "x.jsonl"
        path.write_bytes(line(1) + b"nonsense\n" + line(2))
        found = list(read(path))
        self.assertEqual(kinds(found), ["EventEntry", "Damage", "EventEntry"])
        self.assertEqual(found[1].time, found[0].time)
        self.assertEqual(found[1].line, b"nonsense")

    def test_times_that_are_none(self) -> None:
        for time in (b"-1", b"1e300", b"NaN", b"Infinity", b"true", b'"x"', b"9" * 400, b"9" * 5000, b"[]"):
            for kind in (b'"method":"X.y","params":{}', b'"note":"end"'):
                with self.assertRaises(MalformedMessage):
                    parse(b'{"time":%b,%b}' % (time, kind))

    def test_what_notes_do_not_say_is_left_out(self) -> None:
        said = b'"session":[1],"url":7,"file":"x","count":-1,"since":NaN,"targets":[1,{"session":{}},{"url":"u"}]'
        entry = parse(b'{"time":1,"note":"begin",%b,"own":[1]}' % said)
        assert isinstance(entry, NoteEntry)
        self.assertEqual(entry.data, {"time": 1, "note": "begin", "targets": [{}, {"url": "u"}], "own": [1]})

    def test_a_line_that_does_not_end(self) -> None:
        self.folder.mkdir()
        path = self.folder / "x.jsonl"
        path.write_bytes(line(1) + b"[" * 5_000 + b"\n" + line(2) + b'{"a"')
        with mock.patch.object(reading, "_LONGEST", 1_000), mock.patch.object(reading, "_CHUNK", 100):
            found = list(read(path))
        self.assertEqual(kinds(found), ["EventEntry", "Damage", "EventEntry", "Damage"])
        self.assertLess(len(found[1].line), 1_200)

    def test_in_a_folder_files_alone_are_read(self) -> None:
        self.folder.mkdir()
        (self.folder / "a.jsonl").mkdir()
        os.mkfifo(self.folder / "b.jsonl")
        (self.folder / "c.jsonl").write_bytes(line(1))
        self.assertEqual(kinds(list(read(self.folder))), ["EventEntry"])

    def test_an_empty_file(self) -> None:
        self.folder.mkdir()
        (self.folder / "x.jsonl").touch()
        self.assertEqual(list(read(self.folder)), [])

    def test_a_file_that_grows(self) -> None:
        for kind in ALL:
            self.folder = Path(self.mktemp())
            sink = self.sink(compression=kind)
            self.write(sink, line(1))
            (path,) = self.folder.iterdir()
            reader = LinesReader(path)
            self.assertEqual(numbers(reader.poll()), [1])
            self.assertEqual(list(reader.poll()), [])
            self.write(sink, line(2))
            self.assertEqual(numbers(reader.poll()), [2])
            self.assertFalse(reader.ended)
            self.close(sink)
            self.assertEqual(kinds(list(reader.poll())), ["end"])
            self.assertTrue(reader.ended)
            self.assertEqual(list(reader.finish()), [])
            reader.close()

    def test_reading_a_part_leaves_no_file_open(self) -> None:
        sink = self.sink()
        self.write(sink, line(1))
        reading: Any = read(self.folder)
        self.assertEqual(kinds([next(reading)]), ["begin"])
        (path,) = self.folder.iterdir()
        self.assertEqual(times_open(path), 2)
        reading.close()
        self.assertEqual(times_open(path), 1)
        self.close(sink)


def test_zstd_of_the_command_line_reads_it() -> None:
    """Others than txcdp are to read it."""
    from shutil import which

    if which("zstd") is None:
        pytest.skip("there is no zstd here")
    data = codec("zstd").encode(b"one\n") + codec("zstd").encode(b"two\n")
    out = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    assert out == b"one\ntwo\n"
    assert compression.Decoder().feed(data) == out
