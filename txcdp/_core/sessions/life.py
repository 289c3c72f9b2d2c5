"""The life of a session: its states, what can happen to it, and what it is afterwards.

All about it is in :data:`TRANSITIONS`: what is not there does not happen, or changes nothing. ``docs/architecture.rst``
has the table as a picture, which ``python docs/state_tables.py`` makes of it. What is *done* at a transition (streams
that end, commands that fail) is in :mod:`txcdp._core.sessions.session`, beside what it is done to.

It is a table and no class of automat's, which Twisted brings: a table can be drawn, compared and walked through in a
test as data, and a session that is neither crashed nor lost costs nothing for it: a command looks at one attribute.
"""

from __future__ import annotations

import enum
from typing import Final


class SessionState(enum.Enum):
    """The states of a session; the value is what its ``repr`` says."""

    #: The target answers.
    LIVE = "live"
    #: The target did not live, or answer, to be set up again: the process that follows has to be.
    UNSET = "not set up"
    #: The target's process is gone, with its page; what the session was set up with is the browser's to remember.
    CRASHED = "crashed"
    #: The same, and the browser remembers nothing.
    CRASHED_UNSET = "crashed, not set up"
    #: The line is lost, and another one being looked for.
    LOST = "line lost"
    #: The same, of a target that had crashed before.
    LOST_CRASHED = "line lost, crashed"
    #: Detached, or the connection is at its end.
    ENDED = "gone"


class Happening(enum.Enum):
    """The inputs of a session's state machine."""

    #: ``Inspector.targetCrashed``.
    CRASH = "crash"
    #: ``Inspector.targetReloadedAfterCrash``: a navigation gave the target a new process.
    REVIVE = "revive"
    #: A command that sets it up again found no target that lives, or answers.
    NOT_SET_UP = "not set up"
    #: The line is lost, and somebody looks for another one.
    LOSE = "lose"
    #: The target is found again, over another line to the same browser.
    FIND = "find"
    #: Another target takes its place, in a browser that was restarted.
    REPLACE = "replace"
    #: It is detached from, or the connection ends.
    END = "end"


_S, _H = SessionState, Happening

#: From a state, by what happens, to the next one. Chromium says that a target has crashed as often as it is asked to
#: enable ``Inspector``, so that may come again; and it may be told in the moment in which the line goes.
TRANSITIONS: Final[dict[SessionState, dict[Happening, SessionState]]] = {
    _S.LIVE: {
        _H.CRASH: _S.CRASHED,
        _H.NOT_SET_UP: _S.UNSET,
        _H.LOSE: _S.LOST,
        _H.END: _S.ENDED,
    },
    _S.UNSET: {
        _H.CRASH: _S.CRASHED_UNSET,
        _H.LOSE: _S.LOST,
        _H.END: _S.ENDED,
    },
    _S.CRASHED: {
        _H.CRASH: _S.CRASHED,
        _H.REVIVE: _S.LIVE,
        _H.NOT_SET_UP: _S.CRASHED_UNSET,
        _H.LOSE: _S.LOST_CRASHED,
        _H.END: _S.ENDED,
    },
    _S.CRASHED_UNSET: {
        _H.CRASH: _S.CRASHED_UNSET,
        _H.REVIVE: _S.LIVE,
        _H.LOSE: _S.LOST_CRASHED,
        _H.END: _S.ENDED,
    },
    _S.LOST: {
        _H.CRASH: _S.LOST_CRASHED,
        _H.FIND: _S.LIVE,
        _H.REPLACE: _S.LIVE,
        _H.END: _S.ENDED,
    },
    _S.LOST_CRASHED: {
        _H.FIND: _S.CRASHED_UNSET,  # what it was set up with went with the line
        _H.REPLACE: _S.LIVE,
        _H.END: _S.ENDED,
    },
    _S.ENDED: {},
}

#: The target's process is gone and the page has not been reloaded yet.
CRASHED: Final = (_S.CRASHED, _S.CRASHED_UNSET)

#: There is no line.
SUSPENDED: Final = (_S.LOST, _S.LOST_CRASHED)
