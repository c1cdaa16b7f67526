"""`make bench`: prints ceiling, figure and ratio of each benchmark. `python -m bench p1 p3` runs only those."""

import asyncio
import sys

from rich.console import Console
from rich.table import Table

from bench import (
    p1_bulk_accept,
    p2_bulk_end_to_end,
    p3_real_time,
    p4_resolve,
    p5_webhooks,
    p6_handsets,
    p7_growth,
    p8_numbers,
    p9_export,
    p10_console,
    p15_signing,
    p17_sip_calls,
    p18_client,
    p19_testing,
)
from bench.report import Row
from callmark.kit import logs

ALL = {
    "p1": p1_bulk_accept.run,
    "p2": p2_bulk_end_to_end.run,
    "p3": p3_real_time.run,
    "p4": p4_resolve.run,
    "p5": p5_webhooks.run,
    "p6": p6_handsets.run,
    "p7": p7_growth.run,
    "p8": p8_numbers.run,
    "p9": p9_export.run,
    "p10": p10_console.run,
    "p15": p15_signing.run,
    "p17": p17_sip_calls.run,
    "p18": p18_client.run,
    "p19": p19_testing.run,
}


def main() -> None:
    logs.set_up("error")
    rows: list[Row] = []
    for name in sys.argv[1:] or list(ALL):
        print(f"{name} …", file=sys.stderr, flush=True)
        found = asyncio.run(ALL[name]())
        for row in found:  # the table comes at the end; a long run should not lose what it has
            print(f"{row.name}: {row.measure}: {row.figure} {row.ratio}", file=sys.stderr, flush=True)
        rows += found
    table = Table(
        "", "measure", "ceiling", "figure", "ratio", "aim", title="Callmark benchmarks, everything on this machine"
    )
    for row in rows:
        table.add_row(row.name, row.measure, row.ceiling, row.figure, row.ratio, row.aim)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
