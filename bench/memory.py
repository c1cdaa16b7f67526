"""What processes hold: memory as the kernel divides it among those who share it, and open files."""

from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Megabytes of a process: `pss` with its part of what it shares with others; `own` is what it allocated itself.

    So `own` has neither shared memory nor pages of files, such as its program's: the kernel reads these in as they are
    needed and drops them as it likes, and half of NATS are such pages.
    """

    pss: float
    own: float


def memory_mb(pid: int) -> Memory:
    """Zeros for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (OSError, ValueError):
        return Memory(0.0, 0.0)
    kb = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return Memory(kb["Pss"] / 1024, kb.get("Pss_Anon", kb["Pss"] - kb.get("Pss_Shmem", 0)) / 1024)


def resident_kb(pid: int, what: str = "VmRSS") -> int:
    """What a process has in memory, shared or not: now, or at its most (`VmHWM`). Zero for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(what)), 0)


def open_files(pid: int) -> int:
    """Zero for a process that has ended."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
