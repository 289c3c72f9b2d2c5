"""The roles that elements can have: those that the script of locators knows, see ``aria.js``."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from importlib.resources import files
from typing import Final

from txcdp._arguments import check_text, did_you_mean

#: Where the script has them: in several texts, one after the other.
_ROLES: Final = re.compile(r"const ROLES = words\(([^)]*)\)")


@functools.cache
def roles() -> frozenset[str]:
    """Return the roles that there are; whatever a document says, an element has one of these, or none."""
    [listed] = _ROLES.findall(files("txcdp.page").joinpath("aria.js").read_text("utf-8"))
    return frozenset("".join(re.findall("'([^']*)'", listed)).split())


def check_role(role: object, besides: Collection[str] = ()) -> None:
    """Refuse what no element can have as its role, such as a name with a mistake in it.

    :param besides: what may stand in the place of a role.
    :raises TypeError: it is no text.
    :raises ValueError: it is no role; the text says which is meant.
    """
    check_text("role", role)
    name = str(role)
    if name.lower() not in roles() and name not in besides:
        meant = did_you_mean(name, sorted(roles()), before="; ")
        raise ValueError(f"role={name!r:.100}: unknown role{meant}")
