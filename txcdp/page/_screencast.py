"""Screencasts: images of a page, sent as it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txcdp._arguments import check_choice, check_number
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import page
from txcdp.page import _commits as commits
from txcdp.page._capture import check_quality
from txcdp.page._viewport import ViewportSize, checked
from txcdp.streams import StreamSubject

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase


@dataclass(frozen=True)
class ScreencastFrame:
    """A picture of what a page shows; an item of ``Page.screencast``.

    :ivar data: the picture.
    :ivar timestamp: when it was shown, in seconds since 1970; None if the browser did not report it.
    :ivar metadata: the page's size, scale and scroll offsets at that time.
    """

    data: bytes
    timestamp: float | None
    metadata: page.ScreencastFrameMetadata


class Screencast(StreamSubject[ScreencastFrame]):
    """The images of one page, from the first subscriber until the last has left.

    The browser sends the next images when all subscribers have returned from the previous one.

    :param session: the page's session.
    :param start: the command that starts it.
    :param attach: attaches to the page separately, because a session has only one screencast at a time; None: the given
        session has no other.
    """

    def __init__(
        self, session: Session, start: page.start_screencast, attach: Callable[[], Deferred[Session]] | None
    ) -> None:
        super().__init__(session.context, "screencast")
        self._session = session
        self._start = start
        self._attach = attach
        self._casting: _RunningScreencast | None = None
        ended: Deferred[object] = session.when_ended()  # type: ignore[assignment]
        ended.addCallback(lambda _: self.end())

    def _first_came(self) -> None:
        attaching = succeed(self._session) if self._attach is None else self._attach()
        self._casting = _RunningScreencast(self, self._start, attaching, is_apart=self._attach is not None)

    def _last_left(self) -> None:
        casting, self._casting = self._casting, None
        if casting is not None:
            casting.stop()


class _RunningScreencast:
    """A running screencast, in a session without another one.

    :param pictures: the screencast that it belongs to.
    :param start: the command that starts it.
    :param attaching: fires with the session.
    :param is_apart: whether the session is only for this, and so ends with it.
    """

    def __init__(
        self, pictures: Screencast, start: page.start_screencast, attaching: Deferred[Session], *, is_apart: bool
    ) -> None:
        self._pictures = pictures
        self._start = start
        self._is_apart = is_apart
        self._session: Session | None = None
        self._listening: DisposableBase | None = None
        self._stopped = False
        self._starting = attaching.addCallback(self._begin).addErrback(self._refused)

    def stop(self) -> None:
        """Stop it, even if it has not started yet."""
        self._stopped = True
        self._starting.cancel()
        if self._listening is not None:
            self._listening.dispose()
        session = self._session
        if session is None or session.ended:
            return
        leaving: Deferred[Any] = session.detach() if self._is_apart else session.execute(page.stop_screencast())
        leaving.addErrback(ignore_failure)

    def _begin(self, session: Session) -> Deferred[None]:
        self._session = session
        session.execute(page.enable()).addErrback(ignore_failure)
        self._listening = session._observe(page.ScreencastFrame).subscribe(self._came, ignore_failure)
        return commits.execute(session, self._start, None, again_unanswered=False)

    def _refused(self, failure: Failure) -> None:
        if self._stopped:  # nobody waits for it any more
            return
        error = failure.value
        self._pictures.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _came(self, event: page.ScreencastFrame) -> None:
        self._pictures.push(ScreencastFrame(event.data, event.metadata.timestamp, event.metadata))
        if self._session is not None and not self._stopped:
            acknowledged = page.screencast_frame_ack(session_id=event.session_id)
            self._session.execute(acknowledged).addErrback(ignore_failure)


def screencast(
    session: Session,
    format_: Literal["jpeg", "png"],
    quality: int | None,
    max_size: ViewportSize | None,
    every_nth: int,
    attach: Callable[[], Deferred[Session]] | None = None,
) -> Screencast:
    """Return the stream of a page's images.

    :param attach: as for :class:`Screencast`.
    :raises ValueError: if a format, quality, size or number is invalid.
    :raises TypeError: if one has a wrong type.
    """
    check_choice("format", format_, ("jpeg", "png"))
    check_quality(quality, format_)
    check_number("every_nth", every_nth, 1, whole=True)
    if max_size is not None:
        max_size = checked(max_size, "max_size")
    start = page.start_screencast(
        format=format_,
        quality=quality,
        max_width=None if max_size is None else max_size["width"],
        max_height=None if max_size is None else max_size["height"],
        every_nth_frame=every_nth,
    )
    return Screencast(session, start, attach)
