"""Reads what validation needs beyond the record: the account's labels, and which callers other accounts have listed."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.ids import AccountId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label
from callmark.domain.numbers import service as numbers
from callmark.domain.personalisation.validation import KnownLabels, Rules
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
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


class Mentioned(NamedTuple):
    """Records of an account, and the rules by which they are read."""

    account_id: AccountId
    rules: Rules
    records: Sequence[RecordValues]


async def known_to(
    tx: Tx, account_id: AccountId, rules: Rules, records: Sequence[RecordValues], *, allow_foreign: bool
) -> KnownLabels:
    """As `known_to_each`, of one account."""
    (known,) = await known_to_each(tx, [Mentioned(account_id, rules, records)], allow_foreign=allow_foreign)
    return known


async def known_to_each(tx: Tx, mentioned: Sequence[Mentioned], *, allow_foreign: bool) -> list[KnownLabels]:
    """What the records of each may mean: one statement for labels, one for each account that leaves a label out.

    And one for all callers, unless foreign ones are allowed (setting `foreign_callers`).
    """
    texts = [{one.label_id if isinstance(one.label_id, str) else "" for one in each.records} for each in mentioned]
    ids = [{text: found for text in some if (found := parse_uuid(text))} for some in texts]
    wanted = list({(each.account_id, one) for each, of in zip(mentioned, ids, strict=True) for one in of.values()})
    by_id = dict(zip(wanted, await labels.dynamic_each(tx, wanted) if wanted else (), strict=True))
    callers = [set[PhoneNumber]() if allow_foreign else _callers(each) for each in mentioned]
    holders = await numbers.holders(tx, set[PhoneNumber]().union(*callers))
    known: list[KnownLabels] = []
    for each, some, of, theirs in zip(mentioned, texts, ids, callers, strict=True):
        by_text = {text: label for text, one in of.items() if (label := by_id[each.account_id, one])}
        default = await labels.default_dynamic_label(tx, each.account_id) if "" in some else None
        foreign = frozenset(one for one in theirs if holders.get(one, each.account_id) != each.account_id)
        known.append(KnownLabels(by_text, default, foreign))
    return known


def _callers(mentioned: Mentioned) -> set[PhoneNumber]:
    written = {one.caller for one in mentioned.records if isinstance(one.caller, str)}
    return {found for one in written if (found := mentioned.rules.parse_phone(one))}


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
