"""Who signs in to the console; its sessions, links and codes, and how long they live (by the product clock)."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from callmark.domain.accounts.model import AccountState
from callmark.domain.ids import AccountId, MemberId, OperatorId, SessionId
from callmark.domain.policy.model import WHOLE_ACCOUNT, Actor, ActorKind, Role, Scope
from callmark.domain.policy.plan import Feature
from callmark.kit.domain_names import with_ascii_domain
from callmark.kit.errors import InvalidInput
from callmark.kit.outbound.addresses import network_of
from callmark.kit.text import clean_line

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
"""How old the note of a session's last use may get."""
INVITATION_LIFETIME = timedelta(days=7)
RESET_LIFETIME = timedelta(hours=1)
CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
CODE_DIGITS = 6
DEVICE_LIFETIME = timedelta(days=30)
TOKEN_LENGTH = 43
LONGEST_USER_AGENT = 300
LONGEST_NAME, LONGEST_EMAIL = 100, 254
_LONGEST_LOCAL_PART, _LONGEST_DOMAIN_LABEL = 64, 63
"""RFC 5321, section 4.5.3.1.1; RFC 1035, section 2.3.4."""
EMAIL_TAKEN = "a member with this email already exists"


class MemberState(StrEnum):
    """A member's way from invitation to revocation."""

    INVITED = "invited"
    ACTIVE = "active"
    REVOKED = "revoked"


class Person(Struct, frozen=True):
    """Who signs in: a member or an operator, one of the two."""

    member_id: MemberId | None = None
    operator_id: OperatorId | None = None


class KnownPerson(Struct, frozen=True):
    """A person as the sign-in needs it: the stored password, and what else decides whether it opens a session."""

    person: Person
    email: str
    name: str
    password_hash: str | None
    member_state: MemberState | None
    account_id: AccountId | None
    account_name: str
    account_state: AccountState | None
    requires_code: bool


class LinkKind(StrEnum):
    """What a mailed link is for."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"


class Origin(Struct, frozen=True):
    """Where a request came from. `zone` is the browser's time zone, empty when it did not say.

    `browser` is what makes it a known browser (`known_browsers`), empty when nobody has signed in there.
    """

    address: str
    user_agent: str
    zone: str = ""
    browser: str = ""

    @property
    def network(self) -> str:
        """Whose tries count together: see `network_of`."""
        return network_of(self.address)


class NewSession(Struct, frozen=True):
    """A session as it is stored."""

    id: SessionId
    token_sha256: bytes
    person: Person
    created_at: datetime
    address: str
    user_agent: str


class Session(Struct, frozen=True):
    """A live session: who it is, and the account it acts for (None: an operator who acts for none)."""

    id: SessionId
    person: Person
    email: str
    name: str
    role: Role | None
    """None: an operator."""
    node_id: UUID | None
    account_id: AccountId | None
    account_name: str
    account_state: AccountState | None
    features: frozenset[Feature]
    created_at: datetime
    seen_at: datetime
    address: str
    user_agent: str
    zone: ZoneInfo
    """In which pages show times."""
    held_since: datetime | None = None
    """Since when the installation sends nothing (real clock); pages tell operators."""

    def actor(self, address: str) -> Actor:
        """Who acts in this session, from that network address: an operator may do what an admin may."""
        if self.role is None:
            return Actor(ActorKind.OPERATOR, self.email, address=address)
        is_owner = self.role is not Role.ADMIN
        scope = Scope(self.node_id, is_nowhere=self.node_id is None) if is_owner else WHOLE_ACCOUNT
        return Actor(ActorKind.MEMBER, self.email, self.role, scope, address)


class SignedIn(Struct, frozen=True):
    """The session's token, for the browser to keep; `devices` names a browser that needs no code for a while.

    `browser` is what makes it a known browser from now on.
    """

    token: str
    devices: str = ""
    browser: str = ""


class CodeSent(Struct, frozen=True):
    """The password was right; a code was sent. `token` is the browser's part of the waiting sign-in."""

    token: str
    email: str


def person_name(text: str) -> str:
    """The name as it is stored: outer spaces dropped, 1 to 100 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="member name")


def email_address(text: str) -> str:
    """The address as it is stored: outer spaces dropped, letters of the domain in ASCII. Raises InvalidInput.

    Browsers send what is typed as `müller.example` in either spelling, so one of them is kept.

    It must have the form that mail can be sent to: a local part of 1 to 64 characters, one `@`, and a domain of
    labels divided by dots, at most 254 characters together. Whether mail arrives is for the invitation to find out.
    """
    address = clean_line(text, "email", longest=LONGEST_EMAIL)
    address = clean_line(with_ascii_domain(address), "email", longest=LONGEST_EMAIL)
    local, at, domain = address.rpartition("@")
    if not (at and _is_local_part(local) and domain.isascii() and _is_domain(domain)):
        raise InvalidInput("email is not a valid email address", field="email")
    return address


def _is_local_part(text: str) -> bool:
    return (
        0 < len(text) <= _LONGEST_LOCAL_PART
        and "=?" not in text  # an encoded word, which mail programs read as something else
        and not any(character.isspace() or character in '"(),:;<>@[\\]' for character in text)
        and not (text.startswith(".") or text.endswith(".") or ".." in text)
    )


def _is_domain(text: str) -> bool:
    return all(
        0 < len(label) <= _LONGEST_DOMAIN_LABEL
        and label.replace("-", "x").isalnum()
        and not (label.startswith("-") or label.endswith("-"))
        for label in text.split(".")
    )
