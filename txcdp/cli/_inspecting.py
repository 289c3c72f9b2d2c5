"""``txcdp targets``, ``version`` and ``protocol diff``: information about a running browser."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from txcdp._reactor import AnyReactor
from txcdp.browser import connect
from txcdp.cli._lines import Style
from txcdp.cli._output import Output
from txcdp.cli._running import BAD, GOOD
from txcdp.cli._text import clean, cut, cut_middle, pad
from txcdp.domains import PROTOCOL_SOURCE, WIRE_VERSION, target
from txcdp.errors import ConnectError, ConnectTimeout, HandshakeFailed, InvalidURL
from txcdp.protocol import to_json

T = TypeVar("T")

_HOW = "start a browser there with: chromium --remote-debugging-port=9222 --user-data-dir=/tmp/profile"
_ID, _TYPE = 34, 16


async def reach(connecting: Deferred[T]) -> T:
    """Await a connection; if nobody listens, the error says how to start a browser."""
    try:
        return await connecting
    except (InvalidURL, HandshakeFailed, ConnectTimeout):
        raise
    except ConnectError as error:
        raise ConnectError(f"{str(error).partition(';')[0]}; {_HOW}") from error


async def list_targets(reactor: AnyReactor, browser: str, as_json: bool, output: Output, style: Style) -> int:
    """Print the targets, one per line."""
    async with await reach(connect(reactor, browser)) as found:
        targets = await found.targets()
    if not as_json and targets:
        output.print(style.bold(f"{'ID':{_ID}}{'TYPE':{_TYPE}}URL  TITLE"))
    for each in targets:
        if as_json:
            output.write_json(to_json(each) + b"\n")
        else:
            output.print(_described(each, style))
    return GOOD


def _described(info: target.TargetInfo, style: Style) -> str:
    kind = pad(cut(clean(info.type), _TYPE - 2), _TYPE)
    url, title = clean(info.url), clean(info.title) if info.title != info.url else ""
    if style.columns is not None:
        room = max(style.columns - 1 - _ID - _TYPE, 20)
        url = cut_middle(url, room * 2 // 3 if title else room)
        title = cut(title, max(room - len(url) - 2, 0))
    kind = style.paint(kind, "36") if info.type == "page" else style.dim(kind)
    return f"{pad(clean(info.target_id), _ID)}{kind}{url}  {style.dim(title)}".rstrip()


async def show_version(reactor: AnyReactor, browser: str | None, as_json: bool, output: Output) -> int:
    """Print all versions: of the browser, the protocol and this library."""
    from importlib.metadata import version

    facts = {"txcdp": version("txcdp"), "protocol": f"{WIRE_VERSION} ({PROTOCOL_SOURCE})"}
    if browser is not None:
        async with await reach(connect(reactor, browser)) as found:
            said = await found.version()
        facts |= {
            "browser": clean(said.product),
            "its protocol": clean(said.protocol_version),
            "revision": clean(said.revision),
            "user agent": clean(said.user_agent),
            "JavaScript": clean(said.js_version),
        }
    if as_json:
        output.write_json(to_json({name.replace(" ", "_"): fact for name, fact in facts.items()}) + b"\n")
    else:
        for name, fact in facts.items():
            output.print(f"{name:<14}{fact}")
    return GOOD


async def show_difference(reactor: AnyReactor, browser: str, output: Output) -> int:
    """Print the differences between a browser's protocol and ours; the exit code is 1 if there are any."""
    from txcdp.chrome import discovery
    from txcdp.codegen.diff import protocol_diff, render
    from txcdp.codegen.schema import parse, vendored

    ours, source = vendored()
    said = await reach(discovery.version(reactor, browser))
    described = await discovery.protocol(reactor, browser)
    differences = protocol_diff(ours, parse([(browser, to_json(described))]))
    for line in render(differences, source, said.browser or browser).split("\n"):
        output.print(clean(line))
    return BAD if differences else GOOD
