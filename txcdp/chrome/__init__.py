"""The browser as a process, and as a thing that answers at ``/json``."""

from txcdp.chrome.executable import find_executable
from txcdp.chrome.launch import start_browser
from txcdp.chrome.process import BrowserProcess
from txcdp.chrome.spawn import ExitStatus

__all__ = ["BrowserProcess", "ExitStatus", "find_executable", "start_browser"]
