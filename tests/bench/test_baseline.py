"""What `make bench` keeps of its rounds, and what `make bench-check` calls worse."""

from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from bench.baseline import Baseline, Difference, Expected, as_table, compared, renewed
from bench.report import Row, cost, rate
from bench.results import Machine, Results, load, medians, save
from rich.console import Console

HERE = Machine(2, "made up", 0.1)


def bulk(figure: float) -> Row:
    return rate("P1", "bulk", ceiling=1000, what="psql COPY", figure=figure, aim="≥ 0.55")


def latency(ms: float) -> Row:
    return cost("P3", "latency", figure=ms, unit="ms", aim="≤ 10 ms")


def found(*rows: Row) -> Results:
    return Results("2026-01-02T03:04:05+00:00", "abc", HERE, medians(rows))


def against(known: dict[str, tuple[float, float]], *rows: Row) -> dict[str, Difference]:
    expected = {key: Expected(value, tolerance) for key, (value, tolerance) in known.items()}
    baseline = Baseline("2026-01-01T00:00:00+00:00", "abb", HERE, expected)
    return {one.measure: one for one in compared(baseline, found(*rows))}


def failing(differences: Iterable[Difference]) -> set[str]:
    return {one.measure for one in differences if one.fails}


def test_the_middle_of_the_rounds_is_the_result() -> None:
    result, other = medians([bulk(500), latency(4), bulk(300), latency(9), bulk(400), latency(5)])
    assert (result.row.figure, result.row.ratio, result.rounds) == ("400/s", "0.40", [0.5, 0.3, 0.4])
    assert (other.row.figure, other.rounds) == ("5 ms", [4, 9, 5])


def test_of_two_rounds_the_worse_one_counts() -> None:
    assert [result.row.value for result in medians([latency(4), latency(9), bulk(400), bulk(300)])] == [9, 0.3]


def test_a_rate_that_fell_further_than_its_tolerance_is_worse() -> None:
    assert failing(against({"P1 bulk": (0.5, 0.1)}, bulk(440)).values()) == {"P1 bulk"}
    assert not failing(against({"P1 bulk": (0.5, 0.1)}, bulk(460)).values())
    assert against({"P1 bulk": (0.5, 0.1)}, bulk(700))["P1 bulk"].verdict == "better"


def test_a_cost_that_rose_is_worse_and_one_that_fell_is_better() -> None:
    assert against({"P3 latency": (10, 0.2)}, latency(14))["P3 latency"].verdict == "worse"
    assert against({"P3 latency": (10, 0.2)}, latency(7))["P3 latency"].verdict == "better"


def test_a_measure_that_a_benchmark_no_longer_gives_fails() -> None:
    seen = against({"P1 bulk": (0.5, 0.1), "P1 two": (0.5, 0.1), "P3 latency": (10, 0.2)}, bulk(500))
    assert failing(seen.values()) == {"P1 two"}
    assert "P3 latency" not in seen, "P3 did not run"


def test_a_measure_without_a_baseline_is_new_and_fails_nothing() -> None:
    (new,) = against({}, bulk(500)).values()
    assert (new.verdict, new.fails) == ("new", False)


def test_a_new_baseline_keeps_tolerances_and_what_did_not_run() -> None:
    old = Baseline("", "", HERE, {"P1 bulk": Expected(0.3, 0.05), "P1 gone": Expected(1, 1), "P5 x": Expected(2, 0.3)})
    new = renewed(old, found(bulk(500), latency(7)))
    assert new.expected["P1 bulk"] == Expected(0.5, 0.05)
    assert new.expected["P5 x"] == Expected(2, 0.3)
    assert new.expected["P3 latency"].tolerance > new.expected["P1 bulk"].tolerance
    assert "P1 gone" not in new.expected


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = found(bulk(500), latency(7))
    save(results, tmp_path / "new" / "bench.json")
    assert load(tmp_path / "new" / "bench.json") == results


def test_the_table_begins_with_what_became_worse() -> None:
    differences = list(against({"P1 bulk": (0.5, 0.1), "P3 latency": (10, 0.2)}, bulk(500), latency(99)).values())
    console = Console(width=150, file=StringIO(), record=True)
    console.print(as_table(Baseline("", "", HERE, {}), found(bulk(500)), differences))
    lines = [line for line in console.export_text().splitlines() if "P1" in line or "P3" in line]
    assert "P3 latency" in lines[0]
    assert "worse" in lines[0]
