"""The frames in the pages of a FakeChrome: they are attached, navigate and are detached, with Chromium's events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urldefrag, urlsplit

from txcdp.domains import page, runtime
from txcdp.protocol import Event
from txcdp.testing._targets import FakeTarget

#: What a frame without further resources goes through, from its commit on.
_LOADED = ("DOMContentLoaded", "load")
_QUIET = ("networkAlmostIdle", "networkIdle")


class PageEvents(Protocol):
    """Interface of what frames need of the page that they are in."""

    def tell(self, target: FakeTarget, event: Event) -> None:
        """Send an event to those sessions of the page that have its domain enabled."""

    def tell_lifecycle(self, target: FakeTarget, frame_id: str, loader_id: str, name: str) -> None:
        """Do so with a state of a document."""

    def tell_context(self, target: FakeTarget, context: runtime.ExecutionContextDescription) -> None:
        """Do so with a place where scripts run."""


@dataclass(eq=False)
class FakeFrame:
    """A frame in a page.

    :ivar target: the page.
    :ivar loader: of its document.
    :ivar context: the number of the place where its scripts run; 0: there is none.
    """

    id: str
    target: FakeTarget
    parent_id: str
    name: str
    url: str
    loader: str
    context: int = 0

    def described(self) -> page.Frame:
        """Describe it."""
        return frame_of(self.id, self.loader, self.url, self.parent_id, self.name)

    def place(self) -> runtime.ExecutionContextDescription:
        """Describe where its scripts run."""
        return context_of(self.context, self.id, self.url)


class FakeFrames:
    """The frames of all pages of a FakeChrome, but for their main ones.

    :param new_id: makes ids, of their beginning.
    :param new_context: returns the number of a new place of a page in which scripts run.
    :param teller: tells of it.
    """

    def __init__(
        self, new_id: Callable[[str], str], new_context: Callable[[FakeTarget], int], teller: PageEvents
    ) -> None:
        self._new_id = new_id
        self._new_context = new_context
        self._teller = teller
        self._all: dict[str, FakeFrame] = {}

    def get(self, frame_id: str) -> FakeFrame | None:
        """Return the frame of an id, where there is one."""
        return self._all.get(frame_id)

    def of(self, target: FakeTarget) -> list[FakeFrame]:
        """Return those of a page, parents before their children."""
        return [each for each in self._all.values() if each.target is target]

    def tree(self, target: FakeTarget, main: page.Frame) -> page.FrameTree:
        """Describe the tree of a page's frames."""

        def below(frame_id: str) -> Iterator[page.FrameTree]:
            for each in self.of(target):
                if each.parent_id == frame_id:
                    yield page.FrameTree(frame=each.described(), child_frames=list(below(each.id)) or None)

        return page.FrameTree(frame=main, child_frames=list(below(main.id)) or None)

    def attach(self, target: FakeTarget, url: str, name: str, parent_id: str) -> FakeFrame:
        """Let a frame come to be, and load its document."""
        frame = FakeFrame(self._new_id("F2A3"), target, parent_id, name, "about:blank", self._new_id("10AD"))
        self._all[frame.id] = frame
        tell = self._teller.tell
        tell(target, page.FrameAttached(frame_id=frame.id, parent_frame_id=parent_id))
        self._teller.tell_lifecycle(target, frame.id, frame.loader, "init")
        asked = page.FrameRequestedNavigation(
            frame_id=frame.id, reason="initialFrameNavigation", url=url, disposition="currentTab"
        )
        tell(target, asked)
        self._load(frame, url, begins=url != "about:blank")
        return frame

    def navigate(self, frame: FakeFrame, url: str, begun: Callable[[str], object] = lambda loader: None) -> None:
        """Let a frame have another document.

        :param begun: called with its loader when that has begun.
        """
        self._load(frame, url, begins=True, begun=begun)

    def go(self, frame: FakeFrame, url: str) -> None:
        """Let a frame go somewhere by itself."""
        asked = page.FrameRequestedNavigation(
            frame_id=frame.id, reason="scriptInitiated", url=url, disposition="currentTab"
        )
        self._teller.tell(frame.target, asked)
        self.navigate(frame, url)

    def detach(self, frame: FakeFrame) -> None:
        """Let a frame go, with those in it."""
        if frame.id not in self._all:
            return
        self._teller.tell(frame.target, page.FrameSubtreeWillBeDetached(frame_id=frame.id))
        self._remove(frame)

    def clear(self, target: FakeTarget) -> None:
        """Forget the frames of a page, since it has another document, which says that by itself."""
        for each in self.of(target):
            del self._all[each.id]

    def _remove(self, frame: FakeFrame) -> None:
        for each in [each for each in self.of(frame.target) if each.parent_id == frame.id]:
            self._remove(each)
        del self._all[frame.id]
        self._teller.tell(frame.target, page.FrameDetached(frame_id=frame.id, reason="remove"))
        self._end_context(frame)

    def _end_context(self, frame: FakeFrame) -> None:
        if frame.context:
            gone = runtime.ExecutionContextDestroyed(
                execution_context_id=frame.context, execution_context_unique_id=frame.place().unique_id
            )
            self._teller.tell(frame.target, gone)

    def _load(
        self, frame: FakeFrame, url: str, *, begins: bool, begun: Callable[[str], object] = lambda loader: None
    ) -> None:
        """Load a document, with events in the order in which Chromium was recorded to send them.

        :param begins: whether it comes over the network: an empty one is there at once.
        """
        target, tell = frame.target, self._teller.tell
        loader = self._new_id("10AD")
        lifecycle = lambda name: self._teller.tell_lifecycle(target, frame.id, loader, name)  # noqa: E731
        loading = page.FrameStartedLoading(frame_id=frame.id)
        if begins:
            started = page.FrameStartedNavigating(
                frame_id=frame.id, url=url, loader_id=loader, navigation_type="differentDocument"
            )
            tell(target, started)
            tell(target, loading)
            begun(loader)
        lifecycle("init")
        self._end_context(frame)
        for each in [each for each in self.of(target) if each.parent_id == frame.id]:
            self._remove(each)
        frame.url, frame.loader, frame.context = url, loader, self._new_context(target)
        tell(target, page.FrameNavigated(frame=frame.described(), type="Navigation"))
        if not begins:
            tell(target, loading)
        self._teller.tell_context(target, frame.place())
        for name in _LOADED:
            lifecycle(name)
        tell(target, page.FrameStoppedLoading(frame_id=frame.id))
        for name in _QUIET:
            lifecycle(name)


def context_of(
    number: int, frame_id: str, url: str, name: str = "", kind: str = "default"
) -> runtime.ExecutionContextDescription:
    """Describe a place where the scripts of a frame run."""
    return runtime.ExecutionContextDescription(
        id=number,
        origin=origin_of(url),
        name=name,
        unique_id=f"{number}.{frame_id}",
        aux_data={"isDefault": kind == "default", "type": kind, "frameId": frame_id},
    )


def frame_of(frame_id: str, loader: str, url: str, parent_id: str | None = None, name: str | None = None) -> page.Frame:
    """Describe a frame."""
    address, fragment = urldefrag(url)
    return page.Frame(
        id=frame_id,
        parent_id=parent_id,
        loader_id=loader,
        name=name,
        url=address,
        url_fragment=f"#{fragment}" if fragment else None,
        domain_and_registry=urlsplit(url).hostname or "",
        security_origin=origin_of(url),
        mime_type="text/html",
        secure_context_type="Secure",
        cross_origin_isolated_context_type="NotIsolated",
        gated_api_features=[],
    )


def origin_of(url: str) -> str:
    """Return the origin of a URL, as the browser writes it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "://"
