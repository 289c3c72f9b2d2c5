"""The storage state of a context: read as a whole, and restored in another context."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self, TypedDict

from twisted.internet.defer import CancelledError, Deferred

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred, unless_cancelled, when_all
from txcdp.browser._cookies import Cookie, Cookies, param_of_kept
from txcdp.domains import fetch, network, page, runtime, storage, target
from txcdp.errors import EvaluationError, MalformedMessage, NavigationError
from txcdp.network._interception import Holding, PausedRequest, Pausing, interception_of
from txcdp.page._commits import close_target
from txcdp.page._storage import StorageItem
from txcdp.protocol import from_json

_SCRIPT: Final = files("txcdp.browser").joinpath("storage.js").read_text("utf-8")

#: The document of each origin while its storage is read: nothing comes from the network.
_EMPTY: Final = "<!doctype html>"


class OriginState(TypedDict, total=False):
    """The storage of one origin: ``origin``, ``localStorage``, and ``indexedDB`` if it was asked for."""

    origin: str
    localStorage: list[StorageItem]
    indexedDB: list[dict[str, Any]]


class StorageState(TypedDict):
    """The storage of a context: ``cookies`` and ``origins``, in the format of Playwright's files."""

    cookies: list[Cookie]
    origins: list[OriginState]


def origin_of(url: str) -> str | None:
    """Return the origin of an http or https URL; None for others."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("http", "https"):
        return f"{scheme}://{rest.partition('/')[0].partition('?')[0].partition('#')[0].rpartition('@')[2]}"
    return None


def checked_state(state: object) -> StorageState:
    """Return a storage state, given directly or as a file.

    :raises OSError: if the file cannot be read.
    :raises ValueError: if it is not a storage state.
    """
    if isinstance(state, str | os.PathLike):
        with open(state, "rb") as file:
            try:
                given = from_json(file.read())
            except MalformedMessage as error:
                raise ValueError(f"{os.fspath(state)} does not contain a storage state: {error}") from error
    else:
        given = state
    keys = StorageState.__annotations__
    if (
        not isinstance(given, Mapping)
        or not all(isinstance(given.get(key, []), list) for key in keys)
        or (given and keys.keys().isdisjoint(given))
    ):
        raise ValueError(
            'a storage state must be a dict with the lists "cookies" and "origins", or a file with it as JSON'
        )
    origins = []
    for each in given.get("origins", []):
        name = each.get("origin") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or origin_of(name) != name:
            raise ValueError(f"an origin must be a dict with an origin such as 'https://example.com', not {name!r}")
        items = each.get("localStorage", [])
        for item in items if isinstance(items, list | tuple) else [items]:
            if not (
                isinstance(item, Mapping) and isinstance(item.get("name"), str) and isinstance(item.get("value"), str)
            ):
                raise ValueError(f"the local storage of {name} must be a list of dicts with a str name and value")
        origins.append(each)
    for cookie in given.get("cookies", []):
        param_of_kept(cookie)
    return StorageState(cookies=given.get("cookies", []), origins=origins)


class ContextStorage:
    """The storage of one context, of all origins.

    :param connection: the browser's connection.
    :param context_id: the context's id; None: the default context.
    :param origins: the origins that its pages have visited (an ordered set); those that are restored are added.
    """

    def __init__(self, connection: Connection, context_id: str | None, origins: dict[str, None]) -> None:
        self._connection = connection
        self._root = connection.session
        self._context_id = context_id
        self._known = origins
        self._cookies = Cookies(self._root, context_id)

    @returns_deferred
    async def read(self, indexed_db: bool) -> StorageState:
        """Read all of it.

        :param indexed_db: whether to read the databases, too.
        """
        cookies = await self._cookies.get(None)
        found: list[OriginState] = []
        origins = await self._origins()
        if origins:
            async with _EmptyPage(self._connection, self._context_id) as empty:
                for origin in origins:
                    if await empty.go(origin):
                        continue  # no page was ever there, whatever it tried
                    kept = json.loads(
                        await empty.run(f"read({'true' if indexed_db else 'false'})", f"reading {origin}")
                    )
                    state = OriginState(origin=origin, localStorage=kept["localStorage"])
                    if indexed_db:
                        state["indexedDB"] = kept["indexedDB"]
                    if kept["localStorage"] or kept["indexedDB"]:
                        found.append(state)
        return StorageState(cookies=cookies, origins=found)

    @returns_deferred
    async def replace(self, state: StorageState) -> None:
        """Replace everything stored by a state."""
        await self._cookies.clear(None, None, None)
        # Those of the state may have something from before that no page here has shown: a profile keeps it.
        gone = [*await self._origins(), *(each["origin"] for each in state["origins"])]
        await self.add(state, gone)

    @returns_deferred
    async def add(self, state: StorageState, gone: Iterable[str] = ()) -> None:
        """Add a state to what is stored.

        :param gone: origins that are to have nothing but what the state contains.
        """
        await self._cookies.put([param_of_kept(each) for each in state["cookies"]])
        given = {each["origin"]: each for each in state["origins"]}
        cleared = set(gone)
        places = [*cleared.difference(given), *given]
        if not places:
            return
        async with _EmptyPage(self._connection, self._context_id) as empty:
            for origin in places:
                obstacle = await empty.go(origin)
                if obstacle:
                    if origin in given:
                        raise NavigationError(origin, f"its storage cannot be set: {obstacle}")
                    continue
                if origin in cleared:
                    await empty.clear(origin)
                if origin in given:
                    text = json.dumps(given[origin])
                    self._known[origin] = None  # also if it cannot be written as a whole
                    await empty.run(f"write({json.dumps(text)})", f"writing {origin}")

    async def _origins(self) -> list[str]:
        """Return the origins that may have stored something: those visited, and those of current pages and frames."""
        infos = (await self._root.execute(target.get_targets())).target_infos
        here = self._context_id
        if here is None:
            others = (await self._root.execute(target.get_browser_contexts())).browser_context_ids
            urls = [each.url for each in infos if each.browser_context_id not in others]
        else:
            urls = [each.url for each in infos if each.browser_context_id == here]
        return list(dict.fromkeys([*self._known, *filter(None, map(origin_of, urls))]))


class _Empty(Holding):
    """Answers each request with an empty document."""

    def wants(self) -> Pausing | None:
        return Pausing((fetch.RequestPattern(url_pattern="*"),))

    def takes(self, paused: PausedRequest) -> bool:
        answer = fetch.fulfill_request(
            request_id=paused.event.request_id,
            response_code=200,
            response_headers=[fetch.HeaderEntry(name="Content-Type", value="text/html")],
            body=_EMPTY.encode(),
        )
        paused.answer(answer).addErrback(ignore_failure)
        return True


class _EmptyPage:
    """A hidden page that ends with its session; its document is empty at any origin.

    :param connection: the browser's connection.
    :param context_id: the context's id.
    """

    def __init__(self, connection: Connection, context_id: str | None) -> None:
        self._connection = connection
        self._context_id = context_id
        self._target_id = ""
        self._session: Session

    async def __aenter__(self) -> Self:
        root = self._connection.session
        command = target.create_target(url="about:blank", browser_context_id=self._context_id, hidden=True)
        self._target_id = (await unless_cancelled(root.execute(command), self._made_late)).target_id
        session: Session | None = None
        try:
            session = self._session = await self._connection.attach(self._target_id)
            commands = [network.enable(), network.set_bypass_service_worker(bypass=True)]
            pausing = interception_of(session).add(_Empty())
            await when_all([pausing, *(session.execute(each) for each in commands)])  # in one write
        except BaseException:
            self._close(session)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        closing = self._close(self._session)
        if kind is None or not issubclass(kind, CancelledError):
            await closing

    async def go(self, origin: str) -> str:
        """Go to an origin, and return the error, if any."""
        went = await self._session.execute(page.navigate(url=f"{origin}/"))
        if went.error_text:
            return went.error_text
        there = await self._evaluate("location.origin", f"going to {origin}")
        return "" if there == origin else f"the browser goes to {there}"

    async def clear(self, origin: str) -> None:
        """Delete the origin's storage, and close the databases that pages have open."""
        command = storage.clear_data_for_origin(origin=origin, storage_types="local_storage,indexeddb")
        await self._session.execute(command)

    async def run(self, call: str, what: str) -> Any:
        """Call a function of our script."""
        return await self._evaluate(f"{_SCRIPT}.{call}", what)

    async def _evaluate(self, expression: str, what: str) -> Any:
        command = runtime.evaluate(expression=expression, return_by_value=True, await_promise=True)
        got = await self._session.execute(command)
        details = got.exception_details
        if details is not None:
            said = details.exception.description if details.exception is not None else None
            words = (said or details.text).partition("\n")[0].removeprefix("Error: ")
            raise EvaluationError(f"{what}: {words}", details)
        return got.result.value

    def _made_late(self, made: target.CreateTargetResult) -> None:
        self._target_id = made.target_id
        self._close(None)

    def _close(self, session: Session | None) -> Deferred[None]:
        connection = self._connection
        closing = close_target(connection.session, lambda: self._target_id, session, connection.timeout)
        return closing.addErrback(ignore_failure)


def save(state: StorageState, path: str | os.PathLike[str]) -> None:
    """Write a state to a file that only its owner can read: it contains logins."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        if os.name == "posix":
            with suppress(PermissionError):  # it is somebody else's, who lets us write
                os.fchmod(file.fileno(), 0o600)
        json.dump(state, file, indent=2)
        file.write("\n")
