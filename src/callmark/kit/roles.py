"""What a process may do; `callmark serve` runs all of it, or the roles that are named."""

from collections.abc import Iterable

from msgspec import Struct

DATABASE = frozenset({"postgresql", "schema"})
"""The checks of PostgreSQL that `/readyz` makes."""


class ProcessRole(Struct, frozen=True):
    """Which kind of process does it, and the engines that it cannot do without (checks of `/readyz`)."""

    kind: str
    needs: frozenset[str] = DATABASE


ROLES = {
    "api": ProcessRole("http"),
    "gateway": ProcessRole("http", DATABASE | {"nats"}),
    "console": ProcessRole("http"),
    "stir": ProcessRole("http"),
    "worker": ProcessRole("worker"),
}
HTTP_ROLES = frozenset(name for name, role in ROLES.items() if role.kind == "http")

NEEDED_KINDS = tuple(dict.fromkeys(role.kind for role in ROLES.values()))
"""The kinds of process without one of which an installation does not work."""
ALL_ROLES = "all-roles"
"""The kind of the one process that does everything, for a platform of one developer (demo, test session)."""
_KINDS = (*NEEDED_KINDS, "handsets")
PROCESS_KINDS = {**{kind: frozenset({kind}) for kind in _KINDS}, ALL_ROLES: frozenset(_KINDS)}
"""The kinds of process that an installation consists of, and which kinds each of them stands for."""


def kinds_done_by(kinds: Iterable[str]) -> set[str]:
    """The kinds of process whose work is done by processes of `kinds`: their own, and each for one of all roles."""
    return {one for kind in kinds for one in PROCESS_KINDS.get(kind, {kind})}


def roles_of(kind: str, chosen: Iterable[str]) -> frozenset[str]:
    """Those of the `chosen` roles that a process of this kind does."""
    return frozenset(role for role in chosen if ROLES[role].kind in PROCESS_KINDS[kind])


def parse_roles(text: str) -> frozenset[str]:
    """The roles that are named, separated by commas. Raises ValueError that says what is wrong."""
    found = frozenset(role.strip() for role in text.split(",") if role.strip())
    known = ", ".join(sorted(ROLES))
    if not found:
        raise ValueError(f"it names no role; the roles are {known}")
    if unknown := found - ROLES.keys():
        raise ValueError(f"unknown role {', '.join(sorted(unknown))}; the roles are {known}")
    return found
