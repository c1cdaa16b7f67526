"""What the judge must know from outside a record: the account's labels, and which callers others have listed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label
from callmark.domain.numbers import service as numbers
from callmark.domain.personalisation.validation import KnownLabels, Rules
from callmark.kit.db import Tx
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.fields import NewRecord, RecordValues


class _Lookup(NamedTuple):
    """Whose record it is, which label it names, its caller where that is looked up, its receiver where it is one."""

    account_id: AccountId
    label_id: UUID
    caller: PhoneNumber | None
    receiver: PhoneNumber | None


class _LookedUp(NamedTuple):
    """What there is of a `_Lookup`."""

    label: Label | None
    is_foreign: bool
    make: handsets.Make | None


async def known_to(
    tx: Tx, account_id: AccountId, rules: Rules, records: Iterable[RecordValues], *, allow_foreign: bool
) -> KnownLabels:
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
    return KnownLabels(by_text, default, frozenset(one for one, holder in holders.items() if holder != account_id))


async def look_up_one(
    deps: Deps, account_id: AccountId, rules: Rules, record: NewRecord
) -> tuple[KnownLabels, handsets.Make | None]:
    """As `known_to` for one record, and its receiver's handset; as a rule it is looked up with other requests' records.

    The rule is that it names its label.
    """
    text, allow_foreign = record.label_id, deps.settings.foreign_callers == "allow"
    label_id = parse_uuid(text) if isinstance(text, str) else None
    receiver = _phone(record.receiver, rules)
    if label_id is None:
        async with deps.db.connection() as tx:
            known = await known_to(tx, account_id, rules, (record,), allow_foreign=allow_foreign)
            return known, (await handsets.makes(tx, (receiver,))).get(receiver) if receiver else None
    caller = None if allow_foreign else _phone(record.caller, rules)
    found: _LookedUp
    (found,) = await deps.gather(_look_up_each, [_Lookup(account_id, label_id, caller, receiver)])
    foreign = frozenset({caller}) if caller and found.is_foreign else frozenset[PhoneNumber]()
    return KnownLabels({str(text): found.label} if found.label else {}, None, foreign), found.make


def _phone(written: object, rules: Rules) -> PhoneNumber | None:
    return rules.parse_phone(written) if isinstance(written, str) else None


async def _look_up_each(tx: Tx, asked: Sequence[_Lookup]) -> list[_LookedUp]:
    """The label of each, whether another account holds the caller, and the receiver's handset. Three statements."""
    found = await labels.dynamic_each(tx, [(one.account_id, one.label_id) for one in asked])
    holders = await numbers.holders(tx, {one.caller for one in asked if one.caller})
    makes = await handsets.makes(tx, {one.receiver for one in asked if one.receiver})
    return [
        _LookedUp(
            label,
            is_foreign=one.caller is not None and holders.get(one.caller, one.account_id) != one.account_id,
            make=makes.get(one.receiver) if one.receiver else None,
        )
        for label, one in zip(found, asked, strict=True)
    ]
