"""Paused requests: for each session, one object combines the needs of everyone who wants requests paused.

Chromium has one ``Fetch.enable`` per session, of which the last call counts, and each paused request needs exactly one
answer. So whoever wants requests paused (the routes of a page and of its context, credentials, a gate that blocks
private addresses, code that holds a document back for a moment) is an :class:`Interceptor` of the session's
:class:`SessionInterception`. That enables the domain with everything that they want together, asks them in order about
each request, and continues the request if none of them answers it. The domain is disabled when no interceptor wants
anything and no request is paused.

What is known of Chromium, each verified by a test:

- Another ``Fetch.enable`` with other patterns does not affect paused requests. ``Fetch.disable`` continues them, and
  continues those that were answered just before without the changes in the answer.
- A redirect pauses again under another id (``redirectedRequestId`` is that of the previous request), without the
  headers that the previous request was given.
- A request that the browser restarts pauses again under the *same* id.
- Answering a request that was cancelled while paused is refused with "Invalid InterceptionId": that is not an error.
- Patterns are matched against the URL without its fragment; types ``XHR``, ``Fetch`` and ``EventSource`` are one.
- Requests of dedicated workers pause in the session of their page, those of shared and service workers in their own.
- Challenges are reported only for requests that were paused at the request stage.
- The browser's own process answers, so all of this works while a page's process is gone.
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

#: How many answered requests are remembered in case that the browser restarts or redirects them.
_REMEMBERED: Final = 1000

#: Seconds from when nothing is to be paused any more until the domain is disabled.
_LINGER: Final = 1.0

#: Chromium's error messages for a request that no longer exists, or was answered by somebody else.
_GONE: Final = ("Invalid InterceptionId", "Invalid state for continueInterceptedRequest", "Fetch domain is not enabled")

#: The protocol's domain for intercepting requests.
_DOMAIN: Final = fetch.enable.method.partition(".")[0]

#: The header that marks a CORS preflight request.
_ASKS: Final = "access-control-request-method"

#: The order in which interceptors are asked.
GATES, HOLDS, ROUTES, CREDENTIALS = range(4)


class Pausing(NamedTuple):
    """The requests that an interceptor wants to be paused in one session.

    :ivar patterns: the patterns of these requests.
    :ivar auth: whether challenges for credentials are to be reported, too.
    :ivar network: whether the ``Network`` domain has to report requests, so that paused ones can be identified, and
        those too large to be reported as paused are noticed.
    """

    patterns: tuple[fetch.RequestPattern, ...]
    auth: bool = False
    network: bool = False


class Credentials(NamedTuple):
    """A username and a password."""

    username: str
    password: str


class Interceptor(Protocol):
    """Somebody who wants requests paused.

    :ivar rank: its position in the order in which interceptors are asked.
    """

    rank: int

    def wants(self) -> Pausing | None:
        """Return which requests it wants paused; None: none at present."""

    def takes(self, paused: PausedRequest) -> bool:
        """Return whether it has answered a paused request, or is going to."""

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return the answer to a challenge; None where it has none."""

    def lost(self) -> None:
        """Note that all paused requests continue, because the transport is lost or the session has ended."""


class Remembered(NamedTuple):
    """An answered request, remembered for when it pauses again.

    :ivar command: the answer if the browser restarts it; None: it continues unchanged.
    :ivar headers: the headers that a program has set, which its redirects get as well.
    :ivar removed: the names of the headers that a program has removed, which its redirects do not get either.
    :ivar origin: the origin for which they were set.
    """

    command: Command[Any] | None = None
    headers: Mapping[str, str] = {}
    removed: frozenset[str] = frozenset()
    origin: str = ""


class Holding:
    """Base of interceptors without credentials and without state."""

    rank = GATES

    def credentials(self, challenge: fetch.AuthRequired) -> Credentials | None:
        """Return None: it has none."""
        return None

    def lost(self) -> None:
        """Do nothing: nothing is kept."""


class PausedRequest:
    """A request that is paused at one of its stages.

    :ivar interception: the interception of its session.
    :ivar event: the browser's event.
    :ivar response: whether it is at the response stage: the headers have arrived, or it has failed.
    :ivar answered: whether it has been answered, or needs no answer any more.
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
        """The URL, without the fragment."""
        return self.event.request.url

    @property
    def is_preflight(self) -> bool:
        """Whether it is a CORS preflight request."""
        request = self.event.request
        return request.method == "OPTIONS" and any(name.lower() == _ASKS for name in request.headers or {})

    @property
    def hop(self) -> int:
        """The number of redirects before it."""
        number = self.event.request_id.rpartition(".")[2]
        return int(number) if number.isdecimal() else 0

    @property
    def redirected_from(self) -> str | None:
        """The id of the paused request that was redirected to it; None: it is the first."""
        return self.event.redirected_request_id

    def go_on(self) -> Deferred[None]:
        """Continue it unchanged."""
        return self.answer(fetch.continue_request(request_id=self.event.request_id))

    def answer(self, command: Command[Any], remembered: Remembered | None = None) -> Deferred[None]:
        """Answer it.

        :param remembered: what to remember for when it pauses again.
        :returns: a Deferred that fires with None when the browser has accepted the answer, or the request is gone. It
            fails like ``Session.execute`` if the answer is invalid; then the request waits for another one.
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
    """All interceptors of one session's requests, combined.

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
        #: The dedicated workers of its page, and the subscriptions to their events.
        self._workers: dict[Session, DisposableBase | None] = {}
        self._leaving = Timer(session.context.clock, self._leave)
        self._untold = UntoldRequests(session, self._patterns, self._is_gated, self._is_known)
        if not session.ended:
            session._sending.merge(_DOMAIN, self._asked_by_hand)
            session._feed_into(gap=self._gap, ended=self._ended)

    def add(self, *interceptors: Interceptor) -> Deferred[None]:
        """Add an interceptor, and pause what it wants from now on.

        :returns: a Deferred that fires with None when the browser does; it fails like ``Session.execute``.
        """
        for each in interceptors:
            if each not in self._interceptors:
                bisect.insort(self._interceptors, each, key=lambda known: known.rank)
        return self.update()

    def add_worker(self, worker: Session) -> None:
        """Add the session of a dedicated worker, which reports its requests; they are paused in this one."""
        self._workers[worker] = None
        worker._feed_into(ended=lambda _: self._workers.pop(worker, None))
        if self._listening:
            self._listen_to(worker)
        if self._network:
            worker._keep_enabled("Network")

    def remove(self, interceptor: Interceptor) -> Deferred[None]:
        """Remove an interceptor.

        :returns: fires and fails like :meth:`add`.
        """
        self._interceptors = [each for each in self._interceptors if each is not interceptor]
        return self.update()

    def update(self) -> Deferred[None]:
        """Pause what all interceptors currently want.

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
        """Whether the program has enabled the domain itself, with the protocol's own command."""
        return self._by_hand is not None

    def _command(self) -> fetch.enable | None:
        """Return the command that pauses everything that is wanted; None: nothing is."""
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
        """Note the program's own command, and return one that also covers what others want."""
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
        """Start or stop pausing requests for one URL, in addition to what is wanted."""
        pattern = escaped(url.partition("#")[0])
        count = self._extra.pop(pattern, 0) + (1 if wanted else -1)
        if count > 0:
            self._extra[pattern] = count
        self.update().addErrback(ignore_failure)

    def before(self, paused: PausedRequest) -> Remembered:
        """Return what is remembered of the request that was redirected to this one."""
        return self._remembered.get(paused.redirected_from or "") or Remembered()

    def send(self, command: Command[Any]) -> Deferred[Any]:
        """Send a command, regardless of the program's policy on experimental ones."""
        kind = type(command)
        if kind.stability == "experimental":
            return self.session.execute_raw(kind.method, from_json(to_json(command)))
        return self.session.execute(command)

    def _nothing(self) -> Deferred[None]:
        """Pause nothing any more, and disable the domain once all answers have taken effect.

        Disabling it would continue requests that are about to be answered, and those answered just now, without
        changes.
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
        """Forget which requests were answered: once the domain was disabled, the browser restarts its numbering."""
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
        """Whether a gate blocks a request, which may go to another URL this time."""
        return any(each.rank == GATES and each.takes(paused) for each in self._interceptors)

    def ask_others(self, paused: PausedRequest, after: Interceptor | None = None) -> None:
        """Pass a request to the interceptors after the one that has had it."""
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
        """Note another transport: to the browser it is another session, which has paused nothing yet."""
        self._lost()
        self._forget()

    def _ended(self, _: object) -> None:
        """Drop all references, including the page: somebody may keep the session."""
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


#: The interceptions by session; they are kept alive by the sessions' streams.
_OF_SESSIONS: Final[WeakValueDictionary[Session, SessionInterception]] = WeakValueDictionary()


def interception_of(session: Session) -> SessionInterception:
    """Return the object that combines all interceptors of a session."""
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
    """Return the pattern that matches only this URL."""
    return "".join(f"\\{each}" if each in "*?\\" else each for each in url)


def _without_needless(patterns: Iterable[fetch.RequestPattern]) -> list[fetch.RequestPattern]:
    """Return patterns without those that others cover."""
    kept = list(dict.fromkeys(patterns))
    whole = {(each.resource_type, each.request_stage) for each in kept if each.url_pattern == "*"}

    def covered(each: fetch.RequestPattern) -> bool:
        by_url = each.url_pattern != "*" and (each.resource_type, each.request_stage) in whole
        return by_url or (each.resource_type is not None and (None, each.request_stage) in whole)

    return [each for each in kept if not covered(each)]
