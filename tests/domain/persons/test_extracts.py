"""An export has nobody else's number: of a row about several people it shows what the row says of one."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from tests.domain.persons.erased_numbers import NUMBER, OTHER
from tests.domain.persons.exports import exported
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.domain.persons.extracts import AROUND, of_json, of_text
from callmark.domain.persons.masking import NumberMask

MASK = NumberMask(NUMBER)
CALLER = "918040001234"
SPACED = ["+91 88001 12299", "08800-112299", "(088001) 12299", "91 88001.12299", "918,800,112,299", "9,18,80,01,12,299"]
"""How people write the other number."""
LONG = "x" * 3 * AROUND


def row(line: int, receiver: str, reason: str) -> dict[str, Any]:
    """A row of an uploaded file, as it is kept."""
    values = [CALLER, receiver, "", "", reason, "2026-01-01T10:00:00Z", "2026-01-01T14:00:00Z"]
    return {"line": line, "values": values, "fault": ""}


async def test_an_export_has_no_other_persons_number_where_a_row_is_about_several(deps: Deps) -> None:
    now = deps.clock.now()
    mine, others = row(2, NUMBER, "Your loan"), row(3, OTHER, "Their loan")
    about_both = {"of": NUMBER, "numbers": [NUMBER, OTHER], "other": OTHER, "count": 2}
    async with deps.db.transaction() as tx:
        await put_row(tx, "upload_part", now, {"rows": msgspec.json.encode([others, mine]).decode()})
        texts = {"plain": f"{OTHER} called {NUMBER}.", "html": f"<b>{OTHER}</b>{LONG}<i>{NUMBER}</i>", "subject": OTHER}
        await put_row(tx, "mail", now, {"recipient": f"{OTHER}@acme.example", **texts})
        await put_row(tx, "alert_post", now, {"body": f"{LONG}{OTHER} {LONG}{NUMBER} missed {OTHER}"})
        details = msgspec.json.encode(about_both).decode()
        await put_row(tx, "audit_entry", now, {"action": "numbers.proven", "subject": OTHER, "details": details})
        await put_row(tx, "callback_request", now, {"receiver_number": OTHER, "alternate_number": NUMBER})
        await put_row(tx, "idempotency_key", now, {"key": f"reminder-{NUMBER}", "body": f"{NUMBER} {OTHER}".encode()})
        choices = msgspec.json.encode({"caller": CALLER, "call_reason": f"{NUMBER}, {OTHER}"}).decode()
        await put_row(tx, "file_draft", now, {"file_name": f"{OTHER}.csv", "choices": choices})
    tables = (await exported(deps))["tables"]
    assert OTHER not in str(tables)
    assert {name for name, rows in tables.items() if NUMBER not in str(rows)} == set()
    assert len(tables) == 7
    assert tables["upload_part"][0]["rows"] == [mine]
    (mail,), (entry,) = tables["mail"], tables["audit_entry"]
    assert (mail["plain"], len(mail["html"]) < 2 * AROUND + 20) == (f"{'0' * 12} called {NUMBER}.", True)
    assert mail.keys().isdisjoint({"recipient", "subject"})
    assert mail.keys() > {"id", "created_at"}
    assert entry["details"] == {"of": NUMBER, "numbers": [NUMBER, "0" * 12], "other": "0" * 12, "count": 2}
    assert (entry["action"], "subject" in entry) == ("numbers.proven", False)


async def test_what_is_about_the_person_alone_is_in_an_export_as_it_is(deps: Deps) -> None:
    now, asked = deps.clock.now(), {"client_number": NUMBER, "business_number": CALLER, "alternate_number": OTHER}
    answered = {"client_number": NUMBER, "responses": [{"question": "Why?", "answer": "Because"}], "at": 1767261600000}
    async with deps.db.transaction() as tx:
        await put_row(tx, "callback_request", now, {"receiver_number": NUMBER, "alternate_number": OTHER})
        await put_row(tx, "event", now, {"body": msgspec.json.encode(asked).decode(), "number": 1})
        await put_row(tx, "event", now, {"body": msgspec.json.encode(answered).decode(), "number": 2})
    tables = (await exported(deps))["tables"]
    assert tables["callback_request"][0]["alternate_number"] == OTHER
    assert [one["body"] for one in tables["event"]] == [asked, answered]
    assert tables["event"][0]["event_type"] == "cmb"


async def test_of_rows_in_which_the_person_is_the_caller_an_export_has_nothing_about_the_receiver(deps: Deps) -> None:
    now, secret = deps.clock.now(), "What only the receiver knows"
    answers = msgspec.json.encode([{"question": "Why?", "answer": secret}]).decode()
    of_caller: dict[str, dict[str, object]] = {
        "announced_call": {},
        "call": {"disconnect": secret},
        "call_record": {"call_reason": secret},
        "possible_spoof": {},
        "signed_call": {},
        "verified_call": {"detail": secret},
    }
    of_business: dict[str, dict[str, object]] = {
        "callback_request": {"alternate_number": OTHER},
        "feedback": {"responses": answers},
    }
    async with deps.db.transaction() as tx:
        for key, tables in {"caller_number": of_caller, "business_number": of_business}.items():
            for table, values in tables.items():
                await put_row(tx, table, now, {key: NUMBER, "receiver_number": OTHER, **values})
        await put_row(tx, "number_code", now, {"phone_number": NUMBER})
    found = (await exported(deps))["tables"]
    assert found.keys() == of_caller.keys() | of_business.keys() | {"number_code"}
    assert {name for name, rows in found.items() if NUMBER not in str(rows)} == set()
    assert OTHER not in str(found)
    assert secret not in str(found)


@pytest.mark.parametrize("other", [OTHER, f"+{OTHER}", f"00{OTHER}", *SPACED])
def test_another_number_in_a_text_becomes_zeros_however_it_is_written(other: str) -> None:
    zeros = "".join("0" if one.isdigit() else one for one in other)
    for before, after in (("", f" and {NUMBER}"), (f"+{NUMBER} ", ""), (f"{NUMBER},", f";{NUMBER}")):
        assert of_text(f"{before}{other} {after}", MASK) == f"{before}{zeros} {after}"
    assert of_text(f"{LONG}{other} {NUMBER}", MASK) == f"{LONG}{zeros} "[-AROUND:] + NUMBER


@pytest.mark.parametrize("divider", [",", "'", "\u2019", "\u066c"])
def test_a_figure_with_thousands_that_is_longer_than_the_number_becomes_zeros(divider: str) -> None:
    mask = MASK.reading("IN")
    for figure, shown in (("919,900,112,233",) * 2, ("1,919,900,112,233", "0,000,000,000,000"), ("12,500",) * 2):
        text = f"{NUMBER}; {figure.replace(',', divider)}"
        assert of_text(text, mask) == f"{NUMBER}; {shown.replace(',', divider)}"


def test_of_lists_only_what_has_the_number_is_shown() -> None:
    found = {
        "a": [{"to": OTHER}, {"to": NUMBER, "b": [{"c": 1}, {"d": int(NUMBER)}]}],
        "e": {"f": OTHER},
        "g": 918800112299,
    }
    assert of_json(found, MASK) == {"a": [{"to": NUMBER, "b": [{"d": int(NUMBER)}]}], "g": 0}
    assert of_json([NUMBER, OTHER, dict[str, str](), 1], MASK) == [NUMBER]


JSON = st.recursive(
    st.none() | st.integers(0, 99) | st.sampled_from([NUMBER, OTHER, int(NUMBER), int(OTHER), f"{OTHER} or {NUMBER}"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["a", "responses", "receiver", OTHER, NUMBER]), inner)
    ),
)


@given(JSON)
@settings(max_examples=100)
def test_no_json_shows_another_number(value: Any) -> None:
    assert OTHER not in msgspec.json.encode(of_json(value, MASK)).decode()
