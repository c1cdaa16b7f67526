"""The SQL of operators."""

from callmark.domain.ids import OperatorId
from callmark.domain.operators.model import Operator
from callmark.kit.errors import Conflict
from callmark.kit.postgres.database import Row, Tx


async def insert_operator(tx: Tx, operator: Operator, password_hash: str) -> None:
    """Writes a new operator. Conflict when the address is taken, in any spelling of case."""
    tag = await tx.execute(
        "INSERT INTO operator_user (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (lower(email)) DO NOTHING",
        operator.id,
        operator.email,
        operator.name,
        password_hash,
        operator.created_at,
    )
    if tag != "INSERT 0 1":
        raise Conflict("an operator with this email already exists")


async def select_operators(tx: Tx) -> list[Operator]:
    """All operators, oldest first."""
    rows = await tx.fetch("SELECT id, email, name, created_at FROM operator_user ORDER BY created_at, id")
    return [_operator(row) for row in rows]


async def select_operator(tx: Tx, operator_id: OperatorId) -> Operator | None:
    """The operator, or None."""
    row = await tx.fetchrow("SELECT id, email, name, created_at FROM operator_user WHERE id = $1", operator_id)
    return _operator(row) if row else None


async def lock_operators(tx: Tx) -> list[Operator]:
    """All operators, their rows locked until the transaction ends, always in the same order."""
    rows = await tx.fetch("SELECT id, email, name, created_at FROM operator_user ORDER BY id FOR UPDATE")
    return [_operator(row) for row in rows]


async def delete_operator(tx: Tx, operator_id: OperatorId) -> None:
    """Removes the row and its sessions."""
    await tx.execute("DELETE FROM operator_user WHERE id = $1", operator_id)


def _operator(row: Row) -> Operator:
    return Operator(OperatorId(row["id"]), row["email"], row["name"], row["created_at"])
