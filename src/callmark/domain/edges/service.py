"""Use cases of edges: make one, revoke one, and tell which one asks."""

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.edges import queries
from callmark.domain.edges.model import TOKEN_FORM, Edge, edge_name
from callmark.domain.ids import AccountId, EdgeId
from callmark.domain.policy.model import Actor
from callmark.kit.errors import Forbidden, Unauthenticated, found
from callmark.kit.ids import new_id, sha256

_REFUSED = "no edge has this token"


async def create_edge(deps: Deps, name: str, account_id: AccountId | None, *, by: Actor) -> tuple[Edge, str]:
    """The new edge and its token, which is shown this once. Without an account it is the operator's.

    Raises InvalidInput for the name, NotFound for the account.
    """
    edge = Edge(EdgeId(new_id()), edge_name(name), account_id, deps.clock.now())
    token = TOKEN_FORM.new()
    async with deps.db.transaction() as tx:
        if account_id is not None:
            await accounts.get_account_in(tx, account_id)
        await queries.insert_edge(tx, edge, sha256(token))
        facts = {"edge_id": str(edge.id)}
        await audit.note(
            tx, by, AuditAction.EDGE_CREATED, edge.name, account_id=account_id, at=edge.created_at, **facts
        )
    return edge, token


async def list_edges(deps: Deps, account_id: AccountId | None = None) -> list[Edge]:
    """Every edge, or an account's; revoked ones too, oldest first. Raises NotFound for an unknown account."""
    if account_id is not None:
        await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.select_edges(tx, account_id)


async def get_edge(deps: Deps, edge_id: EdgeId) -> Edge:
    """The edge. Raises NotFound."""
    edges = await list_edges(deps)
    return found(next((edge for edge in edges if edge.id == edge_id), None), "no edge with this id")


async def revoke_edge(deps: Deps, edge_id: EdgeId, *, by: Actor) -> Edge:
    """Ends an edge's token; the next request with it is refused. Safe to repeat. Raises NotFound."""
    async with deps.db.transaction() as tx:
        now = deps.clock.now()
        edge = found(await queries.revoke_edge(tx, edge_id, now), "no edge with this id")
        facts = {"edge_id": str(edge.id)}
        await audit.note(tx, by, AuditAction.EDGE_REVOKED, edge.name, account_id=edge.account_id, at=now, **facts)
    return edge


async def authenticate(deps: Deps, token: str) -> Edge:
    """The live edge with this token; its use is noted.

    Raises Unauthenticated, and Forbidden for the edge of a suspended account.
    """
    if not TOKEN_FORM.fits(token):
        raise Unauthenticated(_REFUSED)
    (admitted,) = await deps.gather(queries.admit, [queries.EdgeRequest(sha256(token), deps.clock.now())])
    if admitted is None:
        raise Unauthenticated(_REFUSED)
    edge, is_active = admitted
    if not is_active:
        raise Forbidden
    return edge
