"""The records and the decoder that never gives up on them: each rung of the ladder."""

from __future__ import annotations

import json
import math
from typing import Any, Generic, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from txcdp.domains import accessibility, dom, fetch, network, page, runtime, service_worker
from txcdp.errors import MalformedMessage
from txcdp.protocol._records import Command, Record, TolerantDecoder, build, from_json, result_type, to_json

T = TypeVar("T")


class Envelope(msgspec.Struct, Generic[T]):
    params: T


class Maybe(msgspec.Struct, Generic[T]):
    result: T | msgspec.UnsetType = msgspec.UNSET
    results: list[T] = []
    note: str | None = None


class Either(Record, frozen=True, kw_only=True):
    value: list[dom.BackendNode] | dom.Node | None = None
    anything: Any = None
    pairs: dict[str, int] | None = None


FRAME = {
    "id": "F",
    "loaderId": "L",
    "url": "https://example.com/",
    "domainAndRegistry": "example.com",
    "securityOrigin": "https://example.com",
    "mimeType": "text/html",
    "secureContextType": "Secure",
    "crossOriginIsolatedContextType": "NotIsolated",
    "gatedAPIFeatures": ["SharedArrayBuffers"],
}


def decode(shape: Any, value: Any) -> tuple[Any, int]:
    """Decode a value (or JSON) through the ladder; also return how often it was not enough to be strict."""
    counted: list[int] = []
    decoder: TolerantDecoder[Any] = TolerantDecoder(shape, lambda: counted.append(1))
    return decoder(value if isinstance(value, bytes) else json.dumps(value).encode()), len(counted)


def test_what_fits_is_read_strictly() -> None:
    frame, lenient = decode(page.Frame, FRAME)
    assert (frame.id, frame.gated_api_features, frame.parent_id, lenient) == ("F", ["SharedArrayBuffers"], None, 0)


def test_a_missing_field_reads_as_none() -> None:
    frame, lenient = decode(page.Frame, {"id": "F"})
    assert (frame.id, frame.url, frame.gated_api_features, lenient) == ("F", None, None, 1)


def test_an_unknown_field_is_ignored() -> None:
    frame, lenient = decode(page.Frame, {**FRAME, "invented": {"since": [1]}})
    assert (frame.id, lenient) == ("F", 0)
    frame, lenient = decode(page.Frame, {"id": "F", "invented": 1})
    assert (frame.id, lenient) == ("F", 1)


def test_an_unknown_enum_value_is_a_plain_string() -> None:
    frame, lenient = decode(page.Frame, {**FRAME, "secureContextType": "Brand-new", "gatedAPIFeatures": ["Newer"]})
    assert (frame.secure_context_type, frame.gated_api_features, lenient) == ("Brand-new", ["Newer"], 0)


@pytest.mark.parametrize("value", [5, 1.5, True, ["x"], {"a": 1}])
def test_a_changed_type_is_delivered_as_it_came(value: Any) -> None:
    frame, lenient = decode(page.Frame, {**FRAME, "url": value})
    assert (frame.url, frame.id, lenient) == (value, "F", 1)


def test_null_for_a_required_field_is_none() -> None:
    assert decode(page.Frame, {**FRAME, "url": None})[0].url is None


def test_tolerance_reaches_into_lists_and_optional_records() -> None:
    tree = {"frame": FRAME, "childFrames": [{"frame": {**FRAME, "url": 7}}, {"frame": "gone"}, 3]}
    built, lenient = decode(page.FrameTree, tree)
    assert lenient == 1
    first, second, third = built.child_frames
    assert isinstance(first, page.FrameTree)
    assert first.frame.url == 7
    assert second.frame == "gone"
    assert third == 3


def test_a_record_that_became_something_else_is_delivered_as_it_came() -> None:
    assert decode(page.FrameTree, {"frame": ["a"], "childFrames": {"no": "list"}})[0].child_frames == {"no": "list"}
    assert decode(page.FrameTree, [1, 2])[0] == [1, 2]
    assert decode(page.FrameTree, b"null")[0] is None


def test_self_reference_behind_a_keyword() -> None:
    condition, lenient = decode(service_worker.ServiceWorkerRouterCondition, {"or": [{"not": {"urlPattern": 1}}]})
    assert lenient == 1
    assert condition.or_[0].not_.url_pattern == 1


def test_unions_try_each_member() -> None:
    either, _ = decode(Either, {"value": [{"nodeType": "?"}], "anything": {"a": 1}, "pairs": {"a": "?"}})
    assert isinstance(either.value[0], dom.BackendNode)
    assert (either.anything, either.pairs) == ({"a": 1}, {"a": "?"})
    assert isinstance(build(Either, {"value": {"nodeId": 1}}).value, dom.Node)
    assert build(Either, {"value": "neither"}).value == "neither"


def test_envelopes_are_generic() -> None:
    shape: Any = Envelope[network.RequestWillBeSent]
    built, lenient = decode(shape, {"method": "x", "params": {"requestId": "R", "request": {"url": "u", "method": 3}}})
    assert lenient == 1
    assert isinstance(built, Envelope)
    assert isinstance(built.params, network.RequestWillBeSent)
    assert isinstance(built.params.request, network.Request)
    assert (built.params.request.url, built.params.request.method, built.params.loader_id) == ("u", 3, None)


def test_type_variables_are_put_in_wherever_they_stand() -> None:
    shape: Any = Maybe[dom.BackendNode]
    value = {"result": {"nodeType": "x"}, "results": [{"nodeName": 1}], "note": 5}
    built, lenient = decode(shape, value)
    assert lenient == 1
    assert (built.result.node_type, built.results[0].node_name, built.note) == ("x", 1, 5)
    assert isinstance(built.results[0], dom.BackendNode)
    assert build(shape, {}).result is msgspec.UNSET
    assert build(Maybe, {"result": {"a": 1}}).result == {"a": 1}


def test_bytes_are_base64() -> None:
    result, lenient = decode(page.CaptureScreenshotResult, {"data": "aGk="})
    assert (result.data, lenient) == (b"hi", 0)
    assert build(page.CaptureScreenshotResult, {"data": "aGk="}).data == b"hi"


@pytest.mark.parametrize("data", ["!", "aGk", "é", 5, ["x"]])
def test_bad_base64_is_delivered_as_it_came(data: Any) -> None:
    result, lenient = decode(page.CaptureScreenshotResult, {"data": data})
    assert (result.data, lenient) == (data, 1)


def test_lone_surrogates_come_in_and_go_out() -> None:
    result, lenient = decode(runtime.RemoteObject, rb'{"type":"string","value":"a\ud800z"}')
    assert (result.value, lenient) == ("a\ud800z", 1)
    assert to_json(runtime.evaluate(expression="'\ud800'")) == rb'{"expression":"\u0027\ud800\u0027"}'.replace(
        rb"\u0027", b"'"
    )
    assert to_json(["\udfff"]) == rb'["\udfff"]'


def test_numbers_that_strict_json_does_not_know() -> None:
    result, lenient = decode(runtime.RemoteObject, b'{"type":"number","value":NaN}')
    assert math.isnan(result.value)
    assert lenient == 1
    assert decode(runtime.RemoteObject, b'{"type":"number","value":-Infinity}')[0].value == -math.inf
    assert decode(runtime.RemoteObject, b'{"type":"number","value":1e999}')[0].value == math.inf
    assert decode(runtime.RemoteObject, b'{"type":"number","value":%d}' % 10**40)[0].value in (10**40, 1e40)


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":1}}', b"\xff", b'{"type":"\xff"}', b"[" * 100_000, b"9" * 10_000])
def test_what_is_not_json_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(runtime.RemoteObject, text)
    with pytest.raises(MalformedMessage, match="not JSON"):
        from_json(text)


@pytest.mark.parametrize("depth", [10, 80])
def test_deep_trees_are_built(depth: int) -> None:
    node: dict[str, Any] = {"nodeId": 0}
    for number in range(depth):
        node = {"nodeId": number, "children": [node]}
    built, lenient = decode(dom.Node, node)
    for _ in range(depth):
        built = built.children[0]
    assert (built.node_id, lenient) == (0, 1)


def test_trees_too_deep_to_build_are_malformed() -> None:
    node: dict[str, Any] = {"nodeId": 0}
    for number in range(5000):
        node = {"nodeId": number, "children": [node]}
    with pytest.raises(MalformedMessage, match="too deep"):
        build(dom.Node, node)


def test_without_a_listener_the_ladder_is_the_same() -> None:
    decoder: TolerantDecoder[page.Frame] = TolerantDecoder(page.Frame)
    assert decoder(b'{"id":1}').id == 1


def test_a_command_is_a_value() -> None:
    command = page.navigate(url="https://example.com/", transition_type="typed")
    assert command == page.navigate(transition_type="typed", url="https://example.com/")
    assert hash(command) == hash(page.navigate(url="https://example.com/", transition_type="typed"))
    assert repr(command) == "navigate(url='https://example.com/', transition_type='typed')"
    assert to_json(command) == b'{"url":"https://example.com/","transitionType":"typed"}'
    with pytest.raises(AttributeError):
        command.url = "elsewhere"  # type: ignore[misc]
    with pytest.raises(TypeError):
        page.navigate("https://example.com/")  # type: ignore[call-arg]


def test_bytes_leave_as_base64_even_beside_a_lone_surrogate() -> None:
    command = fetch.fulfill_request(request_id="1", response_code=200, body=b"hi", response_phrase="\ud800")
    assert json.loads(to_json(command)) == {
        "requestId": "1",
        "responseCode": 200,
        "body": "aGk=",
        "responsePhrase": "\ud800",
    }


def test_result_type() -> None:
    assert result_type(page.navigate) is page.NavigateResult
    assert result_type(page.enable) is None


def test_fields_that_the_class_variables_hide_have_another_name() -> None:
    command = fetch.continue_request(request_id="1", method_="PUT")
    assert isinstance(command, Command)
    assert command.method == "Fetch.continueRequest"
    assert to_json(command) == b'{"requestId":"1","method":"PUT"}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["nodes", "nodeId", "role", "type", "value", "sources", "relatedNodes", "properties", "name"])


@given(value=st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=4), max_size=6))
def test_no_json_object_is_refused(value: Any) -> None:
    for shape in (accessibility.AXNode, accessibility.LoadComplete, accessibility.GetFullAXTreeResult):
        built, lenient = decode(shape, value)
        assert isinstance(built, shape)
        if not lenient:
            assert msgspec.json.decode(to_json(built), type=shape) == built


@given(text=st.binary(max_size=60))
def test_bytes_are_read_or_malformed(text: bytes) -> None:
    try:
        built, lenient = decode(dom.Node, text)
    except MalformedMessage:
        return
    assert isinstance(built, dom.Node) or lenient
