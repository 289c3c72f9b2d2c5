"""Commands, events and the other records of the protocol, as values without I/O.

:mod:`txcdp.domains` is made of these. An annotation needs :class:`Command`, :class:`Event` or :class:`Record`. What
came without the bindings, as from ``execute_raw``, ``events_raw`` or a recording, :func:`build` makes a record of, and
:func:`to_json` and :func:`from_json` write and read what browsers write and read.
"""

# The rest of this package is not imported here: a program that only names commands should not pay for their way out.
from txcdp.protocol._records import Command, Event, Record, Stability, build, from_json, result_type, to_json

__all__ = ["Command", "Event", "Record", "Stability", "build", "from_json", "result_type", "to_json"]
