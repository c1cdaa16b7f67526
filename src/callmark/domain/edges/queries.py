"""The SQL of edges."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from callmark.domain.edges.model import NOTED_EVERY, Edge
from callmark.domain.ids import AccountId, EdgeId
from callmark.kit.postgres.database import Row, Tx


class EdgeRequest(NamedTuple):
    """A token that a call server sent, and when."""

    token_sha256: bytes
    at: datetime


def _edge(row: Row) -> Edge:
    return Edge(
        EdgeId(row["id"]),
        row["name"],
        row["account_id"] and AccountId(row["account_id"]),
        row["created_at"],
        row["last_used_at"],
        row["revoked_at"],
    )


async def insert_edge(tx: Tx, edge: Edge, token_sha256: bytes) -> None:
    """Writes a new edge."""
    await tx.execute(
        "INSERT INTO edge (id, name, account_id, token_sha256, created_at) VALUES ($1, $2, $3, $4, $5)",
        edge.id,
        edge.name,
        edge.account_id,
        token_sha256,
        edge.created_at,
    )


async def select_edges(tx: Tx, account_id: AccountId | None = None) -> list[Edge]:
    """Every edge, or those of an account; revoked ones too, oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM edge WHERE $1::uuid IS NULL OR account_id = $1 ORDER BY created_at, id", account_id
    )
    return list(map(_edge, rows))


async def revoke_edge(tx: Tx, edge_id: EdgeId, now: datetime) -> Edge | None:
    """Marks an edge as revoked (the first time stands); None for an unknown one."""
    row = await tx.fetchrow(
        "UPDATE edge SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING *", edge_id, now
    )
    return _edge(row) if row else None


async def admit(tx: Tx, requests: Sequence[EdgeRequest]) -> list[tuple[Edge, bool] | None]:
    """For each: the live edge with this token, and whether its account is active; None without one.

    One statement, so that revocation holds at once and nothing is cached. It notes the use, at most once a minute for
    each edge; an edge that another statement is noting is left to that one, so that statements never wait for each
    other. Must run outside a transaction. Index `edge_token_unique`.
    """
    rows = await tx.fetch(
        """
        WITH asked AS MATERIALIZED (
          SELECT n.number, n.at, e.*, a.state IS NULL OR a.state = 'active' AS is_active
          FROM unnest($1::bytea[], $2::timestamptz[]) WITH ORDINALITY AS n (sha256, at, number)
          JOIN edge e ON e.token_sha256 = n.sha256 AND e.revoked_at IS NULL
          LEFT JOIN client_account a ON a.id = e.account_id
        ), due AS (
          SELECT e.id, (SELECT max(at) FROM asked WHERE asked.id = e.id) AS at FROM edge e
          WHERE e.id IN (SELECT id FROM asked WHERE last_used_at IS NULL OR last_used_at <= at - $3::interval)
          FOR NO KEY UPDATE SKIP LOCKED
        ), noted AS (
          UPDATE edge SET last_used_at = due.at FROM due WHERE edge.id = due.id
        )
        SELECT * FROM asked
        """,
        [one.token_sha256 for one in requests],
        [one.at for one in requests],
        NOTED_EVERY,
    )
    found = {row["number"]: (_edge(row), row["is_active"]) for row in rows}
    return [found.get(number) for number in range(1, len(requests) + 1)]
