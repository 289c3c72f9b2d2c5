"""Paused requests: one place for each session where all who want requests paused come together.

Chromium has one ``Fetch.enable`` for each session, of which the last one counts, and each request that is paused waits
for one answer. So whoever wants requests paused (the routes of a page and of its context, credentials, a gate that lets
no private address through, what holds a document back for a moment) is an :class:`Interceptor` of the session's
:class:`SessionInterception`. That enables with what all of them want together, asks them in order about each request,
and answers where none of them does; the domain is disabled when none wants anything and nothing waits.

What is known of Chromium, and rests on a test:

- ``Fetch.enable`` once more, with other patterns, leaves what is paused as it is; ``Fetch.disable`` lets it go on, and
  what was answered just before without what was changed.
- A redirect pauses again under another id (``redirectedRequestId`` names the one before), without the headers that the
  one before was given.
- A request that the browser starts once more pauses again under the *same* id.
- What was cancelled while it was paused is refused with "Invalid InterceptionId": nobody's failure.
- Patterns are matched against the URL without its fragment; types ``XHR``, ``Fetch`` and ``EventSource`` are one.
- Requests of dedicated workers pause in the session of their page, those of shared and of service workers in their own.
- Challenges are told of only for requests that were paused at the request stage.
- It is the browser's own process that answers, so all of it works while a page's process is gone.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._deferreds import Timer, ignore_failure
from txcdp._recent import Recent
from txcdp.domains import fetch, network
from txcdp.errors import CommandError, Gone
from txcdp.network._untold import UntoldRequests
from txcdp.protocol import Command, from_json, to_json
from txcdp.streams import Gap

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase

#: How many answered requests are remembered for the browser to start them once more, or lead them on.
_REMEMBERED: Final = 1000

#: Seconds from when nothing is to be paused any more until the domain is disabled.
_LINGER: Final = 1.0

#: The words of Chromium for a request that is not there any more, or was answered by somebody else.
_GONE: Final = ("Invalid InterceptionId", "Invalid state for continueInterceptedRequest", "Fetch domain is not enabled")

#: The protocol's domain for all of this.
_DOMAIN: Final = fetch.enable.method.partition(".")[0]

#: The headers by which a browser asks a server beforehand whether it may send a request.
_ASKS: Final = "access-control-request-method"

#: In which order interceptors are asked.
GATES, HOLDS, ROUTES, CREDENTIALS = range(4)


class Pausing(NamedTuple):
    """Requests that an interceptor wants to be paused in one session.

    :ivar patterns: of the requests that are to be paused.
    :ivar auth: whether challenges for credentials are to be told of, too.
    :ivar network: whether the ``Network`` domain is to tell of requests, so that it is known which is which, and that
        one is paused which is too large to be told of.
    """

    patterns: tuple[fetch.RequestPattern, ...]
    auth: bool = False
    network: bool = False


class Credentials(NamedTuple):
    """A name and a password."""

    username: str
    password: str


class Interceptor(Protocol):
    """One of those who want requests paused.

    :ivar rank: when it is asked, among the others.
    """

    rank: int

    def wants(self) -> Pausing | None:
        """Return what it wants; None: nothing at present."""

    def takes(self, paused: PausedRequest) -> bool:
        """Return whether it has answered a paused request, or is going to."""

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return the answer to a challenge; None where it has none."""

    def lost(self) -> None:
        """Take note that all requests that were paused go on, as the line is lost or the session over."""


class Remembered(NamedTuple):
    """An answered request, as it is to be known when it pauses again.

    :ivar command: what it is answered with where the browser starts it once more; None: it goes on as it is.
    :ivar headers: those that a program has set, which its redirects are to have.
    :ivar removed: names of those that it has removed, which its redirects are not to have.
    :ivar origin: for which origin they were set.
    """

    command: Command[Any] | None = None
    headers: Mapping[str, str] = {}
    removed: frozenset[str] = frozenset()
    origin: str = ""


class Holding:
    """Base of interceptors that have no credentials, and keep nothing."""

    rank = GATES

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return None: it has none."""
        return None

    def lost(self) -> None:
        """Do nothing: nothing is kept."""


class PausedRequest:
    """A request that waits for an answer, at one of its stages.

    :ivar interception: of its session.
    :ivar event: what the browser has said of it.
    :ivar response: whether its response's headers are there; or that it has failed.
    :ivar answered: whether it has its answer, or needs none any more.
    """

    __slots__ = ("answered", "event", "interception", "response")

    def __init__(self, interception: SessionInterception, event: fetch.RequestPaused) -> None:
        self.interception = interception
        self.event = event
        self.response = event.response_status_code is not None or event.response_error_reason is not None
        self.answered = False

    @property
    def session(self) -> Session:
        """The session in which it is paused."""
        return self.interception.session

    @property
    def url(self) -> str:
        """Where it goes to, without a fragment."""
        return self.event.request.url

    @property
    def is_preflight(self) -> bool:
        """Whether it asks beforehand if another one may be sent."""
        request = self.event.request
        return request.method == "OPTIONS" and any(name.lower() == _ASKS for name in request.headers or {})

    @property
    def hop(self) -> int:
        """How many redirects led to it."""
        number = self.event.request_id.rpartition(".")[2]
        return int(number) if number.isdecimal() else 0

    @property
    def redirected_from(self) -> str | None:
        """The id of the paused request that has led to it; None: it is the first."""
        return self.event.redirected_request_id

    def go_on(self) -> Deferred[None]:
        """Let it go on as it is."""
        return self.answer(fetch.continue_request(request_id=self.event.request_id))

    def answer(self, command: Command[Any], remembered: Remembered | None = None) -> Deferred[None]:
        """Answer it.

        :param remembered: what is to be known of it when it pauses again.
        :returns: fires with None when the browser has taken it, or the request is gone. Fails like ``Session.execute``
            where the answer cannot be, and it waits for another one then.
        """
        interception = self.interception
        if self.answered:
            return succeed(None)
        self.answered = True
        interception._done(self, remembered or Remembered())
        sent = interception.send(command)

        def refused(failure: Failure) -> Failure | None:
            error = failure.value
            if isinstance(error, Gone) or (isinstance(error, CommandError) and error.message.startswith(_GONE)):
                return None
            self.answered = False
            interception._waits(self)
            return failure

        return sent.addCallbacks(lambda _: None, refused)


class SessionInterception:
    """All who want requests of one session paused.

    :ivar session: the session.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._interceptors: list[Interceptor] = []
        self._waiting: dict[str, PausedRequest] = {}
        self._remembered: Recent[str, Remembered] = Recent(_REMEMBERED)
        self._challenged: Recent[tuple[str, str], None] = Recent(_REMEMBERED)
        self._enabled: fetch.enable | None = None
        self._extra: dict[str, int] = {}
        self._by_hand = _read_by_hand(session._standing(fetch.enable.method))
        self._network = False
        self._listening: list[DisposableBase] = []
        #: The dedicated workers of its page, and what listens to them.
        self._workers: dict[Session, DisposableBase | None] = {}
        self._leaving = Timer(session.context.clock, self._leave)
        self._untold = UntoldRequests(session, self._patterns, self._is_gated, self._is_known)
        if not session.ended:
            session._sending.merge(_DOMAIN, self._asked_by_hand)
            session._feed_into(gap=self._gap, ended=self._ended)

    def add(self, *interceptors: Interceptor) -> Deferred[None]:
        """Ask others, too, and pause what they want from now on.

        :returns: fires with None when the browser does; fails like ``Session.execute``.
        """
        for each in interceptors:
            if each not in self._interceptors:
                bisect.insort(self._interceptors, each, key=lambda known: known.rank)
        return self.update()

    def add_worker(self, worker: Session) -> None:
        """Take the session of a dedicated worker, whose requests are told of there, and paused in this one."""
        self._workers[worker] = None
        worker._feed_into(ended=lambda _: self._workers.pop(worker, None))
        if self._listening:
            self._listen_to(worker)
        if self._network:
            worker._keep_enabled("Network")

    def remove(self, interceptor: Interceptor) -> Deferred[None]:
        """Ask one no more.

        :returns: fires and fails like :meth:`add`.
        """
        self._interceptors = [each for each in self._interceptors if each is not interceptor]
        return self.update()

    def update(self) -> Deferred[None]:
        """Pause what all of them want by now.

        :returns: fires and fails like :meth:`add`.
        """
        command = self._command()
        if command is None:
            return self._nothing()
        self._leaving.stop()
        if command == self._enabled:
            return succeed(None)
        self._enabled = command
        return self.session._insist(command)

    @property
    def is_by_hand(self) -> bool:
        """Whether the program has enabled the domain itself, by the protocol's own command."""
        return self._by_hand is not None

    def _command(self) -> fetch.enable | None:
        """Return what pauses all that is wanted; None: nothing is."""
        wants = [want for each in self._interceptors if (want := each.wants()) is not None]
        if wants:
            self._listen()
        if not self._network and any(each.network for each in wants):
            self._network = True
            for session in (self.session, *self._workers):
                session._keep_enabled("Network")
        if self._by_hand is not None:
            wants.append(self._by_hand)
        if not wants:
            return None
        patterns = [
            *(pattern for each in wants for pattern in each.patterns),
            *(fetch.RequestPattern(url_pattern=each) for each in self._extra),
        ]
        auth = any(each.auth for each in wants)
        return fetch.enable(patterns=_without_needless(patterns), handle_auth_requests=auth or None)

    def _asked_by_hand(self, method: str, params: Any) -> tuple[str, Any]:
        """Take down what the program sends itself, and return what covers what others want as well."""
        self._by_hand = _read_by_hand(from_json(to_json(params))) if method == fetch.enable.method else None
        self._leaving.stop()
        if not any(each.wants() for each in self._interceptors):
            self._enabled = None
            if method != fetch.enable.method:
                self._forget()
            return method, params
        self._enabled = self._command()
        return fetch.enable.method, self._enabled

    def pauses_all(self) -> bool:
        """Return whether every request is paused at the request stage."""
        return fetch.RequestPattern(url_pattern="*") in self._patterns()

    def pause_once(self, url: str, wanted: bool) -> None:
        """Pause requests for one URL, besides what is wanted, or no more."""
        pattern = escaped(url.partition("#")[0])
        count = self._extra.pop(pattern, 0) + (1 if wanted else -1)
        if count > 0:
            self._extra[pattern] = count
        self.update().addErrback(ignore_failure)

    def before(self, paused: PausedRequest) -> Remembered:
        """Return what is known of the request that has led to this one."""
        return self._remembered.get(paused.redirected_from or "") or Remembered()

    def send(self, command: Command[Any]) -> Deferred[Any]:
        """Send a command, whatever the program thinks of experimental ones."""
        kind = type(command)
        if kind.stability == "experimental":
            return self.session.execute_raw(kind.method, from_json(to_json(command)))
        return self.session.execute(command)

    def _nothing(self) -> Deferred[None]:
        """Pause nothing any more, and disable the domain when what was answered is under way.

        Disabling it lets go what somebody is about to answer, and what was answered just now without what was changed.
        """
        if self._enabled is None or self.session.ended:
            return succeed(None)
        self._leaving.set(_LINGER)
        if self._enabled.patterns == []:
            return succeed(None)
        self._enabled = fetch.enable(patterns=[])
        return self.session._insist(self._enabled)

    def _leave(self) -> None:
        if self._waiting:
            self._leaving.set(_LINGER)
            return
        self._enabled = None
        self._forget()
        listening = [*self._listening, *self._workers.values()]
        self._listening, self._workers = [], dict.fromkeys(self._workers)
        for each in listening:
            if each is not None:
                each.dispose()
        self.session._insist(fetch.disable()).addErrback(ignore_failure)

    def _forget(self) -> None:
        """Forget which requests were answered: once the domain was disabled the browser begins to count again."""
        self._untold.forget()
        self._remembered.clear()
        self._challenged.clear()

    def _listen(self) -> None:
        if not self._listening:
            self._listening = [
                self.session._observe(fetch.RequestPaused).subscribe(self._paused, ignore_failure),
                self.session._observe(fetch.AuthRequired).subscribe(self._auth_required, ignore_failure),
                self.session._observe(network.RequestWillBeSent).subscribe(self._untold.sent, ignore_failure),
            ]
            for each in self._workers:
                self._listen_to(each)

    def _listen_to(self, worker: Session) -> None:
        sent = worker._observe(network.RequestWillBeSent)
        self._workers[worker] = sent.subscribe(self._untold.sent, ignore_failure)

    def _patterns(self) -> list[fetch.RequestPattern]:
        return [] if self._enabled is None else self._enabled.patterns or []

    def _is_gated(self) -> bool:
        return any(each.rank == GATES and each.wants() is not None for each in self._interceptors)

    def _is_known(self, request_id: str) -> bool:
        return request_id in self._waiting or request_id in self._remembered

    def _paused(self, event: fetch.RequestPaused) -> None:
        paused = PausedRequest(self, event)
        self._untold.told(event)
        if not paused.response:
            known = self._remembered.get(event.request_id)
            if known is not None and not self._is_refused(paused):  # the browser starts it once more
                again = known.command or fetch.continue_request(request_id=event.request_id)
                paused.answer(again, known).addErrback(ignore_failure)
                return
            if paused.answered:
                return
        self._waiting[event.request_id] = paused
        self.ask_others(paused)

    def _is_refused(self, paused: PausedRequest) -> bool:
        """Whether a gate takes a request, which may go elsewhere this time."""
        return any(each.rank == GATES and each.takes(paused) for each in self._interceptors)

    def ask_others(self, paused: PausedRequest, after: Interceptor | None = None) -> None:
        """Let a request go on to those who are asked after one who has had it."""
        asked = self._interceptors
        if after in asked:
            asked = asked[asked.index(after) + 1 :]
        for each in asked:
            if each.takes(paused):
                return
        event = paused.event
        if self._by_hand is not None and event.method in self.session.listened:
            self._waiting.pop(event.request_id, None)
            return  # it is the program's own to answer
        paused.go_on().addErrback(ignore_failure)

    def _auth_required(self, event: fetch.AuthRequired) -> None:
        source = event.auth_challenge.source or "Server"
        key = (event.request_id, source)
        found = None
        if key not in self._challenged:  # what was refused once is refused again
            found = next((got for each in self._interceptors if (got := each.credentials(event)) is not None), None)
        if found is None and self._by_hand is not None and event.method in self.session.listened:
            return
        if found is None:
            answer = fetch.AuthChallengeResponse(response="CancelAuth")
        else:
            self._challenged[key] = None
            answer = fetch.AuthChallengeResponse(
                response="ProvideCredentials", username=found.username, password=found.password
            )
        command = fetch.continue_with_auth(request_id=event.request_id, auth_challenge_response=answer)
        self.session.execute(command).addErrback(ignore_failure)

    def _waits(self, paused: PausedRequest) -> None:
        self._waiting[paused.event.request_id] = paused

    def _done(self, paused: PausedRequest, remembered: Remembered) -> None:
        request_id = paused.event.request_id
        self._waiting.pop(request_id, None)
        if not paused.response:
            self._remembered[request_id] = remembered

    def _gap(self, gap: Gap) -> None:
        """Take note of another line: to the browser it is another session, which has paused nothing yet."""
        self._lost()
        self._forget()

    def _ended(self, _: object) -> None:
        """Let go of all, the page among it: somebody may keep the session."""
        self._leaving.stop()
        self._lost()
        self._untold.forget()
        self._interceptors = []
        self.session._sending.merge(_DOMAIN, None)

    def _lost(self) -> None:
        for paused in self._waiting.values():
            paused.answered = True
        self._waiting.clear()
        for each in list(self._interceptors):
            each.lost()


#: By their sessions, whose streams keep them.
_OF_SESSIONS: Final[WeakValueDictionary[Session, SessionInterception]] = WeakValueDictionary()


def interception_of(session: Session) -> SessionInterception:
    """Return where all come together who want requests of a session paused."""
    found = _OF_SESSIONS.get(session)
    if found is None:
        found = _OF_SESSIONS[session] = SessionInterception(session)
    return found


def _read_by_hand(params: Mapping[str, Any] | None) -> Pausing | None:
    """Return what a program wants that has sent ``Fetch.enable`` itself."""
    if params is None:
        return None
    patterns = params.get("patterns")
    if not isinstance(patterns, list):
        return Pausing((fetch.RequestPattern(url_pattern="*"),), bool(params.get("handleAuthRequests")))
    return Pausing(
        tuple(
            fetch.RequestPattern(
                url_pattern=each.get("urlPattern", "*"),
                resource_type=each.get("resourceType"),
                request_stage=None if each.get("requestStage") == "Request" else each.get("requestStage"),
            )
            for each in patterns
            if isinstance(each, Mapping)
        ),
        bool(params.get("handleAuthRequests")),
    )


def escaped(url: str) -> str:
    """Return the pattern that matches a URL alone."""
    return "".join(f"\\{each}" if each in "*?\\" else each for each in url)


def _without_needless(patterns: Iterable[fetch.RequestPattern]) -> list[fetch.RequestPattern]:
    """Return patterns without those that others cover."""
    kept = list(dict.fromkeys(patterns))
    whole = {(each.resource_type, each.request_stage) for each in kept if each.url_pattern == "*"}

    def covered(each: fetch.RequestPattern) -> bool:
        by_url = each.url_pattern != "*" and (each.resource_type, each.request_stage) in whole
        return by_url or (each.resource_type is not None and (None, each.request_stage) in whole)

    return [each for each in kept if not covered(each)]
