"""The table of routes: for each path its methods, its handler, who may use it, its body limit and its description.

It is the only one: requests are authorized, limited and answered by it, and the OpenAPI document is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Handler
from txcdp.gateway._options import LONGEST_BODY, SHORT_BODY

READ = ("GET", "HEAD")
CHANGE = ("PUT", "POST")

#: HTTP methods whose requests have bodies.
_WITH_BODY = frozenset({"PUT", "POST", "PATCH"})


class BodyLimit(NamedTuple):
    """The limit of a body's length.

    :ivar most: bytes.
    :ivar too_long: makes the text of the refusal of a longer one.
    """

    most: int
    too_long: Callable[[int], Refusal]

    def check(self, size: int) -> None:
        """Check that a body of so many bytes is allowed.

        :raises Refusal: it is too long.
        """
        if size > self.most:
            raise self.too_long(self.most)


def too_long(most: int) -> Refusal:
    """Return the text for a body that is too long for its route."""
    return Refusal(413, f"The body may have at most {most:,} bytes here.", "body")


#: The limit of a body whose route is not known yet.
SHORT = BodyLimit(SHORT_BODY, too_long)


class Operation(NamedTuple):
    """The description of a route in the OpenAPI document.

    :ivar name: the operation's id.
    :ivar summary: what it does.
    :ivar answers: the type of the response, by content type: a record, or a JSON schema.
    :ivar problems: the other possible responses: descriptions by status.
    :ivar request: the type of the JSON body; None: the request has no body.
    """

    name: str
    summary: str
    answers: Mapping[str, Any]
    problems: Mapping[int, str] = {}
    request: type[Any] | None = None


@dataclass(frozen=True)
class Route:
    """One row of the table of routes.

    :ivar path: the path; one that ends in ``/`` stands for everything one level below it; ``/`` for itself.
    :ivar verbs: the allowed HTTP methods; the first one is documented.
    :ivar handler: handles the requests.
    :ivar free: whether no token is needed.
    :ivar limit: the limit of a request's body.
    :ivar is_check: whether it reports the gateway's health, which it also has to do when the gateway is overloaded.
    :ivar operation: its documentation; None: it is not documented.
    """

    path: str
    verbs: tuple[str, ...]
    handler: Handler
    free: bool = False
    limit: BodyLimit = SHORT
    is_check: bool = False
    operation: Operation | None = None

    @property
    def is_for_reading(self) -> bool:
        """Whether a client that asks for a WebSocket here is mistaken: it could not read the response."""
        return self.path == "/" or self.path.startswith("/json")

    def check_verb(self, verb: str) -> None:
        """Check that the route allows a method.

        :raises Refusal: it does not.
        """
        if verb not in self.verbs:
            raise Refusal(
                405,
                f"Only {' or '.join(self.verbs)} is allowed here.",
                "verb",
                {"Allow": ", ".join(self.verbs)},
            )


class Routes:
    """The table of routes, by path.

    :param routes: the initial routes.
    """

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._table = {each.path: each for each in routes}

    def __iter__(self) -> Iterator[Route]:
        return iter(self._table.values())

    def add(self, route: Route) -> None:
        """Add a route, or replace the one with that path."""
        self._table[route.path] = route

    def find(self, path: str) -> Route | None:
        """Return the route of a path, as received; None if there is none."""
        path = plain_path(path)
        found = self._table.get(path)
        if found is None:
            above, _, name = path.rpartition("/")
            found = self._table.get(f"{above}/") if name and above else None
        return found


def limit_of(verbs: Iterable[str], most: int | None, too_long: Callable[[int], Refusal] = too_long) -> BodyLimit:
    """Return the limit of a route's bodies; by default, it depends on whether its methods have bodies."""
    if most is None:
        most = SHORT_BODY if _WITH_BODY.isdisjoint(verbs) else LONGEST_BODY
    return BodyLimit(most, too_long)


def plain_path(path: str) -> str:
    """Return a path as in the table: some clients append a slash."""
    return path.rstrip("/") or "/"
