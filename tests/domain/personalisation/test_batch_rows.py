"""Rows made for COPY say what `validate` says of each record alone."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, strategies as st

from callmark.domain.ids import AccountId, BatchId, LabelId
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.personalisation.batch_rows import COLUMNS, BatchHead, write_rows
from callmark.domain.personalisation.validation import V1, V2, V3, KnownLabels, Rules, console_rules, validate
from callmark.instants import LAST_MS, from_ms, to_ms
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.copy_format import instant
from callmark.record_rules.fields import Faulty, NewRecord

NOW = datetime(2026, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)
NOW_MS = to_ms(NOW)
ACCOUNT = AccountId(UUID(int=2))
LABELS = [
    Label(
        id=LabelId(UUID(int=number)),
        account_id=ACCOUNT,
        label_type=LabelType.DYNAMIC,
        name=name,
        category=8,
        sub_category=53,
        logo_sha256=b"",
        is_default=False,
        created_by_email="",
        created_at=NOW,
    )
    for number, name in ((1, "Acme Deliveries"), (3, "Påket"))
]
KNOWN = KnownLabels({str(one.id): one for one in LABELS}, LABELS[1], frozenset({PhoneNumber("918040009999")}))
NO_DEFAULT = KNOWN._replace(default=None)
HEAD = BatchHead(BatchId(UUID(int=4)), ACCOUNT, NOW, NOW)

_ODD = [None, "", 1, True, 1.0, ["a"], {"a": 1}]
"""Values of types that no field has; 1, True and 1.0 are equal."""
_PHONES = st.sampled_from([*_ODD, *["918040001234", "+918040001234", "12", "918040009999", "9180400012345678"]])
_INSTANTS = st.sampled_from([*_ODD, 0, NOW_MS - 1, NOW_MS, NOW_MS + 1, float(NOW_MS + 1), NOW_MS + 86_400_001, LAST_MS])
_RECORDS = st.builds(
    NewRecord,
    _PHONES,
    _PHONES,
    st.sampled_from([*_ODD, str(LABELS[0].id), str(LABELS[1].id), str(UUID(int=9)), "x"]),
    st.sampled_from([*_ODD, "A", "Acme", "Påket", "a" * 41]),
    st.sampled_from([*_ODD, "Your parcel arrives", "Your parcel arrives!"]),
    _INSTANTS,
    _INSTANTS,
)


def fields_of(row: bytes) -> Iterator[bytes | None]:
    at = 2
    while at < len(row):
        size = int.from_bytes(row[at : at + 4], "big", signed=True)
        yield None if size < 0 else row[at + 4 : at + 4 + size]
        at += 4 + max(size, 0)


def rows_in(rows: bytes) -> Iterator[dict[str, bytes | None]]:
    begins = int.to_bytes(len(COLUMNS), 2, "big") + b"\0\0\0\x10" + HEAD.batch_id.bytes
    for row in rows.split(begins)[1:]:
        yield dict(zip(COLUMNS, fields_of(begins + row), strict=True))


def at(value: datetime) -> bytes:
    return instant(value)[4:]


def wanted(record: NewRecord, rules: Rules, known: KnownLabels, position: int) -> dict[str, bytes | None]:
    row: dict[str, bytes | None] = dict.fromkeys(COLUMNS)
    row |= {"batch_id": HEAD.batch_id.bytes, "account_id": ACCOUNT.bytes, "accepted_at": at(NOW)}
    row |= {"position": position.to_bytes(2, "big")}
    try:
        good = validate(record, rules, known, NOW_MS)
    except Faulty as bad:
        faults = {"fault_field": bad.field.encode(), "fault": bad.fault.encode(), "submitted": b'{"at":%d}' % position}
        return row | faults | {"outcome": b"invalid", "settled_at": at(NOW), "ends_at": at(NOW), "receiver_number": b""}
    return row | {
        "outcome": b"pending",
        "label_id": good.label_id.bytes,
        "label_name": good.label_name.encode(),
        "call_reason": None if good.call_reason is None else good.call_reason.encode(),
        "caller_number": good.caller_number.encode(),
        "starts_at": at(good.starts_at),
        "ends_at": at(good.ends_at),
        "receiver_number": good.receiver_number.encode(),
    }


@given(
    st.lists(_RECORDS, min_size=1, max_size=6),
    st.sampled_from([V1, V2, V3, console_rules("SE")]),
    st.sampled_from([KNOWN, NO_DEFAULT]),
)
def test_rows_say_what_validation_says_of_each_record_alone(
    records: Sequence[NewRecord], rules: Rules, known: KnownLabels
) -> None:
    check(records, rules, known)


@given(st.lists(_RECORDS, min_size=1, max_size=3), st.lists(st.sampled_from(range(7)), max_size=3))
def test_a_value_met_before_does_not_hide_a_bad_one(changes: list[NewRecord], columns: list[int]) -> None:
    good = NewRecord("918040001234", "918040001235", str(LABELS[0].id), "Acme", None, 1, NOW_MS + 1)
    changed = [NewRecord(*(change[i] if i in columns else value for i, value in enumerate(good))) for change in changes]
    check([good, *changed, good], V2, KNOWN)


def check(records: Sequence[NewRecord], rules: Rules, known: KnownLabels) -> None:
    made = write_rows(HEAD, rules, known, records, lambda position: b'{"at":%d}' % position)
    found = list(rows_in(made.rows))
    ids = [row.pop("id") for row in found]
    assert all(one and UUID(bytes=one).version == 7 for one in ids)
    assert len(set(ids)) == len(records)
    expected = [wanted(record, rules, known, position) for position, record in enumerate(records)]
    for row in expected:
        del row["id"]
    assert found == expected
    assert made.good == sum(row["outcome"] == b"pending" for row in expected)
    ends = [row["ends_at"] for row in expected]
    first, last = min(ends, key=_signed), max(ends, key=_signed)
    assert (at(made.ends_from), at(made.ends_to)) == (first, last)


def _signed(end: bytes | None) -> int:
    assert end is not None
    return int.from_bytes(end, "big", signed=True)


def test_an_instant_is_encoded_to_the_microsecond() -> None:
    assert at(datetime(2000, 1, 1, tzinfo=UTC)) == bytes(8)
    assert at(from_ms(0)) == (-946_684_800_000_000).to_bytes(8, "big", signed=True)
    assert at(NOW) == int((NOW - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000).to_bytes(8, "big")
