"""The HTTP endpoints at ``http://host:port/json``: the browser's version, its targets, its protocol.

Every function makes one HTTP request over a connection of its own, and fires with a typed value or fails with a typed
error within a timeout. The endpoints are those of Chromium's ``DevToolsHttpHandler`` and of Node's inspector.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError as TwistedConnectError
from twisted.internet.error import ConnectingCancelledError, DNSLookupError
from twisted.internet.error import TimeoutError as TwistedTimeoutError
from twisted.python.failure import Failure

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp._limits import about_open_files
from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp._timeouts import Timeout, seconds_of
from txcdp._transports.websocket_protocol import WebSocketOptions
from txcdp.chrome._addresses import Address
from txcdp.chrome._descriptions import TargetDescription, VersionInfo, build
from txcdp.chrome._fetching import fetch
from txcdp.errors import ConnectError, ConnectTimeout, HandshakeFailed, TxcdpError

__all__ = [
    "TargetDescription",
    "VersionInfo",
    "activate",
    "close",
    "list_targets",
    "new_target",
    "protocol",
    "resolve",
    "version",
]

#: Seconds.
_USUAL: Final = 10.0

#: What is meant by whoever stands before browsers, such as a gateway, by the status of its answer.
_REFUSALS: Final = {
    401: "it requires authentication",
    403: "it forbids access from here, or to this",
    429: "it has too many requests",
    503: "it has no browser available",
}

S = TypeVar("S", bound=msgspec.Struct)


@returns_deferred
async def version(
    reactor: AnyReactor, url: str, *, timeout: Timeout = _USUAL, options: WebSocketOptions | None = None
) -> VersionInfo:
    """Return the browser's version (``GET /json/version``).

    :param reactor: the reactor.
    :param url: ``http://host:port``, ``host:port`` or a local port.
    :param timeout: seconds for the whole request, or a timedelta; None or 0 means no timeout.
    :param options: options of the connection, as for ``txcdp.connect``: ``headers``, ``tls``, ``proxy`` and
        ``endpoint`` are used.
    :return: fires with a :class:`VersionInfo`.
    :raises InvalidURL: ``url`` is invalid.
    :raises ConnectError: nothing listens there.
    :raises HandshakeFailed: what listens there is not a browser, or refuses the request.
    :raises ConnectTimeout: nothing answered in time.
    """
    address = Address.parse(url)
    return _record(VersionInfo, await _get_json(reactor, address, "version", timeout, options), address)


@returns_deferred
async def list_targets(
    reactor: AnyReactor, url: str, *, timeout: Timeout = _USUAL, options: WebSocketOptions | None = None
) -> list[TargetDescription]:
    """List the targets that can be debugged: pages, workers and so on (``GET /json/list``).

    :return: fires with a list of :class:`TargetDescription`. The arguments and errors are those of :func:`version`.
    """
    address = Address.parse(url)
    answer = await _get_json(reactor, address, "list", timeout, options)
    if not isinstance(answer, list):
        raise _not_a_browser(address, "the list of targets is not a list")
    return [_record(TargetDescription, item, address) for item in answer]


@returns_deferred
async def new_target(
    reactor: AnyReactor,
    url: str,
    page: str = "about:blank",
    *,
    timeout: Timeout = _USUAL,
    options: WebSocketOptions | None = None,
) -> TargetDescription:
    """Open a new page (``PUT /json/new``).

    :param page: the URL to load.
    :return: fires with its :class:`TargetDescription`. The other arguments and the errors are
        those of :func:`version`.
    """
    address = Address.parse(url)
    path = f"new?{quote(page, safe='')}"
    answer = await _get_json(reactor, address, path, timeout, options, method="PUT")
    return _record(TargetDescription, answer, address)


@returns_deferred
async def activate(
    reactor: AnyReactor, url: str, target_id: str, *, timeout: Timeout = _USUAL, options: WebSocketOptions | None = None
) -> None:
    """Bring a page to the front (``PUT /json/activate``).

    :param target_id: an id from :func:`list_targets`.
    :return: fires with ``None``. The other arguments and the errors are those of
        :func:`version`; an unknown target is a :exc:`TxcdpError`.
    """
    await _request(reactor, Address.parse(url), f"activate/{quote(target_id, safe='')}", timeout, options, "PUT")


@returns_deferred
async def close(
    reactor: AnyReactor, url: str, target_id: str, *, timeout: Timeout = _USUAL, options: WebSocketOptions | None = None
) -> None:
    """Close a page (``PUT /json/close``).

    :param target_id: an id from :func:`list_targets`.
    :return: fires with ``None`` once the browser has begun to close it. The other arguments and the errors are those of
        :func:`version`; an unknown target is a :exc:`TxcdpError`.
    """
    await _request(reactor, Address.parse(url), f"close/{quote(target_id, safe='')}", timeout, options, "PUT")


@returns_deferred
async def protocol(
    reactor: AnyReactor, url: str, *, timeout: Timeout = _USUAL, options: WebSocketOptions | None = None
) -> dict[str, Any]:
    """Return the description of the protocol of this particular browser (``GET /json/protocol``).

    :return: fires with the decoded JSON: a dict with ``version`` and ``domains``. The arguments and errors are those of
        :func:`version`.
    """
    address = Address.parse(url)
    answer = await _get_json(reactor, address, "protocol", timeout, options)
    if not isinstance(answer, dict):
        raise _not_a_browser(address, "the protocol is not an object")
    return answer


@returns_deferred
async def resolve(
    reactor: AnyReactor, url: str, *, timeout: Timeout = _USUAL, options: WebSocketOptions | None = None
) -> str:
    """Return the URL of a browser's WebSocket for an address given by a user.

    ``ws://`` and ``wss://`` URLs are returned as they are. For ``http://host:port``, ``https://...``, ``host:port`` and
    a bare port, the browser is asked for the address of its WebSocket; Node's inspector, which has none of its own, is
    asked for that of its first target. The host and port stay those that the user gave: those that the browser reports
    may be the far end of a forwarded port or of a proxy.

    :return: fires with the URL. The other arguments and the errors are those of :func:`version`.
    """
    address = Address.parse(url)
    if address.is_websocket:
        return url.strip()
    answer = await _get_json(reactor, address, "version", timeout, options)
    found = _record(VersionInfo, answer, address).web_socket_debugger_url
    if found is None:
        for target in await list_targets(reactor, url, timeout=timeout, options=options):
            if target.web_socket_debugger_url:
                found = target.web_socket_debugger_url
                break
        else:
            raise _not_a_browser(address, "it returned no webSocketDebuggerUrl")
    return address.websocket(found)


async def _get_json(
    reactor: AnyReactor,
    address: Address,
    path: str,
    timeout: Timeout,
    options: WebSocketOptions | None,
    method: str = "GET",
) -> Any:
    body = await _request(reactor, address, path, timeout, options, method)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_a_browser(address, f"its response is not JSON: {error}") from error


async def _request(
    reactor: AnyReactor,
    address: Address,
    path: str,
    timeout: Timeout,
    options: WebSocketOptions | None,
    method: str = "GET",
) -> bytes:
    """Make one request; return the body of a 200 response, or raise the error that the response stands for."""
    address.require_http()
    seconds = seconds_of(timeout, _USUAL)
    try:
        code, body = await with_deadline(
            reactor,
            Deferred.fromCoroutine(fetch(reactor, method, address, path, seconds, options or WebSocketOptions())),
            seconds,
            lambda: ConnectTimeout(f"{address.netloc} did not answer within {seconds:g} s"),
        )
    except TxcdpError:
        raise
    except DNSLookupError as error:
        raise ConnectError(f"unknown host {address.netloc}: {error}") from error
    except TwistedTimeoutError as error:
        raise ConnectTimeout(f"{address.netloc} did not answer in time") from error
    except (TwistedConnectError, OSError) as error:
        if options is not None and options.endpoint is not None:
            raise ConnectError(f"no connection through {options.endpoint}: {error}{about_open_files(error)}") from error
        if too_many := about_open_files(error):
            raise ConnectError(f"no connection to {address.netloc}: {error}{too_many}") from error
        raise ConnectError(
            f"nothing can be reached at {address.netloc} ({error}); start a browser there with "
            f"--remote-debugging-port={address.port}, or Node with --inspect={address.port}"
        ) from error
    except Exception as error:
        if _is_cancelled(error):
            raise CancelledError from None
        raise _not_a_browser(address, _words(error)) from error
    text = printable(body[:300].decode("utf-8", "replace").strip())
    if code == 200:
        return body
    raise _refused(address, path, code, text)


def _refused(address: Address, path: str, code: int, text: str) -> TxcdpError:
    """Return the error for a response with another status than 200."""
    if code == 404 and "target id" in text:
        return TxcdpError(f"{address.netloc}: {text}")
    if code == 500 and "Host header" in text:
        return HandshakeFailed(
            f"the browser at {address.netloc} refuses the name {address.host!r} (against DNS rebinding): "
            "use its IP address, or localhost"
        )
    if code in _REFUSALS:
        return HandshakeFailed(f"{address.netloc} answered {code}, {_REFUSALS[code]}: {text or 'it says no more'}")
    return _not_a_browser(address, f"it answered {code} to /json/{path.partition('?')[0]}: {text[:100]!r}")


def _is_cancelled(error: Exception) -> bool:
    """Whether this is the failure of a request that its caller has cancelled, at whatever stage."""
    kinds = (CancelledError, ConnectingCancelledError)
    return isinstance(error, kinds) or any(each.check(*kinds) for each in getattr(error, "reasons", ()))


def _record(kind: type[S], answer: Any, address: Address) -> S:
    if not isinstance(answer, dict):
        raise _not_a_browser(address, "its response is not a JSON object")
    return build(kind, answer)


def _not_a_browser(address: Address, why: str) -> HandshakeFailed:
    return HandshakeFailed(f"something other than a browser is listening at {address.netloc}: {why}")


def _words(error: BaseException) -> str:
    return "; ".join(dict.fromkeys(_leaves(error))) or type(error).__name__


def _leaves(error: BaseException) -> Iterator[str]:
    """Unwrap Twisted's ResponseFailed and the like, which contain lists of Failures."""
    reasons = getattr(error, "reasons", None)
    if isinstance(reasons, list):
        for reason in reasons:
            inner = reason.value if isinstance(reason, Failure) else reason
            if isinstance(inner, BaseException):
                yield from _leaves(inner)
    else:
        yield f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
