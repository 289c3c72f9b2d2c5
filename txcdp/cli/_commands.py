"""Runs the command that the parsed arguments stand for."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from txcdp.cli._output import Output, style
from txcdp.cli._running import Runner

if TYPE_CHECKING:
    from txcdp.cli._lines import Style
    from txcdp.cli._opened_page import PageOptions

#: A command, called with the reactor.
Command = Callable[[Any], Coroutine[Deferred[Any], Any, int]]


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    from twisted.internet import reactor

    if options.command == "repl":
        return _repl(reactor, options)
    output = Output(sys.stdout)
    runner = Runner(reactor)
    output.given_up = lambda: runner.signalled is not None
    return runner.run(_COMMANDS[options.command](options, output))


def _watch(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._opened_page import browser_of
    from txcdp.cli._watch import WatchOptions, watch

    wanted = WatchOptions(
        url=options.url,
        browser=browser_of(options),
        selection=options.events,
        json=options.json,
        until=options.until,
        timeout=options.timeout,
        screenshot=options.screenshot,
        har=options.har,
        report=options.report,
        verbose=options.verbose,
    )
    return functools.partial(watch, options=wanted, output=output, style=_style(options))


def _har(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._har import HarOptions, har
    from txcdp.cli._opened_page import browser_of, emulation_of

    wanted = HarOptions(
        emulation=emulation_of(options),
        url=options.url,
        path=options.output,
        bodies=options.bodies,
        pattern=options.pattern,
        secrets=options.secrets,
        until=options.until,
        timeout=options.timeout,
        browser=browser_of(options),
    )
    return functools.partial(har, options=wanted, output=output)


def _report(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._opened_page import browser_of
    from txcdp.cli._report import ReportOptions, report

    wanted = ReportOptions(
        sources=options.sources,
        path=options.output,
        bodies=options.bodies != "omit",
        pictures=not options.no_pictures,
        secrets=options.secrets,
        until=options.until,
        timeout=options.timeout,
        browser=browser_of(options),
    )
    return functools.partial(report, options=wanted, output=output)


def _screenshot(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._captures import ScreenshotOptions, screenshot

    wanted = ScreenshotOptions(
        page=_page_options(options),
        path=options.output,
        type=options.type,
        selector=options.selector,
        full_page=options.full_page,
        clip=options.clip,
        how={
            "quality": options.quality,
            "mask": options.mask,
            "mask_color": options.mask_color,
            "style": options.style,
            "animations": options.animations,
            "omit_background": options.omit_background,
            "scale": options.scale,
        },
    )
    return functools.partial(screenshot, options=wanted, output=output)


def _pdf(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._captures import PrintOptions, pdf
    from txcdp.page import PdfOptions

    templates = options.header_template, options.footer_template
    how = PdfOptions(
        format=options.format,
        width=options.width,
        height=options.height,
        margin=options.margin,
        landscape=options.landscape,
        scale=options.scale,
        print_background=options.print_background,
        page_ranges=options.page_ranges,
        display_header_footer=any(each is not None for each in templates),
        # Where one is not given, Chromium would print its own.
        header_template=templates[0] or "<span></span>",
        footer_template=templates[1] or "<span></span>",
        prefer_css_page_size=options.prefer_css_page_size,
        outline=options.outline,
        tagged=options.tagged,
    )
    page = _page_options(options)
    if options.media == "screen":
        page.emulation["media"] = "screen"
    return functools.partial(pdf, options=PrintOptions(page, options.output, how), output=output)


def _extract(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._extract import ExtractOptions, extract

    wanted = ExtractOptions(
        page=_page_options(options),
        selectors=options.selectors,
        each=options.each,
        format=options.format,
        path=options.output,
    )
    return functools.partial(extract, options=wanted, output=output)


def _repl(reactor: Any, options: argparse.Namespace) -> int:
    from txcdp.cli._opened_page import PageOptions, browser_of, emulation_of
    from txcdp.cli._repl import ReplOptions, repl

    page = PageOptions(
        url=options.url,
        emulation=emulation_of(options),
        timeout=options.timeout,
        browser=browser_of(options),
    )
    return repl(reactor, ReplOptions(page, options.history, options.plain))


def _page_options(options: argparse.Namespace) -> PageOptions:
    from txcdp.cli._opened_page import PageOptions, browser_of, emulation_of

    return PageOptions(
        url=options.url,
        emulation=emulation_of(options),
        wait_until=options.wait_until,
        wait_for_selector=options.wait_for_selector,
        wait_for_timeout=options.wait_for_timeout,
        timeout=options.timeout,
        browser=browser_of(options),
    )


def _style(options: argparse.Namespace) -> Style:
    return style(sys.stdout, False if options.no_color else None)


def _targets(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._inspecting import list_targets

    return functools.partial(
        list_targets, browser=options.browser, as_json=options.json, output=output, style=style(sys.stdout, None)
    )


def _version(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._inspecting import show_version

    return functools.partial(show_version, browser=options.browser, as_json=options.json, output=output)


def _protocol(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._inspecting import show_difference

    return functools.partial(show_difference, browser=options.browser, output=output)


def _call(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._call import Call, call

    wanted = Call(
        method=options.method,
        parameters=options.parameters,
        browser=options.browser,
        target=options.target,
        url_match=options.url_match,
        raw=options.raw,
        timeout=options.timeout,
    )
    return functools.partial(call, wanted=wanted, as_json=options.json, output=output)


def _show(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._recorded import Wanted
    from txcdp.cli._show import ShowOptions, show

    wanted = ShowOptions(
        paths=options.paths,
        wanted=Wanted(options.events, options.target, options.url, options.since, options.until),
        json=options.json,
        summary=options.summary,
        follow=options.follow,
        verbose=options.verbose,
    )
    return functools.partial(show, options=wanted, output=output, style=_style(options))


def _replay(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._recorded import Wanted
    from txcdp.cli._replay import ReplayOptions, play

    wanted = ReplayOptions(
        paths=options.paths,
        wanted=Wanted(options.events, options.target, options.url),
        speed=options.speed,
        since=options.since,
        until=options.until,
        json=options.json,
        verbose=options.verbose,
    )
    return functools.partial(play, options=wanted, output=output, style=_style(options))


def _export(options: argparse.Namespace, output: Output) -> Command:
    from txcdp.cli._export import export

    return functools.partial(export, paths=options.paths, to=options.to, path=options.output, output=output)


_COMMANDS: dict[str, Callable[[argparse.Namespace, Output], Command]] = {
    "watch": _watch,
    "screenshot": _screenshot,
    "pdf": _pdf,
    "extract": _extract,
    "har": _har,
    "report": _report,
    "targets": _targets,
    "call": _call,
    "version": _version,
    "protocol": _protocol,
    "show": _show,
    "replay": _replay,
    "export": _export,
}
