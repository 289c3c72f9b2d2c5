"""Where elements are in the viewport of a page, which frames in other processes do not know.

The browser tells of places in the viewport of the topmost frame that a process has, in CSS pixels of the frame that is
asked about. From there it goes outward by the boxes of the elements that show these topmost frames, which may be
turned, larger or smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict

from txcdp._core.sessions import Session
from txcdp.domains import dom
from txcdp.errors import CommandError
from txcdp.page._evaluation import OwnWorld, explained

if TYPE_CHECKING:
    from txcdp.page._frames import Frame

#: What Chromium says of an element that is not laid out.
_NO_BOX: Final = "Could not compute box model."

#: What it says of one that is to be scrolled to, and is not laid out.
_NO_LAYOUT: Final = "Node does not have a layout object"

Point = tuple[float, float]


class Box(TypedDict):
    """The box of an element, in CSS pixels of the page's viewport."""

    x: float
    y: float
    width: float
    height: float


class View:
    """The viewport of a frame.

    :param said: what its document says.
    :ivar size: in its own CSS pixels.
    :ivar ratio: device pixels of one, which zoom makes more.
    """

    def __init__(self, said: dict[str, float]) -> None:
        self.size = (float(said["width"]), float(said["height"]))
        self.ratio = float(said["ratio"])

    @classmethod
    async def of(cls, frame: Frame) -> View:
        """Ask a frame."""
        session = await frame._when_session()
        return cls(await frame._world(session).read(OwnWorld.VIEW, frame._row.id))


class Area:
    """A box of an element as the browser tells of it: it may be turned, and larger or smaller.

    :param quad: the coordinates of its four corners.
    """

    def __init__(self, quad: Sequence[float]) -> None:
        self._origin = (quad[0], quad[1])
        self._right = (quad[2] - quad[0], quad[3] - quad[1])
        self._down = (quad[6] - quad[0], quad[7] - quad[1])

    def scale(self, factor: float) -> None:
        """Take all that is told of its place for that many pixels."""
        self._origin = (self._origin[0] * factor, self._origin[1] * factor)
        self._right = (self._right[0] * factor, self._right[1] * factor)
        self._down = (self._down[0] * factor, self._down[1] * factor)

    def outward(self, point: Point, size: Point) -> Point:
        """Return where a point in it is around it.

        :param size: its own, in the pixels of the point.
        """
        across, along = point[0] / (size[0] or 1), point[1] / (size[1] or 1)
        return (
            self._origin[0] + across * self._right[0] + along * self._down[0],
            self._origin[1] + across * self._right[1] + along * self._down[1],
        )

    def inward(self, point: Point, size: Point) -> Point | None:
        """Return where a point around it is in it; None: it is empty."""
        x, y = point[0] - self._origin[0], point[1] - self._origin[1]
        area = self._right[0] * self._down[1] - self._right[1] * self._down[0]
        if not area:
            return None
        across = (x * self._down[1] - y * self._down[0]) / area
        along = (y * self._right[0] - x * self._right[1]) / area
        return across * size[0], along * size[1]


class _Edge:
    """The element that shows a frame of another process than the document is of that it is in.

    :ivar inner: the frame, the topmost one of its process.
    :ivar around: the frame in whose document the element is.
    """

    def __init__(self, inner: Frame, around: Frame, session: Session, owner: int) -> None:
        self.inner = inner
        self.around = around
        self._session = session
        self._owner = owner

    async def _model(self) -> dom.BoxModel | None:
        """Return the element's boxes; None: it is not shown."""
        try:
            return await _model_of(self._session, backend_node_id=self._owner)
        except CommandError as error:
            raise self.inner._tree.removed(self.inner) from error

    async def outward(self, points: Sequence[Point]) -> list[Point] | None:
        """Return where points of the frame are in the viewport of the process around; None: it is not shown."""
        model = await self._model()
        if model is None:
            return None
        area = Area(model.content)
        area.scale(await _scale_of(self.around))
        size = (await View.of(self.inner)).size
        return [area.outward(each, size) for each in points]

    async def scroll_to(self, points: Sequence[Point] | None = None) -> None:
        """Scroll to the element, where it is shown.

        :param points: of the frame, around which it is scrolled to; None: all of it.
        """
        rect = None
        if points is not None:
            model, shown = await self._model(), await self.outward(points)
            if model is None or shown is None:
                return
            border, size = Area(model.border), (float(model.width), float(model.height))
            border.scale(await _scale_of(self.around))
            inside = [border.inward(each, size) for each in shown]
            box = box_around([each for each in inside if each is not None] or [(0.0, 0.0)])
            rect = dom.Rect(**box)
        try:
            await self._session.execute(dom.scroll_into_view_if_needed(backend_node_id=self._owner, rect=rect))
        except CommandError as error:
            if _NO_LAYOUT not in error.message:
                meant = explained(error)
                raise (self.inner._tree.removed(self.inner) if meant is error else meant) from error


class ElementPlace:
    """The place of an element in its page.

    :param session: the element's.
    :param object_id: its own.
    :param frame: in whose document it is.
    """

    def __init__(self, session: Session, object_id: str | None, frame: Frame) -> None:
        self._session = session
        self._object_id = object_id
        self._frame = frame

    async def box(self) -> Box | None:
        """Return the box of its border in the viewport of the page; None: it is not shown."""
        points = await self._points()
        shown = None if points is None else await _outward(self._frame, points)
        return None if shown is None else box_around(shown)

    async def reveal(self) -> None:
        """Scroll to the frames of other processes that it is in: what is out of sight draws nothing."""
        for each in reversed(await _edges(self._frame)):
            await each.scroll_to()

    async def scroll(self) -> None:
        """Scroll to it in the documents of other processes around its own."""
        points = await self._points()
        for each in await _edges(self._frame):
            if points is not None:
                await each.scroll_to(points)
                points = await each.outward(points)

    async def _points(self) -> list[Point] | None:
        """Return its corners in the viewport of its process."""
        model = await _model_of(self._session, object_id=self._object_id)
        if model is None:
            return None
        scale = await _scale_of(self._frame)
        return [(x * scale, y * scale) for x, y in _corners(model.border)]


def box_around(points: Sequence[Point]) -> Box:
    """Return the box that points are in."""
    x, y = [each[0] for each in points], [each[1] for each in points]
    return Box(x=min(x), y=min(y), width=max(x) - min(x), height=max(y) - min(y))


async def is_in_view(frame: Frame) -> bool:
    """Return whether any of the viewport of a frame, the topmost one of its process, is in that of the page."""
    width, height = (await View.of(frame)).size
    points = await _outward(frame, [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])
    if points is None:
        return False
    box, view = box_around(points), await View.of(frame.page.main_frame)
    return -box["width"] < box["x"] < view.size[0] and -box["height"] < box["y"] < view.size[1]


async def _edges(frame: Frame) -> list[_Edge]:
    """Return the edges of processes around a frame, from the inside to the outside.

    :raises FrameRemoved: one of the frames is gone.
    """
    found: list[_Edge] = []
    while True:
        inner = _top_of(frame)
        around = inner.parent_frame
        if around is None:
            if inner is not inner.page.main_frame:
                raise inner._tree.removed(inner)
            return found
        session = await around._when_session()
        try:
            owner = await session.execute(dom.get_frame_owner(frame_id=inner._row.id))
        except CommandError as error:
            meant = explained(error)
            raise (inner._tree.removed(inner) if meant is error else meant) from error
        found.append(_Edge(inner, around, session, owner.backend_node_id))
        frame = around


async def _outward(frame: Frame, points: list[Point]) -> list[Point] | None:
    """Return where points in the viewport of a frame's process are in that of the page; None: nowhere."""
    shown: list[Point] | None = points
    for each in await _edges(frame):
        shown = None if shown is None else await each.outward(shown)
    return shown


def _top_of(frame: Frame) -> Frame:
    """Return the topmost frame of a frame's process."""
    while not frame._tree.is_top(frame._row):
        parent = frame.parent_frame
        if parent is None:
            break
        frame = parent
    return frame


async def _scale_of(frame: Frame) -> float:
    """Return how many pixels of its process's topmost frame a pixel of a frame is wide, which zoom makes more."""
    top = _top_of(frame)
    return 1.0 if top is frame else (await View.of(frame)).ratio / (await View.of(top)).ratio


async def _model_of(session: Session, **which: Any) -> dom.BoxModel | None:
    """Return the boxes of a node; None: it is not shown."""
    try:
        return (await session.execute(dom.get_box_model(**which))).model
    except CommandError as error:
        if error.message == _NO_BOX:
            return None
        raise explained(error) from error


def _corners(quad: Sequence[float]) -> list[Point]:
    return list(zip(quad[::2], quad[1::2], strict=True))
