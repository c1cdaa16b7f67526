"""Fails on migrations whose numbers are not 1 to the one in HEAD, each once."""

import re
import sys
from collections import Counter

from tools.sources import ROOT

FOLDER = ROOT / "src/callmark/kit/migrations"
_NAME = re.compile(r"(\d{4})_(?:pre|post)_[a-z0-9_]+\.sql")


def main() -> int:
    """0, or 1 with a line for each finding."""
    names = sorted(path.name for path in FOLDER.glob("*.sql") if path.name != "schema.sql")
    matches = {name: _NAME.fullmatch(name) for name in names}
    faults = [
        f"{name}: call it NNNN_pre_what.sql or NNNN_post_what.sql" for name, match in matches.items() if not match
    ]
    numbers = Counter(int(match[1]) for match in matches.values() if match)
    head = int((FOLDER / "HEAD").read_text())
    faults += [f"migration {number:04} exists {count} times" for number, count in numbers.items() if count > 1]
    faults += [f"migration {number:04} is missing" for number in range(1, head + 1) if number not in numbers]
    faults += [f"migration {number:04} is past HEAD, which says {head}" for number in numbers if number > head]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
