"""Make the picture at the head of the README: a short program, and what it prints, as it comes: ``make pictures``.

``harbour.py`` is run against the demo site, and what it printed is stored with its times in ``session.json``. The
picture, ``session.svg``, is drawn from these two alone: a test holds it to them, to the byte. It is text, animated by
CSS, which images may have wherever they are shown; without animations, or where motion is not wanted, its last frame
is shown. The wait for the browser's start is shortened to what a reader bears.
"""

from __future__ import annotations

import html
import io
import json
import keyword
import os
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import react
from twisted.python.failure import Failure

from examples.site.server import address, serve, stop

HERE = Path(__file__).parent
PROGRAM, STORED, PICTURE = HERE / "harbour.py", HERE / "session.json", HERE / "session.svg"
COMMAND: Final = "python harbour.py"
SITE: Final = "http://localhost:8000/"

#: Seconds: of a silence at the most, of a keystroke, before and after typing, and of the last frame.
SILENCE, KEY, BEFORE, AFTER, LAST = 1.2, 0.07, 1.0, 0.4, 8.0
ROUNDS: Final = 3  # and then the last frame stays
#: Pixels: of the picture, between two lines, of a character, and to the left of all.
WIDTH, LINE, CHARACTER, LEFT = 848, 20, 8.4, 24

STYLE: Final = """\
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d5dbe5 }
.bar { font: 600 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #9aa5b5 }
.keyword { fill: #c79bf2 } .string { fill: #8fcf8a } .comment, .prompt { fill: #8792a4 } .number { fill: #e0aa45 }
.own { fill: #6fb1ff } .failed { fill: #ff8a86 } .warned { fill: #e0aa45 } .told { fill: #8fcf8a }
@media (prefers-reduced-motion: reduce) { * { animation: none !important } }"""

#: How the first words of a line are coloured.
COLOURS: Final = {
    "failed": "failed", "console error": "failed", "console warning": "warned", "console": "own", "booked": "told",
    "cheapest": "own",
}  # fmt: skip


class Run(NamedTuple):
    """A part of a line that has one colour: where it begins, in characters, and what it says."""

    column: int
    text: str
    colour: str


class _Output(ProcessProtocol):
    """Takes down what a process prints, by the line, and when.

    :ivar ended: fires with the lines when it has ended.
    """

    def __init__(self, reactor: Any) -> None:
        self.ended: Deferred[list[tuple[float, str]]] = Deferred()
        self._reactor = reactor
        self._begun = reactor.seconds()
        self._lines: list[tuple[float, str]] = []
        self._rest = b""
        self._errors = b""

    def outReceived(self, data: bytes) -> None:
        """Take down each line that is whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        now = round(self._reactor.seconds() - self._begun, 2)
        self._lines += [(now, line.decode()) for line in lines]

    def errReceived(self, data: bytes) -> None:
        """Keep it for the failure that will come."""
        self._errors += data

    def processEnded(self, reason: Failure) -> None:
        """Hand on what came."""
        if reason.check(ProcessDone):
            self.ended.callback(self._lines)
        else:
            self.ended.errback(RuntimeError(f"{PROGRAM.name}: {self._errors.decode()[-2000:]}"))


def _with_site(folder: str, site: str) -> Path:
    program = Path(folder, PROGRAM.name)
    program.write_text(PROGRAM.read_text(encoding="utf-8").replace(SITE, site), encoding="utf-8")
    return program


async def record(reactor: Any) -> list[tuple[float, str]]:
    """Run the program against the demo site; return the lines that it printed, and when, in seconds."""
    port = serve(reactor)
    try:
        site = address(port)
        with tempfile.TemporaryDirectory() as folder:
            program = _with_site(folder, site)
            output = _Output(reactor)
            environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
            reactor.spawnProcess(output, sys.executable, [sys.executable, "-u", str(program)], env=environment)
            return [(at, line.replace(site, SITE)) for at, line in await output.ended]
    finally:
        await stop(port)


def highlighted(source: str) -> list[list[Run]]:
    """Return the lines of a program, in parts that have one colour each."""
    lines: list[list[Run]] = [[] for _ in source.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (row, column), text = token.start, token.string
        if text.strip():
            lines[row - 1].append(Run(column, text, _colour(token)))
    return lines


def _colour(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return "keyword" if keyword.iskeyword(token.string) else "own" * (token.string == "txcdp")
    return {tokenize.STRING: "string", tokenize.COMMENT: "comment", tokenize.NUMBER: "number"}.get(token.type, "")


def joined(runs: list[Run]) -> Iterator[Run]:
    """Join the parts that have the same colour, with the blanks between them."""
    pending: Run | None = None
    for run in runs:
        if pending is not None and pending.colour == run.colour:
            text = pending.text.ljust(run.column - pending.column) + run.text
            pending = pending._replace(text=text)
            continue
        if pending is not None:
            yield pending
        pending = run
    if pending is not None:
        yield pending


def printed(line: str) -> list[Run]:
    """Return a line of the output in its colours."""
    for words, colour in COLOURS.items():
        length = next((end for end in range(len(line) + 1) if " ".join(line[:end].split()) == words), None)
        if length is not None:
            return [Run(0, line[:length], colour), Run(length + 1, line[length + 1 :], "")]
    return [Run(0, line, "")]


def written(runs: list[Run], y: float, attributes: str = "") -> str:
    """Return a line as SVG; each part is as wide as its characters, whatever the font is."""
    parts = []
    for column, padded, colour in joined(runs):
        text = padded.strip()
        x, mark = LEFT + (column + padded.index(text)) * CHARACTER, f' class="{colour}"' * bool(colour)
        length = f' textLength="{len(text) * CHARACTER:.1f}" lengthAdjust="spacingAndGlyphs"'
        parts.append(f'<text x="{x:.1f}" y="{y}"{mark}{length} xml:space="preserve">{html.escape(text)}</text>')
    return f"<g{attributes}>{''.join(parts)}</g>" if attributes else "".join(parts)


def shortened(times: list[float]) -> list[float]:
    """Return the seconds after the start at which lines are shown: no silence is longer than a reader bears."""
    shown, now, before = [], 0.0, 0.0
    for time in times:
        now, before = now + min(SILENCE, time - before), time
        shown.append(now)
    return shown


def drawn(source: str, output: list[tuple[float, str]]) -> str:
    """Return the picture: the program, and below it the command as it is typed, and the output as it comes."""
    typed = BEFORE + KEY * len(COMMAND)
    begun = typed + AFTER
    times = [begun + time for time in shortened([time for time, _ in output])]
    whole = round(times[-1] + LAST, 1)
    program = highlighted(source)
    split = 48 + LINE * len(program) + 10
    height = split + 42 + LINE * (len(output) + 1) + 18

    def percent(seconds: float) -> str:
        return f"{seconds / whole * 100:.2f}%"

    def animated(name: str, timing: str = "step-end") -> str:
        return f' style="animation: {name} {whole}s {timing} {ROUNDS}"'

    frames, body = [], []
    for number, (text, colour) in enumerate((("harbour.py", ""), ("terminal", ""))):
        y = 27 if not number else split + 24
        body.append(f'<text class="bar{colour}" x="{LEFT}" y="{y}">{text}</text>')
    body += [written(line, 62 + LINE * number) for number, line in enumerate(program) if line]
    y, end = split + 60, len(COMMAND) * CHARACTER
    body.append(written([Run(0, "$", "prompt"), Run(2, COMMAND, "")], y))
    # The command is typed: what covers it moves to the right, a character at a time, with the cursor at its edge.
    x = LEFT + 2 * CHARACTER
    steps = [
        f"{percent(BEFORE + KEY * each)} {{ transform: translateX({each * CHARACTER:.1f}px); opacity: 1 }}"
        for each in range(len(COMMAND) + 1)
    ]
    gone = f"{percent(begun)} {{ transform: translateX({end:.1f}px); opacity: 0 }}"
    frames.append(f"@keyframes typed {{ 0% {{ transform: none; opacity: 1 }} {' '.join(steps)} {gone} }}")
    body.append(
        f'<g opacity="0"{animated("typed")}>'
        f'<rect x="{x:.1f}" y="{y - 15}" width="{end:.1f}" height="{LINE}" fill="#12151b"/>'
        f'<rect x="{x:.1f}" y="{y - 14}" width="{CHARACTER}" height="18" fill="#d5dbe5"/></g>'
    )
    for number, (time, (_, line)) in enumerate(zip(times, output, strict=True)):
        frames.append(f"@keyframes line{number} {{ 0% {{ opacity: 0 }} {percent(time)} {{ opacity: 1 }} }}")
        body.append(written(printed(line), y + LINE * (number + 1), animated(f"line{number}")))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"',
        ' role="img">',
        "<title>A program of twenty lines, and what it prints as it runs</title>",
        f"<style>\n{STYLE}",
        *frames,
        "</style>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8" fill="#12151b" stroke="#3a424f"/>',
        f'<path d="M1 40H{WIDTH - 1}M1 {split + 36}H{WIDTH - 1}" stroke="#232935"/>',
        f'<path d="M1 {split}H{WIDTH - 1}" stroke="#3a424f"/>',
        *body,
        "</svg>",
        "",
    ])  # fmt: skip


def stored() -> dict[str, Any]:
    """Return what was recorded: the program, and what it printed."""
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def picture() -> str:
    """Draw what was recorded."""
    found = stored()
    return drawn("\n".join([*found["program"], ""]), [(time, line) for time, line in found["output"]])


async def main(reactor: Any) -> None:
    """Record the program, and draw it; ``--draw`` only draws."""
    if "--draw" not in sys.argv[1:]:
        output = await record(reactor)
        program = PROGRAM.read_text(encoding="utf-8").splitlines()
        document = {"program": program, "output": output}
        STORED.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    react(main)
