"""The script that is kept in a page's documents: see ``injected.js``."""

from __future__ import annotations

import re
import secrets
from importlib.resources import files
from typing import Final

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains.page import add_script_to_evaluate_on_new_document


def _without_comments(text: str) -> str:
    """Return a script as it is sent: every document of every page gets it."""
    text = re.sub(r"^ *//.*\n|/\*\*[^*]*\*/", "", text, flags=re.MULTILINE)
    return re.sub(r"^\s+", "", text, flags=re.MULTILINE)


_SOURCE: Final = _without_comments(files("txcdp.page").joinpath("injected.js").read_text("utf-8"))


class Injected:
    """The script in the documents of one session.

    :param session: a page's, or a frame's.
    :ivar name: of the constant that it is, which no page knows.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = ""

    def register(self) -> None:
        """Give it to each document that is there, and to each new one before the page's own scripts run.

        It has another name each time, as a constant cannot be made twice. So it is not left to the session to send it
        again over another line: the documents may be the same ones.
        """
        self.name = f"_{secrets.token_hex(12)}"
        params = {"source": f"const {self.name}={_SOURCE}", "runImmediately": True}
        sent = self.session._send_quietly(add_script_to_evaluate_on_new_document.method, params)
        sent.addErrback(ignore_failure)

    def renew(self, name: str) -> None:
        """Register it again, as a document had it not.

        :param name: by which it was looked for; nothing happens where it has another one by now.
        """
        if name == self.name:
            self.register()
