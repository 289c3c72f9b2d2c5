"""What the tests of a page share: frames as the browser describes them."""

from __future__ import annotations

from typing import Any

from txcdp.domains import page


def frame_of(frame_id: str, url: str, **fields: Any) -> page.Frame:
    """Describe a frame.

    :param fields: what is to be otherwise than by default.
    """
    described: dict[str, Any] = {
        "id": frame_id,
        "loader_id": "L",
        "url": url,
        "domain_and_registry": "",
        "security_origin": "",
        "mime_type": "text/html",
        "secure_context_type": "Secure",
        "cross_origin_isolated_context_type": "NotIsolated",
        "gated_api_features": [],
    }
    return page.Frame(**{**described, **fields})
