"""Probes: small commands that find out whether the browser and its pages still answer.

A WebSocket's pings are answered by the browser's network thread, whatever its main thread and its pages
do, and a pipe has none. So the browser is asked for its version now and then, where nothing came from it
by itself, and each page for a constant. A page that does not answer in time is asked once more, with a
command that Chromium lets interrupt a running script: one that answers this is busy, one that does not
is stopped. Only the browser's main process knows that a dialog waits, and a page that a debugger has
paused answers as if nothing were the matter; both are known from their events, where these are enabled.

Probes are sent at once, past the connection's limits on sending, and nothing is logged of them.
"""

from __future__ import annotations

from txcdp._core.probing.prober import Prober
from txcdp._core.probing.rounds import ProbeOptions

__all__ = ["ProbeOptions", "Prober"]
