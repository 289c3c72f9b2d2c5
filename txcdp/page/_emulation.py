"""Emulation: what a page is set to (device, location, network and so on), by its context's options and its own.

Each setting that can be emulated is a row of the table :data:`_ASPECTS`: the commands that set it, those that reset it,
and the targets that take them. A page's frames in other processes and its workers are separate targets; if there are
settings for them, they are attached to before they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary, ref

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from txcdp._core.sessions import AutoAttach, Session
from txcdp._core.sessions.enabling import MOST_POST_DATA
from txcdp._core.sessions.session import not_supported
from txcdp._deferreds import ignore_failure, returns_deferred, when_all
from txcdp.domains import emulation, network, page, security, target
from txcdp.errors import CommandError, Gone, TxcdpError
from txcdp.page._options import ContextOptions
from txcdp.page._settings import SettingCommands, Settings, in_time
from txcdp.page._user_agents import metadata_of, platform_of
from txcdp.page._viewport import ViewportSize, override
from txcdp.protocol import Command, from_json, to_json

Commands = tuple[Command[Any], ...]

#: The command with which listening enables the domain: the last one counts.
_ENABLE: Final = network.enable(max_post_data_size=MOST_POST_DATA)

_PAGE: Final = frozenset({"page"})
_FRAMES: Final = frozenset({"page", "iframe"})
_WORKERS: Final = frozenset({"page", "iframe", "worker"})

#: Types of targets that belong to a whole context, and are attached to through the browser.
_OF_CONTEXTS: Final = frozenset({"service_worker", "shared_worker"})

#: Makes registering a service worker succeed without effect.
_NO_SERVICE_WORKERS: Final = (
    "if (globalThis.ServiceWorkerContainer) ServiceWorkerContainer.prototype.register = async function register() {"
    " console.warn('Service workers are blocked'); };"
)


class _Aspect(NamedTuple):
    """One setting that can be emulated.

    :ivar commands: the commands that set it; none if it is not emulated.
    :ivar undo: the commands that reset it.
    :ivar targets: the types of targets that have to be told.
    :ivar afresh: whether to reset it before it is set again, because Chromium would not check the new value otherwise.
    """

    commands: Callable[[ContextOptions], Commands]
    undo: Commands
    targets: frozenset[str]
    afresh: bool = False


def _metrics(options: ContextOptions) -> Commands:
    size = options.get("viewport")
    if size is None:
        return ()
    return (
        override(
            size, options.get("screen"), options.get("device_scale_factor"), is_mobile=bool(options.get("is_mobile"))
        ),
    )


def _touch(options: ContextOptions) -> Commands:
    return (emulation.set_touch_emulation_enabled(enabled=True),) if options.get("has_touch") else ()


def _user_agent(options: ContextOptions) -> Commands:
    agent, locale = options.get("user_agent") or "", options.get("locale")
    if not agent and locale is None:
        return ()
    return (
        emulation.set_user_agent_override(
            user_agent=agent,
            accept_language=locale,
            platform=platform_of(agent),
            user_agent_metadata=metadata_of(agent, bool(options.get("is_mobile"))),
        ),
    )


def _locale(options: ContextOptions) -> Commands:
    locale = options.get("locale")
    return (emulation.set_locale_override(locale=locale),) if locale else ()


def _timezone(options: ContextOptions) -> Commands:
    timezone = options.get("timezone_id")
    return (emulation.set_timezone_override(timezone_id=timezone),) if timezone else ()


def _geolocation(options: ContextOptions) -> Commands:
    place = options.get("geolocation")
    return () if place is None else (emulation.set_geolocation_override(**place),)


def _network(options: ContextOptions) -> Commands:
    offline, slow = options.get("offline"), options.get("network_conditions")
    if not offline and not slow:
        return ()
    slow = slow or {}
    # A frame's conditions count from when its Network domain is enabled.
    return (_ENABLE, _conditions(bool(offline), **slow))


def _conditions(
    offline: bool, latency: float = 0, download_throughput: float = -1, upload_throughput: float = -1
) -> Command[Any]:
    return network.emulate_network_conditions(
        offline=offline,
        latency=latency * 1000,
        download_throughput=download_throughput,
        upload_throughput=upload_throughput,
    )


def _headers(options: ContextOptions) -> Commands:
    headers = options.get("extra_http_headers")
    return (_ENABLE, network.set_extra_http_headers(headers=dict(headers))) if headers else ()


def _blocks(options: ContextOptions) -> Commands:
    settings: Mapping[str, Any] = options
    blocked = settings.get("blocked_urls")
    return (_ENABLE, network.set_blocked_urls(urls=list(blocked))) if blocked else ()


def _cache(options: ContextOptions) -> Commands:
    settings: Mapping[str, Any] = options
    off = settings.get("cache_enabled") is False
    return (_ENABLE, network.set_cache_disabled(cache_disabled=True)) if off else ()


#: Emulated media features: the options, and their CSS names.
_FEATURES: Final = {
    "color_scheme": "prefers-color-scheme",
    "reduced_motion": "prefers-reduced-motion",
    "forced_colors": "forced-colors",
    "contrast": "prefers-contrast",
}


def _media(options: ContextOptions) -> Commands:
    said: Mapping[str, Any] = options
    features = [
        emulation.MediaFeature(name=feature, value=said[name])
        for name, feature in _FEATURES.items()
        if said.get(name) not in (None, "null")
    ]
    medium = options.get("media") or "null"
    if not features and medium == "null":
        return ()
    return (emulation.set_emulated_media(media="" if medium == "null" else medium, features=features),)


def _scripts(options: ContextOptions) -> Commands:
    off = options.get("java_script_enabled") is False
    return (emulation.set_script_execution_disabled(value=True),) if off else ()


def _csp(options: ContextOptions) -> Commands:
    return (page.set_bypass_csp(enabled=True),) if options.get("bypass_csp") else ()


def _certificates(options: ContextOptions) -> Commands:
    ignored = options.get("ignore_https_errors")
    return (security.set_ignore_certificate_errors(ignore=True),) if ignored else ()


def _no_service_worker(options: ContextOptions) -> Commands:
    settings: Mapping[str, Any] = options
    off = settings.get("bypass_service_worker") or options.get("service_workers") == "block"
    return (network.set_bypass_service_worker(bypass=True),) if off else ()


def _service_workers(options: ContextOptions) -> Commands:
    if options.get("service_workers") != "block":
        return ()
    return (page.add_script_to_evaluate_on_new_document(source=_NO_SERVICE_WORKERS),)


def _processor(options: ContextOptions) -> Commands:
    rate = options.get("cpu_throttling")
    return () if rate is None else (emulation.set_cpu_throttling_rate(rate=rate),)


_ASPECTS: Final[dict[str, _Aspect]] = {
    "metrics": _Aspect(_metrics, (emulation.clear_device_metrics_override(),), _PAGE),
    "touch": _Aspect(_touch, (emulation.set_touch_emulation_enabled(enabled=False),), _FRAMES),
    "user agent": _Aspect(_user_agent, (emulation.set_user_agent_override(user_agent=""),), _WORKERS | _OF_CONTEXTS),
    "locale": _Aspect(_locale, (emulation.set_locale_override(),), _FRAMES | _OF_CONTEXTS),
    "timezone": _Aspect(
        _timezone, (emulation.set_timezone_override(timezone_id=""),), _FRAMES | _OF_CONTEXTS, afresh=True
    ),
    "geolocation": _Aspect(_geolocation, (emulation.clear_geolocation_override(),), _FRAMES),
    "network": _Aspect(_network, (_conditions(False),), _FRAMES | _OF_CONTEXTS),
    "headers": _Aspect(_headers, (network.set_extra_http_headers(headers={}),), _WORKERS | _OF_CONTEXTS),
    "media": _Aspect(_media, (emulation.set_emulated_media(media="", features=[]),), _FRAMES),
    "scripts": _Aspect(_scripts, (emulation.set_script_execution_disabled(value=False),), _FRAMES),
    "CSP": _Aspect(_csp, (page.set_bypass_csp(enabled=False),), _FRAMES),
    "certificates": _Aspect(_certificates, (security.set_ignore_certificate_errors(ignore=False),), _FRAMES),
    "service workers": _Aspect(_service_workers, (), _FRAMES),
    "bypassing": _Aspect(_no_service_worker, (network.set_bypass_service_worker(bypass=False),), _FRAMES),
    "blocks": _Aspect(_blocks, (network.set_blocked_urls(urls=[]),), _WORKERS),
    "cache": _Aspect(_cache, (network.set_cache_disabled(cache_disabled=False),), _WORKERS),
    "processor": _Aspect(_processor, (emulation.set_cpu_throttling_rate(rate=1),), _PAGE),
}

#: What Chromium refuses only when it is applied to a page, and the error to report instead.
_REFUSED: Final = {
    emulation.set_timezone_override.method: (
        "timezone_id",
        "Invalid timezone ID: not known to Chromium; use a name from the IANA database, such as 'Europe/Berlin'",
    ),
    emulation.set_locale_override.method: (
        "locale",
        "Invalid locale name; use a language, optionally with a country, such as 'de' or 'de-DE'",
    ),
}


#: Chromium's error for a per-process setting, for each page after the first one that shares the process: the first
#: one's applies.
_SHARED: Final = "already in effect"


class PageEmulation:
    """Applies the settings of one page, or of one worker of a whole context.

    :param session: the session of the page or the worker.
    :param context: returns the settings for the pages of its context.
    :param own: the page's own settings, which take precedence.
    """

    def __init__(
        self, session: Session, context: Callable[[], ContextOptions], own: ContextOptions | None = None
    ) -> None:
        # Weakly, as its context has this for as long as there is the session.
        self._session = ref(session)
        self._context = context
        self._settings = Settings(own or {})
        self._given: WeakKeyDictionary[Session, dict[str, SettingCommands]] = WeakKeyDictionary()
        self._attaching: frozenset[str] = frozenset()

    @property
    def viewport(self) -> ViewportSize | None:
        """The page's viewport size; None: its window's."""
        return self.options.get("viewport")

    @property
    def options(self) -> ContextOptions:
        """All settings that apply to the page."""
        context, own = self._context(), self._settings.options
        if not own:
            return context
        merged: ContextOptions = {**context, **own}
        if "extra_http_headers" in own:
            merged["extra_http_headers"] = merged_headers(
                context.get("extra_http_headers") or {}, own["extra_http_headers"] or {}
            )
        return merged

    def give(self, asked: ContextOptions | None = None) -> list[SettingCommands]:
        """Send the settings that the page, and its frames and workers, do not have yet, in one write.

        :param asked: the settings that this is for.
        :returns: the commands sent, and those sent earlier for these settings, which may not be answered yet.
        """
        page_session = self._session()
        if page_session is None or page_session.ended:
            return []
        had = {**self._given.get(page_session, {})}
        options = self.options
        if page_session.kind in _OF_CONTEXTS:
            self._tell(page_session, page_session.kind or "", options)
        else:
            self._tell(page_session, "page", options)
            self._tell_below(page_session, options)
        return [
            each
            for name, each in self._given[page_session].items()
            if each is not had.get(name) or (asked and _ASPECTS[name].commands(asked))
        ]

    def _tell_below(self, page_session: Session, options: ContextOptions) -> None:
        """Send them to the frames and workers of a page, and attach to those that are not attached to yet."""
        missing = _targets(options) - self._attaching - _PAGE - _OF_CONTEXTS
        below = list(_below(page_session)) if missing or self._attaching else []
        if missing:
            self._attaching |= missing
            kinds = [target.FilterEntry(type=each) for each in sorted(self._attaching)]
            policy = AutoAttach(set_up=self._attached, filter=kinds)
            for session in (page_session, *below):
                policy.start(session).addErrback(not_supported)
        for child in below:
            self._tell(child, child.kind or "", options)

    def say_again(self) -> None:
        """Send per-process settings again, because a page that may share this one's process has closed.

        Chromium then applies neither page's setting. It also refused the locale while another page's was in force, and
        does not remember it for the page's next process.
        """
        page_session = self._session()
        if page_session is None or page_session.ended:
            return
        for session in (page_session, *_below(page_session)):
            given = self._given.get(session, {})
            for command in (each for name in ("locale", "timezone") if name in given for each in given[name].commands):
                session.execute_raw(type(command).method, from_json(to_json(command))).addErrback(ignore_failure)

    def when_given(self, timeout: float | None) -> Deferred[None]:
        """Wait until the page has answered all of its settings.

        :param timeout: seconds.
        :returns: a Deferred that fires with None; it fails with :exc:`ValueError` or :exc:`CommandError` if the browser
            has refused a setting, and with :exc:`CommandTimeout`.
        """
        session = self._session()
        if session is None:
            return succeed(None)
        given = self._given.get(session, {})
        answers = when_all([each.when_answered() for each in given.values()])
        return in_time(Deferred.fromCoroutine(answers), timeout, [session])

    @returns_deferred
    async def change(self, timeout: float | None, options: ContextOptions) -> None:
        """Change the page's own settings.

        :param options: settings that take precedence over the context's; earlier ones remain.
        :returns: a Deferred that fires and fails like that of :meth:`when_given`. If the browser refuses a setting, the
            page keeps its previous one; if the page is closed, it fails with the reason.
        """
        page_session = self._session()
        if page_session is not None and page_session.ended:
            raise copy(await page_session.when_ended())
        changing = self._settings.change(options, self.give)
        await in_time(changing, timeout, [] if page_session is None else [page_session])

    def _attached(self, child: Session) -> None:
        self._tell(child, child.kind or "", self.options)

    def _tell(self, session: Session, kind: str, options: ContextOptions) -> None:
        given = self._given.setdefault(session, {})
        for name, aspect in _ASPECTS.items():
            if kind not in aspect.targets:
                continue
            before = given[name].commands if name in given else ()
            commands = aspect.commands(options)
            if commands == before:
                continue
            given[name] = SettingCommands(commands)
            undo = aspect.undo if not commands or (before and aspect.afresh) else ()
            for command in (*undo, *commands):
                if command not in before:
                    self._send(session, command, given[name])

    def _send(self, session: Session, command: Command[Any], given: SettingCommands) -> None:
        sent: Deferred[Any] = session._insist(command)
        if session is not self._session() or session.kind in _OF_CONTEXTS:
            # It may go at any time, and what it is told is what the pages were told.
            sent.addErrback(ignore_failure)
            return
        given.expect(sent, partial(_outcome, command))


def _targets(options: ContextOptions) -> frozenset[str]:
    """Return the types of targets that need any of the settings."""
    return frozenset().union(*(aspect.targets for aspect in _ASPECTS.values() if aspect.commands(options)))


def _below(session: Session) -> Iterator[Session]:
    """Find the sessions that were attached through a session, recursively."""
    found = {session}
    for each in session._channel.sessions:  # parents come before their children
        if each.parent in found:
            found.add(each)
            yield each


def merged_headers(under: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    """Merge headers, the second over the first; names are case-insensitive."""
    names = {each.lower() for each in over}
    return {**{name: value for name, value in under.items() if name.lower() not in names}, **over}


def _outcome(command: Command[Any], answer: object) -> Exception | None:
    """Convert the answer to a setting to its outcome; that a page is gone does not count as an error."""
    if not isinstance(answer, Failure) or answer.check(Gone):
        return None
    answer.trap(TxcdpError, CancelledError)
    error: Exception = answer.value  # type: ignore[assignment]
    if isinstance(error, CommandError) and _SHARED in error.message:
        return None
    refused = _REFUSED.get(type(command).method)
    if refused is None or not isinstance(error, CommandError):
        return error
    option, text = refused
    found = ValueError(f"{option}={getattr(command, option)!r}: {text}")
    found.__cause__ = error
    return found
