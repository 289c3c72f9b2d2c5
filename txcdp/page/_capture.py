"""Pictures of a page.

One that needs nothing else is two commands: a script makes sure that fonts are there and no caret blinks, and the
picture is taken. What the script has changed it puts back afterwards, whatever has become of the picture. Where it had
nothing to do the last time both are sent together; if it has had something to do then, the picture is taken again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, get_args

from twisted.internet.defer import Deferred, DeferredLock

from txcdp._arguments import check_choice, refuse_bare_string
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, with_deadline
from txcdp.domains import dom, page, runtime
from txcdp.errors import CommandError, CommandTimeout, ContextDestroyed
from txcdp.page import _commits as commits
from txcdp.page._evaluation import Kept, OwnWorld, explained, thrown, value_of
from txcdp.page._injected import _without_comments
from txcdp.protocol import to_json

ImageFormat = Literal["png", "jpeg", "webp"]

#: What a file is, by its suffix.
SUFFIXES: Final[dict[str, ImageFormat]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}

_SOURCE: Final = _without_comments(files("txcdp.page").joinpath("capture.js").read_text("utf-8")).strip()

#: What the script leaves behind.
_UNDO: Final = "undo()"

#: How many documents in a row are prepared that are gone before the picture is there.
_DOCUMENTS: Final = 5

_SIDES: Final = ("x", "y", "width", "height")

_CLEAR: Final = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
_BACKGROUND: Final = "Emulation.setDefaultBackgroundColorOverride"


class Clip(TypedDict):
    """A part of a picture, in CSS pixels from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


def image_format(path: str | os.PathLike[str] | None, type_: str | None = None) -> ImageFormat:
    """Return what a picture is to be.

    :param path: where it is written to, if anywhere.
    :param type_: what was asked for, if anything.
    :raises ValueError: there is no such type, or the path's suffix says something else, or neither says anything.
    """
    known = next((each for each in get_args(ImageFormat) if each == type_), None)
    if type_ is not None:
        check_choice("type", type_, get_args(ImageFormat))
    if path is None:
        return known or "png"
    suffix = Path(path).suffix
    by_suffix = SUFFIXES.get(suffix.lower())
    if by_suffix is None and known is None:
        what = f"the suffix {suffix!r} is none of a picture" if suffix else "it has no suffix"
        raise ValueError(f"{os.fspath(path)}: {what}; use one of {', '.join(SUFFIXES)}, or give type=")
    if None not in (known, by_suffix) and known != by_suffix:
        raise ValueError(f"{os.fspath(path)}: its suffix says {by_suffix!r}, but type= says {known!r}; leave one out")
    return known or by_suffix or "png"


def format_of(
    path: str | os.PathLike[str] | None, type_: ImageFormat | None, format_: ImageFormat | None
) -> ImageFormat:
    """Return what a picture is to be, as :func:`image_format`, by either name of what was asked for.

    :raises ValueError: the two say different things.
    """
    if None not in (type_, format_) and type_ != format_:
        raise ValueError(f"type={type_!r} or format={format_!r}, not both: they are one thing by two names")
    return image_format(path, type_ or format_)


@dataclass(frozen=True)
class Picture:
    """A description of a picture; see ``Page.screenshot``.

    :ivar element: what it is of; None: the page.
    :ivar box: returns where the element is, as a :class:`Clip` of the viewport.
    """

    type: ImageFormat = "png"
    quality: int | None = None
    full_page: bool = False
    clip: Clip | page.Viewport | None = None
    mask: Sequence[str | Kept] = ()
    mask_color: str | None = None
    style: str | None = None
    animations: str = "allow"
    caret: str = "hide"
    omit_background: bool = False
    scale: str = "device"
    element: Kept | None = None
    box: Callable[[], Deferred[Any]] | None = None

    def __post_init__(self) -> None:
        for name, values in (("animations", ("disabled", "allow")), ("caret", ("hide", "initial"))):
            check_choice(name, getattr(self, name), values)
        check_choice("scale", self.scale, ("css", "device"))
        if self.quality is not None:
            if self.type == "png":
                raise ValueError("quality= is of JPEG and WebP: PNG has none")
            if isinstance(self.quality, bool) or not isinstance(self.quality, int):
                raise TypeError(f"quality={self.quality!r}: a whole number from 0 to 100")
            if not 0 <= self.quality <= 100:
                raise ValueError(f"quality={self.quality}: it is from 0 to 100")
        refuse_bare_string("mask", self.mask)
        if isinstance(self.clip, page.Viewport):
            if self.full_page:
                raise ValueError("full_page=True or a clip that is a cdp.page.Viewport, not both")
            area = {name: getattr(self.clip, name) for name in _SIDES}
        else:
            given: object = self.clip
            if given is not None and not isinstance(given, Mapping):
                raise TypeError(f"clip={given!r}: a dict with x, y, width and height is wanted")
            area = dict(self.clip or {})
        if self.clip is not None:
            _check_area(area)

    @property
    def transparent(self) -> bool:
        """Whether it has no background; a JPEG always has one."""
        return self.omit_background and self.type != "jpeg"

    @property
    def is_viewport(self) -> bool:
        """Whether it is of all that the viewport shows, with a background."""
        return self.clip is None and self.element is None and not self.full_page and not self.transparent

    def options(self) -> dict[str, Any]:
        """Return what the script is told, without what is as usual."""
        options: dict[str, Any] = {}
        if self.caret == "hide":
            options["caret"] = True
        if self.animations == "disabled":
            options["freeze"] = True
        if self.style:
            options["style"] = self.style
        selectors = [each for each in self.mask if isinstance(each, str)]
        if selectors:
            options["masks"] = selectors
        if self.mask:
            options["maskColor"] = self.mask_color or "#FF00FF"
        if self.element is not None:
            options["element"] = True
        return options

    def handles(self) -> list[Kept]:
        """Return the elements that the script is given: that which it is of first, then those that are masked."""
        masked = [each for each in self.mask if not isinstance(each, str)]
        return masked if self.element is None else [self.element, *masked]

    def region(
        self, ratio: float, metrics: page.GetLayoutMetricsResult, box: Clip | None
    ) -> tuple[page.Viewport, bool]:
        """Return which part of the document is taken, and whether all of it is in the viewport.

        :param ratio: device pixels of a CSS pixel.
        :param metrics: the page's.
        :param box: of the element, in the viewport.
        :raises ValueError: the clip is outside.
        """
        visual, layout = metrics.css_visual_viewport, metrics.css_layout_viewport
        # The whole page, or an element, is as large in a page that is zoomed out as in any other one.
        zoom = 1.0 if self.full_page or box is not None else visual.scale
        # Documents that run from the right to the left have their origin at their left edge, too.
        left, top = layout.page_x + visual.offset_x, layout.page_y + visual.offset_y
        width, height = visual.client_width, visual.client_height
        if self.full_page:
            left = top = 0.0
            width, height = metrics.css_content_size.width, metrics.css_content_size.height
        x, y, right, bottom = 0.0, 0.0, width, height
        if box is not None:
            x, y = math.floor(box["x"]), math.floor(box["y"])
            right, bottom = math.ceil(box["x"] + box["width"]), math.ceil(box["y"] + box["height"])
        elif self.clip is not None and not isinstance(self.clip, page.Viewport):
            # Of the picture, which shows more of the document than it is large where the page is zoomed out.
            x, y = max(self.clip["x"], 0.0) / zoom, max(self.clip["y"], 0.0) / zoom
            right = min((self.clip["x"] + self.clip["width"]) / zoom, width)
            bottom = min((self.clip["y"] + self.clip["height"]) / zoom, height)
            if right <= x or bottom <= y:
                of = "page" if self.full_page else "viewport"
                more = "" if self.full_page else "; for what is further down, give full_page=True"
                size = f"{width * zoom:g} x {height * zoom:g} CSS pixels"
                raise ValueError(f"clip={self.clip!r} is outside of the {of}, of {size}{more}")
        clip = page.Viewport(
            x=left + x,
            y=top + y,
            width=right - x,
            height=bottom - y,
            scale=zoom / ratio if self.scale == "css" else zoom,
        )
        fits = right <= visual.client_width and bottom <= visual.client_height
        scrolled = self.full_page and (layout.page_x or layout.page_y)
        return clip, fits and x >= 0 and y >= 0 and not scrolled


class Camera:
    """Takes a page's pictures, one after the other.

    :param session: the page's.
    :param world: returns our own world of its main frame, and that frame's id.
    """

    def __init__(self, session: Session, world: Callable[[], tuple[OwnWorld, str]]) -> None:
        self._session = session
        self._world = world
        self._lock = DeferredLock()
        self._obstacle = ""
        #: Whether the last document needed nothing that is done before a plain picture.
        self._settled = False

    async def take(self, picture: Picture, seconds: float | None, path: str | os.PathLike[str] | None) -> bytes:
        """Take a picture.

        :param seconds: the deadline; None: none.
        :param path: a file to write it to, too.
        """
        taking = Deferred.fromCoroutine(self._one_by_one(picture))
        data = await with_deadline(self._session.context.clock, taking, seconds, lambda: self._late(seconds or 0))
        if path is not None:
            save(data, path)
        return data

    def _late(self, seconds: float) -> CommandTimeout:
        return CommandTimeout("Page.captureScreenshot", seconds, self._session.blocked_by or self._obstacle)

    async def _one_by_one(self, picture: Picture) -> bytes:
        acquiring = self._lock.acquire()
        if not acquiring.called:
            await acquiring
        try:
            return await self._take(picture)
        finally:
            self._lock.release()

    async def _take(self, picture: Picture) -> bytes:
        """Take it of the document that is there; where that goes meanwhile, of the next one."""
        options = picture.options()
        plain = not options.keys() - {"caret"}
        if plain and self._settled and picture.is_viewport:
            data = await self._together(picture, options)
            if data is not None:
                return data
        for left in reversed(range(_DOCUMENTS)):
            world, frame_id = self._world()
            try:
                data = await self._prepared(picture, options, world, frame_id)
            except (ContextDestroyed, CommandError) as error:
                world.forget()
                gone = isinstance(error, ContextDestroyed)
                if plain and not (gone and left):
                    break  # of whichever document: nothing is asked of it
                if not (gone and left):
                    raise
                continue
            if plain or not left or world.made:
                return data
        return await self._capture(picture, 1.0)

    async def _prepared(self, picture: Picture, options: Any, world: OwnWorld, frame_id: str) -> bytes:
        context_id = await world.context(frame_id)
        self._obstacle = "what the page shows is not there yet: its fonts, or the element that is to be taken"
        changed = True
        try:
            prepared = await self._run(context_id, options, picture.handles())
            changed = bool(prepared["changed"])
            self._settled = not (changed or prepared["waited"])
            self._obstacle = ""
            return await self._capture(picture, float(prepared["ratio"]))
        finally:
            if changed:
                self._session.execute(_undoing(context_id)).addErrback(ignore_failure)

    async def _together(self, picture: Picture, options: Any) -> bytes | None:
        """Take a plain picture of the viewport, and ask meanwhile whether anything had to be done before.

        :returns: the picture; None where it does not count.
        """
        self._settled = False
        world, _ = self._world()
        context_id = world.known
        if context_id is None:
            return None
        changed = True
        checking = self._session.execute(_evaluation(_known(options), context_id), timeout=None)
        taking = commits.execute(self._session, self._command(picture, None, True), None)
        try:
            try:
                got = (await checking).result.value
            except CommandError:
                changed = False
                return None
            changed = not isinstance(got, dict) or bool(got["changed"])
            scaled = picture.scale == "css" and isinstance(got, dict) and got["ratio"] != 1
            if changed or got["waited"] or scaled:
                return None
            self._settled = True
            return (await taking).data
        finally:
            if not self._settled:
                taking.addErrback(ignore_failure)
                taking.cancel()
            if changed:
                self._session.execute(_undoing(context_id)).addErrback(ignore_failure)

    async def _run(self, context_id: int, options: Any, handles: Sequence[Kept]) -> Any:
        """Run the script."""
        text = to_json(options).decode()
        try:
            got: runtime.EvaluateResult | runtime.CallFunctionOnResult
            if not handles:
                got = await self._session.execute(_evaluation(_known(options), context_id), timeout=None)
                if got.result.value == 0:
                    first = f"(globalThis.prepare={_SOURCE})({text})"
                    got = await self._session.execute(_evaluation(first, context_id), timeout=None)
            else:
                object_ids = [await self._in_world(each, context_id) for each in handles]
                got = await self._session.execute(
                    runtime.call_function_on(
                        function_declaration=f"function(...elements){{return ({_SOURCE})({text},...elements)}}",
                        object_id=object_ids[0],
                        arguments=[runtime.CallArgument(object_id=each) for each in object_ids],
                        return_by_value=True,
                        await_promise=True,
                    ),
                    timeout=None,
                )
        except CommandError as error:
            raise explained(error) from error
        if got.exception_details is not None:
            raise thrown(got.exception_details)
        return value_of(got.result)

    async def _in_world(self, handle: Kept, context_id: int) -> str:
        """Return what stands for an element in our own world."""
        handle._check()
        node = (await self._session.execute(dom.describe_node(object_id=handle._remote.object_id))).node
        command = dom.resolve_node(backend_node_id=node.backend_node_id, execution_context_id=context_id)
        return (await self._session.execute(command)).object.object_id or ""

    async def _capture(self, picture: Picture, ratio: float) -> bytes:
        clip, inside = await self._region(picture, ratio)
        if not picture.transparent:
            return await self._captured(picture, clip, inside)
        before = self._session._standing(_BACKGROUND)
        try:
            await self._session._send_quietly(_BACKGROUND, _CLEAR)
            return await self._captured(picture, clip, inside)
        finally:
            self._session._send_quietly(_BACKGROUND, before).addErrback(ignore_failure)

    async def _region(self, picture: Picture, ratio: float) -> tuple[page.Viewport | None, bool]:
        """Return which part of the document is taken, None for the viewport, and whether all of that is in it."""
        if isinstance(picture.clip, page.Viewport):
            return picture.clip, False
        whole = picture.clip is None and picture.element is None and not picture.full_page
        if whole and (picture.scale == "device" or ratio == 1):
            return None, True
        box = None if picture.box is None else await picture.box()
        metrics = await self._session.execute(page.get_layout_metrics())
        return picture.region(ratio, metrics, box)

    async def _captured(self, picture: Picture, clip: page.Viewport | None, inside: bool) -> bytes:
        return (await commits.execute(self._session, self._command(picture, clip, inside), None)).data

    @staticmethod
    def _command(picture: Picture, clip: page.Viewport | None, inside: bool) -> page.capture_screenshot:
        return page.capture_screenshot(
            format=picture.type,
            quality=picture.quality,
            clip=clip,
            capture_beyond_viewport=None if inside else True,
        )


def save(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write a picture to a file, in the reactor's thread: it is small, and the next line may open it."""
    where = Path(path)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(data)


def _known(options: Any) -> str:
    """Return what runs the script where it is there, and results in 0 where it is not."""
    return _KNOWN if options == _USUAL else f"typeof prepare=='function'?prepare({to_json(options).decode()}):0"


#: Of nearly all pictures.
_USUAL: Final = {"caret": True}
_KNOWN: Final = "typeof prepare=='function'?prepare({\"caret\":true}):0"


def _undoing(context_id: int) -> runtime.evaluate:
    return runtime.evaluate(expression=_UNDO, context_id=context_id)


def _evaluation(expression: str, context_id: int) -> runtime.evaluate:
    return runtime.evaluate(expression=expression, context_id=context_id, return_by_value=True, await_promise=True)


def _check_area(area: Mapping[str, float]) -> None:
    """Refuse what is no area, or an empty one."""
    missing = [name for name in _SIDES if name not in area]
    if missing:
        raise ValueError(f"clip={area!r} has no {' and no '.join(map(repr, missing))}")
    if not all(math.isfinite(area[name]) for name in _SIDES):
        raise ValueError(f"clip={area!r}: its numbers are finite")
    if area["width"] <= 0 or area["height"] <= 0:
        raise ValueError(f"clip={area!r} is empty: its width and height are more than 0")
