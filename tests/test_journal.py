"""What stands of a session's commands."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from twisted.python.modules import getModule

from txcdp import domains
from txcdp.domains import browser, emulation, network, page, runtime
from txcdp.records import Command
from txcdp.sessions.journal import Journal
from txcdp.standing import SETTINGS, TOGGLES, leaves_standing


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


def test_every_setting_is_a_command_that_there_is() -> None:
    # A few are the browsers' that were before or come after the bindings.
    assert SETTINGS - methods() <= {"Network.setAcceptedEncodings"}


@pytest.mark.parametrize(
    ("method", "stands"),
    [
        ("Fetch.enable", True),
        ("Fetch.disable", True),
        ("Emulation.setCPUThrottlingRate", True),
        ("Emulation.clearDeviceMetricsOverride", True),
        ("Emulation.setVirtualTimePolicy", False),
        ("Overlay.setShowFPSCounter", True),
        ("Page.navigate", False),
        ("Runtime.evaluate", False),
        ("Network.setCookie", False),
        ("DOM.setAttributeValue", False),
        ("Page.setDocumentContent", False),
    ],
)
def test_what_leaves_something_standing(method: str, stands: bool) -> None:
    assert leaves_standing(method) is stands


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


def test_parameters_are_nobody_elses_business() -> None:
    journal = Journal()
    journal.note("Network.setExtraHTTPHeaders", {"headers": {"Authorization": "secret"}}, None)
    assert "secret" not in repr(list(journal))


def test_toggles() -> None:
    assert all(leaves_standing(method) for method in methods() if method.endswith(TOGGLES))
