"""Which commands leave a lasting state in the browser: a setting, an enabled domain, a script."""

from __future__ import annotations

from typing import Final

#: The ends of the names of commands that enable and disable domains.
TOGGLES: Final = (".enable", ".disable")

#: Commands that set a state: only the last one counts.
SETTINGS: Final = frozenset(
    """
    Animation.setPlaybackRate
    Autofill.setAddresses
    BackgroundService.setRecording BackgroundService.startObserving
    BluetoothEmulation.setSimulatedCentralState
    Browser.addMockCamera Browser.addPrivacySandboxEnrollmentOverride Browser.grantPermissions
    Browser.setDownloadBehavior Browser.setGlobalPrivacyControl Browser.setPermission
    CSS.setLocalFontsEnabled CSS.trackComputedStyleUpdates
    DOM.setNodeStackTracesEnabled
    Debugger.setAsyncCallStackDepth Debugger.setBlackboxPatterns Debugger.setBreakpointsActive
    Debugger.setPauseOnExceptions Debugger.setSkipAllPauses
    DeviceOrientation.setDeviceOrientationOverride
    DigitalCredentials.setVirtualWalletBehavior
    Input.setIgnoreInputEvents Input.setInterceptDrags
    Log.startViolationsReport
    Memory.setPressureNotificationsSuppressed
    Network.configureDurableMessages Network.emulateNetworkConditions Network.emulateNetworkConditionsByRule
    Network.enableDeviceBoundSessions Network.enableReportingApi Network.overrideNetworkState
    Network.setAttachDebugStack Network.setBlockedURLs Network.setBypassServiceWorker Network.setCacheDisabled
    Network.setCookieControls Network.setExtraHTTPHeaders Network.setUserAgentOverride
    Overlay.setInspectMode
    Page.addScriptToEvaluateOnLoad Page.addScriptToEvaluateOnNewDocument Page.setAdBlockingEnabled Page.setBypassCSP
    Page.setDeviceMetricsOverride Page.setDeviceOrientationOverride Page.setDownloadBehavior
    Page.setFontFamilies Page.setFontSizes Page.setGeolocationOverride Page.setInputVisualization
    Page.setInterceptFileChooserDialog Page.setLifecycleEventsEnabled Page.setPrerenderingAllowed
    Page.setRPHRegistrationMode Page.setSPCTransactionMode Page.setTouchEmulationEnabled Page.startScreencast
    Performance.setTimeDomain
    Profiler.setSamplingInterval
    Runtime.addBinding Runtime.setAsyncCallStackDepth Runtime.setCustomObjectFormatterEnabled
    Runtime.setMaxCallStackSizeToCapture
    Security.setIgnoreCertificateErrors Security.setOverrideCertificateErrors
    ServiceWorker.setForceUpdateOnPageLoad
    Storage.overrideQuotaForOrigin Storage.setPrivateVerificationTokensTracking Storage.setStorageBucketTracking
    Storage.trackCacheStorageForOrigin Storage.trackCacheStorageForStorageKey
    Storage.trackIndexedDBForOrigin Storage.trackIndexedDBForStorageKey
    Target.autoAttachRelated Target.setAutoAttach Target.setDiscoverTargets Target.setRemoteLocations
    """.split()
)

#: The same, for browsers that are older than the bindings; and the commands that undo them.
OLD_SETTINGS: Final = frozenset(
    """
    Network.setAcceptedEncodings
    Storage.setAttributionReportingTracking Storage.setInterestGroupAuctionTracking Storage.setInterestGroupTracking
    Storage.setSharedStorageTracking
    """.split()
)
OLD_UNDO: Final = {"Network.clearAcceptedEncodingsOverride": ("Network.setAcceptedEncodings",)}

_SETTINGS: Final = SETTINGS | OLD_SETTINGS

#: Domains in which all ``set...`` commands are settings, except those that act only once.
_ALL_SETTINGS: Final = ("Emulation.set", "Overlay.setShow")
_DONE_ONCE: Final = frozenset({"Emulation.setPrimaryScreen", "Emulation.setVirtualTimePolicy"})

#: The commands that undo settings, and the settings that they undo.
UNDO: Final = {
    **OLD_UNDO,
    "BackgroundService.stopObserving": ("BackgroundService.startObserving",),
    "DeviceOrientation.clearDeviceOrientationOverride": ("DeviceOrientation.setDeviceOrientationOverride",),
    "Emulation.clearDeviceMetricsOverride": ("Emulation.setDeviceMetricsOverride",),
    "Emulation.clearDevicePostureOverride": ("Emulation.setDevicePostureOverride",),
    "Emulation.clearDisplayFeaturesOverride": ("Emulation.setDisplayFeaturesOverride",),
    "Emulation.clearGeolocationOverride": ("Emulation.setGeolocationOverride",),
    "Emulation.clearIdleOverride": ("Emulation.setIdleOverride",),
    "Emulation.resetPageScaleFactor": ("Emulation.setPageScaleFactor",),
    "Page.clearDeviceMetricsOverride": ("Page.setDeviceMetricsOverride",),
    "Page.clearDeviceOrientationOverride": ("Page.setDeviceOrientationOverride",),
    "Page.clearGeolocationOverride": ("Page.setGeolocationOverride",),
    "Browser.resetPermissions": ("Browser.setPermission", "Browser.grantPermissions"),
    "Log.stopViolationsReport": ("Log.startViolationsReport",),
    "Page.removeScriptToEvaluateOnLoad": ("Page.addScriptToEvaluateOnLoad",),
    "Page.removeScriptToEvaluateOnNewDocument": ("Page.addScriptToEvaluateOnNewDocument",),
    "Page.stopScreencast": ("Page.startScreencast",),
    "Runtime.removeBinding": ("Runtime.addBinding",),
    "Storage.untrackCacheStorageForOrigin": ("Storage.trackCacheStorageForOrigin",),
    "Storage.untrackCacheStorageForStorageKey": ("Storage.trackCacheStorageForStorageKey",),
    "Storage.untrackIndexedDBForOrigin": ("Storage.trackIndexedDBForOrigin",),
    "Storage.untrackIndexedDBForStorageKey": ("Storage.trackIndexedDBForStorageKey",),
}

#: Settings that are identified by an id from the browser, a new one each time.
NAMED_BY_BROWSER: Final = frozenset({"Page.addScriptToEvaluateOnLoad", "Page.addScriptToEvaluateOnNewDocument"})

#: The parameters that tell the settings made by one command apart.
KEYS: Final = {
    "BackgroundService.setRecording": ("service",),
    "BackgroundService.startObserving": ("service",),
    "Browser.addMockCamera": ("deviceId",),
    "Browser.addPrivacySandboxEnrollmentOverride": ("url",),
    "Browser.grantPermissions": ("browserContextId", "origin"),
    "Browser.setDownloadBehavior": ("browserContextId",),
    "Browser.setPermission": ("browserContextId", "origin", "permission"),
    "DigitalCredentials.setVirtualWalletBehavior": ("frameId",),
    "Emulation.setPressureSourceOverrideEnabled": ("source",),
    "Emulation.setPressureStateOverride": ("source",),
    "Emulation.setSensorOverrideEnabled": ("type",),
    "Emulation.setSensorOverrideReadings": ("type",),
    "Page.addScriptToEvaluateOnLoad": ("identifier",),
    "Page.addScriptToEvaluateOnNewDocument": ("identifier",),
    "Runtime.addBinding": ("name",),
    "Storage.overrideQuotaForOrigin": ("origin",),
    "Storage.setStorageBucketTracking": ("storageKey",),
    "Storage.trackCacheStorageForOrigin": ("origin",),
    "Storage.trackCacheStorageForStorageKey": ("storageKey",),
    "Storage.trackIndexedDBForOrigin": ("origin",),
    "Storage.trackIndexedDBForStorageKey": ("storageKey",),
    "Target.autoAttachRelated": ("targetId",),
}


#: What a command ends in the browser when it takes effect: only the last of the two counts.
REPLACED: Final[dict[str, frozenset[str]]] = {
    "Target.autoAttachRelated": frozenset({"Target.setAutoAttach"}),
    "Target.setAutoAttach": frozenset({"Target.autoAttachRelated"}),
}


def is_stateful(method: str) -> bool:
    """Return whether a command changes a lasting state: sets, enables, disables or undoes something."""
    return (
        method.endswith(TOGGLES)
        or method in _SETTINGS
        or method in UNDO
        or (method.startswith(_ALL_SETTINGS) and method not in _DONE_ONCE)
    )
