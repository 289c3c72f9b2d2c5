"""Where the pages of a shared browser may navigate: to web addresses, not to pages of the browser itself.

The browser itself limits what a page can reach: no script and no redirect leads to ``chrome:``. But commands do.
``Page.navigate`` to some of these addresses, which counts as typed by a user, ends the whole browser (this was tried);
others reveal something about it, or change it for everybody. Which web addresses and files may be reached is up to the
gateway's own lists.
"""

from __future__ import annotations

from typing import Any, Final

from txcdp.gateway._client_messages import CommandRefusal
from txcdp.gateway._urls import Unreadable, split_url
from txcdp.protocol._error_codes import SERVER_ERROR

#: URL schemes that do not lead to the browser's own pages; ``""``: no scheme, which is left to the browser.
SCHEMES: Final = frozenset({"", "about", "data", "file", "http", "https", "javascript"})

#: Schemes that may precede these.
_WRAPPERS: Final = frozenset({"", "blob", "filesystem"})


def check_address(params: dict[str, Any]) -> None:
    """Check the ``url`` of a command; what is no address is left to the browser.

    :raises CommandRefusal: for one that leads elsewhere than into the web.
    """
    url = params.get("url")
    if not isinstance(url, str):
        return
    try:
        scheme, _, wrapper = split_url(url)
    except Unreadable as error:
        raise CommandRefusal(SERVER_ERROR, str(error)) from None
    if scheme not in SCHEMES or wrapper not in _WRAPPERS:
        what = f"{(wrapper or scheme)[:20]}: addresses are refused in a shared browser"
        what += ": they lead to pages of the browser itself"
        raise CommandRefusal(SERVER_ERROR, what)
