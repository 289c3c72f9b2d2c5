"""Files for an input: passed by path if the browser can read them, otherwise by content.

Contents are sent in chunks, which the page passes on to the browser's blob store: neither this process nor the page
holds more than a chunk of a file that was given by its path.
"""

from __future__ import annotations

import base64
import io
import mimetypes
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

from txcdp._deferreds import ignore_failure
from txcdp.domains import dom
from txcdp.errors import ContextDestroyed
from txcdp.page._handles import ElementHandle, JSHandle

#: The size in bytes of a chunk.
PIECE: Final = 4 << 20

#: Puts files into an input as if they had been chosen; each has its content, or chunks of it.
PUT_FILES: Final = """(input, files) => {
    const transfer = new DataTransfer();
    for (const {name, mimeType, path, buffer, pieces} of files) {
        const file = new File(pieces || [buffer], name, {type: mimeType});
        if (path)
            Object.defineProperty(file, 'webkitRelativePath', {value: path, configurable: true});
        transfer.items.add(file);
    }
    input.files = transfer.files;
    input.dispatchEvent(new Event('input', {bubbles: true, composed: true}));
    input.dispatchEvent(new Event('change', {bubbles: true}));
}"""

_PIECES: Final = "() => []"
_ADD: Final = "(pieces, piece) => { pieces.push(new Blob([piece])); }"


class Upload:
    """A file for a page, with its contents.

    :param name: the file name that the page sees.
    :param kind: its MIME type; by default it follows from the name.
    :param content: the bytes, or their path.
    :param path: the relative path in a chosen folder, including that.
    """

    def __init__(self, name: str, kind: str, content: bytes | Path, path: str = "") -> None:
        kind = kind or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.about = {"name": name, "mimeType": kind, **({"path": path} if path else {})}
        self._content = content

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self._content.stat().st_size if isinstance(self._content, Path) else len(self._content)

    def open(self) -> IO[bytes]:
        """Open it for reading."""
        return self._content.open("rb") if isinstance(self._content, Path) else io.BytesIO(self._content)


def listed(files: Any) -> list[Any]:
    """Return a list of files, which may have been given as a single one."""
    return [files] if isinstance(files, str | os.PathLike | dict) else list(files)


def checked(file: Any) -> Any:
    """Return a payload, or the path of an existing file.

    :raises OSError: if it does not exist.
    :raises ValueError: if it is not a payload.
    """
    if isinstance(file, dict):
        if not {"name", "buffer"} <= file.keys():
            raise ValueError(
                f'a file with {", ".join(map(repr, file)) or "nothing"}: it needs a "name" and its bytes as "buffer"; '
                'it may have a "mimeType"'
            )
        return file
    path = Path(file).absolute()
    if ".." in path.parts:  # Chromium reads nothing by such a path
        path = path.resolve() if path.name == ".." else path.parent.resolve() / path.name
    path.stat()
    return path


def is_folder(files: Sequence[Any]) -> bool:
    """Return whether checked files are a single folder.

    :raises ValueError: if a folder is one of several.
    """
    folder = any(isinstance(each, Path) and each.is_dir() for each in files)
    if folder and len(files) > 1:
        raise ValueError("expected one folder, or any number of files")
    return folder


def uploads(files: Iterable[Any]) -> Iterator[Upload]:
    """Return the contents of checked files; for a folder, of all files in it."""
    for file in files:
        if isinstance(file, dict):
            content = file["buffer"]  # as text it is written in base 64
            content = base64.b64decode(content) if isinstance(content, str) else bytes(content)
            yield Upload(file["name"], file.get("mimeType", ""), content)
        elif file.is_dir():
            for path in sorted(Path(root) / name for root, _, names in os.walk(file) for name in names):
                yield Upload(path.name, "", path, f"{file.name}/{path.relative_to(file).as_posix()}")
        else:
            yield Upload(file.name, "", file)


async def put_files(element: ElementHandle, files: Sequence[Any], by_path: bool) -> None:
    """Put files into an input as if they had been chosen, and dispatch its events.

    :param files: absolute paths on this machine, and payloads.
    :param by_path: whether the browser can read those paths.
    """
    if by_path and files and not any(isinstance(each, dict) for each in files):
        command = dom.set_file_input_files(files=[str(each) for each in files], object_id=element._remote.object_id)
        await element._injected.session.execute(command, timeout=None)
    else:
        await put_uploads(element, uploads(files))


async def put_uploads(element: ElementHandle, files: Iterable[Upload]) -> None:
    """Put the contents of files into an input; its events are dispatched once."""
    with ExitStack() as kept:
        given = await sent(element, files, kept)
        try:
            await element.evaluate(PUT_FILES, given, timeout=None)
        except ContextDestroyed:
            return  # its handlers have led somewhere else


async def sent(element: ElementHandle, files: Iterable[Upload], kept: ExitStack) -> list[dict[str, Any]]:
    """Return the arguments for files that a function in the page takes; large files are sent before, in chunks.

    :param kept: collects functions that release them in the end.
    """
    given: list[dict[str, Any]] = []
    room = PIECE
    for each in files:
        with each.open() as file:
            if each.size <= room:
                content = file.read()
                room -= len(content)
                given.append({**each.about, "buffer": content})
                continue
            pieces = await element.evaluate_handle(_PIECES, timeout=None)
            kept.callback(_let_go, pieces)
            while piece := file.read(PIECE):
                await pieces.evaluate(_ADD, piece, timeout=None)
            given.append({**each.about, "pieces": pieces})
    return given


def _let_go(handle: JSHandle) -> None:
    """Release a handle's object without waiting: scripts may be blocked by an open dialog."""
    handle.dispose().addErrback(ignore_failure)
