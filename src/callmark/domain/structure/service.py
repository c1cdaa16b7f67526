"""Use cases of an account's structure and of its feature sets (contract, 12.1 and 12.3)."""

from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.structure import queries
from callmark.domain.structure.model import FeatureSet
from callmark.kit.db import Tx


async def lock_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet | None:
    """The account's feature set or number group, locked until the transaction ends; None for an unknown one."""
    return await queries.lock_feature_set(tx, account_id, feature_set_id)
