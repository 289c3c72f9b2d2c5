"""What stands of a session's commands."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from twisted.python.modules import getModule

from txcdp import domains
from txcdp._core.sessions.journal import Journal
from txcdp.domains import browser, emulation, network, page, runtime, storage
from txcdp.protocol import Command
from txcdp.protocol._stateful import (
    KEYS,
    NAMED_BY_BROWSER,
    OLD_SETTINGS,
    OLD_UNDO,
    SETTINGS,
    TOGGLES,
    UNDO,
    is_stateful,
)

#: Commands that are called like those that leave something standing, and are not sent again; and why not.
NOT_STANDING = {
    "breakpoints: a page would stop at one before the program knows of the gap": """
        DOMDebugger.setBreakOnCSPViolation DOMDebugger.setDOMBreakpoint DOMDebugger.setEventListenerBreakpoint
        DOMDebugger.setInstrumentationBreakpoint DOMDebugger.setXHRBreakpoint
        Debugger.setBreakpoint Debugger.setBreakpointByUrl Debugger.setBreakpointOnFunctionCall
        Debugger.setInstrumentationBreakpoint EventBreakpoints.setInstrumentationBreakpoint
        """,
    "what is measured or recorded: a second half would look like the whole": """
        CSS.startRuleUsageTracking HeapProfiler.startSampling HeapProfiler.startTrackingHeapObjects
        Memory.startSampling Page.startScreenRecording Profiler.start Profiler.startPreciseCoverage Tracing.start
        """,
    "named by an id that is gone with the session or the document": """
        Animation.setPaused Animation.setTiming CSS.trackComputedStyleUpdatesForNode
        Debugger.setBlackboxExecutionContexts Debugger.setBlackboxedRanges HeapProfiler.addInspectedHeapObject
        DOM.setInspectedNode
        """,
    "named by an id that the browser gives, which later commands and events go by": """
        BluetoothEmulation.addCharacteristic BluetoothEmulation.addDescriptor BluetoothEmulation.addService
        WebAuthn.addCredential WebAuthn.addVirtualAuthenticator WebAuthn.setAutomaticPresenceSimulation
        WebAuthn.setCredentialProperties WebAuthn.setResponseOverrideBits WebAuthn.setUserVerified
        """,
    "of the machine's screens and windows, which outlive the line": """
        Browser.setContentsSize Browser.setDockTile Browser.setWindowBounds Emulation.addScreen
        Emulation.setPrimaryScreen
        """,
    "the document is edited": """
        CSS.addRule CSS.setContainerQueryConditionText CSS.setContainerQueryText
        CSS.setEffectivePropertyValueForNode CSS.setKeyframeKey CSS.setMediaText CSS.setNavigationText
        CSS.setPropertyRulePropertyName CSS.setRuleSelector CSS.setScopeText CSS.setStyleSheetText CSS.setStyleTexts
        CSS.setSupportsText DOM.setAttributeValue DOM.setAttributesAsText DOM.setFileInputFiles DOM.setNodeName
        DOM.setNodeValue DOM.setOuterHTML DOM.setTextMarker Debugger.setReturnValue Debugger.setScriptSource
        Debugger.setVariableValue Page.setDocumentContent Page.setWebLifecycleState
        """,
    "data that the browser keeps": """
        DOMStorage.setDOMStorageItem Extensions.setStorageItems Network.setCookie Network.setCookies
        Page.addCompilationCache Storage.setCookies
        """,
    "something that is done once": """
        Cast.setSinkToUse Cast.startDesktopMirroring Cast.startTabMirroring Emulation.setVirtualTimePolicy
        Input.emulateTouchFromMouseEvent Overlay.setPausedInDebuggerMessage ServiceWorker.startWorker
        """,
}
#: What such commands are called.
VERBS = ("set", "add", "start", "track", "override", "auto", "emulate", "enable", "grant", "configure")


def methods() -> set[str]:
    """Name every command of the bindings."""
    found: set[str] = set()
    for module in getModule(domains.__name__).iterModules():
        for _, member in inspect.getmembers(module.load(), inspect.isclass):
            if issubclass(member, Command) and isinstance(getattr(member, "method", None), str):
                found.add(member.method)
    return found


def standing(journal: Journal) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.method, entry.params) for entry in journal]


def test_what_the_tables_name_is_there_or_was() -> None:
    undone = {method for each in UNDO.values() for method in each}
    known = methods()
    assert known >= SETTINGS | NAMED_BY_BROWSER
    assert not known & (OLD_SETTINGS | OLD_UNDO.keys()), "these are there again"
    for named in (UNDO.keys(), undone, KEYS.keys()):
        assert named - known <= OLD_SETTINGS | OLD_UNDO.keys()


def test_what_is_undone_and_told_apart_stands() -> None:
    undone = {method for each in UNDO.values() for method in each}
    assert [each for each in sorted(undone | KEYS.keys() | OLD_SETTINGS) if not is_stateful(each)] == []


def test_every_command_that_is_called_so_stands_or_has_a_reason_not_to() -> None:
    excused = [method for named in NOT_STANDING.values() for method in named.split()]
    called_so = {each for each in methods() if each.partition(".")[2].startswith(VERBS)}
    assert sorted(each for each in called_so if not is_stateful(each)) == sorted(excused)


@pytest.mark.parametrize(
    ("method", "stands"),
    [
        ("Fetch.enable", True),
        ("Fetch.disable", True),
        ("Emulation.setCPUThrottlingRate", True),
        ("Emulation.clearDeviceMetricsOverride", True),
        ("Emulation.setVirtualTimePolicy", False),
        ("Emulation.setPrimaryScreen", False),
        ("Network.setAcceptedEncodings", True),
        ("Network.clearAcceptedEncodingsOverride", True),
        ("Overlay.setShowFPSCounter", True),
        ("Page.navigate", False),
        ("Runtime.evaluate", False),
        ("Network.setCookie", False),
        ("DOM.setAttributeValue", False),
        ("Page.setDocumentContent", False),
    ],
)
def test_what_leaves_something_standing(method: str, stands: bool) -> None:
    assert is_stateful(method) is stands


def test_the_last_one_stands_and_is_said_last() -> None:
    journal = Journal()
    journal.note("Network.setCacheDisabled", network.set_cache_disabled(cache_disabled=True), None)
    journal.note("Emulation.setLocaleOverride", emulation.set_locale_override(locale="de"), None)
    journal.note("Network.setCacheDisabled", {"cacheDisabled": False}, None)
    assert standing(journal) == [
        ("Emulation.setLocaleOverride", {"locale": "de"}),
        ("Network.setCacheDisabled", {"cacheDisabled": False}),
    ]


def test_what_a_program_changes_later_in_its_own_dict_is_not_what_it_has_sent() -> None:
    journal, params = Journal(), {"headers": {"A": "1"}}
    journal.note("Network.setExtraHTTPHeaders", params, None)
    params["headers"]["A"] = "2"
    assert standing(journal) == [("Network.setExtraHTTPHeaders", {"headers": {"A": "1"}})]


def test_settings_of_one_command_that_differ_in_what_they_are_for() -> None:
    journal = Journal()
    for context in ("C1", "C2", "C1"):
        command = browser.set_download_behavior(behavior="deny", browser_context_id=context)
        journal.note(command.method, command, None)
    for name in ("a", "b"):
        journal.note("Runtime.addBinding", runtime.add_binding(name=name), None)
    assert len(journal) == 4
    journal.note("Runtime.removeBinding", runtime.remove_binding(name="a"), None)
    assert [params.get("name") for _, params in standing(journal)] == [None, None, "b"]


def test_permissions_are_told_apart_by_what_they_permit() -> None:
    journal = Journal()
    for name, setting in (("geolocation", "granted"), ("camera", "granted"), ("geolocation", "denied")):
        journal.note("Browser.setPermission", {"permission": {"name": name}, "setting": setting}, None)
    told = [(each.params["permission"], each.params["setting"]) for each in journal]
    assert told == [({"name": "camera"}, "granted"), ({"name": "geolocation"}, "denied")]


def test_permissions_are_reset_in_their_context() -> None:
    journal = Journal()
    for context in ("C1", "C2"):
        command = browser.grant_permissions(permissions=["geolocation"], browser_context_id=context)
        journal.note(command.method, command, None)
    journal.note("Browser.resetPermissions", browser.reset_permissions(browser_context_id="C1"), None)
    assert [params["browserContextId"] for _, params in standing(journal)] == ["C2"]


def test_disabling_drops_what_the_domain_had() -> None:
    journal = Journal()
    for method in ("Network.enable", "Network.setCacheDisabled", "Runtime.enable", "Runtime.addBinding"):
        journal.note(method, {"name": "x"} if method.endswith("Binding") else {}, None)
    journal.note("Network.disable", {}, None)
    journal.note("Runtime.disable", {}, None)
    assert [method for method, _ in standing(journal)] == ["Runtime.addBinding"]


def test_scripts_are_known_by_what_the_browser_calls_them() -> None:
    journal = Journal()
    add = page.add_script_to_evaluate_on_new_document(source="1")
    journal.note(add.method, add, page.AddScriptToEvaluateOnNewDocumentResult(identifier="1"))
    journal.note(add.method, add, {"identifier": "2"})
    first, second = journal
    journal.renamed(first, {"identifier": "7"})
    remove = page.remove_script_to_evaluate_on_new_document
    assert journal.translate(remove.method, remove(identifier="1")) == {"identifier": "7"}
    assert journal.translate(remove.method, remove(identifier="2")) == {"identifier": "2"}
    unknown = remove(identifier="5")
    assert journal.translate(remove.method, unknown) is unknown
    journal.note(remove.method, journal.translate(remove.method, remove(identifier="1")), None)
    assert list(journal) == [second]


def test_scripts_of_either_kind_have_ids_of_their_own() -> None:
    journal = Journal()
    old, new = page.add_script_to_evaluate_on_load, page.add_script_to_evaluate_on_new_document
    journal.note(old.method, old(script_source="1"), {"identifier": "1"})
    journal.note(new.method, new(source="1"), {"identifier": "1"})
    for entry, identifier in zip(journal, ("8", "9"), strict=True):
        journal.renamed(entry, {"identifier": identifier})
    for remove, identifier in (
        (page.remove_script_to_evaluate_on_load, "8"),
        (page.remove_script_to_evaluate_on_new_document, "9"),
    ):
        assert journal.translate(remove.method, remove(identifier="1")) == {"identifier": identifier}
    journal.note("Page.removeScriptToEvaluateOnLoad", {"identifier": "8"}, None)
    assert [entry.method for entry in journal] == [new.method]


def test_what_is_tracked_is_tracked_for_each_origin() -> None:
    journal = Journal()
    for origin in ("https://a.example", "https://b.example"):
        command = storage.track_indexed_db_for_origin(origin=origin)
        journal.note(command.method, command, None)
    other = storage.track_cache_storage_for_origin(origin="https://a.example")
    journal.note(other.method, other, None)
    journal.note(
        "Storage.untrackIndexedDBForOrigin", storage.untrack_indexed_db_for_origin(origin="https://a.example"), None
    )
    assert standing(journal) == [
        ("Storage.trackIndexedDBForOrigin", {"origin": "https://b.example"}),
        ("Storage.trackCacheStorageForOrigin", {"origin": "https://a.example"}),
    ]


def test_parameters_are_nobody_elses_business() -> None:
    journal = Journal()
    journal.note("Network.setExtraHTTPHeaders", {"headers": {"Authorization": "secret"}}, None)
    (noted,) = journal
    assert "setExtraHTTPHeaders" in repr(noted)
    assert "secret" not in repr(noted)


def test_toggles() -> None:
    assert all(is_stateful(method) for method in methods() if method.endswith(TOGGLES))


def test_of_two_that_replace_each_other_in_the_browser_the_last_one_stands() -> None:
    journal = Journal()
    for name in ("T1", "T2"):
        journal.note("Target.setAutoAttach", {"autoAttach": True}, None)
        journal.note("Target.autoAttachRelated", {"targetId": name}, None)
        assert [entry.params for entry in journal] == [{"targetId": name}]
    journal.note("Target.autoAttachRelated", {"targetId": "T3"}, None)
    assert [entry.params for entry in journal] == [{"targetId": "T2"}, {"targetId": "T3"}]
    journal.note("Target.setAutoAttach", {"autoAttach": True}, None)
    assert [entry.method for entry in journal] == ["Target.setAutoAttach"]
