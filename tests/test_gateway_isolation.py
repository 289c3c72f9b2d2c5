"""Clients that share a browser, in random interleavings, with ids of each other that they have guessed.

Two ways of looking at it. The machine lets two or three clients do anything while answers and events are on their way,
and sees that nobody is told anything of the others, asks the browser for anything of theirs, or makes them wait. The
other one is stronger: what a client hears is the same, word for word, whether the others are there or not.
"""

from __future__ import annotations

import json
import re
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.support_world import IDS, Client, FakeBrowser, House
from txcdp.gateway.shared.rules import RULES

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

picks = st.integers(0, 2**16)


def ids_of(client: Client, kind: str) -> list[str]:
    """Return the ids of a kind that a client has been told, in the order in which it was told of them."""
    found: dict[str, None] = {}
    for message in client.raw:
        found.update(dict.fromkeys(each for each in IDS.findall(message.decode()) if each[1] == kind))
    return list(found)


def letter(parameter: str) -> str:
    """Return the second letter of the ids that a parameter takes."""
    return {"targetId": "T", "sessionId": "S", "browserContextId": "C"}[parameter]


def choose(choices: list[str], pick: int) -> str:
    """Choose by a number, or an id that there is not."""
    return choices[pick % len(choices)] if choices else INVENTED


class Isolation(RuleBasedStateMachine):
    """Two or three clients of one browser."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.browser, self.shared = self.house.browser, self.house.shared
        self.clients: list[Client] = []
        self.seen = 0
        self.names = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 10)
        self.come()
        self.come()

    def come(self) -> None:
        """Let a client come, and open something at once."""
        client = Client(self.shared, self.browser, next(self.names))
        client.on_message = lambda message: self.heard(client, message)
        self.clients.append(client)
        client.send("Target.createTarget", url="about:blank")
        client.send("Target.setDiscoverTargets", discover=True)

    def owner(self, found: str) -> str | None:
        """Return whose an id is, from what the browser itself knows; "?" for what is no more."""
        if found in (INVENTED, ""):
            return "?"
        if found[1] == "C":
            return self.contexts.get(found, "?")
        if found[1] == "T":
            return self.targets.get(found, "?")
        if found[1] == "S":
            return self.sessions.get(found, "?")
        return self.browser_targets.get(found, "?")

    def learn(self) -> None:
        """Note whose everything is, as long as it is there."""
        self.contexts.update(self.browser.contexts)
        self.contexts[self.browser.default] = None
        for target, info in self.browser.targets.items():
            self.targets[target] = self.contexts.get(info["browserContextId"])
        for each in self.browser.sessions.values():
            if each.target in self.targets:
                self.sessions[each.id] = self.targets[each.target]
            elif each.id:
                self.sessions[each.id] = self.browser_targets[each.target] = self.browser.makers.get(each.id)

    contexts: dict[str, str | None]
    targets: dict[str, str | None]
    sessions: dict[str, str | None]
    browser_targets: dict[str, str | None]

    def heard(self, client: Client, message: dict[str, Any]) -> None:
        """See that a client is told of its own things only, or of what it has said itself."""
        self.learn()
        for found in IDS.findall(json.dumps(message)):
            if self.owner(found) != client.name:
                assert "error" in message, (client.name, found, message)
                assert found in client.said, (client.name, found, message)
        for params in [message.get("params", {})]:
            if "said" in params:
                assert params["said"] in ("hang", "popup", f"by {client.name}"), (client.name, message)

    @invariant()
    def asked_for_nothing_of_others(self) -> None:
        self.learn()
        watchers = {each.decode() for each in self.shared.watch.keys}
        for actor, heard in self.browser.heard[self.seen :]:
            command = dict(heard)
            if heard["method"] == "Target.detachFromTarget" and heard.get("sessionId") in watchers:
                del command["sessionId"]  # what a watcher has handed over is let go through it
            for found in IDS.findall(json.dumps(command)):
                if actor is not None:
                    assert self.owner(found) == actor, (actor, found, command)
        self.seen = len(self.browser.heard)

    @rule(pick=picks)
    def another_comes(self, pick: int) -> None:
        if len(self.clients) < 3:
            self.come()

    @rule(who=picks, how=st.sampled_from(["leave", "Browser.close"]))
    def one_goes(self, who: int, how: str) -> None:
        if len(self.clients) > 1:
            client = self.clients.pop(who % len(self.clients))
            if how == "leave":
                client.leave()
            else:
                client.send("Browser.close")

    @rule(count=st.integers(1, 30))
    def some_arrives(self, count: int) -> None:
        self.house.deliver(count)

    @rule()
    def all_arrives(self) -> None:
        self.house.deliver()

    def session(self, client: Client, pick: int, guess: bool) -> str:
        """Choose a session: the root one, one that the client has been told of, or a guessed one."""
        choices = ["", *(self.browser.sessions if guess else ids_of(client, "S"))]
        return choose(choices, pick)

    @rule(who=picks, method=plain, pick=picks, guess=st.booleans())
    def ask(self, who: int, method: str, pick: int, guess: bool) -> None:
        client = self.clients[who % len(self.clients)]
        client.send(method, self.session(client, pick, guess), url="about:blank", flatten=True)

    @rule(who=picks, method=named, pick=picks, at=picks, guess=st.booleans())
    def ask_by_name(self, who: int, method: str, pick: int, at: int, guess: bool) -> None:
        client = self.clients[who % len(self.clients)]
        name = NAMING[method]
        kind = letter(name)
        everything = {
            "T": list(self.browser.targets),
            "S": list(self.browser.sessions),
            "C": list(self.browser.contexts),
        }
        everything["T"] += [each.target for each in self.browser.sessions.values() if each.target[1] == "B"]
        found = choose(everything[kind] if guess else ids_of(client, kind), pick)
        before = len(self.browser.heard)
        self.learn()
        number = client.send(method, self.session(client, at, False), flatten=True, **{name: found})
        if self.owner(found) != client.name:
            assert len(self.browser.heard) == before, (client.name, found, self.browser.heard[before:])
            assert all("error" in each for each in client.got if each.get("id") == number)

    @rule(who=picks, pick=picks, guess=st.booleans(), what=st.sampled_from(["say", "hang", "popup"]))
    def evaluate(self, who: int, pick: int, guess: bool, what: str) -> None:
        client = self.clients[who % len(self.clients)]
        expression = f"by {client.name}" if what == "say" else what
        client.send("Runtime.evaluate", self.session(client, pick, guess), expression=expression)

    @rule(who=picks, pick=picks, on=st.booleans(), waits=st.booleans(), filters=st.sampled_from(FILTERS))
    def attach_by_itself(self, who: int, pick: int, on: bool, waits: bool, filters: Any) -> None:
        client = self.clients[who % len(self.clients)]
        params = {"autoAttach": on, "waitForDebuggerOnStart": waits, "flatten": True}
        if filters is not None:
            params["filter"] = filters
        client.send("Target.setAutoAttach", self.session(client, pick, False), **params)

    @rule(who=picks, pick=picks, on=st.booleans(), filters=st.sampled_from(FILTERS))
    def discover(self, who: int, pick: int, on: bool, filters: Any) -> None:
        client = self.clients[who % len(self.clients)]
        params = {} if filters is None or not on else {"filter": filters}
        client.send("Target.setDiscoverTargets", self.session(client, pick, False), discover=on, **params)

    @rule(pick=picks, how=st.sampled_from(["crash", "remove"]))
    def happens_to_a_target(self, pick: int, how: str) -> None:
        self.learn()
        target = choose(list(self.browser.targets), pick)
        if target != INVENTED:
            getattr(self.browser, how)(target)

    @precondition(lambda self: not self.browser.out)
    @invariant()
    def tables_are_those_of_the_browser(self) -> None:
        """See, whenever nothing is on its way, that nothing was forgotten, left behind, or is made to wait."""
        self.learn()
        shared, browser = self.shared, self.browser
        names = {each.name for each in self.clients}
        assert set(browser.contexts) == set(shared.contexts)
        assert {self.contexts[each] for each in browser.contexts} <= names
        assert shared.disposing == 0
        hers = {each.id for each in shared.sessions.values()}
        watchers = {each.id for each in browser.sessions.values() if each.takes is not None}
        assert set(browser.sessions) - hers == watchers, (set(browser.sessions) - hers, watchers)
        for each in browser.sessions.values():
            if each.paused:
                world = shared.sessions[each.id.encode()].world
                assert any(root.takes is not None or root.taken for root in world.roots.values()) or world.sessions
        for client in self.clients:
            world = client.world
            own = {each for each, name in self.targets.items() if name == client.name and each in browser.targets}
            own = {each for each in own if browser.targets[each]["type"] != "browser_ui"}
            assert set(world.targets) == own, (client.name, set(world.targets), own)
            answered = {each["id"] for each in client.got if "id" in each}
            assert len(answered) == len([each for each in client.got if "id" in each]), "an answer came twice"
            waiting = {asked.number for asked in shared.line.asked.values() if asked.world is world}
            assert answered | waiting == set(range(1, client.number + 1)), (client.name, waiting)


class _Fresh(Isolation):
    """The machine with tables of its own."""

    def __init__(self) -> None:
        self.contexts, self.targets, self.sessions, self.browser_targets = {}, {}, {}, {}
        super().__init__()


def test_nobody_sees_or_touches_what_is_anothers() -> None:
    run_state_machine_as_test(_Fresh, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))


# The same, whether others are there or not:

STEP = st.tuples(
    st.sampled_from("AB"),
    st.one_of(
        st.tuples(st.just("ask"), plain, picks),
        st.tuples(st.just("name"), named, picks, picks),
        st.tuples(st.just("steal"), named, picks, picks),
        st.tuples(st.just("evaluate"), st.sampled_from(["1", "hang", "popup"]), picks),
        st.tuples(st.just("intrude"), st.sampled_from(["1", "hang", "popup"]), picks),
        st.tuples(st.just("attach"), st.booleans(), st.booleans(), st.sampled_from(FILTERS), picks),
        st.tuples(st.just("discover"), st.booleans(), st.sampled_from(FILTERS), picks),
        st.tuples(st.just("leave")),
    ),
)


def take(client: Client, step: tuple[Any, ...], stolen: str) -> None:
    """Let a client do what a step says; ids are chosen among those that it has been told of."""
    what = step[0]
    session = choose(["", *ids_of(client, "S")], step[-1]) if what != "leave" else ""
    if what == "ask":
        client.send(step[1], session, url="about:blank", flatten=True)
    elif what in ("name", "steal"):
        name = NAMING[step[1]]
        found = stolen if what == "steal" else choose(ids_of(client, letter(name)), step[2])
        client.send(step[1], session, flatten=True, **{name: found})
    elif what in ("evaluate", "intrude"):
        client.send("Runtime.evaluate", stolen if what == "intrude" else session, expression=step[1])
    elif what == "attach":
        more = {} if step[3] is None else {"filter": step[3]}
        client.send(
            "Target.setAutoAttach", session, autoAttach=step[1], waitForDebuggerOnStart=step[2], flatten=True, **more
        )
    elif what == "discover":
        more = {} if step[2] is None or not step[1] else {"filter": step[2]}
        client.send("Target.setDiscoverTargets", session, discover=step[1], **more)
    elif client.name == "B":
        client.leave()


def transcript(client: Client) -> list[str]:
    """Return what a client has heard, with ids numbered by when it heard of them first."""
    numbers: dict[str, str] = {}
    lines = []
    for message in client.raw:
        for found in IDS.findall(message.decode()):
            numbers.setdefault(found, f"<{found[1]}{len(numbers)}>")
        lines.append(IDS.sub(lambda match: numbers[match[0]], message.decode()))
    return [re.sub('"windowId":[0-9]+', '"windowId":0', line) for line in lines]


def play(steps: list[Any], salt: str, stolen: list[str], *, alone: bool) -> tuple[list[str], list[str]]:
    """Play the steps, with the other client or without; return what A has heard, and the ids that it has stolen."""
    house = House(salt)
    a = house.client("A")
    b = None if alone else house.client("B")
    for client in (a, b):
        if client is not None:
            house.page(client)
            house.ask(client, "Target.createBrowserContext")
    taken: list[str] = []
    for name, step in steps:
        client = a if name == "A" else b
        found = INVENTED
        if step[0] in ("steal", "intrude"):
            kind = letter(NAMING[step[1]]) if step[0] == "steal" else "S"
            if alone and name == "A":
                found = stolen[len(taken)]
            elif not alone:
                found = foreign(house.browser, kind, step[2], of="B" if name == "A" else "A")
            if name == "A":
                taken.append(found)
        if client is not None:
            take(client, step, found)
            house.deliver()
    return transcript(a), taken


def foreign(browser: FakeBrowser, kind: str, pick: int, of: str) -> str:
    """Return an id of another client."""
    contexts = [each for each, name in browser.contexts.items() if name == of]
    targets = [each for each, info in browser.targets.items() if info["browserContextId"] in contexts]
    sessions = [
        each.id
        for each in browser.sessions.values()
        if each.target in targets or (each.target not in browser.targets and browser.makers.get(each.id) == of)
    ]
    return choose({"C": contexts, "T": targets, "S": sessions}[kind], pick)


@given(st.lists(STEP, min_size=5, max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_client_hears_the_same_whether_others_are_there_or_not(steps: list[Any]) -> None:
    together, stolen = play(steps, "X", [], alone=False)
    alone, _ = play(steps, "Y", stolen, alone=True)
    assert together == alone
