"""Commands, events and the other records of the protocol, as values without I/O.

:mod:`txcdp.domains` consists of these. Use :class:`Command`, :class:`Event` or :class:`Record` in annotations.
:func:`build` makes a record from data that came without the bindings, as from ``execute_raw``, ``events_raw`` or a
recording; :func:`to_json` and :func:`from_json` write and read JSON as browsers do.
"""

# The rest of this package is not imported here: a program that only names commands should not pay for their way out.
from txcdp.protocol._records import Command, Event, Record, Stability, build, from_json, result_type, to_json

__all__ = ["Command", "Event", "Record", "Stability", "build", "from_json", "result_type", "to_json"]
