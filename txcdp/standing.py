"""Which commands leave something standing in the browser: a setting, an enabled domain, a script."""

from __future__ import annotations

from typing import Final

#: The ends of the commands with which domains are enabled and disabled.
TOGGLES: Final = (".enable", ".disable")

#: Commands of which the last one stands.
SETTINGS: Final = frozenset(
    """
    Animation.setPlaybackRate
    Browser.setDownloadBehavior Browser.setPermission Browser.grantPermissions
    Debugger.setAsyncCallStackDepth Debugger.setBlackboxPatterns Debugger.setBreakpointsActive
    Debugger.setPauseOnExceptions Debugger.setSkipAllPauses
    DeviceOrientation.setDeviceOrientationOverride
    Input.setIgnoreInputEvents Input.setInterceptDrags
    Log.startViolationsReport
    Network.configureDurableMessages Network.emulateNetworkConditions Network.emulateNetworkConditionsByRule
    Network.enableReportingApi Network.overrideNetworkState Network.setAcceptedEncodings
    Network.setAttachDebugStack Network.setBlockedURLs Network.setBypassServiceWorker Network.setCacheDisabled
    Network.setCookieControls Network.setExtraHTTPHeaders Network.setUserAgentOverride
    Page.addScriptToEvaluateOnNewDocument Page.setAdBlockingEnabled Page.setBypassCSP
    Page.setDeviceMetricsOverride Page.setDeviceOrientationOverride Page.setDownloadBehavior
    Page.setFontFamilies Page.setFontSizes Page.setGeolocationOverride Page.setInterceptFileChooserDialog
    Page.setLifecycleEventsEnabled Page.setPrerenderingAllowed Page.setRPHRegistrationMode
    Page.setSPCTransactionMode Page.setTouchEmulationEnabled Page.startScreencast
    Performance.setTimeDomain
    Runtime.addBinding Runtime.setAsyncCallStackDepth Runtime.setCustomObjectFormatterEnabled
    Runtime.setMaxCallStackSizeToCapture
    Security.setIgnoreCertificateErrors
    ServiceWorker.setForceUpdateOnPageLoad
    Target.setAutoAttach Target.setDiscoverTargets Target.setRemoteLocations
    """.split()
)

#: Domains all of whose ``set...`` commands are settings, but for those that do something once.
_ALL_SETTINGS: Final = ("Emulation.set", "Overlay.setShow")
_DONE_ONCE: Final = frozenset({"Emulation.setVirtualTimePolicy"})

#: What undoes which settings.
UNDO: Final = {
    "DeviceOrientation.clearDeviceOrientationOverride": ("DeviceOrientation.setDeviceOrientationOverride",),
    "Emulation.clearDeviceMetricsOverride": ("Emulation.setDeviceMetricsOverride",),
    "Emulation.clearDevicePostureOverride": ("Emulation.setDevicePostureOverride",),
    "Emulation.clearDisplayFeaturesOverride": ("Emulation.setDisplayFeaturesOverride",),
    "Emulation.clearGeolocationOverride": ("Emulation.setGeolocationOverride",),
    "Emulation.clearIdleOverride": ("Emulation.setIdleOverride",),
    "Page.clearDeviceMetricsOverride": ("Page.setDeviceMetricsOverride",),
    "Page.clearDeviceOrientationOverride": ("Page.setDeviceOrientationOverride",),
    "Page.clearGeolocationOverride": ("Page.setGeolocationOverride",),
    "Browser.resetPermissions": ("Browser.setPermission", "Browser.grantPermissions"),
    "Log.stopViolationsReport": ("Log.startViolationsReport",),
    "Page.removeScriptToEvaluateOnNewDocument": ("Page.addScriptToEvaluateOnNewDocument",),
    "Page.stopScreencast": ("Page.startScreencast",),
    "Runtime.removeBinding": ("Runtime.addBinding",),
}

#: Which parameters tell settings of one command from each other.
KEYS: Final = {
    "Browser.grantPermissions": ("browserContextId", "origin"),
    "Browser.setDownloadBehavior": ("browserContextId",),
    "Browser.setPermission": ("browserContextId", "origin", "permission"),
    "Emulation.setPressureSourceOverrideEnabled": ("source",),
    "Emulation.setPressureStateOverride": ("source",),
    "Emulation.setSensorOverrideEnabled": ("type",),
    "Emulation.setSensorOverrideReadings": ("type",),
    "Page.addScriptToEvaluateOnNewDocument": ("identifier",),
    "Runtime.addBinding": ("name",),
}


def leaves_standing(method: str) -> bool:
    """Whether a command changes what stands: sets, enables, disables or undoes something."""
    return (
        method.endswith(TOGGLES)
        or method in SETTINGS
        or method in UNDO
        or (method.startswith(_ALL_SETTINGS) and method not in _DONE_ONCE)
    )
