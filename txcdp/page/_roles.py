"""The ARIA roles that the locator script knows, see ``aria.js``."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from importlib.resources import files
from typing import Final

from txcdp._arguments import check_text, did_you_mean

#: The list in the script: several string literals, one after another.
_ROLES: Final = re.compile(r"const ROLES = words\(([^)]*)\)")


@functools.cache
def roles() -> frozenset[str]:
    """Return all roles; whatever a document contains, an element has one of these, or none."""
    [listed] = _ROLES.findall(files("txcdp.page").joinpath("aria.js").read_text("utf-8"))
    return frozenset("".join(re.findall("'([^']*)'", listed)).split())


def check_role(role: object, besides: Collection[str] = ()) -> None:
    """Refuse a role that no element can have, such as a misspelled one.

    :param besides: what may be given instead of a role.
    :raises TypeError: if it is not text.
    :raises ValueError: if it is not a role; the message suggests one.
    """
    check_text("role", role)
    name = str(role)
    if name.lower() not in roles() and name not in besides:
        meant = did_you_mean(name, sorted(roles()), before="; ")
        raise ValueError(f"role={name!r:.100}: unknown role{meant}")
