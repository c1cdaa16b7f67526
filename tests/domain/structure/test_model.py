"""The pure rules of structure: names, the wording of call reasons, what an error says is still there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmark.domain.structure.call_reason import (
    EDGE_IN_REASON,
    FORBIDDEN_IN_REASON,
    ReasonFault,
    library_text,
    reason_fault,
)
from callmark.domain.structure.catalogue import CATALOGUE, catalogue_entry, catalogue_entry_named, operation_name
from callmark.domain.structure.model import alike, description_text, node_name, refuse_full, told
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.text import is_showable


def test_the_catalogue_is_in_order_and_each_entry_has_its_id_and_name_alone() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert names == sorted(names)
    assert len({entry.id for entry in CATALOGUE}) == len({name.casefold() for name in names}) == len(CATALOGUE) >= 25
    for entry in CATALOGUE:
        assert catalogue_entry(entry.id) == catalogue_entry_named(f" {entry.name.upper()} ") == entry
        assert operation_name(entry.id) == entry.name


def test_the_ids_of_the_catalogue_are_for_ever() -> None:
    assert str(catalogue_entry_named("Delivery").id) == "ca110000-0000-4000-8000-000000000008"
    assert str(catalogue_entry_named("Sales").id) == "ca110000-0000-4000-8000-000000000026"


def test_what_is_not_in_the_catalogue_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'Smuggling'"):
        catalogue_entry_named("Smuggling")


@pytest.mark.parametrize(
    "text", ["Your order", "x" * 100, "Ihre Bestellung; wann?", "आपका पार्सल आज आएगा", "one.two,three-4"]
)
def test_a_call_reason_of_the_rules_is_kept_as_it_is(text: str) -> None:
    assert library_text(text) == text


@given(st.text(max_size=110))
def test_a_call_reason_is_judged_by_length_then_characters(text: str) -> None:
    expected = None
    if not 10 <= len(text) <= 100:
        expected = ReasonFault.LENGTH
    elif FORBIDDEN_IN_REASON & set(text) or {text[0], text[-1]} & EDGE_IN_REASON or not is_showable(text):
        expected = ReasonFault.CHARACTERS
    assert reason_fault(text) is expected


@pytest.mark.parametrize(
    "text", ["two lines\nof text", "half a \ud800 character", " Your order", "Your order.", "50% off today"]
)
def test_a_call_reason_against_the_rules_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        library_text(text)


def test_names_are_trimmed_and_bounded() -> None:
    assert node_name("  Retail ", "department") == "Retail"
    assert node_name("x" * 100, "department") == "x" * 100
    with pytest.raises(InvalidInput, match="department name is required"):
        node_name("  ", "department")
    with pytest.raises(InvalidInput, match="process name must be at most 100 characters"):
        node_name("x" * 101, "process")


def test_a_description_may_be_empty_and_has_a_longest() -> None:
    assert description_text("  ") == ""
    assert description_text(" For parcels ") == "For parcels"
    with pytest.raises(InvalidInput, match="at most 500"):
        description_text("x" * 501)


def test_names_are_the_same_in_any_spelling_of_case() -> None:
    assert alike("ÉCOLE", "école")
    assert alike("Straße", "STRASSE")
    assert not alike("Retail", "Retail 2")


def test_an_error_says_what_is_still_there_and_how_much_more() -> None:
    assert told("operation", ["Sales"]) == "the operation 'Sales'"
    assert told("process", ["a", "b", "c"]) == "the processes 'a', 'b', 'c'"
    assert told("feature set", list("abcde")) == "the feature sets 'a', 'b', 'c' and 2 more"
    refuse_full("process", ("sub-process", []), ("feature set", []))
    with pytest.raises(Conflict, match="this process still contains the sub-process 'a' and the feature set 'b'"):
        refuse_full("process", ("sub-process", ["a"]), ("feature set", ["b"]))
