"""The browser level: one that is started here or reached somewhere, with its pages and contexts."""

from txcdp.browser.browser import Browser
from txcdp.browser.context import BrowserContext
from txcdp.browser.opening import ConnectionOptions, connect, launch

__all__ = ["Browser", "BrowserContext", "ConnectionOptions", "connect", "launch"]
