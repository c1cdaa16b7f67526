"""`python -m chaos.checker FILE`: checks a history that a run has written."""

import sys
from pathlib import Path

from chaos.checker.check import violations
from chaos.checker.history import read_history


def main() -> int:
    """1 when something does not hold."""
    found = violations(read_history(Path(sys.argv[1])))
    for violation in found:
        print(violation.text())
    print(f"{len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
