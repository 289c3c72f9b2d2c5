"""Pointer actions on an element: waits until it is ready, sends events, and checks that they hit it.

In one attempt, the script finds the element, waits until it is visible, enabled and stable, and checks what is hit at
its point, see ``actions.js``; likewise in each frame around its own. Then the events are sent in one write, and the
script reports what they have hit. If all of them are sent at once, the question for that is in the same write, and
repeated only if the script had not received all events by then. If they have hit something else, they were kept from
the page, and the next attempt scrolls the element to another position.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import dom, runtime
from txcdp.errors import CommandError, ContextDestroyed, Gone, TxcdpError
from txcdp.page._action_options import Position
from txcdp.page._coordinates import Area, View
from txcdp.page._engine import Engine, Retry
from txcdp.page._evaluation import explained
from txcdp.page._locating import Attempt

if TYPE_CHECKING:
    from txcdp.page._frames import Frame
    from txcdp.page._input import InputDevices

T = TypeVar("T")

#: How an element is scrolled to, by the number of times that it was covered: only if necessary at first, then always.
_ALIGNMENTS: Final = (None, "end", "center", "start")

_tokens: Final = itertools.count(1)

#: Performs an action at a point of the page's viewport.
Perform = Callable[[float, float], Awaitable[None]]

Kind = Literal["mouse", "hover", "tap", "drag", "none"]


class Pointing(msgspec.Struct, frozen=True):
    """The description of a pointer action.

    :ivar kind: the kind of events to check: ``"drag"`` and ``"none"`` for none.
    :ivar enabled: whether the element has to be enabled.
    :ivar position: the position in the element; None: its centre.
    :ivar force: whether to skip all checks.
    :ivar trial: whether the events are kept from the page.
    :ivar modifiers: the modifiers held meanwhile; None: those that are held anyway.
    :ivar scrolls: whether the element may be scrolled to.
    :ivar waits: whether to wait for navigations that it starts.
    :ivar clicks: the number of clicks, if the action consists of clicks sent in one write; 0: it does not.
    :ivar before_scrolling: called before the element is scrolled to.
    """

    kind: Kind
    enabled: bool = True
    position: Position | None = None
    force: bool = False
    trial: bool = False
    modifiers: Sequence[str] | None = None
    scrolls: bool = True
    waits: bool = False
    clicks: int = 0
    before_scrolling: Callable[[], Awaitable[None]] | None = None

    @property
    def looks(self) -> bool:
        """Whether to check what the events hit."""
        return not self.force and self.kind not in ("drag", "none")


class Pointer:
    """One pointer action, over all its attempts.

    :param pointing: its description.
    :param perform: sends the events.
    """

    def __init__(self, pointing: Pointing, perform: Perform) -> None:
        self._pointing = pointing
        self._perform = perform
        self._missed = 0

    async def attempt(self, attempt: Attempt) -> None:
        """Make one attempt.

        :raises TypeError: if the position is invalid.
        """
        _check_position(self._pointing.position)
        aimed = _ListeningDocuments(attempt, f"t{next(_tokens)}")
        try:
            x, y = await self._aim(attempt, aimed)
            await self._act(attempt, aimed, x, y)
        except BaseException:
            aimed.leave()
            raise

    async def _aim(self, attempt: Attempt, aimed: _ListeningDocuments) -> tuple[float, float]:
        """Return the element's point in the page, once it is ready."""
        pointing = self._pointing
        await attempt._found()
        frame = attempt.frame
        inner = frame.parent_frame is not None
        align = _ALIGNMENTS[self._missed % len(_ALIGNMENTS)] if pointing.scrolls else None
        scrolled = not pointing.scrolls
        if inner and not scrolled:
            # A frame that is out of sight draws nothing, and says nothing of where things are.
            await self._scroll(attempt)
            scrolled = True
        if not pointing.force:
            attempt.log(f"waiting for element to be visible{', enabled' if pointing.enabled else ''} and stable")
        while True:
            aim = {
                "enabled": pointing.enabled,
                "force": pointing.force,
                "kind": pointing.kind,
                "trial": pointing.trial,
                "position": pointing.position,
                "align": align,
                "scrolled": scrolled,
                "token": aimed.token,
            }
            aimed.note(attempt._engine, frame)
            found = await attempt.run("aim", aim)
            if "scroll" not in found:
                break
            attempt.log("scrolling into view")
            await self._scroll(attempt)
            scrolled = True
        self._refuse(found)
        if not inner:
            return found["x"], found["y"]
        return await self._through(attempt, aimed, frame, found)

    async def _scroll(self, attempt: Attempt) -> None:
        if self._pointing.before_scrolling is not None:
            await self._pointing.before_scrolling()
        await _scroll_to(attempt, self._pointing.position)

    async def _through(
        self, attempt: Attempt, aimed: _ListeningDocuments, frame: Frame, found: Any
    ) -> tuple[float, float]:
        """Return where a point of a frame is in the page, if nothing covers the frames around it."""
        frames = [frame]
        while frames[-1].parent_frame is not None:
            frames.append(frames[-1].parent_frame)
        inner_ones = frames[:-1]
        elements = [await _FrameElement.of(around, each) for each, around in zip(inner_ones, frames[1:], strict=True)]
        try:
            views = [View(found)]
            for element, each in zip(elements, frames[1:], strict=True):
                told = await element.engine.call_with(each._row.id, "call", ["view", []])
                views.append(View(msgspec.json.decode(str(told.value))["value"]))
            tops = [each is frames[-1] or frame._tree.is_top(each._row) for each in frames]
            for number, element in enumerate(elements, 1):
                # The browser tells of places in the viewport of the process's topmost frame, in pixels of this one.
                top = next(other for other in range(number, len(frames)) if tops[other])
                element.scale(views[number].ratio / views[top].ratio)
            point = (float(found["x"]), float(found["y"]))
            for number, element in enumerate(elements):
                around = frames[number + 1]
                point = element.outward(point, views[number].size)
                if not tops[number + 1]:
                    inside = elements[number + 1].inward(point, views[number + 1].size)
                    if inside is None:
                        raise Retry("element is not visible: its frame has no area")
                    point = inside
                if not self._pointing.force:
                    await self._look_through(aimed, around, element, point, found["html"])
            return point
        finally:
            for element in elements:
                element.release()

    async def _look_through(
        self, aimed: _ListeningDocuments, around: Frame, element: _FrameElement, point: tuple[float, float], html: str
    ) -> None:
        """Check what is hit in a frame around the element's."""
        aimed.note(element.engine, around)
        told = await element.engine.call(
            around._row.id,
            "aimThrough",
            [
                runtime.CallArgument(object_id=element.object_id),
                _arg({"x": point[0], "y": point[1]}),
                _arg(aimed.token),
                _arg(self._pointing.kind),
            ],
        )
        covered = msgspec.json.decode(str(told.value))["value"]
        if covered is not None:
            self._refuse({**covered, "html": html})

    async def _act(self, attempt: Attempt, aimed: _ListeningDocuments, x: float, y: float) -> None:
        """Send the events, and check what they have hit."""
        pointing = self._pointing
        page = attempt.frame.page
        attempt.log("performing the action" + (" (trial run)" if pointing.trial else ""))
        consequences = Consequences(attempt)
        try:
            try:
                settling = await self._send(aimed, page._devices, x, y)
            except Gone:
                if not page.is_closed():
                    raise
                return  # it has closed the page
            waits = pointing.waits and not pointing.trial
            if pointing.looks and not settling:
                settling = aimed.settle()
            if waits and page.session not in [session for session, _ in settling]:
                consequences.ask()  # in the same write
            outcomes = []
            for session, settled in settling:
                outcome = await consequences.unless_gone(settled, "gone")
                if outcome == "early":
                    outcome = await consequences.unless_gone(aimed.settle()[0][1], "gone")
                outcomes.append(outcome)
                if session is page.session and outcome != "gone":
                    consequences.heard = True
            if outcomes and outcomes[0] == "silence":
                await self._find_out(attempt, outcomes[1:])
            elif outcomes and isinstance(outcomes[0], dict):
                self._refuse(outcomes[0])
            if waits:
                await consequences.over()
        finally:
            consequences.stop()

    async def _send(
        self, aimed: _ListeningDocuments, devices: InputDevices, x: float, y: float
    ) -> list[tuple[Session, Deferred[Any]]]:
        """Send the events, and wait until they are handled; return the report of what they hit, if it was requested."""
        pointing = self._pointing
        if pointing.modifiers is not None:
            async with devices.keyboard._holding(pointing.modifiers):
                await self._perform(x, y)
            return []
        at_once = pointing.looks and pointing.clicks and devices.mouse.is_free
        performing = self._perform(x, y)
        settling = aimed.settle_if_heard(pointing.clicks) if at_once else []
        await performing
        return settling

    async def _find_out(self, attempt: Attempt, around: Sequence[Any]) -> None:
        """Find out what happened to events that the element's frame has not received."""
        heard = [each for each in around if isinstance(each, dict)]
        for each in heard:
            self._refuse(each)
        # A script of the page that hears of them first may have kept them from ours; and so may a frame over it.
        aim = {"enabled": False, "force": False, "kind": "none", "trial": False, "token": "", "inner": False}
        try:
            found = await attempt.once(
                "aim", {**aim, "position": self._pointing.position, "align": None, "scrolled": True}
            )
        except (Retry, ContextDestroyed):
            return  # it has gone, or changed, as what is acted on does
        if "covered" in found:
            self._refuse(found)

    def _refuse(self, found: dict[str, Any]) -> None:
        """Request another attempt if something is in the way."""
        html = found.get("html")
        on = f", which is over {html}" if html else ""
        if "covered" in found:
            self._missed += 1
            part = f" from {found['from']} subtree" if found.get("from") else ""
            raise Retry(f"{found['covered']}{part} intercepts pointer events{on}")
        if "outside" in found:
            self._missed += 1
            raise Retry(f"{found['outside']}: {html}")
        if "hidden" in found:
            raise Retry(f"element is not visible: its frame is not visible, {found['hidden']}")


class _ListeningDocuments:
    """The documents in which the script listens for the events of one attempt.

    :param token: the token by which the script knows them.
    """

    def __init__(self, attempt: Attempt, token: str) -> None:
        self.token = token
        self._where: list[tuple[Engine, str]] = []

    def note(self, engine: Engine | None, frame: Frame) -> None:
        """Note that it may be listening in a frame's document."""
        if engine is not None and (engine, frame._row.id) not in self._where:
            self._where.append((engine, frame._row.id))

    def settle_if_heard(self, clicks: int) -> list[tuple[Session, Deferred[Any]]]:
        """Do the same as :meth:`settle` right after clicks were sent, if only one document listens.

        :returns: its result may also be ``"early"``, if the clicks had not arrived by then: the script listens on.
        """
        if len(self._where) != 1:
            return []
        ((engine, frame_id),) = self._where
        return [(engine.session, self._asked(engine, frame_id, "settleIfHeard", self.token, clicks))]

    def settle(self) -> list[tuple[Session, Deferred[Any]]]:
        """Make it stop listening, and return what was hit, or ``"gone"``: in the element's own frame first."""
        where, self._where = self._where, []
        return [(engine.session, self._asked(engine, frame_id, "settle", self.token)) for engine, frame_id in where]

    def leave(self) -> None:
        """Make it stop listening."""
        for _, each in self.settle():
            each.addErrback(ignore_failure)

    def _asked(self, engine: Engine, frame_id: str, function: str, *args: Any) -> Deferred[Any]:
        if not engine.made:
            return succeed("gone")
        asking: Deferred[Any] = engine.call_with(frame_id, "call", [function, args])
        return asking.addCallbacks(_value_of, _went)


class _FrameElement(Area):
    """The element that contains a frame, in the document around it.

    :ivar engine: the script in that document.
    :ivar object_id: the element's id in its isolated world.
    """

    def __init__(self, engine: Engine, object_id: str, quad: Sequence[float]) -> None:
        super().__init__(quad)
        self.engine = engine
        self.object_id = object_id

    @classmethod
    async def of(cls, parent: Frame, frame: Frame) -> _FrameElement:
        """Find the element of a frame."""
        session = await parent._when_session()
        world = parent._world(session)
        try:
            owner = (await session.execute(dom.get_frame_owner(frame_id=frame._row.id))).backend_node_id
            boxing = session.execute(dom.get_box_model(backend_node_id=owner))
            boxing.addErrback(lambda failure: failure.trap(CommandError) and None)
            context_id = await world.context(parent._row.id)
            resolve = dom.resolve_node(backend_node_id=owner, execution_context_id=context_id)
            found = (await session.execute(resolve)).object
            box = await boxing
        except CommandError as error:
            meant = explained(error)
            raise Retry("its frame was removed") if meant is error else meant from error
        if box is None:
            raise Retry("element is not visible: its frame is not rendered")
        return cls(Engine(session, world), str(found.object_id), box.model.content)

    def release(self) -> None:
        """Release the element."""
        releasing = self.engine.session.execute(runtime.release_object(object_id=self.object_id))
        releasing.addErrback(ignore_failure)


class Consequences:
    """Follows the consequences of an action: a document that navigates no longer answers.

    :param attempt: the attempt that performs the action.
    :ivar heard: whether the page's own process has answered something that was sent after the action.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._page = page = attempt.frame.page
        self.heard = False
        #: The functions that give up waits when a navigation has started; and those for dialogs alone.
        self._until_begun: list[Callable[[], object]] = []
        self._until_left: list[Callable[[], object]] = []
        frame = attempt.frame
        while frame.parent_frame is not None and not frame._tree.is_top(frame._row):
            frame = frame.parent_frame
        self._main = page._navigator.causing(page.main_frame, self._begun)
        self._others = [] if frame is page.main_frame else [page._navigator.causing(frame, self._begun)]
        self._dialogs = page._devices.dialogs
        self._dialogs.left_open.append(self._left)
        self._asked: Deferred[Any] | None = None

    def stop(self) -> None:
        """Stop following them."""
        self._dialogs.left_open.remove(self._left)
        for each in (self._main, *self._others):
            self._page._navigator.caused(each)

    def unless_gone(self, waiting: Deferred[T], otherwise: T) -> Deferred[T]:
        """Wait for an answer of the original document, as long as one is possible.

        :param otherwise: the result if none is: a navigation has started, or the program has to answer a dialog.
        """
        gone = self._main.has_begun or any(each.has_begun for each in self._others)
        return self._unless(waiting, otherwise, self._until_begun, gone)

    def _unless(
        self, waiting: Deferred[T], otherwise: T, giving_up: list[Callable[[], object]], gone: bool = False
    ) -> Deferred[T]:
        """Wait for a result until the wait is given up.

        :param giving_up: the list for the function that gives it up.
        :param gone: whether there is nothing to wait for any more.
        """
        outcome: Deferred[T] = Deferred(lambda _: waiting.cancel())

        def tell(result: T | Failure) -> None:
            if not outcome.called:
                outcome.callback(result)
            elif isinstance(result, Failure):
                ignore_failure(result)

        waiting.addBoth(tell)
        if gone or self._dialogs.is_left_open:
            tell(otherwise)
        elif not outcome.called:
            giving_up.append(lambda: tell(otherwise))
        return outcome

    def _begun(self) -> None:
        giving_up, self._until_begun = self._until_begun, []
        for each in giving_up:
            each()

    def _left(self) -> None:
        self._begun()
        giving_up, self._until_left = self._until_left, []
        for each in giving_up:
            each()

    def ask(self) -> None:
        """Ask the page whether it has received everything that was sent."""
        if self._asked is None:
            self._asked = self._page.session._send_quietly("Page.enable").addErrback(_was_gone)

    async def over(self) -> None:
        """Wait until the navigations of the main frame that the action has caused have brought their documents."""
        if self._page.is_closed():
            return
        try:
            if not self.heard:
                self.ask()
                assert self._asked is not None
                await self.unless_gone(self._asked, None)
            if self._main.has_begun:
                self._attempt.log("waiting for the navigation that the action started")
                await self._unless(Deferred.fromCoroutine(self._main.finish()), None, self._until_left)
        except Gone:
            if not self._page.is_closed():
                raise


def _check_position(position: object) -> None:
    """Refuse an invalid position, for which the page would wait in vain."""
    if position is None:
        return
    if isinstance(position, dict) and all(isinstance(position.get(each), int | float) for each in "xy"):
        return
    raise TypeError(f'position={position!r}: expected a dict with two numbers, such as {{"x": 5, "y": 10}}')


async def _scroll_to(attempt: Attempt, position: Position | None) -> None:
    """Scroll an element into view, in all frames around it, if it is not in view."""
    object_id = await attempt.element("place")
    params: dict[str, Any] = {"objectId": object_id}
    if position is not None:
        params["rect"] = {"x": position["x"], "y": position["y"], "width": 0, "height": 0}
    session: Session = attempt.session
    try:
        await session._send_quietly("DOM.scrollIntoViewIfNeeded", params)
    except CommandError as error:
        meant = explained(error)
        if meant is not error:
            raise meant from error
        gone = "detached" in error.message
        raise Retry("element was detached" if gone else "element is not visible: it is not rendered") from error


def _was_gone(failure: Failure) -> None:
    failure.trap(TxcdpError)


def _value_of(told: runtime.RemoteObject) -> Any:
    return msgspec.json.decode(str(told.value)).get("value")


def _went(failure: Failure) -> str:
    """Report that a document was navigated away by the hit."""
    failure.trap(TxcdpError, CancelledError)
    return "gone"


def _arg(value: Any) -> runtime.CallArgument:
    return runtime.CallArgument(value=value)
