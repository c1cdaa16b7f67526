"""An edge, and its token's form."""

from datetime import datetime, timedelta

from msgspec import Struct

from callmark.domain.ids import AccountId, EdgeId
from callmark.kit.ids import SecretForm
from callmark.kit.text import clean_line

TOKEN_FORM = SecretForm("cmedge_", 64)
LONGEST_NAME = 100
NOTED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: an edge asks a thousand times a second, and needs no write for each."""


class Edge(Struct, frozen=True):
    """A call server. It signs for one account, or (`account_id` None) for every account: the operator's own."""

    id: EdgeId
    name: str
    account_id: AccountId | None
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


def edge_name(text: str) -> str:
    """The name without outer spaces. Raises InvalidInput when it has no or over 100 characters."""
    return clean_line(text, "name", longest=LONGEST_NAME)
