"""The browser's descriptions of itself and its targets at ``/json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class VersionInfo(msgspec.Struct, frozen=True):
    """The response of ``/json/version``; what the browser did not report is ``None``."""

    browser: str | None = msgspec.field(default=None, name="Browser")
    protocol_version: str | None = msgspec.field(default=None, name="Protocol-Version")
    user_agent: str | None = msgspec.field(default=None, name="User-Agent")
    v8_version: str | None = msgspec.field(default=None, name="V8-Version")
    webkit_version: str | None = msgspec.field(default=None, name="WebKit-Version")
    file_path_style: str | None = msgspec.field(default=None, name="File-Path-Style")
    android_package: str | None = msgspec.field(default=None, name="Android-Package")
    web_socket_debugger_url: str | None = msgspec.field(default=None, name="webSocketDebuggerUrl")


class TargetDescription(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of ``/json/list``; what the browser did not report is ``None``."""

    id: str | None = None
    type: str | None = None
    title: str | None = None
    url: str | None = None
    description: str | None = None
    parent_id: str | None = None
    favicon_url: str | None = None
    devtools_frontend_url: str | None = None
    web_socket_debugger_url: str | None = None


def build(kind: type[S], answer: Mapping[str, Any]) -> S:
    """Build a record from what is there; a field of another type reads as missing."""
    found = {}
    for field in msgspec.structs.fields(kind):
        value = answer.get(field.encode_name)
        if isinstance(value, str):
            found[field.name] = value
    return kind(**found)
