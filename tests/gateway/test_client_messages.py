"""The one reader of clients' messages: it reads as Chromium does, and what was judged is what is carried out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.gateway.odd_messages import ODD
from tests.gateway.support import FakeTransport
from txcdp.gateway import Policy
from txcdp.gateway._client_messages import Command, CommandRefusal, depth_of, peek, read_command, rewritten
from txcdp.gateway._counters import Counters
from txcdp.gateway._multiplex.message_writing import write_command
from txcdp.gateway._options import RISKY_METHODS
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._proxy.forwarding import CommandForwarder, PendingCommands
from txcdp.gateway._proxy.method_info import MethodTable

STRICT = Policy(methods=RISKY_METHODS, schemes=("file", "chrome"), private_addresses=False)


class RewrittenTests(SynchronousTestCase):
    def test_it_is_read_as_the_command_that_it_was(self):
        for command in (
            Command(1, "Target.createBrowserContext"),
            Command(-7, "A.b", {"a": ["\u00fc", None, 1.5, '"'], "b": {}}, "S"),
            Command(2, 'A."b', [], 'no"id","x":{'),
        ):
            self.assertEqual(read_command(rewritten(command)), command)


class OddTests(SynchronousTestCase):
    def test_it_reads_as_chromium_does(self):
        for odd in ODD:
            try:
                found: Any = read_command(odd.message)
            except CommandRefusal as refusal:
                self.assertEqual((refusal.code, refusal.id), (odd.code, odd.id), odd.message[:80])
                self.assertTrue(refusal.message.startswith(odd.words), (odd.message[:80], refusal.message))
            else:
                self.assertEqual(
                    (0, found.id, found.method), (odd.code, odd.id, "Browser.getVersion"), odd.message[:80]
                )

    def test_what_is_read(self):
        message = b'{"sessionId":"S","params":{"a":[1,2.5,null,"\\u00e4",9007199254740993]},"method":"A.b","id":7}'
        params = {"a": [1, 2.5, None, "\u00e4", 9007199254740993]}
        self.assertEqual(read_command(message), Command(7, "A.b", params, "S"))

    def test_keys_that_are_there_twice_within_the_parameters(self):
        for params, last in (
            (b'{"a":1,"a":2}', {"a": 2}),
            (b'{"a":1,"\\u0061":2}', {"a": 2}),
            (b'{"b":[{"a":1,"a":2}]}', {"b": [{"a": 2}]}),
        ):
            command = read_command(b'{"id":1,"method":"A.b","params":%b}' % params)
            self.assertEqual((command.params, command.doubled), (last, True))
        self.assertFalse(read_command(b'{"id":1,"method":"A.b","params":{"a":{"a":1},"id":1}}').doubled)
        self.assertFalse(read_command(b'{"id":1,"method":"","method":"A.b","params":{"a":1}}').doubled)

    def test_a_reader_that_has_failed_reads_on(self):
        for odd in (b'{"a":1,"a":1', b'[{"a":1,"a":1}]', b'{"id":1,"id":1,"method":"A.b"}'):
            with self.assertRaises(CommandRefusal):
                read_command(odd)
            self.assertEqual(read_command(b'{"id":1,"method":"A.b"}'), Command(1, "A.b"))

    def test_depth(self):
        self.assertEqual([depth_of(1), depth_of([]), depth_of({"a": [[]]}), depth_of([1, {"a": {}}])], [0, 1, 3, 3])


class PeekTests(SynchronousTestCase):
    def test_the_orders_that_clients_write(self):
        for message in (
            b'{"id":7,"method":"Page.navigate","params":{"url":"x"},"sessionId":"A"}',
            b'{"id":7,"sessionId":"A-1","method":"Page.navigate","params":{"url":"x"}}',
            b'{"id": 7, "sessionId": "A", "method": "Page.navigate"}',
            b'{"id": 7, "method": "Page.navigate"}',
            b'{"method":"Page.navigate","params":{"id":5},"id":7,"sessionId":"A"}',
            b'{"method": "Page.navigate", "params": {}, "id": 7}',
        ):
            self.assertEqual(peek(message), (b"7", b"Page.navigate"), message)

    def test_what_has_to_be_decoded(self):
        for message in (
            b"",
            b"\xff",
            b"[" * 100_000,
            b' {"id":7,"method":"Page.navigate"}',
            b'{"id":7,"m\\u0065thod":"Page.navigate"}',
            b'{"id":7,"method":"Page.navi\\u0067ate"}',
            b'{"id":7,"sessionId":"\\u0041","method":"Page.navigate"}',
            b'{"id":7,"params":{},"method":"Page.navigate"}',
            b'{"method":"Page.navigate","id":7,"params":{"id":5}}',
            b'{"id":7,"method":"","method":"Page.navigate"}',
        ):
            self.assertIsNone(peek(message), message[:50])

    @given(st.integers(0, 2**31 - 1), st.sampled_from(["Page.navigate", "X.y"]), st.text(), st.permutations(range(4)))
    def test_as_json_reads_it(self, number, method, text, order):
        items = [("id", number), ("method", method), ("params", {"id": 3, "method": text}), ("sessionId", text)]
        for separators in ((",", ":"), (", ", ": ")):
            message = json.dumps(dict(items[each] for each in order), separators=separators).encode()
            found = read_command(message)
            self.assertEqual(found, Command(number, method, {"id": 3, "method": text}, text))
            peeked = peek(message)
            if peeked is not None:
                self.assertEqual(peeked, (b"%d" % number, method.encode()))

    def test_it_finds_what_chromium_would(self):
        for odd in ODD:
            peeked = peek(odd.message)
            if peeked is not None and not odd.code:
                self.assertEqual(peeked, (b"%d" % (odd.id or 0), b"Browser.getVersion"))


# What a client may say, in many spellings, and what was judged beside what goes on:

FILE = "file:///etc/passwd"
HARMLESS = "https://example.com/"
URLS = (FILE, HARMLESS, "chrome://version", "http://127.0.0.1/", "view-source:file:///x", "about:blank")
METHODS = ("Page.navigate", "Target.createTarget", "Browser.getVersion", "Browser.crash", "DOM.setFileInputFiles")


def escaped(text: str, each: int) -> str:
    """Write one character of a JSON string as an escape."""
    at = each % len(text)
    return f"{text[:at]}\\u{ord(text[at]):04x}{text[at + 1 :]}"


@st.composite
def strings(draw: Any, texts: Any) -> str:
    text = draw(texts)
    if text and draw(st.integers(0, 3)) == 0:
        text = escaped(text, draw(st.integers(0, 50)))
    return f'"{text}"'


GAPS = st.sampled_from(["", "", "", " ", "\n", "\t ", "/**/", "\ufeff", "\x0b", "\x00"])


@st.composite
def objects(draw: Any, keys: Any, value: Any) -> Any:
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        key = draw(keys)
        parts.append(f"{draw(GAPS)}{draw(strings(st.just(key)))}{draw(GAPS)}:{draw(GAPS)}{draw(value(key))}")
    return "{" + ",".join(parts) + draw(GAPS) + "}"


ODD_VALUES = st.sampled_from(
    ["null", "5", "[]", "[1]", "{}", "true", '""', "NaN", "1e999", '"\\ud800"', "1.0", "9" * 30]
)


@st.composite
def params(draw: Any) -> Any:
    if draw(st.integers(0, 5)) == 0:
        return draw(ODD_VALUES)
    keys = st.sampled_from(["url", "url", "x", "URL", "expression", "message"])
    inner = json.dumps(json.dumps({"id": 1, "method": "Page.navigate", "params": {"url": FILE}}))
    url = st.one_of(strings(st.sampled_from(URLS)), ODD_VALUES)
    return draw(objects(keys, lambda key: st.just(inner) if key == "message" else url))


@st.composite
def messages(draw: Any) -> Any:
    """Make a message with the keys of a command, in any order, number and spelling."""
    values = {
        "id": st.sampled_from(["1", "7", "1.0", "01", "-1", "2147483648"]),
        "method": strings(st.sampled_from((*METHODS, "Target.sendMessageToTarget", ""))),
        "params": params(),
        "sessionId": strings(st.sampled_from(["", "A", "B"])),
    }
    keys = list(draw(st.permutations(["id", "method", "params", "sessionId"])))
    keys += draw(st.lists(st.sampled_from(["id", "method", "params", "sessionId", "x"]), max_size=2))
    parts = []
    for key in keys:
        value = draw(values.get(key, ODD_VALUES) if draw(st.integers(0, 9)) else ODD_VALUES)
        spelled = draw(strings(st.just(key)))
        parts.append(f"{draw(GAPS)}{spelled}{draw(GAPS)}:{draw(GAPS)}{value}")
    text = draw(GAPS) + "{" + ",".join(parts) + "}" + draw(GAPS)
    return text.encode(draw(st.sampled_from(["utf-8"] * 9 + ["utf-16"])), "surrogatepass")


class Pair(list[tuple[str, Any]]):
    """An object of JSON, with each of its keys."""


def as_sent(message: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Return what commands a parser of any kind could take a message for: each of several equal keys counts."""
    try:
        read = json.JSONDecoder(object_pairs_hook=Pair, strict=False).decode(message.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return []
    if not isinstance(read, Pair):
        return []
    methods = [value for key, value in read if key == "method" and isinstance(value, str)]
    found = [value for key, value in read if key == "params" and isinstance(value, Pair)] or [Pair()]
    each_url = [value for pairs in found for key, value in pairs if key == "url"] or [""]
    inner = [value for pairs in found for key, value in pairs if key == "message"] or [""]
    commands = [(method, {"url": url}) for method in methods for url in each_url]
    for text in inner:
        if "Target.sendMessageToTarget" in methods and isinstance(text, str):
            commands += as_sent(text.encode("utf-8", "surrogatepass"))
    return commands


def refused_by_chromium(message: bytes) -> bool:
    """Return whether Chromium refuses a message as a whole, by its own rules: see ``tests/gateway/odd_messages.py``."""
    try:
        text = message.decode("utf-8", "surrogatepass")
        read = json.JSONDecoder(object_pairs_hook=Pair, strict=False).decode(text)
    except (ValueError, RecursionError):
        return True
    keys = [key for key, value in read if not (key in ("method", "sessionId") and value == "")]
    return len(set(keys)) < len(keys)


class Line:
    """A line to a browser that is only written down."""

    def __init__(self, shared: bool) -> None:
        self.transport: Any = FakeTransport()
        self.sent: list[bytes] = self.transport.sent
        self.execute = self.take if shared else None

    def take(self, command: Command) -> None:
        self.sent.append(write_command(command.id, command.method, command.params, command.session_id.encode()))


def through(
    case: SynchronousTestCase | TestCase, message: bytes, *, shared: bool, policy: Policy = STRICT
) -> tuple[list[bytes], list[Any]]:
    """Let a client say something; return what goes on to its browser, and what it is told."""
    line = Line(shared)
    table = MethodTable(Counters(), CommandFilter(policy))
    forwarder = CommandForwarder(line.transport, line.execute, lambda: None, table, PendingCommands())
    refusal = forwarder.forward(message, b"", 0.0)
    case.assertEqual(len(line.sent) + (refusal is not None), 1, message)
    return line.sent, [] if refusal is None else [json.loads(refusal)]


class JudgedTests(SynchronousTestCase):
    """Whatever is said, in both modes: what goes on is nothing that may not, however it is read."""

    @given(messages())
    def test_what_goes_on_is_what_was_judged(self, message):
        screen = CommandFilter(STRICT)
        for shared in (False, True):
            sent, _ = through(self, message, shared=shared)
            for each in sent:
                if not shared:
                    self.assertEqual(each, message)
                if not refused_by_chromium(each):
                    for method, found in as_sent(each):
                        self.assertIsNone(screen.objection(Command(1, method, found)), (method, found, message))
        self.assertEqual(through(self, message, shared=False, policy=Policy()), ([message], []))
        sent, told = through(self, message, shared=True, policy=Policy())
        for each in sent:
            command, again = read_command(message), read_command(each)
            self.assertEqual((again.method, again.session_id), (command.method, command.session_id))
            self.assertEqual(again.params, {} if command.params is None else command.params)
            self.assertFalse(again.doubled)
        for each in told:
            self.assertIn(each["error"]["code"], (-32700, -32600))

    def test_hostile_messages(self):
        for message in HOSTILE:
            for shared in (False, True):
                sent, told = through(self, message, shared=shared)
                if sent and not shared:
                    self.assertTrue(refused_by_chromium(sent[0]), message)
                elif sent:
                    self.assertNotIn(b"file:", sent[0])
                else:
                    self.assertIn("error", told[0])

    def test_harmless_messages(self):
        for message in (
            b'{"id":1,"method":"Page.navigate","params":{"url":"https://example.com/"}}',
            b'{"params":{"url":"https://example.com/"},"method":"Page.navigate","id":1.0,"sessionId":"A"}',
            b' {"id":1,"m\\u0065thod":"Page.navigate","params":{"u\\u0072l":"about:blank"}}',
            b'{"id":1,"method":"Runtime.evaluate","params":{"expression":"1","expression":"2"}}',
            b'{"id":1,"method":"Target.createTarget","params":{"url":"about:blank"}}',
        ):
            for shared in (False, True):
                self.assertEqual(len(through(self, message, shared=shared)[0]), 1, message)


_GO = b'"method":"Page.navigate"'
_OK = b'"params":{"url":"https://example.com/"}'
_BAD = b'"params":{"url":"file:///etc/passwd"}'

#: Each of them would lead to a file, if one of its readers took the other half of it.
HOSTILE = (
    b'{"id":1,"method":"Browser.getVersion",' + _GO + b"," + _BAD + b"}",
    b'{"id":1,"method":"Browser.getVersion","m\\u0065thod":"Page.navigate",' + _BAD + b"}",
    b'{"method":"Browser.getVersion",' + _GO + b"," + _BAD + b',"id":1}',
    b'{"id":1,"method":"",' + _GO + b"," + _BAD + b"}",
    b'{"id":1,' + _GO + b"," + _OK + b"," + _BAD + b"}",
    b'{"id":1,' + _GO + b"," + _BAD + b"," + _OK + b"}",
    b'{"id":1,' + _GO + b',"params":null,' + _BAD + b"}",
    b'{"id":1,' + _GO + b',"params":{"url":"https://example.com/","url":"file:///etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"url":"https://example.com/","u\\u0072l":"file:///etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"url":5,"url":"file:///etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"url":"file:///etc/passwd","url":"https://example.com/"}}',
    b'{"id":1,"id":2,' + _GO + b"," + _BAD + b"}",
    b'{"id":1,"sessionId":"","sessionId":"A",' + _GO + b"," + _BAD + b"}",
    b'\xef\xbb\xbf{"id":1,' + _GO + b"," + _BAD + b"}",
    ('{"id":1,"method":"Page.navigate","params":{"url":"file:///etc/passwd"}}').encode("utf-16"),
    b'/**/{"id":1,' + _GO + b"," + _BAD + b"}",
    b'{"id":1,"x":/*"*/1,' + _GO + b"," + _BAD + b"}",
    b'\x0b{"id":1,' + _GO + b"," + _BAD + b"}",
    b'{"id":1,' + _GO + b"," + _BAD + b"}{}",
    b'{"id":1,' + _GO + b"," + _BAD + b',"y":NaN}',
    b'{"id":1.0,' + _GO + b"," + _BAD + b"}",
    b'{"id":1,' + _GO + b',"params":{"url":"fil\\u0065:\\/\\/\\/etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"url":" \\t view-source:fi\\nle:///etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"a":' + b"[" * 400 + b"]" * 400 + b',"url":"file:///etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"a":' + b"9" * 5000 + b',"url":"file:///etc/passwd"}}',
    b'{"id":1,' + _GO + b',"params":{"a":"\xed\xa0\x80","url":"file:///etc/passwd"}}',
    b'{"id":1,"method":"Target.sendMessageToTarget","params":{"message":'
    b'"{\\"id\\":1,\\"method\\":\\"A.b\\",\\"method\\":\\"Page.navigate\\",\\"params\\":{\\"url\\":\\"file:///x\\"}}"}}',
    b'{"id":1,"method":"Target.sendMessageToTarget","params":{"message":"{}","message":'
    b'"{\\"id\\":1,\\"method\\":\\"Page.navigate\\",\\"params\\":{\\"url\\":\\"file:///x\\"}}"}}',
    b'{"id":1,"method":"Target.exposeDevToolsProtocol","params":{"targetId":"A"}}',
    b'{"id":1,"method":"Fetch.continueRequest","params":{"requestId":"1","url":"file:///etc/passwd"}}',
)
