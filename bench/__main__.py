"""`make bench` and its relatives.

`python -m bench` runs the standard set, `python -m bench p1 p3` only those, `python -m bench all` everything. The
results are printed and written to `build/bench.json`; `python -m bench check` compares them with `bench/baseline.json`
and fails where a measure became worse, `python -m bench baseline` stores them as the new baseline. `python -m bench
scale` is about several processes and hosts, `python -m bench soak` about an hour (`make soak`).
"""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from rich.console import Console

from bench import (
    baseline,
    overload,
    p1_bulk_accept,
    p2_bulk_end_to_end,
    p3_real_time,
    p4_resolve,
    p5_webhooks,
    p6_handsets,
    p7_growth,
    p8_numbers,
    p9_log_downloads,
    p10_console,
    p11_mocks,
    p12_soak,
    p13_reconnecting,
    p14_start,
    p15_signing,
    p17_sip_calls,
    p18_client,
    p19_testing,
    results,
    scaling,
)
from bench.report import Row
from callmark.kit.telemetry import logs

WIDTH = 170


class Benchmark(NamedTuple):
    """A benchmark and how often it runs: once where one run measures several times, among what it has stored."""

    run: Callable[[], Awaitable[list[Row]]]
    rounds: int = 3
    is_standard: bool = True


ALL = {
    "p1": Benchmark(p1_bulk_accept.run),
    "p2": Benchmark(p2_bulk_end_to_end.run),
    "p3": Benchmark(p3_real_time.run),
    "p4": Benchmark(p4_resolve.run, rounds=1),
    "p5": Benchmark(p5_webhooks.run),
    "p6": Benchmark(p6_handsets.run, rounds=1),
    "p7": Benchmark(p7_growth.run, rounds=1),
    "p8": Benchmark(p8_numbers.run, rounds=1, is_standard=False),
    "p9": Benchmark(p9_log_downloads.run, is_standard=False),
    "p10": Benchmark(p10_console.run, rounds=1, is_standard=False),
    "p11": Benchmark(p11_mocks.run, rounds=1),
    "p12": Benchmark(p12_soak.run, rounds=1),
    "p13": Benchmark(p13_reconnecting.run, rounds=1),
    "p14": Benchmark(p14_start.run),
    "p15": Benchmark(p15_signing.run, is_standard=False),
    "p17": Benchmark(p17_sip_calls.run, is_standard=False),
    "p18": Benchmark(p18_client.run, rounds=1, is_standard=False),
    "p19": Benchmark(p19_testing.run, rounds=1, is_standard=False),
    "overload": Benchmark(overload.run, rounds=1, is_standard=False),
    "soak": Benchmark(p12_soak.run_whole, rounds=1, is_standard=False),
}


def main() -> int:
    """0; 1 where a benchmark failed or a measure became worse."""
    logs.set_up("error")
    wanted = sys.argv[1:]
    if wanted == ["check"]:
        return check()
    if wanted == ["scale"]:
        return scaling.main()
    if wanted == ["baseline"]:
        found = results.load(results.LAST)
        results.save(baseline.renewed(baseline.read(), found), baseline.FILE)
        print(f"{baseline.FILE} holds the measures of {found.commit}, made {found.made_at}")
        return 0
    return measure(_names(wanted))


def _names(wanted: Sequence[str]) -> list[str]:
    if wanted == ["all"]:
        return [name for name in ALL if name != "soak"]
    if unknown := [name for name in wanted if name not in ALL]:
        raise SystemExit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}")
    return list(wanted) or [name for name, one in ALL.items() if one.is_standard]


def measure(names: Sequence[str]) -> int:
    where = results.machine()
    rows: list[Row] = []
    failed = 0
    for name in names:
        began = time.perf_counter()
        try:
            rows += _rounds(name)
        except (Exception, SystemExit):  # noqa: BLE001 - the other benchmarks' results are not lost
            traceback.print_exc()
            failed = 1
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    found = results.collected(rows, where)
    results.save(found, results.LAST)
    Console(width=WIDTH).print(results.as_table(found))
    return failed


def _rounds(name: str) -> list[Row]:
    rows: list[Row] = []
    for number in range(ALL[name].rounds):
        print(f"{name}, round {number + 1} …", file=sys.stderr, flush=True)
        found = asyncio.run(_awaited(ALL[name].run))
        for row in found:  # the table comes at the end; a long run should not lose what it has
            print(f"{row.key}: {row.figure} {row.ratio}", file=sys.stderr, flush=True)
        rows += found
    return rows


async def _awaited(run: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
    return await run()


def check() -> int:
    stored, found = baseline.read(), results.load(results.LAST)
    if stored is None:
        raise SystemExit(f"{baseline.FILE} is not there: `make bench-baseline` stores one")
    differences = list(baseline.compared(stored, found))
    Console(width=WIDTH).print(baseline.as_table(stored, found, differences))
    if stored.machine.processor != found.machine.processor:
        print(
            f"The baseline is from another machine ({stored.machine.processor}): figures are no comparison, ratios are."
        )
    return 1 if any(one.fails for one in differences) else 0


if __name__ == "__main__":
    sys.exit(main())
