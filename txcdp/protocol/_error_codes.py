"""The codes of errors in replies: those of JSON-RPC, as Chromium uses them, and its own."""

from __future__ import annotations

from typing import Final

#: It is no JSON.
PARSE_ERROR: Final = -32700
#: It is JSON, but no command.
INVALID_REQUEST: Final = -32600
#: There is no such command, or not for such a target.
METHOD_NOT_FOUND: Final = -32601
#: The parameters are not those of the command.
INVALID_PARAMS: Final = -32602
#: The command was refused, or has failed.
SERVER_ERROR: Final = -32000
#: There is no such session.
SESSION_NOT_FOUND: Final = -32001
