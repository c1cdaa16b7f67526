"""Number groups: containers of numbers brought over from an older console (contract, 12.3 "Migration", D21)."""

from datetime import datetime

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.feature_sets import queries
from callmark.domain.feature_sets.model import FeatureSet, FeatureSetState, PhoneType
from callmark.domain.ids import AccountId, FeatureSetId, LabelId
from callmark.domain.labels import service as labels
from callmark.domain.policy.model import Actor
from callmark.domain.structure.model import node_name
from callmark.kit.errors import InvalidInput
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.record_rules.same_names import alike


async def keep_number_group(
    tx: Tx, account_id: AccountId, *, name: str, label_id: LabelId, by: Actor, now: datetime
) -> FeatureSet:
    """The account's number group of that name, made and published if there is none; an existing one keeps its label.

    Raises InvalidInput for a name that cannot be used or a label that is no static one of the account, NotFound for an
    unknown account.
    """
    name = node_name(name, "number group")
    await accounts.lock_account(tx, account_id)
    there = [one for one in await queries.select_number_groups(tx, account_id) if alike(one.name, name)]
    if there:
        return next((one for one in there if one.name == name), there[0])
    if not await labels.static_label_exists(tx, account_id, label_id):
        raise InvalidInput("label_id does not belong to a static label of this client", field="label_id")
    group = FeatureSet(
        id=FeatureSetId(new_id()),
        account_id=account_id,
        process_id=None,
        is_number_group=True,
        name=name,
        description="",
        state=FeatureSetState.PUBLISHED,
        phone_type=PhoneType.VERIFIED,
        label_id=label_id,
        call_reason_id=None,
        call_me_back=False,
        survey=False,
        number_count=0,
        created_by_email=by.email,
        created_at=now,
        updated_at=now,
    )
    await queries.insert_feature_set(tx, group)
    facts = {"feature_set_id": str(group.id)}
    await audit.note(tx, by, AuditAction.NUMBER_GROUP_CREATED, name, account_id=account_id, at=now, **facts)
    return group
