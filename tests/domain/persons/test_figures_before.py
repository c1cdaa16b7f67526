"""A number stays one where a short figure stands before it: an hour, a price, a house number or a count."""

import re
from itertools import accumulate, product

import msgspec
import phonenumbers
import pytest
from hypothesis import assume, given, settings, strategies as st
from tests.domain.persons.erased_numbers import erased
from tests.domain.persons.exports import exported
from tests.domain.persons.sent_texts import put_faulty, put_old, sent_texts
from tests.support.cases import for_each

from callmark.domain.deps import Deps
from callmark.domain.persons import spellings
from callmark.domain.persons.extracts import of_json, of_text
from callmark.domain.persons.masking import NumberMask
from callmark.domain.persons.spellings import numbers_in
from callmark.kit.phone import PhoneNumber, parse_digits
from callmark.tables.phones import read_phone
from callmark.tables.plans import is_valid, numbering_of, one_digit_in

IN_RECORDS = ("4 {}", "Flat 4 {}", "qty 4 / {}", "Rs 500 {}", "called 10:30 {}", "12 - {}")
IN_FILES = ("12 - 9900112233", "2 919900112233", "12 9900112233", "called 10:30 9900112233", "Rs 500 9900112233")


@for_each(
    [
        *(("919900112233", "", text) for text in IN_RECORDS),
        *(("919900112233", "IN", text) for text in IN_RECORDS),
        *(("33612345678", "", f"{figure} {{}}") for figure in (2, 4, 5, 6)),
        ("4915112345678", "DE", "3 {}"),
        ("4915112345678", "DE", "05 {}"),
        ("4930123456", "DE", "05.08. {}"),
        ("4930123456", "DE", "05/08/26 {}"),
        ("4930123456", "DE", "0.50 {}"),
        ("436641234567", "AT", "05.08. {}"),
        *(("436641234567", "AT", f"{date} {{}}") for date in ("01/26", "01.2.", "01. 2.", "01.20", "01-24")),
        ("4331113141", "AT", "01/2026 {}"),
        ("3612345678", "HU", "06.2. {}"),
        ("3532212345", "IE", "01.2. {}"),
        ("468123456", "SE", "08.2. {}"),
    ],
)
def test_a_number_behind_a_short_figure_is_erased_and_known_again(case: tuple[str, str, str]) -> None:
    number, region, text = case
    mask, numbering = NumberMask(PhoneNumber(number)).reading(region), numbering_of(number)
    at_home = (numbering.national, numbering.trunk + numbering.national)
    for own in (number, f"00{number}", *at_home):
        assert mask.plain(text.format(own)) == text.format(mask.zeros)
        if region or own not in at_home:
            assert number in numbers_in(msgspec.json.encode([text.format(own)]).decode(), region)


CODES = (34, 39, 43, 49, 52, 62, 86, 352, 381, 888)


@for_each(list(product(("919900112233", "33612345678", "14792345678", "4915112345678", "4792345678"), CODES)))
def test_a_figure_before_digits_as_they_are_to_be_sent_is_no_country_code(case: tuple[str, int]) -> None:
    number, figure = case
    mask, text = NumberMask(PhoneNumber(number)).reading(""), f"Flat {figure} {number}"
    assert mask.plain(text) == f"Flat {figure} {mask.zeros}"


@pytest.mark.parametrize("own", ["13912345678", "13012345678"])
@pytest.mark.parametrize("figure", ["00 ", "00 / ", "00.05 "])
def test_two_zeros_that_are_a_group_are_a_figure_where_no_country_code_is_one(figure: str, own: str) -> None:
    mask = NumberMask(PhoneNumber(f"86{own}")).reading("CN")
    assert mask.plain(f"{figure}{own}") == f"{figure}{mask.zeros}"


@for_each(
    [
        ("4331113141", "AT", "01 3111 3141"),
        ("4331113141", "AT", "01/31113141"),
        ("4331113141", "AT", "01/31 11 31 41"),
        ("4331113141", "AT", "01-2 6 31113141"),
        ("4331113141", "AT", "(01) 31113141"),
        ("4331113141", "AT", "(0)1 31113141"),
        ("4331113141", "AT", "0 1 31113141"),
        ("4631123456", "SE", "08-311 234 56"),
        ("6064129926", "MY", "03-6412 9926"),
        ("88654262642", "TW", "(02) 5426-2642"),
        ("95251472743", "MM", "09 251 472 743"),
    ],
)
def test_zero_and_a_digit_are_no_figure_where_that_is_an_area_or_begins_mobiles(case: tuple[str, str, str]) -> None:
    number, region, other = case
    assert is_valid(number)
    mask = NumberMask(PhoneNumber(number)).reading(region)
    for text in (other, f"call {other} now", f"Flat 4 {other}"):
        assert mask.plain(text) == text
        assert not re.search("[1-9]", of_text(text, mask).replace("Flat 4", ""))
    assert mask.plain(f"05.08. {number}") == f"05.08. {mask.zeros}"


async def test_behind_figures_a_number_is_erased_from_files_and_records_and_both_are_exported(deps: Deps) -> None:
    await put_old(deps, IN_FILES, "IN")
    records = [text.format("919900112233") for text in (*IN_RECORDS, "Flat 49 {}")]
    for text in records:
        await put_faulty(deps, msgspec.json.encode({"receiver": text, "call_reason": "Your loan"}).decode())
    tables = (await exported(deps))["tables"]
    assert [len(part["rows"]) for part in tables["upload_part"]] == [len(IN_FILES)] * 2
    assert [one["submitted"]["call_reason"] for one in tables["call_record"]] == ["Your loan"] * len(records)
    await erased(deps)
    assert "00112233" not in await sent_texts(deps)
    assert (await exported(deps))["tables"] == {}


@for_each(
    [
        ("4930123456", "DE", "0176 30123456"),
        ("4930123456", "DE", "Flat 4 0176 30123456"),
        ("33612345678", "FR", "Flat 4 0034 612345678"),
        ("33612345678", "FR", "Flat 4 00 34 612345678"),
        ("8613012345678", "CN", "00 1 301 234 5678"),
        ("3312345678", "FR", "06 12345678"),
        ("33612345678", "FR", "Flat 4 +34 612345678"),
        ("33612345678", "", "34 612 345 678"),
        ("33612345678", "", "39 0612345678"),
        ("6590011223", "", "00 91 6590011223"),
        ("6590011223", "", "00-91-6590011223"),
        ("6590011223", "", "(00) 91 / 6590011223"),
        ("6590011223", "SG", "00 91 6590011223"),
        ("6590011223", "US", "011 91 6590011223"),
        ("6590011223", "CA", "Flat 4 011-91-6590011223"),
        ("6590011223", "US", "01191 6590011223"),
        ("6590011223", "CU", "119 91 6590011223"),
        ("6590011223", "AU", "Flat 4 0011 91 6590011223"),
        ("6590011223", "FI", "Flat 4 990 91 6590011223"),
        ("14792345678", "US", "011 49 4792345678"),
        ("4792345678", "", "00 1 4792345678"),
        ("4792345678", "", "Flat 4 00 1 4792345678"),
        ("4792345678", "US", "1-479-234-5678"),
        ("4792345678", "US", "Flat 4 (479) 234-5678"),
        ("4792345678", "US", "Flat 4 1 479 234 5678"),
    ],
)
def test_another_number_that_ends_as_the_number_does_stays_behind_a_figure_too(case: tuple[str, str, str]) -> None:
    number, region, other = case
    mask = NumberMask(PhoneNumber(number)).reading(region)
    assert mask.plain(f"{other}, +{number}") == f"{other}, +{mask.zeros}"
    zeros = re.sub("[0-9]", "0", other.removeprefix("Flat 4"))
    assert of_text(f"{other}, +{number}", mask).endswith(f"{zeros}, +{number}")


EXTENSIONS = ("-78", " 78", " - 78", "/78", " / 78", "-7-8", "-78, at home", "-78-123456789")


@for_each(list(product(EXTENSIONS, ("", "DE"))))
def test_a_number_with_an_extension_is_erased_and_not_exported(case: tuple[str, str]) -> None:
    behind, region = case
    mask = NumberMask(PhoneNumber("4930123456")).reading(region)
    for own, zeros in (
        ("+49 30 123456", f"+{mask.zeros}"),
        *([("Tel. 030/123456", f"Tel. {mask.zeros}")] * bool(region)),
    ):
        assert mask.plain(own + behind) == zeros + behind
        assert not re.search("[1-9]", of_text(own + behind, mask).removesuffix(", at home"))


@pytest.mark.parametrize("behind", [" 06 11 11 11 11", " / +49 30 123457", ", 78", " (home)", "; 30", " today"])
def test_what_stands_behind_a_number_and_continues_it_nowhere_hides_it_not(behind: str) -> None:
    mask = NumberMask(PhoneNumber("33612345678")).reading("FR")
    for own in ("+33 6 12 34 56 78", "06 12 34 56 78", "0033 612345678"):
        assert of_text(own + behind, mask).startswith(own)


TWOS, THREES = "(?<=[0-9])(?=(?:[0-9]{2})*[0-9]{3}$)", "(?<=[0-9])(?=(?:[0-9]{3})+$)"


@pytest.mark.parametrize("text", ["{}", "call {}, please"])
@pytest.mark.parametrize("between", [TWOS, THREES], ids=["twos", "threes"])
@pytest.mark.parametrize("divider", [",", "'", "\u2019", "\u066c"])
def test_figures_with_thousands_are_judged_as_the_number_that_they_write(divider: str, between: str, text: str) -> None:
    for number, region, digits in (("6590011223", "IN", "6590011223"), ("4792345678", "US", "4792345678")):
        mask, other = NumberMask(PhoneNumber(number)).reading(region), re.sub(between, divider, digits)
        hidden = text.format(re.sub("[0-9]", "0", other))
        assert (mask.plain(text.format(other)), of_text(text.format(other), mask)) == (text.format(other), hidden)
    for number, region, digits in (("919900112233", "IN", "9900112233"), ("919900112233", "US", "919900112233")):
        mask, own = NumberMask(PhoneNumber(number)).reading(region), text.format(re.sub(between, divider, digits))
        assert (mask.plain(own), of_text(own, mask)) == (text.format(mask.zeros), own)
    mask, other = NumberMask(PhoneNumber("14792345678")).reading(""), re.sub(between, divider, "4792345678")
    assert re.fullmatch("[^1-9]*", of_text(text.format(other), mask))


@pytest.mark.parametrize(("region", "before"), [("US", "011"), ("US", "Flat 4 011"), ("FI", "990")])
def test_a_number_in_a_text_is_found_behind_a_prefix_of_the_country_for_abroad(region: str, before: str) -> None:
    mask = NumberMask(PhoneNumber("4792345678")).reading(region)
    assert mask.plain(f"call {before} 47 92345678") == f"call {before} {mask.zeros}"


@pytest.mark.parametrize(
    ("number", "region", "figure", "own"),
    [
        ("3584571234567", "FI", "990", "4571234567"),
        ("79123456789", "RU", "8101", "9123456789"),
        ("2482510123", "SC", "011", "2482510123"),
    ],
)
def test_such_a_prefix_is_a_figure_where_no_country_code_stands_behind_it(
    number: str, region: str, figure: str, own: str
) -> None:
    mask = NumberMask(PhoneNumber(number)).reading(region)
    assert mask.plain(f"{figure} {own}") == f"{figure} {mask.zeros}"


@pytest.mark.parametrize(
    ("number", "region", "text"),
    [
        ("919900112233", "IN", "called 10:30 9900112233"),
        ("33612345678", "", "4 33612345678"),
        ("33612345678", "", "at 10:34 612345678"),
        ("14792345678", "", "4792345678"),
    ],
)
def test_what_may_be_another_number_is_erased_and_not_exported(number: str, region: str, text: str) -> None:
    mask = NumberMask(PhoneNumber(number)).reading(region)
    assert mask.plain(text) != text
    assert not re.search("[1-9][0-9]{6}", of_text(text, mask))
    assert of_text(f"of {number}", mask) == f"of {number}"


@pytest.mark.parametrize("shown", [4792345678, 4792345678.0, -4792345678, "4792345678"])
def test_what_may_be_another_number_is_not_exported_from_json_as_a_number_either(shown: float | str) -> None:
    record, hidden = {"receiver": shown, "call_reason": "Loan"}, "0000000000" if isinstance(shown, str) else 0
    assert of_json(record, NumberMask(PhoneNumber("14792345678")).reading("")) == record | {"receiver": hidden}
    assert of_json(record, NumberMask(PhoneNumber("4792345678")).reading("NO")) == record


def numbers_of(region: str) -> list[str]:
    """Valid numbers of a country, of a mobile and of another line."""
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    found = (phonenumbers.example_number_for_type(region, kind) for kind in kinds)
    digits = (phonenumbers.format_number(one, phonenumbers.PhoneNumberFormat.E164)[1:] for one in found if one)
    return [number for number in digits if parse_digits(number)]


NUMBERS = [(number, region) for region in sorted(phonenumbers.SUPPORTED_REGIONS) for number in numbers_of(region)]
FIGURES = st.one_of(
    st.integers(1, 9999).map(str),
    st.integers(0, 99).map("{:02}".format),
    st.builds("{:02}{}{:02}".format, st.integers(0, 31), st.sampled_from([".", "-", "/"]), st.integers(1, 12)),
    st.builds("0{}{}{}".format, st.integers(1, 9), st.sampled_from([".", "-", "/"]), st.integers(1, 99)),
    st.builds("{}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
    st.builds("{}{}{:02}".format, st.integers(0, 99), st.sampled_from(",."), st.integers(0, 99)),
    st.builds("{}-{}".format, st.integers(1, 99), st.integers(1, 99)),
)
DIVIDERS = [" ", " - ", " / ", ") ", ". ", "-", "/", ", ", ": ", " \u2013 "]


def is_abroad(figure: str, own: str) -> bool:
    """Whether the figure is the country code of another number, as `34 612345678`."""
    read = read_phone(f"{figure} {own}")
    code = numbering_of(read).code if isinstance(read, str) and is_valid(read) else ""
    return len(code) in accumulate(map(len, re.findall("[0-9]+", figure)))


def is_area(figure: str, own: str, region: str) -> bool:
    """Whether the figure is how a number begins in the country, as `08-311 234 56` in Sweden."""
    read = read_phone(f"{figure} {own}", region)
    return isinstance(read, str) and is_valid(read) and figure == f"0{one_digit_in(read)}"


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str, str]:
    """A number, the country of a text or none, and how the text writes the number."""
    number, region = draw(st.sampled_from(NUMBERS))
    one = numbering_of(number)
    ways = (number, f"+{number}", f"00{number}", one.national, one.trunk + one.national)
    return number, draw(st.sampled_from([region, ""])), draw(st.sampled_from(ways))


@given(written(), FIGURES, st.sampled_from(DIVIDERS))
@settings(max_examples=300)
def test_a_number_of_any_country_is_erased_behind_any_short_figure(
    drawn: tuple[str, str, str], figure: str, divider: str
) -> None:
    number, region, own = drawn
    assume(region or own.removeprefix("00").removeprefix("+") == number or not is_abroad(figure, own))
    assume(not region or not is_area(figure, own, region))
    mask = NumberMask(PhoneNumber(number)).reading(region)
    assert own not in str(mask.plain(f"{figure}{divider}{own}"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are read as one number."""
    texts: list[str] = []

    def noted(text: str, region: str = "") -> object:
        texts.append(text)
        return read_phone(text, region)

    monkeypatch.setattr(spellings, "read_phone", noted)
    return texts


@pytest.mark.parametrize("before", ["0 ", "09 ", "0 1 "])
def test_digits_around_a_number_that_no_number_has_are_not_read_with_it(before: str, read: list[str]) -> None:
    mask = NumberMask(PhoneNumber("919900112233")).reading("DE")
    mask.places(f"{before * 15}919900112233{'/1' * 8}, ", only_sure=True)
    assert len(read) <= 50


def test_digits_in_a_text_are_read_once_with_the_country_and_once_without(read: list[str]) -> None:
    digits = str(7**70)
    numbers_in(msgspec.json.encode([" ".join(digits)]).decode(), "IN")
    ends = 16  # of what may begin at each digit: behind its fourth to its nineteenth
    assert len(read) <= 2 * ends * len(digits)
