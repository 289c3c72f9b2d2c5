"""The parts that pass messages between a transport and the sessions; ``dispatcher`` combines them.

Incoming: the inbox (``inbox``) handles messages one at a time; a reply goes to its pending command (``pending``), by id
alone, an event to the streams on its route (``routing``), or to a tap (``tap``). Outgoing: the outbox (``outbox``)
hands commands to the transport, within the limits on sending (``pacing``), if there are any. All deadlines
(``deadlines``) of a connection share one timer.
"""
