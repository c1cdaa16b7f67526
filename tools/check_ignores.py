"""Fails on a comment that silences a checker without saying which rule and why."""

import re
import sys

from tools.sources import ROOT, sources

_SILENCES = re.compile(r"#\s*(?:ruff: |flake8: )?(?:noqa|(?:type|pyright): ?ignore)\b")
_EXPLAINED = re.compile(
    r"# (?:(?:ruff: )?noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|(?:type|pyright): ignore\[[\w-]+(?:, [\w-]+)*\]) - \S"
)


def main() -> int:
    """0, or 1 with a line for each such comment."""
    found = 0
    for path in sources(".py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            silencing = _SILENCES.search(line)
            if silencing and not _EXPLAINED.match(line, silencing.start()):
                found += 1
                name = path.relative_to(ROOT)
                sys.stdout.write(f"{name}:{number}: write `{silencing[0]}`, the rule's code, ` - ` and the reason\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
