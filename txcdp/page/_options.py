"""The options of a context, and their validation."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, TypedDict, cast, get_args
from urllib.parse import urlsplit

from txcdp._arguments import check_choice, check_header, check_path, did_you_mean, instead_of, refuse_bare_string
from txcdp.network._credentials import origin_of
from txcdp.network._headers import check_letters, checked_extra_headers
from txcdp.page._viewport import ViewportSize, checked

Media = Literal["screen", "print", "null"]
ColorScheme = Literal["light", "dark", "no-preference", "null"]
ReducedMotion = Literal["reduce", "no-preference", "null"]
ForcedColors = Literal["active", "none", "null"]
Contrast = Literal["more", "less", "no-preference", "null"]
ServiceWorkers = Literal["allow", "block"]


class Geolocation(TypedDict):
    """The position that a device reports.

    :ivar latitude: in degrees, -90 to 90.
    :ivar longitude: in degrees, -180 to 180.
    :ivar accuracy: in metres; 0 by default.
    """

    latitude: float
    longitude: float
    accuracy: NotRequired[float]


#: No position: pages that ask for it get an error. Chromium takes the missing keys as that.
NOWHERE: Final = cast("Geolocation", {})


class NetworkConditions(TypedDict, total=False):
    """The limits of a slow network; what is omitted is not limited.

    :ivar latency: minimum seconds from a request to the head of its response.
    :ivar download_throughput: bytes per second.
    :ivar upload_throughput: bytes per second.
    """

    latency: float
    download_throughput: float
    upload_throughput: float


class ProxySettings(TypedDict):
    """A proxy.

    :ivar server: such as ``"http://proxy.example:3128"`` or ``"socks5://127.0.0.1:1080"``; without a scheme, HTTP.
    :ivar bypass: hosts to reach without the proxy, separated by commas, such as ``".example.org, 10.0.0.0/8"``. Without
        an entry like ``"localhost"``, this machine itself is also reached through the proxy.
    :ivar username: the username, if the proxy asks for one; in that case every request of the pages is paused for a
        moment.
    :ivar password: the password, if the proxy asks for one.
    """

    server: str
    bypass: NotRequired[str]
    username: NotRequired[str]
    password: NotRequired[str]


class HttpCredentials(TypedDict):
    """A username and password for servers that ask for them, by Basic or Digest authentication.

    :ivar username: the username.
    :ivar password: the password.
    :ivar origin: the only origin that gets them, such as ``"https://example.com"``; None means any.
    :ivar send: ``"always"``: ``context.request`` sends them without being asked; ``"unauthorized"``, the default: only
        when asked. Pages send them when asked.
    """

    username: str
    password: str
    origin: NotRequired[str | None]
    send: NotRequired[Literal["always", "unauthorized"] | None]


class DeviceOptions(TypedDict, total=False):
    """The options of a context that describe its device.

    :ivar viewport: the viewport size, such as ``{"width": 1280, "height": 720}``; by default that of :func:`launch` or
        :func:`connect`.
    :ivar screen: the size of the screen; by default that of the viewport.
    :ivar device_scale_factor: the number of device pixels per CSS pixel.
    :ivar is_mobile: behave like a mobile device: the ``meta viewport`` tag is used.
    :ivar has_touch: whether the device has a touchscreen.
    :ivar user_agent: the user agent; client hints and ``navigator.platform`` are made to match it.
    """

    viewport: ViewportSize | None
    screen: ViewportSize | None
    device_scale_factor: float | None
    is_mobile: bool | None
    has_touch: bool | None
    user_agent: str | None


class EmulationOptions(DeviceOptions, total=False):
    """The options that :meth:`BrowserContext.emulate` changes; they are described in :class:`ContextOptions`."""

    locale: str | None
    timezone_id: str | None
    java_script_enabled: bool | None
    bypass_csp: bool | None
    ignore_https_errors: bool | None


class ContextOptions(EmulationOptions, total=False):
    """The options of a context, which apply to its pages; what is omitted is as in the browser.

    All options are in effect before the first script of each page, of its popups, and of their frames and dedicated
    workers in other processes; they survive navigations, reconnects and restarts. None is the same as omitting an
    option. The options of :class:`DeviceOptions` are included.

    :ivar no_viewport: leave pages as large as their windows.
    :ivar locale: such as ``"de-DE"``: for ``navigator.language``, ``Accept-Language`` and the format of numbers and
        dates.
    :ivar timezone_id: a name of the IANA database, such as ``"Europe/Berlin"``.
    :ivar geolocation: the position of the device: a :class:`Geolocation`. Pages can read it if ``permissions`` includes
        ``"geolocation"``.
    :ivar permissions: permissions that are granted to pages, as for :meth:`BrowserContext.grant_permissions`; an empty
        list denies all.
    :ivar extra_http_headers: headers to send with each request. Characters have to be in Latin-1; those beyond ASCII
        are sent in UTF-8 with navigations, and in Latin-1 with requests of scripts.
    :ivar http_credentials: :class:`HttpCredentials`, for servers that ask for them. With them, pages' requests to their
        origin are paused for a moment; without an origin, all requests are.
    :ivar offline: whether the network is off.
    :ivar network_conditions: how slow the network is: :class:`NetworkConditions`.
    :ivar cpu_throttling: how many times slower the processor is; 1 means normal speed.
    :ivar color_scheme: ``"light"``, ``"dark"`` or ``"no-preference"``; ``"null"``: the system's.
    :ivar reduced_motion: ``"reduce"`` or ``"no-preference"``; ``"null"``: the system's.
    :ivar forced_colors: ``"active"`` or ``"none"``; ``"null"``: the system's.
    :ivar contrast: ``"more"``, ``"less"`` or ``"no-preference"``; ``"null"``: the system's.
    :ivar media: the media type of CSS: ``"screen"`` or ``"print"``; ``"null"``: not emulated.
    :ivar java_script_enabled: False: pages' scripts do not run; ``evaluate`` still works.
    :ivar bypass_csp: whether to bypass the pages' Content-Security-Policy.
    :ivar ignore_https_errors: accept invalid certificates.
    :ivar base_url: the URL that relative URLs are resolved against.
    :ivar service_workers: ``"block"``: registering a service worker has no effect, and existing ones get no requests.
    :ivar accept_downloads: False: refuse downloads.
    :ivar proxy: :class:`ProxySettings`.
    :ivar storage_state: the initial cookies and storage: see :meth:`BrowserContext.storage_state`; a dict, or the path
        of a file.
    :ivar origins_with_universal_network_access: origins whose pages may read responses of any origin.
    :ivar record_har_path: a HAR file to record network traffic to, from the beginning: see
        :meth:`BrowserContext.record_har`.
    :ivar record_har_url_filter: record only URLs that match.
    :ivar record_har_content: where bodies go: ``"embed"``, ``"attach"`` or ``"omit"``.
    :ivar record_har_mode: how much is recorded: ``"full"`` or ``"minimal"``.
    """

    no_viewport: bool | None
    geolocation: Geolocation | None
    permissions: Sequence[str] | None
    extra_http_headers: Mapping[str, str] | None
    http_credentials: HttpCredentials | None
    offline: bool | None
    network_conditions: NetworkConditions | None
    cpu_throttling: float | None
    color_scheme: ColorScheme | None
    reduced_motion: ReducedMotion | None
    forced_colors: ForcedColors | None
    contrast: Contrast | None
    media: Media | None
    base_url: str | None
    service_workers: ServiceWorkers | None
    accept_downloads: bool | None
    proxy: ProxySettings | None
    storage_state: Mapping[str, Any] | str | os.PathLike[str] | None
    origins_with_universal_network_access: Sequence[str] | None
    record_har_path: str | os.PathLike[str] | None
    record_har_url_filter: str | re.Pattern[str] | None
    record_har_content: HarContent | None
    record_har_mode: HarMode | None


class PageSettings(ContextOptions, total=False):
    """Settings of pages: the options of their context, and settings that have methods of their own.

    :ivar blocked_urls: patterns of requests that fail at once.
    :ivar cache_enabled: whether the browser's cache is used.
    :ivar bypass_service_worker: whether requests bypass service workers.
    """

    blocked_urls: Sequence[str] | None
    cache_enabled: bool | None
    bypass_service_worker: bool | None


#: How bodies are written to a HAR file.
HarContent = Literal["embed", "attach", "omit"]

#: How much a HAR file of a context contains.
HarMode = Literal["full", "minimal"]

#: Permissions by their names in the web's standards, and by Chromium's, which has several for some.
PERMISSIONS: Final = {
    "accelerometer": "sensors",
    "ambient-light-sensor": "sensors",
    "background-fetch": "backgroundFetch",
    "background-sync": "backgroundSync",
    "camera": "videoCapture",
    "clipboard-read": "clipboardReadWrite",
    "clipboard-write": "clipboardSanitizedWrite",
    "display-capture": "displayCapture",
    "geolocation": "geolocation",
    "gyroscope": "sensors",
    "idle-detection": "idleDetection",
    "local-fonts": "localFonts",
    "local-network": "localNetwork",
    "local-network-access": "localNetworkAccess localNetwork loopbackNetwork",
    "loopback-network": "loopbackNetwork",
    "magnetometer": "sensors",
    "microphone": "audioCapture",
    "midi": "midi",
    "midi-sysex": "midiSysex",
    "notifications": "notifications",
    "payment-handler": "paymentHandler",
    "persistent-storage": "durableStorage",
    "screen-wake-lock": "wakeLockScreen",
    "storage-access": "storageAccess",
    "window-management": "windowManagement",
}

#: Options that are not applied to pages.
_NOT_SAID: Final = frozenset(
    "no_viewport permissions base_url accept_downloads proxy storage_state http_credentials "
    "origins_with_universal_network_access record_har_path record_har_url_filter record_har_content "
    "record_har_mode".split()
)

#: Characters that are not allowed in a text.
_LINE_BREAKS: Final = re.compile(r"[\0\r\n]")


def checked_options(options: Mapping[str, Any]) -> ContextOptions:
    """Return the given options, checked, without those that are None.

    :raises TypeError: if there is no such option, or one has a wrong type.
    :raises ValueError: if one is invalid.
    """
    given: dict[str, Any] = {}
    for name, value in options.items():
        check = _CHECKS.get(name)
        if check is None:
            raise TypeError(_unknown(name))
        if value is not None:
            given[name] = check(name, value)
    if not given.get("no_viewport"):
        given.pop("no_viewport", None)
    if given.get("no_viewport"):
        for name in ("viewport", "screen", "device_scale_factor", "is_mobile"):
            if given.get(name):
                raise ValueError(f"{name}= needs a viewport: leave no_viewport=True out")
    found: ContextOptions = given  # type: ignore[assignment]
    return found


def emulated(options: ContextOptions) -> ContextOptions:
    """Return the options that are applied to pages; the others only concern the context."""
    found: dict[str, Any] = {name: value for name, value in options.items() if name not in _NOT_SAID}
    return found  # type: ignore[return-value]


def checked_permissions(permissions: object) -> list[str]:
    """Return Chromium's names of the given permissions.

    :raises TypeError: if they are not permissions.
    :raises ValueError: if there is no such permission.
    """
    refuse_bare_string("permissions", permissions if isinstance(permissions, str | bytes) else None)
    if not isinstance(permissions, Sequence):
        raise TypeError(f"permissions={permissions!r}: expected a list of names, such as ['geolocation']")
    names: dict[str, None] = {}
    for each in permissions:
        if each not in PERMISSIONS:
            raise ValueError(f"Unknown permission: {each}; {instead_of(each, PERMISSIONS)}")
        names.update(dict.fromkeys(PERMISSIONS[each].split()))
    return list(names)


def checked_origin(origin: str | None) -> str | None:
    """Return the origin of the given URL.

    :raises ValueError: if it has none.
    """
    if origin is None:
        return None
    parts = urlsplit(origin)
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"origin={origin!r}: expected an origin such as 'https://example.com'")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _unknown(name: str) -> str:
    if name == "context":
        return "to open a page in a context, use context.new_page(url)"
    if name in ("record_video_dir", "record_video_size"):
        return f"unknown option {name!r} of a context; use page.save_screencast(path)"
    if name == "strict_selectors":
        return f"unknown option {name!r} of a context; locators are always strict"
    return f"unknown option {name!r} of a context{did_you_mean(name, _CHECKS, before='; ')}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _a_bool(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: expected True or False")
    return value


def _a_path(name: str, value: Any) -> str | os.PathLike[str]:
    check_path(name, value)
    return cast("str | os.PathLike[str]", value)


def _a_url_filter(name: str, value: Any) -> str | re.Pattern[str]:
    if not isinstance(value, str | re.Pattern):
        raise TypeError(f"{name}={value!r}: expected a glob for URLs, or a re.Pattern")
    return value


def _a_state(name: str, value: object) -> object:
    if not isinstance(value, Mapping | str | os.PathLike):
        raise TypeError(f"{name}={value!r}: expected what context.storage_state() returns, or the path of a file")
    return value


def _a_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}={value!r}: expected a str")
    if _LINE_BREAKS.search(value):
        raise ValueError(f"{name}={value!r}: must not contain line breaks")
    return value


def _a_user_agent(name: str, value: object) -> str:
    text = _a_text(name, value)
    check_header(name, "User-Agent", text)
    check_letters(name, text)
    return text


def _a_number(least: float) -> Callable[[str, object], float]:
    def check(name: str, value: Any) -> float:
        if not _is_number(value):
            raise TypeError(f"{name}={value!r}: expected a number")
        if not least <= value < float("inf") or value <= 0:
            raise ValueError(f"{name}={value!r}: must be {f'at least {least:g}' if least else 'more than 0'}")
        return float(value)

    return check


def _one_of(*values: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        check_choice(name, value, values)
        return str(value)

    return check


def _a_mapping(name: str, value: object, needed: set[str], also: set[str]) -> Mapping[str, Any]:
    like = "{" + ", ".join(f"{key!r}: ..." for key in sorted(needed | also)) + "}"
    if not isinstance(value, Mapping) or not needed <= value.keys() <= needed | also:
        raise TypeError(f"{name}={value!r}: expected {like}{', or fewer keys' if also else ''}")
    return value


def checked_geolocation(name: str, value: object) -> Geolocation:
    """Return the given location, checked.

    :raises TypeError: if it is not a location.
    :raises ValueError: if it is not on the earth.
    """
    place = _a_mapping(name, value, {"latitude", "longitude"}, {"accuracy"})
    for key, least, most in (("latitude", -90, 90), ("longitude", -180, 180), ("accuracy", 0, float("inf"))):
        number = place.get(key, 0)
        if not _is_number(number):
            raise TypeError(f"{name}.{key}={number!r}: expected a number")
        if not least <= number <= most or number == float("inf"):
            raise ValueError(f"{name}.{key}={number!r}: must be from {least} to {most}")
    return Geolocation(latitude=place["latitude"], longitude=place["longitude"], accuracy=place.get("accuracy", 0))


def checked_conditions(name: str, value: object) -> NetworkConditions:
    """Return the given network conditions, checked.

    :raises TypeError: if they have a wrong type.
    :raises ValueError: if they are invalid.
    """
    given = _a_mapping(name, value, set(), {"latency", "download_throughput", "upload_throughput"})
    for key, number in given.items():
        if not _is_number(number):
            raise TypeError(f"{name}.{key}={number!r}: expected a number")
        if not 0 <= number < float("inf") or (number == 0 and key != "latency"):
            raise ValueError(f"{name}.{key}={number!r}: must not be negative; for no network, use offline=True")
    conditions: NetworkConditions = {**given}  # type: ignore[typeddict-item]
    return conditions


def checked_proxy(name: str, value: object) -> ProxySettings:
    """Return the given proxy, checked.

    :raises TypeError: if it is not a proxy.
    :raises ValueError: if its URL contains a username.
    """
    proxy = _a_mapping(name, value, {"server"}, {"bypass", "username", "password"})
    for key in proxy:
        if proxy[key] is not None and not isinstance(proxy[key], str):
            raise TypeError(f"{name}.{key}: expected a str")
    if "@" in proxy["server"]:
        raise ValueError(f"{name}: the username and password have their own keys, and cannot be in the server's URL")
    if "socks" in proxy["server"].partition(":")[0] and proxy.get("username"):
        raise ValueError(f"{name}: Chromium cannot authenticate to a SOCKS proxy; put your own proxy in between")
    found = ProxySettings(server=proxy["server"].strip())
    if not found["server"] or any(each.isspace() for each in found["server"]):
        raise ValueError(f"{name}.server={proxy['server']!r}: expected a proxy such as 'http://proxy.example:3128'")
    if proxy.get("bypass"):
        found["bypass"] = proxy["bypass"]
    if proxy.get("username") or proxy.get("password"):
        found["username"], found["password"] = proxy.get("username") or "", proxy.get("password") or ""
    return found


def checked_credentials(name: str, value: object) -> HttpCredentials:
    """Return the given credentials, checked.

    :raises TypeError: if they are not credentials.
    :raises ValueError: if their origin is invalid.
    """
    given = _a_mapping(name, value, {"username", "password"}, {"origin", "send"})
    for key in ("username", "password"):
        if not isinstance(given[key], str):
            raise TypeError(f"{name}.{key}: expected a str")
    if given.get("send") is not None:
        check_choice(f"{name}.send", given["send"], ("always", "unauthorized"))
    origin = given.get("origin")
    if origin is not None and not isinstance(origin, str):
        raise TypeError(f"{name}.origin: expected a str, such as 'https://example.com'")
    found = HttpCredentials(username=given["username"], password=given["password"])
    if origin is not None:
        found["origin"] = origin_of(origin)
    if given.get("send"):
        found["send"] = given["send"]
    return found


def proxy_bypass_list(proxy: ProxySettings) -> str:
    """Return the hosts that bypass a proxy, in Chromium's form.

    Chromium always bypasses proxies for this machine; a program that sets a proxy for tests wants it to be used there,
    too.
    """
    hosts = [each.strip() for each in proxy.get("bypass", "").split(",") if each.strip()]
    rules = [f"*{each}" if each.startswith(".") else each for each in hosts]
    if not any(each in ("<-loopback>", "localhost", "127.0.0.1", "[::1]", "::1") for each in rules):
        rules.insert(0, "<-loopback>")
    return ",".join(rules)


def _a_base_url(name: str, value: object) -> str:
    text = _a_text(name, value)
    if not urlsplit(text).scheme:
        raise ValueError(f"{name}={text!r}: expected a URL with its scheme, such as 'http://localhost:8080/'")
    return text


def _some_origins(name: str, value: Any) -> list[str]:
    refuse_bare_string(name, value)
    return list(value)


def _some_permissions(name: str, value: object) -> list[str]:
    return checked_permissions(value)


def _a_size(name: str, value: object) -> ViewportSize:
    return checked(value, name)


_CHECKS: Final[dict[str, Callable[[str, Any], object]]] = {
    "viewport": _a_size,
    "no_viewport": _a_bool,
    "screen": _a_size,
    "device_scale_factor": _a_number(0),
    "is_mobile": _a_bool,
    "has_touch": _a_bool,
    "user_agent": _a_user_agent,
    "locale": _a_text,
    "timezone_id": _a_text,
    "geolocation": checked_geolocation,
    "permissions": _some_permissions,
    "extra_http_headers": checked_extra_headers,
    "http_credentials": checked_credentials,
    "offline": _a_bool,
    "network_conditions": checked_conditions,
    "cpu_throttling": _a_number(1),
    "color_scheme": _one_of(*get_args(ColorScheme)),
    "reduced_motion": _one_of(*get_args(ReducedMotion)),
    "forced_colors": _one_of(*get_args(ForcedColors)),
    "contrast": _one_of(*get_args(Contrast)),
    "media": _one_of(*get_args(Media)),
    "java_script_enabled": _a_bool,
    "bypass_csp": _a_bool,
    "ignore_https_errors": _a_bool,
    "base_url": _a_base_url,
    "service_workers": _one_of(*get_args(ServiceWorkers)),
    "accept_downloads": _a_bool,
    "storage_state": _a_state,
    "proxy": checked_proxy,
    "origins_with_universal_network_access": _some_origins,
    "record_har_path": _a_path,
    "record_har_url_filter": _a_url_filter,
    "record_har_content": _one_of(*get_args(HarContent)),
    "record_har_mode": _one_of(*get_args(HarMode)),
}
