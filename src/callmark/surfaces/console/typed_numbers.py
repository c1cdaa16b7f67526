"""What pages say of a text that people typed as a number and that is none."""

from callmark.kit.phone import parse_digits, without_separators
from callmark.record_rules.fields import Fault, Field
from callmark.surfaces.console import display_names
from callmark.tables.plans import fits_country

_WRITTEN_SO = "such as +91 80 4000 1234"


def lacks_code(text: str) -> bool:
    """Whether a text begins as numbers are dialled within a country, with one 0."""
    digits = without_separators(text)
    return digits.isdigit() and digits.startswith("0") and not digits.startswith("00")


def why_no_number(what: str, text: str) -> str:
    """A text that gives no number, as a sentence that begins with `what` it should be."""
    if lacks_code(text):
        return f"{what} starts with 0. Write it with its country code, {_WRITTEN_SO}"
    number = parse_digits(without_separators(text))
    if number and not fits_country(number):  # with separators it is read only where it fits one
        return f"{what} fits no country. Write it with its country code, {_WRITTEN_SO}"
    return f"{what} {display_names.FAULTS[Fault.PHONE]}"


def fault(field: Field, what: Fault, text: str) -> str:
    """A fault of a record that was typed."""
    return why_no_number(display_names.FIELDS[field], text) if what is Fault.PHONE else display_names.fault(field, what)
