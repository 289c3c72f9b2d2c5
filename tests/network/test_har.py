"""Secrets are masked by the names of headers and fields, and nothing else is."""

from __future__ import annotations

import errno
import json
import os
from typing import Any
from unittest import mock

import pytest
from twisted.internet.task import Clock

from txcdp.network import _masking as masking
from txcdp.network._har import EntryWriter
from txcdp.network._har_file import HarFile, without_cut_entry
from txcdp.protocol import to_json


class TestHeaders:
    @pytest.mark.parametrize(
        ("name", "value", "shown"),
        [
            ("Cookie", "a=1; b=two=2", "a=***; b=***"),
            ("set-cookie", "sid=abc; Path=/; HttpOnly", "sid=***; Path=/; HttpOnly"),
            ("Authorization", "Bearer abc.def", "Bearer ***"),
            ("Proxy-Authorization", "abc", "***"),
            ("X-Api-Key", "abc", "***"),
            ("X-CSRF-Token", "abc", "***"),
            ("X-Amz-Security-Token", "abc", "***"),
            ("Referer", "https://u:p@example.com/?token=abc&x=1#access_token=2", None),
            ("Location", "/next?code=abc&state=1", "/next?code=***&state=1"),
            (":path", "/a?password=b", "/a?password=***"),
            ("Access-Control-Allow-Credentials", "true", "true"),
            ("WWW-Authenticate", "Basic realm=x", "Basic realm=x"),
            (":authority", "example.com", "example.com"),
            ("Content-Type", "text/html", "text/html"),
            ("Cache-Control", "no-cache", "no-cache"),
        ],
    )
    def test_a_header(self, name: str, value: str, shown: str | None) -> None:
        found = masking.masked_header(name, value)
        assert found == ("https://***@example.com/?token=***&x=1#access_token=***" if shown is None else shown)


class TestTexts:
    def test_a_form(self) -> None:
        form = "application/x-www-form-urlencoded"
        assert masking.masked_text("user=ada&password=a%26b&x%5Btoken%5D=1&empty=&pin=", form) == (
            "user=ada&password=***&x%5Btoken%5D=***&empty=&pin="
        )

    def test_json(self) -> None:
        text = '{"user": "ada", "access_token" : "a\\"b", "n": [{"password":"x"}], "token": 1, "say": "token: x"}'
        assert masking.masked_text(text, "application/json; charset=utf-8") == (
            '{"user": "ada", "access_token" : "***", "n": [{"password":"***"}], "token": 1, "say": "token: x"}'
        )

    def test_parts(self) -> None:
        text = (
            '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nsecret\r\n'
            '--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain\r\n\r\nb\r\n--x--\r\n'
        )
        assert masking.masked_text(text, "multipart/form-data; boundary=x") == text.replace("secret", "***")

    def test_other_texts_stay(self) -> None:
        for text in ("<p>token=abc", "token=abc", "", '<a href="?password=x">'):
            assert masking.masked_text(text, "text/html") == text


class TestCookies:
    @pytest.mark.parametrize(
        ("attributes", "expires"),
        [
            ("Max-Age=60", "1970-01-01T00:17:40.000Z"),
            ("Expires=Thu, 01 Jan 1970 00:00:10 GMT", "1970-01-01T00:00:10.000Z"),
            ("Expires=Thu, 01 Jan 1970 00:00:10 GMT; max-age=60", "1970-01-01T00:17:40.000Z"),
            ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:10 GMT", "1970-01-01T00:17:40.000Z"),
            ("Max-Age=soon", None),
            ("Expires=soon", None),
        ],
    )
    def test_until_when(self, tmp_path, attributes: str, expires: str | None) -> None:
        made = EntryWriter("embed", True, tmp_path)._cookie(f"a=b; {attributes}; Path=/", 1000)
        assert made.get("expires") == expires
        assert (made["name"], made["value"], made["path"]) == ("a", "b", "/")


def _reads(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


class TestFile:
    def test_it_is_whole_after_each_entry(self, tmp_path):
        path = tmp_path / "a.har"
        file = HarFile(path, {"version": "1.2", "creator": {}}, Clock())
        assert json.loads(path.read_bytes())["log"] == {"version": "1.2", "creator": {}, "entries": [], "pages": []}
        assert path.stat().st_mode & 0o777 == 0o600
        file.pages.append({"id": "page_1", "title": "x" * 100})
        file.changed()
        for number in range(3):
            file.add([b'{"n":', str(number).encode(), b"}"])
            log = json.loads(path.read_bytes())["log"]
            assert [each["n"] for each in log["entries"]] == list(range(number + 1))
            assert log["pages"] == file.pages
        file.pages[0]["title"] = "y"  # what closes the file is shorter now
        file.changed()
        file.close()
        file.add([b"{}"])
        assert json.loads(path.read_bytes())["log"]["pages"] == [{"id": "page_1", "title": "y"}]

    def test_a_write_that_is_cut_off_costs_its_entry_alone(self, tmp_path):
        path = tmp_path / "a.har"
        file = HarFile(path, {"version": "1.2"}, Clock())
        file.pages.append({"id": "page_1", "title": "ä\n],x"})
        file.changed()
        states = []
        for name in ("a\n", "ü,", '"]}'):
            file.add([to_json({"name": name})])
            states.append(path.read_bytes())
        for before, after, names in zip(states, states[1:], (["a\n"], ["a\n", "ü,"]), strict=False):
            for written in range(len(after)):
                cut = after[:written] + before[written:]
                whole = cut if _reads(cut) else without_cut_entry(cut)
                assert whole is not None
                read = [each["name"] for each in json.loads(whole)["log"]["entries"]]
                assert read[: len(names)] == names, written
        assert without_cut_entry(b'{"log":{"entries":[{}') is None  # whose it is, nobody knows

    def test_entries_wait_for_each_other_where_there_are_many_pages(self, tmp_path):
        path, clock = tmp_path / "a.har", Clock()
        file = HarFile(path, {"version": "1.2"}, clock)
        file.pages += [{"id": f"page_{number}", "title": "x" * 100} for number in range(1000)]
        file.changed()
        file.add([b"1"])
        assert not clock.getDelayedCalls()
        file.add([b"2"])
        assert json.loads(path.read_bytes())["log"]["entries"] == [1]
        clock.advance(1)
        assert json.loads(path.read_bytes())["log"]["entries"] == [1, 2]
        file.add([b'"', b"x" * 3_000_000, b'"'])  # and large ones wait for nobody
        log = json.loads(path.read_bytes())["log"]
        assert [len(str(each)) for each in log["entries"]] == [1, 1, 3_000_000]
        file.close()

    def test_a_full_disk_costs_what_does_not_fit_and_nothing_else(self, tmp_path):
        path, clock = tmp_path / "a.har", Clock()
        file = HarFile(path, {"version": "1.2"}, clock)
        room, write = 0, os.pwrite

        def pwrite(descriptor: int, data: memoryview, at: int) -> int:
            """Write what the file has room for, as a disk does that is full."""
            there = max(0, max(room, os.fstat(descriptor).st_size) - at)
            if not there:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, data[:there], at)

        def entries() -> list[Any]:
            found: list[Any] = json.loads(path.read_bytes())["log"]["entries"]
            assert len(found) == file.entries
            return found

        with mock.patch("os.pwrite", pwrite):
            for large in (b"1", b"x" * 3_000_000):  # written at once, and in pieces
                with pytest.raises(OSError, match="No space"):
                    file.add([b'"', large, b'"'])
                assert entries() == []
            room = path.stat().st_size + 10
            file.add([b"2"])
            with pytest.raises(OSError, match="No space"):
                file.add([b'"', b"x" * 3_000_000, b'"'])
            assert entries() == [2]
        file.pages += [{"id": f"page_{number}", "title": "x" * 100} for number in range(1000)]
        file.changed()
        file.add([b"3"])
        file.add([b"4"])
        with mock.patch("os.pwrite", pwrite):
            clock.advance(1)
        assert isinstance(file.error, OSError)
        assert entries() == [2, 3]
        file.add([b"5"])
        with mock.patch("os.pwrite", pwrite), pytest.raises(OSError, match="No space"):
            file.close()
        assert entries() == [2, 3]
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(file._file)

    def test_one_that_is_there_is_replaced_and_may_be_read_by_its_owner_alone(self, tmp_path):
        path = tmp_path / "a.har"
        path.write_text("x" * 10_000)
        path.chmod(0o644)
        HarFile(path, {"version": "1.2"}, Clock()).close()
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_bytes()) == {"log": {"version": "1.2", "entries": [], "pages": []}}
