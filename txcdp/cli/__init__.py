"""The ``txcdp`` command: screenshots, PDFs and contents of a page, its events, and commands to a browser.

Only the parser is imported before the command is known, so that ``txcdp --help`` is fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    :param argv: the arguments, without the program's name; None: those of this process.
    :returns: the exit code, as ``txcdp watch --help`` lists them.
    :raises SystemExit: for ``--help``, with 0, and for misuse, with 2.
    """
    from txcdp.cli._arguments import parser

    try:
        arguments = parser()
        options, rest = arguments.parse_known_args(argv)
        if rest and options.command == "call" and not any(each.startswith("-") for each in rest):
            options.parameters += rest  # those behind an option, which argparse does not expect there
        elif rest:
            arguments.error(f"unrecognized arguments: {' '.join(rest)}")
        if options.version:
            options.command, options.browser, options.json = "version", None, False
        if options.command is None:
            arguments.print_help()
            return 2
        if options.command == "completion":
            from txcdp.cli._completion import script

            sys.stdout.write(script(arguments, options.shell))
            sys.stdout.flush()
            return 0
        from txcdp.cli._commands import run

        return run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
