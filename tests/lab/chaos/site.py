"""The site that is visited: small pages that count aloud, load parts, and take their time."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.web.server import NOT_DONE_YET

from tests.browser.support import HTML, Answer, Server, reactor

_COUNTING = """
<script>
  const name = Math.random().toString(36).slice(2);
  let number = 0;
  setInterval(() => console.log(name, number++), 25);
</script>
"""


class SlowAnswer(Answer):
    """An answer that takes half a second."""

    def give(self, request: Any) -> object:
        self.begin(request)
        call = reactor.callLater(0.5, self._finish, request)
        request.notifyFinish().addErrback(lambda _: call.cancel() if call.active() else None)
        return NOT_DONE_YET

    def _finish(self, request: Any) -> None:
        request.write(self.body)
        request.finish()


class Site(Server):
    """The web server, which does not keep what it was asked for: it may run for hours."""

    def __init__(self) -> None:
        super().__init__()
        self._pages.asked = deque(maxlen=0)  # type: ignore[assignment]
        self.page("/", f"<title>Home</title>{_COUNTING}<script>setInterval(() => fetch('/data'), 200)</script>")
        self.page("/plain", f"<title>Plain</title>{_COUNTING}" + "<p>words</p>" * 200)
        self.page(
            "/frames", f"<title>Frames</title>{_COUNTING}<iframe src=/inner></iframe><iframe src=/inner></iframe>"
        )
        self.page("/inner", "<p>inside</p>")
        self.page("/data", "x" * 20_000)
        slow = f"<title>Slow</title>{_COUNTING}".encode()
        self._pages.answers["/slow"] = SlowAnswer(slow, 200, {"content-type": HTML})
