"""Messages that two parsers may read differently, with what Chromium makes of them.

``test_client_messages_browser.py`` asks Chromium; ``test_client_messages.py`` asks the gateway.
"""

from __future__ import annotations

from typing import NamedTuple

_V = b'"method":"Browser.getVersion"'

#: In the place of an id: the reply has none.
NO_ID = None


class Odd(NamedTuple):
    """A message, and its reply: an error, or that of ``Browser.getVersion`` where there is none."""

    message: bytes
    code: int = 0
    words: str = ""
    id: int | None = 1


def _twice(text: bytes, number: int = 1) -> Odd:
    return Odd(text, -32700, "CBOR: duplicate map key", number)


def _no_json(text: bytes, words: str = "JSON: ") -> Odd:
    return Odd(text, -32700, words, NO_ID)


def _other(text: bytes, number: int | None = 1) -> Odd:
    return Odd(text, -32600, "Message has property other than 'id', 'method', 'sessionId', 'params'", number)


def _no_number(text: bytes) -> Odd:
    return Odd(text, -32600, "Message must have integer 'id' property", NO_ID)


def _no_method(text: bytes, number: int | None = 1) -> Odd:
    return Odd(text, -32600, "Message must have string 'method' property", number)


def _no_session(text: bytes) -> Odd:
    return Odd(text, -32600, "Message may have string 'sessionId' property")


def _no_object(text: bytes) -> Odd:
    return Odd(text, -32600, "Message may have object 'params' property")


ODD = (
    # Keys that are there twice:
    _twice(b'{"id":1,"id":2,' + _V + b"}"),
    _twice(b'{"id":0,"id":1,' + _V + b"}", 0),
    _twice(b'{"id":1,"i\\u0064":1,' + _V + b"}"),
    _twice(b'{"id":1,' + _V + b',"method":"Target.getTargets"}'),
    _twice(b'{"id":1,' + _V + b',"m\\u0065thod":"Target.getTargets"}'),
    _twice(b'{"method":"Target.getTargets","id":1,' + _V + b"}"),
    _twice(b'{"id":1,"method":"x","method":5}'),
    _twice(b'{"id":1,' + _V + b',"params":{},"params":{}}'),
    _twice(b'{"id":1,' + _V + b',"params":null,"params":{}}'),
    _twice(b'{"id":1,' + _V + b',"params":[],"param\\u0073":{}}'),
    _twice(b'{"id":1,"sessionId":"x","sessionId":"",' + _V + b"}"),
    Odd(b'{"id":1,"method":"",' + _V + b"}"),
    Odd(b'{"id":1,"sessionId":"","sessionId":"",' + _V + b"}"),
    Odd(b'{"id":1,' + _V + b',"params":{"a":1,"a":2}}'),
    # Other spellings of the same:
    Odd(b'{"i\\u0064":1,"m\\u0065thod":"Browser.get\\u0056ersion"}'),
    Odd(b' \t\r\n{ "id" : 1 ,\n' + _V + b" } "),
    Odd(b'{"sessionId":"","params":{"id":2,"method":"Nope.nope"},' + _V + b',"id":1}'),
    *(Odd(b'{"id":%b,' % each + _V + b"}") for each in (b"1.0", b"1e0", b"10e-1")),
    Odd(b'{"id":-0,' + _V + b"}", id=0),
    Odd(b'{"id":1e-400,' + _V + b"}", id=0),
    Odd(b'{"id":-2147483648,' + _V + b"}", id=-(2**31)),
    Odd(b'{"id":2147483647,' + _V + b"}", id=2**31 - 1),
    Odd(b'{"id":1,' + _V + b',"params":{"\\ud800":"\\ud800\\u0000","b":"\xed\xa0\x80","c":"a\nb\x01\t"}}'),
    Odd(b'{"id":1,' + _V + b',"params":{"a":99999999999999999999,"b":%b}}' % (b"9" * 300)),
    *(Odd(b'{"id":1,' + _V + b',"params":%b}' % each) for each in (b"null", b"[]", b"[1]")),
    Odd(b'{"id":1,' + _V + b',"params":{"a":' + b"[" * 299 + b"]" * 299 + b"}}"),
    # What is no JSON:
    _no_json(b"", "JSON: no input at position 0"),
    *(_no_json(each) for each in (b"x", b'{"id":1', b"\xff", b"\x00", b"//x\n{}", b"[" * 100_000)),
    _no_json(b"\xef\xbb\xbf" + b'{"id":1,' + _V + b"}", "JSON: invalid token"),
    *(_no_json((b'{"id":1,' + _V + b"}").decode().encode(each)) for each in ("utf-16", "utf-16-le", "utf-32-be")),
    _no_json(b'{"id":1,/**/' + _V + b"}"),
    _no_json(b'{"id":1,' + _V + b"}/**/"),
    *(_no_json(b'{"id":1,' + _V + b"}" + each, "JSON: unprocessed input remains") for each in (b"x", b"{}", b"\x00")),
    _no_json(b'{"id":1,' + _V + b",}"),
    _no_json(b"{'id':1," + _V + b"}"),
    _no_json(b"{id:1," + _V + b"}"),
    _no_json(b'{"id":01,' + _V + b"}"),
    _no_json(b'{"id":1e400,' + _V + b"}"),
    *(
        _no_json(b'{"id":1,' + _V + b',"params":{"a":%b}}' % each)
        for each in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b".5", b"+5", b"1.", b"0x10", b"[1,]", b'"\\x41"')
    ),
    *(
        _no_json(b'{"id":1,' + _V + b',"params":{"a":"%b"}}' % each, "JSON: invalid string")
        for each in (b"\xff", b"\xc0\xaf")
    ),
    _no_json(b'{"id":1,' + _V + b',"params":{"a":' + b"[" * 300 + b"]" * 300 + b"}}", "JSON: stack limit exceeded"),
    # What is no command:
    *(
        Odd(each, -32600, "Message must be an object", NO_ID)
        for each in (b"[]", b"null", b"5", b'"x"', b'[{"a":1,"a":2}]')
    ),
    *(_no_number(b'{"id":%b,' % each + _V + b"}") for each in (b"null", b"true", b'"1"', b"1.5", b"2147483648", b"[]")),
    _no_number(b"{}"),
    _no_number(b"{" + _V + b"}"),
    _no_number(b'{"method":"A.b","id":"x","sessionId":5}'),
    _no_method(b'{"id":1}'),
    *(_no_method(b'{"id":1,"method":%b}' % each) for each in (b"null", b"5", b'""', b'"\\ud800"')),
    _no_method(b'{"method":5,"id":"x"}', NO_ID),
    _no_method(b'{"id":2,"method":5,"zzz":1}', 2),
    _other(b'{"id":1,' + _V + b',"x":5}'),
    _other(b'{"id":1,' + _V + b',"":5}'),
    _other(b'{"id":1,' + _V + b',"Method":"Target.getTargets"}'),
    _other(b'{"x":5,"id":1}', NO_ID),
    _other(b'{"id":2,"x":1,"method":5}', 2),
    *(_no_session(b'{"id":1,' + _V + b',"sessionId":%b}' % each) for each in (b"null", b"5", b'"\\ud800"')),
    *(_no_object(b'{"id":1,' + _V + b',"params":%b}' % each) for each in (b"5", b"0", b'""', b"false")),
)
