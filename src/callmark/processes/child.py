"""The program of every child process: `python -m callmark.processes.child KIND …`, its settings on `--settings-fd`.

Kinds: `http` (the HTTP roles given), `worker`, `handsets` (the emulator's virtual handsets), and `all-roles` (all of
these). It writes one JSON line to `--ready-fd` once it serves or cannot, and ends on SIGTERM. It dies with its parent
(see `engines.child.spawn`).
Here is what a parent knows of it too; what it does is in `child_work`.
"""

import argparse

import msgspec

from callmark.kit.process_start import import_without, importing
from callmark.kit.roles import PROCESS_KINDS


class Ready(msgspec.Struct):
    """What a child tells its parent, once: that it serves, or why it cannot."""

    admin_port: int = 0
    error: str = ""


class ChildHealth(msgspec.Struct):
    """What `/healthz` of a child's admin port says: it answers, and these of its parts do not do their work."""

    status: str
    troubles: dict[str, str] = {}


def _roles(text: str) -> frozenset[str]:
    """Those that this process does; none of one that has other work."""
    return frozenset(filter(None, text.split(",")))


def main() -> None:
    """Reads the command line, runs the process, and exits 1 with one clear line when it cannot."""
    parser = argparse.ArgumentParser(prog="callmark.processes.child")
    parser.add_argument("kind", choices=list(PROCESS_KINDS))
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--admin-port", type=int, default=0)
    parser.add_argument("--roles", type=_roles, default="")
    parser.add_argument("--settings-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--board-fd", type=int)
    args = parser.parse_args()
    with importing():
        import_without("structlog", "rich", "colorama")  # with which it paints what is read at a terminal
        from callmark.processes.child_work import load, work

        load(PROCESS_KINDS[args.kind], args.roles)
    work(args)


if __name__ == "__main__":
    main()
