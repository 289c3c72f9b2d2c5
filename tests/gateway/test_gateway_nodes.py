"""One gateway of several: the node in its ids, the list of all pages, and its leaving, in memory."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from tests.gateway.support import Caller, GatewayCase
from tests.gateway.test_gateway import Pages
from txcdp._transports.websocket import WebSocketOptions
from txcdp.chrome._addresses import Address
from txcdp.gateway import GatewayOptions, PoolOptions
from txcdp.gateway._http import peers

TOKEN = "0123456789abcdef-one"


class NodeCase(GatewayCase):
    def setUp(self):
        super().setUp()
        self.pages = Pages()
        self.pages.patch(self)

    def json(self, target: str, *headers: str, verb: str = "GET") -> Any:
        caller = self.get(target, *headers, verb=verb)
        self.assertEqual(caller.status, 200, caller.written)
        return json.loads(caller.body)

    def path_of(self, url: str) -> str:
        return "/" + url.split("/", 3)[3]


class NodeTests(NodeCase):
    def test_ids_begin_with_the_node(self):
        gateway = self.make(node="n1")
        path = self.path_of(self.json("/json/version")["webSocketDebuggerUrl"])
        self.assertRegex(path, r"^/devtools/browser/n1\.[0-9a-f-]{36}$")
        self.client(path)
        self.client(path)
        self.assertEqual(len(gateway.pool.leased), 1)
        self.client("/devtools/browser/" + path.rpartition(".")[2])
        self.assertEqual(len(gateway.pool.leased), 1)

    def test_pages_too(self):
        self.make(node="n1")
        made = self.json("/json/new?about:blank", verb="PUT")
        self.assertRegex(made["id"], r"^n1\.NEW-")
        self.assertTrue(made["webSocketDebuggerUrl"].endswith(f"/devtools/page/{made['id']}"), made)
        self.assertIn(f"/devtools/page/{made['id']}", made["devtoolsFrontendUrl"])
        listed = self.json("/json/list")
        self.assertTrue(all(each["id"].startswith("n1.") for each in listed), listed)
        self.client(f"/devtools/page/{made['id']}")
        self.client(f"/devtools/page/{listed[0]['id']}")
        for what in ("activate", "close"):
            self.assertEqual(self.get(f"/json/{what}/{made['id']}", verb="PUT").status, 200)
        self.pages.there = {"127.0.0.1:1000": ["A" * 32], "127.0.0.1:1001": ["B" * 32]}
        for name in ("A" * 32, "n1." + "A" * 32):  # as it is called on the line, too
            self.client(f"/devtools/page/{name}")
            self.assertEqual(self.get(f"/json/close/{name}", verb="PUT").status, 200)

    def test_ids_of_other_nodes_are_nobodys(self):
        self.make(node="n1")
        version = self.json("/json/version")["webSocketDebuggerUrl"].rpartition("n1.")[2]
        page = self.json("/json/new", verb="PUT")["id"].removeprefix("n1.")
        for node in ("n2", "n11", "N1", "", "n1.n2"):
            for path in (f"browser/{node}.{version}", f"page/{node}.{page}"):
                caller = self.caller()
                caller.upgrade(f"/devtools/{path}")
                self.assertEqual(caller.status, 404, path)
            self.assertEqual(self.get(f"/json/close/{node}.{page}", verb="PUT").status, 404)
            self.assertEqual(self.get(f"/downloads/{node}.0a1b2c3d-0000-4000-8000-00000000000f").status, 404)

    def test_one_alone_knows_no_nodes(self):
        self.make()
        self.assertNotIn(".", self.json("/json/new", verb="PUT")["id"].replace("127.0.0.1", ""))
        caller = self.caller()
        caller.upgrade("/devtools/page/n1.A")
        self.assertEqual(caller.status, 404)

    def test_what_cannot_be_meant(self):
        for options in (
            {"node": "n.1"},
            {"node": "a b"},
            {"node": "n1", "peers": ["10.0.0.1:9222"]},
            {"node": "n1", "peers": ["ws://10.0.0.1:9222"]},
            {"peers": ["http://10.0.0.1:9222"]},
            {"notice": -1.0},
            {"notice": float("nan")},
        ):
            self.assertRaises(ValueError, lambda options=options: GatewayOptions(**options))
        self.assertRaises(TypeError, lambda: GatewayOptions(node="n1", peers="http://10.0.0.1:9222"))  # type: ignore[arg-type]


class PeerTests(NodeCase):
    PEERS = ("http://10.0.0.12:9222", "http://10.0.0.13:9222/below")

    def setUp(self):
        super().setUp()
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.answers: dict[str, Deferred[tuple[int, bytes]]] = {}

        async def fetch(
            reactor: Any, method: str, address: Address, path: str, timeout: float | None, options: WebSocketOptions
        ) -> tuple[int, bytes]:
            self.asked.append((method, address.endpoint(path), dict(options.headers)))
            return await self.answers.get(address.host, succeed((200, b"[]")))

        self.patch(peers, "fetch", fetch)
        self.make(node="n1", peers=self.PEERS)

    def test_all_of_them_are_listed(self):
        self.json("/json/new", verb="PUT")
        self.answers["10.0.0.12"] = succeed((200, b'[{"id": "n2.A", "new in Chromium": [1]}]'))
        self.answers["10.0.0.13"] = succeed((200, b'[{"id": "n3.B"}, {"id": "n3.C"}]'))
        listed = self.json("/json/list")
        self.assertEqual([each["id"] for each in listed[2:]], ["n2.A", "n3.B", "n3.C"])
        self.assertEqual(listed[2]["new in Chromium"], [1])
        self.assertEqual(
            [url for _, url, _ in self.asked],
            ["http://10.0.0.12:9222/json/list?taken", "http://10.0.0.13:9222/below/json/list?taken"],
        )

    def test_they_are_asked_in_the_name_of_who_asks(self):
        caller = self.caller()
        caller.ask("GET", f"/json?token={TOKEN}", host="localhost:1")
        caller = self.caller()
        caller.ask("GET", "/json/", f"Authorization: Bearer {TOKEN}", host="localhost:1")
        self.assertEqual(len(json.loads(caller.body)), 1)
        self.assertEqual(
            self.asked[0][1:], (f"http://10.0.0.12:9222/json/list?taken&token={TOKEN}", {"Host": "localhost:1"})
        )
        self.assertEqual(self.asked[2][2], {"Host": "localhost:1", "Authorization": f"Bearer {TOKEN}"})

    def test_those_that_fail_are_left_out(self):
        for answer in (
            fail(OSError("refused")),
            succeed((503, b"[]")),
            succeed((200, b"{}")),
            succeed((200, b"[1]")),
            succeed((200, b"\xff")),
        ):
            self.answers = {"10.0.0.12": answer, "10.0.0.13": succeed((200, b'[{"id": "n3.B"}]'))}
            self.assertEqual([each["id"] for each in self.json("/json/list")[1:]], ["n3.B"])

    def test_nobody_waits_long_for_them(self):
        self.answers["10.0.0.12"] = Deferred()
        caller = self.get("/json/list")
        self.assertEqual(caller.status, 0)
        self.reactor.advance(2)
        self.assertEqual(caller.status, 200)
        self.assertEqual(len(json.loads(caller.body)), 1)

    def test_a_peer_is_told_of_its_own_alone_and_offered_nothing(self):
        self.assertEqual(self.json("/json/list?taken"), [])
        made = self.json("/json/new", verb="PUT")
        self.assertIn(made["id"], [each["id"] for each in self.json("/json/list?taken")])
        self.assertEqual(self.asked, [])
        self.assertEqual(self.gateway.mode._offers._current, {})  # type: ignore[attr-defined]


class LeavingTests(NodeCase):
    def refused(self, target: str) -> Caller:
        caller = self.caller()
        caller.upgrade(target)
        self.assertEqual(caller.status, 503, caller.written)
        return caller

    def test_clients_are_taken_until_everybody_can_have_noticed(self):
        self.make(notice=5.0, drain=60.0, pool=PoolOptions(size=5))
        told = self.path_of(self.json("/json/version")["webSocketDebuggerUrl"])
        stopped = self.gateway.stop()
        self.assertEqual(self.get("/readyz").status, 503)
        self.assertEqual(self.get("/healthz").status, 200)
        self.client(told)
        self.client("/devtools/browser").leave()
        self.reactor.advance(5)
        self.assertIn(b"stopping", self.refused("/devtools/browser").body)
        self.assertNoResult(stopped)

    def test_who_is_there_may_open_more_lines(self):
        self.make(drain=60.0, pool=PoolOptions(size=5))
        told = self.path_of(self.json("/json/version")["webSocketDebuggerUrl"])
        first = self.client(told)
        self.gateway.stop()
        second = self.client(told)
        mode: Any = self.gateway.mode
        (lease,) = mode.leases
        page = self.pages.there.setdefault(lease.browser.netloc, ["A" * 32])[0]
        third = self.client(f"/devtools/page/{page}")
        self.refused(self.path_of(self.json("/json/version")["webSocketDebuggerUrl"]))
        self.assertEqual(self.get("/json/new", verb="PUT").status, 503)
        for each in (first, second):
            each.leave()
        self.assertEqual(len(self.gateway.pool.leased), 1)
        third.leave()
        self.assertEqual(len(self.gateway.pool.leased), 0)
