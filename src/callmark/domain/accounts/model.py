"""Accounts, the features they subscribe to, members and roles (contract, sections 12.1 and 13)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from callmark.domain.ids import AccountId, MemberId, OperatorId
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.kit.errors import InvalidInput
from callmark.kit.text import clean_line

LONGEST_NAME = 100
LONGEST_EMAIL = 254


class AccountState(StrEnum):
    """Whether the account may use the platform; a suspended one is refused everywhere (contract D4b)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class MemberState(StrEnum):
    """A member's way from invitation to revocation."""

    INVITED = "invited"
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Account:
    """A client account."""

    id: AccountId
    name: str
    state: AccountState
    features: frozenset[Feature]
    created_at: datetime
    requires_code: bool = False
    """Whether its members confirm a sign-in with a code sent by mail."""


@dataclass(frozen=True)
class Member:
    """A person of an account."""

    id: MemberId
    account_id: AccountId
    email: str
    name: str
    role: Role
    state: MemberState
    created_at: datetime
    node_id: UUID | None = None
    """The department, operation or process that an owner owns; None for an admin, and for an owner of nothing yet."""


@dataclass(frozen=True)
class Operator:
    """A person who runs the installation."""

    id: OperatorId
    email: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Person:
    """Who signs in: a member or an operator, one of the two."""

    member_id: MemberId | None = None
    operator_id: OperatorId | None = None


def place_after(member: Member, role: Role, node_id: UUID | None) -> UUID | None:
    """What the member owns once it has `role` and was given `node_id` (None: nothing new)."""
    if role is Role.ADMIN:
        return None
    return node_id or (member.node_id if role is member.role else None)


def account_name(text: str) -> str:
    """The name as it is stored: outer spaces dropped, 1 to 100 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="account name")


def member_name(text: str) -> str:
    """The name as it is stored: outer spaces dropped, 1 to 100 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="member name")


def email_address(text: str) -> str:
    """The address as it is stored: outer spaces dropped, otherwise as it was typed. Raises InvalidInput.

    It must have the form that mail can be sent to: a local part of 1 to 64 characters, one `@`, and a domain of
    labels divided by dots, at most 254 characters together. Whether mail arrives is for the invitation to find out.
    """
    address = clean_line(text, "email", longest=LONGEST_EMAIL)
    local, at, domain = address.rpartition("@")
    if not (at and _is_local_part(local) and _is_domain(domain)):
        raise InvalidInput("email is not a valid email address", field="email")
    return address


def _is_local_part(text: str) -> bool:
    return (
        0 < len(text) <= 64  # noqa: PLR2004 - RFC 5321, 4.5.3.1.1
        and not any(character.isspace() or character in '"(),:;<>@[\\]' for character in text)
        and not (text.startswith(".") or text.endswith(".") or ".." in text)
    )


def _is_domain(text: str) -> bool:
    return all(
        0 < len(label) <= 63  # noqa: PLR2004 - RFC 1035, 2.3.4
        and label.replace("-", "x").isalnum()
        and not (label.startswith("-") or label.endswith("-"))
        for label in text.split(".")
    )
