"""Events that block something in the browser until they are answered, and the command that releases it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple


class Release(NamedTuple):
    """A command that releases what an event has paused.

    :ivar session: the id of the session to send it in; None: the event's own.
    """

    method: str
    params: dict[str, Any]
    session: str | None = None


def _dialog(params: Mapping[str, Any]) -> Release:
    return Release("Page.handleJavaScriptDialog", {"accept": params.get("type") == "beforeunload"})


def _attached(params: Mapping[str, Any]) -> Release | None:
    session = params.get("sessionId")
    if params.get("waitingForDebugger") is not True or not isinstance(session, str):
        return None
    return Release("Runtime.runIfWaitingForDebugger", {}, session)


def _named(method: str, key: str, **more: Any) -> Callable[[Mapping[str, Any]], Release]:
    return lambda params: Release(method, {key: params.get(key), **more})


#: What has the same effect as if nobody had subscribed: the request continues, the dialog is dismissed, the script
#: resumes.
_ANSWERS: Final[dict[str, Callable[[Mapping[str, Any]], Release | None]]] = {
    "Debugger.paused": lambda _: Release("Debugger.resume", {}),
    "DeviceAccess.deviceRequestPrompted": _named("DeviceAccess.cancelPrompt", "id"),
    "FedCm.dialogShown": _named("FedCm.dismissDialog", "dialogId"),
    "Fetch.authRequired": _named("Fetch.continueWithAuth", "requestId", authChallengeResponse={"response": "Default"}),
    "Fetch.requestPaused": _named("Fetch.continueRequest", "requestId"),
    "Page.javascriptDialogOpening": _dialog,
    "Security.certificateError": _named("Security.handleCertificateError", "eventId", action="cancel"),
    "Target.attachedToTarget": _attached,
}

#: The events that hold something.
HOLDING: Final = frozenset(_ANSWERS)


def answer(method: str, params: Mapping[str, Any]) -> Release | None:
    """Return the command that releases what an event holds; None if it holds nothing."""
    make = _ANSWERS.get(method)
    return None if make is None else make(params)
