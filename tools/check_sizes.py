"""Fails on source files past 400 lines, Python functions past 40, and lines of anything but Python past 120.

Also on code between backquotes in our pages that continues on the next line. biome measures functions of JavaScript.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.sources import ROOT, sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
LONGEST_LINE = 120
PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md")


def main() -> int:
    """0, or 1 with a line for each finding."""
    found = [fault for path in sources(".py", ".js", ".css", ".html") for fault in faults(path)]
    pages = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    for path in pages:
        lines = prose(path.read_text())
        found += [*long_lines(path, lines), *broken_code(path, lines)]
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
    yield from long_lines(path, lines)


def long_lines(path: Path, lines: list[str]) -> Iterator[str]:
    """Which lines are too long."""
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            yield f"{path.relative_to(ROOT)}:{number}: {len(line)} columns (at most {LONGEST_LINE})"


def broken_code(path: Path, lines: list[str]) -> Iterator[str]:
    """Code in a sentence that continues on the next line: nobody finds it by searching for it."""
    for number, line in enumerate(lines, 1):
        if line.count("`") % 2 and "``" not in line:
            yield f"{path.relative_to(ROOT)}:{number}: code between backquotes is broken over two lines"


def prose(markdown: str) -> list[str]:
    """The lines, with nothing in place of code, tables and HTML."""
    is_code, lines = False, list[str]()
    for line in markdown.splitlines():
        is_fence = line.lstrip().startswith("```")
        is_code ^= is_fence
        lines.append("" if is_code or is_fence or line.lstrip().startswith(("|", "<")) else line)
    return lines


if __name__ == "__main__":
    sys.exit(main())
