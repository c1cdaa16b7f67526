"""An entry of the audit log, and what the log is narrowed to."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from callmark.domain.ids import AccountId, AuditId

PAGE = 50


class AuditEntry(Struct, frozen=True):
    """One change: who did what to which thing, when and from where. `account_id` None: to the installation."""

    id: AuditId
    account_id: AccountId | None
    actor_email: str
    by_operator: bool
    action: str
    subject: str
    details: Mapping[str, object]
    address: str
    at: datetime


class AuditFilter(Struct, frozen=True):
    """What to show of the log; empty parts do not filter. `text` is looked for in actor and subject."""

    action: str = ""
    text: str = ""


def for_business(details: Mapping[str, object]) -> dict[str, object]:
    """Details as the account's members see them: of a Key ID its end (contract D47)."""
    return {name: f"…{str(value)[-4:]}" if name.endswith("key_id") else value for name, value in details.items()}
