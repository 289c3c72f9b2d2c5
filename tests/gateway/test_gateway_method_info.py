"""What clients ask for, what is forbidden, and the frames that both come in."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txcdp._transports.server_frames import unmasked
from txcdp.gateway import Policy
from txcdp.gateway._client_messages import Command, read_command
from txcdp.gateway._counters import BUCKETS, Counters, DomainCounters
from txcdp.gateway._proxy import method_info as commands
from txcdp.gateway._proxy.command_filter import UNREADABLE, CommandFilter
from txcdp.gateway._proxy.method_info import MethodTable, denial
from txcdp.gateway._proxy.token_bucket import TokenBucket
from txcdp.gateway._urls import is_private


def objection(policy: Policy, method: str, **params: Any) -> str | None:
    message = json.dumps({"id": 1, "method": method, "params": params}).encode()
    screen = CommandFilter(policy)
    found = screen.objection(read_command(message))
    assert found is None or screen.concerns(method)
    return found


class CommandFilterTests(SynchronousTestCase):
    def test_nothing_is_forbidden(self):
        screen = CommandFilter(Policy())
        self.assertTrue(screen.idle)
        self.assertFalse(screen.concerns("Browser.crash"))
        self.assertIsNone(screen.objection(Command(1, "Browser.crash")))

    def test_methods_and_domains(self):
        policy = Policy(methods=("Browser.crash", "SystemInfo.*"))
        self.assertIn("'Browser.crash' is not allowed", objection(policy, "Browser.crash") or "")
        self.assertIn("not allowed", objection(policy, "SystemInfo.getInfo") or "")
        self.assertIsNone(objection(policy, "Browser.getVersion"))
        self.assertIsNone(objection(policy, "Page.navigate", url="file:///etc/passwd"))

    def test_no_way_round(self):
        policy = Policy(methods=("Browser.crash",))
        self.assertIn("not allowed", objection(policy, "Target.exposeDevToolsProtocol", targetId="A") or "")
        inner = json.dumps({"id": 1, "method": "Browser.crash"})
        self.assertIn("not allowed", objection(policy, "Target.sendMessageToTarget", message=inner) or "")
        escaped = '{"id":1,"meth\\u006fd":"Browser.cr\\u0061sh"}'
        self.assertIn("not allowed", objection(policy, "Target.sendMessageToTarget", message=escaped) or "")
        for odd in ("/**/" + inner, '{"method":"A.b","method":"Browser.crash"}', "[]", "{}", "[" * 100_000):
            self.assertIn("can read", objection(policy, "Target.sendMessageToTarget", message=odd) or "", odd[:20])
        for _ in range(5):
            inner = json.dumps({"id": 1, "method": "Target.sendMessageToTarget", "params": {"message": inner}})
        self.assertIn("can read", objection(policy, "Target.sendMessageToTarget", message=inner) or "")
        harmless = json.dumps({"id": 1, "method": "Page.enable"})
        self.assertIsNone(objection(policy, "Target.sendMessageToTarget", message=harmless))
        self.assertIsNone(objection(policy, "Target.sendMessageToTarget", message=5))

    def test_schemes(self):
        policy = Policy(schemes=("file", "Chrome:"))
        for url in (
            "file:///etc/passwd",
            "FILE:///x",
            " \x01file:/x",
            "fi\tle:///x",
            "view-source:file:///x",
            "view-source: View-Source:file:///x",
            "blob:file:///x",
            "chrome://version",
        ):
            for method in ("Page.navigate", "Target.createTarget", "Network.loadNetworkResource"):
                self.assertIn("scheme", objection(policy, method, url=url) or "", url)
        harmless: tuple[Any, ...] = ("https://a/?file:", "about:blank", "data:text/html,x", "file", 5, None)
        for each in harmless:
            self.assertIsNone(objection(policy, "Page.navigate", url=each), each)
        self.assertIsNone(objection(policy, "Network.setCookie", url="file:///x"))
        screen = CommandFilter(policy)
        for params in ('{"url":"https://a/","url":"file:///x"}', '{"url":"file:///x","url":"https://a/"}', "[]"):
            command = read_command(b'{"id":1,"method":"Page.navigate","params":%b}' % params.encode())
            self.assertEqual(screen.objection(command), UNREADABLE)
        self.assertIsNone(objection(policy, "Page.navigate"))

    def test_private_addresses(self):
        policy = Policy(private_addresses=False)
        for host in (
            "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "10.0.0.1:8080", "192.168.1.1",
            "169.254.169.254", "localhost", "LOCALHOST.", "a.localhost", "printer", "db.internal", "[::1]:80",
            "[::ffff:10.0.0.1]", "[fe80::1]", "user:pw@127.0.0.1", "%31%32%37.0.0.1", "①②⑦.0.0.1", "0.0.0.0",
            "[fd00::1]", "a@b@localhost", "", "example.com@10.0.0.1", "8.8.8.8:8@127.1", "a.example@b.example@[::1]",
        ):  # fmt: skip
            for form in (
                "http://{}/",
                "https:{}",
                "HTTP:\\\\{}\\x",
                "view-source:http://{}#x",
                "ws:////{}?x@example.com",
            ):
                self.assertIn("private", objection(policy, "Page.navigate", url=form.format(host)) or "", (form, host))
        for url in ("https://example.com/", "http://8.8.8.8/", "http://[2606:4700::1111]/", "about:blank", "file:///x"):
            self.assertIsNone(objection(policy, "Page.navigate", url=url), url)
        self.assertTrue(is_private("100.64.0.1"))
        self.assertFalse(is_private("a..b.example"))


class CommandsTests(SynchronousTestCase):
    def test_methods_are_looked_up_once(self):
        counters = Counters()
        table = MethodTable(counters, CommandFilter(Policy(methods=("SystemInfo.*",))))
        info = table.info(b"Page.enable")
        self.assertEqual((info.method, info.special), ("Page.enable", False))
        self.assertIs(table.info(b"Page.enable"), info)
        self.assertIs(info.domain, counters.domains["Page"])
        self.assertTrue(table.info(b"Browser.close").special)
        self.assertTrue(table.info(b"SystemInfo.getInfo").special)
        self.assertTrue(table.unreadable.special)

    def test_clients_cannot_fill_our_memory_with_names(self):
        counters = Counters()
        table = MethodTable(counters, CommandFilter(Policy()))
        self.patch(commands, "_MOST", 2)
        for name in (b"X" * 101, b"PAGE.enable", b"Aa.a", b"Bb.b", b"Cc.c", b"Network.enable"):
            table.info(name)
        self.assertEqual(sorted(counters.domains), ["Network", "other"])
        self.assertEqual(list(table._known), [b"PAGE.enable", b"Aa.a"])

    def test_latencies(self):
        domain = DomainCounters()
        for seconds in (0.0001, BUCKETS[0], 0.0006, 99.0):
            domain.answered("ok", seconds)
        self.assertEqual((domain.buckets[0], domain.buckets[1], domain.buckets[-1]), (2, 1, 1))
        self.assertEqual(domain.outcomes["ok"], 4)

    def test_denials(self):
        error = {"code": -32000, "message": "no"}
        told = json.loads(denial(Command(7, "A.b", None, "S"), "no"))
        self.assertEqual(told, {"id": 7, "sessionId": "S", "error": error})
        self.assertEqual(json.loads(denial(Command(7, "A.b"), "no")), {"id": 7, "error": error})


class TokenBucketTests(SynchronousTestCase):
    def test_a_burst_and_then_an_even_rate(self):
        allowance = TokenBucket(rate=10, burst=3)
        self.assertEqual([allowance.take(100.0) for _ in range(4)], [True, True, True, False])
        self.assertAlmostEqual(allowance.wait(100.0), 0.1, places=5)
        self.assertEqual([allowance.take(100.1), allowance.take(100.1)], [True, False])
        self.assertEqual([allowance.take(200.0) for _ in range(4)], [True, True, True, False])
        self.assertEqual(allowance.wait(300.0), 0.0)

    @given(st.floats(0.1, 1e5), st.integers(1, 1000), st.floats(0, 2e9), st.lists(st.floats(0, 0.3), max_size=50))
    def test_never_more_than_the_rate_and_again_after_the_wait(self, rate, burst, began, pauses):
        allowance, now, taken = TokenBucket(rate, burst), began, 0
        for pause in pauses:
            now += pause
            wait = allowance.wait(now)
            self.assertTrue(copy(allowance).take(now + wait + 2e-6))
            could = allowance.take(now)
            self.assertFalse(could and wait > 2e-6)
            taken += could
            self.assertLessEqual(taken, burst + (now - began) * rate * (1 + 1e-6) + 1)


class MaskTests(SynchronousTestCase):
    @given(st.integers(0, 3000), st.binary(min_size=4, max_size=4))
    def test_unmasking(self, size, key):
        plain = bytes(range(256)) * 12
        hidden = bytes(byte ^ key[index % 4] for index, byte in enumerate(plain[:size]))
        self.assertEqual(unmasked(hidden, key), plain[:size])
