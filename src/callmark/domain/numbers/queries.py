"""The SQL of numbers and listing jobs."""

from callmark.domain.ids import AccountId, FeatureSetId
from callmark.domain.numbers.model import ListedCaller
from callmark.kit.db import Tx
from callmark.kit.phone import PhoneNumber


async def select_listed_caller(tx: Tx, number: PhoneNumber) -> ListedCaller | None:
    """The number as a ringing call needs it, None unless it is listed in a published feature set. Primary keys."""
    row = await tx.fetchrow(
        """
        SELECT n.account_id, f.id AS feature_set_id, f.name AS feature_set_name, f.is_number_group,
          l.name AS label_name, l.logo_sha256, r.text AS call_reason, f.call_me_back, f.survey
        FROM number n
        JOIN feature_set f ON f.id = n.feature_set_id AND f.state = 'published'
        JOIN label l ON l.id = f.label_id
        JOIN client_account a ON a.id = n.account_id AND a.state = 'active'
        LEFT JOIN call_reason r ON r.id = f.call_reason_id
        WHERE n.phone_number = $1 AND n.state = 'listed'
        """,
        number,
    )
    if row is None:
        return None
    return ListedCaller(
        phone_number=number,
        account_id=AccountId(row["account_id"]),
        feature_set_id=FeatureSetId(row["feature_set_id"]),
        feature_set_name=row["feature_set_name"],
        is_number_group=row["is_number_group"],
        label_name=row["label_name"],
        logo_sha256=row["logo_sha256"],
        call_reason=row["call_reason"],
        call_me_back=row["call_me_back"],
        survey=row["survey"],
    )
