"""Where elements are in the viewport of a page, which its frames have not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from txcdp._core.sessions import Session
from txcdp.domains import dom
from txcdp.errors import CommandError
from txcdp.page._evaluation import explained

if TYPE_CHECKING:
    from txcdp.page._frames import Frame

#: What Chromium says of an element that is not laid out.
_NO_BOX: Final = "Could not compute box model."


class Box(TypedDict):
    """The box of an element, in CSS pixels of the page's viewport."""

    x: float
    y: float
    width: float
    height: float


async def box_of(session: Session, object_id: str | None) -> Box | None:
    """Return the box of an element's border, in the viewport of its session (``DOM.getBoxModel``).

    :returns: None where it is not shown.
    """
    try:
        model = (await session.execute(dom.get_box_model(object_id=object_id))).model
    except CommandError as error:
        if error.message == _NO_BOX:
            return None
        raise explained(error) from error
    x, y = model.border[::2], model.border[1::2]
    return Box(x=min(x), y=min(y), width=max(x) - min(x), height=max(y) - min(y))


async def offset_of(frame: Frame, box: Box) -> Box:
    """Return a box in the viewport of the page, that is given in that of the session of a frame."""
    tree = frame._tree
    top: Frame | None = frame
    while top is not None:
        while not tree.is_top(top._row) and top.parent_frame is not None:
            top = top.parent_frame
        parent = top.parent_frame
        if parent is None:
            break
        session = await parent._when_session()
        owner = await session.execute(dom.get_frame_owner(frame_id=top._row.id))
        try:
            model = (await session.execute(dom.get_box_model(backend_node_id=owner.backend_node_id))).model
        except CommandError as error:
            raise explained(error) from error
        box = Box(
            x=box["x"] + min(model.content[::2]),
            y=box["y"] + min(model.content[1::2]),
            width=box["width"],
            height=box["height"],
        )
        top = parent
    return box
