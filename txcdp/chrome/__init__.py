"""The browser as a process, and its HTTP endpoints at ``/json``."""

from txcdp.chrome._executable import find_executable
from txcdp.chrome._flags import AUTOMATION_FLAGS
from txcdp.chrome._launch import start_browser
from txcdp.chrome._process import BrowserProcess
from txcdp.chrome._spawn import ExitStatus
from txcdp.chrome._starting import limit_starts

__all__ = ["AUTOMATION_FLAGS", "BrowserProcess", "ExitStatus", "find_executable", "limit_starts", "start_browser"]
