"""What a process may do; `callmark serve` runs all of them, or those that are named."""

from collections.abc import Iterable

HTTP_ROLES = frozenset({"api", "console", "gateway", "stir"})
"""What the HTTP processes do, each all of those that are chosen."""
ROLES = HTTP_ROLES | {"worker"}

ALL_ROLES = "all-roles"
"""The kind of the one process that does everything, for a platform of one developer (demo, test session)."""
PROCESS_KINDS = {
    "http": frozenset({"http"}),
    "worker": frozenset({"worker"}),
    "handsets": frozenset({"handsets"}),
    ALL_ROLES: frozenset({"http", "worker", "handsets"}),
}
"""The kinds of process that an installation consists of, and which kinds each of them stands for."""


def kinds_done_by(kinds: Iterable[str]) -> set[str]:
    """The kinds of process whose work is done by processes of `kinds`: their own, and each for one of all roles."""
    return {one for kind in kinds for one in PROCESS_KINDS.get(kind, {kind})}


def parse_roles(text: str) -> frozenset[str]:
    """The roles that are named, separated by commas. Raises ValueError that says what is wrong."""
    found = frozenset(role.strip() for role in text.split(",") if role.strip())
    known = ", ".join(sorted(ROLES))
    if not found:
        raise ValueError(f"it names no role; the roles are {known}")
    if unknown := found - ROLES:
        raise ValueError(f"unknown role {', '.join(sorted(unknown))}; the roles are {known}")
    return found
