"""What commands that reach beyond a page may do in a shared browser: one row for each.

A command on a page's session reaches only that page, unless its whole domain is listed here (:data:`GUARDED`), or it
has a row of its own. A command on a browser session must have a row.

Commands that reach the *files* of the machine (``Browser.setDownloadBehavior``, ``Page.setDownloadBehavior``,
``DOM.setFileInputFiles``, ``Input.dispatchDragEvent`` and the like) are not covered by this table: they reach the same
files in a browser that is not shared, and are up to the gateway's policy, which sees commands before this table does.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple


class RuleKind(Enum):
    """The ways in which a command is handled.

    :cvar PASS: it is passed on as it is.
    :cvar CONTEXT: its ``browserContextId`` has to be the client's own; if it is missing, the client's default context
        is filled in.
    :cvar DEFAULT_CONTEXT: it cannot name a context, and Chromium applies it to the browser's default one, whatever
        context the page is in. So it is sent to the browser instead of the page, for the client's default context.
    :cvar TARGET: its ``targetId``, if present, has to be the client's own.
    :cvar WINDOW: its ``windowId`` has to be one that the client has been told.
    :cvar ADDRESS: its ``url`` has to lead to the web.
    :cvar OWN: the virtual browser answers it, or executes it in its own way.
    :cvar REFUSED: it is refused, with a reason.
    :cvar UNKNOWN: it is answered like a method that does not exist, as the browser does.
    """

    PASS = auto()
    CONTEXT = auto()
    DEFAULT_CONTEXT = auto()
    TARGET = auto()
    WINDOW = auto()
    ADDRESS = auto()
    OWN = auto()
    REFUSED = auto()
    UNKNOWN = auto()


class Rule(NamedTuple):
    """A row: how a command is handled on a browser session and on any other, and the reason if it is refused."""

    browser: RuleKind
    page: RuleKind
    why: str = ""


def _of(domain: str, *names: str) -> list[str]:
    """Return methods of a domain, by their names with spaces between."""
    return [f"{domain}.{name}" for several in names for name in several.split()]


def _both(kind: RuleKind, *methods: str) -> dict[str, Rule]:
    return {method: Rule(kind, kind) for method in methods}


def _refused(why: str, *methods: str, page: RuleKind = RuleKind.REFUSED) -> dict[str, Rule]:
    return {method: Rule(RuleKind.REFUSED, page, why) for method in methods}


#: Domains in which every command must have a row, on any session.
GUARDED: Final = frozenset(
    {"BluetoothEmulation", "Browser", "Cast", "Extensions", "PWA", "SystemInfo", "Target", "Tethering", "Tracing"}
)

_ALL = "it would change the browser of all its clients"
_TELLS = "it would tell about the browser's other clients"

#: The rows by method.
RULES: Final[dict[str, Rule]] = {
    **_both(
        RuleKind.OWN,
        "Browser.close",
        "Browser.getWindowForTarget",
        "Browser.setDownloadBehavior",
        "Target.attachToBrowserTarget",
        "Target.attachToTarget",
        "Target.createBrowserContext",
        "Target.createTarget",
        "Target.detachFromTarget",
        "Target.disposeBrowserContext",
        "Target.getBrowserContexts",
        "Target.getTargetInfo",
        "Target.getTargets",
        "Target.sendMessageToTarget",
        "Target.setAutoAttach",
        "Target.setDiscoverTargets",
    ),
    **_both(RuleKind.TARGET, "Target.activateTarget", "Target.closeTarget"),
    **_refused("it would hand the whole browser to a page", "Target.exposeDevToolsProtocol"),
    **_refused("DevTools windows reach beyond their page", "Target.getDevToolsTarget", "Target.openDevTools"),
    **_refused("use Target.setAutoAttach on the target's own session", "Target.autoAttachRelated"),
    **_refused(_ALL, "Target.setRemoteLocations"),
    **_both(RuleKind.PASS, "Browser.getGlobalPrivacyControl", "Browser.getVersion"),
    **_both(
        RuleKind.CONTEXT,
        "Browser.cancelDownload",
        "Browser.grantPermissions",
        "Browser.resetPermissions",
        "Browser.setPermission",
    ),
    **_both(RuleKind.WINDOW, "Browser.getWindowBounds", "Browser.setContentsSize", "Browser.setWindowBounds"),
    **_refused("it would end the browser of all its clients", "Browser.crash", "Browser.crashGpuProcess"),
    **_refused(
        _ALL,
        "Browser.addMockCamera",
        "Browser.addPrivacySandboxEnrollmentOverride",
        "Browser.executeBrowserCommand",
        "Browser.setDockTile",
        "Browser.setGlobalPrivacyControl",
    ),
    **_refused(_TELLS, "Browser.getBrowserCommandLine", "Browser.getHistogram", "Browser.getHistograms"),
    **_refused(_TELLS, "SystemInfo.getFeatureState", "SystemInfo.getInfo", "SystemInfo.getProcessInfo"),
    **_refused("it would open ports of the browser's machine", "Tethering.bind", "Tethering.unbind"),
    **_refused(
        "a trace records the browser of all its clients",
        *_of("Tracing", "end getCategories getTrackEventDescriptor recordClockSyncMarker requestMemoryDump start"),
    ),
    **_refused(
        "extensions are those of all clients",
        *_of(
            "Extensions",
            "clearStorageItems getExtensions getStorageItems loadUnpacked removeStorageItems",
            "setStorageItems triggerAction uninstall",
        ),
    ),
    **_refused(
        "installed applications are those of all clients",
        *_of(
            "PWA",
            "changeAppUserSettings getOsAppState install launch launchFilesInApp",
            "openCurrentPageInApp uninstall",
        ),
    ),
    **_refused(
        "the machine's screens and speakers are those of all clients",
        *_of("Cast", "disable enable setSinkToUse startDesktopMirroring startTabMirroring stopCasting"),
    ),
    **_refused(
        "the Bluetooth adapter is that of all clients",
        *_of(
            "BluetoothEmulation",
            "addCharacteristic addDescriptor addService disable enable removeCharacteristic",
            "removeDescriptor removeService setSimulatedCentralState simulateAdvertisement",
            "simulateCharacteristicOperationResponse simulateDescriptorOperationResponse",
            "simulateGATTDisconnection simulateGATTOperationResponse simulatePreconnectedPeripheral",
        ),
    ),
    **{
        f"Storage.{name}": Rule(RuleKind.CONTEXT, RuleKind.DEFAULT_CONTEXT)
        for name in ("clearCookies", "getCookies", "setCookies")
    },
    **{method: Rule(RuleKind.UNKNOWN, RuleKind.ADDRESS) for method in ("Network.loadNetworkResource", "Page.navigate")},
    **_refused(_TELLS, "Memory.getBrowserSamplingProfile"),
    **_refused(_ALL, "Memory.setPressureNotificationsSuppressed", "Memory.simulatePressureNotification"),
    **_refused(
        "the screens are those of all clients",
        "Emulation.addScreen",
        "Emulation.removeScreen",
        "Emulation.setPrimaryScreen",
        "Emulation.updateScreen",
    ),
    **_refused("the browser session is that of all clients", "Fetch.enable", "Fetch.disable", page=RuleKind.PASS),
    **_refused(_ALL, "Security.setIgnoreCertificateErrors", page=RuleKind.PASS),
    **_both(RuleKind.PASS, "IO.close", "IO.read", "Runtime.runIfWaitingForDebugger", "Emulation.getScreenInfos"),
}

_ANY = Rule(RuleKind.UNKNOWN, RuleKind.PASS)
_NONE = Rule(RuleKind.UNKNOWN, RuleKind.UNKNOWN)


def rule_of(method: str) -> Rule:
    """Return the row of a command, or, if it has none, the rule for its domain."""
    found = RULES.get(method)
    if found is None:
        return _NONE if method.partition(".")[0] in GUARDED else _ANY
    return found
