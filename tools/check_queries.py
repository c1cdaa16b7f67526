"""Fails on SQL in `domain` or `surfaces` that does not stand in a module `queries` or `…_queries`.

import-linter holds that such a module is private to its package; a statement elsewhere would be out of its sight.
"""

import ast
import re
import sys

from tools.sources import ROOT, sources

_SQL = re.compile(
    r"\b(?:SELECT\b.*\bFROM|INSERT INTO|UPDATE \w+(?: \w+)? SET|DELETE FROM|(?:CREATE|DROP|LOCK) TABLE)\b"
    r"|^\s*SELECT \w",
    re.DOTALL,
)
_ELSEWHERE = {"src/callmark/domain/credentials/admission.py"}
"""It is part of the statements of several packages, which admit a request and do what it asks for at once."""


def main() -> int:
    """0, or 1 with a line for each statement."""
    found = [
        f"{name}:{line}: SQL stands in queries\n"
        for path in sources(".py")
        if (name := str(path.relative_to(ROOT))).startswith(("src/callmark/domain/", "src/callmark/surfaces/"))
        and not re.search(r"(?:^|_)queries$", path.stem)
        and name not in _ELSEWHERE
        for line in statements(path.read_text())
    ]
    sys.stdout.writelines(found)
    return 1 if found else 0


def statements(source: str) -> list[int]:
    """The lines of strings that are SQL."""
    return sorted(
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.search(node.value)
    )


if __name__ == "__main__":
    sys.exit(main())
