"""The cookies of a context: conversion to and from dicts, and Python's cookie jars."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from http.cookiejar import Cookie as JarCookie
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Literal, Required, TypedDict
from urllib.parse import SplitResult, urlsplit

from msgspec.structs import replace

from txcdp._arguments import check_choice, unknown_name
from txcdp._core.sessions import Session
from txcdp._deferreds import returns_deferred
from txcdp.domains import network, storage
from txcdp.errors import CommandError

#: Which cross-site requests include a cookie.
SameSite = Literal["Strict", "Lax", "None"]

#: The last second of the year 9999, as seconds since the epoch.
_LAST_EXPIRY: Final = 253402300799

#: The maximum size in bytes of a cookie's name and value together.
_LONGEST: Final = 4096

#: The browser's error if one of several cookies is invalid.
_REFUSED: Final = "Invalid cookie fields"

#: Characters that the browser refuses in names.
_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f;=]")
_NOT_IN_VALUES: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f;]")

#: A domain, optionally with a port, which is ignored: any other character would make it another domain.
_DOMAIN: Final = re.compile(r"\.?(?:\[[\da-fA-F:.]+\]|[^\s.:/?#@%*\\\[\]][^\s:/?#@%*\\\[\]]*)(?::\d+)?")

#: An expiry time in the past, which deletes a cookie.
_LONG_AGO: Final = 1.0


class Cookie(TypedDict, total=False):
    """A cookie.

    ``name`` and ``value`` are always present; a cookie that a context returns has all keys but perhaps
    ``partitionKey``. A cookie to add has either a ``url``, from which the rest is taken, or a ``domain`` and a
    ``path``.
    """

    name: Required[str]
    value: Required[str]
    url: str
    domain: str
    path: str
    expires: float
    httpOnly: bool
    secure: bool
    sameSite: SameSite
    partitionKey: str
    _crHasCrossSiteAncestor: bool


_KEYS: Final = Cookie.__required_keys__ | Cookie.__optional_keys__

#: What Puppeteer and browser extensions write besides, which follows from the other keys or cannot be set.
_OF_OTHERS: Final = frozenset(
    {"hostOnly", "id", "priority", "sameParty", "session", "size", "sourcePort", "sourceScheme", "storeId"}
)


def dict_of(cookie: network.Cookie) -> Cookie:
    """Return a cookie of the browser as a dict."""
    described = Cookie(
        name=cookie.name,
        value=cookie.value,
        domain=cookie.domain,
        path=cookie.path,
        expires=-1 if cookie.session or cookie.expires is None else cookie.expires,
        httpOnly=cookie.http_only,
        secure=cookie.secure,
        sameSite=cookie.same_site or "Lax",
    )
    if cookie.partition_key is not None:
        described["partitionKey"] = cookie.partition_key.top_level_site
        described["_crHasCrossSiteAncestor"] = cookie.partition_key.has_cross_site_ancestor
    return described


def _about_unknown(keys: AbstractSet[str]) -> str:
    if "expirationDate" in keys:
        return "unknown key 'expirationDate'; it is called 'expires'"
    if idle := sorted(keys & _OF_OTHERS):
        return f"unknown keys {', '.join(map(repr, idle))}; leave them out"
    return unknown_name("unknown key", min(keys), _KEYS)


def param_of(cookie: Mapping[str, Any]) -> network.CookieParam:
    """Convert a dict to a cookie for the browser.

    :raises TypeError: if it is not a cookie, or a field has a wrong type.
    :raises ValueError: if a field is invalid.
    """
    if not isinstance(cookie, Mapping):
        raise TypeError(f"expected a cookie, a dict with name, value, and url or domain and path, not {cookie!r}")
    name = cookie.get("name")
    given = {key: value for key, value in cookie.items() if value is not None}
    unknown = given.keys() - _KEYS
    if unknown:
        raise ValueError(f"cookie {name!r}: {_about_unknown(unknown)}")
    for key, kinds in _TYPES.items():
        if key in given and (not isinstance(given[key], kinds) or (key == "expires" and given[key] is True)):
            raise TypeError(f"cookie {name!r}: {key}={given[key]!r} is not of type {kinds[0].__name__}")
    for key in ("name", "value"):
        if key not in given:
            raise ValueError(f"cookie {name!r}: missing {key}")
    _check_place(given)
    _check_text(given)
    expires = given.get("expires", -1)
    if expires != -1 and not 0 <= expires <= _LAST_EXPIRY:
        raise ValueError(
            f"cookie {name!r}: expires={expires!r}: expected seconds since the epoch, up to the year 9999; "
            "or -1 for a session cookie"
        )
    same_site = given.get("sameSite")
    if same_site is not None:
        check_choice(f"cookie {name!r}: sameSite", same_site, ("Strict", "Lax", "None"))
    secure = given.get("secure")
    if secure is None and "url" in given:
        secure = urlsplit(given["url"]).scheme in ("https", "wss")
    if same_site == "None" and not secure:
        raise ValueError(f"cookie {name!r}: sameSite='None' requires secure=True")
    return network.CookieParam(
        name=given["name"],
        value=given["value"],
        url=given.get("url"),
        domain=given.get("domain"),
        path=given.get("path") if "url" not in given else _directory(given["url"]),
        expires=None if expires == -1 else expires,
        http_only=given.get("httpOnly"),
        secure=secure,
        same_site=same_site,
        partition_key=_partition_key(given),
    )


def param_of_kept(cookie: object) -> network.CookieParam:
    """Convert a cookie from any browser to one for ours, as far as possible.

    :raises TypeError: if it is not a cookie, or a field has a wrong type.
    :raises ValueError: if a field is invalid.
    """
    if not isinstance(cookie, Mapping):
        return param_of(cookie)  # type: ignore[arg-type]
    known = {key: value for key, value in cookie.items() if key in _KEYS}
    if known.get("sameSite") == "None" and not known.get("secure"):
        del known["sameSite"]  # others keep such a one
    return param_of(known)


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("name", "value", "url", "domain", "path", "sameSite", "partitionKey"), (str,)),
    **dict.fromkeys(("httpOnly", "secure", "_crHasCrossSiteAncestor"), (bool,)),
    "expires": (float, int),
}


def _check_place(given: Mapping[str, Any]) -> None:
    name = given["name"]
    if "url" not in given:
        if "domain" in given and "path" in given:
            if _DOMAIN.fullmatch(given["domain"]) is None:
                raise ValueError(
                    f"cookie {name!r}: domain={given['domain']!r}: expected a host, such as 'example.com', "
                    "or url= instead"
                )
            return
        raise ValueError(f"cookie {name!r}: must have a url, or a domain and a path")
    for key in ("domain", "path"):
        if key in given:
            raise ValueError(f"cookie {name!r}: must have either a url or a {key}, not both")
    url = given["url"]
    if url == "about:blank":
        raise ValueError(f"a blank page cannot have the cookie {name!r}: {url!r}")
    if urlsplit(url).scheme not in ("http", "https", "ws", "wss"):
        raise ValueError(f"cookie {name!r}: only http and https pages can have cookies, not {url!r}")
    if _DOMAIN.fullmatch(urlsplit(url).netloc.rpartition("@")[2]) is None:
        raise ValueError(f"cookie {name!r}: {url!r} has no valid host")


def _check_text(given: Mapping[str, Any]) -> None:
    name, value = given["name"], given["value"]
    for key, refused in (("name", _NOT_IN_NAMES), ("value", _NOT_IN_VALUES)):
        found = refused.search(given[key])
        if found is not None:
            raise ValueError(f"cookie {name!r}: its {key} contains {found[0]!r}, which is not allowed in a cookie")
        if given[key].strip(" \t") != given[key]:
            raise ValueError(f"cookie {name!r}: its {key} begins or ends with a space, which is not allowed")
    if not name and not value:
        raise ValueError("a cookie must have a name or a value")
    if len(name.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace")) > _LONGEST:
        raise ValueError(f"cookie {name[:80]!r}: its name and value are longer than {_LONGEST} bytes together")
    path = given.get("path", "/")
    if not path.startswith("/") or _NOT_IN_VALUES.search(path) is not None:
        raise ValueError(f"cookie {name!r}: path={path!r} does not begin with '/', or contains a forbidden character")


def _directory(url: str) -> str:
    """Return the default cookie path of a URL: its path up to the last slash."""
    return urlsplit(url).path.rpartition("/")[0] + "/"


def _partition_key(given: Mapping[str, Any]) -> network.CookiePartitionKey | None:
    site = given.get("partitionKey")
    if site is None:
        return None
    ancestor = given.get("_crHasCrossSiteAncestor", False)
    return network.CookiePartitionKey(top_level_site=site, has_cross_site_ancestor=ancestor)


class _Place:
    """A URL to which cookies may be sent."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.scheme:
            raise ValueError(f"{url!r} is not a URL: it has no scheme, such as https://")
        self._host = _host_of(parts)
        self._path = parts.path or "/"
        self._secure = parts.scheme in ("https", "wss") or _is_local(parts.hostname or "")

    def has(self, cookie: network.Cookie) -> bool:
        """Whether a cookie is sent there, according to RFC 6265."""
        domain = cookie.domain.lower()
        if domain.startswith("."):
            if not f".{self._host}".endswith(domain):
                return False
        elif domain != self._host:
            return False
        if cookie.secure and not self._secure:
            return False
        path = cookie.path
        return self._path == path or self._path.startswith(path if path.endswith("/") else f"{path}/")


def _host_of(parts: SplitResult) -> str:
    """Return a URL's host in the form used by cookies: in lower case, in ASCII."""
    host = parts.hostname or ""
    if ":" in host:
        return f"[{host}]"
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


def _is_local(host: str) -> bool:
    """Whether a host is this machine, to which secure cookies are sent without encryption."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _matches(wanted: str | re.Pattern[str] | None, value: str) -> bool:
    if wanted is None:
        return True
    return wanted == value if isinstance(wanted, str) else wanted.search(value) is not None


class Cookies:
    """The cookies of one context.

    :param session: the browser's session.
    :param context_id: the context's id; None: the default context.
    """

    def __init__(self, session: Session, context_id: str | None) -> None:
        self._session = session
        self._context_id = context_id

    @returns_deferred
    async def get(self, urls: str | Sequence[str] | None) -> list[Cookie]:
        """Return the cookies that are sent to any of the URLs; None: all cookies."""
        return [dict_of(each) for each in await self._all(urls)]

    @returns_deferred
    async def add(self, cookies: Iterable[Mapping[str, Any]]) -> None:
        """Add cookies, either all or none."""
        if isinstance(cookies, Mapping):
            raise TypeError("add_cookies() takes a list of cookies: [{...}]")
        params = [param_of(each) for each in cookies]
        try:
            await self.put(params)
        except CommandError as error:
            if error.message != _REFUSED:
                raise
            names = ", ".join(repr(each.name) for each in params)
            raise ValueError(
                f"cookies {names}: the browser refuses one of them ({error.message}): names "
                "with __Secure- or __Host-, and a partitionKey, such as 'https://example.com', require secure=True; "
                "__Host- also requires the path '/', and a domain without a leading dot"
            ) from error

    @returns_deferred
    async def clear(
        self,
        name: str | re.Pattern[str] | None,
        domain: str | re.Pattern[str] | None,
        path: str | re.Pattern[str] | None,
    ) -> None:
        """Delete the cookies that match all filters."""
        if name is None and domain is None and path is None:
            await self._session.execute(storage.clear_cookies(browser_context_id=self._context_id))
            return
        gone = [
            each
            for each in await self._all(None)
            if _matches(name, each.name) and _matches(domain, each.domain) and _matches(path, each.path)
        ]
        # No command deletes them one by one but a page's, which may be of another context.
        await self.put(
            [
                network.CookieParam(
                    name=each.name,
                    value=each.value,
                    domain=each.domain,
                    path=each.path,
                    secure=each.secure,
                    http_only=each.http_only,
                    same_site=each.same_site,
                    expires=_LONG_AGO,
                    partition_key=each.partition_key,
                    source_scheme=each.source_scheme,
                    source_port=each.source_port,
                )
                for each in gone
            ]
        )

    @returns_deferred
    async def jar(self) -> CookieJar:
        """Return a jar with all cookies except partitioned ones, which a jar does not support."""
        # By itself it sends to subdomains what was set without a domain.
        strict = DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)
        jar = CookieJar(strict)
        for each in await self._all(None):
            if each.partition_key is None:
                jar.set_cookie(_to_jar(each))
        return jar

    @returns_deferred
    async def add_jar(self, jar: Iterable[JarCookie]) -> None:
        """Add the cookies of a jar, except expired ones."""
        given: object = jar
        cookies: list[Any] = list(given) if isinstance(given, Iterable) else [given]
        if not all(isinstance(each, JarCookie) for each in cookies):
            raise TypeError(f"jar={jar!r:.100}: expected a CookieJar, or several cookies of http.cookiejar")
        now = time.time()
        await self.put([_from_jar(each) for each in cookies if not each.is_expired(int(now))])

    @returns_deferred
    async def add_received(self, jar: Iterable[JarCookie]) -> None:
        """Add the cookies that responses have set, as :meth:`add_jar` does, except those that the browser never
        accepts.
        """
        cookies = list(jar)
        try:
            await self.add_jar(cookies)
        except CommandError:  # which says of all of them that one cannot be
            adding = [self.add_jar([each]) for each in cookies]
            for waiting in adding:
                with suppress(CommandError):
                    await waiting

    @returns_deferred
    async def remove_jar(self, jar: Iterable[JarCookie]) -> None:
        """Delete the cookies of a jar."""
        await self.put([replace(_from_jar(each), expires=_LONG_AGO) for each in jar])

    async def _all(self, urls: str | Sequence[str] | None) -> list[network.Cookie]:
        if urls is not None and not isinstance(urls, Iterable):
            raise TypeError(f"urls={urls!r:.100}: expected a URL, or a list of URLs")
        places = None if urls is None else [_Place(each) for each in ([urls] if isinstance(urls, str) else urls)]
        command = storage.get_cookies(browser_context_id=self._context_id)
        found = (await self._session.execute(command)).cookies
        # A list without URLs in it means all, as in Playwright.
        return found if not places else [each for each in found if any(place.has(each) for place in places)]

    async def put(self, params: list[network.CookieParam]) -> None:
        """Send cookies to the browser."""
        if params:
            await self._session.execute(storage.set_cookies(cookies=params, browser_context_id=self._context_id))


def _to_jar(cookie: network.Cookie) -> JarCookie:
    """Return a cookie as :mod:`http.cookiejar` would have made it from the same header."""
    domain_specified = cookie.domain.startswith(".")
    expires = None if cookie.session or cookie.expires is None else int(cookie.expires)
    rest: dict[str, str] = {"SameSite": cookie.same_site} if cookie.same_site is not None else {}
    if cookie.http_only:
        rest["HttpOnly"] = ""
    # What a header without a "=" says has a value and no name here, and a name and no value there.
    name, value = (cookie.name, cookie.value) if cookie.name else (cookie.value, None)
    return JarCookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        # So it calls a host without a dot.
        domain=cookie.domain if "." in cookie.domain or ":" in cookie.domain else f"{cookie.domain}.local",
        domain_specified=domain_specified,
        domain_initial_dot=domain_specified,
        path=cookie.path,
        path_specified=True,
        secure=cookie.secure,
        expires=expires,
        discard=expires is None,
        comment=None,
        comment_url=None,
        rest=rest,
    )


def _from_jar(cookie: JarCookie) -> network.CookieParam:
    domain = "localhost" if cookie.domain == "localhost.local" else cookie.domain
    rest = {str(key).lower(): value for key, value in vars(cookie)["_rest"].items()}  # as the header wrote them
    same_site = str(rest.get("samesite") or "").capitalize()
    if cookie.domain_specified and not domain.startswith("."):
        domain = f".{domain}"
    elif not cookie.domain_specified:
        domain = domain.removeprefix(".")
    return network.CookieParam(
        name=cookie.name if cookie.value is not None else "",
        value=cookie.value if cookie.value is not None else cookie.name,
        domain=domain,
        path=cookie.path or "/",
        secure=bool(cookie.secure),
        http_only="httponly" in rest,
        same_site=_SAME_SITES.get(same_site) if cookie.secure or same_site != "None" else None,
        expires=None if cookie.expires is None else float(min(cookie.expires, _LAST_EXPIRY)),
    )


_SAME_SITES: Final[dict[str, SameSite]] = {"Strict": "Strict", "Lax": "Lax", "None": "None"}
