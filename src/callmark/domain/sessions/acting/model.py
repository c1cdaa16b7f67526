"""The account that a session acts for."""

from msgspec import Struct

from callmark.domain.ids import AccountId, OperatorId


class Acting(Struct, frozen=True):
    """An operator's session and the account that it acts for. None: a member's session; it acts for none."""

    operator_id: OperatorId | None
    account_id: AccountId | None
