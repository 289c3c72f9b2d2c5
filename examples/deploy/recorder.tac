"""A recorder as an application of its own, for those who want more than ``twistd txcdp record`` has options for.

::

    twistd --nodaemon --python examples/deploy/recorder.tac

Records what a browser does, and says every minute how it gets on. RECORDINGS names the directory, ./recordings by default.
"""

import os

from twisted.application.internet import TimerService
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.logger import Logger

from txcdp.recording import Filter, JsonLines
from txcdp.service import BrowserService, RecorderService, end_process

log = Logger()
directory = os.environ.get("RECORDINGS", "recordings")


def report() -> None:
    """Say how the recording gets on."""
    if recorder.recorder is not None:
        log.info("{recorder}: {stats}", recorder=recorder.recorder, stats=recorder.recorder.stats)


application = Application("recorder")
recorder = RecorderService(
    BrowserService(reactor),
    lambda: JsonLines(directory, compression="gzip", rotate_age=3600),
    urls=["https://example.com/"],
    filter=Filter(events=["Network", "Log", "Runtime.exceptionThrown"]),
    given_up=lambda: end_process(reactor),
)
recorder.setServiceParent(application)
TimerService(60, report).setServiceParent(application)
