"""The client hints and the platform that match a user agent."""

from __future__ import annotations

import re
from typing import Final

from txcdp.domains.emulation import UserAgentBrandVersion, UserAgentMetadata

#: Brands of Chromium-based browsers, by their token in user agents; the first that is found counts.
_BRANDS: Final = {"Edg": "Microsoft Edge", "EdgA": "Microsoft Edge", "OPR": "Opera", "Chrome": "Google Chrome"}

#: The characters of Chromium's arbitrary brand, which exists so that nobody relies on a fixed list.
_SEPARATORS: Final = (" ", "(", ":", "-", ".", "/", ")", ";", "=", "?", "_")
_VERSIONS: Final = ("8", "99", "24")
_ORDERS: Final = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))

#: Systems: their names and versions in user agents, and the values of client hints and ``navigator.platform``.
_SYSTEMS: Final = (
    (re.compile(r"Android(?: (\d[\d.]*))?"), "Android", "Linux armv81"),
    (re.compile(r"iPhone(?:.*? OS (\d[\d_]*))?"), "iOS", "iPhone"),
    (re.compile(r"iPad(?:.*? OS (\d[\d_]*))?"), "iOS", "iPad"),
    (re.compile(r"Windows(?: NT (\d[\d.]*))?"), "Windows", "Win32"),
    (re.compile(r"Mac OS X(?: (\d[\d_.]*))?"), "macOS", "MacIntel"),
    (re.compile(r"CrOS \S+(?: (\d[\d.]*))?"), "Chrome OS", "Linux x86_64"),
    (re.compile(r"Linux()"), "Linux", "Linux x86_64"),
)


def platform_of(agent: str) -> str | None:
    """Return the ``navigator.platform`` that matches a user agent; None if it names no known system."""
    for pattern, _, platform in _SYSTEMS:
        if pattern.search(agent):
            return platform
    return None


def metadata_of(agent: str, is_mobile: bool) -> UserAgentMetadata | None:
    """Return the client hints that match a user agent.

    :param is_mobile: whether it is a mobile device's, if the user agent does not tell.
    :returns: None for a browser that is not based on Chromium, and so sends none.
    """
    version = re.search(r"\b(?:Headless)?Chrome/(\d+)([\d.]*)", agent)
    if version is None or "like Mac OS X" in agent:
        return None
    major = int(version[1])
    system, system_version = "", ""
    for pattern, name, _ in _SYSTEMS:
        found = pattern.search(agent)
        if found is not None:
            system, system_version = name, _three_parts(found[1] or "")
            break
    android = system == "Android"
    mobile = is_mobile or " Mobile" in agent
    model = re.search(r"Android[^;)]*; ([^;)]+?)(?: Build/[^;)]*)?\)", agent)
    return UserAgentMetadata(
        brands=_brands(agent, major, f"{major}", 0),
        full_version_list=_brands(agent, major, f"{major}{version[2]}", 3),
        platform=system,
        platform_version=system_version,
        architecture="" if android else "arm" if re.search(r"\b(?:arm|aarch64)", agent, re.IGNORECASE) else "x86",
        bitness="" if android else "64" if re.search("64|Mac OS X", agent) else "32",
        model=model[1] if model is not None else "",
        mobile=mobile,
        form_factors=["Mobile" if mobile else "Desktop"],
        wow64="WOW64" in agent,
    )


def _brands(agent: str, major: int, version: str, parts: int) -> list[UserAgentBrandVersion]:
    """List the brands of a version of Chromium, in that version's order."""
    first, second = _SEPARATORS[major % len(_SEPARATORS)], _SEPARATORS[(major + 1) % len(_SEPARATORS)]
    meaningless = _VERSIONS[major % len(_VERSIONS)] + ".0.0.0"[: 2 * parts]
    named = [(f"Not{first}A{second}Brand", meaningless), ("Chromium", version)]
    brand = next((brand for name, brand in _BRANDS.items() if re.search(rf"\b{name}/", agent)), None)
    places: tuple[int, ...] = (major % 2, (major + 1) % 2)
    if brand is not None:
        named.append((brand, version))
        places = _ORDERS[major % 6]
    in_order = sorted(zip(places, named, strict=False))
    return [UserAgentBrandVersion(brand=name, version=number) for _, (name, number) in in_order]


def _three_parts(version: str) -> str:
    """Return a system's version in the form of client hints, such as 14.0.0."""
    parts = [each for each in re.split("[._]", version) if each]
    return ".".join([*parts, "0", "0"][: max(3, len(parts))]) if parts else ""
