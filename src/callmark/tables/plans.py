"""What the number plans of `phonenumbers` know about a number that has its country code, and about countries.

Without that package, an extra, nothing is known, and each function says what it gives then.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_ALONE_BEHIND_ZERO = re.compile(r"\(?0([1-9])(?![0-9])")

_OF_NO_COUNTRY = ("870", "881", "882", "883", "979")
"""Source: ITU-T E.164 (list of assigned country codes): satellites, networks, and premium rate of the whole world."""


class Numbering(Struct, frozen=True):
    """A number in parts: country code and the rest; the country, and what is dialled there before the rest.

    All but `national` are empty for a number of no known plan.
    """

    national: str
    code: str = ""
    region: str = ""
    trunk: str = ""


@lru_cache(maxsize=1024)
def numbering_of(number: str) -> Numbering:
    """The parts of a number that has its country code."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return Numbering(number)
    found = _parsed(number)
    if found is None:
        return Numbering(number)
    national: str = phonenumbers.national_significant_number(found)
    code = str(found.country_code)
    if code + national != number:
        return Numbering(number)
    region = str(phonenumbers.region_code_for_number(found) or region_of(code))
    return Numbering(national, code, region, phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or "")


@lru_cache(maxsize=512)
def code_in(region: str) -> str:
    """The country code of a country; empty without the plans."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return ""
    return str(phonenumbers.country_code_for_region(region))


@lru_cache(maxsize=512)
def trunk_in(region: str) -> str:
    """What is dialled within a country before a number; empty where nothing is, and without the plans."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return ""
    return phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""


def abroad_in(region: str) -> str:
    """The pattern of what is dialled within a country before numbers of others; `00` without the plans."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return "00"
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region)
    return (plan.international_prefix if plan else None) or "00"


def has_plan(number: str) -> bool:
    """Whether a number's length is possible in the country that it begins with; in any, without the plans."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return True
    found = _parsed(number)
    possible = phonenumbers.ValidationResult.IS_POSSIBLE
    return found is not None and phonenumbers.is_possible_number_with_reason(found) == possible


def fits_country(number: str) -> bool:
    """Whether a number is one of a plan, without what is dialled only within its country, as the 0 of 44 (0) 20."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return True
    found = _parsed(number) if has_plan(number) else None
    return found is not None and phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164) == f"+{number}"


def country_hint(*numbers: str | None) -> str:
    """A sentence about those of the numbers that fit no country, which is no fault of theirs; empty for none."""
    strange = [f"+{number}" for number in numbers if number and not fits_country(number)]
    if not strange:
        return ""
    if len(strange) == 1:
        return f"{strange[0]} fits no country: its country code may be missing."
    return f"{' and '.join(strange)} fit no country: their country codes may be missing."


def is_valid(number: str) -> bool:
    """Whether the plan of its country has a number's digits, not its length alone; no, without the plans."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return False
    found = _parsed(number)
    return found is not None and phonenumbers.is_valid_number(found)


def is_of_no_country(number: str) -> bool:
    """Whether a number has a country code of satellites, networks or services of the whole world that callers pay for.

    Codes that are free or cost what a local call does, such as 800, are none of these. Known also without the plans.
    """
    return number.startswith(_OF_NO_COUNTRY)


def is_premium(number: str) -> bool:
    """Whether the plan of its country says that who calls a number pays more; no, without the plans."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return False
    found = _parsed(number)
    return found is not None and phonenumbers.number_type(found) == phonenumbers.PhoneNumberType.PREMIUM_RATE


def one_digit_in(number: str) -> str:
    """The first digit where the country writes it alone behind a 0, as 1 in `01 3111 3141`; otherwise empty.

    It is an area, such as Vienna, or what mobiles begin with, such as 9 in Myanmar.
    """
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return ""
    found = _parsed(number)
    if found is None:
        return ""
    shown = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.NATIONAL)
    if written := _ALONE_BEHIND_ZERO.match(shown):
        return written[1]
    is_area = phonenumbers.length_of_geographical_area_code(found) == 1
    return phonenumbers.national_significant_number(found)[0] if is_area else ""


def region_of(country: str) -> str:
    """The first country that has a country code. It needs the plans."""
    import phonenumbers

    return str(phonenumbers.region_code_for_country_code(int(country)))


def _parsed(number: str) -> "PhoneNumber | None":
    import phonenumbers

    try:
        return phonenumbers.parse(f"+{number}", None)
    except phonenumbers.NumberParseException:
        return None
