"""Who acts in tests: alice owns the account, bob is her colleague."""

from uuid import UUID

from callmark.domain.policy.model import Actor, ActorKind, Role, Scope

ALICE = Actor(ActorKind.MEMBER, "alice@acme.example")
BOB = Actor(ActorKind.MEMBER, "bob@acme.example")
OPERATOR = Actor(ActorKind.COMMAND_LINE, "operator@localhost")


def owner_of(node_id: UUID | None) -> Actor:
    """Olivia, who owns a process; None for one who has not been given a place yet."""
    scope = Scope(node_id, is_nowhere=node_id is None)
    return Actor(ActorKind.MEMBER, "olivia@acme.example", Role.PROCESS_OWNER, scope)
