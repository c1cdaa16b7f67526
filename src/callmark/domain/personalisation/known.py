"""What the judge must know from outside a record: the account's labels, and which callers others have listed."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label
from callmark.domain.numbers import service as numbers
from callmark.domain.personalisation.validation import Known, NewRecord, Rules
from callmark.kit.db import Tx
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber

_Asked = tuple[AccountId, UUID, PhoneNumber | None]
"""Whose record it is, which label it names, and its caller where that is looked up."""


async def known_to(
    tx: Tx, account_id: AccountId, rules: Rules, records: Iterable[NewRecord], *, allow_foreign: bool
) -> Known:
    """What these records of an account may mean: one statement for labels, one more when a record leaves its label out.

    And one for all callers, unless foreign ones are allowed (setting `foreign_callers`).
    """
    texts, written = set[str](), set[str]()
    for record in records:
        texts.add(record.label_id if isinstance(record.label_id, str) else "")
        if isinstance(record.caller, str):
            written.add(record.caller)
    ids = {text: found for text in texts if (found := parse_uuid(text))}
    by_id = await labels.dynamic_labels(tx, account_id, ids.values()) if ids else {}
    by_text = {text: by_id[label_id] for text, label_id in ids.items() if label_id in by_id}
    default = await labels.default_dynamic_label(tx, account_id) if "" in texts else None
    callers = set[PhoneNumber]() if allow_foreign else {found for one in written if (found := rules.parse_phone(one))}
    holders = await numbers.holders(tx, callers)
    return Known(by_text, default, frozenset(one for one, holder in holders.items() if holder != account_id))


async def known_to_one(deps: Deps, account_id: AccountId, rules: Rules, record: NewRecord) -> Known:
    """As `known_to` for one record; as a rule it names its label and is looked up with those of other requests."""
    text, allow_foreign = record.label_id, deps.settings.foreign_callers == "allow"
    label_id = parse_uuid(text) if isinstance(text, str) else None
    if label_id is None:
        async with deps.db.connection() as tx:
            return await known_to(tx, account_id, rules, (record,), allow_foreign=allow_foreign)
    caller = rules.parse_phone(record.caller) if isinstance(record.caller, str) and not allow_foreign else None
    ((label, is_foreign),) = await deps.gather(_known_each, [(account_id, label_id, caller)])
    foreign = frozenset({caller}) if caller and is_foreign else frozenset[PhoneNumber]()
    return Known({str(text): label} if label else {}, None, foreign)


async def _known_each(tx: Tx, asked: Sequence[_Asked]) -> list[tuple[Label | None, bool]]:
    """The label of each, and whether another account holds the caller."""
    found = await labels.dynamic_each(tx, [(account_id, label_id) for account_id, label_id, _ in asked])
    holders = await numbers.holders(tx, {caller for _, _, caller in asked if caller})
    return [
        (label, caller is not None and holders.get(caller, account_id) != account_id)
        for label, (account_id, _, caller) in zip(found, asked, strict=True)
    ]
