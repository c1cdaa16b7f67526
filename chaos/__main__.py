"""`python -m chaos`: runs, prints, reports; exits with 1 when a promise was broken."""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import threading
from pathlib import Path

from chaos.plan import FAULT_KINDS
from chaos.report import report
from chaos.run import Order, run

MOST_PRINTED = 10
"""All are in the folder's `violations.txt`."""


def main() -> int:
    """0: every promise was kept; 1: not; 2: it could not run."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same seed makes the same plan (default: a new one)")
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument(
        "--faults",
        default="",
        help=f"only these, separated by commas; `none` for none. Known: {', '.join(FAULT_KINDS)}",
    )
    parser.add_argument("--report", type=Path, help="a file for the report, in Markdown")
    parser.add_argument("--folder", type=Path, help="where history, logs and kept data go (default: a new one)")
    parser.add_argument("--hosts", type=int, choices=(1, 2), default=2, help="how many `callmark serve`")
    given = parser.parse_args()
    kinds = [kind.strip() for kind in given.faults.split(",") if kind.strip()] or [*FAULT_KINDS]
    kinds = [] if kinds == ["none"] else kinds
    if unknown := [kind for kind in kinds if kind not in FAULT_KINDS]:
        parser.error(f"unknown faults: {', '.join(unknown)}")
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="callmark-chaos-run-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}, {given.cycles} cycles; history and logs in {folder}", flush=True)
    order = Order(seed, given.cycles, kinds, given.hosts)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _, __: stopped.set())
    outcome = asyncio.run(run(order, folder, tell=lambda line: print(line, flush=True), is_over=stopped.is_set))
    text = report(outcome)
    print(text)
    (folder / "violations.txt").write_text("\n".join(violation.text() for violation in outcome.violations))
    for violation in outcome.violations[:MOST_PRINTED]:
        print(violation.text())
    if given.report:
        given.report.write_text(text)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
