"""Clients that share a browser, in random interleavings, with ids of each other that they have guessed.

Each has its main line, and opens and closes lines to single pages (``/devtools/page/ID``), over which it says the same.
Two ways of looking at it. The machine lets two or three clients do anything while answers and events are on their way,
and sees that nobody is told anything of the others, asks the browser for anything of theirs, or makes them wait. The
other one is stronger: what a client hears, over all of its lines, is the same, word for word, whether the others are
there or not.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.gateway.support_virtual_browser import IDS, Client, FakeBrowser, MultiplexRig, kind_of
from txcdp.gateway._multiplex.client_state import ClientSession
from txcdp.gateway._multiplex.rules import RULES

#: Commands of which the outcome depends on an id in their parameters.
NAMING = {
    "Browser.getWindowForTarget": "targetId",
    "Browser.grantPermissions": "browserContextId",
    "Browser.setDownloadBehavior": "browserContextId",
    "Storage.getCookies": "browserContextId",
    "Target.activateTarget": "targetId",
    "Target.attachToTarget": "targetId",
    "Target.closeTarget": "targetId",
    "Target.createTarget": "browserContextId",
    "Target.detachFromTarget": "sessionId",
    "Target.disposeBrowserContext": "browserContextId",
    "Target.getTargetInfo": "targetId",
}
#: What pages are made to do, besides saying something.
ACTS = ("hang", "popup", "download", "download in a frame")
#: Commands that name nobody.
PLAIN = (
    "Browser.getVersion",
    "Page.enable",
    "Runtime.runIfWaitingForDebugger",
    "Storage.getCookies",
    "Target.attachToBrowserTarget",
    "Target.createBrowserContext",
    "Target.createTarget",
    "Target.getBrowserContexts",
    "Target.getTargetInfo",
    "Target.getTargets",
)
#: Commands with a row in the table of rules that are not among the others.
OTHER = tuple(sorted(RULES.keys() - {"Browser.close"} - NAMING.keys() - set(PLAIN)))
plain = st.one_of(st.sampled_from(PLAIN), st.sampled_from(PLAIN), st.sampled_from(OTHER))
named = st.sampled_from(sorted(NAMING))

FILTERS: tuple[Any, ...] = (None, [{}], [{"type": "page"}], [{"type": "tab"}], [{"type": "page", "exclude": True}, {}])
INVENTED = "invented"

#: How lines to pages end when their client goes.
ENDS_OF_LINES = {(1000, "the client that opened the page has left"), (1000, "Browser.close")}

picks = st.integers(0, 2**16)


def letter(parameter: str) -> str:
    """Return the kind of the ids that a parameter takes."""
    return {"targetId": "T", "sessionId": "S", "browserContextId": "C"}[parameter]


def choose(choices: list[str], pick: int) -> str:
    """Choose by a number, or an id that there is not."""
    return choices[pick % len(choices)] if choices else INVENTED


def unnamed(client: Client) -> list[ClientSession]:
    """Return the sessions that a line stands on, and that its client calls by no name."""
    connection = client.connection
    return [each for each in (connection._root, connection.sessions.get("")) if each is not None]


class Isolation(RuleBasedStateMachine):
    """Two or three clients of one browser."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = MultiplexRig()
        self.browser, self.shared = self.rig.browser, self.rig.shared
        self.clients: list[Client] = []
        self.gone: list[Client] = []
        self.seen = 0
        self.names = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 10)
        self.come()
        self.come()

    def come(self) -> None:
        """Let a client come, and open something at once."""
        client = Client(self.shared, self.browser, next(self.names))
        client.on_message = lambda _: self.heard(client)
        self.clients.append(client)
        client.send("Target.createTarget", url="about:blank")
        client.send("Target.createTarget", url="about:blank")
        client.send("Target.setDiscoverTargets", discover=True)
        client.send("Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)

    @initialize(settled=st.booleans())
    def have_settled(self, settled: bool) -> None:
        """Let them have all that they asked for, and a line to a page each; or nothing of that yet."""
        if settled:
            self.rig.deliver()
            for client in self.clients:
                pages = [each for each, info in client.virtual.state.targets.items() if info["type"] == "page"]
                for each in pages:
                    self.open_line(client, each)
            self.rig.deliver()

    def open_line(self, client: Client, target: str) -> None:
        """Let a client open a line to a page."""
        line = client.open_line(target)
        line.on_message = lambda _: self.heard(line)

    def speaker(self, who: int) -> Client:
        """Choose who speaks, and over which line."""
        lines = [each for client in self.clients for each in client.open_lines]
        return [*self.clients, *lines][who % (len(self.clients) + len(lines))]

    def owner(self, found: str) -> str | None:
        """Return whose an id is, from what the browser itself knows; "?" for what is no more."""
        if found in (INVENTED, ""):
            return "?"
        if kind_of(found) == "C":
            return self.contexts.get(found, "?")
        if kind_of(found) == "T":
            return self.targets.get(found, "?")
        if kind_of(found) == "S":
            return self.sessions.get(found, "?")
        return self.browser_targets.get(found, "?")

    def learn(self) -> None:
        """Note whose everything is, as long as it is there."""
        targets = self.browser.targets
        self.contexts.update(self.browser.contexts)
        self.contexts[targets.default_context] = None
        for target in targets.all.values():
            if target.type != "browser":
                self.targets[target.id] = self.contexts.get(target.browser_context_id or "")
        for session_id, each in targets.sessions.items():
            of = each.target
            assert of is not None
            if of.type == "browser":
                self.sessions[session_id] = self.browser_targets[of.id] = self.browser.makers.get(session_id)
            else:
                self.sessions[session_id] = self.targets[of.id]

    contexts: dict[str, str | None]
    targets: dict[str, str | None]
    sessions: dict[str, str | None]
    browser_targets: dict[str, str | None]
    lines_of_sessions: dict[str, Client]

    def heard(self, client: Client) -> None:
        """See that a client is told of its own things only, or of what it has said itself."""
        self.learn()
        message = client.got[-1]
        for found in IDS.findall(client.raw[-1].decode()):
            if self.owner(found) != client.name:
                assert "error" in message, (client.name, found, message)
                assert found in client.said, (client.name, found, message)
            elif kind_of(found) == "S" and "error" not in message:
                assert self.lines_of_sessions.setdefault(found, client) is client, "one session on two lines"
                assert found not in {each.id for each in unnamed(client)}, "a session that has no name"
        if client.place == 0 and "method" in message and "sessionId" not in message:
            assert message["method"].startswith(("Target.", "Browser.")), "an event of a page without its session"
        for params in [message.get("params", {})]:
            if "said" in params:
                assert params["said"] in (*ACTS, f"by {client.name}"), (client.name, message)

    @invariant()
    def asked_for_nothing_of_others(self) -> None:
        self.learn()
        watchers = {each.decode() for each in self.shared.state.watch.keys}
        for actor, heard in self.browser.heard[self.seen :]:
            session = heard.get("sessionId", "")
            command = dict(heard)
            if heard["method"] == "Target.detachFromTarget" and session in watchers:
                command.pop("sessionId", None)  # what a watcher has handed over is let go through it
            whose = actor or (self.owner(session) if session else None)
            for found in IDS.findall(str(command)):
                if whose is not None:
                    assert self.owner(found) == whose, (whose, found, command)
        self.seen = len(self.browser.heard)

    @rule(pick=picks)
    def another_comes(self, pick: int) -> None:
        if len(self.clients) < 3:
            self.come()

    @rule(who=picks, how=st.sampled_from(["leave", "Browser.close", "Browser.close over a line"]))
    def one_goes(self, who: int, how: str) -> None:
        if len(self.clients) > 1:
            client = self.clients[who % len(self.clients)]
            ready = [each for each in client.open_lines if each.connection.sessions]
            over = ready[0] if ready and how == "Browser.close over a line" else client
            open_lines = client.open_lines
            self.clients.remove(client)
            self.gone.append(client)
            if how == "leave":
                client.leave()
            else:
                over.send("Browser.close")
            if client.left or client.closed:
                assert {each.closed for each in client.lines if each in open_lines} <= ENDS_OF_LINES

    @rule(who=picks, pick=picks, guess=st.booleans())
    def opens_a_line(self, who: int, pick: int, guess: bool) -> None:
        client = self.clients[who % len(self.clients)]
        target = choose(list(self.browser.targets.all) if guess else client.ids("T"), pick)
        self.open_line(client, target)

    @precondition(lambda self: any(each.open_lines for each in self.clients))
    @rule(who=picks)
    def closes_a_line(self, who: int) -> None:
        lines = [line for client in self.clients for line in client.open_lines]
        lines[who % len(lines)].leave()

    @rule(count=st.integers(1, 30))
    def some_arrives(self, count: int) -> None:
        self.rig.deliver(count)

    @rule()
    def all_arrives(self) -> None:
        self.rig.deliver()

    def session(self, client: Client, pick: int, guess: bool) -> str:
        """Choose a session: the root one, one that the client has been told of, or a guessed one."""
        choices = ["", *(self.browser.targets.sessions if guess else client.ids("S"))]
        return choose(choices, pick)

    def say(self, client: Client, method: str, session: str, **params: Any) -> int:
        """Say something; a session that is not of this line is as one that there is not."""
        before = len(self.browser.heard)
        unknown = session and session not in client.connection.sessions
        number = client.send(method, session, **params)
        if unknown:
            assert len(self.browser.heard) == before, (client.name, session, self.browser.heard[before:])
            assert all("error" in each for each in client.got if each.get("id") == number)
        return number

    @rule(who=picks, method=plain, pick=picks, guess=st.booleans())
    def ask(self, who: int, method: str, pick: int, guess: bool) -> None:
        client = self.speaker(who)
        self.say(client, method, self.session(client, pick, guess), url="about:blank", flatten=True)

    @rule(who=picks, method=named, pick=picks, at=picks, guess=st.booleans())
    def ask_by_name(self, who: int, method: str, pick: int, at: int, guess: bool) -> None:
        client = self.speaker(who)
        name = NAMING[method]
        kind = letter(name)
        everything = {
            "T": list(self.browser.targets.all),
            "S": list(self.browser.targets.sessions),
            "C": list(self.browser.contexts),
        }
        found = choose(everything[kind] if guess else client.ids(kind), pick)
        before = len(self.browser.heard)
        self.learn()
        number = self.say(client, method, self.session(client, at, False), flatten=True, **{name: found})
        if self.owner(found) != client.name:
            assert len(self.browser.heard) == before, (client.name, found, self.browser.heard[before:])
            assert all("error" in each for each in client.got if each.get("id") == number)

    @rule(who=picks, pick=picks, guess=st.booleans(), what=st.sampled_from(["say", *ACTS]))
    def evaluate(self, who: int, pick: int, guess: bool, what: str) -> None:
        client = self.speaker(who)
        expression = f"by {client.name}" if what == "say" else what
        self.say(client, "Runtime.evaluate", self.session(client, pick, guess), expression=expression)

    @rule(who=picks, pick=picks, on=st.booleans(), wait_for_debugger=st.booleans(), filters=st.sampled_from(FILTERS))
    def attach_by_itself(self, who: int, pick: int, on: bool, wait_for_debugger: bool, filters: Any) -> None:
        client = self.speaker(who)
        params = {"autoAttach": on, "waitForDebuggerOnStart": wait_for_debugger, "flatten": True}
        if filters is not None:
            params["filter"] = filters
        client.send("Target.setAutoAttach", self.session(client, pick, False), **params)

    @rule(who=picks, pick=picks, on=st.booleans(), filters=st.sampled_from(FILTERS))
    def discover(self, who: int, pick: int, on: bool, filters: Any) -> None:
        client = self.speaker(who)
        params = {} if filters is None or not on else {"filter": filters}
        client.send("Target.setDiscoverTargets", self.session(client, pick, False), discover=on, **params)

    @rule(pick=picks, how=st.sampled_from(["crash", "close"]))
    def happens_to_a_target(self, pick: int, how: str) -> None:
        self.learn()
        targets = self.browser.targets
        target = choose([key for key, each in targets.all.items() if each.type != "browser"], pick)
        if target != INVENTED:
            getattr(targets, how)(targets.all[target])

    @precondition(lambda self: not self.browser.out.queued)
    @invariant()
    def tables_are_those_of_the_browser(self) -> None:
        """See, whenever nothing is on its way, that nothing was forgotten, left behind, or is made to wait."""
        self.learn()
        shared, browser = self.shared, self.browser
        names = {each.name for each in self.clients}
        assert set(browser.contexts) == set(shared.state.contexts)
        assert {self.contexts[each] for each in browser.contexts} <= names
        assert shared.state.disposing == 0
        hers = {each.id for each in shared.state.sessions.values()}
        watchers = {
            key for key, each in browser.targets.sessions.items() if each.auto_attach is not None and each.is_browser
        }
        watch = shared.state.watch
        held = [*watch._held.values(), *(each for pages in watch._pages.values() for each in pages)]
        # Those that wait for their tabs, which a client has.
        with_tabs = {each.told.session_id for each in held} & set(browser.targets.sessions)
        # Those that are let go once they say that they go on: a process that is gone says nothing.
        crashed = {
            key for key in watch._leaving if (of := browser.targets.sessions[key].target) is not None and of.crashed
        }
        accounted = hers | watchers | with_tabs | crashed
        assert set(browser.targets.sessions) == accounted, set(browser.targets.sessions) ^ accounted
        for key, each in browser.targets.sessions.items():
            if each.waiting and key not in with_tabs | crashed:
                roots = shared.state.sessions[key.encode()].connection.client.roots
                assert any(root.auto_attach_filter is not None or root.taken for root in roots.values())
        assert len(shared.state.clients) == len(self.clients)
        for client in self.clients:
            virtual = client.virtual
            own = {key for key, each in browser.targets.all.items() if each.type not in ("browser", "browser_ui")}
            own = {each for each in own if self.targets[each] == client.name}
            assert set(virtual.state.targets) == own, (client.name, set(virtual.state.targets), own)
            self.lines_are_those_of_its_pages(client, own)
            for over in (client, *client.open_lines):
                answered = Counter(each["id"] for each in over.got if "id" in each)
                assert answered.total() == len(answered), "an answer came twice"
                waiting = {
                    asked.number
                    for asked in shared.state.line.asked.values()
                    if asked.waiting is over.connection.waiting
                }
                assert answered.keys() | waiting == set(range(1, over.number + 1)), (client.name, over.place, waiting)
        for client in self.gone:
            assert client.closed or client.left
            assert not client.open_lines

    def lines_are_those_of_its_pages(self, client: Client, own: set[str]) -> None:
        """See that the lines to a client's pages are open as long as these are there, and no longer."""
        for line in client.lines:
            if not line.left:
                assert (line.closed is None) is (line.target in own), (client.name, line.target, line.closed)
        assert client.virtual.state.connections == [each.connection for each in (client, *client.open_lines)]
        with_targets = [each for over in (client, *client.open_lines) for each in over.connection.sessions.values()]
        counted = Counter(each.target_id for each in with_targets if each is not client.connection.root_session)
        assert client.virtual.state.attachments == counted


class _Fresh(Isolation):
    """The machine with tables of its own."""

    def __init__(self) -> None:
        self.contexts, self.targets, self.sessions, self.browser_targets = {}, {}, {}, {}
        self.lines_of_sessions = {}
        super().__init__()


@pytest.mark.no_cover
def test_nobody_sees_or_touches_what_is_anothers() -> None:
    run_state_machine_as_test(_Fresh, settings=settings(max_examples=160, stateful_step_count=40, deadline=None))


# The same, whether others are there or not:

#: Who takes a step: A or B, over its main line or another.
WHO = ("A", "B", "A1", "B1", "A2", "B2")
STEP = st.tuples(
    st.sampled_from(WHO),
    st.one_of(
        st.tuples(st.just("ask"), plain, picks),
        st.tuples(st.just("name"), named, picks, picks),
        st.tuples(st.just("steal"), named, picks, picks),
        st.tuples(st.just("evaluate"), st.sampled_from(["1", *ACTS]), picks),
        st.tuples(st.just("intrude"), st.sampled_from(["1", *ACTS]), picks),
        st.tuples(st.just("attach"), st.booleans(), st.booleans(), st.sampled_from(FILTERS), picks),
        st.tuples(st.just("discover"), st.booleans(), st.sampled_from(FILTERS), picks),
        st.tuples(st.just("open"), picks),
        st.tuples(st.just("open stolen"), picks),
        st.tuples(st.just("crash"), picks),
        st.tuples(st.just("leave")),
    ),
)
#: Steps that take an id of the other one's, and of which kind that is.
STEALING = {"intrude": "S", "open stolen": "T"}


def take(client: Client, over: Client, step: tuple[Any, ...], stolen: str) -> None:
    """Let a client do what a step says; ids are chosen among those that it has been told of.

    :param over: the line that it does it over.
    """
    what = step[0]
    session = choose(["", *over.ids("S")], step[-1]) if what != "leave" else ""
    if what == "ask":
        over.send(step[1], session, url="about:blank", flatten=True)
    elif what in ("name", "steal"):
        name = NAMING[step[1]]
        found = stolen if what == "steal" else choose(over.ids(letter(name)), step[2])
        over.send(step[1], session, flatten=True, **{name: found})
    elif what in ("evaluate", "intrude"):
        over.send("Runtime.evaluate", stolen if what == "intrude" else session, expression=step[1])
    elif what == "attach":
        more = {} if step[3] is None else {"filter": step[3]}
        over.send(
            "Target.setAutoAttach", session, autoAttach=step[1], waitForDebuggerOnStart=step[2], flatten=True, **more
        )
    elif what == "discover":
        more = {} if step[2] is None or not step[1] else {"filter": step[2]}
        over.send("Target.setDiscoverTargets", session, discover=step[1], **more)
    elif what in ("open", "open stolen"):
        client.open_line(stolen if what == "open stolen" else choose(client.ids("T"), step[1]))
    elif what == "crash":
        assert client.browser is not None
        target = choose([each for each in client.ids("T") if each in client.browser.targets.all], step[1])
        if target != INVENTED:
            client.browser.targets.crash(client.browser.targets.all[target])
    elif over is not client or client.name == "B":
        over.leave()


def transcript(client: Client) -> list[str]:
    """Return what a client has heard over all of its lines, with ids numbered by when it heard of them first."""
    numbers: dict[str, str] = {}
    lines = []
    for place, message in client.log:
        for found in IDS.findall(message.decode()):
            numbers.setdefault(found, f"<{kind_of(found)}{len(numbers)}>")
        lines.append(f"{place} {IDS.sub(lambda match: numbers[match[0]], message.decode())}")
    lines = [re.sub('"windowId":[0-9]+', '"windowId":0', line) for line in lines]
    return [re.sub('"loaderId":"[0-9A-F]+"', '"loaderId":""', line) for line in lines]  # as many as there are others


def play(steps: list[Any], salt: int, stolen: list[str], *, alone: bool) -> tuple[list[str], list[str]]:
    """Play the steps, with the other client or without; return what A has heard, and the ids that it has stolen."""
    rig = MultiplexRig(salt)
    clients = {name: rig.client(name) for name in ("A" if alone else "AB")}
    for client in clients.values():
        target, _ = rig.page(client)
        rig.ask(client, "Target.createBrowserContext")
        line = client.open_line(target)
        for over in (client, line):
            rig.ask(over, "Target.setDiscoverTargets", discover=True)
            rig.ask(over, "Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)
    taken: list[str] = []
    for (name, *place), step in steps:
        found = INVENTED
        kind = letter(NAMING[step[1]]) if step[0] == "steal" else STEALING.get(step[0])
        if kind is not None:
            if alone and name == "A":
                found = stolen[len(taken)]
            elif not alone:
                found = foreign(rig.browser, kind, step[-1], of="B" if name == "A" else "A")
            if name == "A":
                taken.append(found)
        if name in clients:
            client = clients[name]
            open_lines = client.open_lines if place else []
            over = open_lines[int(place[0]) % len(open_lines)] if open_lines else client
            take(client, over, step, found)
            rig.deliver()
    return transcript(clients["A"]), taken


def foreign(browser: FakeBrowser, kind: str, pick: int, of: str) -> str:
    """Return an id of another client."""
    contexts = [each for each, name in browser.contexts.items() if name == of]
    targets = [key for key, each in browser.targets.all.items() if each.browser_context_id in contexts]
    sessions = [
        key
        for key, each in browser.targets.sessions.items()
        if (browser.makers.get(key) == of if each.is_browser else each.target is not None and each.target.id in targets)
    ]
    return choose({"C": contexts, "T": targets, "S": sessions}[kind], pick)


@pytest.mark.no_cover
@given(st.lists(STEP, min_size=5, max_size=40))
@settings(max_examples=220, deadline=None)
def test_a_client_hears_the_same_whether_others_are_there_or_not(steps: list[Any]) -> None:
    together, stolen = play(steps, 1, [], alone=False)
    alone, _ = play(steps, 2, stolen, alone=True)
    assert together == alone
