"""The one auto-attach setting of a session, combined from several requests.

``Target.setAutoAttach`` replaces the previous setting. If several users want targets to be attached (a policy of ours,
a recorder, the user by hand), the combined setting attaches to what any of them wants, and pauses new targets if any of
them wants that. A user who has sent the command by hand, and has asked for the pause, also ends it: we resume only what
nobody else holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SET_AUTO_ATTACH: Final = "Target.setAutoAttach"
AUTO_ATTACH_RELATED: Final = "Target.autoAttachRelated"
ATTACH_TO_TARGET: Final = "Target.attachToTarget"

#: Entries of a filter: a type of target (None: any), and whether to exclude it. The first match decides.
Filter = tuple[tuple[str | None, bool], ...]

#: What Chromium assumes if no filter is given.
ASSUMED: Final[Filter] = (("browser", True), ("tab", True), (None, False))


@dataclass(frozen=True)
class Want:
    """The auto-attach setting of one of several owners.

    :ivar wait: whether new targets wait until they are told to run.
    :ivar filter: which targets to attach to.
    """

    wait: bool
    filter: Filter = ASSUMED

    def covers(self, kind: str) -> bool:
        """Return whether a type of target is wanted."""
        for entry, excluded in self.filter:
            if entry in (None, kind):
                return not excluded
        return False


def merged(wants: Sequence[Want]) -> Want:
    """Return a setting that covers what all of them want."""
    return Want(any(each.wait for each in wants), _union(wants))


def _union(wants: Sequence[Want]) -> Filter:
    filters = {each.filter for each in wants}
    if len(filters) == 1:
        return filters.pop()
    named = dict.fromkeys(kind for each in wants for kind, _ in each.filter if kind is not None)
    others = any(each.covers("") for each in wants)  # no target has this type
    return (
        *((kind, False) for kind in named if any(each.covers(kind) for each in wants)),
        *((kind, True) for kind in named if others and not any(each.covers(kind) for each in wants)),
        *(((None, False),) if others else ()),
    )


def holds(wants: Iterable[Want], kind: str) -> bool:
    """Return whether a new target of a type stays paused for an owner who has asked for that by hand."""
    return any(each.wait and each.covers(kind) for each in wants)


def filter_of(entries: object) -> Filter | None:
    """Return a filter read from the protocol's form; None if it is not valid."""
    if entries is None:
        return ASSUMED
    if not isinstance(entries, list):
        return None
    read: list[tuple[str | None, bool]] = []
    for each in entries:
        kind, excluded = (each.get("type"), each.get("exclude", False)) if isinstance(each, dict) else (0, 0)
        if not isinstance(kind, str | None) or not isinstance(excluded, bool):
            return None
        read.append((kind, excluded))
    return tuple(read)


def read_want(params: Mapping[str, Any]) -> Want | None:
    """Return the setting in a command's parameters; None if the browser will refuse them."""
    wait, entries = params.get("waitForDebuggerOnStart", False), filter_of(params.get("filter"))
    return Want(wait, entries) if isinstance(wait, bool) and entries is not None else None


def write_want(want: Want) -> dict[str, Any]:
    """Return the parameters of ``Target.setAutoAttach`` for a setting."""
    params: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": want.wait, "flatten": True}
    if want.filter != ASSUMED:
        params["filter"] = [
            {**({} if kind is None else {"type": kind}), **({"exclude": True} if excluded else {})}
            for kind, excluded in want.filter
        ]
    return params
