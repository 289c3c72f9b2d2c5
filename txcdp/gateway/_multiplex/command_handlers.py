"""The commands that a virtual browser answers itself, or executes in its own way.

The ids of other clients are not in a client's tables. So they are answered exactly like ids that do not exist, because
in its virtual browser they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp.gateway._client_messages import Command, CommandRefusal
from txcdp.gateway._multiplex.client_state import ClientSession, ClientState, SessionOwner
from txcdp.gateway._multiplex.command_parameters import flag, needed_text, params_of, text
from txcdp.gateway._multiplex.message_writing import invalid, no_target
from txcdp.gateway._multiplex.outcomes import (
    AnswerWith,
    CarryOutNested,
    CloseClient,
    Forward,
    ForwardAll,
    Outcome,
    attach_to,
    detach_from,
    in_its_words,
)
from txcdp.gateway._multiplex.rules import RuleKind, rule_of
from txcdp.gateway._multiplex.target_filters import Discovery, attach_filter, matches, read_filter
from txcdp.gateway._multiplex.url_check import check_address
from txcdp.gateway._saving import with_folder
from txcdp.protocol._error_codes import INVALID_PARAMS, METHOD_NOT_FOUND, PARSE_ERROR, SERVER_ERROR

Handler = Callable[[ClientSession, Command], Outcome]

Reply = dict[str, Any]


def outcome_of(session: ClientSession, command: Command) -> Outcome:
    """Return the outcome of a command, by the table of rules.

    :raises CommandRefusal: it is refused.
    """
    rule = rule_of(command.method)
    kind = rule.browser if session.is_browser else rule.page
    if kind is RuleKind.PASS:
        return Forward(session, command.params)
    if kind is RuleKind.REFUSED:
        raise CommandRefusal(SERVER_ERROR, f"{command.method} is refused in a shared browser: {rule.why}")
    if kind is RuleKind.UNKNOWN:
        raise CommandRefusal(METHOD_NOT_FOUND, f"'{command.method}' wasn't found")
    if command.doubled:
        raise CommandRefusal(PARSE_ERROR, "CBOR: duplicate map key")
    if kind is RuleKind.OWN:
        return HANDLERS[command.method](session, command)
    return _checked(kind, session, params_of(command))


def _checked(kind: RuleKind, session: ClientSession, params: dict[str, Any]) -> Forward:
    """Return a command after checking that it names only what belongs to the client.

    :raises CommandRefusal: it names something else.
    """
    client = session.connection.client
    if kind is RuleKind.CONTEXT:
        params = _in_context(client, params, INVALID_PARAMS, "Failed to find browser context for id ")
    elif kind is RuleKind.TARGET:
        _target_of(client, params)
    elif kind is RuleKind.WINDOW:
        if params.get("windowId", 0) not in client.windows.values() and "windowId" in params:
            raise CommandRefusal(SERVER_ERROR, "Browser window not found")
    elif kind is RuleKind.ADDRESS:
        check_address(params)
    elif kind is RuleKind.DEFAULT_CONTEXT:
        if "browserContextId" in params:
            raise CommandRefusal(INVALID_PARAMS, "browserContextId is only allowed for Browser target")
        params = {**params, "browserContextId": client.default}
        return Forward(session.connection.root_session, params, in_its_words)
    return Forward(session, params)


def _in_context(client: ClientState, params: dict[str, Any], code: int, unknown: str) -> dict[str, Any]:
    """Return parameters that name one of the client's contexts: its default one if they name none.

    :param code: the error code for any other context.
    :param unknown: the text of that error, without the id.
    """
    context = params.get("browserContextId", client.default)
    if not isinstance(context, str):
        raise invalid("browserContextId", "string value expected")
    if context not in client.contexts:
        raise CommandRefusal(code, unknown + context)
    return {**params, "browserContextId": context}


def _target_of(client: ClientState, params: dict[str, Any]) -> str:
    """Return the target that parameters name.

    :raises CommandRefusal: it is not one of the client's.
    """
    target_id = needed_text(params, "targetId")
    if target_id not in client.targets and client.browser_session(target_id) is None:
        raise no_target()
    return target_id


def _browser_only(session: ClientSession) -> ClientState:
    if not session.is_browser:
        raise CommandRefusal(SERVER_ERROR, "Not allowed")
    return session.connection.client


def _close(session: ClientSession, command: Command) -> Outcome:
    """Handle ``Browser.close``: the client can close only its virtual browser."""
    return CloseClient()


def _window(session: ClientSession, command: Command) -> Outcome:
    client, params = session.connection.client, params_of(command)
    target_id = text(params, "targetId")
    if target_id is not None and target_id not in client.targets:
        raise CommandRefusal(SERVER_ERROR, "No target with given id")
    about = session.target_id if target_id is None else target_id

    def found(reply: Reply) -> None:
        window = reply.get("result", {}).get("windowId")
        if window is not None and about in client.targets:
            client.windows[about] = window

    return Forward(session, params, found)


def _downloads(session: ClientSession, command: Command) -> Outcome:
    client = session.connection.client
    params = _in_context(client, params_of(command), INVALID_PARAMS, "Failed to find browser context for id ")
    return Forward(session, with_folder(params, client.downloads, client.default) if client.downloads else params)


def _attach_to_browser(session: ClientSession, command: Command) -> Outcome:
    _browser_only(session)
    _may_attach(session.connection)
    return Forward(session, {})


def _attach(session: ClientSession, command: Command) -> Outcome:
    params = params_of(command)
    target_id = _target_of(session.connection.client, params)
    nested = not flag(params, "flatten", False)
    _may_attach(session.connection)
    session.attaching.append((target_id, nested))

    def answered(reply: Reply) -> None:
        if "result" not in reply:
            session.attach_asked(target_id)

    return Forward(session, {**params, "flatten": True}, answered)


def _send_message(session: ClientSession, command: Command) -> Outcome:
    params = params_of(command)
    session_id, target_id = text(params, "sessionId"), text(params, "targetId")
    message = needed_text(params, "message")
    found = _below(session, session_id, target_id)
    if not found.nested:
        raise CommandRefusal(SERVER_ERROR, "This session is flat: send the message with its sessionId")
    return CarryOutNested(found, message)


def _below(session: ClientSession, session_id: str | None, target_id: str | None) -> ClientSession:
    """Return the child session that parameters name."""
    if session_id is not None:
        found = session.children.get(session_id)
        missing = "No session with given id"
    elif target_id is not None:
        found = next((each for each in session.children.values() if each.target_id == target_id), None)
        missing = "No session for given target id"
    else:
        raise CommandRefusal(INVALID_PARAMS, "Session id must be specified")
    if found is None:
        raise CommandRefusal(INVALID_PARAMS, missing)
    return found


def _may_attach(connection: SessionOwner) -> None:
    _within(connection.limits.sessions, len(connection.sessions), "sessions")


def _within(most: int, there: int, what: str) -> None:
    if there >= most:
        raise CommandRefusal(SERVER_ERROR, f"a client may have at most {most} {what}")


def _detach(session: ClientSession, command: Command) -> Outcome:
    params = params_of(command)
    return detach_from(session, _below(session, text(params, "sessionId"), text(params, "targetId")))


def _create_context(session: ClientSession, command: Command) -> Outcome:
    client = _browser_only(session)
    _within(session.connection.limits.contexts, len(client.contexts) + client.making, "browser contexts")
    client.making += 1

    def created(reply: Reply) -> None:
        client.making -= 1
        session.connection.add_context(reply)

    return Forward(None, {**params_of(command), "disposeOnDetach": True}, created)


def _contexts(session: ClientSession, command: Command) -> Outcome:
    client = _browser_only(session)
    own = [each for each in client.contexts if each != client.default]
    return AnswerWith({"browserContextIds": own, "defaultBrowserContextId": client.default})


def _dispose_context(session: ClientSession, command: Command) -> Outcome:
    client = _browser_only(session)
    context = needed_text(params_of(command), "browserContextId")
    if context == client.default:
        raise CommandRefusal(SERVER_ERROR, "Cannot dispose default browser context.")
    if context not in client.contexts:
        raise CommandRefusal(SERVER_ERROR, f"Failed to find context with id {context}")

    def disposed(reply: Reply) -> None:
        if "result" in reply:
            session.connection.remove_context(context)

    return Forward(None, {"browserContextId": context}, disposed)


def _create(session: ClientSession, command: Command) -> Outcome:
    client = session.connection.client
    params = _in_context(client, params_of(command), SERVER_ERROR, "Failed to find browser context with id ")
    check_address(params)
    _within(session.connection.limits.targets, len(client.targets) + client.making, "targets")
    return _creating(session.connection, params)


def _creating(connection: SessionOwner, params: dict[str, Any]) -> Forward:
    client = connection.client
    client.making += 1

    def created(reply: Reply) -> Outcome | None:
        client.making -= 1
        if (
            params.get("newWindow") is False
            and params["browserContextId"] == client.default
            and "no browser is open" in reply.get("error", {}).get("message", "")
        ):
            # In its default context a browser makes a window then; in one of those that were made it refuses to.
            return _creating(connection, {name: value for name, value in params.items() if name != "newWindow"})
        return None

    return Forward(connection.root_session, params, created)


def _targets(session: ClientSession, command: Command) -> Outcome:
    filters = read_filter(params_of(command))
    client = session.connection.client

    def told(infos: list[dict[str, Any]]) -> Outcome:
        found = [client.seen(each) for each in infos if matches(filters, str(each.get("type", "")))]
        return AnswerWith({"targetInfos": found})

    return _ask_targets(session.connection, told)


def _ask_targets(connection: SessionOwner, then: Callable[[list[dict[str, Any]]], Outcome]) -> Outcome:
    """Ask the browser for the client's targets as they are now: not every change of a title is reported by an event."""

    def answered(reply: Reply) -> Outcome | None:
        if "result" not in reply:
            return None
        return then([each for each in reply["result"]["targetInfos"] if connection.client.refreshed(each)])

    return Forward(connection.root_session, {"filter": [{}]}, answered, "Target.getTargets")


def _target_info(session: ClientSession, command: Command) -> Outcome:
    connection = session.connection
    client = connection.client
    named = text(params_of(command), "targetId")
    target_id = session.target_id if named is None else named

    def told(reply: Reply) -> Outcome | None:
        info = reply.get("result", {}).get("targetInfo")
        if isinstance(info, dict) and client.refreshed(info):
            return AnswerWith({"targetInfo": client.seen(info)})
        return None

    if target_id in client.targets:
        return Forward(connection.root_session, {"targetId": target_id}, told)
    if client.browser_session(target_id) is not None:
        return AnswerWith({"targetInfo": _browser_info(target_id)})
    if named is None:
        return Forward(session, {})
    raise no_target()


def _browser_info(target_id: str) -> dict[str, Any]:
    """Describe the target that stands for the browser, as Chromium does."""
    return {
        "targetId": target_id,
        "type": "browser",
        "title": "",
        "url": "",
        "attached": True,
        "canAccessOpener": False,
    }


def _discover(session: ClientSession, command: Command) -> Outcome:
    client, params = session.connection.client, params_of(command)
    if not flag(params, "discover"):
        if params.get("filter") and read_filter(params):
            raise CommandRefusal(INVALID_PARAMS, "Filter should not be present with `discover` is off")
        client.discoveries.pop(session, None)
        return AnswerWith({})
    filters = read_filter(params)

    def told(infos: list[dict[str, Any]]) -> Outcome:
        discovery = client.discoveries.get(session) or Discovery(session.tell, filters)
        discovery.filter = filters
        if not session.gone:
            client.discoveries[session] = discovery
        for each in client.roots.values():
            discovery.target(_browser_info(each.target_id))
        for info in infos:
            discovery.target(client.seen(info))
        return AnswerWith({})

    return _ask_targets(session.connection, told)


def _auto_attach(session: ClientSession, command: Command) -> Outcome:
    params = params_of(command)
    on, wait_for_debugger = flag(params, "autoAttach"), flag(params, "waitForDebuggerOnStart")
    flat = flag(params, "flatten", False)
    if not session.is_browser:
        session.nests, session.wait_for_debugger = on and not flat, on and wait_for_debugger
        return Forward(session, {**params, "flatten": True})
    if not flat:
        raise CommandRefusal(INVALID_PARAMS, "Only flatten protocol is supported with browser level auto-attach")
    session.auto_attach_filter = attach_filter(params) if on else None
    session.wait_for_debugger = on and wait_for_debugger
    if not on:
        return ForwardAll([detach_from(session, each) for each in list(session.taken.values())])
    client = session.connection.client
    wanted = [
        target_id
        for target_id, info in client.targets.items()
        if target_id in client.tops
        and target_id not in session.asked
        and session.wants(str(info.get("type", "")), target_id)
    ]
    return ForwardAll([attach_to(session, target_id) for target_id in wanted])


#: The handlers by method: everything that the table of rules leaves to the virtual browser.
HANDLERS: dict[str, Handler] = {
    "Browser.close": _close,
    "Browser.getWindowForTarget": _window,
    "Browser.setDownloadBehavior": _downloads,
    "Target.attachToBrowserTarget": _attach_to_browser,
    "Target.attachToTarget": _attach,
    "Target.createBrowserContext": _create_context,
    "Target.createTarget": _create,
    "Target.detachFromTarget": _detach,
    "Target.disposeBrowserContext": _dispose_context,
    "Target.getBrowserContexts": _contexts,
    "Target.getTargetInfo": _target_info,
    "Target.getTargets": _targets,
    "Target.sendMessageToTarget": _send_message,
    "Target.setAutoAttach": _auto_attach,
    "Target.setDiscoverTargets": _discover,
}
