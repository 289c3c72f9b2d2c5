"""What a page shows, as pictures that come as it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._arguments import check_choice
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import page
from txcdp.page._viewport import ViewportSize
from txcdp.streams import StreamSubject

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase


@dataclass(frozen=True)
class ScreencastFrame:
    """A picture of what a page shows; an item of ``Page.screencast``.

    :ivar data: the picture.
    :ivar timestamp: when it was shown, in seconds since 1970; None: the browser did not say.
    :ivar metadata: the page's size, scale and scroll offsets then.
    """

    data: bytes
    timestamp: float | None
    metadata: page.ScreencastFrameMetadata


class Screencast(StreamSubject[ScreencastFrame]):
    """The pictures of one page, from the first subscriber on until the last has left.

    The browser sends the next ones when all subscribers have returned from the one before.

    :param start: begins it.
    """

    def __init__(self, session: Session, start: page.start_screencast) -> None:
        super().__init__(session.context, "screencast")
        self._session = session
        self._start = start
        self._listening: DisposableBase | None = None
        ended: Deferred[object] = session.when_ended()  # type: ignore[assignment]
        ended.addCallback(lambda _: self.end())

    def _first_came(self) -> None:
        frames = self._session._observe(page.ScreencastFrame)
        self._listening = frames.subscribe(self._came, ignore_failure)
        self._session.execute(self._start).addErrback(self._refused)

    def _refused(self, failure: Failure) -> None:
        error = failure.value
        self.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _last_left(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.dispose()
        if not self._session.ended:
            self._session.execute(page.stop_screencast()).addErrback(ignore_failure)

    def _came(self, event: page.ScreencastFrame) -> None:
        self.push(ScreencastFrame(event.data, event.metadata.timestamp, event.metadata))
        acknowledged = page.screencast_frame_ack(session_id=event.session_id)
        self._session.execute(acknowledged).addErrback(ignore_failure)


def screencast(
    session: Session,
    format_: Literal["jpeg", "png"],
    quality: int | None,
    max_size: ViewportSize | None,
    every_nth: int,
) -> Screencast:
    """Return the stream of a page's pictures.

    :raises ValueError: there is no such format, quality or number.
    """
    check_choice("format", format_, ("jpeg", "png"))
    if quality is not None and not 0 <= quality <= 100:
        raise ValueError(f"quality={quality}: it is from 0 to 100")
    if every_nth < 1:
        raise ValueError(f"every_nth={every_nth}: it is 1 or more")
    start = page.start_screencast(
        format=format_,
        quality=quality,
        max_width=None if max_size is None else max_size["width"],
        max_height=None if max_size is None else max_size["height"],
        every_nth_frame=every_nth,
    )
    return Screencast(session, start)
