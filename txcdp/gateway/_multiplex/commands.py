"""The commands that a world answers itself, or does in its own way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from txcdp.gateway._client_messages import INVALID_PARAMS, SERVER_ERROR, Command, Refusal
from txcdp.gateway._multiplex.addresses import check_address
from txcdp.gateway._multiplex.messages import invalid, no_target, write_event
from txcdp.gateway._multiplex.parameters import flag, params_of, text
from txcdp.gateway._multiplex.sessions import Session
from txcdp.gateway._multiplex.state import NORMAL_END
from txcdp.gateway._multiplex.targets import Discovery, attach_filter, matches, read_filter

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.virtual_browser import World

Verb = Callable[["World", Session, Command], None]


def _browser_only(session: Session) -> None:
    if not session.is_browser:
        raise Refusal(SERVER_ERROR, "Not allowed")


def _close(world: World, session: Session, command: Command) -> None:
    """``Browser.close``: the client's world is all of the browser that it can close."""
    world.answer(session, command, {})
    world.host.end(NORMAL_END, "Browser.close")


def _window(world: World, session: Session, command: Command) -> None:
    params = params_of(command)
    target_id = text(params, "targetId")
    if target_id is not None and target_id not in world.targets:
        raise Refusal(SERVER_ERROR, "No target with given id")
    about = session.target_id if target_id is None else target_id
    world.forward(session, command, params, partial(_window_found, world, session, command, about))


def _window_found(world: World, session: Session, command: Command, target_id: str, reply: dict[str, Any]) -> None:
    window = reply.get("result", {}).get("windowId")
    if window is not None and target_id in world.targets:
        world.windows[target_id] = window
    world.pass_on(session, command, reply)


def _downloads(world: World, session: Session, command: Command) -> None:
    params = world.in_context(params_of(command), INVALID_PARAMS, "Failed to find browser context for id ")
    if params.get("behavior") == "default" and params["browserContextId"] == world.default:
        params.update(world.default_downloads())
    world.forward(session, command, params)


def _attach_to_browser(world: World, session: Session, command: Command) -> None:
    _browser_only(session)
    _may_attach(world)
    world.forward(session, command, {})


def _attach(world: World, session: Session, command: Command) -> None:
    params = params_of(command)
    target_id = world.target_of(params)
    nested = not flag(params, "flatten", False)
    _may_attach(world)
    world.forward(session, command, {**params, "flatten": True}, partial(_attached, world, session, command, target_id))
    session.attaching.append((target_id, nested))


def _attached(world: World, session: Session, command: Command, target_id: str, reply: dict[str, Any]) -> None:
    if "result" not in reply:
        session.attach_asked(target_id)
    world.pass_on(session, command, reply)


def _send_message(world: World, session: Session, command: Command) -> None:
    params = params_of(command)
    message, session_id, target_id = (text(params, name) for name in ("message", "sessionId", "targetId"))
    if message is None:
        raise invalid("message", "mandatory field missing")
    found = _below(session, session_id, target_id)
    if not found.nested:
        raise Refusal(SERVER_ERROR, "This session is flat: send the message with its sessionId")
    world.answer(session, command, {})
    world.receive_nested(found, message)


def _below(session: Session, session_id: str | None, target_id: str | None) -> Session:
    """Return the session below another one that parameters name."""
    if session_id is not None:
        found = session.below.get(session_id)
        missing = "No session with given id"
    elif target_id is not None:
        found = next((each for each in session.below.values() if each.target_id == target_id), None)
        missing = "No session for given target id"
    else:
        raise Refusal(INVALID_PARAMS, "Session id must be specified")
    if found is None:
        raise Refusal(INVALID_PARAMS, missing)
    return found


def _may_attach(world: World) -> None:
    if len(world.sessions) >= world.limits.sessions:
        raise Refusal(SERVER_ERROR, f"{world.limits.sessions} sessions are all that a client may have")


def _detach(world: World, session: Session, command: Command) -> None:
    params = params_of(command)
    found = _below(session, text(params, "sessionId"), text(params, "targetId"))
    world.detach(session, found, command, partial(world.pass_on, session, command))


def _create_context(world: World, session: Session, command: Command) -> None:
    _browser_only(session)
    if len(world.contexts) + world.making >= world.limits.contexts:
        raise Refusal(SERVER_ERROR, f"{world.limits.contexts} browser contexts are all that a client may have")
    params = {**params_of(command), "disposeOnDetach": True}
    world.forward(None, command, params, partial(_context_created, world, session, command))
    world.making += 1


def _context_created(world: World, session: Session, command: Command, reply: dict[str, Any]) -> None:
    world.making -= 1
    world.moved_in(reply)
    world.pass_on(session, command, reply)


def _contexts(world: World, session: Session, command: Command) -> None:
    _browser_only(session)
    own = [each for each in world.contexts if each != world.default]
    world.answer(session, command, {"browserContextIds": own, "defaultBrowserContextId": world.default})


def _dispose_context(world: World, session: Session, command: Command) -> None:
    _browser_only(session)
    context = text(params_of(command), "browserContextId")
    if context is None:
        raise invalid("browserContextId", "mandatory field missing")
    if context == world.default:
        raise Refusal(SERVER_ERROR, "Cannot dispose default browser context.")
    if context not in world.contexts:
        raise Refusal(SERVER_ERROR, f"Failed to find context with id {context}")
    then = partial(_context_disposed, world, session, command, context)
    world.forward(None, command, {"browserContextId": context}, then)


def _context_disposed(world: World, session: Session, command: Command, context: str, reply: dict[str, Any]) -> None:
    if "result" in reply:
        world.moved_out(context)
    world.pass_on(session, command, reply)


def _create(world: World, session: Session, command: Command) -> None:
    params = world.in_context(params_of(command), SERVER_ERROR, "Failed to find browser context with id ")
    check_address(params)
    if len(world.targets) + world.host.being_made >= world.limits.targets:
        raise Refusal(SERVER_ERROR, f"{world.limits.targets} targets are all that a client may have")
    world.forward(world.seat, command, params, partial(_created, world, session, command, params))
    world.making += 1


def _created(world: World, session: Session, command: Command, params: dict[str, Any], reply: dict[str, Any]) -> None:
    world.making -= 1
    no_window = params.get("newWindow") is False and "no browser is open" in reply.get("error", {}).get("message", "")
    if no_window and params["browserContextId"] == world.default and not world.closed:
        # In its default context a browser makes a window then; in one of those that were made it refuses to.
        asked = {name: value for name, value in params.items() if name != "newWindow"}
        world.forward(world.seat, command, asked, partial(_created, world, session, command, asked))
        world.making += 1
        return
    world.pass_on(session, command, reply)


def _targets(world: World, session: Session, command: Command) -> None:
    filters = read_filter(params_of(command))

    def told(infos: list[dict[str, Any]]) -> None:
        found = [world.seen(each) for each in infos if matches(filters, str(each.get("type", "")))]
        world.answer(session, command, {"targetInfos": found})

    _ask_targets(world, session, command, told)


def _ask_targets(
    world: World, session: Session, command: Command, then: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Ask the browser for the client's targets as they are now: not each change of a title is an event."""

    def answered(reply: dict[str, Any]) -> None:
        if "result" not in reply:
            world.pass_on(session, command, reply)
            return
        then([each for each in reply["result"]["targetInfos"] if world.refreshed(each)])

    world.forward(world.seat, command, {"filter": [{}]}, answered, "Target.getTargets")


def _target_info(world: World, session: Session, command: Command) -> None:
    named = text(params_of(command), "targetId")
    target_id = session.target_id if named is None else named
    if target_id in world.targets:
        params, place = {"targetId": target_id}, world.seat
        world.forward(place, command, params, partial(_target_info_told, world, session, command))
    elif world.browser_session(target_id) is not None:
        world.answer(session, command, {"targetInfo": _browser_info(target_id)})
    elif named is None:
        world.forward(session, command, {})
    else:
        raise no_target()


def _target_info_told(world: World, session: Session, command: Command, reply: dict[str, Any]) -> None:
    info = reply.get("result", {}).get("targetInfo")
    if isinstance(info, dict) and world.refreshed(info):
        world.answer(session, command, {"targetInfo": world.seen(info)})
    else:
        world.pass_on(session, command, reply)


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


def _discover(world: World, session: Session, command: Command) -> None:
    params = params_of(command)
    if not flag(params, "discover"):
        if params.get("filter") and read_filter(params):
            raise Refusal(INVALID_PARAMS, "Filter should not be present with `discover` is off")
        session.discovery = None
        world.discovering.pop(session.id, None)
        world.answer(session, command, {})
        return
    filters = read_filter(params)

    def told(infos: list[dict[str, Any]]) -> None:
        if session.discovery is None:
            session.discovery = Discovery(partial(_tell, session), filters)
            world.discovering[session.id] = session
        session.discovery.filter = filters
        for each in world.roots.values():
            session.discovery.target(_browser_info(each.target_id))
        for info in infos:
            session.discovery.target(world.seen(info))
        world.answer(session, command, {})

    _ask_targets(world, session, command, told)


def _tell(session: Session, method: str, params: dict[str, Any]) -> None:
    session.deliver(write_event(method, params, session.name))


def _auto_attach(world: World, session: Session, command: Command) -> None:
    params = params_of(command)
    on, waits = flag(params, "autoAttach"), flag(params, "waitForDebuggerOnStart")
    flat = flag(params, "flatten", False)
    if not session.is_browser:
        session.nests, session.waits = on and not flat, on and waits
        world.forward(session, command, {**params, "flatten": True})
        return
    if not flat:
        raise Refusal(INVALID_PARAMS, "Only flatten protocol is supported with browser level auto-attach")
    if on:
        session.takes, session.waits = attach_filter(params), waits
        _attach_to_all(world, session, command)
    else:
        session.takes, session.waits = None, False
        _detach_from_all(world, session, command)


def _detach_from_all(world: World, session: Session, command: Command) -> None:
    """Let go of what was attached to by itself, and answer then."""
    taken = list(session.taken.values())
    answered = _last_of(len(taken), world, session, command)
    for each in taken:
        world.detach(session, each, command, lambda _: answered())


def _last_of(count: int, world: World, session: Session, command: Command) -> Callable[[], None]:
    """Return what is to be called so many times, and then answers; for none it answers at once."""
    left = count

    def one() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            world.answer(session, command, {})

    if not count:
        world.answer(session, command, {})
    return one


def _attach_to_all(world: World, session: Session, command: Command) -> None:
    """Attach to what is there already, and answer then."""
    wanted = [
        target_id
        for target_id, info in world.targets.items()
        if target_id in world.tops
        and target_id not in session.asked
        and session.wants(str(info.get("type", "")), target_id)
    ]
    answered = _last_of(len(wanted), world, session, command)
    for target_id in wanted:
        world.attach(session, target_id, answered)


#: The verbs by method: all that the table of rules leaves to the world.
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
