"""Where downloads are saved that a client has not said where to save, and who gets their files."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from txcdp.gateway import Policy, Refusal
from txcdp.gateway._client_messages import Command
from txcdp.gateway._http.requests import TAKEN_OVER, RoutedRequest
from txcdp.gateway._http.tokens import LOCAL, Principal
from txcdp.gateway._options import RISKY_METHODS
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._proxy.downloads import Downloads
from txcdp.gateway._saving import SAVING, with_folder

GUID = "0a1b2c3d-0000-4000-8000-00000000000f"


class SavingTests(SynchronousTestCase):
    def test_what_has_no_path_goes_to_the_folder(self):
        for behavior in ("allow", "allowAndName"):
            for path in ({}, {"downloadPath": ""}):
                found = with_folder({"behavior": behavior, "browserContextId": "C", **path}, "/folder")
                self.assertEqual(
                    found, {"behavior": behavior, "browserContextId": "C", "downloadPath": "/folder"}, path
                )

    def test_what_stays_as_it_is(self):
        each: dict[str, Any]
        for each in (
            {"behavior": "allow", "downloadPath": "/own"},
            {"behavior": "deny", "eventsEnabled": True},
            {"behavior": "default", "browserContextId": "C"},
            {"behavior": 5},
            {},
        ):
            self.assertEqual(with_folder(each, "/folder"), each)

    def test_the_default_context_never_saves_for_the_user(self):
        found = with_folder({"behavior": "default"}, "/folder")
        self.assertEqual(found, {"behavior": "allow", "downloadPath": "/folder"})
        found = with_folder({"behavior": "default", "browserContextId": "D"}, "/folder", "D")
        self.assertEqual(found, {"behavior": "allow", "downloadPath": "/folder", "browserContextId": "D"})

    def test_who_forbids_it_forbids_paths(self):
        strict = CommandFilter(Policy(methods=RISKY_METHODS))
        for params, allowed in (
            ({"behavior": "allowAndName"}, True),
            ({"behavior": "deny", "eventsEnabled": True}, True),
            ({"behavior": "default"}, False),
            ({"behavior": "allow", "downloadPath": "/etc"}, False),
            ({"behavior": "allow", "downloadPath": ""}, False),
            ([], False),
        ):
            self.assertEqual(strict.objection(Command(1, SAVING, params)) is None, allowed, params)
        doubled = Command(1, SAVING, {"behavior": "allow"}, doubled=True)
        self.assertIsNotNone(strict.objection(doubled))
        whole = CommandFilter(Policy(methods=("Browser.*",)))
        self.assertIsNotNone(whole.objection(Command(1, "Browser.getVersion", {})))


class HandingOutTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = self.mktemp()
        for name in ("a", "b"):
            os.makedirs(f"{self.root}/{name}")
        with open(f"{self.root}/a/{GUID}", "wb") as file:
            file.write(b"content")
        self.folders = {"A": [f"{self.root}/b", f"{self.root}/a"], "B": [f"{self.root}/b"]}
        self.downloads = Downloads(lambda principal: self.folders.get(principal.name, []))

    def ask(self, name: str, who: str = "A", method: str = "GET") -> Any:
        """Return the request that was answered, or the refusal."""
        http: Any = DummyRequest([b"downloads", name.encode()])
        http.method = method.encode()
        http.path = b"/downloads/" + name.encode()
        http.uri = http.path
        http.setLastModified = lambda when: None
        principal = Principal(who) if who else LOCAL
        try:
            http.answer = self.downloads.answer(RoutedRequest(http, principal, None))
        except Refusal as refusal:
            return refusal
        return http

    def test_the_file_of_who_has_it(self):
        request = self.ask(GUID)
        self.assertIs(request.answer, TAKEN_OVER)
        self.assertEqual(b"".join(request.written), b"content")
        self.assertEqual(request.responseHeaders.getRawHeaders("content-type"), ["application/octet-stream"])
        self.assertEqual(request.responseHeaders.getRawHeaders("content-disposition"), ["attachment"])

    def test_nobody_else_gets_it(self):
        for who in ("B", "C"):
            for method in ("GET", "DELETE"):
                self.assertEqual(self.ask(GUID, who, method).status, 404)
        self.assertTrue(os.path.exists(f"{self.root}/a/{GUID}"))

    def test_nothing_but_downloads(self):
        with open(f"{self.root}/a/secret", "wb"):
            pass
        os.mkdir(f"{self.root}/a/{GUID[:-1]}e")
        for name in ("secret", "..", f"..%2fa%2f{GUID}", f"{GUID}.crdownload", f"{GUID[:-1]}e", f"{GUID}%00", ""):
            self.assertEqual(self.ask(name).status, 404, name)

    def test_it_is_deleted(self):
        request = self.ask(GUID, method="DELETE")
        self.assertEqual(request.answer.status, 200)
        self.assertEqual(os.listdir(f"{self.root}/a"), [])
        self.assertEqual(self.ask(GUID, method="DELETE").status, 404)
