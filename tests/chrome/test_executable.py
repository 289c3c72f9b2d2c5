"""Finding a browser, on a fake machine."""

from __future__ import annotations

import os
import shutil
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from txcdp.chrome import _executable as executable
from txcdp.chrome._executable import NAMES, find_executable, is_headless_shell, well_known_places
from txcdp.errors import ExecutableNotFound, LaunchError


class FindTests(SynchronousTestCase):
    def setUp(self):
        self.bin = os.path.realpath(tempfile.mkdtemp(prefix="t-"))
        self.addCleanup(shutil.rmtree, self.bin)
        self.patch(os, "environ", {"PATH": self.bin})
        self.patch(executable, "_LINUX", (f"{self.bin}/opt/chrome",))

    def program(self, name: str, mode: int = 0o755) -> str:
        path = os.path.join(self.bin, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(path, mode)
        return path

    def test_first_name_on_path(self):
        self.program("microsoft-edge")
        chromium = self.program("chromium")
        self.assertEqual(find_executable(), chromium)

    def test_well_known_place(self):
        path = self.program("opt/chrome")
        self.assertEqual(find_executable(), path)

    def test_variable_goes_before_path(self):
        self.program("chromium")
        mine = self.program("mine")
        os.environ["TXCDP_BROWSER"] = "mine"
        self.assertEqual(find_executable(), mine)

    def test_argument_goes_before_the_variable(self):
        os.environ["TXCDP_BROWSER"] = "/nowhere"
        mine = self.program("mine")
        self.assertEqual(find_executable(mine), mine)

    def test_none(self):
        error = self.assertRaises(ExecutableNotFound, find_executable)
        self.assertIsInstance(error, LaunchError)
        for word in (*NAMES, "TXCDP_BROWSER", "executable=", "nstall"):
            self.assertIn(word, str(error))

    def test_named_wrongly(self):
        plain = self.program("plain", 0o644)
        for name, words in (
            ("/nowhere/chrome", "does not exist"),
            ("nosuch", "is not on PATH"),
            (self.bin, "is a directory"),
            (plain, "is not executable"),
        ):
            error = self.assertRaises(ExecutableNotFound, find_executable, name)
            self.assertIn(words, str(error))
            self.assertIn("(executable)", str(error))

    def test_the_variable_is_blamed(self):
        os.environ["TXCDP_BROWSER"] = "/nowhere/chrome"
        self.assertIn("(TXCDP_BROWSER)", str(self.assertRaises(ExecutableNotFound, find_executable)))

    def test_places_of_every_system(self):
        mac = list(well_known_places("darwin", {"HOME": "/Users/me"}))
        self.assertIn("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", mac)
        self.assertIn("/Users/me/Applications/Chromium.app/Contents/MacOS/Chromium", mac)
        windows = list(well_known_places("win32", {"PROGRAMFILES": "C:\\P"}))
        self.assertIn("C:\\P\\Google\\Chrome\\Application\\chrome.exe", windows)
        self.assertEqual(list(well_known_places("linux", {})), [f"{self.bin}/opt/chrome"])

    def test_advice_for_every_system(self):
        for platform, word in (("darwin", "brew"), ("win32", "winget"), ("linux", "apt-get")):
            self.assertIn(word, executable._advice(platform))

    def test_headless_shell(self):
        self.assertTrue(is_headless_shell("/opt/chrome-headless-shell"))
        self.assertTrue(is_headless_shell("C:\\x\\headless_shell.exe"))
        self.assertFalse(is_headless_shell("/opt/headless-shell/chrome"))
