"""The script that evaluates in a page's documents: see ``injected.js``."""

from __future__ import annotations

import re
import secrets
from collections import deque
from importlib.resources import files
from typing import Final

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.domains import runtime
from txcdp.domains.page import (
    add_script_to_evaluate_on_new_document,
    remove_script_to_evaluate_on_new_document,
)
from txcdp.model import kind_of
from txcdp.protocol import to_json


def _without_comments(text: str) -> str:
    """Return a script without comments, because every document of every page gets it."""
    text = re.sub(r"^ *//.*\n|/\*\*[\s\S]*?\*/", "", text, flags=re.MULTILINE)
    return re.sub(r"^\s+|\s+$", "", text, flags=re.MULTILINE)


_SOURCE: Final = _without_comments(files("txcdp.page").joinpath("injected.js").read_text("utf-8"))


#: How many objects are being released at a time. A program may drop a hundred thousand handles at once, and a page log
#: as many objects while it answers nothing: these are not to take the room of the program's own commands.
_MOST_RELEASING: Final = 1000


class Injected:
    """The script in the documents of one session.

    :param session: the session of a page, a frame or a worker.
    :ivar name: the name of its constant, which no page knows.
    :ivar binding: the name of the binding through which it calls the program; it removes this before a page sees it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = ""
        self.binding = f"_{secrets.token_hex(12)}"
        self._exposed: dict[str, list[str]] = {}
        self._garbage: deque[str] = deque()
        self._releasing = 0
        self._is_releasing = False

    def register(self) -> None:
        """Add it to each existing document, and to each new one before the page's own scripts run.

        A worker has a single global scope, and gets it there. Its name is different each time, because a constant
        cannot be declared twice.
        """
        self.name = f"_{secrets.token_hex(12)}"
        if kind_of(self.session.kind or "page").has_domain("Page"):
            self._register(True)
        else:
            given = self.session.execute(runtime.evaluate(expression=f"const {self.name}={_SOURCE}"))
            given.addErrback(ignore_failure)

    def register_again(self) -> None:
        """Add it to each new document of a page that was restored over another transport.

        Existing documents may be the same as before, which have it.
        """
        self._register(False)

    def _register(self, at_once: bool) -> None:
        self._everywhere(f"const {self.name}={_SOURCE}", at_once).addErrback(ignore_failure)
        for name in self._exposed:
            self._expose(name).addErrback(ignore_failure)

    def note_garbage(self, object_id: str) -> None:
        """Release an object with the next command that is sent.

        The garbage collector calls this: at any point, and in any thread.
        """
        self._garbage.append(object_id)

    def release_garbage(self) -> None:
        """Release the objects to which there are no handles any more: some at a time, until there are none left."""
        if self._is_releasing:  # one of them could not be released, and says so at once
            return
        self._is_releasing = True
        try:
            while self._garbage and self._releasing < _MOST_RELEASING:
                self._releasing += 1
                self.release(self._garbage.popleft()).addBoth(self._released)
        finally:
            self._is_releasing = False

    def _released(self, _: object) -> None:
        """Go on with the next objects; whatever became of the last one, it does not come back."""
        self._releasing -= 1
        if not self._releasing:
            self.release_garbage()

    def release(self, object_id: str) -> Deferred[None]:
        """Release an object."""
        return self.session.execute(runtime.release_object(object_id=object_id))

    @returns_deferred
    async def expose(self, name: str) -> None:
        """Add a function that calls the program to each document; see ``Runtime.bindingCalled``.

        :param name: the function's name.
        """
        if not self._exposed:  # in another process the browser makes bindings only where the domain is enabled
            self.session.execute(runtime.enable()).addErrback(ignore_failure)
            self.session.execute(runtime.add_binding(name=self.binding)).addErrback(ignore_failure)
        self._exposed.setdefault(name, [])
        await self._expose(name)

    @returns_deferred
    async def conceal(self, name: str) -> None:
        """Remove the function from each document."""
        gone = await self._everywhere(self._called("conceal", name))
        for identifier in [gone, *self._exposed.pop(name, [])]:
            command = remove_script_to_evaluate_on_new_document(identifier=identifier)
            self.session.execute(command).addErrback(ignore_failure)

    @returns_deferred
    async def _expose(self, name: str) -> None:
        identifier = await self._everywhere(self._called("expose", self.name, self.binding, name))
        self._exposed.setdefault(name, []).append(identifier)

    def _called(self, function: str, *parameters: str) -> str:
        """Return an expression that calls one of its functions, if the document has it."""
        literals = ",".join(to_json(each).decode() for each in parameters)
        return f"typeof {self.name}==='object'&&{self.name}.{function}({literals})"

    @returns_deferred
    async def _everywhere(self, source: str, at_once: bool = True) -> str:
        """Run a script in each new document, and in existing ones; return the registration for its removal.

        :param at_once: whether to run it in existing documents, too.
        """
        params = {"source": source, "runImmediately": at_once}
        added = await self.session._send_quietly(add_script_to_evaluate_on_new_document.method, params)
        return str(added.get("identifier", ""))

    def renew(self, name: str) -> None:
        """Register it again, because a document did not have it.

        :param name: the name by which it was looked for; nothing happens if it has another one by now.
        """
        if name == self.name:
            self.register()
