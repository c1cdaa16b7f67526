"""Makes valid things for tests: sensible by default, so that a test says only what matters to it."""

import random
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account, Feature
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.kit.phone import PhoneNumber


def logo(size: int = 200) -> bytes:
    """A square PNG."""
    out = BytesIO()
    Image.new("RGB", (size, size), "#3355aa").save(out, "PNG")
    return out.getvalue()


def phone() -> PhoneNumber:
    """A number that no other test uses."""
    return PhoneNumber(f"9199{random.SystemRandom().randrange(10**9):09d}")


async def make_label(
    deps: Deps, account_id: AccountId, *, name: str = "Acme Deliveries", label_type: LabelType = LabelType.DYNAMIC
) -> Label:
    """A label of the account."""
    return await labels.create_label(
        deps,
        account_id,
        label_type=label_type,
        name=name,
        logo_png=logo(),
        category=8,
        sub_category=53,
        created_by_email="alice@acme.example",
    )


@dataclass(frozen=True)
class Cast:
    """An account with a key, a token and a dynamic label."""

    account: Account
    key_id: str
    api_key: str
    token: str
    label: Label


async def make_cast(deps: Deps, *, features: frozenset[Feature] = frozenset(Feature)) -> Cast:
    """Alice's account, ready to push."""
    account = await accounts.create_account(deps, "Acme")
    key = await credentials.create_key(deps, account.id, name="key", features=features)
    made = await credentials.create_token(deps, str(account.id), str(key.key_id), key.api_key)
    label = await make_label(deps, account.id)
    return Cast(account, str(key.key_id), key.api_key, made.token, label)
