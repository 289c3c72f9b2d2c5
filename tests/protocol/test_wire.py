"""Bytes to facts and back, without a connection."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import event
from txcdp.domains import browser, network, page
from txcdp.errors import CommandError, MalformedMessage
from txcdp.protocol._wire import (
    EventDecoder,
    ReplyDecoder,
    command_opening,
    encode_command,
    event_prefix,
    peek_id,
    peek_method,
    read_head,
    reply_decoder,
    session_of,
    session_tail,
    split_event,
)

AB = event_prefix(b"A.b")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
PARAMS = st.dictionaries(st.text(max_size=12) | st.just("sessionId"), PLAIN, max_size=4)
SESSIONS = st.none() | st.text(alphabet="0123456789ABCDEF", min_size=1, max_size=40)
METHODS = st.from_regex(r"[A-Z][a-zA-Z]{1,10}\.[a-z][a-zA-Z]{1,12}", fullmatch=True)


@example("A.b", {"sessionId": "x"}, "S")
@example("A.b", {"sessionId": "x"}, None)
@example("A.b", {"x": {}, "sessionId": "x"}, "S")  # a key of the parameters, after an object
@example("A.b", {"x": '"sessionId":"x"}'}, "S")
@given(METHODS, PARAMS, SESSIONS)
def test_peeking_says_what_decoding_says(method: str, params: dict[str, Any], session: str | None) -> None:
    message = event(method, params, session)
    assert peek_method(message) == method.encode()
    peeked = session_of(message, event_prefix(method.encode()))
    assert peeked == (session or "").encode()
    head = read_head(message)
    assert (head.id, head.method, head.session) == (None, method.encode(), peeked)
    parts = split_event(message)
    assert parts is not None
    assert parts[:2] == (method.encode(), peeked)
    assert json.loads(b"{" + message[1 : parts[2]] + b"}") == {"method": method, "params": params}


@pytest.mark.parametrize(
    "written", [b"", b"{}", b'{"method":"A.b"}', b'{"method":"A.b","params":{},"x":1}', b'{"method":"A.b', b'{"id":1}']
)
def test_what_is_written_otherwise_is_not_taken_apart(written: bytes) -> None:
    assert split_event(written) is None


@given(METHODS, PARAMS, SESSIONS, st.randoms())
def test_any_order_says_the_same(method: str, params: dict[str, Any], session: str | None, dice: Any) -> None:
    message: dict[str, Any] = {"method": method, "params": params}
    if session is not None:
        message["sessionId"] = session
    keys = list(message)
    dice.shuffle(keys)
    shuffled = {key: message[key] for key in keys}
    for text in (json.dumps(shuffled), json.dumps(shuffled, indent=2), json.dumps(shuffled, ensure_ascii=False)):
        written = text.encode()
        assert session_of(written, event_prefix(method.encode())) == (session or "").encode()


@given(st.binary(max_size=60))
def test_noise_is_refused_or_read(noise: bytes) -> None:
    for read in (read_head, lambda message: session_of(message, AB)):
        with contextlib.suppress(MalformedMessage):
            read(noise)
    peek_id(b'{"id":' + noise)
    peek_method(b'{"method":"' + noise)


def test_ids() -> None:
    assert peek_id(b'{"id":17,"result":{}}') == 17
    assert peek_id(b'{"id":0,"result":{}}') == 0
    for strange in (b'{"id":1.5,', b'{"id":"1",', b'{"id":', b'{"id":%b,' % (b"9" * 5000)):
        assert peek_id(strange) is None


def test_a_long_session_id() -> None:
    long = "x" * 500
    assert session_of(event("A.b", {}, long), AB) == long.encode()


def test_commands() -> None:
    assert json.loads(encode_command(3, command_opening("A.b"), b'{"x":1}', session_tail(None))) == {
        "id": 3, "method": "A.b", "params": {"x": 1}}  # fmt: skip
    assert json.loads(encode_command(3, command_opening("A.b"), b"{}", session_tail('S"1')))["sessionId"] == 'S"1'


def nothing() -> None:
    """Be told of a lenient reading."""


def test_replies() -> None:
    decode = reply_decoder(page.navigate)
    assert decode.read(b'{"id":1,"result":{"frameId":"F"}}', 1, None, nothing) == page.NavigateResult(frame_id="F")
    assert reply_decoder(page.navigate) is decode
    assert reply_decoder(page.enable).read(b'{"id":1,"result":{"x":1}}', 1, None, nothing) is None
    raw: ReplyDecoder[dict[str, Any]] = ReplyDecoder("A.b", dict[str, Any])
    assert raw.read(b'{"id":1,"result":{"x":"\\ud800"}}', 1, None, nothing) == {"x": "\ud800"}


@pytest.mark.parametrize(
    ("error", "code", "message", "data"),
    [
        ('{"code":-32601,"message":"no"}', -32601, "no", None),
        ('{"code":1,"message":"no","data":{"x":1}}', 1, "no", {"x": 1}),
        ('{"code":1,"message":"\\ud800"}', 1, "\ud800", None),
        ("{}", 0, "", None),
        ('"no"', 0, "no", None),
        ("7", 0, "7", None),
    ],
)
def test_refusals(error: str, code: int, message: str, data: Any) -> None:
    with pytest.raises(CommandError) as caught:
        reply_decoder(page.navigate).read(b'{"id":1,"error":%b}' % error.encode(), 1, None, nothing)
    refusal = caught.value
    assert (refusal.method, refusal.code, refusal.message, refusal.data) == ("Page.navigate", code, message, data)


@pytest.mark.parametrize("message", [b"", b'{"id":1}', b'{"id":1,"result":', b"\xff", b"null", b'["result"]'])
def test_replies_that_are_none(message: bytes) -> None:
    for decode in (reply_decoder(page.navigate), reply_decoder(page.enable)):
        with pytest.raises(MalformedMessage):
            decode.read(message, 1, None, nothing)


def test_lenient_reading_is_told() -> None:
    told: list[int] = []
    version = reply_decoder(browser.get_version).read(
        b'{"id":1,"result":{"product":1}}', 1, None, lambda: told.append(1)
    )
    assert (version.product, version.revision, told) == (1, None, [1])
    decode: EventDecoder[network.DataReceived] = EventDecoder(network.DataReceived, lambda: told.append(2))
    for message in (b'{"params":{"requestId":"R"}}', b'{"params":[]}', b"{}", b"[]"):
        assert decode(message).timestamp is None
    assert told == [1, 2, 2, 2, 2]
