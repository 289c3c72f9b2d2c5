"""The browser as a process, and as a thing that answers at ``/json``."""

from txcdp.chrome._executable import find_executable
from txcdp.chrome._launch import start_browser
from txcdp.chrome._process import BrowserProcess
from txcdp.chrome._spawn import ExitStatus

__all__ = ["BrowserProcess", "ExitStatus", "find_executable", "start_browser"]
