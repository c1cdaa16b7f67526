"""Which column of a file has the receivers: by the best name, and none where two could have them."""

import pytest

from callmark.record_rules.columns import COLUMNS, NOWHERE, RowReader, by_names, unused_columns
from callmark.record_rules.fields import Field
from callmark.tables.columns import key
from callmark.tables.formulas import guarded
from callmark.tables.model import Table
from callmark.tables.reader import read_table

KNOWN = {key(name) for names in COLUMNS.values() for name in names}
PHONE, OTHER_PHONE, PLACE, ID = "919900000001", "919900000011", "Pune", "918040001234"
"""An id that could be a number: only its column's name says that it is none."""


def table(*columns: tuple[str, str]) -> Table:
    lines = [",".join(name for name, _ in columns), *[",".join(value for _, value in columns)] * 2]
    return read_table("\n".join(lines).encode(), lambda name: 2 if key(name) in KNOWN else 0)


def receivers(found: Table) -> str:
    place = by_names(found, COLUMNS, Field.RECEIVER)[Field.RECEIVER]
    return "" if place == NOWHERE else found.name(place)


@pytest.mark.parametrize("weak", ["Customer Number", "Number", "To", "Flight Number"])
@pytest.mark.parametrize("phone", ["Phone", "Mobile Phone", "Contact Phone", "Telefon", "Phone 1 - Value", "電話番号"])
def test_a_column_that_says_phone_comes_before_one_that_may_have_ids(weak: str, phone: str) -> None:
    found = table((weak, ID), ("Name", "Asha"), (phone, PHONE))
    assert receivers(found) == phone
    assert receivers(table((weak, PHONE), ("Place", PLACE))) == weak


def test_a_name_that_says_whose_number_it_is_comes_first() -> None:
    assert receivers(table(("Phone", OTHER_PHONE), ("Mobile", OTHER_PHONE), ("Recipient Number", PHONE))) == (
        "Recipient Number"
    )
    assert receivers(table(("Recipient", "Asha"), ("receiver_number", PHONE))) == "receiver_number"


@pytest.mark.parametrize("names", [("Phone", "Mobile"), ("Phone", "Phone"), ("Number", "To"), ("Telefon", "Handy")])
def test_of_two_columns_that_could_have_the_receivers_none_is_chosen(names: tuple[str, str]) -> None:
    one, two = names
    found = table((one, PHONE), (two, OTHER_PHONE))
    assert receivers(found) == ""
    columns = by_names(found, COLUMNS, Field.RECEIVER)
    assert [(other.name, other.meant) for other in unused_columns(found, columns, COLUMNS)] == [(one, ""), (two, "")]
    assert receivers(table((one, PHONE), (two, ""))) == one
    assert by_names(found, COLUMNS, Field.RECEIVER, chosen=[0])[Field.RECEIVER] == 1


def test_a_callers_number_is_never_taken_for_a_receivers() -> None:
    assert receivers(table(("Caller", ID), ("DID", ID), ("Phone", PHONE))) == "Phone"
    assert receivers(table(("Caller", ID), ("DID", ID))) == ""
    found = table(("From", "2026-01-31"), ("Caller ID", ID), ("Number", PHONE))
    assert by_names(found, COLUMNS, Field.RECEIVER)[Field.CALLER] == 1


@pytest.mark.parametrize(
    "name",
    [
        *("@home", "+Plus Service", "=Acme=", "-50 % Sale", "Acme", "'Acme'", "'t Hart", "-5"),
        *("Sale;+50 %", "@home;=Acme;@work", 'Acme;"=1"', "Acme;'t Hart", "Acme; '=1", "Acme;-5"),
        *("\uff1dAcme", "\uff20home", "\uff0bPlus", "\uff0d50 %", "Sale;\uff1d1", "Sale;\u00a0=1", "A;\u3000\uff20b"),
    ],
)
def test_a_name_of_results_that_are_sent_again_is_the_same(name: str) -> None:
    quoted = guarded(name).replace('"', '""')
    text = f'receiver,label_name\n918040005001,"{quoted}"\n'
    found = read_table(text.encode(), lambda _: 2)
    row_reader = RowReader.of(found, [0, 1], 0, "", 100)
    assert row_reader.values(found.lines[0]) == ["918040005001", name]
