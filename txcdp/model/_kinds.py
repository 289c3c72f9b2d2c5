"""The kinds of targets: the one list of them.

A target's type is a string that Chromium may add to at any time. What a client wants to know of it is
not its name but what it can do: whether it has documents (and so the domains Page, DOM and CSS, frames
and dialogs), whether it is a worker (which runs scripts, and has none of these), and whether it belongs
to the browser's own surface, which no client has opened and nobody wants to see.

A type that is not in the table is taken for something that runs scripts and has no document: what it
does not have, it refuses.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class TargetKind(NamedTuple):
    """What a type of target can do.

    :ivar has_document: whether it shows documents: it has the domains Page, DOM, CSS and Overlay.
    :ivar is_worker: whether it runs scripts without a document.
    :ivar is_internal: whether it is a part of the browser itself, or holds others, and is no client's page.
    """

    has_document: bool = False
    is_worker: bool = False
    is_internal: bool = False


_DOCUMENT = TargetKind(has_document=True)
_WORKER = TargetKind(is_worker=True)
_INTERNAL = TargetKind(is_internal=True)

#: By type, as in ``TargetInfo.type``.
TARGET_KINDS: Final[dict[str, TargetKind]] = {
    "page": _DOCUMENT,
    "iframe": _DOCUMENT,  # a frame in a process of its own
    "webview": _DOCUMENT,
    "background_page": _DOCUMENT,
    "app": _DOCUMENT,
    "worker": _WORKER,  # of one document, and attached to through it
    "shared_worker": _WORKER,
    "service_worker": _WORKER,
    "worklet": _WORKER,
    "shared_storage_worklet": _WORKER,
    "auction_worklet": _WORKER,
    "browser": _INTERNAL,
    "tab": _INTERNAL,  # holds a page, and what is prerendered to take its place
    "browser_ui": TargetKind(has_document=True, is_internal=True),  # the window around the pages
    "other": TargetKind(),
}

_UNKNOWN: Final = TargetKind()


def kind_of(target_type: str) -> TargetKind:
    """Return what a type of target can do.

    :param target_type: as in ``TargetInfo.type``; one that is not known has no document and is no worker.
    """
    return TARGET_KINDS.get(target_type, _UNKNOWN)
