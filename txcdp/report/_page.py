"""The page of a report: one HTML file with everything in it, which runs its own script and no other.

Its Content Security Policy allows only the one script and the one style whose hashes it contains, and embedded
pictures; Trusted Types refuse markup that a script sets (``innerHTML`` and the like). The runs are JSON in a script
element, which browsers do not run, with each ``<`` written as an escape so that nothing in it ends the element.
"""

from __future__ import annotations

import html
import os
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from txcdp.protocol import to_json
from txcdp.report._payload import payload, plain
from txcdp.report._run import Run

#: The page's scripts: one scope, in this order.
SCRIPTS: Final = (
    "data.js",
    "text.js",
    "elements.js",
    "axis.js",
    "rows.js",
    "filter.js",
    "details.js",
    "lanes.js",
    "requests.js",
    "console.js",
    "frames.js",
    "summary.js",
    "compare.js",
    "main.js",
)

_ESCAPES: Final = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
}

_MOST_TITLE: Final = 200


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text("utf-8")


@cache
def _script() -> str:
    return "\n".join(['"use strict";', "(() => {", *(_asset(name).rstrip() for name in SCRIPTS), "})();", ""])


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _policy() -> str:
    return (
        f"default-src 'none'; script-src {_hash(_script())}; style-src {_hash(_asset('report.css'))}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def render(*runs: Run, secrets: bool = False, bodies: bool = True) -> str:
    """Return the report: a web page that shows a run, or two of them side by side.

    :param runs: one or two.
    :param secrets: whether to include cookies, authorization, tokens and passwords; otherwise they are masked, in
        headers, URLs, forms and JSON.
    :param bodies: whether to include the beginnings of bodies.
    :returns: self-contained HTML, which needs no network.
    :raises ValueError: there are no runs, or more than two.
    :raises TypeError: an argument is not a run.
    """
    if not 1 <= len(runs) <= 2:
        raise ValueError(f"{len(runs)} runs: a report shows one, or two side by side")
    for each in runs:
        if not isinstance(each, Run):
            raise TypeError(
                f"a report needs runs, such as txcdp.report.read() returns, not {type(each).__name__}; "
                "txcdp.recording.read() returns the entries of a recording"
            )
    given = payload(runs, secrets=secrets, bodies=bodies)
    data = to_json(given)
    for character, escape in _ESCAPES.items():
        data = data.replace(character, escape)
    title = " and ".join(each["name"] or "a run" for each in given["runs"])
    parts = {
        "policy": _policy(),
        "title": html.escape(plain(title)[:_MOST_TITLE]),
        "style": _asset("report.css"),
        "data": data.decode("utf-8"),
        "script": _script(),
    }
    page = ""
    for piece in _asset("report.html").split("@@"):
        page += parts.get(piece, piece)
    return page


def write(path: str | os.PathLike[str], *runs: Run, secrets: bool = False, bodies: bool = True) -> Path:
    """Write the report of a run, or of two side by side, to a file that only its owner can read.

    :param path: the file; an existing one is replaced.
    :param runs: one or two.
    :param secrets: as for :func:`render`, like ``bodies``.
    :returns: the path.
    :raises OSError: the file cannot be written.
    :raises ValueError: there are no runs, or more than two.
    """
    page = render(*runs, secrets=secrets, bodies=bodies).encode("utf-8")
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(page)
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return target
