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
    :ivar too_long: makes what is told where it is longer.
    """

    most: int
    too_long: Callable[[int], Refusal]

    def check(self, size: int) -> None:
        """See that so many bytes are not too many.

        :raises Refusal: they are.
        """
        if size > self.most:
            raise self.too_long(self.most)


def too_long(most: int) -> Refusal:
    """Say that a body is too long for its route."""
    return Refusal(413, f"A body has {most:,} bytes here at the most.", "body")


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

    :ivar path: one that ends in ``/`` stands for all one level below it; ``/`` for itself.
    :ivar verbs: with which it may be used; the first one is the one that is documented.
    :ivar handler: answers.
    :ivar free: whether nobody is asked for a token.
    :ivar limit: of a request's body.
    :ivar is_check: whether it tells how the gateway is, which it has to when it is overloaded, too.
    :ivar operation: what is documented; None: nothing.
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
        """Whether who asks for a WebSocket here has taken it for one: it would answer what he cannot read."""
        return self.path == "/" or self.path.startswith("/json")

    def check_verb(self, verb: str) -> None:
        """See that it may be used with a verb.

        :raises Refusal: it may not.
        """
        if verb not in self.verbs:
            raise Refusal(
                405,
                f"This can be used with {' or '.join(self.verbs)} only.",
                "verb",
                {"Allow": ", ".join(self.verbs)},
            )


class Routes:
    """The table of routes, by path.

    :param routes: those that are there from the beginning.
    """

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._table = {each.path: each for each in routes}

    def __iter__(self) -> Iterator[Route]:
        return iter(self._table.values())

    def add(self, route: Route) -> None:
        """Add a route, or put it in the place of the one with that path."""
        self._table[route.path] = route

    def find(self, path: str) -> Route | None:
        """Return the route of a path, as it came; None where there is nothing."""
        path = plain_path(path)
        found = self._table.get(path)
        if found is None:
            above, _, name = path.rpartition("/")
            found = self._table.get(f"{above}/") if name and above else None
        return found


def limit_of(verbs: Iterable[str], most: int | None, too_long: Callable[[int], Refusal] = too_long) -> BodyLimit:
    """Return the limit of a route's bodies: where none is wanted, it depends on whether its verbs have bodies."""
    if most is None:
        most = SHORT_BODY if _WITH_BODY.isdisjoint(verbs) else LONGEST_BODY
    return BodyLimit(most, too_long)


def plain_path(path: str) -> str:
    """Return a path as the table has it: some clients put a slash behind it."""
    return path.rstrip("/") or "/"
