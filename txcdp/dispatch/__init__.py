"""What goes in and out between a transport and the sessions.

In: the :mod:`inbox <txcdp.dispatch.inbox>` takes messages one at a time; a reply goes to its
:mod:`pending <txcdp.dispatch.pending>` command, by id alone, an event to the streams on its
:mod:`route <txcdp.dispatch.routing>`, or to a :mod:`tap <txcdp.dispatch.tap>`. Out: the
:mod:`outbox <txcdp.dispatch.outbox>` hands commands to the transport, at a :mod:`pace <txcdp.dispatch.pacing>`
where one is set. All :mod:`deadlines <txcdp.dispatch.deadlines>` of a connection share one timer.
"""
