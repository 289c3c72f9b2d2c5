"""Where the pages of a shared browser may be sent: to web addresses, not to pages of the browser itself.

What a page can reach by itself, the browser sees to: no script and no redirect leads to ``chrome:``. But commands do.
``Page.navigate`` to some such address, as if typed by a user, ends the whole browser (it was tried); others tell about
it, or change it for all. Which web addresses and files may be reached is the business of the gateway's own lists.
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
        what = f"{(wrapper or scheme)[:20]}: addresses are refused where a browser is shared"
        what += ": they lead to pages of the browser itself"
        raise CommandRefusal(SERVER_ERROR, what)
