"""Sessions, links and codes of the console, and how long they live (by the product clock)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from callmark.domain.accounts.model import AccountState, Person
from callmark.domain.ids import AccountId, SessionId
from callmark.domain.policy.model import WHOLE_ACCOUNT, Actor, ActorKind, Role, Scope
from callmark.domain.policy.plan import Feature
from callmark.kit.addresses import network_of

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


class LinkKind(StrEnum):
    """What a mailed link is for."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - no secret


@dataclass(frozen=True)
class Origin:
    """Where a request came from; `zone` is the browser's time zone, empty when it did not say."""

    address: str
    user_agent: str
    zone: str = ""

    @property
    def network(self) -> str:
        """Whose tries count together: see `network_of`."""
        return network_of(self.address)


@dataclass(frozen=True)
class NewSession:
    """A session as it is stored."""

    id: SessionId
    token_sha256: bytes
    person: Person
    created_at: datetime
    address: str
    user_agent: str


@dataclass(frozen=True)
class Session:
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

    def actor(self, address: str) -> Actor:
        """Who acts in this session, from that network address: an operator may do what an admin may."""
        if self.role is None:
            return Actor(ActorKind.OPERATOR, self.email, address=address)
        is_owner = self.role is not Role.ADMIN
        scope = Scope(self.node_id, is_nowhere=self.node_id is None) if is_owner else WHOLE_ACCOUNT
        return Actor(ActorKind.MEMBER, self.email, self.role, scope, address)


@dataclass(frozen=True)
class SignedIn:
    """The session's token, for the browser to keep; `device` names a browser that needs no code for a while."""

    token: str
    device: str = ""


@dataclass(frozen=True)
class CodeSent:
    """The password was right; a code was sent. `token` is the browser's part of the waiting sign-in."""

    token: str
    email: str
