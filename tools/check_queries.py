"""Fails on SQL in `domain` or `surfaces` that does not stand in a module `queries` or `…_queries`.

import-linter holds that such a module is private to its package; a statement elsewhere would be out of its sight.
"""

import ast
import re
import sys

from tools.sources import ROOT, sources

_SQL = re.compile(
    r"\b(?:SELECT\b.*\bFROM|INSERT INTO|UPDATE\s+\S+(?:\s+(?:AS\s+)?\w+)?\s+SET|DELETE FROM)\b"
    r"|\b(?:CREATE|DROP|LOCK) TABLE\b"
    r"|^\s*(?:SELECT [\w$]|TRUNCATE\b|LOCK\b.*\bIN\b)",
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
    tree = ast.parse(source)
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in pieces and _SQL.search(_text(node))
    )


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    """What the string says, with `x` for each value that is put in; empty for other constants."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(piece) if isinstance(piece, ast.Constant) else "x" for piece in node.values)
    return node.value if isinstance(node.value, str) else ""


if __name__ == "__main__":
    sys.exit(main())
