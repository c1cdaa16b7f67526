"""The SQL of departments, operations, processes and feature sets."""

from callmark.domain.ids import AccountId, CallReasonId, FeatureSetId, LabelId, ProcessId
from callmark.domain.structure.model import FeatureSet, FeatureSetState, PhoneType
from callmark.kit.db import Row, Tx

_FEATURE_SET = (
    "id, account_id, process_id, is_number_group, name, description, state, phone_type, label_id, call_reason_id,"
    " call_me_back, survey, number_count, created_by_email, created_at, updated_at"
)


async def lock_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet | None:
    """The account's feature set or number group, its row locked until the transaction ends; None for an unknown one."""
    row = await tx.fetchrow(
        f"SELECT {_FEATURE_SET} FROM feature_set WHERE id = $2 AND account_id = $1 FOR NO KEY UPDATE",  # noqa: S608 - a constant list of columns
        account_id,
        feature_set_id,
    )
    return _feature_set(row) if row else None


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
