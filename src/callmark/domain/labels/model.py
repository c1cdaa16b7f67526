"""Labels: the identities a business calls under (contract, section 12.2)."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from callmark.domain.ids import AccountId, LabelId
from callmark.kit.text import clean_line

LONGEST_NAME = 39
"""Source: contract, section 12.2, "fewer than 40 characters" (D34; the 40 of a pushed name is another rule)."""


class LabelType(StrEnum):
    """What a label is for: named in pushed call records, or shown for a listed number."""

    DYNAMIC = "dynamic"
    STATIC = "static"


class Label(Struct, frozen=True):
    """A label that is not deleted. `logo_sha256` names its logo by content."""

    id: LabelId
    account_id: AccountId
    label_type: LabelType
    name: str
    category: int
    sub_category: int
    logo_sha256: bytes
    is_default: bool
    created_by_email: str
    created_at: datetime

    @property
    def lost(self) -> list[str]:
        """What a deletion takes from records that name no label, in words."""
        return ["default"] if self.is_default else []


class LabelChange(Struct, frozen=True):
    """What to change of a label; None leaves a part as it is."""

    name: str | None = None
    category: int | None = None
    sub_category: int | None = None
    logo_png: bytes | None = None
    make_default: bool = False


def label_name(text: str) -> str:
    """The name as it is stored: outer spaces dropped, 1 to 39 code points (contract D34, D52). Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="label name")


def logo_address(public_url: str, logo_sha256: bytes) -> str:
    """Where a logo is served: by its content, so that the file at an address never changes."""
    return f"{public_url}/logos/{logo_sha256.hex()}.png"
