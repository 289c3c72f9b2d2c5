"""Why a recording cannot be written: for now, or until somebody changes something."""

from __future__ import annotations

import errno
from typing import Final

#: Errors that no later attempt can avoid: a place that is not writable, or is something else.
_LASTING: Final = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EBADMSG,
    }
)


class WrongSchema(OSError):
    """The database is not that of a recording, or was written by another version of txcdp."""


def is_lasting(error: BaseException) -> bool:
    """Whether writing will fail the same way until somebody changes something; a full disk or a lock is temporary."""
    return isinstance(error, WrongSchema) or (isinstance(error, OSError) and error.errno in _LASTING)
