"""A number is erased, exported and known again however it was written in a file or in a record with faults."""

import re
import sys
from typing import Any

import msgspec
import pytest
from tests.domain.personalisation.taken_uploads import run, take
from tests.domain.persons.erased_numbers import NUMBER, erased, rows_of
from tests.domain.persons.exports import exported
from tests.domain.persons.sent_texts import put_faulty, put_old, sent_texts
from tests.support.factories import make_cast
from tests.support.table_rows import put_row

from callmark.domain.deps import Deps
from callmark.domain.ids import ErasureId
from callmark.domain.persons import erasing, service
from callmark.domain.persons.extracts import of_text
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.spellings import Spellings, in_ascii, numbers_in
from callmark.kit.ids import new_id
from callmark.kit.long_lists import pieces
from callmark.kit.phone import PhoneNumber
from callmark.tables.phones import as_ascii, read_phone

WITH_CODE = ("+91 99001 12233", "+91-99001-12233", "00919900112233", "9.19900112233E+11", "(+91) 99001/12233")
AT_HOME = ("099001 12233", "99001-12233", "9900112233.0")
OTHER_SCRIPT = "+\u096f\u0967 99001 12233"
SPELLINGS = (*WITH_CODE, *AT_HOME, OTHER_SCRIPT)
DIVIDED = (
    "+91\u202f99001\u202f12233",
    "099001\u221212233",
    "\u206691 99001\u00ad12233\u2069",
    "\uff0b91\uff0899001\uff0912233",
)
FIGURES = (
    "919,900,112,233",
    "9,19,90,01,12,233",
    "9,900,112,233",
    "9'900'112'233",
    "9\u201990\u201901\u201912\u2019233",
)
POWER = "9,19900112233E+11"
EVERYWHERE = (*SPELLINGS, *DIVIDED, *FIGURES, POWER)
AGAIN = (*SPELLINGS, DIVIDED[0], FIGURES[1])
ALIKE = ("+91 99001 12234", "+1 9900112233", "199001 12233", "1919900112233", "+91 99001 122334")
ZEROS = "0" * len(NUMBER)
_AS_SENT = re.compile(r"99001[ /-]?12233")
"""All ten digits: an id or a time in a dump has five of them now and then."""


async def test_a_number_that_a_file_writes_is_kept_in_its_canonical_form_and_erased(deps: Deps) -> None:
    cast = await make_cast(deps)
    for spelling in SPELLINGS:
        await take(deps, cast, f"phone;reason\n{spelling};Your parcel arrives today\n{spelling};Sale!\n", region="IN")
        await run(deps)
    kept = await rows_of(deps)
    assert [one for one in SPELLINGS if one in kept or not _AS_SENT.search(one)] == []
    parts = (await exported(deps))["tables"]["upload_part"]
    assert [str(part).count(f"+{NUMBER}") for part in parts] == [2] * len(SPELLINGS)
    await erased(deps)
    assert not _AS_SENT.search(await rows_of(deps))


@pytest.mark.parametrize("region", ["IN", ""])
async def test_every_way_to_write_a_number_is_erased_where_it_was_kept_as_it_was_sent(deps: Deps, region: str) -> None:
    await put_old(deps, EVERYWHERE, region)
    for spelling in EVERYWHERE:
        await put_faulty(deps, msgspec.json.encode({"receiver": spelling, "caller": "x"}).decode())
    await put_faulty(deps, '{"receiver":9.19900112233e11,"ends_at":1e999}')
    await put_faulty(deps, '{"receiver":"\\u0039\\u0031 9900112233","label_name":"\\u0000"}')
    tables = (await exported(deps))["tables"]
    assert (len(tables["upload_part"]), len(tables["call_record"])) == (2, len(EVERYWHERE) + 2)
    assert all("Your loan" in one["values"] for one in tables["upload_part"][0]["rows"])
    await erased(deps)
    left = await sent_texts(deps)
    assert [one for one in (*EVERYWHERE, "12233", "e11") if one in left] == []
    assert left.count(ZEROS) == 3 * len(EVERYWHERE) + 1
    assert (await exported(deps))["tables"] == {}


async def test_in_a_long_list_a_number_is_exported_erased_and_known_again_and_the_rest_stays(deps: Deps) -> None:
    """As earlier versions kept all lines that could not be read: of most of its pieces nothing is decoded."""
    fault = "has more cells than the header has names: "
    lines = [{"line": at, "values": [""] * 7, "fault": f"{fault}{at}, \u00fc, 1, 2"} for at in range(3_000)]
    for at, spelling in zip((0, 700, 1_500, 2_999), (*AGAIN[:2], OTHER_SCRIPT, DIVIDED[0]), strict=True):
        lines[at]["fault"] = f"{fault}x, {spelling}, y"
    text = msgspec.json.encode(lines).decode()
    upload_id, now = new_id(), deps.clock.now()
    async with deps.db.transaction() as tx:
        await put_row(tx, "upload", now, {"id": upload_id, "region": "IN"})
        await put_row(tx, "upload_part", now, {"upload_id": upload_id, "number": 0, "rows": text})
    mask = NumberMask(NUMBER).reading("IN")
    assert len([*pieces(text, "line")]) > 2 * len([*mask.pieces(text, "line")])
    (part,) = (await exported(deps))["tables"]["upload_part"]
    assert [row["line"] for row in part["rows"]] == [0, 700, 1_500, 2_999]
    assert numbers_in(text, "IN") >= {NUMBER}
    await erased(deps)
    async with deps.db.connection() as tx:
        left = msgspec.json.decode(await tx.fetchval("SELECT rows FROM upload_part WHERE upload_id = $1", upload_id))
    assert [row["line"] for row in left] == [row["line"] for row in lines]
    assert [row["line"] for row, before in zip(left, lines, strict=True) if row != before] == [0, 700, 1_500, 2_999]
    assert {left[at]["fault"].replace("+", "") for at in (0, 700, 1_500, 2_999)} == {f"{fault}x, {ZEROS}, y"}


async def test_numbers_that_are_alike_stay(deps: Deps) -> None:
    await put_old(deps, ALIKE, "IN")
    await put_old(deps, AT_HOME, "DE")
    for one in ALIKE:
        await put_faulty(deps, msgspec.json.encode({"receiver": one}).decode())
    before = await sent_texts(deps)
    assert (await erased(deps)).rows == 0
    assert await sent_texts(deps) == before


async def test_after_a_restore_a_number_is_known_again_however_it_is_written(deps: Deps) -> None:
    await erased(deps)
    async with deps.db.connection() as tx:
        (known,) = await service.known_erasures(tx)
    done: dict[str, tuple[bool, int]] = {}
    for spelling in AGAIN:
        async with deps.db.transaction() as tx:
            await tx.execute("DELETE FROM erasure")  # the database of a backup from before
            await tx.execute("DELETE FROM upload_part")
            await tx.execute(service.sql_again([known], deps.clock.now()))
        await put_old(deps, (spelling,), "IN")
        while await erasing.step(deps, ErasureId(known.id)):
            pass
        rows = (await service.get_erasure(deps, ErasureId(known.id))).rows
        done[spelling] = "12233" in await sent_texts(deps), rows
    assert done == dict.fromkeys(AGAIN, (False, 2))


@pytest.mark.parametrize("number", ["919900112233", "12125551234", "4915112345678", "390612345678", "999999999999"])
def test_a_number_of_any_country_is_found_in_a_text(number: str) -> None:
    mask = NumberMask(PhoneNumber(number)).reading("")
    for text in (
        number,
        f"+{number[:2]} {number[2:5]} {number[5:]}",
        f"a, 00{number}, b",
        f"{number[:-4]}-{number[-4:]}",
    ):
        assert mask.is_in(text)
        assert not mask.is_in(mask.plain(text))
        assert number in numbers_in(msgspec.json.encode([text]).decode(), "")


@pytest.mark.parametrize(
    ("number", "region", "other"),
    [
        ("33612345678", "FR", "+34\u00a0612345678"),
        ("33612345678", "FR", "+34 - 612345678"),
        ("33612345678", "FR", "(+34) 612345678"),
        ("33612345678", "FR", "\uff0b34 612345678"),
        ("33612345678", "FR", "0034 612345678"),
        ("33612345678", "FR", "+49 33612 345678"),
        ("33612345678", "", "34 612345678"),
        ("4792345678", "US", "(479) 234-5678"),
        ("4792345678", "US", "+1 479 234 5678"),
    ],
)
def test_another_number_that_ends_as_the_number_does_stays(number: str, region: str, other: str) -> None:
    mask = NumberMask(PhoneNumber(number)).reading(region)
    for text in (other, f"call {other} now", f"{other}, or {other}"):
        assert mask.plain(text) == text
    assert mask.plain(f"{other}, +{number}") == f"{other}, +{mask.zeros}"


@pytest.mark.parametrize(
    ("number", "region", "text"),
    [
        ("33612345678", "FR", "0611111111 / {}0612345678{}"),
        ("33612345678", "FR", "12 {}06 12 34 56 78{} today"),
        ("33612345678", "FR", "+33 6 11 11 11 11 {}0033 6 12 34 56 78{}"),
        ("33612345678", "US", "call {}33 (0)6 12 34 56 78{}"),
        ("33612345678", "US", "call +{}33 (0) 6 12 34 56 78{}."),
        ("12042345678", "US", "call {}204 234 5678{}"),
        ("12125551234", "FR", "{}1 (212) 555-1234{}, at home"),
        ("918040001234", "IN", "call ({}80) 4000 1234{} please"),
        ("5511961234567", "BR", "ligar ({}11) 96123-4567{}"),
    ],
)
def test_a_number_in_a_text_is_found_beside_other_digits_and_known_again(number: str, region: str, text: str) -> None:
    before, _, after = text.split("{}")
    mask, written = NumberMask(PhoneNumber(number)).reading(region), text.format("", "")
    assert mask.plain(written) == f"{before}{mask.zeros}{after}"
    assert number in numbers_in(msgspec.json.encode({"a": [written]}).decode(), region)


@pytest.mark.parametrize("power", [POWER, POWER.lower(), POWER.replace(",", "."), "9,900112233E+09", "9.900112233e9"])
def test_a_number_as_a_spreadsheet_shortens_it_is_found_in_a_text_and_known_again(power: str) -> None:
    mask = NumberMask(NUMBER).reading("IN")
    assert "112233" not in str(mask.plain(f"x {power} y"))
    assert NUMBER in numbers_in(msgspec.json.encode([f"x {power} y"]).decode(), "IN")
    assert power in of_text(f"x {power} y", mask)


def test_every_character_that_may_divide_a_number_is_known_in_a_text() -> None:
    mask = NumberMask(PhoneNumber("33612345678")).reading("FR")
    own, other = "+33{0}6{0}12{0}34{0}56{0}78", "07{0}11{0}22{0}33{0}44"
    dividers = [one for one in map(chr, range(0x10000)) if as_ascii(one) in {"", *" ().-"}]
    assert {"\u202f", "\u2009", "\u2007", "\u2212", "\u00ad", "\u200b", "\u200e", "\uff0e", "\x7f"} < set(dividers)
    for one in dividers:
        assert read_phone(own.format(one)) == mask.number
        text = f"tel {own} ok, {other}".format(one)
        assert mask.plain(text) == f"tel +{mask.zeros} ok, {other.format(one)}"
        assert of_text(text, mask) == text.replace(other.format(one), f"00{one}00{one}00{one}00{one}00")
        assert mask.number in numbers_in(msgspec.json.encode(text).decode(), "")


def test_the_digits_of_every_script_are_known() -> None:
    digits = filter(str.isdecimal, map(chr, range(sys.maxunicode + 1)))
    assert not re.search("[^0-9]", in_ascii("".join(digits)))


def nested(levels: int, inner: str) -> str:
    """A record with a fault whose reason has so many levels."""
    reason = '[{"to":' * (levels // 2) + inner + "}]" * (levels // 2)
    return f'{{"receiver":"+91 99001 12234","call_reason":{reason},"label_name":"x"}}'


@pytest.mark.parametrize("levels", [100, 500, 800])
async def test_json_that_is_nested_past_any_use_delays_no_erasure_and_no_export(deps: Deps, levels: int) -> None:
    other = nested(levels, '["\\u00e9"]')
    await put_faulty(deps, other)
    await put_faulty(deps, nested(levels, '["a, \\"+91 99001-12233\\"", {"b": 919900112233}, [], 5]'))
    await put_faulty(deps, nested(levels, "[]"), NUMBER)
    rows = (await exported(deps))["tables"]["call_record"]
    assert (len(rows), msgspec.json.encode(rows).count(b"+91 99001-12233")) == (2, 1)
    assert (await erased(deps)).rows == 2
    left = await sent_texts(deps)
    assert other in left
    assert ("12233" in left, left.count(ZEROS), left.count('"label_name":"x"')) == (False, 1, 2)
    assert NUMBER in numbers_in(nested(levels, '"+91 99001-12233"'), "")


def test_json_that_no_type_of_ours_holds_is_read() -> None:
    text = f'{{"a":"+91 99001 12233","b":{"9" * 40},"c":1e999,"d":{"9" * 5000}}}'
    found: Any = msgspec.json.decode(NumberMask(NUMBER).reading("").json(text))
    assert (found["a"], found["c"]) == (ZEROS, "1e999")


def test_a_number_that_may_lack_its_country_code_is_erased_and_not_shown_to_either_person() -> None:
    text = "4915112345678"
    for number in ("4915112345678", "494915112345678"):
        spellings = Spellings(PhoneNumber(number), "DE")
        assert spellings.places(text) == [(0, len(text))]
        assert not spellings.places(text, only_sure=True)
        assert number in numbers_in(f'"{text}"', "DE")
