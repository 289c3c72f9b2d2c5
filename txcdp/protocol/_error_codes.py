"""The codes of errors in replies: those of JSON-RPC, as Chromium uses them, and its own."""

from __future__ import annotations

from typing import Final

#: The message is not JSON.
PARSE_ERROR: Final = -32700
#: The message is JSON, but not a command.
INVALID_REQUEST: Final = -32600
#: There is no such command, or not for this kind of target.
METHOD_NOT_FOUND: Final = -32601
#: The parameters are not valid for the command.
INVALID_PARAMS: Final = -32602
#: The command was refused, or has failed.
SERVER_ERROR: Final = -32000
#: There is no such session.
SESSION_NOT_FOUND: Final = -32001
