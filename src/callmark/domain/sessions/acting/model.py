"""What ends when an operator no longer acts for an account."""

from msgspec import Struct

from callmark.domain.ids import AccountId


class StoppedActing(Struct, frozen=True):
    """An account for which a session of the operator `email` acted until now."""

    account_id: AccountId
    account_name: str
    email: str
