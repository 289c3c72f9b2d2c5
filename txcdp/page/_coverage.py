"""Coverage: which parts of a page's scripts have run, and which rules of its style sheets were used.

It is measured in separate sessions with the page and its frames in other processes, and ends with them. But V8 has one
set of counters for all: a program that also measures with the protocol's own commands gets only part of the counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

from msgspec import structs
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._core.sessions import AutoAttach, Session
from txcdp._deferreds import ignore_failure, returns_deferred, when_all
from txcdp.domains import css, debugger, dom, page, profiler, runtime, target
from txcdp.errors import AlreadyRunning, CommandError, Gone, NotRunning
from txcdp.protocol import Command

T = TypeVar("T", bound="_CoverageSession")

_FRAMES: Final = (target.FilterEntry(type="iframe"),)


class CoveredRange(TypedDict):
    """A range of characters of a text; ``end`` is exclusive."""

    start: int
    end: int


class CoverageEntry(TypedDict):
    """The coverage of one script or style sheet.

    ``ranges`` are the parts of ``text`` that were used, in order and without overlaps.
    """

    url: str
    text: str
    ranges: list[CoveredRange]


class JSCoverageEntry(CoverageEntry):
    """The coverage of one script; if it was asked for, with V8's raw coverage of each function and block."""

    raw_script_coverage: NotRequired[profiler.ScriptCoverage]


class _Source(NamedTuple):
    """The text of a script or style sheet, which is requested as soon as it exists: later it may be gone."""

    url: str
    text: Deferred[str | None]


class _CoverageSession:
    """A session that measures coverage.

    :param session: the session.
    :param reset: whether to discard results when the frame's document is replaced.
    """

    def __init__(self, session: Session, reset: bool) -> None:
        self.session = session
        self.sources: dict[str, _Source] = {}
        self.resets = reset

    def begin(self) -> list[Deferred[Any]]:
        """Send all commands that have to precede the target's scripts, in one write."""
        raise NotImplementedError

    def keep(self) -> None:
        """Request the results so far: with its document the browser forgets them."""
        raise NotImplementedError

    def follow(self) -> list[Deferred[Any]]:
        """Discard or keep the results when the document is replaced."""
        if self.resets:
            self.session._observe(runtime.ExecutionContextsCleared).subscribe(self._forget, ignore_failure)
            return [self.session.execute(runtime.enable())]
        self.session._observe(page.FrameStartedNavigating).subscribe(self._started, ignore_failure)
        return [self.session.execute(page.enable())]

    def _forget(self, _: object) -> None:
        self.sources.clear()

    def _started(self, event: page.FrameStartedNavigating) -> None:
        if event.navigation_type not in ("sameDocument", "historySameDocument"):
            self.keep()

    def take(self, key: str, url: str, asking: Deferred[str]) -> None:
        """Add a script or style sheet, whose text is being requested."""
        self.sources[key] = _Source(url, asking.addErrback(_gone))


class _Scripts(_CoverageSession):
    """A session that measures the coverage of scripts.

    :param names: names that only occur in the library's own scripts.
    """

    def __init__(self, session: Session, options: _JSOptions, names: Callable[[], Iterable[str]]) -> None:
        super().__init__(session, options.reset_on_navigation)
        self._options = options
        self._names = names
        self._kept: list[Deferred[list[tuple[_Source | None, profiler.ScriptCoverage]] | None]] = []

    def begin(self) -> list[Deferred[Any]]:
        session, options = self.session, self._options
        session._observe(debugger.ScriptParsed).subscribe(self._parsed, ignore_failure)
        precise = profiler.start_precise_coverage(
            # Without counts, a function that was reported once is not reported again.
            call_count=options.include_raw_script_coverage or not options.reset_on_navigation,
            detailed=options.use_block_coverage,
        )
        enabled: Deferred[Any] = session.execute(profiler.enable())
        begun: Deferred[Any] = session._insist(precise)
        commands = (debugger.enable(), debugger.set_skip_all_pauses(skip=True))
        return [enabled, begun, *self.follow(), *(session.execute(each) for each in commands)]

    def keep(self) -> None:
        """Request what has run so far."""
        self._kept.append(self._taken().addErrback(_gone))

    def _taken(self) -> Deferred[list[tuple[_Source | None, profiler.ScriptCoverage]]]:
        """Request what has run since the last time, with the scripts: another process may give their ids again."""
        asking = self.session.execute(profiler.take_precise_coverage())
        return asking.addCallback(lambda taken: [(self.sources.get(each.script_id), each) for each in taken.result])

    def _parsed(self, event: debugger.ScriptParsed) -> None:
        context = event.execution_context_aux_data
        if isinstance(context, dict) and context.get("isDefault") is False:
            return  # it is in a world of its own, as ours are
        url = event.url
        if not url:
            if not self._options.report_anonymous_scripts:
                return
            url = f"debugger://VM{event.script_id}"
        asking = self.session.execute(debugger.get_script_source(script_id=event.script_id))
        self.take(event.script_id, url, asking.addCallback(lambda result: result.script_source))

    async def result(self) -> list[JSCoverageEntry]:
        """Return the executed parts."""
        kept = [await each or [] for each in self._kept]
        taken = [*chain.from_iterable(kept), *await self._taken()]
        texts = {each: await each.text for each in dict.fromkeys(source for source, _ in taken) if each is not None}
        of_scripts: dict[tuple[str, str, str], list[profiler.ScriptCoverage]] = {}
        for source, script in taken:
            text = None if source is None else texts[source]
            if source is not None and text is not None and not any(name in text for name in self._names()):
                of_scripts.setdefault((script.script_id, source.url, text), []).append(script)
        entries: list[JSCoverageEntry] = []
        for (_, url, text), times in of_scripts.items():
            functions = [each.functions for each in times]
            entry = JSCoverageEntry(url=url, text=text, ranges=united(_ran(each) for each in functions))
            if self._options.include_raw_script_coverage:
                entry["raw_script_coverage"] = structs.replace(times[-1], functions=[*chain.from_iterable(functions)])
            entries.append(entry)
        return entries


class _Styles(_CoverageSession):
    """A session that measures the coverage of style sheets."""

    def __init__(self, session: Session, reset: bool) -> None:
        super().__init__(session, reset)
        self._kept: list[Deferred[css.TakeCoverageDeltaResult | None]] = []

    def keep(self) -> None:
        """Request the rules that have been used so far."""
        self._kept.append(self.session.execute(css.take_coverage_delta()).addErrback(_gone))

    def begin(self) -> list[Deferred[Any]]:
        session = self.session
        session._observe(css.StyleSheetAdded).subscribe(self._added, ignore_failure)
        commands: tuple[Command[Any], ...] = (dom.enable(), css.enable(), css.start_rule_usage_tracking())
        return [*self.follow(), *(session.execute(each) for each in commands)]

    def _added(self, event: css.StyleSheetAdded) -> None:
        sheet = event.header
        if sheet.source_url:
            asking = self.session.execute(css.get_style_sheet_text(style_sheet_id=sheet.style_sheet_id))
            self.take(sheet.style_sheet_id, sheet.source_url, asking.addCallback(lambda result: result.text))

    async def result(self) -> list[CoverageEntry]:
        """Return the rules in use."""
        rules = [rule for each in [await each for each in self._kept] if each is not None for rule in each.coverage]
        rules += (await self.session.execute(css.stop_rule_usage_tracking())).rule_usage
        used: dict[str, list[tuple[int, int, int]]] = {}
        for each in rules:
            part = (int(each.start_offset), int(each.end_offset), int(each.used))
            used.setdefault(each.style_sheet_id, []).append(part)
        entries = []
        for key, source in list(self.sources.items()):
            text = await source.text
            if text is not None:
                entries.append(CoverageEntry(url=source.url, text=text, ranges=disjoint(used.get(key, ()))))
        return entries


class _JSOptions(NamedTuple):
    """The options of ``start_js_coverage``."""

    reset_on_navigation: bool
    report_anonymous_scripts: bool
    include_raw_script_coverage: bool
    use_block_coverage: bool


class _CoverageRun(Generic[T]):
    """A measurement in progress, in a page and its frames in other processes.

    :param session: a separate session with the page.
    :param measured: makes the object that measures in a session.
    :param leaving: the functions to call with the URL before the program navigates.
    """

    def __init__(
        self, session: Session, measured: Callable[[Session], T], leaving: list[Callable[[str], object]]
    ) -> None:
        self.session = session
        self.parts: list[T] = []
        leaving.append(self._leave)
        ended: Deferred[object] = session.when_ended()  # type: ignore[assignment]
        ended.addCallback(lambda _: leaving.remove(self._leave))
        self._measured = measured
        self._following = AutoAttach(set_up=self._add_quietly, recursive=True, filter=_FRAMES)

    async def begin(self) -> None:
        """Start in the page and its frames, including later ones."""
        await when_all([*self._add(self.session), self._following.start(self.session)])

    def _leave(self, url: str) -> None:
        """Keep the results, before the browser navigates; with a fragment, it may stay in the same document."""
        for each in self.parts:
            if not (each.resets or each.session.ended or "#" in url):
                each.keep()

    def _add(self, session: Session) -> list[Deferred[Any]]:
        part = self._measured(session)
        self.parts.append(part)
        return part.begin()

    def _add_quietly(self, session: Session) -> None:
        for each in self._add(session):
            each.addErrback(ignore_failure)


class Coverage:
    """The measurement of how much of a page's scripts and style sheets is used; see ``Page.coverage``.

    :param attach: attaches to the page for this purpose only.
    :param names: returns names that occur in txcdp's own scripts, and in no script of a page.
    :param leaving: the functions to call with the URL before the program navigates.
    """

    def __init__(
        self,
        attach: Callable[[], Deferred[Session]],
        names: Callable[[], Iterable[str]],
        leaving: list[Callable[[str], object]],
    ) -> None:
        self._attach = attach
        self._names = names
        self._leaving = leaving
        self._js: _CoverageRun[_Scripts] | None = None
        self._css: _CoverageRun[_Styles] | None = None
        self._starting: set[str] = set()

    @returns_deferred
    async def start_js_coverage(
        self,
        *,
        reset_on_navigation: bool = True,
        report_anonymous_scripts: bool = False,
        include_raw_script_coverage: bool = False,
        use_block_coverage: bool = True,
    ) -> None:
        """Start measuring which parts of scripts run (``Profiler.startPreciseCoverage``).

        :param reset_on_navigation: whether to forget a document's scripts when another one replaces it. If not, what
            has run is requested from the browser when the page begins to navigate: what a document runs after that, and
            what ran in frames whose process is gone, is lost.
        :param report_anonymous_scripts: whether to include scripts without a URL, such as those run by ``eval`` and
            :meth:`Page.evaluate`; their URLs are ``debugger://VM12``.
        :param include_raw_script_coverage: whether to include V8's raw coverage of each function and block, with call
            counts: since the last navigation and, without a reset, those of before.
        :param use_block_coverage: whether to measure each branch; if false, a function that was called counts as a
            whole.
        :returns: fires with None once it has begun. Fails with :exc:`AlreadyRunning` if it is running, and otherwise
            like ``Session.execute``. Cancelling it leaves nothing behind.
        """
        options = _JSOptions(
            reset_on_navigation, report_anonymous_scripts, include_raw_script_coverage, use_block_coverage
        )
        started = await self._start("JavaScript", self._js, lambda each: _Scripts(each, options, self._names))
        self._js = started

    @returns_deferred
    async def stop_js_coverage(self) -> list[JSCoverageEntry]:
        """Stop measuring and return the coverage of scripts.

        :returns: fires with a list of dicts, one for each script: ``url``, ``text``, ``ranges`` (see
            :class:`CoverageEntry`), and ``raw_script_coverage`` if it was asked for. Fails with :exc:`NotRunning`, and
            otherwise like ``Session.execute``.
        """
        measuring, self._js = self._js, None
        return await _stopped("JavaScript", measuring, _Scripts.result)

    @returns_deferred
    async def start_css_coverage(self, *, reset_on_navigation: bool = True) -> None:
        """Start measuring which style sheet rules are used (``CSS.startRuleUsageTracking``).

        :param reset_on_navigation: as for :meth:`start_js_coverage`.
        :returns: fires and fails like :meth:`start_js_coverage`.
        """
        started = await self._start("CSS", self._css, lambda each: _Styles(each, reset_on_navigation))
        self._css = started

    @returns_deferred
    async def stop_css_coverage(self) -> list[CoverageEntry]:
        """Stop measuring and return the coverage of style sheets.

        :returns: fires with a list of :class:`CoverageEntry`, one for each style sheet with a URL; a ``<style>`` has
            its document's. Fails with :exc:`NotRunning`, and otherwise like ``Session.execute``.
        """
        measuring, self._css = self._css, None
        return await _stopped("CSS", measuring, _Styles.result)

    async def _start(
        self, kind: str, there: _CoverageRun[T] | None, measured: Callable[[Session], T]
    ) -> _CoverageRun[T]:
        if kind in self._starting or (there is not None and not there.session.ended):
            raise AlreadyRunning(f"the coverage of {kind}", "stop it first")
        self._starting.add(kind)
        try:
            measuring = _CoverageRun(await self._attach(), measured, self._leaving)
            try:
                await measuring.begin()
            except BaseException:
                measuring.session.detach().addErrback(ignore_failure)
                raise
        finally:
            self._starting.discard(kind)
        return measuring


async def _stopped(
    kind: str, measuring: _CoverageRun[T] | None, result: Callable[[T], Awaitable[Sequence[E]]]
) -> list[E]:
    """Return the results, and end the sessions."""
    if measuring is None:
        raise NotRunning(f"the coverage of {kind}", "start it first")
    entries: list[E] = []
    try:
        for part in measuring.parts:
            if part.session.ended and part.session is not measuring.session:
                continue  # a frame that is gone
            try:
                entries += await result(part)
            except (CommandError, Gone):
                if part.session is measuring.session:
                    raise
    finally:
        measuring.session.detach().addErrback(ignore_failure)
    return entries


#: An entry of a report.
E = TypeVar("E", bound=CoverageEntry)


def disjoint(parts: Iterable[tuple[int, int, int]]) -> list[CoveredRange]:
    """Return which parts of a text count, if the innermost of nested parts decides.

    :param parts: each with its start, its end and its count.
    """
    ranges: list[CoveredRange] = []
    within: list[tuple[int, int]] = []  # the ends of those that are open, and how often they count
    at = 0

    def go_to(place: int) -> None:
        nonlocal at
        if place > at and within and within[-1][1] > 0:
            if ranges and ranges[-1]["end"] == at:
                ranges[-1]["end"] = place
            else:
                ranges.append(CoveredRange(start=at, end=place))
        at = max(at, place)

    for start, end, count in sorted(parts, key=lambda each: (each[0], -each[1])):
        while within and within[-1][0] <= start:
            go_to(within[-1][0])
            within.pop()
        go_to(start)
        within.append((end, count))
    while within:
        go_to(within[-1][0])
        within.pop()
    return ranges


def united(covered: Iterable[Sequence[CoveredRange]]) -> list[CoveredRange]:
    """Return what is in any of several lists of ranges."""
    ranges: list[CoveredRange] = []
    for each in sorted(chain.from_iterable(covered), key=lambda each: each["start"]):
        if ranges and each["start"] <= ranges[-1]["end"]:
            ranges[-1]["end"] = max(ranges[-1]["end"], each["end"])
        else:
            ranges.append(CoveredRange(start=each["start"], end=each["end"]))
    return ranges


def _ran(functions: Iterable[profiler.FunctionCoverage]) -> list[CoveredRange]:
    """Return the parts of a script that have run."""
    parts = [part for each in functions for part in each.ranges]
    return disjoint((part.start_offset, part.end_offset, part.count) for part in parts)


def _gone(failure: Failure) -> None:
    """Ignore that the text is gone."""
    failure.trap(CommandError, Gone, CancelledError)
