"""Processor time of an installation's processes, which noise on the machine hardly touches."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KINDS = {
    "child http": "api and gateway",
    "child worker": "worker",
    "child handsets": "virtual handsets",
    "child all-roles": "all roles",
    "nats-server": "nats",
    "postgres": "postgresql",
}


def microseconds_by_kind(root: int) -> Counter[str]:
    """Microseconds of processor time so far, by kind of process, of `root` and everything below it.

    With what its ended children used: a connection's process that ends meanwhile takes nothing away.
    """
    found: Counter[str] = Counter()
    for pid in tree(root):
        try:
            kind = kind_of(pid)
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[kind] += sum(map(int, fields[11:15])) * 1_000_000 // TICKS
    return found


def kind_of(pid: int) -> str:
    """Which part of an installation a process is; "ended" when it is none any more."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "ended"
    return next((name for sign, name in KINDS.items() if sign in words), "supervisor")


def per_item(before: Counter[str], after: Counter[str], items: int) -> str:
    """Microseconds of processor time for each item, by kind, the most first."""
    spent = {kind: (after[kind] - before[kind]) / items for kind in after}
    ordered = sorted(spent.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{kind} {us:.0f} µs" for kind, us in ordered if us >= 1)


def tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))
