"""Resolves a locator and acts on its element: one timeout for any number of attempts."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail

from txcdp._core.sessions import Session
from txcdp._deferreds import Timer, ignore_failure, with_deadline
from txcdp._timeouts import DEFAULT, Timeout
from txcdp.domains import dom, runtime
from txcdp.errors import (
    ActionTimeout,
    CommandError,
    ContextDestroyed,
    DialogOpen,
    Gone,
    LocatorError,
    NavigationError,
    SessionDetached,
)
from txcdp.page._engine import Engine, Retry, value_of
from txcdp.page._evaluation import KEPT, KeptObject, explained
from txcdp.page._handles import ElementHandle, element_of
from txcdp.page._selectors import selectors
from txcdp.page._waiting import wait_for_timeout
from txcdp.protocol import to_json

if TYPE_CHECKING:
    from txcdp.page._frames import Frame

T = TypeVar("T")

#: A name and its arguments; see ``finders`` and ``filters`` in ``locators.js``.
Step = Sequence[Any]

#: Seconds before the next attempt, by the number of attempts; the last for all further ones.
_DELAYS: Final = (0.0, 0.02, 0.1, 0.1, 0.5)

#: Seconds for which a page waits for a change before it reports its progress, likewise.
_PATIENCE: Final = (0.25, 0.5, 1.0)

#: Seconds after which it is told to report, because its timers may not run.
_GRACE: Final = 0.25

#: Seconds before the timeout from which on the page does not wait.
_LAST: Final = 0.1

#: Seconds for which the answer of a document that is gone is awaited.
_STALE: Final = 1.0

_numbers: Final = itertools.count(1)


class NoFrame(Retry):
    """Raised if there is no frame in which to search."""


class Path:
    """A path to elements: steps in a document, then through a frame's element into its document, and so on.

    :param parts: the steps in each document, in the form in which they are sent.
    :param words: the same in the form in which a program writes it.
    :param frames: the same for each frame's element on the path.
    """

    __slots__ = ("_texts", "frames", "parts", "words")

    def __init__(
        self, parts: tuple[tuple[Step, ...], ...] = ((),), words: str = "", frames: tuple[str, ...] = ()
    ) -> None:
        self.parts = parts
        self.words = words
        self.frames = frames
        self._texts: tuple[str, ...] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The steps in each document as JSON."""
        if self._texts is None:
            self._texts = tuple(to_json(part).decode("utf-8", "surrogatepass") for part in self.parts)
        return self._texts

    def then(self, words: str, *steps: Step) -> Path:
        """Return this path with more steps.

        :param words: the steps as a program writes them.
        """
        said = f"{self.words}.{words}" if self.words else words
        return Path((*self.parts[:-1], (*self.parts[-1], *steps)), said, self.frames)

    def into_frame(self, words: str) -> Path:
        """Return this path continued into the document of the frame that the element contains."""
        said = f"{self.words}.{words}" if words else self.words
        return Path((*self.parts, ()), said, (*self.frames, self.words))


class Attempt:
    """One attempt to act on the elements of a locator.

    :param locator: the locator.
    :param number: the number of earlier attempts.
    :ivar frame: the frame in whose document it searches; the locator's own until it is known.
    :ivar log: adds a line to the timeout error.
    """

    def __init__(self, locator: LocatorBase, number: int, action: Action) -> None:
        self.locator = locator
        self.number = number
        self.frame = locator._frame
        self._action = action
        self.log = action.log
        self._object_ids: list[str] = []
        self._engine: Engine | None = None
        self._hidden_frame = ""

    @property
    def session(self) -> Session:
        """The frame's session, once something was run."""
        assert self._engine is not None, "nothing was tried yet"
        return self._engine.session

    @property
    def seconds_left(self) -> float | None:
        """The time until the timeout expires; None if there is none."""
        return self._action.seconds_left

    def waits_for(self, reason: str) -> None:
        """Note the current obstacle, which the timeout error names first, until there is a better explanation."""
        self._action.waits_for(reason)

    def run(self, operation: str, args: Any = None, *, otherwise: Any = None) -> Coroutine[Any, Any, Any]:
        """Run an operation of the script on the elements; the page itself retries when the document changes.

        :param operation: its name; see ``operations`` in ``locators.js``.
        :param args: its arguments, as JSON.
        :param otherwise: the result if a frame on the path does not exist; None: try again.
        :returns: its result.
        """
        # The first time it is only asked, so that it is known soon what stands in the way.
        patience = 0 if self.number == 0 else _PATIENCE[min(self.number - 1, len(_PATIENCE) - 1)]
        left = self.seconds_left
        if left is not None and left < patience + _LAST:  # so that it is known at the deadline how far it has got
            patience = max(0.0, left - _LAST)
        return self._value(operation, args, patience, otherwise)

    def once(self, operation: str, args: Any = None, *, otherwise: Any = None) -> Coroutine[Any, Any, Any]:
        """Run an operation of the script on the elements, without waiting; see :meth:`run`."""
        return self._value(operation, args, 0, otherwise)

    async def element(self, operation: str = "element", args: Any = None) -> str:
        """Return the id of the element in our isolated world, valid during the attempt.

        :param operation: the operation that returns it.
        """
        object_id = await self._element(operation, args, _PATIENCE[0])
        if object_id is None:
            raise LocatorError(f"{self.locator}: matches no element")
        return object_id

    async def element_now(self) -> str | None:
        """Return the id of the current element; None: there is none."""
        return await self._element("elementOrNull", None, 0)

    async def _element(self, operation: str, args: Any, patience: float) -> str | None:
        engine = await self._found()
        result = await self._send(engine, self.locator._path.texts[-1], operation, args, patience, True)
        if result.object_id is None:
            value_of(str(result.value), self.locator, patience > 0)
            return None
        self._object_ids.append(result.object_id)
        return result.object_id

    async def ready(self) -> None:
        """Make sure that the document to search in has the script."""
        engine = await self._found()
        await engine.ready(self.frame._row.id)

    async def handle(self, object_id: str) -> ElementHandle:
        """Return a handle, in the page's main world, for an element in ours."""
        evaluator = await self.frame._tree.evaluator(self.frame)
        if evaluator.injected.session is not self.session:
            raise ContextDestroyed("the document in which it was found is gone: the frame is navigating")
        try:
            node = (await self.session.execute(dom.describe_node(object_id=object_id))).node
            command = dom.resolve_node(backend_node_id=node.backend_node_id, object_group=KEPT)
            return element_of(KeptObject(evaluator, (await self.session.execute(command)).object))
        except CommandError as error:
            meant = explained(error)
            if meant is error:  # (the node is gone with its document)
                meant = ContextDestroyed(f"the element is gone ({error.message})", error)
            raise meant from error

    async def call(self, function: str, *args: Any) -> Any:
        """Call a function of the script that needs no element.

        :param function: its name, in ``engine``.
        """
        engine = await self._found()
        result = await engine.call_with(self.frame._row.id, "call", [function, args])
        return value_of(str(result.value), self.locator)

    def end(self) -> None:
        """Release the objects that were kept for it."""
        object_ids, self._object_ids = self._object_ids, []
        for each in object_ids:
            self.session.execute(runtime.release_object(object_id=each)).addErrback(ignore_failure)

    async def _value(self, operation: str, args: Any, patience: float, otherwise: Any) -> Any:
        try:
            engine = self._engine or await self._found()
            if self._hidden_frame:
                patience = min(patience, _PATIENCE[0])  # that it is shown is no change of the document in it
            result = await self._send(engine, self.locator._path.texts[-1], operation, args, patience, False)
        except NoFrame:
            if otherwise is None:
                raise
            return otherwise
        return value_of(str(result.value), self.locator, patience > 0)

    async def _found(self) -> Engine:
        """Return the script in the document to search in, after going through the frames on the path again."""
        if self._engine is None:
            frame = self.locator._frame
            engine = await self._entered(frame)
            path = self.locator._path
            for text, words in zip(path.texts[:-1], path.frames, strict=True):
                frame, engine = await self._step_into(frame, engine, text, words)
            self.frame, self._engine = frame, engine
        return self._engine

    async def _entered(self, frame: Frame) -> Engine:
        session = frame._session or await frame._when_session()
        return Engine(session, frame._world(session))

    async def _step_into(self, frame: Frame, engine: Engine, text: str, words: str) -> tuple[Frame, Engine]:
        """Go through a frame's element into its document.

        :param words: the steps that find the element, as a program writes them.
        """
        self.frame = frame
        result = await self._send(engine, text, "frame", None, 0, True)
        object_id = result.object_id
        if object_id is None:
            told = value_of(str(result.value), words)
            if told is None:
                raise NoFrame(f"there is no element that shows the frame: {words}")
        else:
            described = engine.session.execute(dom.describe_node(object_id=object_id), timeout=None)
            node = (await self._answer(engine, described)).node
            if not node.frame_id:
                raise Retry("the frame has no document yet")
            arguments = [runtime.CallArgument(object_id=object_id), runtime.CallArgument(value=node.frame_id)]
            noted = engine.call(frame._row.id, "noteFrame", arguments)
            engine.session.execute(runtime.release_object(object_id=object_id)).addErrback(ignore_failure)
            told = (await self._answer(engine, noted)).value
        frame_id, _, hidden = str(told).partition(" ")
        self._hidden_frame = self._hidden_frame or hidden
        inner = frame._tree.frame(frame_id)
        if inner is None:
            raise Retry("the frame is not attached")
        try:
            return inner, await self._entered(inner)
        except NavigationError:
            raise Retry("the frame was removed") from None

    def _send(
        self, engine: Engine, text: str, operation: str, args: Any, patience: float, raw: bool
    ) -> Coroutine[Any, Any, runtime.RemoteObject]:
        number = next(_numbers)
        values = [text, operation, args, round(patience * 1000), number, self.locator._test_id, raw]
        if self._hidden_frame:
            values.append(self._hidden_frame)
        called = engine.call_with(self.frame._row.id, "run", values, by_value=not raw)
        return self._patient_answer(engine, called, number, patience) if patience else self._answer(engine, called)

    async def _patient_answer(self, engine: Engine, called: Deferred[T], number: int, patience: float) -> T:
        """Await the answer of a document that may wait itself, and make it stop if it does so for too long."""

        def stop() -> None:
            engine.call_with(self.frame._row.id, "stop", [number]).addErrback(ignore_failure)

        timer = Timer(self.frame.page.session.context.clock, stop)
        timer.set(patience + _GRACE)
        try:
            return await self._answer(engine, called)
        except CancelledError:
            stop()
            raise
        finally:
            timer.stop()

    async def _answer(self, engine: Engine, asked: Deferred[T]) -> T:
        """Await the answer of a document; one that is gone may never answer, as when its frame changes process."""
        answer = _AwaitedAnswer(self.frame, engine, asked)
        try:
            return await asked
        except CancelledError:
            if answer.given_up:
                raise ContextDestroyed("the document that was searched is gone: it did not answer") from None
            raise
        finally:
            answer.stop()


class _AwaitedAnswer:
    """Watches a command to a document: once the document is gone, its answer is not awaited for much longer.

    :param frame: the document's frame.
    :param engine: the script in it.
    :param asked: the command's Deferred.
    :ivar given_up: whether the document is gone without an answer.
    """

    __slots__ = ("_asked", "_documents", "_engine", "_frame", "_timer", "given_up")

    def __init__(self, frame: Frame, engine: Engine, asked: Deferred[Any]) -> None:
        self._frame = frame
        self._engine = engine
        self._documents = engine.world.documents
        self._asked = asked
        self._timer: Timer | None = None
        self.given_up = False
        frame._tree.followers[self] = None

    @property
    def frame(self) -> Frame:
        """The frame."""
        return self._frame

    def changed(self, changes: object) -> None:
        """Check whether the document still exists, because something has changed."""
        engine = self._engine
        if self._timer is not None:
            return
        if engine.world.documents != self._documents or not self._frame._is_in(engine.session, engine.world):
            self._timer = Timer(self._frame.page.session.context.clock, self._give_up)
            self._timer.set(_STALE)

    def stop(self) -> None:
        """Leave nothing behind."""
        self._frame._tree.followers.pop(self, None)
        if self._timer is not None:
            self._timer.stop()

    def _give_up(self) -> None:
        self.given_up = True
        self._asked.cancel()


class Action:
    """An action on the elements of a locator, repeated until it succeeds or the timeout expires.

    :param locator: the locator.
    :param what: the action's name, for errors.
    :param seconds: the timeout; None: none.
    :param looked: why an earlier attempt failed; None: there was none.
    :param handled: whether the page's locator handlers are called before each attempt.
    """

    def __init__(
        self, locator: LocatorBase, what: str, seconds: float | None, looked: Retry | None = None, handled: bool = True
    ) -> None:
        self._locator = locator
        self._handled = handled
        self._what = what
        self._seconds = seconds
        self._session = locator._frame.page.session
        self._clock = self._session.context.clock
        self._began = self._clock.seconds()
        self._tries = 0 if looked is None else 1
        self._reason = "" if looked is None else looked.reason
        self._log: list[str] = []

    @property
    def seconds_left(self) -> float | None:
        """The time until the timeout expires."""
        return None if self._seconds is None else max(0.0, self._began + self._seconds - self._clock.seconds())

    def log(self, text: str) -> None:
        """Add a line to the timeout error."""
        if text not in self._log:
            self._log = [*self._log[-9:], text]

    def waits_for(self, reason: str) -> None:
        """Note the current obstacle."""
        self._reason = reason

    async def run(self, body: Callable[[Attempt], Awaitable[T]]) -> T:
        """Repeat it until it succeeds.

        :raises Gone: if the page has ended meanwhile, or its transport is lost, with the reason.
        """
        try:
            return await self._tried(body)
        except Gone as error:
            if error.action:  # of something that was done for it
                raise
            raise error.meanwhile(self._called, self._obstacle()) from None

    async def _tried(self, body: Callable[[Attempt], Awaitable[T]]) -> T:
        handlers = self._locator._frame.page._locator_handlers if self._handled else None
        while True:
            attempt = Attempt(self._locator, self._tries, self)
            began = self._clock.seconds()
            delay = _DELAYS[min(self._tries, len(_DELAYS) - 1)]
            try:
                if handlers is not None:
                    await handlers.before(attempt)
                return await body(attempt)
            except Retry as again:
                self._reason = again.reason
                if again.waited and self._clock.seconds() - began > delay:
                    delay = 0
            except (ContextDestroyed, SessionDetached) as error:  # a frame's session ends where it changes the process
                if self._session.ended:
                    raise
                if self._locator._frame.is_detached():
                    raise self._locator._frame._tree.removed(self._locator._frame) from error
                self._reason = "its document was gone because the page navigated"
                delay = max(delay, _DELAYS[1])
            finally:
                self._tries += 1
                attempt.end()
            await wait_for_timeout(self._session, delay)

    def late(self) -> ActionTimeout:
        """Return the timeout error."""
        obstacle = self._obstacle(self._session.blocked_by or self._reason or "the page does not respond")
        return ActionTimeout(self._called, self._seconds or 0, obstacle)

    @property
    def _called(self) -> str:
        """Its description for errors."""
        return f"{self._locator}.{self._what}"

    def _obstacle(self, reason: str | None = None) -> str:
        """Return a description of the obstacle and the progress.

        :param reason: how it begins, if not with the reason why the last attempt failed.
        """
        said = self._reason if reason is None else reason
        if said and self._tries > 1:
            said += f" (after {self._tries} tries)"
        return "; ".join(each for each in (said, *self._log) if each)


class LocatorBase:
    """Base of locators: elements that are found again at each use.

    :param frame: the frame whose document the search begins in.
    :param path: how the elements are found from there.
    """

    def __init__(self, frame: Frame, path: Path) -> None:
        self._frame = frame
        self._path = path
        self._description: str | None = None

    def __str__(self) -> str:
        return self._path.words

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    @property
    def _test_id(self) -> str:
        """The attribute that contains test ids."""
        return selectors.test_id_attribute

    def _perform(
        self,
        what: str,
        body: Callable[[Attempt], Awaitable[T]],
        timeout: Timeout = DEFAULT,
        *,
        looked: Retry | None = None,
        handled: bool = True,
    ) -> Deferred[T]:
        """Call a function repeatedly until it returns, with the elements resolved again each time.

        :param what: the action's name, for errors.
        :param body: called with each :class:`Attempt`; raises :exc:`Again` to be called again.
        :param timeout: the timeout of all attempts together.
        :param looked: why an earlier attempt failed; None: there was none.
        :param handled: whether the page's locator handlers are called before each attempt.
        """
        page = self._frame.page
        seconds = page._seconds(timeout)
        action = Action(self, what, seconds, looked, handled)
        doing: Deferred[T] = Deferred.fromCoroutine(action.run(body))
        return with_deadline(page.session.context.deadlines, doing, seconds, action.late)

    def _run(self, what: str, operation: str, args: Any = None, timeout: Timeout = DEFAULT) -> Deferred[Any]:
        """Run one operation of the script."""
        return self._perform(what, lambda attempt: attempt.run(operation, args), timeout)

    def _look(self, what: str, operation: str, *, otherwise: Any, timeout: Timeout = DEFAULT) -> Deferred[Any]:
        """Run one operation of the script that does not have to wait.

        :param otherwise: the result if the frame that contains the elements does not exist.
        """
        return self._perform_now(what, lambda attempt: attempt.once(operation, otherwise=otherwise), timeout)

    def _perform_now(
        self, what: str, body: Callable[[Attempt], Awaitable[T]], timeout: Timeout = DEFAULT
    ) -> Deferred[T]:
        """Do what concerns the present elements, and so does not wait for anything; see :meth:`_perform`."""
        obstacle = self._frame.page.session.blocked_by
        if obstacle:  # that would wait for what the program may be about to do
            return fail(DialogOpen(f"{self}.{what}()", obstacle))
        return self._perform(what, body, timeout, handled=False)
