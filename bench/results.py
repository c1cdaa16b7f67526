"""What a run of benchmarks found: the middle of its rounds, as a table and as a file."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.table import Table

from bench.report import Row

ROOT = Path(__file__).parent.parent
LAST = ROOT / "build" / "bench.json"
"""The results of the last run."""


class Machine(msgspec.Struct, frozen=True):
    """Where the figures were made: they belong to it, while ratios hold roughly elsewhere."""

    cores: int
    processor: str
    load: float
    """Load average of the last minute before the first benchmark; above 0.5 the machine was not idle."""


class Result(msgspec.Struct, frozen=True):
    """The middle row of all rounds, and the value of each round."""

    row: Row
    rounds: list[float]


class Results(msgspec.Struct, frozen=True):
    """A run: when, of which commit and where."""

    made_at: str
    commit: str
    machine: Machine
    results: list[Result]

    @property
    def names(self) -> set[str]:
        """The benchmarks that gave results: P1, P2."""
        return {result.row.name for result in self.results}


def medians(rows: Iterable[Row]) -> list[Result]:
    """The middle of the rows of each measure, in the order in which the measures came.

    The rounds of a measure are its rows, whether a benchmark ran several times or measured several times in one run.
    Of an even number it is the worse one of the two in the middle.
    """
    rounds: dict[str, list[Row]] = {}
    for row in rows:
        rounds.setdefault(row.key, []).append(row)
    return [_middle(same) for same in rounds.values()]


def _middle(same: Sequence[Row]) -> Result:
    ordered = sorted(same, key=lambda row: row.value or 0.0)
    middle = ordered[len(ordered) // 2 if ordered[0].less_is_better else (len(ordered) - 1) // 2]
    return Result(middle, [row.value for row in same if row.value is not None])


def machine() -> Machine:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return Machine(os.cpu_count() or 1, name, round(os.getloadavg()[0], 2))


def collected(rows: Iterable[Row], where: Machine) -> Results:
    commit = subprocess.run(
        ["/usr/bin/env", "git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    ).stdout.strip()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Results(now, commit or "unknown", where, medians(rows))


def save(results: msgspec.Struct, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def load(file: Path) -> Results:
    if not file.exists():
        raise SystemExit(f"{file} is not there: run `make bench` first")
    return msgspec.json.decode(file.read_bytes(), type=Results)


def as_table(results: Results) -> Table:
    where = results.machine
    title = f"Callmark {results.commit} on {where.cores} cores, everything on this machine, load before {where.load}"
    table = Table("", "measure", "ceiling", "figure", "ratio", "rounds", "aim", title=title)
    for result in results.results:
        row = result.row
        table.add_row(row.name, row.measure, row.ceiling, row.figure, row.ratio, spread(result.rounds), row.aim)
    return table


def spread(rounds: Sequence[float]) -> str:
    """The least and the most, where there are several rounds."""
    return f"{min(rounds):.3g} to {max(rounds):.3g}" if len(rounds) > 1 else ""
