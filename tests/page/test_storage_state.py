"""The storage of a context as a whole, where the browser does not go along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txcdp.browser._storage_state import checked_state
from txcdp.domains import page, runtime, storage, target
from txcdp.errors import NavigationError
from txcdp.testing import FakeChrome


class OriginsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.chrome.on(storage.get_cookies, storage.GetCookiesResult(cookies=[]))
        self.context = self.chrome.browser().default_context
        self.location = "http://a.example"

    def answer(self, command: runtime.evaluate) -> runtime.EvaluateResult:
        kept = json.dumps({"localStorage": [{"name": "k", "value": "v"}], "indexedDB": []})
        value = self.location if command.expression == "location.origin" else kept
        return runtime.EvaluateResult(result=runtime.RemoteObject(type="string", value=value))

    def test_origins_where_no_page_can_be(self):
        self.chrome.on(runtime.evaluate, self.answer)
        for url in ("http://a.example/x", "https://user@b.example:81?q", "data:,x", "about:blank", "file:///x"):
            self.context._note_url(url)
        self.assertEqual(list(self.context._origins), ["http://a.example", "https://b.example:81"])

        def go(command: page.navigate) -> page.NavigateResult:
            error = "net::ERR_UNSAFE_PORT" if ":81" in command.url else None
            return page.NavigateResult(frame_id="F", loader_id="L", error_text=error)

        self.chrome.on(page.navigate, go)
        state: Any = self.chrome.run(self.context.storage_state())
        (kept,) = state["origins"]
        self.assertEqual(kept, {"origin": "http://a.example", "localStorage": [{"name": "k", "value": "v"}]})
        self.location = "https://a.example"
        self.assertEqual(self.chrome.run(self.context.storage_state())["origins"], [])
        for origin, said in (
            ("http://a.example", "goes to https://a.example"),
            ("https://b.example:81", "UNSAFE_PORT"),
        ):
            with self.assertRaisesRegex(NavigationError, f"cannot be set: .*{said}"):
                self.chrome.run(self.context.set_storage_state({"origins": [{**kept, "origin": origin}]}))
        opened = self.chrome.received(target.create_target)
        self.assertEqual({each.hidden for each in opened}, {True})
        self.chrome.flush()
        self.assertEqual(len(self.chrome.received(target.close_target)), len(opened))

    def test_what_is_none(self):
        wrong: list[Any] = [{"cookie": []}, [], {"cookies": {}}]
        for state in wrong:
            with self.assertRaisesRegex(ValueError, 'a dict with the lists "cookies" and "origins"'):
                checked_state(state)
        self.assertEqual(checked_state({}), {"cookies": [], "origins": []})
        for stored in (7, "ab", None, {"name": "a"}, [7], [{"name": "a", "value": 7}]):
            with self.assertRaisesRegex(ValueError, "local storage of http://a must be a list"):
                checked_state({"origins": [{"origin": "http://a", "localStorage": stored}]})
        path = Path(self.mktemp())
        for text in ("[" * 100_000, '{"cookies": ' + "9" * 5_000, "\xff"):
            path.write_text(text, "latin-1")
            with self.assertRaisesRegex(ValueError, "not contain a storage state"):
                checked_state(path)
