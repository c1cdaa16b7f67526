"""The links in mails to addresses that are no members': one confirms the address, one ends its alerts.

Signed and self-contained, so that nothing is stored for them; both do what they did when they are followed again.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from itsdangerous import BadSignature, Signer

from callmark.domain.ids import RecipientId
from callmark.kit.errors import NotFound
from callmark.kit.secret_key import derive
from callmark.kit.settings import Secret

_PURPOSE = "alert links"


class LinkPurpose(StrEnum):
    """What a link does."""

    CONFIRM = "confirm"
    STOP = "stop"


def signed(key: Secret, purpose: LinkPurpose, recipient_id: RecipientId) -> str:
    """The token of a link: letters, digits, `-`, `_` and `.`."""
    return _signer(key, purpose).sign(recipient_id.hex).decode()


def opened(keys: Sequence[Secret], purpose: LinkPurpose, token: str) -> RecipientId:
    """Whom a token signed with one of `keys` for this purpose is for. Raises NotFound for any other."""
    for key in keys:
        with contextlib.suppress(BadSignature, ValueError):
            return RecipientId(UUID(hex=_signer(key, purpose).unsign(token.encode()).decode()))
    raise NotFound("this link is not valid")


def _signer(key: Secret, purpose: LinkPurpose) -> Signer:
    return Signer(derive(key, _PURPOSE), salt=purpose.value.encode(), digest_method=hashlib.sha256)
