"""What a user agent says of itself besides its name: the client hints, and the platform, that fit the name."""

from __future__ import annotations

import re
from typing import Final

from txcdp.domains.emulation import UserAgentBrandVersion, UserAgentMetadata

#: Brands of browsers that are made of Chromium, by how their user agents name them; the first that is found counts.
_BRANDS: Final = {"Edg": "Microsoft Edge", "EdgA": "Microsoft Edge", "OPR": "Opera", "Chrome": "Google Chrome"}

#: What Chromium makes the meaningless brand of, which is among the others so that nobody relies on a fixed list.
_SEPARATORS: Final = (" ", "(", ":", "-", ".", "/", ")", ";", "=", "?", "_")
_VERSIONS: Final = ("8", "99", "24")
_ORDERS: Final = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))

#: Systems: how user agents name them and their versions, and what the client hints and ``navigator.platform`` say.
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
    """Return what ``navigator.platform`` says beside a user agent; None where that names no system known here."""
    for pattern, _, platform in _SYSTEMS:
        if pattern.search(agent):
            return platform
    return None


def metadata_of(agent: str, is_mobile: bool) -> UserAgentMetadata | None:
    """Return the client hints that fit a user agent.

    :param is_mobile: whether it is a mobile device's, where the agent does not say so itself.
    :returns: None for one that is not made of Chromium, and so sends none.
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
    """List the brands of a version of Chromium, in the order in which that one names them."""
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
    """Return a system's version as client hints have it: such as 14.0.0."""
    parts = [each for each in re.split("[._]", version) if each]
    return ".".join([*parts, "0", "0"][: max(3, len(parts))]) if parts else ""
