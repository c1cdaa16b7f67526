"""The SQL of feature sets."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from callmark.domain.feature_sets.model import (
    FeatureSet,
    FeatureSetDependents,
    FeatureSetName,
    FeatureSetPlace,
    FeatureSetState,
    FeatureSetUses,
    NodeFilter,
    PhoneType,
    PlacedFeatureSet,
)
from callmark.domain.ids import (
    AccountId,
    CallReasonId,
    CatalogueId,
    DepartmentId,
    FeatureSetId,
    LabelId,
    OperationId,
    ProcessId,
)
from callmark.domain.structure.catalogue import operation_name
from callmark.kit.postgres.database import Row, Tx

_FEATURE_SET = (
    "id, account_id, process_id, is_number_group, name, description, state, phone_type, label_id, call_reason_id,"
    " call_me_back, survey, number_count, created_by_email, created_at, updated_at"
)
_IN_PLACE = """
    FROM feature_set f
    JOIN calling_process p ON p.id = f.process_id
    LEFT JOIN calling_process up ON up.id = p.parent_id
    JOIN calling_operation o ON o.id = p.operation_id
    JOIN department d ON d.id = o.department_id
"""
_WITHIN = """
    WHERE f.account_id = $1 AND ($2::uuid IS NULL OR o.department_id = $2) AND ($3::uuid IS NULL OR o.id = $3)
      AND ($4::uuid IS NULL OR p.id = $4 OR p.parent_id = $4)
"""
_BELOW = "WHERE f.account_id = $1 AND ($2::uuid IS NULL OR $2 IN (d.id, o.id, p.id, p.parent_id))"
_PLACED = (
    "SELECT " + ", ".join(f"f.{column.strip()}" for column in _FEATURE_SET.split(",")) + ", d.id AS department_id,"
    " d.name AS department_name, o.id AS operation_id, o.catalogue_id, coalesce(up.id, p.id) AS top_id,"
    " coalesce(up.name, p.name) AS top_name, up.id IS NOT NULL AS is_sub, p.name AS node_name" + _IN_PLACE
)


async def lock_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet | None:
    """The account's feature set or number group, its row locked until the transaction ends; None for an unknown one."""
    row = await tx.fetchrow(
        f"SELECT {_FEATURE_SET} FROM feature_set WHERE id = $2 AND account_id = $1 FOR NO KEY UPDATE",
        account_id,
        feature_set_id,
    )
    return _feature_set(row) if row else None


async def set_state(tx: Tx, feature_set_id: FeatureSetId, state: FeatureSetState, now: datetime) -> None:
    """Sets the state of a locked feature set."""
    await tx.execute(
        "UPDATE feature_set SET state = $2, updated_at = $3 WHERE id = $1", feature_set_id, state.value, now
    )


async def add_to_number_count(tx: Tx, feature_set_id: FeatureSetId, by: int) -> None:
    """Adds `by` to the count of its numbers."""
    await tx.execute("UPDATE feature_set SET number_count = number_count + $2 WHERE id = $1", feature_set_id, by)


async def insert_feature_set(tx: Tx, feature_set: FeatureSet) -> None:
    """Writes a new feature set, whose name is free in its place."""
    await tx.execute(
        f"INSERT INTO feature_set ({_FEATURE_SET})"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        feature_set.id,
        feature_set.account_id,
        feature_set.process_id,
        feature_set.is_number_group,
        feature_set.name,
        feature_set.description,
        feature_set.state.value,
        feature_set.phone_type.value,
        feature_set.label_id,
        feature_set.call_reason_id,
        feature_set.call_me_back,
        feature_set.survey,
        feature_set.number_count,
        feature_set.created_by_email,
        feature_set.created_at,
        feature_set.updated_at,
    )


async def update_feature_set(tx: Tx, feature_set: FeatureSet) -> None:
    """Sets what may change of a locked feature set; state and count have statements of their own."""
    await tx.execute(
        "UPDATE feature_set SET process_id = $2, name = $3, description = $4, phone_type = $5, label_id = $6,"
        " call_reason_id = $7, call_me_back = $8, survey = $9, updated_at = $10 WHERE id = $1",
        feature_set.id,
        feature_set.process_id,
        feature_set.name,
        feature_set.description,
        feature_set.phone_type.value,
        feature_set.label_id,
        feature_set.call_reason_id,
        feature_set.call_me_back,
        feature_set.survey,
        feature_set.updated_at,
    )


async def delete_feature_set(tx: Tx, feature_set_id: FeatureSetId) -> None:
    """Removes a feature set without numbers."""
    await tx.execute("DELETE FROM feature_set WHERE id = $1", feature_set_id)


async def select_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet | None:
    """The account's feature set or number group, or None."""
    row = await tx.fetchrow(
        f"SELECT {_FEATURE_SET} FROM feature_set WHERE id = $2 AND account_id = $1",
        account_id,
        feature_set_id,
    )
    return _feature_set(row) if row else None


async def select_other_names(tx: Tx, feature_set: FeatureSet) -> list[str]:
    """Names of the others in the same place. Index feature_set_name_unique."""
    rows = await tx.fetch(
        "SELECT name FROM feature_set WHERE account_id = $1 AND process_id IS NOT DISTINCT FROM $2 AND id <> $3",
        feature_set.account_id,
        feature_set.process_id,
        feature_set.id,
    )
    return [row["name"] for row in rows]


async def select_uses(tx: Tx, account_id: AccountId, among: Sequence[FeatureSetId] | None) -> FeatureSetUses:
    """Which feature sets and number groups of the account, or (not None) of these, show which label and call reason."""
    rows = await tx.fetch(
        "SELECT name, label_id, call_reason_id FROM feature_set"
        " WHERE account_id = $1 AND ($2::uuid[] IS NULL OR id = ANY ($2)) ORDER BY id",
        account_id,
        among,
    )
    labels: defaultdict[LabelId, list[str]] = defaultdict(list)
    reasons: defaultdict[CallReasonId, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["name"].casefold()):
        labels[row["label_id"]].append(row["name"])
        reasons[row["call_reason_id"]].append(row["name"])
    return FeatureSetUses(labels, reasons)


async def select_dependents(tx: Tx, feature_set_id: FeatureSetId) -> FeatureSetDependents:
    """What the database deletes with a feature set, and what only admins see afterwards; campaigns are newest first.

    Index callback_request_to_do.
    """
    config = await tx.fetchval("SELECT name FROM callback_config WHERE feature_set_id = $1", feature_set_id)
    campaigns = await tx.fetch(
        "SELECT c.name, (SELECT count(*) FROM feedback f WHERE f.campaign_id = c.id) AS answers FROM campaign c"
        " WHERE c.feature_set_id = $1 ORDER BY c.created_at DESC, c.id DESC",
        feature_set_id,
    )
    open_requests = await tx.fetchval(
        "SELECT count(*) FROM callback_request WHERE feature_set_id = $1 AND state <> 'done'"
        " AND account_id = (SELECT account_id FROM feature_set WHERE id = $1)",
        feature_set_id,
    )
    answers = sum(row["answers"] for row in campaigns)
    return FeatureSetDependents(config or "", [row["name"] for row in campaigns], answers, open_requests)


async def select_placed_page(
    tx: Tx, account_id: AccountId, within: NodeFilter, skip: int, limit: int
) -> list[PlacedFeatureSet]:
    """Up to `limit` feature sets after the newest `skip`, with their places, newest first; no number groups."""
    rows = await tx.fetch(
        _PLACED + _WITHIN + "ORDER BY f.created_at DESC, f.id DESC LIMIT $5 OFFSET $6",
        account_id,
        within.department_id,
        within.operation_id,
        within.process_id,
        limit,
        skip,
    )
    return [_placed(row) for row in rows]


async def count_placed(tx: Tx, account_id: AccountId, within: NodeFilter) -> int:
    """How many feature sets `select_placed_page` has in all."""
    return await tx.fetchval(
        "SELECT count(*)" + _IN_PLACE + _WITHIN,
        account_id,
        within.department_id,
        within.operation_id,
        within.process_id,
    )


async def select_placed(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> PlacedFeatureSet | None:
    """The account's feature set with its place; None for an unknown one and for a number group."""
    row = await tx.fetchrow(_PLACED + "WHERE f.account_id = $1 AND f.id = $2", account_id, feature_set_id)
    return _placed(row) if row else None


async def select_placed_each(
    tx: Tx, account_id: AccountId, feature_sets: Collection[FeatureSetId]
) -> list[PlacedFeatureSet]:
    """Those of the account's feature sets, with their places, in no order; no number groups. Primary key."""
    rows = await tx.fetch(_PLACED + "WHERE f.account_id = $1 AND f.id = ANY ($2::uuid[])", account_id, feature_sets)
    return [_placed(row) for row in rows]


async def select_groups_each(tx: Tx, account_id: AccountId, feature_sets: Collection[FeatureSetId]) -> list[FeatureSet]:
    """Those of the account's number groups, in no order. Primary key."""
    rows = await tx.fetch(
        f"SELECT {_FEATURE_SET} FROM feature_set"
        " WHERE account_id = $1 AND process_id IS NULL AND id = ANY ($2::uuid[])",
        account_id,
        feature_sets,
    )
    return [_feature_set(row) for row in rows]


async def select_placed_names(
    tx: Tx, account_id: AccountId, node_id: UUID | None, within: UUID | None, state: FeatureSetState | None
) -> list[FeatureSetName]:
    """Feature sets on and below both nodes of any kind (None: all), in no order; of one state, or all of them.

    No number groups.
    """
    rows = await tx.fetch(
        "SELECT f.id, f.name"
        + _IN_PLACE
        + _BELOW
        + " AND ($3::uuid IS NULL OR $3 IN (d.id, o.id, p.id, p.parent_id)) AND ($4::text IS NULL OR f.state = $4)",
        account_id,
        node_id,
        within,
        state and state.value,
    )
    return [FeatureSetName(row[0], row[1]) for row in rows]


async def select_group_names(tx: Tx, account_id: AccountId, state: FeatureSetState | None) -> list[FeatureSetName]:
    """The account's number groups, in no order; of one state, or all of them. Index feature_set_name_unique."""
    rows = await tx.fetch(
        "SELECT id, name FROM feature_set WHERE account_id = $1 AND process_id IS NULL"
        " AND ($2::text IS NULL OR state = $2)",
        account_id,
        state and state.value,
    )
    return [FeatureSetName(row[0], row[1], is_number_group=True) for row in rows]


async def any_below(tx: Tx, account_id: AccountId, node_id: UUID | None) -> bool:
    """Whether there is a feature set on or below a node of any kind, or (None) any at all, number groups too."""
    if node_id is None:
        return await tx.fetchval("SELECT EXISTS (SELECT FROM feature_set WHERE account_id = $1)", account_id)
    return await tx.fetchval("SELECT EXISTS (SELECT" + _IN_PLACE + _BELOW + ")", account_id, node_id)


async def count_offering(tx: Tx, account_id: AccountId) -> int:
    """How many of the account's feature sets and number groups offer a call back."""
    return await tx.fetchval("SELECT count(*) FROM feature_set WHERE account_id = $1 AND call_me_back", account_id)


async def select_ids_below(tx: Tx, account_id: AccountId, node_id: UUID | None) -> list[FeatureSetId]:
    """Feature sets on and below a node of any kind (None: all), in no order; no number groups."""
    return [FeatureSetId(row["id"]) for row in await tx.fetch("SELECT f.id" + _IN_PLACE + _BELOW, account_id, node_id)]


async def select_number_groups(tx: Tx, account_id: AccountId) -> list[FeatureSet]:
    """The account's number groups, by name. Index feature_set_name_unique."""
    rows = await tx.fetch(
        f"SELECT {_FEATURE_SET} FROM feature_set WHERE account_id = $1 AND process_id IS NULL ORDER BY id", account_id
    )
    return sorted(map(_feature_set, rows), key=lambda one: one.name.casefold())


def _feature_set(row: Row) -> FeatureSet:
    return FeatureSet(
        id=FeatureSetId(row["id"]),
        account_id=AccountId(row["account_id"]),
        process_id=ProcessId(row["process_id"]) if row["process_id"] else None,
        is_number_group=row["is_number_group"],
        name=row["name"],
        description=row["description"],
        state=FeatureSetState(row["state"]),
        phone_type=PhoneType(row["phone_type"]),
        label_id=LabelId(row["label_id"]) if row["label_id"] else None,
        call_reason_id=CallReasonId(row["call_reason_id"]) if row["call_reason_id"] else None,
        call_me_back=row["call_me_back"],
        survey=row["survey"],
        number_count=row["number_count"],
        created_by_email=row["created_by_email"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _placed(row: Row) -> PlacedFeatureSet:
    is_sub, catalogue_id = row["is_sub"], CatalogueId(row["catalogue_id"])
    return PlacedFeatureSet(
        _feature_set(row),
        FeatureSetPlace(
            department_id=DepartmentId(row["department_id"]),
            department_name=row["department_name"],
            operation_id=OperationId(row["operation_id"]),
            catalogue_id=catalogue_id,
            operation_name=operation_name(catalogue_id),
            process_id=ProcessId(row["top_id"]),
            process_name=row["top_name"],
            sub_process_id=ProcessId(row["process_id"]) if is_sub else None,
            sub_process_name=row["node_name"] if is_sub else "",
        ),
    )
