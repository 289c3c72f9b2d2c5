"""``txcdp export``: converts recordings to files for other programs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from twisted.internet.task import Clock

from txcdp._reactor import AnyReactor
from txcdp.cli._output import Output, complain
from txcdp.cli._running import BAD, GOOD, Misuse
from txcdp.cli._text import clean
from txcdp.network import HarRecording
from txcdp.network._har_recording import head_of
from txcdp.protocol._values import dict_of
from txcdp.recording import Damage, MissingLibrary, NoHar, NoteEntry, WrongSchema, read, replay
from txcdp.recording._csv import rows
from txcdp.recording._reading import in_order, is_har
from txcdp.recording._trace import trace


async def export(reactor: AnyReactor, paths: Sequence[Path], to: str, path: Path | None, output: Output) -> int:
    """Convert recordings.

    :param to: the format; see ``--help``.
    :param path: the file; None: standard output.
    :returns: the exit code: 0, or 1 if something could not be read.
    """
    try:
        if to == "har":
            if path is None:
                raise Misuse("HAR needs a file: -o FILE")
            return await _har(paths, path, output)
        damages: list[Damage] = []
        with _opened(path, to, output) as write:
            for piece in _MADE[to](paths, damages):
                write(piece)
    except (MissingLibrary, NoHar, WrongSchema) as error:
        complain(clean(error))
        return BAD
    for each in damages:
        complain(clean(f"{each.path}: {each.reason}"))
    return BAD if damages else GOOD


async def _har(paths: Sequence[Path], path: Path, output: Output) -> int:
    if path.suffix.lower() == ".zip":
        raise Misuse("a recording is exported to a HAR file, not to an archive")
    begins = next((each.data for each in read(*paths) if isinstance(each, NoteEntry) and each.kind == "begin"), {})
    bodies = bool(dict_of(begins.get("options")).get("commands")) or any(map(is_har, in_order(*paths)))
    played = replay(paths, clock=Clock(), speed="instant")
    product = str(begins.get("browser") or "")
    har = HarRecording(played.browser.exchanges, path, head_of(product), bodies="embed" if bodies else "omit")
    await played.play()
    await har.stop()
    output.print(f"{clean(path)}: {har.entries} exchanges")
    for each in played.damages:
        complain(clean(f"{each.path}: {each.reason}"))
    return BAD if played.damages else GOOD


def _lines(paths: Sequence[Path], damages: list[Damage]) -> Iterator[bytes]:
    for entry in read(*paths):
        if isinstance(entry, Damage):
            damages.append(entry)
        else:
            yield entry.line.rstrip() + b"\n"


#: The functions that make the chunks of a file.
_MADE: Final[dict[str, Callable[[Sequence[Path], list[Damage]], Iterable[bytes]]]] = {
    "trace": trace,
    "csv": rows,
    "jsonl": _lines,
}


@contextlib.contextmanager
def _opened(path: Path | None, to: str, output: Output) -> Iterator[Callable[[bytes], object]]:
    """Open the output: a file that only its owner may read, or standard output.

    In printed JSON, characters that a terminal would interpret or hide are escaped; in a table only on a terminal.
    """
    if path is None:
        yield output.write_row if to == "csv" else output.write_json
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.chmod(path, 0o600)
    with open(descriptor, "wb") as file:
        yield file.write
