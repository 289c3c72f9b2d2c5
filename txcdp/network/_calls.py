"""An exchange's request as a call for other programs: a curl command line, or arguments for treq."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from txcdp.network import _headers as headers_of

if TYPE_CHECKING:
    from txcdp.network._requests import Request

#: Headers that every client adds by itself.
_OWN: Final = frozenset({"host", "content-length", "connection", "transfer-encoding"})


def curl(request: Request) -> str:
    """Return the curl command line, for a POSIX shell; a binary body is piped into it."""
    body = request._told_body()
    words = ["curl", shlex.quote(request.url)]
    if request.method != ("POST" if request.has_post_data else "GET"):
        words += ["--head"] if request.method == "HEAD" else ["-X", shlex.quote(request.method)]
    for name, value in _sent(request):
        if name.lower() == "accept-encoding":
            words.append("--compressed")
        else:  # a header without a value is sent with a semicolon, and left out with a colon
            words += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    if not request.has_post_data:
        return " ".join(words)
    if "content-type" not in (name.lower() for name, _ in _sent(request)):
        words += ["-H", "'Content-Type:'"]  # or it would say that it is a form
    if body is None:  # too large to be told with the request
        return " ".join([*words, "--data-binary", "@-"])
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text and not text.startswith("@"):  # which would be the name of a file
        return " ".join([*words, "--data-binary", shlex.quote(text)])
    octal = "".join(f"\\{each:03o}" for each in body)
    return f"printf '{octal}' | {' '.join(words)} --data-binary @-"


def treq(request: Request) -> dict[str, Any]:
    """Return the arguments of ``treq.request``."""
    headers: dict[str, list[str]] = {}
    for name, value in _sent(request):
        if name.lower() != "accept-encoding":  # treq says which it can decode
            headers.setdefault(name, []).append(value)
    return {"method": request.method, "url": request.url, "headers": headers, "data": request._told_body()}


def _sent(request: Request) -> list[tuple[str, str]]:
    """Return the headers that were sent and that a client does not add by itself."""
    overrides = request._overrides
    if overrides is not None and overrides.headers is not None:
        found = headers_of.pairs(overrides.headers)
    else:
        found = request._pairs(True)
    return [(name, value) for name, value in found if not name.startswith(":") and name.lower() not in _OWN]
