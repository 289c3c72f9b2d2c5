"""``python -m txcdp`` is the ``txcdp`` command."""

from __future__ import annotations

import sys

from txcdp.cli import main

if __name__ == "__main__":
    sys.exit(main())
