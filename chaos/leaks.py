"""The logs of a run, searched for what no log may hold: what opens something, and whole phone numbers."""

import re
from collections.abc import Iterable, Mapping
from os import SEEK_END
from pathlib import Path
from time import monotonic

from chaos.checker.history import LogRead

PHONE = re.compile(
    rb"(?:(?<![0-9A-Za-z])(?<![0-9a-f]{4}-)(?<!\d\.)|(?<=%2[Bb])|(?<=\\u002[Bb])|(?<=\\[nrt]))\+?(91(?:80|98)\d{8})(?!\w)"
)
"""All that a run uses begin like this, also in an address or a subject of NATS; ends of ids and fractions are none.

The shortened form (`9180…1234`) is allowed.
"""

_SHOWN_BYTES = 80


class LogSearch:
    """Reads on in each file from where the last look ended."""

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}

    def look(self, files: Iterable[Path], secrets: Mapping[str, str]) -> list[LogRead]:
        """An entry for each file. `secrets`: each with a word for what it opens, which is told in its place."""
        looked = re.compile(b"|".join(re.escape(secret.encode()) for secret in secrets) or rb"(?!)")
        names = {secret.encode(): name for secret, name in secrets.items()}
        return [self._look(file, looked, names) for file in sorted(files)]

    def _look(self, file: Path, secrets: re.Pattern[bytes], names: Mapping[bytes, str]) -> LogRead:
        begun = self._read.get(file, 0)
        with file.open("rb") as log:
            if begun > log.seek(0, SEEK_END):  # begun anew
                begun = 0
            log.seek(begun)
            text = log.read()
        self._read[file] = begun + text.rfind(b"\n") + 1
        lines = text.splitlines()
        holds = [f"{names[found[0]]}: {_around(line, found)}" for line in lines for found in secrets.finditer(line)]
        holds += [f"a phone number: {_around(line, found)}" for line in lines for found in PHONE.finditer(line)]
        return LogRead(file=file.name, read_bytes=len(text), holds=holds, at=monotonic())


def _around(line: bytes, found: re.Match[bytes]) -> str:
    """What stands before and after it, without it."""
    before, after = line[: found.start()][-_SHOWN_BYTES:], line[found.end() :][:_SHOWN_BYTES]
    return f"{before.decode(errors='replace')}…{after.decode(errors='replace')}"
