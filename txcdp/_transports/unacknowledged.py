"""Whether the machine at the other end of a TCP connection still acknowledges what it is sent.

A stopped program does not respond, yet its kernel acknowledges every byte; a machine or a network that is gone does
not. Linux reports this through ``TCP_INFO``. The number of unacknowledged bytes alone says little: while the peer has
no room, the kernel repeatedly sends them, or probes, and each attempt is answered. So the question is whether an
acknowledgement has arrived since the last attempt.

If the system does not report this, or if a tunnel or proxy acknowledges in the peer's place, a dead connection cannot
be told from a stopped program.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

#: Milliseconds to wait for an acknowledgement in transit: it may be delayed by 200.
_ON_ITS_WAY = 500

#: Probes of a full peer that may stay unanswered: Linux answers at most two a second.
_PROBES = 1


class _TcpInfo(NamedTuple):
    """The beginning of Linux' ``struct tcp_info``; times in milliseconds."""

    state: int
    ca_state: int
    retransmits: int
    probes: int
    backoff: int
    options: int
    wscale: int
    flags: int
    rto: int
    ato: int
    snd_mss: int
    rcv_mss: int
    unacked: int
    sacked: int
    lost: int
    retrans: int
    fackets: int
    last_data_sent: int
    last_ack_sent: int
    last_data_recv: int
    last_ack_recv: int


_LAYOUT = struct.Struct("=8B13I")


def is_acknowledging(transport: Any) -> bool:
    """Return whether the peer's machine acknowledges what was sent to it; True if that is unknown.

    :param transport: a Twisted transport, TCP or TLS on top of it.
    """
    option = getattr(socket, "TCP_INFO", None)
    connection = getattr(transport, "socket", None)
    if option is None or not isinstance(connection, socket.socket):
        return True
    try:
        info = _TcpInfo._make(_LAYOUT.unpack(connection.getsockopt(socket.IPPROTO_TCP, option, _LAYOUT.size)))
    except (OSError, struct.error):  # no TCP socket, or not Linux
        return True
    if info.probes > _PROBES:
        return False
    return not info.unacked or info.last_ack_recv <= max(_ON_ITS_WAY, info.last_data_sent)
