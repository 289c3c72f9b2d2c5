"""What goes in and out between a transport and the sessions; the dispatcher (``dispatcher``) is made of it.

In: the inbox (``inbox``) takes messages one at a time; a reply goes to its
pending (``pending``) command, by id alone, an event to the streams on its
route (``routing``), or to a tap (``tap``). Out: the
outbox (``outbox``) hands commands to the transport, at a pace (``pacing``)
where one is set. All deadlines (``deadlines``) of a connection share one timer.
"""
