"""The program that `Emulator.start` runs: the whole platform on a new directory, seeded, with virtual handsets.

`python -m callmark.testing.platform DATA PORT` prints one line of JSON, the credentials, when everything is ready, and
ends, with all its data, when its standard input does.
"""

import sys
from pathlib import Path

from callmark.kit.process_start import import_without, importing


def main(data: str, port: str) -> None:
    """Imports what it takes, and runs until the input ends; exits 1 with one line when it cannot."""
    with importing():
        import_without("structlog", "rich", "colorama")  # with which it paints what is read at a terminal
        from callmark.testing.platform_work import work
    work(Path(data), int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
