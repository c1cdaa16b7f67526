"""A call record's fields have the same names, and the same order, wherever values of one are held."""

import msgspec
import pytest

from callmark.client.cli.reading import SYNONYMS, FileField, FileTexts
from callmark.client.cli.validation import FILE_FIELDS
from callmark.client.options import Generation
from callmark.client.records import FIELDS, CallRecord, wire_record
from callmark.domain.personalisation.uploads.model import RowTexts, UploadRow
from callmark.domain.persons.masking import NumberMask
from callmark.kit.phone import PhoneNumber
from callmark.record_rules.columns import COLUMNS
from callmark.record_rules.fields import Field, NewRecord
from callmark.surfaces.console import display_names
from callmark.surfaces.console.push import FORM_FIELDS

EVERY = tuple(Field)
NUMBER = PhoneNumber("918040001234")


def test_values_are_held_under_the_names_of_the_fields_in_their_order() -> None:
    assert NewRecord._fields == RowTexts._fields == EVERY
    assert FileTexts._fields == tuple(FileField)
    assert tuple(FileField) == FIELDS


def test_every_field_has_its_columns_its_name_for_people_and_its_place_in_a_form() -> None:
    assert tuple(COLUMNS) == tuple(display_names.FIELDS) == tuple(FORM_FIELDS) == tuple(FILE_FIELDS) == EVERY
    assert tuple(SYNONYMS) == tuple(FileField)


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_the_client_sends_every_field_that_is_set(generation: Generation) -> None:
    every = CallRecord("91804", "91990", "label", "Acme", "why", starts_at=1, ends_at=2)
    assert [name for name in FIELDS if getattr(every, name) is None] == ["expires_in"]
    assert len(wire_record(every, generation, 0)) == len(FIELDS) - 1


def test_the_first_value_of_a_stored_row_is_the_callers_number_which_stays_when_a_person_is_erased() -> None:
    row = UploadRow(2, RowTexts(caller=NUMBER, receiver=NUMBER))
    masked = NumberMask(NUMBER, keeps_business=True).json(msgspec.json.encode(row).decode())
    assert msgspec.json.decode(masked, type=UploadRow).values == RowTexts(caller=NUMBER, receiver="0" * len(NUMBER))
