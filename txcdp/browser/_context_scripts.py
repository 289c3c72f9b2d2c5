"""Scripts that all pages of a context have in each document before the documents' own, those that come later too."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred

from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.errors import Gone
from txcdp.page._scripts import Scripts
from txcdp.streams import Registration


class _Script:
    """One script, in all pages of a context."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._added: WeakKeyDictionary[Scripts, Registration] = WeakKeyDictionary()
        self._removed = False

    @returns_deferred
    async def add_to(self, page: Scripts) -> None:
        try:
            added = await page.add(self._source)
        except Gone:
            return
        if self._removed:
            await added.close()
        else:
            self._added[page] = added

    @returns_deferred
    async def remove(self) -> None:
        self._removed = True
        for waiting in [each.close() for each in self._added.values()]:  # in one write
            await waiting


class ContextScripts:
    """The scripts that a program has given to a context.

    :param pages: returns the scripts of each open page of the context.
    """

    def __init__(self, pages: Callable[[], list[Scripts]]) -> None:
        self._pages = pages
        self._scripts: list[_Script] = []

    def give(self, page: Scripts) -> None:
        """Give all of them to a page, before it runs."""
        for script in self._scripts:
            script.add_to(page).addErrback(ignore_failure)

    @returns_deferred
    async def add(self, source: str) -> Registration:
        """Give one to all pages."""
        script = _Script(source)
        self._scripts.append(script)
        try:
            for waiting in [script.add_to(each) for each in self._pages()]:  # in one write
                await waiting
        except BaseException:
            self._scripts.remove(script)
            script.remove().addErrback(ignore_failure)
            raise

        def remove() -> Deferred[None]:
            self._scripts.remove(script)
            return script.remove()

        return Registration(remove)
