"""The stored baseline of `make bench-check`: what each measure was, and how much worse it may become."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.table import Table

from bench.report import Row
from bench.results import Machine, Results

FILE = Path(__file__).parent / "baseline.json"
RATIO_TOLERANCE, FIGURE_TOLERANCE = 0.15, 0.40
"""Of new measures; edit the file for one of them. Figures without a ceiling differ more between runs and machines."""


class Expected(msgspec.Struct, frozen=True):
    """A measure's value, and the share by which it may be worse."""

    value: float
    tolerance: float


class Baseline(msgspec.Struct, frozen=True):
    """Measures by name, and where they were made."""

    made_at: str
    commit: str
    machine: Machine
    expected: dict[str, Expected]


class Difference(msgspec.Struct, frozen=True):
    """A measure now beside its baseline; `change` is the share by which it became better, below zero worse."""

    measure: str
    before: float | None
    now: float | None
    change: float
    tolerance: float

    @property
    def verdict(self) -> str:
        if self.before is None:
            return "new"
        if self.now is None:
            return "gone"
        if self.change < -self.tolerance:
            return "worse"
        return "better" if self.change > self.tolerance else "same"

    @property
    def fails(self) -> bool:
        return self.verdict in {"worse", "gone"}


def read() -> Baseline | None:
    return msgspec.json.decode(FILE.read_bytes(), type=Baseline) if FILE.exists() else None


def renewed(old: Baseline | None, found: Results) -> Baseline:
    """The baseline with what was found; tolerances stay, and so do measures of benchmarks that did not run."""
    known = old.expected if old else {}
    expected = {key: one for key, one in known.items() if key.split()[0] not in found.names}
    for result in found.results:
        row = result.row
        if row.value is not None:
            tolerance = known[row.key].tolerance if row.key in known else _usual_tolerance(row)
            expected[row.key] = Expected(row.value, tolerance)
    return Baseline(found.made_at, found.commit, found.machine, expected)


def _usual_tolerance(row: Row) -> float:
    return RATIO_TOLERANCE if row.ratio else FIGURE_TOLERANCE


def compared(baseline: Baseline, found: Results) -> Iterator[Difference]:
    """Each measure of the benchmarks that ran."""
    rows = {result.row.key: result.row for result in found.results if result.row.value is not None}
    for key, expected in baseline.expected.items():
        if key in rows:
            row = rows.pop(key)
            yield Difference(key, expected.value, row.value, _change(row, expected.value), expected.tolerance)
        elif key.split()[0] in found.names:
            yield Difference(key, expected.value, None, -1.0, expected.tolerance)
    for key, row in rows.items():
        yield Difference(key, None, row.value, 0.0, 0.0)


def _change(row: Row, before: float) -> float:
    assert row.value is not None
    if row.less_is_better:
        return before / row.value - 1 if row.value else 0.0
    return row.value / before - 1 if before else 0.0


def as_table(baseline: Baseline, found: Results, differences: list[Difference]) -> Table:
    title = f"{found.commit} ({found.made_at}) beside {baseline.commit} ({baseline.made_at})"
    table = Table("measure", "baseline", "now", "change", "may be worse by", "", title=title)
    for one in sorted(differences, key=lambda each: (not each.fails, each.change)):
        known = one.before is not None and one.now is not None
        table.add_row(
            one.measure,
            _text(one.before),
            _text(one.now),
            f"{one.change:+.0%}" if known else "",
            f"{one.tolerance:.0%}" if one.before is not None else "",
            one.verdict,
            style="bold red" if one.fails else None,
        )
    return table


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
