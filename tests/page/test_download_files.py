"""Where the files of downloads are, without a browser (test_downloads_browser.py has one)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txcdp.browser._download_files import BrowserFiles
from txcdp.errors import DownloadError
from txcdp.page._downloads import file_name


class Pool:
    """A reactor's thread pool whose work is done when a test says so."""

    def __init__(self) -> None:
        self._work: list[tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any]]] = []

    def getThreadPool(self) -> Pool:
        """Be the pool as well."""
        return self

    def callInThreadWithCallback(self, done: Callable[..., Any], function: Callable[..., Any], *args: Any) -> None:
        """Keep it for later."""
        self._work.append((function, args, done))

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        """Call it: nothing is in a thread here."""
        function(*args)

    def work(self) -> int:
        """Do one piece of work, the oldest; return how many are left."""
        function, args, done = self._work.pop(0)
        done(True, function(*args))
        return len(self._work)


class Gateway:
    """Where files are that a gateway keeps; it answers nothing."""

    is_local = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch(self, method: str, path: str, *_: Any) -> Deferred[int]:
        """Take note of what it is asked for."""
        self.asked.append(f"{method} {path}")
        return Deferred()


class NameTests(SynchronousTestCase):
    def test_a_file_can_have_it(self):
        folder = Path(self.mktemp())
        folder.mkdir()
        for suggested in (
            "a" * 5_000,
            "\u20ac" * 5_000 + ".txt",
            "a." + "b" * 5_000,
            "\ud800",
            "a\0b",
            "..",
            "",
            " . ",
        ):
            name = file_name(suggested)
            (folder / name).touch()
            self.assertIn(name, os.listdir(folder))
        self.assertEqual(file_name("\u20ac" * 5_000 + ".txt"), "\u20ac" * 65 + ".txt")
        self.assertEqual(file_name("na\u00efve.txt"), "na\u00efve.txt")


class FolderTests(TestCase):
    def setUp(self) -> None:
        self.pool: Any = Pool()

    def files(self, *args: Any) -> BrowserFiles:
        return BrowserFiles(self.pool, *args)

    def folder(self, files: BrowserFiles) -> Path:
        folder = files.folder
        assert folder is not None
        return Path(folder)

    def test_it_stays_until_the_end(self):
        files = self.files()
        folder = self.folder(files)
        Path(folder, "one").write_text("1")
        deleted = files.delete_all(["one"])
        self.pool.work()
        self.assertIsNone(self.successResultOf(deleted))
        self.assertEqual(os.listdir(folder), ["owner"])
        self.assertEqual(files.folder, str(folder))  # the browser may still write to it
        Path(folder, "late").touch()
        removed = files.remove()
        self.assertNoResult(removed)
        self.pool.work()
        self.assertIsNone(self.successResultOf(removed))
        self.assertFalse(folder.exists())

    def test_the_end_waits_for_what_is_being_deleted(self):
        given = Path(self.mktemp())
        given.mkdir()
        files = self.files(given)
        Path(given, "one").write_text("1")
        Path(given, "kept").write_text("of the user")
        deleted, removed = files.delete("one"), files.remove()
        again = files.remove()
        self.assertEqual(self.pool.work(), 1)
        self.assertIsNone(self.successResultOf(deleted))
        self.assertNoResult(removed)
        self.assertEqual(self.pool.work(), 1)
        self.assertIsNone(self.successResultOf(removed))
        self.assertNoResult(again)
        self.pool.work()
        self.assertIsNone(self.successResultOf(again))
        self.assertEqual(os.listdir(given), ["kept"])

    def test_there_is_none_after_the_end(self):
        files = self.files()
        removed = files.remove()
        self.pool.work()
        self.successResultOf(removed)
        self.assertIsNone(files.folder)
        self.assertIn("gone", str(self.failureResultOf(files.bring("one", "http://x/"), DownloadError).value))

    def test_a_gateway_is_asked_for_nothing_after_the_end(self):
        gateway: Any = Gateway()
        files = self.files(None, gateway)
        files.answered(True)
        removed = files.remove()
        self.pool.work()
        self.successResultOf(removed)
        self.assertIn("gone", str(self.failureResultOf(files.bring("one", "http://x/"), DownloadError).value))
        self.assertEqual(gateway.asked, [])

    def test_an_id_leads_to_no_other_file(self):
        gateway: Any = Gateway()
        given, outside = Path(self.mktemp()), Path(self.mktemp()).absolute()
        given.mkdir()
        outside.write_text("of the user")
        target = given / "target"
        for remote in (None, gateway):
            files = self.files(given, remote)
            files.answered(remote is not None)
            for guid in (str(outside), f"../{outside.name}", "..", ".", "", "a/b", "a\0", "a\n", "ab?c=d", "x" * 200):
                for waiting in (files.bring(guid, "http://x/"), files.save(guid, "http://x/", target)):
                    self.failureResultOf(waiting, DownloadError)
                deleted = files.delete_all([guid])
                self.pool.work()
                self.assertIsNone(self.successResultOf(deleted))
        self.assertEqual(gateway.asked, [])
        self.assertEqual(outside.read_text(), "of the user")
        self.assertEqual(os.listdir(given), [])
