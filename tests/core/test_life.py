"""The life of a session: the table, and that a session does what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from txcdp._core.sessions import Session
from txcdp._core.sessions.life import CRASHED, SUSPENDED, TRANSITIONS, SessionInput, SessionState
from txcdp.domains import runtime
from txcdp.errors import ConnectionLost, Gone, SessionDetached, TargetCrashed
from txcdp.streams import Gap
from txcdp.testing import NEVER, FakeChrome

LOST = ConnectionLost("lost")

DO: dict[SessionInput, Callable[[Session], None]] = {
    SessionInput.CRASH: lambda session: session._crash(lambda: None),
    SessionInput.REVIVE: lambda session: session._revive(),
    SessionInput.NOT_SET_UP: lambda session: session._not_set_up(),
    SessionInput.LOSE: lambda session: session._suspend(LOST),
    SessionInput.FIND: lambda session: session._resume(Gap(0, 1, LOST), "S", session.target, session.parent),
    SessionInput.REPLACE: lambda session: session._resume(Gap(0, 1, LOST, True), "S", session.target, session.parent),
    SessionInput.END: lambda session: session._end(SessionDetached("S"), None),
}

#: What a command fails with, None where it is sent.
REFUSAL: dict[SessionState, type[Gone] | None] = {
    SessionState.LIVE: None,
    SessionState.UNSET: None,
    SessionState.CRASHED: TargetCrashed,
    SessionState.CRASHED_UNSET: TargetCrashed,
    SessionState.LOST: ConnectionLost,
    SessionState.LOST_CRASHED: ConnectionLost,
    SessionState.ENDED: SessionDetached,
}


def ways() -> Iterator[tuple[SessionState, tuple[SessionInput, ...]]]:
    """Find the shortest way to each state."""
    found: dict[SessionState, tuple[SessionInput, ...]] = {SessionState.LIVE: ()}
    waiting = [SessionState.LIVE]
    while waiting:
        state = waiting.pop(0)
        yield state, found[state]
        for happening, following in TRANSITIONS[state].items():
            if following not in found:
                found[following] = (*found[state], happening)
                waiting.append(following)


WAYS = dict(ways())


def test_every_state_can_be_reached_and_ends() -> None:
    assert set(WAYS) == set(TRANSITIONS) == set(SessionState)
    assert [state for state, following in TRANSITIONS.items() if SessionInput.END not in following] == [
        SessionState.ENDED
    ]
    assert TRANSITIONS[SessionState.ENDED] == {}


@pytest.mark.parametrize("happening", SessionInput, ids=lambda each: each.name)
@pytest.mark.parametrize("state", SessionState, ids=lambda each: each.name)
def test_a_session_does_what_the_table_says(state: SessionState, happening: SessionInput) -> None:
    chrome = FakeChrome()
    session = chrome.run(chrome.browser().new_page()).session
    chrome.on(runtime.evaluate, NEVER)
    for each in WAYS[state]:
        DO[each](session)
    assert session._state is state
    DO[happening](session)
    now = TRANSITIONS[state].get(happening, state)
    assert session._state is now
    assert (session.crashed, session.suspended) == (now in CRASHED, now in SUSPENDED)
    assert session.ended is (now is SessionState.ENDED)
    assert repr(session).endswith(f" ({now.value})>") is (now is not SessionState.LIVE)
    failures: list[object] = []
    sent = session.execute(runtime.evaluate(expression="1"), timeout=None)
    sent.addErrback(lambda failure: failures.append(failure.type))
    assert failures == ([] if REFUSAL[now] is None else [REFUSAL[now]])
    DO[SessionInput.END](session)
