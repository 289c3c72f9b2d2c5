"""Converts what a user types to a URL, and a URL to a short form for display."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

#: Schemes without ``//`` that a browser can show.
_BARE_SCHEMES = ("about", "data", "blob", "view-source", "chrome", "filesystem")


class NotAPage(ValueError):
    """An argument is not the URL of a page; the message says why."""


def page_url(text: str) -> str:
    """Return the URL that is meant, as browsers guess it.

    A URL stays as it is. A file that exists is meant by its path, and so is whatever begins like a path.
    Anything else is a host: ``http`` for this machine, an IP address and a name without a dot; ``https``
    otherwise.

    :raises NotAPage: it is empty, or a path at which there is nothing.
    """
    text = text.strip()
    if not text:
        raise NotAPage("the URL is empty")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme and (text[scheme.end() :].startswith("//") or scheme[1].lower() in _BARE_SCHEMES):
        return text
    path = Path(os.path.expanduser(text))
    if path.is_file() or re.match(r"(\.{0,2}[/\\]|~|[A-Za-z]:\\)|\.{1,2}$", text):
        if not path.exists():
            raise NotAPage(f"no such file: {text}")
        return path.resolve().as_uri()
    if scheme and not re.match(r"\d{1,5}(/|\?|#|$)", text[scheme.end() :]):
        raise NotAPage(f"{text[: scheme.end()]} is not a URL scheme that a browser displays")
    return f"{'http' if _is_near(text) else 'https'}://{text}"


def _is_near(text: str) -> bool:
    """Return whether a host is probably without TLS."""
    host = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2]
    try:
        name = urlsplit(f"//{host}").hostname or ""
        ipaddress.ip_address(name)
    except ValueError:
        name = re.sub(r":\d*$", "", host)
        return "." not in name or name.endswith((".localhost", ".local"))
    return True


def origin(url: str) -> str:
    """Return a URL's scheme and host, ``""`` where it has none."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+", url)
    return found[0] if found else ""


def short(url: str, base: str) -> str:
    """Return a URL without its origin, where that is ``base``."""
    if base and url.startswith(base) and url[len(base) : len(base) + 1] in ("/", "?", "#"):
        return url[len(base) :]
    return url


def place(url: str, line: int | None, column: int | None = None) -> str:
    """Return a place in the code, ``harbour.js:12:3``, from numbers that count from zero."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    name = bare.rstrip("/").rpartition("/")[2] or bare
    if bare == origin(url) + "/":
        name = "/"
    numbers = [f"{each + 1}" for each in (line, column) if each is not None]
    return ":".join([name, *numbers]) if name else ""
