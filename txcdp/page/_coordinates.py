"""The position of elements in the viewport of a page, including elements of frames in other processes.

The browser reports positions in the viewport of the topmost frame of a process, in CSS pixels of the frame in question.
From there the position is converted outward, by the boxes of the elements that contain these topmost frames, which may
be rotated or scaled.
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

#: Chromium's error for an element without a layout.
_NO_BOX: Final = "Could not compute box model."

#: Its error for scrolling to an element without a layout.
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

    :param said: the values that its document reports.
    :ivar size: in its own CSS pixels.
    :ivar ratio: device pixels per CSS pixel, which zoom increases.
    """

    def __init__(self, said: dict[str, float]) -> None:
        self.size = (float(said["width"]), float(said["height"]))
        self.ratio = float(said["ratio"])

    @classmethod
    async def of(cls, frame: Frame) -> View:
        """Read it from a frame."""
        session = await frame._when_session()
        return cls(await frame._world(session).read(OwnWorld.VIEW, frame._row.id))


class Area:
    """A box of an element, as the browser reports it; it may be rotated and scaled.

    :param quad: the coordinates of its four corners.
    """

    def __init__(self, quad: Sequence[float]) -> None:
        self._origin = (quad[0], quad[1])
        self._right = (quad[2] - quad[0], quad[3] - quad[1])
        self._down = (quad[6] - quad[0], quad[7] - quad[1])

    def scale(self, factor: float) -> None:
        """Multiply all coordinates by a factor."""
        self._origin = (self._origin[0] * factor, self._origin[1] * factor)
        self._right = (self._right[0] * factor, self._right[1] * factor)
        self._down = (self._down[0] * factor, self._down[1] * factor)

    def outward(self, point: Point, size: Point) -> Point:
        """Convert a point inside the box to the coordinates around it.

        :param size: the box's own size, in the units of the point.
        """
        across, along = point[0] / (size[0] or 1), point[1] / (size[1] or 1)
        return (
            self._origin[0] + across * self._right[0] + along * self._down[0],
            self._origin[1] + across * self._right[1] + along * self._down[1],
        )

    def inward(self, point: Point, size: Point) -> Point | None:
        """Convert a point around the box to the coordinates inside it; None: the box is empty."""
        x, y = point[0] - self._origin[0], point[1] - self._origin[1]
        area = self._right[0] * self._down[1] - self._right[1] * self._down[0]
        if not area:
            return None
        across = (x * self._down[1] - y * self._down[0]) / area
        along = (y * self._right[0] - x * self._right[1]) / area
        return across * size[0], along * size[1]


class _Edge:
    """The element that contains a frame in another process than the document around it.

    :ivar inner: the frame, the topmost one of its process.
    :ivar around: the frame whose document contains the element.
    """

    def __init__(self, inner: Frame, around: Frame, session: Session, owner: int) -> None:
        self.inner = inner
        self.around = around
        self._session = session
        self._owner = owner

    async def _model(self) -> dom.BoxModel | None:
        """Return the element's boxes; None: it is not displayed."""
        try:
            return await _model_of(self._session, backend_node_id=self._owner)
        except CommandError as error:
            raise self.inner._tree.removed(self.inner) from error

    async def outward(self, points: Sequence[Point]) -> list[Point] | None:
        """Convert points of the frame to the viewport of the process around it; None: it is not displayed."""
        model = await self._model()
        if model is None:
            return None
        area = Area(model.content)
        area.scale(await _scale_of(self.around))
        size = (await View.of(self.inner)).size
        return [area.outward(each, size) for each in points]

    async def scroll_to(self, points: Sequence[Point] | None = None) -> None:
        """Scroll to the element, if it is displayed.

        :param points: the points of the frame to scroll to; None: the whole frame.
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
    """The position of an element in its page.

    :param session: the element's session.
    :param object_id: the element's object id.
    :param frame: the frame whose document contains it.
    """

    def __init__(self, session: Session, object_id: str | None, frame: Frame) -> None:
        self._session = session
        self._object_id = object_id
        self._frame = frame

    async def box(self) -> Box | None:
        """Return its border box in the page's viewport; None: it is not displayed."""
        points = await self._points()
        shown = None if points is None else await _outward(self._frame, points)
        return None if shown is None else box_around(shown)

    async def reveal(self) -> None:
        """Scroll to the frames in other processes that contain it: what is out of view is not drawn."""
        for each in reversed(await _edges(self._frame)):
            await each.scroll_to()

    async def scroll(self) -> None:
        """Scroll to it in the documents around its own that are in other processes."""
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
    """Return the bounding box of points."""
    x, y = [each[0] for each in points], [each[1] for each in points]
    return Box(x=min(x), y=min(y), width=max(x) - min(x), height=max(y) - min(y))


async def is_in_view(frame: Frame) -> bool:
    """Return whether the viewport of a frame, the topmost one of its process, overlaps that of the page."""
    width, height = (await View.of(frame)).size
    points = await _outward(frame, [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])
    if points is None:
        return False
    box, view = box_around(points), await View.of(frame.page.main_frame)
    return -box["width"] < box["x"] < view.size[0] and -box["height"] < box["y"] < view.size[1]


async def _edges(frame: Frame) -> list[_Edge]:
    """Return the process boundaries around a frame, from the inside to the outside.

    :raises FrameRemoved: if one of the frames is gone.
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
    """Convert points in the viewport of a frame's process to that of the page; None: they are not displayed."""
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
    """Return how many CSS pixels of its process's topmost frame one of a frame equals, which zoom increases."""
    top = _top_of(frame)
    return 1.0 if top is frame else (await View.of(frame)).ratio / (await View.of(top)).ratio


async def _model_of(session: Session, **which: Any) -> dom.BoxModel | None:
    """Return the boxes of a node; None: it is not displayed."""
    try:
        return (await session.execute(dom.get_box_model(**which))).model
    except CommandError as error:
        if error.message == _NO_BOX:
            return None
        raise explained(error) from error


def _corners(quad: Sequence[float]) -> list[Point]:
    return list(zip(quad[::2], quad[1::2], strict=True))
