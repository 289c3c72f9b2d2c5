"""A web page that shows a run of a browser: what it loaded and logged, what it looked like, and how long that took."""

from txcdp.report._collecting import Collection, collect
from txcdp.report._observation import Observation, observe
from txcdp.report._page import render, write
from txcdp.report._reading import NoRun, read
from txcdp.report._run import (
    LongTask,
    Phases,
    Run,
    RunBody,
    RunDocument,
    RunExchange,
    RunFrame,
    RunMessage,
    RunPicture,
    Vitals,
)

__all__ = [
    "Collection",
    "LongTask",
    "NoRun",
    "Observation",
    "Phases",
    "Run",
    "RunBody",
    "RunDocument",
    "RunExchange",
    "RunFrame",
    "RunMessage",
    "RunPicture",
    "Vitals",
    "collect",
    "observe",
    "read",
    "render",
    "write",
]
