"""Probes: small commands that find out whether the browser and its pages still respond.

A WebSocket's pings are answered by the browser's network thread, whatever the state of its main thread and its pages,
and a pipe has no pings. So the browser is asked for its version when nothing has come from it for some time, and each
page for a constant. A page that does not answer in time is asked once more, with a command that Chromium lets interrupt
a running script: a page that answers this is busy, one that does not is stopped. Only the browser's main process knows
that a dialog is open, and a page that is paused by a debugger answers as usual; both are known from their events, if
these are enabled.

Probes are sent at once, regardless of the connection's limits on sending, and are not logged.
"""

from __future__ import annotations

from txcdp._core.probing.prober import Prober
from txcdp._core.probing.rounds import ProbeOptions

__all__ = ["ProbeOptions", "Prober"]
