"""Where the pages of a shared browser may be sent: to web addresses, not to pages of the browser itself.

What a page can reach by itself, the browser sees to: no script and no redirect leads to ``chrome:``. But commands do.
``Page.navigate`` to some such address, as if typed by a user, ends the whole browser (it was tried); others tell about
it, or change it for all. Which web addresses and files may be reached is the business of the gateway's own lists.
"""

from __future__ import annotations

import re
from typing import Any, Final

from txcdp.gateway._client_messages import SERVER_ERROR, Refusal

#: The schemes of addresses that lead to no page of the browser's own.
SCHEMES: Final = frozenset({"blob", "data", "file", "filesystem", "http", "https", "javascript"})

#: The beginnings of addresses that were read by a browser; what it leaves out of them is left out before.
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.DOTALL)
_IGNORED: Final = re.compile(r"[\t\n\r]")
_EDGES: Final = "".join(map(chr, range(33)))
_EMPTY: Final = re.compile(r"(blank|srcdoc)([?#].*)?", re.DOTALL)

#: How much of an address is looked at; a scheme is short.
_ENOUGH: Final = 200


def check_address(params: dict[str, Any]) -> None:
    """Check the ``url`` of a command; what is no address is left to the browser.

    :raises Refusal: for one that leads elsewhere than into the web.
    """
    url = params.get("url")
    if not isinstance(url, str):
        return
    found = _SCHEME.match(_IGNORED.sub("", url.lstrip(_EDGES)[:_ENOUGH]).rstrip(_EDGES).lower())
    if found is None or found[1] in SCHEMES or (found[1] == "about" and _EMPTY.fullmatch(found[2])):
        return
    what = f"{found[1]}: addresses are refused where a browser is shared: they lead to pages of the browser itself"
    raise Refusal(SERVER_ERROR, what)
