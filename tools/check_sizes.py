"""Fails on source files past 400 lines, Python functions past 40, and lines of pages, scripts and styles past 120."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.sources import ROOT, sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
LONGEST_LINE = 120


def main() -> int:
    """0, or 1 with a line for each finding."""
    found = [fault for path in sources(".py", ".js", ".css", ".html") for fault in faults(path)]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


def faults(path: Path) -> Iterator[str]:
    """What is too long in a file."""
    name, text = path.relative_to(ROOT), path.read_text()
    lines = text.splitlines()
    if len(lines) > LONGEST_FILE:
        yield f"{name}: {len(lines)} lines; split it (at most {LONGEST_FILE})"
    if path.suffix == ".py":  # ruff looks at the length of lines
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (function.end_lineno or 0) - function.lineno + 1
                if length > LONGEST_FUNCTION:
                    yield f"{name}:{function.lineno}: {function.name} has {length} lines (at most {LONGEST_FUNCTION})"
        return
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            yield f"{name}:{number}: {len(line)} columns (at most {LONGEST_LINE})"


if __name__ == "__main__":
    sys.exit(main())
