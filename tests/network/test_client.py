"""The client of a context, without a browser: what it refuses before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from txcdp.testing import FakeChrome


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": {"a": "1"}}, "unknown option 'form' of a request; use data="),
        ({"multipart": {"a": "1"}}, "unknown option 'multipart' of a request; use files="),
        ({"fail_on_status_code": True}, "use the response's code"),
        ({"data": '{"a": 1}'}, "data=: a body is bytes, or a dict, which is sent as a form; json= sends"),
    ],
)
def test_what_is_not_treqs_is_refused_with_what_is(options: dict[str, Any], said: str) -> None:
    chrome = FakeChrome()
    client = chrome.browser().default_context.request
    sent = len(chrome.commands)
    with pytest.raises(TypeError) as refused:
        chrome.run(client.post("http://127.0.0.1/", **options))
    assert said in str(refused.value)
    assert len(chrome.commands) == sent
