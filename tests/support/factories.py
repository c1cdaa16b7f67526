"""Makes valid things for tests: sensible by default, so that a test says only what matters to it."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from typing import NamedTuple

from msgspec import Struct
from PIL import Image
from tests.support.rows_again import RowsAgain, rows_of

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.credentials import service as credentials
from callmark.domain.credentials.model import TOKEN_FORM
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSet, NewFeatureSet
from callmark.domain.ids import AccountId, FeatureSetId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.personalisation import accepting
from callmark.domain.personalisation.accepting import Submitted
from callmark.domain.personalisation.model import Batch
from callmark.domain.personalisation.validation import Rules
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.domain.policy.plan import Feature, KeyAccess
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import Department, Operation, Process
from callmark.kit.ids import new_id, random_uuid, sha256
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import NewRecord

ALICE = Actor(ActorKind.MEMBER, "alice@acme.example")
"""An admin of the account."""


@cache
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
        by=SYSTEM,
        label_type=label_type,
        name=name,
        logo_png=logo(),
        category=8,
        sub_category=53,
    )


class Sent(NamedTuple):
    """A record of a batch, and its JSON should it turn out bad."""

    record: NewRecord
    as_sent: Callable[[], bytes]


async def submit_batch(deps: Deps, account_id: AccountId, rules: Rules, sent: Sequence[Sent]) -> Batch:
    """A batch, accepted and not pushed."""

    def as_sent(position: int) -> bytes:
        return sent[position].as_sent()

    return await accepting.submit_batch(deps, account_id, rules, Submitted([one.record for one in sent], as_sent))


class Branch(Struct, frozen=True):
    """One way down an account's structure."""

    department: Department
    operation: Operation
    process: Process
    sub_process: Process


async def make_branch(
    deps: Deps,
    account_id: AccountId,
    *,
    department: str = "Retail",
    operation: str = "Delivery",
    process: str = "Last mile",
    sub_process: str = "Evening",
) -> Branch:
    """A department with an operation, which has a process, which has a sub-process."""
    top = await structure.create_department(deps, account_id, name=department, by=SYSTEM)
    entry = catalogue_entry_named(operation)
    chosen = await structure.create_operation(deps, account_id, top.id, catalogue_id=entry.id, by=SYSTEM)
    made = await structure.create_process(deps, account_id, chosen.id, name=process, by=SYSTEM)
    return Branch(
        top, chosen, made, await structure.create_sub_process(deps, account_id, made.id, name=sub_process, by=SYSTEM)
    )


async def make_feature_set(
    deps: Deps, account_id: AccountId, process_id: ProcessId | None = None, new: NewFeatureSet | None = None
) -> FeatureSet:
    """A feature set of the account, a draft: on the process given, else on one of a new department."""
    if process_id is None:
        process_id = (await make_branch(deps, account_id, department=str(new_id()))).process.id
    new = new or NewFeatureSet("Delivery default")
    return await feature_sets.create_feature_set(deps, account_id, process_id, new, by=SYSTEM)


async def make_number_group(deps: Deps, account_id: AccountId, *, name: str = "Old console") -> FeatureSetId:
    """A number group of the account, a draft without label."""
    group_id = FeatureSetId(new_id())
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO feature_set (id, account_id, is_number_group, name, description, state, phone_type,"
            " call_me_back, survey, created_by_email, created_at, updated_at)"
            " VALUES ($1, $2, true, $3, '', 'draft', 'verified', false, false, 'alice@acme.example', $4, $4)",
            *(group_id, account_id, name, deps.clock.now()),
        )
    return group_id


class Cast(Struct, frozen=True):
    """An account with a key, a token and a dynamic label."""

    account: Account
    key_id: str
    api_key: str
    token: str
    label: Label


class _Written(NamedTuple):
    """A cast as the use cases wrote it, and its secrets with what is stored of them."""

    again: RowsAgain[Cast]
    secrets: list[str]


_written: dict[frozenset[KeyAccess], _Written] = {}


async def make_cast(deps: Deps, *, features: frozenset[KeyAccess] = frozenset(Feature)) -> Cast:
    """Alice's account, ready to push. The first of its features in a process is made by the use cases."""
    if written := _written.get(features):
        secrets = _secrets(str(random_uuid()), TOKEN_FORM.new())
        async with deps.db.connection() as tx:
            return await written.again.write(tx, deps.clock.now(), dict(zip(written.secrets, secrets, strict=True)))
    made = await make_cast_by_use_cases(deps, features)
    async with deps.db.connection() as tx:
        again = await rows_of(tx, made.account.id, made, deps.clock.now(), made.label.logo_sha256.hex())
    if again.is_untouched:
        _written[features] = _Written(again, _secrets(made.api_key, made.token))
    return made


async def make_cast_by_use_cases(deps: Deps, features: frozenset[KeyAccess] = frozenset(Feature)) -> Cast:
    """As `make_cast`."""
    account = await accounts.create_account(deps, "Acme", by=SYSTEM)
    key = await credentials.create_key(deps, account.id, name="key", features=features, by=SYSTEM)
    made = await credentials.create_token(deps, str(account.id), str(key.key_id), key.api_key)
    label = await make_label(deps, account.id)
    return Cast(account, str(key.key_id), key.api_key, made.token, label)


def _secrets(api_key: str, token: str) -> list[str]:
    return [api_key, sha256(api_key).hex(), token, sha256(token).hex()]
