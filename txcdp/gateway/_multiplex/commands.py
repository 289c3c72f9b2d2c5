"""The commands that a virtual browser answers itself, or does in its own way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from txcdp.gateway._client_messages import Command, CommandRefusal
from txcdp.gateway._multiplex.messages import invalid, no_target, write_event
from txcdp.gateway._multiplex.parameters import flag, params_of, text
from txcdp.gateway._multiplex.sessions import ClientSession
from txcdp.gateway._multiplex.state import NORMAL_END
from txcdp.gateway._multiplex.target_filters import Discovery, attach_filter, matches, read_filter
from txcdp.gateway._multiplex.url_check import check_address
from txcdp.protocol._error_codes import INVALID_PARAMS, SERVER_ERROR

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.virtual_browser import VirtualBrowser

Verb = Callable[["VirtualBrowser", ClientSession, Command], None]


def _browser_only(session: ClientSession) -> None:
    if not session.is_browser:
        raise CommandRefusal(SERVER_ERROR, "Not allowed")


def _close(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    """``Browser.close``: the client's virtual browser is all of the browser that it can close."""
    virtual.answer(session, command, {})
    virtual.owner.end(NORMAL_END, "Browser.close")


def _window(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = params_of(command)
    target_id = text(params, "targetId")
    if target_id is not None and target_id not in virtual.targets:
        raise CommandRefusal(SERVER_ERROR, "No target with given id")
    about = session.target_id if target_id is None else target_id
    virtual.forward(session, command, params, partial(_window_found, virtual, session, command, about))


def _window_found(
    virtual: VirtualBrowser, session: ClientSession, command: Command, target_id: str, reply: dict[str, Any]
) -> None:
    window = reply.get("result", {}).get("windowId")
    if window is not None and target_id in virtual.targets:
        virtual.windows[target_id] = window
    virtual.pass_on(session, command, reply)


def _downloads(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = virtual.in_context(params_of(command), INVALID_PARAMS, "Failed to find browser context for id ")
    if params.get("behavior") == "default" and params["browserContextId"] == virtual.default:
        params.update(virtual.default_downloads())
    virtual.forward(session, command, params)


def _attach_to_browser(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    _browser_only(session)
    _may_attach(virtual)
    virtual.forward(session, command, {})


def _attach(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = params_of(command)
    target_id = virtual.target_of(params)
    nested = not flag(params, "flatten", False)
    _may_attach(virtual)
    virtual.forward(
        session, command, {**params, "flatten": True}, partial(_attached, virtual, session, command, target_id)
    )
    session.attaching.append((target_id, nested))


def _attached(
    virtual: VirtualBrowser, session: ClientSession, command: Command, target_id: str, reply: dict[str, Any]
) -> None:
    if "result" not in reply:
        session.attach_asked(target_id)
    virtual.pass_on(session, command, reply)


def _send_message(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = params_of(command)
    message, session_id, target_id = (text(params, name) for name in ("message", "sessionId", "targetId"))
    if message is None:
        raise invalid("message", "mandatory field missing")
    found = _below(session, session_id, target_id)
    if not found.nested:
        raise CommandRefusal(SERVER_ERROR, "This session is flat: send the message with its sessionId")
    virtual.answer(session, command, {})
    virtual.receive_nested(found, message)


def _below(session: ClientSession, session_id: str | None, target_id: str | None) -> ClientSession:
    """Return the session below another one that parameters name."""
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


def _may_attach(virtual: VirtualBrowser) -> None:
    if len(virtual.sessions) >= virtual.limits.sessions:
        raise CommandRefusal(SERVER_ERROR, f"{virtual.limits.sessions} sessions are all that a client may have")


def _detach(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = params_of(command)
    found = _below(session, text(params, "sessionId"), text(params, "targetId"))
    virtual.detach(session, found, command, partial(virtual.pass_on, session, command))


def _create_context(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    _browser_only(session)
    if len(virtual.contexts) + virtual.making >= virtual.limits.contexts:
        raise CommandRefusal(SERVER_ERROR, f"{virtual.limits.contexts} browser contexts are all that a client may have")
    params = {**params_of(command), "disposeOnDetach": True}
    virtual.forward(None, command, params, partial(_context_created, virtual, session, command))
    virtual.making += 1


def _context_created(virtual: VirtualBrowser, session: ClientSession, command: Command, reply: dict[str, Any]) -> None:
    virtual.making -= 1
    virtual.add_context(reply)
    virtual.pass_on(session, command, reply)


def _contexts(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    _browser_only(session)
    own = [each for each in virtual.contexts if each != virtual.default]
    virtual.answer(session, command, {"browserContextIds": own, "defaultBrowserContextId": virtual.default})


def _dispose_context(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    _browser_only(session)
    context = text(params_of(command), "browserContextId")
    if context is None:
        raise invalid("browserContextId", "mandatory field missing")
    if context == virtual.default:
        raise CommandRefusal(SERVER_ERROR, "Cannot dispose default browser context.")
    if context not in virtual.contexts:
        raise CommandRefusal(SERVER_ERROR, f"Failed to find context with id {context}")
    then = partial(_context_disposed, virtual, session, command, context)
    virtual.forward(None, command, {"browserContextId": context}, then)


def _context_disposed(
    virtual: VirtualBrowser, session: ClientSession, command: Command, context: str, reply: dict[str, Any]
) -> None:
    if "result" in reply:
        virtual.moved_out(context)
    virtual.pass_on(session, command, reply)


def _create(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = virtual.in_context(params_of(command), SERVER_ERROR, "Failed to find browser context with id ")
    check_address(params)
    if len(virtual.targets) + virtual.owner.being_made >= virtual.limits.targets:
        raise CommandRefusal(SERVER_ERROR, f"{virtual.limits.targets} targets are all that a client may have")
    virtual.forward(virtual.root_session, command, params, partial(_created, virtual, session, command, params))
    virtual.making += 1


def _created(
    virtual: VirtualBrowser, session: ClientSession, command: Command, params: dict[str, Any], reply: dict[str, Any]
) -> None:
    virtual.making -= 1
    no_window = params.get("newWindow") is False and "no browser is open" in reply.get("error", {}).get("message", "")
    if no_window and params["browserContextId"] == virtual.default and not virtual.closed:
        # In its default context a browser makes a window then; in one of those that were made it refuses to.
        asked = {name: value for name, value in params.items() if name != "newWindow"}
        virtual.forward(virtual.root_session, command, asked, partial(_created, virtual, session, command, asked))
        virtual.making += 1
        return
    virtual.pass_on(session, command, reply)


def _targets(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    filters = read_filter(params_of(command))

    def told(infos: list[dict[str, Any]]) -> None:
        found = [virtual.seen(each) for each in infos if matches(filters, str(each.get("type", "")))]
        virtual.answer(session, command, {"targetInfos": found})

    _ask_targets(virtual, session, command, told)


def _ask_targets(
    virtual: VirtualBrowser, session: ClientSession, command: Command, then: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Ask the browser for the client's targets as they are now: not each change of a title is an event."""

    def answered(reply: dict[str, Any]) -> None:
        if "result" not in reply:
            virtual.pass_on(session, command, reply)
            return
        then([each for each in reply["result"]["targetInfos"] if virtual.refreshed(each)])

    virtual.forward(virtual.root_session, command, {"filter": [{}]}, answered, "Target.getTargets")


def _target_info(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    named = text(params_of(command), "targetId")
    target_id = session.target_id if named is None else named
    if target_id in virtual.targets:
        params, place = {"targetId": target_id}, virtual.root_session
        virtual.forward(place, command, params, partial(_target_info_told, virtual, session, command))
    elif virtual.browser_session(target_id) is not None:
        virtual.answer(session, command, {"targetInfo": _browser_info(target_id)})
    elif named is None:
        virtual.forward(session, command, {})
    else:
        raise no_target()


def _target_info_told(virtual: VirtualBrowser, session: ClientSession, command: Command, reply: dict[str, Any]) -> None:
    info = reply.get("result", {}).get("targetInfo")
    if isinstance(info, dict) and virtual.refreshed(info):
        virtual.answer(session, command, {"targetInfo": virtual.seen(info)})
    else:
        virtual.pass_on(session, command, reply)


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


def _discover(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = params_of(command)
    if not flag(params, "discover"):
        if params.get("filter") and read_filter(params):
            raise CommandRefusal(INVALID_PARAMS, "Filter should not be present with `discover` is off")
        session.discovery = None
        virtual.discovering.pop(session.id, None)
        virtual.answer(session, command, {})
        return
    filters = read_filter(params)

    def told(infos: list[dict[str, Any]]) -> None:
        if session.discovery is None:
            session.discovery = Discovery(partial(_tell, session), filters)
            virtual.discovering[session.id] = session
        session.discovery.filter = filters
        for each in virtual.roots.values():
            session.discovery.target(_browser_info(each.target_id))
        for info in infos:
            session.discovery.target(virtual.seen(info))
        virtual.answer(session, command, {})

    _ask_targets(virtual, session, command, told)


def _tell(session: ClientSession, method: str, params: dict[str, Any]) -> None:
    session.deliver(write_event(method, params, session.name))


def _auto_attach(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    params = params_of(command)
    on, wait_for_debugger = flag(params, "autoAttach"), flag(params, "waitForDebuggerOnStart")
    flat = flag(params, "flatten", False)
    if not session.is_browser:
        session.nests, session.wait_for_debugger = on and not flat, on and wait_for_debugger
        virtual.forward(session, command, {**params, "flatten": True})
        return
    if not flat:
        raise CommandRefusal(INVALID_PARAMS, "Only flatten protocol is supported with browser level auto-attach")
    if on:
        session.auto_attach_filter, session.wait_for_debugger = attach_filter(params), wait_for_debugger
        _attach_to_all(virtual, session, command)
    else:
        session.auto_attach_filter, session.wait_for_debugger = None, False
        _detach_from_all(virtual, session, command)


def _detach_from_all(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    """Let go of what was attached to by itself, and answer then."""
    taken = list(session.taken.values())
    answered = _last_of(len(taken), virtual, session, command)
    for each in taken:
        virtual.detach(session, each, command, lambda _: answered())


def _last_of(count: int, virtual: VirtualBrowser, session: ClientSession, command: Command) -> Callable[[], None]:
    """Return what is to be called so many times, and then answers; for none it answers at once."""
    left = count

    def one() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            virtual.answer(session, command, {})

    if not count:
        virtual.answer(session, command, {})
    return one


def _attach_to_all(virtual: VirtualBrowser, session: ClientSession, command: Command) -> None:
    """Attach to what is there already, and answer then."""
    wanted = [
        target_id
        for target_id, info in virtual.targets.items()
        if target_id in virtual.tops
        and target_id not in session.asked
        and session.wants(str(info.get("type", "")), target_id)
    ]
    answered = _last_of(len(wanted), virtual, session, command)
    for target_id in wanted:
        virtual.attach(session, target_id, answered)


#: The verbs by method: all that the table of rules leaves to the virtual browser.
VERBS: dict[str, Verb] = {
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
