#!/usr/bin/env python3
"""Print the lower bounds of what setup.py requires, as pip constraints: ``twisted==24.10.0`` and so on."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path


def main(path: str) -> None:
    """Read the list named REQUIREMENTS without running the file."""
    for statement in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "REQUIREMENTS":
            for requirement in ast.literal_eval(statement.value):
                print(re.sub(r"\[.*\]", "", requirement).replace(">=", "=="))


main(sys.argv[1])
