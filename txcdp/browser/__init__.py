"""Browsers, either launched or connected to, with their pages and contexts."""

from txcdp.browser._browser import Browser
from txcdp.browser._context import BrowserContext
from txcdp.browser._cookies import Cookie
from txcdp.browser._opening import ConnectionOptions, connect, launch
from txcdp.browser._storage_state import OriginState, StorageState
from txcdp.page._options import (
    ContextOptions,
    DeviceOptions,
    EmulationOptions,
    Geolocation,
    HttpCredentials,
    NetworkConditions,
    ProxySettings,
)

__all__ = [
    "Browser",
    "BrowserContext",
    "ConnectionOptions",
    "ContextOptions",
    "Cookie",
    "DeviceOptions",
    "EmulationOptions",
    "Geolocation",
    "HttpCredentials",
    "NetworkConditions",
    "OriginState",
    "ProxySettings",
    "StorageState",
    "connect",
    "launch",
]
