"""The kinds of targets: the only list of them.

A target's type is a string, and Chromium may add new ones at any time. A client does not need its name, but what the
target can do: whether it has documents (and so the domains Page, DOM and CSS, frames and dialogs), whether it is a
worker (which runs scripts, and has none of these), and whether it belongs to the browser's own user interface, which no
client has opened and nobody wants to see.

A type that is not in the table is assumed to run scripts and to have no document: it refuses what it does not have.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: Domains that only targets with documents have.
_DOCUMENTS_DOMAINS: Final = frozenset({"Page", "DOM", "CSS", "Overlay"})


class TargetKind(NamedTuple):
    """A type of target, and which domains it has.

    :ivar has_document: whether it shows documents.
    :ivar is_worker: whether it runs scripts without a document.
    :ivar is_within: whether it belongs to one document, and is attached to through that document's session.
    :ivar is_internal: whether it is a part of the browser itself that no client has opened.
    :ivar is_container: whether it only contains other targets.
    """

    has_document: bool = False
    is_worker: bool = False
    is_within: bool = False
    is_internal: bool = False
    is_container: bool = False

    def has_domain(self, domain: str) -> bool:
        """Return whether targets of this kind have a domain of the protocol, such as ``"Page"``."""
        return self.has_document or domain not in _DOCUMENTS_DOMAINS


_DOCUMENT = TargetKind(has_document=True)
_WORKER = TargetKind(is_worker=True)
_WORKER_WITHIN = TargetKind(is_worker=True, is_within=True)

#: The kinds, by type, as in ``TargetInfo.type``.
TARGET_KINDS: Final[dict[str, TargetKind]] = {
    "page": _DOCUMENT,
    "iframe": _DOCUMENT,  # a frame in a process of its own
    "webview": _DOCUMENT,
    "background_page": _DOCUMENT,
    "app": _DOCUMENT,
    "worker": _WORKER_WITHIN,
    "worklet": _WORKER_WITHIN,
    "shared_storage_worklet": _WORKER_WITHIN,
    "auction_worklet": _WORKER_WITHIN,
    "shared_worker": _WORKER,
    "service_worker": _WORKER,
    "browser": TargetKind(is_internal=True),
    "browser_ui": TargetKind(has_document=True, is_internal=True),  # the window around the pages
    "tab": TargetKind(is_container=True),  # of a page, and of what is prerendered to take its place
    "other": TargetKind(),
}

_UNKNOWN: Final = TargetKind()


def kind_of(target_type: str) -> TargetKind:
    """Return the kind of a type of target.

    :param target_type: as in ``TargetInfo.type``; an unknown one has no document and is not a worker.
    """
    return TARGET_KINDS.get(target_type, _UNKNOWN)
