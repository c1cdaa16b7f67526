"""What a process may do; `callmark serve` runs all of them, or those that are named."""

HTTP_ROLES = frozenset({"api", "console", "gateway", "stir"})
"""What the HTTP processes do, each all of those that are chosen."""
ROLES = HTTP_ROLES | {"worker"}


def parse_roles(text: str) -> frozenset[str]:
    """The roles that are named, separated by commas. Raises ValueError that says what is wrong."""
    found = frozenset(role.strip() for role in text.split(",") if role.strip())
    known = ", ".join(sorted(ROLES))
    if not found:
        raise ValueError(f"it names no role; the roles are {known}")
    if unknown := found - ROLES:
        raise ValueError(f"unknown role {', '.join(sorted(unknown))}; the roles are {known}")
    return found
