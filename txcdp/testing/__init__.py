"""FakeChrome: a browser without a process or a socket, for testing programs that use one.

It exchanges real bytes over an in-memory transport, so everything from the connection upwards runs as it does in
production. It is scripted with the same values that a test asserts on::

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

**When things happen.** Nothing is delivered from inside your own call: what a client sends is added to
``FakeChrome.commands`` immediately, and is answered in the next turn, as with a real browser. On a
:class:`~twisted.internet.task.Clock` (the default), turns happen in :meth:`FakeChrome.flush`, which continues until
there is nothing left to do, and in :meth:`FakeChrome.advance`, which also lets time pass; :meth:`FakeChrome.run` drives
a coroutine or a Deferred to its end and returns its result. With ``clock=reactor``, turns happen by themselves. So a
test is deterministic and never sleeps.

**What it answers.** First what is scripted: :meth:`FakeChrome.once` and :meth:`FakeChrome.on`. Then what it implements
itself: targets, sessions and browser contexts, simple pages that navigate, the browser's version. Any other command
that has no result (``Domain.enable`` and the like) succeeds. The rest is refused in the way that Chromium refuses
unknown commands; with ``strict=True`` it also fails the test, with a message that says what was expected.

**What pages do.** :meth:`FakeChrome.on_evaluate` sets the results of JavaScript, as Python values;
:meth:`FakeChrome.go`, :meth:`FakeChrome.attach_frame`, :meth:`FakeChrome.detach_frame`, :meth:`FakeChrome.log`,
:meth:`FakeChrome.throw`, :meth:`FakeChrome.open_dialog`, :meth:`FakeChrome.open_file_chooser`,
:meth:`FakeChrome.download` and :meth:`FakeChrome.open_target` make a page do things that it may do by itself.

**What goes wrong.** :meth:`FakeChrome.lose` and :meth:`FakeChrome.restart`, :meth:`FakeChrome.refuse_lines`,
:meth:`FakeChrome.stall`, :meth:`FakeChrome.delay`, :meth:`FakeChrome.drop_replies`, :meth:`FakeChrome.crash`,
:meth:`FakeChrome.close_target`, :meth:`FakeChrome.flood` and :meth:`FakeChrome.send_garbage` reproduce, on demand,
failures that Chromium was seen to have.
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
