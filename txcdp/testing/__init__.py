"""FakeChrome: a browser without a process or a socket, for testing what talks to one.

It speaks real bytes over a transport in memory, so everything from the connection upwards runs as it
does in production. Scripted with the same values that a test asserts on::

    >>> from txcdp.domains import network, page
    >>> from txcdp.testing import FakeChrome
    >>> chrome = FakeChrome()
    >>> session = chrome.attach(chrome.connect(), url="https://example.com/")

    >>> _ = chrome.on(page.navigate, page.NavigateResult(frame_id="F", loader_id="L"))
    >>> chrome.run(session.execute(page.navigate(url="https://example.com/news")))
    NavigateResult(frame_id='F', loader_id='L')
    >>> chrome.received(page.navigate)
    [navigate(url='https://example.com/news')]

    >>> seen = []
    >>> _ = session.events(network.DataReceived).subscribe(seen.append)
    >>> chrome.emit(
    ...     network.DataReceived(request_id="1", timestamp=0.0, data_length=10, encoded_data_length=5), session)
    >>> chrome.flush()
    >>> [event.data_length for event in seen]
    [10]

**When things happen.** Nothing is delivered from inside your own call: what a client sends is noted in
``FakeChrome.commands`` at once, and is answered in the next turn, as with a real browser. A turn
of a :class:`~twisted.internet.task.Clock` (the default) comes with :meth:`FakeChrome.flush`, which
goes on until nobody has anything more to say, or with :meth:`FakeChrome.advance`, which lets time
pass too; :meth:`FakeChrome.run` drives a coroutine or a Deferred to its end and returns its result.
With ``clock=reactor`` turns come by themselves. So a test is deterministic and never sleeps.

**What it answers.** First what the script says: :meth:`FakeChrome.once` and :meth:`FakeChrome.on`.
Then what it knows by itself: targets, sessions and browser contexts, simple pages that navigate, the
browser's version. Any other command that has no result (``Domain.enable`` and the like) succeeds.
The rest is refused as Chromium refuses what it does not know; with ``strict=True`` it also fails the
test, with a message that says what was expected.

**What pages do.** :meth:`FakeChrome.on_evaluate` sets what comes of JavaScript, in values of Python's;
:meth:`FakeChrome.go`, :meth:`FakeChrome.attach_frame`, :meth:`FakeChrome.detach_frame`, :meth:`FakeChrome.log`,
:meth:`FakeChrome.throw`, :meth:`FakeChrome.open_dialog`, :meth:`FakeChrome.open_file_chooser`,
:meth:`FakeChrome.download` and :meth:`FakeChrome.open_target` let a page do what it may do by itself.

**What goes wrong.** :meth:`FakeChrome.lose` and :meth:`FakeChrome.restart`, :meth:`FakeChrome.refuse_lines`,
:meth:`FakeChrome.stall`, :meth:`FakeChrome.delay`, :meth:`FakeChrome.drop_replies`,
:meth:`FakeChrome.crash`, :meth:`FakeChrome.close_target`, :meth:`FakeChrome.flood` and
:meth:`FakeChrome.send_garbage`: what Chromium was seen to do, when a test wants it.
"""

from txcdp.testing._browsers import BrowserTestCase
from txcdp.testing._chrome import FakeChrome
from txcdp.testing._evaluation import FakeHandle
from txcdp.testing._faults import GARBAGE
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received
from txcdp.testing._script import BY_ITSELF, NEVER, UnexpectedCommand
from txcdp.testing._targets import FakeTarget

__all__ = [
    "BY_ITSELF",
    "GARBAGE",
    "NEVER",
    "BrowserTestCase",
    "FakeChrome",
    "FakeHandle",
    "FakeTarget",
    "FakeTransport",
    "Received",
    "UnexpectedCommand",
]
