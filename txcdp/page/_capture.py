"""Takes screenshots of a page.

A screenshot without special options takes two commands: one for a script that waits for fonts and hides the caret, and
one for the screenshot itself. Afterwards the script undoes its changes, even if the screenshot fails. If the script had
nothing to do the last time, both commands are sent together; if it turns out to have something to do, the screenshot is
taken again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict, get_args

from twisted.internet.defer import Deferred, DeferredLock

from txcdp._arguments import check_choice, check_number, check_path, refuse_bare_string
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, when_all, with_deadline
from txcdp.domains import dom, page, runtime
from txcdp.errors import CommandError, CommandTimeout, ContextDestroyed, EvaluationError, FrameRemoved, Gone, TxcdpError
from txcdp.page import _commits as commits
from txcdp.page._evaluation import KeptObject, OwnWorld, explained, thrown, value_of
from txcdp.page._injected import _without_comments
from txcdp.protocol import to_json

ImageFormat = Literal["png", "jpeg", "webp"]

#: Image formats by the suffix of a file.
SUFFIXES: Final[dict[str, ImageFormat]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}

_SOURCE: Final = _without_comments(files("txcdp.page").joinpath("capture.js").read_text("utf-8")).strip()

#: Undoes the changes of the script.
_UNDO: Final = "undo()"

#: Fires when earlier changes have been drawn; a frame that is out of view draws nothing.
_DRAWN: Final = "new Promise(d=>{requestAnimationFrame(()=>requestAnimationFrame(()=>d()));setTimeout(d,1000)})"

#: Seconds to wait for frames in other processes, which may hang while the page does not: they are captured as they are
#: then.
_PATIENCE: Final = 5.0

#: How many documents in succession are prepared if each is replaced before the screenshot is taken.
_DOCUMENTS: Final = 5

_SIDES: Final = ("x", "y", "width", "height")

#: Chromium's error for an element whose frame was removed meanwhile.
_NOT_IN_DOCUMENT: Final = "Node with given id does not belong to the document"

#: What a screenshot of a page, and of an element, waits for.
_NOT_READY: Final = "the page's fonts have not loaded, or it does not respond"
_ELEMENT_NOT_READY: Final = f"the element to capture is not visible, or does not stand still, or {_NOT_READY}"

_CLEAR: Final = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
_BACKGROUND: Final = "Emulation.setDefaultBackgroundColorOverride"


class Clip(TypedDict):
    """A part of a picture, in CSS pixels from its top left corner."""

    x: float
    y: float
    width: float
    height: float


def image_format(path: str | os.PathLike[str] | None, type_: str | None = None) -> ImageFormat:
    """Return the image format of a screenshot.

    :param path: the path of the file, if any.
    :param type_: the requested format, if any.
    :raises TypeError: if the path is none.
    :raises ValueError: if there is no such format, or the path's suffix contradicts it, or neither determines it.
    """
    known = next((each for each in get_args(ImageFormat) if each == type_), None)
    if type_ is not None:
        check_choice("type", type_, get_args(ImageFormat))
    if path is None:
        return known or "png"
    check_path("path", path)
    suffix = Path(path).suffix
    by_suffix = SUFFIXES.get(suffix.lower())
    if by_suffix is None and known is None:
        what = f"unknown picture suffix {suffix!r}" if suffix else "it has no suffix"
        raise ValueError(f"{os.fspath(path)}: {what}; use one of {', '.join(SUFFIXES)}, or give type=")
    if None not in (known, by_suffix) and known != by_suffix:
        raise ValueError(f"{os.fspath(path)}: its suffix means {by_suffix!r}, but type= is {known!r}; leave one out")
    return known or by_suffix or "png"


def format_of(
    path: str | os.PathLike[str] | None, type_: ImageFormat | None, format_: ImageFormat | None
) -> ImageFormat:
    """Return the image format as :func:`image_format` does, from either name of the argument.

    :raises ValueError: if the two contradict each other.
    """
    if None not in (type_, format_) and type_ != format_:
        raise ValueError(f"type={type_!r} or format={format_!r}, not both: they are two names for the same option")
    return image_format(path, type_ or format_)


class PicturedElement(Protocol):
    """The part of an element handle that a screenshot needs."""

    async def box(self) -> Clip | None:
        """Return its box in the page's viewport; None: it is not displayed."""

    async def reveal(self) -> None:
        """Scroll to the frames in other processes that contain it."""

    async def scroll(self) -> None:
        """Scroll to it in the documents around its own that are in other processes."""


class TopFrame(NamedTuple):
    """The topmost frame of a page in one process."""

    session: Session
    world: OwnWorld
    id: str
    #: Whether any of it is in the viewport of the page.
    is_in_view: Callable[[], Coroutine[Any, Any, bool]]


def check_quality(quality: object, format_: str) -> None:
    """Refuse an invalid quality of an image.

    :raises ValueError: it is out of range, or the format has none.
    :raises TypeError: it is not an int.
    """
    if quality is None:
        return
    if format_ == "png":
        raise ValueError("quality= is for JPEG and WebP only: PNG has no quality")
    check_number("quality", quality, 0, 100, whole=True)


@dataclass(frozen=True)
class Picture:
    """The description of a screenshot; see ``Page.screenshot``.

    :ivar element: the element to capture; None: the page.
    :ivar place: the position of the element.
    """

    type: ImageFormat = "png"
    quality: int | None = None
    full_page: bool = False
    clip: Clip | page.Viewport | None = None
    mask: Sequence[str | KeptObject] = ()
    mask_color: str | None = None
    style: str | None = None
    animations: str = "allow"
    caret: str = "hide"
    omit_background: bool = False
    scale: str = "device"
    element: KeptObject | None = None
    place: PicturedElement | None = None

    def __post_init__(self) -> None:
        for name, values in (("animations", ("disabled", "allow")), ("caret", ("hide", "initial"))):
            check_choice(name, getattr(self, name), values)
        check_choice("scale", self.scale, ("css", "device"))
        check_quality(self.quality, self.type)
        refuse_bare_string("mask", self.mask)
        if isinstance(self.clip, page.Viewport):
            if self.full_page:
                raise ValueError("full_page=True or a clip that is a cdp.page.Viewport, not both")
            area = {name: getattr(self.clip, name) for name in _SIDES}
        else:
            given: object = self.clip
            if given is not None and not isinstance(given, Mapping):
                raise TypeError(f"clip={given!r}: expected a dict with x, y, width and height")
            area = dict(self.clip or {})
        if self.clip is not None:
            _check_area(area)

    @property
    def transparent(self) -> bool:
        """Whether it has no background; a JPEG always has one."""
        return self.omit_background and self.type != "jpeg"

    @property
    def is_viewport(self) -> bool:
        """Whether it shows the whole viewport, with a background."""
        return self.clip is None and self.element is None and not self.full_page and not self.transparent

    def options(self) -> dict[str, Any]:
        """Return the options for the script in each process, without defaults."""
        options: dict[str, Any] = {}
        if self.caret == "hide":
            options["caret"] = True
        if self.animations == "disabled":
            options["freeze"] = True
        if self.style:
            options["style"] = self.style
        return options

    def masks(self, session: Session, is_main: bool) -> tuple[dict[str, Any], list[KeptObject]]:
        """Return the mask options for the script of a process, and the elements to mask.

        :param session: the session of the process.
        :param is_main: whether it is the page's own process.
        """
        selectors = [each for each in self.mask if isinstance(each, str) and is_main]
        elements = [each for each in self.mask if isinstance(each, KeptObject) and each._injected.session is session]
        options: dict[str, Any] = {"masks": selectors} if selectors else {}
        if selectors or elements:
            options["maskColor"] = self.mask_color or "#FF00FF"
        return options, elements

    def region(
        self, ratio: float, metrics: page.GetLayoutMetricsResult, box: Clip | None
    ) -> tuple[page.Viewport, bool]:
        """Return the part of the document to capture, and whether all of it is in the viewport.

        :param ratio: device pixels per CSS pixel.
        :param metrics: the page's layout metrics.
        :param box: the element's box in the viewport.
        :raises ValueError: if the clip is outside the document.
        """
        visual, layout = metrics.css_visual_viewport, metrics.css_layout_viewport
        # The whole page, or an element, is as large in a page that is zoomed out as in any other one.
        zoom = 1.0 if self.full_page or box is not None else visual.scale
        # Documents that run from the right to the left have their origin at their left edge, too.
        left, top = layout.page_x + visual.offset_x, layout.page_y + visual.offset_y
        width, height = visual.client_width, visual.client_height
        content = metrics.css_content_size
        if self.full_page and content.width and content.height:  # a document that has just begun has no size yet
            left = top = 0.0
            width, height = content.width, content.height
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
                more = "" if self.full_page else "; to capture what is further down, give full_page=True"
                size = f"{width * zoom:g} x {height * zoom:g} CSS pixels"
                raise ValueError(f"clip={self.clip!r} is outside the {of}, which is {size}{more}")
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


class _Documents:
    """The documents of a page in one process, while they are prepared for one screenshot.

    :param top: the topmost frame.
    """

    def __init__(self, top: TopFrame) -> None:
        self.top = top
        self.session = top.session
        self.world = top.world
        #: The first result of the script.
        self.prepared: dict[str, Any] = {}
        self._changed_in: int | None = None

    @property
    def changed(self) -> bool:
        """Whether there may be changes to undo."""
        return self._changed_in is not None

    async def prepare(self, options: dict[str, Any], handles: Sequence[KeptObject], *, again: bool = False) -> None:
        """Run the script.

        :param options: its options.
        :param handles: the elements that it needs: first the one to capture, then those to mask.
        :param again: whether it has run for this screenshot before.
        """
        context_id = await self.world.context(self.top.id)
        changed, self._changed_in = self.changed, context_id
        prepared = await self._run(context_id, {**options, "again": True} if again else options, handles)
        if not (prepared["changed"] or changed):
            self._changed_in = None
        if not again:
            self.prepared = prepared

    async def check(self, options: dict[str, Any]) -> dict[str, Any]:
        """Run the script if the documents have it; return its result, which is empty otherwise."""
        context_id = self._changed_in = self.world.known
        assert context_id is not None
        try:
            got = await self.session.execute(_evaluation(_known(options), context_id), timeout=None)
        except CommandError:
            self._changed_in = None
            return {}
        said = got.result.value
        self.prepared = said if isinstance(said, dict) else {}
        if self.prepared and not self.prepared["changed"]:
            self._changed_in = None
        return self.prepared

    async def drawn(self) -> None:
        """Wait until the changes have been drawn."""
        if self.world.known is not None:
            await self.session.execute(_evaluation(_DRAWN, self.world.known), timeout=None)

    def undo(self) -> None:
        """Undo the changes."""
        if self._changed_in is not None:
            self.session.execute(_undoing(self._changed_in)).addErrback(ignore_failure)

    async def _run(self, context_id: int, options: Any, handles: Sequence[KeptObject]) -> Any:
        """Run the script."""
        text = to_json(options).decode()
        try:
            got: runtime.EvaluateResult | runtime.CallFunctionOnResult
            if not handles:
                got = await self.session.execute(_evaluation(_known(options), context_id), timeout=None)
                if got.result.value == 0:
                    first = f"(globalThis.prepare={_SOURCE})({text})"
                    got = await self.session.execute(_evaluation(first, context_id), timeout=None)
            else:
                object_ids = [await self._in_world(each, context_id) for each in handles]
                got = await self.session.execute(
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

    async def _in_world(self, handle: KeptObject, context_id: int) -> str:
        """Return the object for an element in our isolated world.

        :raises EvaluationError: if its document is gone.
        """
        handle._check()
        try:
            node = (await self.session.execute(dom.describe_node(object_id=handle._remote.object_id))).node
            command = dom.resolve_node(backend_node_id=node.backend_node_id, execution_context_id=context_id)
            return (await self.session.execute(command)).object.object_id or ""
        except CommandError as error:
            if isinstance(explained(error), ContextDestroyed) or error.message.startswith(_NOT_IN_DOCUMENT):
                raise EvaluationError(f"{handle!r} is no longer in the document") from error
            raise


class Camera:
    """Takes a page's screenshots, one after another.

    :param session: the page's session.
    :param tops: returns the topmost frame of the page in each process; the page's own process first.
    """

    def __init__(self, session: Session, tops: Callable[[], list[TopFrame]]) -> None:
        self._session = session
        self._tops = tops
        self._lock = DeferredLock()
        self._obstacle = ""
        #: Whether the last documents needed no preparation for a plain screenshot.
        self._settled = False
        #: Sessions of frames that did not respond in time, and have not responded since.
        self._silent: set[Session] = set()

    async def take(self, picture: Picture, seconds: float | None, path: str | os.PathLike[str] | None) -> bytes:
        """Take a screenshot.

        :param seconds: the timeout; None: none.
        :param path: a file to write it to as well.
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
        """Capture the current documents; if they are replaced meanwhile, the next ones."""
        plain = not (picture.options().keys() - {"caret"} or picture.mask or picture.element)
        if plain and self._settled and picture.is_viewport:
            data = await self._together(picture)
            if data is not None:
                return data
        for left in reversed(range(_DOCUMENTS)):
            documents = self._documents(picture)
            try:
                data = await self._prepared(picture, documents)
            except (ContextDestroyed, CommandError) as error:
                for each in documents:
                    each.world.forget()
                gone = isinstance(error, ContextDestroyed)
                if plain and not (gone and left):
                    break  # of whichever document: nothing is asked of it
                if not (gone and left):
                    raise
                continue
            if plain or not left or documents[0].world.made:
                return data
        self._obstacle = ""
        return await self._capture(picture, 1.0)

    def _documents(self, picture: Picture) -> list[_Documents]:
        """Return the documents to capture, those of the page's own process first."""
        needed = {each._injected.session for each in (picture.element, *picture.mask) if isinstance(each, KeptObject)}
        silent = self._silent - needed
        return [_Documents(each) for each in self._tops() if each.session not in silent]

    async def _prepared(self, picture: Picture, documents: list[_Documents]) -> bytes:
        main = of = documents[0]
        try:
            await main.world.context(main.top.id)
            self._obstacle = _NOT_READY if picture.element is None else _ELEMENT_NOT_READY
            of = self._of(picture, documents)
            if of is main:
                await self._prepare(picture, documents)
            else:
                await self._prepare_inner(picture, documents, of)
            self._settled = not any(each.changed or each.prepared.get("waited", True) for each in documents)
            await self._draw(picture, documents[1:])
            self._obstacle = ""
            return await self._capture(picture, float(main.prepared["ratio"]))
        except (FrameRemoved, Gone) as error:
            if isinstance(error, FrameRemoved) or (of.session.ended and not self._session.ended):
                raise EvaluationError("the element is no longer in the document: its frame was removed") from error
            raise
        finally:
            for each in documents:
                each.undo()

    @staticmethod
    def _of(picture: Picture, documents: list[_Documents]) -> _Documents:
        """Return the documents that contain the element to capture.

        :raises EvaluationError: if none of them does, or an element to mask is in none of them.
        """
        known = {each.session: each for each in documents}
        elements = [picture.element, *picture.mask]
        for each in elements:
            if isinstance(each, KeptObject) and each._injected.session not in known:
                raise EvaluationError(f"{each!r} is not in the document of any frame of the page")
        return documents[0] if picture.element is None else known[picture.element._injected.session]

    async def _prepare(self, picture: Picture, documents: list[_Documents]) -> None:
        """Prepare a screenshot of the page, or of an element in the page's own process."""
        preparing = []
        for each in documents:
            is_main = each is documents[0]
            masking, masked = picture.masks(each.session, is_main)
            options, handles = {**picture.options(), **masking}, masked
            if is_main and picture.element is not None:
                options["element"] = True
                handles = [picture.element, *masked]
            if is_main and len(documents) == 1:
                await each.prepare(options, handles)
                return
            preparing.append(each.prepare(options, handles) if is_main else self._prepare_other(each, options, handles))
        await _all_or_none(preparing)

    async def _prepare_inner(self, picture: Picture, documents: list[_Documents], of: _Documents) -> None:
        """Prepare a screenshot of an element in another process.

        The documents around it may move it, and it is scrolled to there. So its own process is prepared after the
        others, and what is masked in these at the end.

        :param of: the documents that contain the element.
        """
        assert picture.element is not None
        assert picture.place is not None
        main = documents[0]
        around = [each for each in documents if each is not of]
        options = picture.options()
        await _all_or_none(
            [main.prepare(options, []), *(self._prepare_other(each, options, []) for each in around[1:])]
        )
        await picture.place.reveal()
        masking, masked = picture.masks(of.session, False)
        await of.prepare({**options, **masking, "element": True}, [picture.element, *masked])
        await picture.place.scroll()
        for each in around:
            masking, masked = picture.masks(each.session, each is main)
            if masking:
                await each.prepare(masking, masked, again=True)
        before, now = None, await picture.place.box()
        while now is None or now != before:
            await of.drawn()
            before, now = now, await picture.place.box()

    async def _prepare_other(
        self, documents: _Documents, options: dict[str, Any], masked: Sequence[KeptObject]
    ) -> None:
        """Prepare documents of another process, which may be gone, or hang if nothing in them is to be masked."""
        if masked:
            await documents.prepare(options, masked)
        else:
            await self._patiently(documents, documents.prepare(options, []))

    async def _draw(self, picture: Picture, documents: Sequence[_Documents]) -> None:
        """Wait until frames in other processes have been drawn that are in view and were changed or scrolled to."""

        async def draw(each: _Documents) -> None:
            if await each.top.is_in_view():
                await each.drawn()

        drawing = [each for each in documents if each.changed or picture.element is not None]
        await _all_or_none([self._patiently(each, draw(each)) for each in drawing if each.session not in self._silent])

    async def _patiently(self, documents: _Documents, waiting: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a result from another process, for a limited time.

        :returns: the result; None if there is none in time.
        """
        session = documents.session
        late = lambda: CommandTimeout("Runtime.evaluate", _PATIENCE)  # noqa: E731
        try:
            return await with_deadline(session.context.clock, Deferred.fromCoroutine(waiting), _PATIENCE, late)
        except CommandTimeout:
            self._silent.add(session)
            asking = session.execute(runtime.evaluate(expression="0"), timeout=None)
            asking.addErrback(ignore_failure).addCallback(lambda _: self._silent.discard(session))
        except TxcdpError:
            return None  # the document is gone, or the frame is: it is shown as it is
        return None

    async def _together(self, picture: Picture) -> bytes | None:
        """Take a plain screenshot of the viewport, and check meanwhile whether it needed any preparation.

        :returns: the image; None if it has to be taken again.
        """
        self._settled = False
        documents = self._documents(picture)
        if not all(each.world.made for each in documents):
            return None
        main, *others = documents
        options = picture.options()
        asking = [main.check(options), *(self._patiently(each, each.check(options)) for each in others)]
        checking = [Deferred.fromCoroutine(each) for each in asking]
        taking = commits.execute(self._session, self._command(picture, None, True), None)
        try:
            said = [await each for each in checking]
            if not all(each and not each["changed"] and not each["waited"] for each in said):
                return None
            if picture.scale == "css" and main.prepared["ratio"] != 1:
                return None
            self._settled = True
            return (await taking).data
        finally:
            unwanted: list[Deferred[Any]] = [] if self._settled else [taking, *checking]
            for waiting in unwanted:
                waiting.addErrback(ignore_failure)
                waiting.cancel()
            for each in documents:
                each.undo()

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
        """Return the part of the document to capture, None for the viewport, and whether all of it is in that."""
        if isinstance(picture.clip, page.Viewport):
            return picture.clip, False
        whole = picture.clip is None and picture.element is None and not picture.full_page
        if whole and (picture.scale == "device" or ratio == 1):
            return None, True
        box = None
        if picture.place is not None:
            box = await picture.place.box()
            if box is None:
                raise EvaluationError(f"{picture.element!r} is no longer visible")
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


async def _all_or_none(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> None:
    """Run all in parallel; if one fails, cancel the others."""
    running = [Deferred.fromCoroutine(each) for each in coroutines]
    try:
        await when_all(running)
    finally:
        for each in running:
            each.cancel()


def save(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write an image to a file, in the reactor's thread: it is small, and the caller may open it next."""
    where = Path(path)
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(data)


def _known(options: Any) -> str:
    """Return an expression that runs the script if the document has it, and is 0 otherwise."""
    return _KNOWN if options == _USUAL else f"typeof prepare=='function'?prepare({to_json(options).decode()}):0"


#: The options of nearly all screenshots.
_USUAL: Final = {"caret": True}
_KNOWN: Final = "typeof prepare=='function'?prepare({\"caret\":true}):0"


def _undoing(context_id: int) -> runtime.evaluate:
    return runtime.evaluate(expression=_UNDO, context_id=context_id)


def _evaluation(expression: str, context_id: int) -> runtime.evaluate:
    return runtime.evaluate(expression=expression, context_id=context_id, return_by_value=True, await_promise=True)


def _check_area(area: Mapping[str, float]) -> None:
    """Refuse an invalid or empty area."""
    missing = [name for name in _SIDES if name not in area]
    if missing:
        raise ValueError(f"clip={area!r} has no {' and no '.join(map(repr, missing))}")
    if not all(math.isfinite(area[name]) for name in _SIDES):
        raise ValueError(f"clip={area!r}: its numbers must be finite")
    if area["width"] <= 0 or area["height"] <= 0:
        raise ValueError(f"clip={area!r} is empty: its width and height must be more than 0")
